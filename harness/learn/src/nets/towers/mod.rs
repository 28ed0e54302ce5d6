//! Heads of several towers on one representation: a purchase and what a buyer spends (two-stage, MMOE), or several zero-inflated
//! log-normal laws and what chooses among them (ExpLTV, OptDist).

mod body;
mod exp_ltv;
mod hurdle;
mod opt_dist;
#[cfg(test)]
mod properties;

pub use exp_ltv::{Detector, ExpLtvSpec, Routed};
pub use hurdle::{Amount, Hurdle, MmoeSpec, TwoStageSpec};
pub use opt_dist::{Choice, OptDistSpec, Selection};

use super::buckets::{BucketSpec, Buckets};
use super::head::{ArmHead, SMALLEST_MEAN};
use super::ordinal::Decoding;
use super::parameters::Layout;
use super::reading::Reading;
use super::{OutcomeSummary, logit_of};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// A head of several towers. Each tower has hidden layers of `NetworkSpec::heads` widths and an output layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TowersSpec {
    /// A purchase, and what a buyer spends.
    TwoStage(TwoStageSpec),
    /// The same, each on a mixture of experts of its own.
    Mmoe(MmoeSpec),
    /// A law of whales and one of the others, mixed by how likely a whale is.
    ExpLtv(ExpLtvSpec),
    /// Several laws, of which a selector chooses one.
    OptDist(OptDistSpec),
}

/// A tower: its name, and where its outputs start.
pub(super) type Tower = (String, Vec<f32>);

/// What is known of the training rows: their outcomes, and the buckets of heads that have some.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// Their outcomes.
    pub summary: &'a OutcomeSummary,
    /// Of heads that have some.
    pub buckets: Option<&'a Buckets>,
}

/// What each of these heads says of itself.
trait Towers {
    /// Refuses options out of range.
    fn validate(&self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Its towers in the order of the raw outputs, starting at the training outcomes.
    fn towers(&self, known: Known) -> Vec<Tower>;

    /// `E[y]` of raw outputs `[S, B, k]`, `[S, B]`.
    fn expectation(&self, raw: &Tensor) -> Tensor;

    /// `P(y > 0)` of raw outputs, `[S, B]`.
    fn conversion(&self, raw: &Tensor) -> Tensor;
}

impl TowersSpec {
    fn own(&self) -> &dyn Towers {
        match self {
            TowersSpec::TwoStage(spec) => spec,
            TowersSpec::Mmoe(spec) => spec,
            TowersSpec::ExpLtv(spec) => spec,
            TowersSpec::OptDist(spec) => spec,
        }
    }

    /// Its name in files and messages.
    pub fn name(&self) -> &'static str {
        match self {
            TowersSpec::TwoStage(_) => "two-stage",
            TowersSpec::Mmoe(_) => "mmoe",
            TowersSpec::ExpLtv(_) => "exp-ltv",
            TowersSpec::OptDist(_) => "opt-dist",
        }
    }

    /// The buckets that it needs of the training rows, where it needs any.
    pub(super) fn buckets(&self) -> Option<&BucketSpec> {
        match self {
            TowersSpec::ExpLtv(spec) => Some(&spec.buckets),
            TowersSpec::TwoStage(_) | TowersSpec::Mmoe(_) | TowersSpec::OptDist(_) => None,
        }
    }

    /// The same for an answer that is a difference of expectations.
    #[must_use]
    pub fn expecting(self) -> Self {
        let decoding = Decoding::Soft;
        match self {
            TowersSpec::Mmoe(spec) => TowersSpec::Mmoe(MmoeSpec { decoding, ..spec }),
            TowersSpec::OptDist(spec) => TowersSpec::OptDist(OptDistSpec { decoding, ..spec }),
            TowersSpec::TwoStage(_) | TowersSpec::ExpLtv(_) => self,
        }
    }

    pub(super) fn validate(&self) -> anyhow::Result<()> {
        self.own().validate()
    }

    /// Names of the towers, in the order of the raw outputs.
    pub(super) fn names(&self) -> Vec<String> {
        let known = Known { summary: &OutcomeSummary::default(), buckets: None };
        self.own().towers(known).into_iter().map(|(name, _)| name).collect()
    }

    /// The logit of the purchase, `[S, B]`, of heads that have one tower for it.
    pub fn purchase(&self, raw: &Tensor) -> Option<Tensor> {
        match self {
            TowersSpec::TwoStage(_) | TowersSpec::Mmoe(_) | TowersSpec::ExpLtv(_) => Some(raw.select(-1, 0)),
            TowersSpec::OptDist(_) => None,
        }
    }

    /// A purchase and what a buyer spends, of two-stage and MMOE.
    pub fn hurdle(&self, raw: &Tensor) -> Option<Hurdle> {
        match self {
            TowersSpec::TwoStage(spec) => Some(Hurdle::new(spec.amount, raw)),
            TowersSpec::Mmoe(spec) => Some(Hurdle::new(spec.amount, raw)),
            TowersSpec::ExpLtv(_) | TowersSpec::OptDist(_) => None,
        }
    }

    /// The law that ExpLTV mixes, and whom its detector counts.
    pub fn routed(&self, raw: &Tensor) -> Option<(Routed, Detector)> {
        match self {
            TowersSpec::ExpLtv(spec) => Some((Routed::new(raw), spec.detector)),
            TowersSpec::TwoStage(_) | TowersSpec::Mmoe(_) | TowersSpec::OptDist(_) => None,
        }
    }

    /// The laws that OptDist chooses among.
    pub fn choice(&self, raw: &Tensor) -> Option<Choice<'_>> {
        match self {
            TowersSpec::OptDist(spec) => Some(Choice::new(spec, raw)),
            TowersSpec::TwoStage(_) | TowersSpec::Mmoe(_) | TowersSpec::ExpLtv(_) => None,
        }
    }
}

/// The head with the buckets of the training rows, where it needs any.
#[derive(Clone, Debug)]
pub(super) struct TowersReading {
    spec: TowersSpec,
    buckets: Option<Buckets>,
}

impl TowersReading {
    pub(super) fn new(spec: TowersSpec, buckets: Option<Buckets>) -> Self {
        Self { spec, buckets }
    }

    fn towers_from(&self, summary: &OutcomeSummary) -> Vec<Tower> {
        self.spec.own().towers(Known { summary, buckets: self.buckets.as_ref() })
    }
}

impl Reading for TowersReading {
    fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        self.towers_from(summary).into_iter().flat_map(|(_, start)| start).collect()
    }

    fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        let experts = match &self.spec {
            TowersSpec::Mmoe(spec) => Some(spec),
            TowersSpec::TwoStage(_) | TowersSpec::ExpLtv(_) | TowersSpec::OptDist(_) => None,
        };
        Box::new(body::Body::new(layout, name, shape, (&self.towers_from(summary), experts)))
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        self.spec.own().expectation(raw)
    }

    fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        Some(self.spec.own().conversion(raw))
    }

    fn buckets(&self) -> Option<&Buckets> {
        self.buckets.as_ref()
    }
}

impl OutcomeSummary {
    /// Log-odds of a purchase.
    fn purchase(&self) -> f32 {
        logit_of(self.positive_share)
    }

    /// Mean outcome of buyers; a little where there are none.
    fn of_buyers(&self) -> f64 {
        let mean = if self.positive_share > 0.0 { self.mean / self.positive_share } else { 0.0 };
        mean.max(SMALLEST_MEAN)
    }
}
