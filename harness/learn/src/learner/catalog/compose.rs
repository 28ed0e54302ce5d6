//! From a backbone and components, or an objective, to a method.

use super::options::OrdinalOptions;
use super::towers::answering;
use super::{BackboneRow, CHOOSING, Options, has};
use crate::learner::neural::Recalibration;
use crate::learner::{MethodSpec, NeuralSpec, TrainingSpec};
use crate::nets::{
    Augmentation, BackboneKind, CcOrSpec, Decoding, Distillation, FrontSpec, HeadSpec, MdmeSpec, NetworkSpec,
    OrdinalKind, OrdinalSpec, Residual, Structure,
};
use crate::objectives::{
    BucketLikelihoodSpec, CascadeSpec, CrossGroupSpec, ExceedanceSpec, ListwiseSpec, Log1pErrorSpec,
    MarginalSpec, MseSpec, Over, PairReduction, RiskSets, TermKind, TermSpec, Unit, WithinGroupSpec,
    ZilnSpec,
};
use serde::{Deserialize, Serialize};
use valor_base::input_error;
use valor_base::question::Question;

/// A composition of terms under a name.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectiveSpec {
    /// What tables call it.
    pub name: String,
    /// Its terms; weights are relative to an outcome loss without unit.
    pub terms: Vec<TermSpec>,
    /// What heads put out; the first that suits all terms when absent.
    pub head: Option<HeadKey>,
    /// Whether the backbone's own terms are added.
    pub backbone_terms: bool,
    /// What is done to conversion probabilities after training.
    pub recalibration: Option<Recalibration>,
}

/// Heads as objectives spell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKey {
    /// The expected outcome.
    Point,
    /// Its log.
    Log,
    /// Zero-inflated log-normal.
    Ziln,
    /// The log of the outcome and its unit.
    Log1p,
    /// Buckets: MDME's sub-distributions.
    Mdme,
    /// Buckets: one score and an offset per threshold.
    Coral,
    /// Buckets: conditional exceedances.
    Corn,
    /// Buckets: exceedances by themselves.
    OrCnn,
    /// Buckets: a softmax.
    Softmax,
    /// Buckets: CC-OR-Net's cascade and the value within.
    CcOr,
    /// Towers: a purchase and what a buyer spends.
    TwoStage,
    /// Towers: the same on experts.
    Mmoe,
    /// Towers: laws of whales and of others.
    ExpLtv,
    /// Towers: several laws and a choice.
    OptDist,
}

impl HeadKey {
    /// Its name in files.
    fn name(self) -> &'static str {
        match self {
            HeadKey::Point => "point",
            HeadKey::Log => "log",
            HeadKey::Ziln => "ziln",
            HeadKey::Log1p => "log1p",
            HeadKey::Mdme => "mdme",
            HeadKey::Coral => "coral",
            HeadKey::Corn => "corn",
            HeadKey::OrCnn => "or-cnn",
            HeadKey::Softmax => "softmax",
            HeadKey::CcOr => "cc-or",
            HeadKey::TwoStage => "two-stage",
            HeadKey::Mmoe => "mmoe",
            HeadKey::ExpLtv => "exp-ltv",
            HeadKey::OptDist => "opt-dist",
        }
    }

    fn spec(self, options: &Options, question: Question) -> HeadSpec {
        let ordinal = |kind| {
            let OrdinalOptions { buckets, decoding } = options.ordinal.clone();
            HeadSpec::Ordinal(OrdinalSpec { kind, buckets, decoding })
        };
        match self {
            HeadKey::Point => HeadSpec::Point,
            HeadKey::Log => HeadSpec::Log,
            HeadKey::Ziln => HeadSpec::Ziln { sigma_term: options.sigma_term },
            HeadKey::Log1p => HeadSpec::Log1p(options.log1p.clone()),
            HeadKey::Mdme => {
                let decoding = decoding(options.mdme.decoding, question);
                HeadSpec::Mdme(MdmeSpec { decoding, ..options.mdme.spec() })
            }
            HeadKey::Coral => ordinal(OrdinalKind::Coral),
            HeadKey::Corn => ordinal(OrdinalKind::Corn),
            HeadKey::OrCnn => ordinal(OrdinalKind::OrCnn),
            HeadKey::Softmax => ordinal(OrdinalKind::Softmax),
            HeadKey::TwoStage => answering(options.towers().two_stage().head, question),
            HeadKey::Mmoe => answering(options.towers().mmoe().head, question),
            HeadKey::ExpLtv => answering(options.towers().exp_ltv().head, question),
            HeadKey::OptDist => answering(options.towers().opt_dist().head, question),
            HeadKey::CcOr => {
                let decoding = decoding(options.cc_or.decoding, question);
                HeadSpec::CcOr(CcOrSpec { decoding, ..options.cc_or.clone() }.used())
            }
        }
    }
}

