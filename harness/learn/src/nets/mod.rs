//! What a network computes: stacked layers, backbones, gate, heads.
//!
//! Every tensor carries the replicates in front: parameters `[S, ...]`, features `[S, B, d]`.

#[cfg(test)]
mod bucket_properties;
mod buckets;
mod cc_or;
mod counter;
mod deep_fm;
mod dense;
mod direct;
mod dragonnet;
mod efin;
mod euen;
mod experts;
mod fields;
mod front;
mod gate;
pub mod head;
mod heads;
pub(crate) mod host;
mod law;
mod layers;
mod log1p;
mod mdme;
mod network;
mod one_arm;
mod ordinal;
mod outputs;
mod own_rows;
mod parameters;
mod partition;
mod reading;
mod readout;
mod s_learner;
mod seen;
mod shared_index;
pub mod steady;
mod steps;
mod t_learner;
mod tape;
mod tarnet;
mod towers;
mod unit;
mod unite;

pub use buckets::{BucketRows, BucketSpec, Buckets, Thresholds, ZERO};
pub use cc_or::{Augmentation, CcOrSaid, CcOrSpec, Distillation, Residual, Structure};
pub use counter::Counter;
pub use deep_fm::DeepFmSpec;
pub use front::{EmbeddingSpec, FrontSpec, Inputs, SequenceSpec};
pub use law::BucketLaw;
pub(crate) use law::chosen;
pub use log1p::{Log1p, Log1pSpec};
pub use mdme::{MdmeSaid, MdmeSpec, Scores};
pub use network::Network;
pub use ordinal::{Decoding, OrdinalKind, OrdinalSpec};
pub use outputs::{Outputs, Parts};
pub use parameters::{Layout, Weights};
pub use reading::AmountLaw;
pub use readout::Readout;
pub use steps::Steps;
pub use towers::{
    Amount, Choice, Detector, ExpLtvSpec, Hurdle, MmoeSpec, OptDistSpec, Routed, Selection, TowersSpec,
    TwoStageSpec,
};
pub use unit::{NamedUnit, Unit};

pub(crate) use unit::above_zero;

use seen::Seen;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::within;
use valor_base::input_error;
use valor_base::question::Question;

/// Which parts the arms share, and how a representation is made of features.
///
/// A backbone is one file that implements this, one row of `BackboneKind` and one of `network::build`.
trait Backbone {
    /// What the arms have in common.
    fn sharing(&self) -> Sharing;

    /// Width of the representation.
    fn width(&self) -> i64;

    /// Features per arm `[S, B, d]` to representation per arm `[S, B, width]`.
    fn represent(&self, weights: &Weights, features: &Seen, pass: &Pass) -> Representation;
}

/// Circumstances of one pass through a network.
#[derive(Clone, Copy, Default)]
pub struct Pass<'a> {
    /// Who was treated, `[S, B]`. Where given, only the observed arm's outputs are asked for, and a network may save
    /// itself the others.
    pub observed: Option<&'a Tensor>,
    /// Where random numbers of training come from; absent when nothing is trained.
    pub counter: Option<&'a Counter>,
}

/// What a backbone makes of features.
struct Representation {
    /// What each arm's head sees, `[S, B, width]`.
    arms: Seen,
    /// Logit of `P(T = 1 | x)`, `[S, B]`, from backbones that predict it.
    propensity: Option<Tensor>,
    /// The scalar of targeted regularisation, `[S]`, from backbones that have it.
    epsilon: Option<Tensor>,
    /// What the parts of a sum say by themselves, from backbones that are one.
    parts: Option<Parts>,
}

impl Representation {
    /// A representation and nothing else.
    fn of(arms: Seen) -> Self {
        Self { arms, propensity: None, epsilon: None, parts: None }
    }
}

