//! How raw outputs are read: the head, and what it knows of the training rows.

use super::cc_or::{Body, CcOrSaid};
use super::head::{ArmHead, Head, LOG_EXPECTATION_MAXIMUM, SMALLEST_MEAN, Ziln, log_of_ziln};
use super::law::BucketLaw;
use super::mdme::{self, MdmeSaid, MdmeSpec};
use super::parameters::Layout;
use super::towers::{Known, TowersSpec};
use super::{
    BucketSpec, Buckets, CcOrSpec, HeadSpec, Log1p, OrdinalSpec, OutcomeSummary, steady, ziln_start,
};
use tch::Tensor;

/// A head, fitted: reads raw outputs `[S, B, k]` of an arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    spec: HeadSpec,
    fitted: Fitted,
}

/// What a head knows of outcomes beyond their expectation, in the network's unit.
pub enum AmountLaw {
    /// Zero, or log-normal: mean and standard deviation of the log of what is above zero, each `[S, B]`.
    ZeroInflated {
        /// `mu`
        mu: Tensor,
        /// `sigma`
        sigma: Tensor,
    },
    /// In buckets, each `[S, B, K]`.
    Buckets {
        /// `P_k`
        shares: Tensor,
        /// `P_k v_k`, `v_k` the mean within the bucket.
        amounts: Tensor,
    },
}

/// Heads with what they need of the training rows.
#[derive(Clone, Debug, PartialEq)]
enum Fitted {
    Point,
    Log,
    Ziln { sigma_term: bool },
    Log1p(Log1p),
    Mdme(MdmeSpec, Buckets),
    Ordinal(OrdinalSpec, Buckets),
    CcOr(CcOrSpec, Buckets),
    Towers(TowersSpec, Option<Buckets>),
}

impl Readout {
    /// The head with what it needs of the training rows. Where these are not known yet, buckets are of outcomes 0, 1, 2 and so on.
    pub fn new(spec: &HeadSpec, summary: &OutcomeSummary) -> Self {
        let buckets = |spec: &BucketSpec| summary.buckets.clone().unwrap_or_else(|| spec.stand_in());
        let fitted = match spec {
            HeadSpec::Point => Fitted::Point,
            HeadSpec::Log => Fitted::Log,
            HeadSpec::Ziln { sigma_term } => Fitted::Ziln { sigma_term: *sigma_term },
            HeadSpec::Log1p(spec) => Fitted::Log1p(spec.fitted(summary.scale)),
            HeadSpec::Mdme(spec) => Fitted::Mdme(spec.clone(), buckets(&spec.of_outcomes())),
            HeadSpec::Ordinal(spec) => Fitted::Ordinal(spec.clone(), buckets(&spec.buckets)),
            HeadSpec::CcOr(spec) => Fitted::CcOr(spec.clone(), buckets(&spec.buckets)),
            HeadSpec::Towers(spec) => Fitted::Towers(spec.clone(), spec.buckets().map(buckets)),
        };
        Self { spec: spec.clone(), fitted }
    }

    /// What the head is.
    pub fn spec(&self) -> &HeadSpec {
        &self.spec
    }

    /// The buckets of heads that have them.
    pub fn buckets(&self) -> Option<&Buckets> {
        match &self.fitted {
            Fitted::Point | Fitted::Log | Fitted::Ziln { .. } | Fitted::Log1p(_) => None,
            Fitted::Mdme(_, buckets) | Fitted::Ordinal(_, buckets) | Fitted::CcOr(_, buckets) => {
                Some(buckets)
            }
            Fitted::Towers(_, buckets) => buckets.as_ref(),
        }
    }