/// What treatment adds is a difference of expectations.
fn decoding(asked: Decoding, question: Question) -> Decoding {
    match question {
        Question::Uplift => Decoding::Soft,
        Question::Value => asked,
    }
}

/// The composition of components. What a method does not use is not in it, so that it changes no identity.
///
/// # Errors
///
/// Input errors that name the key under `model`, or the parts that do not go together.
pub fn compose(
    backbone: &BackboneRow,
    components: &[String],
    options: &Options,
    training: &TrainingSpec,
) -> anyhow::Result<MethodSpec> {
    options.validate().map_err(in_model)?;
    let rerum = has(components, "rerum") || has(components, "rerum-released");
    let ziln = has(components, "ziln") || rerum;
    let head = match (backbone.head, ziln) {
        (Some(head), _) => head,
        (None, true) => HeadKey::Ziln,
        (None, false) if has(components, "cc-or") => HeadKey::CcOr,
        (None, false) if has(components, "log1p") => HeadKey::Log1p,
        (None, false) if has(components, "tweedie") => HeadKey::Log,
        (None, false) => HeadKey::Point,
    };
    refuse_head_of_its_own(backbone, components)?;
    let kind = (backbone.kind)(options);
    let mut objective = match head {
        HeadKey::Point | HeadKey::Log | HeadKey::Ziln | HeadKey::Log1p => {
            vec![outcome(&kind, components, ziln, options)]
        }
        HeadKey::Mdme => {
            let term = TermKind::SubDistributions(options.sub_distributions.clone());
            vec![TermSpec::new(1.0, term)]
        }
        HeadKey::Coral | HeadKey::Corn | HeadKey::OrCnn | HeadKey::Softmax | HeadKey::CcOr => {
            bucket_terms(head, options)
        }
        HeadKey::TwoStage => options.towers().two_stage().terms,
        HeadKey::Mmoe => options.towers().mmoe().terms,
        HeadKey::ExpLtv => options.towers().exp_ltv().terms,
        HeadKey::OptDist => options.towers().opt_dist().terms,
    };
    objective.extend((backbone.terms)(options));
    if has(components, "wr") {
        objective.push(TermSpec::new(options.ranking_weight, TermKind::Ranking(options.ranking.clone())));
    }
    if rerum {
        objective.extend(rerum_terms(backbone, has(components, "rerum-released"), options.rerum_unit));
    }
    let head = head.spec(options, kind.question());
    let network = network(kind, head, options, components);
    let recalibration = options.recalibration.filter(|_| ziln);
    validate(&objective).map_err(in_model)?;
    finish(network, objective, training, recalibration)
}