/// What the arms of a backbone have in common, and so what its heads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Everything: one head.
    Heads,
    /// Everything; the representations are parts, and the head is their weighted sum.
    Parts,
    /// The representation's layers: one head per arm.
    Trunk,
    /// Nothing at all: one head per arm.
    Nothing,
    /// Nothing; the second head puts out what treatment adds to the first.
    Sum {
        /// Whether the sum trains the second head only.
        stop_gradient: bool,
    },
    /// Nothing; the representations are scores, and what treatment adds is put out as in `Sum`.
    Scores,
    /// Heads for marginal outcome and uplift, from which the propensity makes the arms.
    Residual,
}

/// A backbone with its gate and heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetworkSpec {
    /// Which parts the arms share.
    pub backbone: BackboneKind,
    /// Widths of the representation's layers.
    pub trunk: Vec<usize>,
    /// Widths of each arm's hidden layers.
    pub heads: Vec<usize>,
    /// What a head puts out.
    pub head: HeadSpec,
    /// Treatment-gated interaction, where used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GatePosition>,
    /// How columns enter.
    #[serde(default, skip_serializing_if = "FrontSpec::is_usual")]
    pub front: FrontSpec,
}

/// The registered backbones with their own options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackboneKind {
    /// One network for rows of one arm.
    Mlp,
    /// Three parts for rows of one arm: a linear form, products of features, a deep tower.
    DeepFm(DeepFmSpec),
    /// One network that sees the treatment as a feature.
    SLearner,
    /// Two disjoint networks.
    TLearner,
    /// A shared representation and one head per arm.
    Tarnet,
    /// TARNet whose representation has length 1.
    Cfr,
    /// TARNet with a propensity head.
    Dragonnet,
    /// A mixture of experts for marginal outcome, uplift and propensity.
    Unite(UniteSpec),
    /// A control network and an uplift network.
    Euen(EuenSpec),
    /// Attention among features and of the treatment on features.
    Efin(EfinSpec),
    /// A score of what is spent and one of what treatment adds, which all outputs share.
    SharedIndex(SharedIndexSpec),
}

/// Options of UniTE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct UniteSpec {
    /// Number of experts; 1 or more.
    pub experts: usize,
    /// Widths of an expert's layers; at least one.
    pub widths: Vec<usize>,
    /// Share of an expert's hidden values that a training step drops; in [0, 1).
    pub dropout: f64,
}

/// Options of EUEN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EuenSpec {
    /// Whether treated rows train the uplift network only.
    pub stop_gradient: bool,
}

/// Options of EFIN.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct EfinSpec {
    /// Length of a feature's embedding; 1 or more.
    pub rank: usize,
    /// Whether treated rows train the uplift network only.
    pub stop_gradient: bool,
}

/// Options of the shared-index network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SharedIndexSpec {
    /// Products in the score of what is spent without treatment; 1 or more.
    pub base: usize,
    /// Products in the score of what treatment adds; 1 or more.
    pub effect: usize,
}

impl Default for SharedIndexSpec {
    fn default() -> Self {
        Self { base: 2, effect: 2 }
    }
}

impl Default for UniteSpec {
    fn default() -> Self {
        Self { experts: 3, widths: vec![128, 128], dropout: 0.3 }
    }
}

impl Default for EuenSpec {
    fn default() -> Self {
        Self { stop_gradient: true }
    }
}

impl Default for EfinSpec {
    fn default() -> Self {
        Self { rank: 16, stop_gradient: true }
    }
}

/// What terms of an objective may ask of a network besides its heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// A representation that both arms share.
    pub representation: bool,
    /// A propensity logit.
    pub propensity: bool,
    /// The scalar of targeted regularisation.
    pub epsilon: bool,
    /// Parts that say the outcome by themselves.
    pub parts: bool,
}

impl BackboneKind {
    /// Whether one front and one gate serve both arms.
    fn shares_sides(&self) -> bool {
        match self {
            BackboneKind::Mlp
            | BackboneKind::DeepFm(_)
            | BackboneKind::SLearner
            | BackboneKind::Tarnet
            | BackboneKind::Cfr
            | BackboneKind::Dragonnet
            | BackboneKind::Unite(_) => true,
            BackboneKind::TLearner
            | BackboneKind::Euen(_)
            | BackboneKind::Efin(_)
            | BackboneKind::SharedIndex(_) => false,
        }
    }