    /// Where the raw outputs of hidden layers and an output layer start: the pooled training outcome, so that no head starts with
    /// an advantage.
    pub fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        match &self.fitted {
            Fitted::Point => vec![summary.mean as f32],
            Fitted::Log => vec![summary.mean.max(SMALLEST_MEAN).ln() as f32],
            Fitted::Ziln { .. } => ziln_start(summary).to_vec(),
            Fitted::Log1p(head) => head.start(summary.positive_share, summary.log_mean),
            Fitted::Mdme(spec, _) => vec![0.0; spec.outputs()],
            Fitted::Ordinal(spec, buckets) => spec.kind.start(buckets),
            Fitted::CcOr(spec, buckets) => {
                spec.parts(buckets).into_iter().flat_map(|(_, width)| vec![0.0; width]).collect()
            }
            Fitted::Towers(spec, buckets) => spec.start(Known { summary, buckets: buckets.as_ref() }),
        }
    }

    /// Number of raw outputs.
    pub fn outputs(&self) -> usize {
        self.start(&OutcomeSummary::default()).len()
    }

    /// What makes the raw outputs of an arm: hidden layers of these widths on a representation of this width, and what follows.
    pub(super) fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        match &self.fitted {
            Fitted::Point | Fitted::Log | Fitted::Ziln { .. } | Fitted::Log1p(_) => {
                Box::new(Head::new(layout, name, shape, &self.start(summary)))
            }
            Fitted::Mdme(spec, buckets) => Box::new(mdme::Body::new(layout, name, shape, (spec, buckets))),
            Fitted::Ordinal(spec, buckets) => spec.head(layout, name, shape, buckets),
            Fitted::CcOr(spec, buckets) => Box::new(Body::new(layout, name, shape, (spec, buckets))),
            Fitted::Towers(spec, buckets) => {
                spec.head(layout, name, shape, Known { summary, buckets: buckets.as_ref() })
            }
        }
    }

    /// `E[y]` of raw outputs: `[S, B, k] -> [S, B]`, in the network's unit of outcomes.
    ///
    /// ```text
    /// point:     the output itself
    /// log:       exp(output)
    /// ziln:      sigmoid(l) exp(mu + sigma^2 / 2)      without sigma_term: sigmoid(l) exp(mu)
    /// log1p:     u (exp(output) - 1), 0 or more
    /// mdme:      as cc-or
    /// ordinal:   soft: sum_k P_k m_k                   hard: m of the bucket that is decided for;  m: training means
    /// cc-or:     the same of the value within each bucket
    /// towers:    as each says
    /// ```
    pub fn expectation(&self, raw: &Tensor) -> Tensor {
        match &self.fitted {
            Fitted::Point => raw.squeeze_dim(-1),
            Fitted::Log => log_of_log(raw).exp(),
            Fitted::Ziln { sigma_term } => log_of_ziln(raw, *sigma_term).exp(),
            Fitted::Log1p(head) => head.expectation(raw),
            Fitted::Mdme(spec, buckets) => MdmeSaid::new(spec, buckets, raw).expectation(),
            Fitted::Ordinal(spec, buckets) => spec.expectation(buckets, raw),
            Fitted::CcOr(spec, buckets) => CcOrSaid::new(spec, buckets, raw).expectation(),
            Fitted::Towers(spec, _) => spec.expectation(raw),
        }
    }

    /// `log E[y]` of raw outputs, from heads that put out a positive expectation.
    pub fn log_expectation(&self, raw: &Tensor) -> Option<Tensor> {
        match &self.fitted {
            Fitted::Point
            | Fitted::Log1p(_)
            | Fitted::Mdme(..)
            | Fitted::Ordinal(..)
            | Fitted::CcOr(..)
            | Fitted::Towers(..) => None,
            Fitted::Log => Some(log_of_log(raw)),
            Fitted::Ziln { sigma_term } => Some(log_of_ziln(raw, *sigma_term)),
        }
    }

    /// `P(y > 0)` of raw outputs, from heads that have it. Of buckets the share above the zeros; 1 where the training rows had none.
    pub fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        match &self.fitted {
            Fitted::Point | Fitted::Log | Fitted::Log1p(_) => None,
            Fitted::Ziln { .. } => Some(steady::sigmoid(&Ziln::new(raw).logit)),
            Fitted::Towers(spec, _) => Some(spec.conversion(raw)),
            Fitted::Mdme(_, buckets) | Fitted::Ordinal(_, buckets) | Fitted::CcOr(_, buckets) => {
                let above = self.law(raw)?.survival().into_iter().next()?;
                Some(if buckets.starts_with_zeros() { above } else { above.ones_like() })
            }
        }
    }

    /// The law of the bucket, from heads that have one.
    pub fn law(&self, raw: &Tensor) -> Option<BucketLaw> {
        match &self.fitted {
            Fitted::Point | Fitted::Log | Fitted::Ziln { .. } | Fitted::Log1p(_) | Fitted::Towers(..) => None,
            Fitted::Mdme(spec, buckets) => Some(MdmeSaid::new(spec, buckets, raw).law()),
            Fitted::Ordinal(spec, _) => Some(spec.kind.law(raw)),
            Fitted::CcOr(spec, buckets) => Some(CcOrSaid::new(spec, buckets, raw).law()),
        }
    }

    /// What the head knows of an outcome beyond its expectation, where it has a law of amounts; in the network's unit.
    pub fn amounts(&self, raw: &Tensor) -> Option<AmountLaw> {
        match &self.fitted {
            Fitted::Point | Fitted::Log | Fitted::Log1p(_) | Fitted::Towers(..) => None,
            Fitted::Mdme(spec, buckets) => {
                let said = MdmeSaid::new(spec, buckets, raw);
                let shares = said.law().probabilities();
                let amounts = &shares * Tensor::stack(&said.values(), -1);
                Some(AmountLaw::Buckets { shares, amounts })
            }
            Fitted::Ziln { .. } => {
                let parts = Ziln::new(raw);
                Some(AmountLaw::ZeroInflated { sigma: parts.sigma(), mu: parts.mu })
            }
            Fitted::Ordinal(spec, buckets) => {
                let shares = spec.kind.law(raw).probabilities();
                let amounts = &shares * buckets.row(raw, &buckets.means);
                Some(AmountLaw::Buckets { shares, amounts })
            }
            Fitted::CcOr(spec, buckets) => {
                let said = CcOrSaid::new(spec, buckets, raw);
                let shares = said.law().probabilities();
                let amounts = &shares * Tensor::stack(&said.values(), -1);
                Some(AmountLaw::Buckets { shares, amounts })
            }
        }
    }

    /// The raw outputs of a cc-or head by what they are.
    pub fn cc_or(&self, raw: &Tensor) -> Option<CcOrSaid<'_>> {
        match &self.fitted {
            Fitted::CcOr(spec, buckets) => Some(CcOrSaid::new(spec, buckets, raw)),
            Fitted::Point
            | Fitted::Log
            | Fitted::Ziln { .. }
            | Fitted::Log1p(_)
            | Fitted::Mdme(..)
            | Fitted::Ordinal(..)
            | Fitted::Towers(..) => None,
        }
    }

    /// The raw outputs of an mdme head by what they are.
    pub fn mdme(&self, raw: &Tensor) -> Option<MdmeSaid<'_>> {
        match &self.fitted {
            Fitted::Mdme(spec, buckets) => Some(MdmeSaid::new(spec, buckets, raw)),
            Fitted::Point
            | Fitted::Log
            | Fitted::Ziln { .. }
            | Fitted::Log1p(_)
            | Fitted::Ordinal(..)
            | Fitted::CcOr(..)
            | Fitted::Towers(..) => None,
        }
    }

    /// How a log1p head is read.
    pub fn log1p(&self) -> Option<Log1p> {
        match &self.fitted {
            Fitted::Log1p(head) => Some(*head),
            Fitted::Point
            | Fitted::Log
            | Fitted::Ziln { .. }
            | Fitted::Mdme(..)
            | Fitted::Ordinal(..)
            | Fitted::CcOr(..)
            | Fitted::Towers(..) => None,
        }
    }

    /// The head of several towers.
    pub fn towers(&self) -> Option<&TowersSpec> {
        match &self.fitted {
            Fitted::Towers(spec, _) => Some(spec),
            Fitted::Point
            | Fitted::Log
            | Fitted::Ziln { .. }
            | Fitted::Log1p(_)
            | Fitted::Mdme(..)
            | Fitted::Ordinal(..)
            | Fitted::CcOr(..) => None,
        }
    }
}

fn log_of_log(raw: &Tensor) -> Tensor {
    raw.squeeze_dim(-1).clamp_max(LOG_EXPECTATION_MAXIMUM)
}

impl From<&HeadSpec> for Readout {
    /// A head of which no training rows are known.
    fn from(spec: &HeadSpec) -> Self {
        Self::new(spec, &OutcomeSummary::default())
    }
}