/// A backbone trained for an objective, with components of [`BESIDE_OBJECTIVES`].
///
/// # Errors
///
/// Input errors that name the objective and its term.
pub fn compose_objective(
    backbone: &BackboneRow,
    objective: &ObjectiveSpec,
    components: &[String],
    settings: (&Options, &TrainingSpec),
) -> anyhow::Result<MethodSpec> {
    let (options, training) = settings;
    let place = |error: anyhow::Error| input_error!("objective '{}': {error:#}", objective.name);
    options.validate().map_err(in_model)?;
    validate(&objective.terms).map_err(place)?;
    let mut terms = objective.terms.clone();
    if objective.backbone_terms {
        let own = (backbone.terms)(options);
        validate(&own).map_err(in_model)?;
        terms.extend(own);
    }
    let attempt = |head: HeadKey| {
        let kind = (backbone.kind)(options);
        let head = head.spec(options, kind.question());
        let network = network(kind, head, options, components);
        finish(network, terms.clone(), training, objective.recalibration).map_err(place)
    };
    if let (Some(own), Some(asked)) = (backbone.head, objective.head)
        && own != asked
    {
        let (own, asked) = (own.name(), asked.name());
        return Err(place(input_error!(
            "{} has a {own} head of its own; found head '{asked}'",
            backbone.key
        )));
    }
    match objective.head.or(backbone.head) {
        Some(head) => attempt(head),
        None => {
            attempt(HeadKey::Point).or_else(|_| attempt(HeadKey::Log)).or_else(|_| attempt(HeadKey::Ziln))
        }
    }
}

/// Refuses components that choose a head beside one that the row brings.
fn refuse_head_of_its_own(backbone: &BackboneRow, components: &[String]) -> anyhow::Result<()> {
    match (backbone.head, CHOOSING.iter().find(|name| has(components, name))) {
        (Some(head), Some(component)) => Err(input_error!(
            "{} has a {} head of its own: leave '{component}' out",
            backbone.key,
            head.name()
        )),
        (Some(_) | None, _) => Ok(()),
    }
}

/// The losses of a head of buckets, added without weights as in their papers.
fn bucket_terms(head: HeadKey, options: &Options) -> Vec<TermSpec> {
    let law = match (head, options.cc_or.structure) {
        (HeadKey::Coral | HeadKey::OrCnn, _) => TermKind::Exceedance(ExceedanceSpec {}),
        (HeadKey::Corn, _) => TermKind::Cascade(CascadeSpec { reduction: RiskSets::Pooled }),
        (HeadKey::CcOr, Structure::Cascade) => TermKind::Cascade(options.cascade.clone()),
        (HeadKey::CcOr, Structure::Softmax)
        | (
            HeadKey::Point | HeadKey::Log | HeadKey::Ziln | HeadKey::Log1p | HeadKey::Mdme | HeadKey::Softmax,
            _,
        )
        | (HeadKey::TwoStage | HeadKey::Mmoe | HeadKey::ExpLtv | HeadKey::OptDist, _) => {
            TermKind::BucketLikelihood(BucketLikelihoodSpec {})
        }
    };
    let mut terms = vec![law];
    if head == HeadKey::CcOr {
        let spec = &options.cc_or;
        let distilled = spec.distillation != Distillation::None;
        terms.extend(distilled.then(|| TermKind::Distillation(options.distillation.clone())));
        let residual = spec.residual != Residual::None;
        terms.extend(residual.then(|| TermKind::BucketResidual(options.bucket_residual.clone())));
        let whales = spec.augmentation != Augmentation::None;
        terms.extend(whales.then(|| TermKind::Whales(options.whales.clone())));
    }
    terms.into_iter().map(|term| TermSpec::new(1.0, term)).collect()
}