    /// Its name in slugs and messages.
    pub fn name(&self) -> &'static str {
        match self {
            BackboneKind::Mlp => "mlp",
            BackboneKind::DeepFm(_) => "deep-fm",
            BackboneKind::SLearner => "s-learner",
            BackboneKind::TLearner => "t-learner",
            BackboneKind::Tarnet => "tarnet",
            BackboneKind::Cfr => "cfr",
            BackboneKind::Dragonnet => "dragonnet",
            BackboneKind::Unite(_) => "unite",
            BackboneKind::Euen(_) => "euen",
            BackboneKind::Efin(_) => "efin",
            BackboneKind::SharedIndex(_) => "shared-index",
        }
    }

    /// What its networks answer.
    pub fn question(&self) -> Question {
        match self {
            BackboneKind::Mlp | BackboneKind::DeepFm(_) => Question::Value,
            BackboneKind::SLearner
            | BackboneKind::TLearner
            | BackboneKind::Tarnet
            | BackboneKind::Cfr
            | BackboneKind::Dragonnet
            | BackboneKind::Unite(_)
            | BackboneKind::Euen(_)
            | BackboneKind::Efin(_)
            | BackboneKind::SharedIndex(_) => Question::Uplift,
        }
    }

    /// What its networks offer to terms.
    pub fn abilities(&self) -> Abilities {
        let (representation, propensity, epsilon) = match self {
            BackboneKind::Mlp
            | BackboneKind::DeepFm(_)
            | BackboneKind::SLearner
            | BackboneKind::TLearner
            | BackboneKind::Euen(_)
            | BackboneKind::SharedIndex(_) => (false, false, false),
            BackboneKind::Tarnet | BackboneKind::Cfr => (true, false, false),
            BackboneKind::Dragonnet => (true, true, true),
            BackboneKind::Unite(_) | BackboneKind::Efin(_) => (false, true, false),
        };
        let parts = matches!(self, BackboneKind::DeepFm(_));
        Abilities { representation, propensity, epsilon, parts }
    }
}

impl NetworkSpec {
    /// Refuses options out of range.
    pub fn validate(&self) -> anyhow::Result<()> {
        widths("trunk", &self.trunk)?;
        widths("heads", &self.heads)?;
        self.head.validate()?;
        self.front.validate()?;
        self.check_head()?;
        match &self.backbone {
            BackboneKind::Unite(spec) => spec.validate(),
            BackboneKind::DeepFm(spec) => spec.validate(),
            BackboneKind::Efin(spec) => within("efin.rank", spec.rank, 1, 1024),
            BackboneKind::SharedIndex(spec) => {
                within("shared-index.base", spec.base, 1, 1024)?;
                within("shared-index.effect", spec.effect, 1, 1024)
            }
            BackboneKind::Mlp
            | BackboneKind::SLearner
            | BackboneKind::TLearner
            | BackboneKind::Tarnet
            | BackboneKind::Cfr
            | BackboneKind::Dragonnet
            | BackboneKind::Euen(_) => Ok(()),
        }
    }

    /// Refuses a head of buckets or towers on backbones whose heads are added up.
    fn check_head(&self) -> anyhow::Result<()> {
        if matches!(self.backbone, BackboneKind::DeepFm(_)) && self.head != HeadSpec::Point {
            let found = self.head.name();
            return Err(input_error!(
                "deep-fm is a sum of expected outcomes, a point head; found a {found} head"
            ));
        }
        let has_own = match self.backbone {
            BackboneKind::Mlp
            | BackboneKind::DeepFm(_)
            | BackboneKind::SLearner
            | BackboneKind::TLearner
            | BackboneKind::Tarnet
            | BackboneKind::Cfr
            | BackboneKind::Dragonnet => true,
            BackboneKind::Unite(_)
            | BackboneKind::Euen(_)
            | BackboneKind::Efin(_)
            | BackboneKind::SharedIndex(_) => false,
        };
        if has_own || self.head.is_plain() {
            return Ok(());
        }
        Err(input_error!(
            "a {} head needs a backbone whose arms have outputs of their own: mlp, s-learner, t-learner, tarnet, cfr-wass, \
             cfr-mmd, dragonnet; found {}",
            self.head.name(),
            self.backbone.name()
        ))
    }

