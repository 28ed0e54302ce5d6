//! What a network is trained for: a weighted sum of registered terms.
//!
//! A term is one file that implements `TermOptions` and `Term`, and one line of `registry.rs`.

mod batch;
mod bucket_residual;
mod by_arm;
mod by_replicate;
mod cascade;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod checks;
mod closed_form;
mod distillation;
mod exp_ltv;
#[cfg(test)]
mod findings;
#[cfg(test)]
mod fixtures;
mod focal;
mod huber;
mod hurdle;
mod listwise;
mod log1p;
mod mmd;
mod mse;
mod opt_dist;
mod parts;
mod poisson;
mod propensity;
mod ranking;
mod registry;
mod response_ranking;
mod robinson;
mod sinkhorn;
mod sub_distributions;
mod targeted;
#[cfg(test)]
mod towers_checks;
mod tweedie;
mod unit;
mod whales;
mod ziln;

pub use batch::{Batch, Labels, Prediction};
pub use bucket_residual::{BucketResidualSpec, ResidualError};
pub use cascade::{BucketLikelihoodSpec, CascadeSpec, ExceedanceSpec, RiskSets};
pub use distillation::{DistillationSpec, Shares};
pub use exp_ltv::{MixedZilnSpec, WhaleDetectionSpec};
pub use huber::HuberSpec;
pub use hurdle::{BuyersError, BuyersSpec, FocalPurchaseSpec, PurchaseSpec};
pub use listwise::{ListwiseSpec, Over};
pub use log1p::Log1pErrorSpec;
pub use mmd::MmdSpec;
pub use mse::MseSpec;
pub use opt_dist::{AlignmentSpec, ChosenZilnSpec, DiversitySpec};
pub use parts::{Balanced, PartsSpec};
pub use propensity::PropensitySpec;
pub use ranking::{Label, Link, PairWeight, RankingSpec, Reduction, Score};
pub use registry::TermKind;
pub use response_ranking::{CrossGroupSpec, PairReduction, WithinGroupSpec};
pub use robinson::{MarginalSpec, RobinsonSpec};
pub use sinkhorn::SinkhornSpec;
pub use sub_distributions::SubDistributionsSpec;
pub use targeted::TargetedSpec;
pub use tweedie::TweedieSpec;
pub use unit::{NamedUnit, Unit};
pub use whales::WhalesSpec;
pub use ziln::{FocalZilnSpec, ZilnSpec};

use crate::nets::{
    Abilities, Augmentation, Distillation, HeadSpec, NetworkSpec, OrdinalKind, OutcomeSummary, Residual,
    Structure, TowersSpec,
};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::input_error;
use valor_base::question::Question;

/// One term of an objective.
pub trait Term: Send {
    /// The loss of each replicate, `[S]`: differentiable with respect to the prediction, and a function of
    /// that replicate's rows alone.
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor;

    /// Whether it looks at outputs of the arm that was not observed. A network may leave those out if no term does.
    fn needs_both_arms(&self) -> bool {
        true
    }
}

/// Options of a term, as files spell them.
pub trait TermOptions {
    /// The term itself. An error where the network lacks what the term needs.
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>>;

    /// Refuses options out of range; messages start with the term's name and the key.
    fn validate(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// The label that ranking compares, where the term ranks.
    fn label(&self) -> Option<Label> {
        None
    }
}

/// A loss term with its weight and options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TermSpec {
    /// Factor in the total; finite.
    #[serde(default = "one")]
    pub weight: f64,
    /// Which term.
    pub term: TermKind,
}

fn one() -> f64 {
    1.0
}

impl TermSpec {
    /// A term with a weight.
    pub fn new(weight: f64, term: TermKind) -> Self {
        Self { weight, term }
    }
}

/// What terms may know of the training rows and the network.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The network's head.
    pub head: HeadSpec,
    /// The network's backbone, for messages.
    pub backbone: &'static str,
    /// What the network answers.
    pub question: Question,
    /// What the network offers besides its heads.
    pub abilities: Abilities,
    /// Outcomes of the training rows.
    pub summary: OutcomeSummary,
    /// Rows per step.
    pub batch: usize,
}

impl Setting {
    /// Training of a network on rows of which `summary` is known, so many per step.
    pub fn new(network: &NetworkSpec, summary: OutcomeSummary, batch: usize) -> Self {
        let (head, backbone) = (network.head.clone(), &network.backbone);
        let (question, abilities) = (backbone.question(), backbone.abilities());
        Self { head, backbone: backbone.name(), question, abilities, summary, batch }
    }

    fn needs_ziln(&self, term: &str) -> anyhow::Result<()> {
        if let HeadSpec::Ziln { .. } = self.head {
            return Ok(());
        }
        Err(input_error!(
            "term '{term}' needs a ziln head (conversion, log-mean, log-scale); found a {} head",
            self.head.name()
        ))
    }