/// The outcome loss that components ask for.
fn outcome(kind: &BackboneKind, components: &[String], ziln: bool, options: &Options) -> TermSpec {
    let term = match (ziln, has(components, "focal"), kind) {
        (true, true, _) => TermKind::FocalZiln(options.focal.clone()),
        (true, false, _) => TermKind::Ziln(ZilnSpec {}),
        (false, _, _) if has(components, "log1p") => TermKind::Log1p(Log1pErrorSpec {}),
        (false, _, _) if has(components, "tweedie") => TermKind::Tweedie(options.tweedie.clone()),
        // The other half of a marginal outcome and an uplift is the backbone's residual loss.
        (false, _, BackboneKind::Unite(_)) => TermKind::Marginal(MarginalSpec::default()),
        (false, _, _) => TermKind::Mse(MseSpec {}),
    };
    TermSpec::new(1.0, term)
}

/// RERUM's losses: as in its paper, or with the weights of its public code.
fn rerum_terms(backbone: &BackboneRow, released: bool, unit: Unit) -> Vec<TermSpec> {
    if !released {
        let terms = [
            TermKind::WithinGroup(WithinGroupSpec { unit, ..WithinGroupSpec::default() }),
            TermKind::CrossGroup(CrossGroupSpec { unit, ..CrossGroupSpec::default() }),
            TermKind::Listwise(ListwiseSpec { unit, ..ListwiseSpec::default() }),
        ];
        return terms.map(|term| TermSpec::new(1.0, term)).into();
    }
    let listwise = ListwiseSpec { over: Over::Arm, factor: true, unit };
    let within = WithinGroupSpec { reduction: PairReduction::Sum, unit };
    vec![
        TermSpec::new(backbone.released.0, TermKind::Listwise(listwise)),
        TermSpec::new(backbone.released.1, TermKind::WithinGroup(within)),
    ]
}

fn network(backbone: BackboneKind, head: HeadSpec, options: &Options, components: &[String]) -> NetworkSpec {
    let gate = has(components, "gti").then_some(options.gate);
    let front = FrontSpec {
        embedding: has(components, "embedding").then(|| options.embedding.clone()),
        sequence: has(components, "sequence").then(|| options.sequence.clone()),
    };
    // UniTE's experts stand where others have a trunk, and scores where others have hidden layers.
    let (trunk, heads) = match backbone {
        BackboneKind::Unite(_) => (Vec::new(), options.heads.clone()),
        BackboneKind::SharedIndex(_) => (Vec::new(), Vec::new()),
        // The head is a weighted sum, so that what others have in trunk and head stands in the tower.
        BackboneKind::DeepFm(_) => {
            let usual = || [options.trunk.clone(), options.heads.clone()].concat();
            (options.deep_fm.widths.clone().unwrap_or_else(usual), Vec::new())
        }
        BackboneKind::Mlp
        | BackboneKind::SLearner
        | BackboneKind::TLearner
        | BackboneKind::Tarnet
        | BackboneKind::Cfr
        | BackboneKind::Dragonnet
        | BackboneKind::Euen(_)
        | BackboneKind::Efin(_) => (options.trunk.clone(), options.heads.clone()),
    };
    let widths = options.mdme.widths.clone().filter(|_| matches!(head, HeadSpec::Mdme(_)));
    let heads = widths.unwrap_or(heads);
    NetworkSpec { backbone, trunk, heads, head, gate, front }
}

/// Checks the parts.
fn finish(
    network: NetworkSpec,
    objective: Vec<TermSpec>,
    training: &TrainingSpec,
    recalibration: Option<Recalibration>,
) -> anyhow::Result<MethodSpec> {
    training.validate()?;
    network.validate().map_err(in_model)?;
    network.check_gate()?;
    let spec = NeuralSpec { network, objective, training: training.clone(), recalibration };
    spec.check_terms()?;
    Ok(MethodSpec::Neural(spec))
}

fn validate(terms: &[TermSpec]) -> anyhow::Result<()> {
    terms.iter().try_for_each(|spec| spec.term.validate())
}

/// Names the key of an option; components call the focal term's options by their own name.
fn in_model(error: anyhow::Error) -> anyhow::Error {
    input_error!("model.{}", format!("{error:#}").replacen("focal-ziln.", "focal.", 1))
}
