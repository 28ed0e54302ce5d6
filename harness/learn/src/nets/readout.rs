//! How raw outputs are read: the head, and what it knows of the training rows.

use super::cc_or::{Body, CcOrSaid};
use super::head::{ArmHead, Head, LOG_EXPECTATION_MAXIMUM, SIGMA_MAXIMUM, SIGMA_SQUARE, Ziln};
use super::law::BucketLaw;
use super::parameters::Layout;
use super::{BucketSpec, Buckets, CcOrSpec, HeadSpec, OrdinalSpec, OutcomeSummary, steady};
use tch::Tensor;

/// A log head starts at no mean below this.
const SMALLEST_MEAN: f64 = 1e-6;

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
    Ordinal(OrdinalSpec, Buckets),
    CcOr(CcOrSpec, Buckets),
}

impl Readout {
    /// The head with what it needs of the training rows. Where these are not known yet, buckets are of outcomes 0, 1, 2 and so on.
    pub fn new(spec: &HeadSpec, summary: &OutcomeSummary) -> Self {
        let buckets = |spec: &BucketSpec| summary.buckets.clone().unwrap_or_else(|| spec.stand_in());
        let fitted = match spec {
            HeadSpec::Point => Fitted::Point,
            HeadSpec::Log => Fitted::Log,
            HeadSpec::Ziln { sigma_term } => Fitted::Ziln { sigma_term: *sigma_term },
            HeadSpec::Ordinal(spec) => Fitted::Ordinal(spec.clone(), buckets(&spec.buckets)),
            HeadSpec::CcOr(spec) => Fitted::CcOr(spec.clone(), buckets(&spec.buckets)),
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
            Fitted::Point | Fitted::Log | Fitted::Ziln { .. } => None,
            Fitted::Ordinal(_, buckets) | Fitted::CcOr(_, buckets) => Some(buckets),
        }
    }

    /// Where the raw outputs of hidden layers and an output layer start: the pooled training outcome, so that no head starts with
    /// an advantage.
    pub fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        match &self.fitted {
            Fitted::Point => vec![summary.mean as f32],
            Fitted::Log => vec![summary.mean.max(SMALLEST_MEAN).ln() as f32],
            Fitted::Ziln { .. } => {
                let sigma = summary.log_sd.clamp(0.05, SIGMA_MAXIMUM);
                let raw = sigma.exp_m1().ln();
                vec![super::logit_of(summary.positive_share), summary.log_mean as f32, raw as f32]
            }
            Fitted::Ordinal(spec, buckets) => spec.kind.start(buckets),
            Fitted::CcOr(spec, buckets) => {
                spec.parts(buckets).into_iter().flat_map(|(_, width)| vec![0.0; width]).collect()
            }
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
            Fitted::Point | Fitted::Log | Fitted::Ziln { .. } => {
                Box::new(Head::new(layout, name, shape, &self.start(summary)))
            }
            Fitted::Ordinal(spec, buckets) => spec.head(layout, name, shape, buckets),
            Fitted::CcOr(spec, buckets) => Box::new(Body::new(layout, name, shape, (spec, buckets))),
        }
    }

    /// `E[y]` of raw outputs: `[S, B, k] -> [S, B]`, in the network's unit of outcomes.
    ///
    /// ```text
    /// point:     the output itself
    /// log:       exp(output)
    /// ziln:      sigmoid(l) exp(mu + sigma^2 / 2)      without sigma_term: sigmoid(l) exp(mu)
    /// ordinal:   soft: sum_k P_k m_k                   hard: m of the bucket that is decided for;  m: training means
    /// cc-or:     the same of the value within each bucket
    /// ```
    pub fn expectation(&self, raw: &Tensor) -> Tensor {
        match &self.fitted {
            Fitted::Point => raw.squeeze_dim(-1),
            Fitted::Log => log_of_log(raw).exp(),
            Fitted::Ziln { sigma_term } => log_of_ziln(raw, *sigma_term).exp(),
            Fitted::Ordinal(spec, buckets) => spec.expectation(buckets, raw),
            Fitted::CcOr(spec, buckets) => CcOrSaid::new(spec, buckets, raw).expectation(),
        }
    }

    /// `log E[y]` of raw outputs, from heads that put out a positive expectation.
    pub fn log_expectation(&self, raw: &Tensor) -> Option<Tensor> {
        match &self.fitted {
            Fitted::Point | Fitted::Ordinal(..) | Fitted::CcOr(..) => None,
            Fitted::Log => Some(log_of_log(raw)),
            Fitted::Ziln { sigma_term } => Some(log_of_ziln(raw, *sigma_term)),
        }
    }

    /// `P(y > 0)` of raw outputs, from heads that have it. Of buckets the share above the zeros; 1 where the training rows had none.
    pub fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        match &self.fitted {
            Fitted::Point | Fitted::Log => None,
            Fitted::Ziln { .. } => Some(steady::sigmoid(&Ziln::new(raw).logit)),
            Fitted::Ordinal(_, buckets) | Fitted::CcOr(_, buckets) => {
                let above = self.law(raw)?.survival().into_iter().next()?;
                Some(if buckets.starts_with_zeros() { above } else { above.ones_like() })
            }
        }
    }

    /// The law of the bucket, from heads that have one.
    pub fn law(&self, raw: &Tensor) -> Option<BucketLaw> {
        match &self.fitted {
            Fitted::Point | Fitted::Log | Fitted::Ziln { .. } => None,
            Fitted::Ordinal(spec, _) => Some(spec.kind.law(raw)),
            Fitted::CcOr(spec, buckets) => Some(CcOrSaid::new(spec, buckets, raw).law()),
        }
    }

    /// What the head knows of an outcome beyond its expectation, where it has a law of amounts; in the network's unit.
    pub fn amounts(&self, raw: &Tensor) -> Option<AmountLaw> {
        match &self.fitted {
            Fitted::Point | Fitted::Log => None,
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
            Fitted::Point | Fitted::Log | Fitted::Ziln { .. } | Fitted::Ordinal(..) => None,
            Fitted::CcOr(spec, buckets) => Some(CcOrSaid::new(spec, buckets, raw)),
        }
    }
}

fn log_of_log(raw: &Tensor) -> Tensor {
    raw.squeeze_dim(-1).clamp_max(LOG_EXPECTATION_MAXIMUM)
}

fn log_of_ziln(raw: &Tensor, sigma_term: bool) -> Tensor {
    let parts = Ziln::new(raw);
    let mut log_mean = parts.logit.log_sigmoid() + &parts.mu;
    if sigma_term {
        log_mean += parts.sigma().square() * SIGMA_SQUARE;
    }
    log_mean.clamp_max(LOG_EXPECTATION_MAXIMUM)
}

impl From<&HeadSpec> for Readout {
    /// A head of which no training rows are known.
    fn from(spec: &HeadSpec) -> Self {
        Self::new(spec, &OutcomeSummary::default())
    }
}