    fn needs_positive(&self, term: &str) -> anyhow::Result<()> {
        match self.head {
            HeadSpec::Ziln { .. } | HeadSpec::Log => Ok(()),
            HeadSpec::Point
            | HeadSpec::Log1p(_)
            | HeadSpec::Mdme(_)
            | HeadSpec::Ordinal(_)
            | HeadSpec::CcOr(_)
            | HeadSpec::Towers(_) => Err(input_error!(
                "term '{term}' needs a head with a positive expectation (log, ziln); found a {} head",
                self.head.name()
            )),
        }
    }

    /// Conditional exceedances: cc-or's cascade, CORN.
    fn needs_conditionals(&self, term: &str) -> anyhow::Result<()> {
        let has = match &self.head {
            HeadSpec::CcOr(spec) => spec.structure == Structure::Cascade,
            HeadSpec::Ordinal(spec) => spec.kind == OrdinalKind::Corn,
            HeadSpec::Point
            | HeadSpec::Log
            | HeadSpec::Ziln { .. }
            | HeadSpec::Log1p(_)
            | HeadSpec::Mdme(_)
            | HeadSpec::Towers(_) => false,
        };
        self.needs_head(term, has, "a corn head, or a cc-or head with structure = \"cascade\"")
    }

    /// Exceedances by themselves: CORAL, OR-CNN.
    fn needs_exceedances(&self, term: &str) -> anyhow::Result<()> {
        let has = match &self.head {
            HeadSpec::Ordinal(spec) => matches!(spec.kind, OrdinalKind::Coral | OrdinalKind::OrCnn),
            HeadSpec::Point
            | HeadSpec::Log
            | HeadSpec::Ziln { .. }
            | HeadSpec::Log1p(_)
            | HeadSpec::Mdme(_)
            | HeadSpec::CcOr(_)
            | HeadSpec::Towers(_) => false,
        };
        self.needs_head(term, has, "a coral or or-cnn head")
    }

    /// A law of the bucket that has a log.
    fn needs_log_law(&self, term: &str) -> anyhow::Result<()> {
        let has = match &self.head {
            HeadSpec::CcOr(_) => true,
            HeadSpec::Ordinal(spec) => matches!(spec.kind, OrdinalKind::Corn | OrdinalKind::Softmax),
            HeadSpec::Point
            | HeadSpec::Log
            | HeadSpec::Ziln { .. }
            | HeadSpec::Log1p(_)
            | HeadSpec::Mdme(_)
            | HeadSpec::Towers(_) => false,
        };
        self.needs_head(term, has, "a corn, softmax or cc-or head")
    }

    fn needs_distillation(&self, term: &str) -> anyhow::Result<()> {
        let has = matches!(&self.head, HeadSpec::CcOr(spec) if spec.distillation != Distillation::None);
        self.needs_head(term, has, "a cc-or head with 'distillation'")
    }

    fn needs_residual(&self, term: &str) -> anyhow::Result<()> {
        let has = matches!(&self.head, HeadSpec::CcOr(spec) if spec.residual != Residual::None);
        self.needs_head(term, has, "a cc-or head with 'residual'")
    }

    fn needs_whales(&self, term: &str) -> anyhow::Result<()> {
        let has = matches!(&self.head, HeadSpec::CcOr(spec) if spec.augmentation != Augmentation::None);
        self.needs_head(term, has, "a cc-or head with 'augmentation'")
    }

    fn needs_log1p(&self, term: &str) -> anyhow::Result<()> {
        self.needs_head(term, matches!(self.head, HeadSpec::Log1p(_)), "a log1p head")
    }

    fn needs_mdme(&self, term: &str) -> anyhow::Result<()> {
        self.needs_head(term, matches!(self.head, HeadSpec::Mdme(_)), "an mdme head")
    }

    fn needs_purchase(&self, term: &str) -> anyhow::Result<()> {
        let has = self.towers().is_some_and(|spec| {
            matches!(spec, TowersSpec::TwoStage(_) | TowersSpec::Mmoe(_) | TowersSpec::ExpLtv(_))
        });
        self.needs_head(term, has, "a two-stage, mmoe or exp-ltv head")
    }

    fn needs_hurdle(&self, term: &str) -> anyhow::Result<()> {
        let has =
            self.towers().is_some_and(|spec| matches!(spec, TowersSpec::TwoStage(_) | TowersSpec::Mmoe(_)));
        self.needs_head(term, has, "a two-stage or mmoe head")
    }

    fn needs_exp_ltv(&self, term: &str) -> anyhow::Result<()> {
        let has = matches!(self.towers(), Some(TowersSpec::ExpLtv(_)));
        self.needs_head(term, has, "an exp-ltv head")
    }