    /// Refuses a gate that has nothing to act on.
    pub fn check_gate(&self) -> anyhow::Result<()> {
        if self.gate.is_some() && self.backbone.question() == Question::Value {
            return Err(input_error!(
                "{} learns from rows without a treatment, which 'gti' would gate by: leave 'gti' out",
                self.backbone.name()
            ));
        }
        let unite = matches!(self.backbone, BackboneKind::Unite(_));
        if unite && self.gate.is_some() && self.head == HeadSpec::Point {
            return Err(input_error!(
                "unite with a point head has towers for marginal outcome and uplift, none per arm that 'gti' could \
                 gate: list 'ziln' as well"
            ));
        }
        Ok(())
    }
}

impl UniteSpec {
    fn validate(&self) -> anyhow::Result<()> {
        widths("unite.widths", &self.widths)?;
        if self.widths.is_empty() {
            return Err(input_error!("unite.widths: the list is empty; name at least one width"));
        }
        within("unite.experts", self.experts, 1, 256)?;
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(input_error!("unite.dropout: found {}; must be 0 or more and below 1", self.dropout));
        }
        Ok(())
    }
}

pub(crate) fn widths(key: &str, widths: &[usize]) -> anyhow::Result<()> {
    match widths.iter().find(|&&width| width == 0 || width > 65_536) {
        Some(width) => Err(input_error!("{key}: found width {width}; allowed are 1 to 65536")),
        None => Ok(()),
    }
}

/// What a head puts out per arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum HeadSpec {
    /// The expected outcome itself.
    Point,
    /// The log of the expected outcome.
    Log,
    /// Zero-inflated log-normal: conversion logit, log-mean, log-scale.
    Ziln {
        /// Whether `E[y] = pi exp(mu + sigma^2/2)` (the paper) or `pi exp(mu)` (the released code).
        sigma_term: bool,
    },
    /// The log of the outcome and its unit.
    Log1p(Log1pSpec),
    /// The sub-distribution and the bucket of the outcome, and the value within it.
    Mdme(MdmeSpec),
    /// The bucket of the outcome, of which the training mean is known.
    Ordinal(OrdinalSpec),
    /// The bucket of the outcome, and the value within it.
    CcOr(CcOrSpec),
    /// What several towers say.
    Towers(TowersSpec),
}