    fn needs_opt_dist(&self, term: &str) -> anyhow::Result<()> {
        let has = matches!(self.towers(), Some(TowersSpec::OptDist(_)));
        self.needs_head(term, has, "an opt-dist head")
    }

    fn towers(&self) -> Option<&TowersSpec> {
        match &self.head {
            HeadSpec::Towers(spec) => Some(spec),
            HeadSpec::Point | HeadSpec::Log | HeadSpec::Ziln { .. } | HeadSpec::Log1p(_) => None,
            HeadSpec::Mdme(_) | HeadSpec::Ordinal(_) | HeadSpec::CcOr(_) => None,
        }
    }

    fn needs_head(&self, term: &str, has: bool, what: &str) -> anyhow::Result<()> {
        if has {
            return Ok(());
        }
        Err(input_error!("term '{term}' needs {what}; found a {} head", self.head.name()))
    }

    /// Refuses networks of one arm; `term` compares arms.
    fn needs_treatment(&self, term: &str) -> anyhow::Result<()> {
        let has = self.question == Question::Uplift;
        self.needs(term, has, "learns from rows with a treatment, which it compares")
    }

    fn needs_propensity(&self, term: &str) -> anyhow::Result<()> {
        self.needs(term, self.abilities.propensity, "predicts the propensity: dragonnet, unite, efin")
    }

    fn needs_parts(&self, term: &str) -> anyhow::Result<()> {
        self.needs(term, self.abilities.parts, "is a sum of parts: deep-fm")
    }

    fn needs_epsilon(&self, term: &str) -> anyhow::Result<()> {
        self.needs(term, self.abilities.epsilon, "has targeted regularisation: dragonnet")
    }

    fn needs_representation(&self, term: &str) -> anyhow::Result<()> {
        let what = "has a representation that both arms share: tarnet, cfr-wass, cfr-mmd, dragonnet";
        self.needs(term, self.abilities.representation, what)
    }

    fn needs(&self, term: &str, has: bool, what: &str) -> anyhow::Result<()> {
        if has {
            return Ok(());
        }
        Err(input_error!("term '{term}' needs a backbone that {what}; found {}", self.backbone))
    }
}

struct Weighted {
    name: String,
    factor: f64,
    term: Box<dyn Term>,
}

/// Weighted terms.
pub struct Objective {
    terms: Vec<Weighted>,
}

impl Objective {
    /// Builds every term.
    ///
    /// # Errors
    ///
    /// Input errors where the network lacks what a term needs, or two terms rank by different labels.
    pub fn new(specs: &[TermSpec], setting: &Setting) -> anyhow::Result<Self> {
        ranking_label(specs)?;
        let mut terms: Vec<Weighted> = Vec::with_capacity(specs.len());
        for spec in specs {
            let same =
                specs[..terms.len()].iter().filter(|other| other.term.name() == spec.term.name()).count();
            let name = match same {
                0 => spec.term.name().to_string(),
                earlier => format!("{} {}", spec.term.name(), earlier + 1),
            };
            let term = spec.term.build(setting)?;
            if term.needs_both_arms() {
                setting.needs_treatment(spec.term.name())?;
            }
            terms.push(Weighted { name, factor: spec.weight, term });
        }
        if terms.is_empty() {
            return Err(input_error!("an objective needs at least one term"));
        }
        Ok(Self { terms })
    }

    /// Names of the terms, in order; a second one of a kind is numbered.
    pub fn names(&self) -> Vec<&str> {
        self.terms.iter().map(|weighted| weighted.name.as_str()).collect()
    }

    /// Whether any term looks at outputs of the arm that was not observed.
    pub fn needs_both_arms(&self) -> bool {
        self.terms.iter().any(|weighted| weighted.term.needs_both_arms())
    }

    /// The weighted total `[S]` and each term before its weight `[terms, S]`.
    pub fn loss(&self, batch: &Batch, prediction: &Prediction) -> (Tensor, Tensor) {
        let loss = |weighted: &Weighted| weighted.term.loss(batch, prediction);
        let losses: Vec<Tensor> = self.terms.iter().map(loss).collect();
        let mut total = Tensor::zeros_like(&losses[0]);
        for (weighted, loss) in self.terms.iter().zip(&losses) {
            total += loss * weighted.factor;
        }
        (total, Tensor::stack(&losses, 0).detach())
    }
}

/// The label that the ranking terms compare. Rows carry one, so all terms must agree.
pub fn ranking_label(specs: &[TermSpec]) -> anyhow::Result<Option<Label>> {
    let mut labels = specs.iter().filter_map(|spec| spec.term.label());
    let first = labels.next();
    match labels.find(|label| Some(*label) != first) {
        Some(_) => Err(input_error!("two ranking terms compare different labels; give them the same one")),
        None => Ok(first),
    }
}