impl HeadSpec {
    /// Its name in messages.
    pub fn name(&self) -> &'static str {
        match self {
            HeadSpec::Point => "point",
            HeadSpec::Log => "log",
            HeadSpec::Ziln { .. } => "ziln",
            HeadSpec::Log1p(_) => "log1p",
            HeadSpec::Mdme(_) => "mdme",
            HeadSpec::Ordinal(spec) => spec.kind.name(),
            HeadSpec::CcOr(_) => "cc-or",
            HeadSpec::Towers(spec) => spec.name(),
        }
    }

    /// The buckets that it needs of the training rows, where it needs any.
    pub fn buckets(&self) -> Option<BucketSpec> {
        match self {
            HeadSpec::Point | HeadSpec::Log | HeadSpec::Ziln { .. } | HeadSpec::Log1p(_) => None,
            HeadSpec::Mdme(spec) => Some(spec.of_outcomes()),
            HeadSpec::Ordinal(spec) => Some(spec.buckets.clone()),
            HeadSpec::CcOr(spec) => Some(spec.buckets.clone()),
            HeadSpec::Towers(spec) => spec.buckets().cloned(),
        }
    }

    /// Whether it says `P(y > 0)`.
    pub fn converts(&self) -> bool {
        match self {
            HeadSpec::Point | HeadSpec::Log | HeadSpec::Log1p(_) => false,
            HeadSpec::Ziln { .. }
            | HeadSpec::Mdme(_)
            | HeadSpec::Ordinal(_)
            | HeadSpec::CcOr(_)
            | HeadSpec::Towers(_) => true,
        }
    }

    /// Whether it has a law of the outcome: how likely each amount is.
    pub fn has_law(&self) -> bool {
        match self {
            HeadSpec::Point | HeadSpec::Log | HeadSpec::Log1p(_) | HeadSpec::Towers(_) => false,
            HeadSpec::Ziln { .. } | HeadSpec::Mdme(_) | HeadSpec::Ordinal(_) | HeadSpec::CcOr(_) => true,
        }
    }

    /// Whether the arms' heads are layers whose outputs may be added to those of another.
    fn is_plain(&self) -> bool {
        match self {
            HeadSpec::Point | HeadSpec::Log | HeadSpec::Ziln { .. } | HeadSpec::Log1p(_) => true,
            HeadSpec::Mdme(_) | HeadSpec::Ordinal(_) | HeadSpec::CcOr(_) | HeadSpec::Towers(_) => false,
        }
    }

    /// Refuses options out of range.
    fn validate(&self) -> anyhow::Result<()> {
        match self {
            HeadSpec::Point | HeadSpec::Log | HeadSpec::Ziln { .. } => Ok(()),
            HeadSpec::Log1p(spec) => spec.validate(),
            HeadSpec::Mdme(spec) => spec.validate(),
            HeadSpec::Ordinal(spec) => spec.buckets.validate(spec.kind.name()),
            HeadSpec::CcOr(spec) => spec.validate(),
            HeadSpec::Towers(spec) => spec.validate(),
        }
    }
}

/// Log-odds of a share, which is kept away from 0 and 1.
fn logit_of(share: f64) -> f32 {
    let share = share.clamp(1e-4, 1.0 - 1e-4);
    (share / (1.0 - share)).ln() as f32
}

/// Where the outputs of a zero-inflated log-normal law start: the training rows'.
fn ziln_start(summary: &OutcomeSummary) -> [f32; 3] {
    let raw = summary.log_sd.clamp(0.05, head::SIGMA_MAXIMUM).exp_m1().ln();
    [logit_of(summary.positive_share), summary.log_mean as f32, raw as f32]
}

/// Where the gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatePosition {
    /// Between representation and heads, as in the released code.
    Representation,
    /// On the input features, as the paper's text reads.
    Features,
}

/// What heads start from: the outcomes of the training rows, both arms together, in the network's unit.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeSummary {
    /// Outcome units in one unit of the network: every other amount here is divided by it. Above 0.
    pub scale: f64,
    /// Mean outcome.
    pub mean: f64,
    /// Standard deviation of the outcome.
    pub sd: f64,
    /// Share of outcomes that are not zero.
    pub nonzero_share: f64,
    /// Share of outcomes above zero.
    pub positive_share: f64,
    /// Mean of the log of positive outcomes.
    pub log_mean: f64,
    /// Standard deviation of the log of positive outcomes.
    pub log_sd: f64,
    /// Share of rows that were treated.
    pub treated_share: f64,
    /// Buckets of outcomes, for heads that need them.
    pub buckets: Option<Buckets>,
}

impl Default for OutcomeSummary {
    fn default() -> Self {
        Self {
            scale: 1.0,
            mean: 0.0,
            sd: 0.0,
            nonzero_share: 0.0,
            positive_share: 0.0,
            log_mean: 0.0,
            log_sd: 0.0,
            treated_share: 0.0,
            buckets: None,
        }
    }
}
