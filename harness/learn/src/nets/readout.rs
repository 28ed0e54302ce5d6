//! How raw outputs are read: the head, and what it knows of the training rows.

use super::head::{ArmHead, Head, LOG_EXPECTATION_MAXIMUM, SIGMA_MAXIMUM, SIGMA_SQUARE, Ziln};
use super::law::BucketLaw;
use super::parameters::Layout;
use super::{BucketSpec, Buckets, HeadSpec, OutcomeSummary, steady};
use tch::Tensor;

/// A log head starts at no mean below this.
const SMALLEST_MEAN: f64 = 1e-6;

/// A head, fitted: reads raw outputs `[S, B, k]` of an arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Readout {
    spec: HeadSpec,
    buckets: Option<Buckets>,
}

impl Readout {
    /// The head with what it needs of the training rows. Where these are not known yet, buckets are of outcomes 0, 1, 2 and so on.
    pub fn new(spec: &HeadSpec, summary: &OutcomeSummary) -> Self {
        let fitted = |spec: &BucketSpec| summary.buckets.clone().unwrap_or_else(|| spec.stand_in());
        Self { spec: spec.clone(), buckets: spec.buckets().map(fitted) }
    }

    /// What the head is.
    pub fn spec(&self) -> &HeadSpec {
        &self.spec
    }

    /// The buckets of heads that have them.
    pub fn buckets(&self) -> Option<&Buckets> {
        self.buckets.as_ref()
    }

    /// Where the raw outputs start: the pooled training outcome, so that no head starts with an advantage.
    pub fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        match (&self.spec, &self.buckets) {
            (HeadSpec::Point, _) => vec![summary.mean as f32],
            (HeadSpec::Log, _) => vec![summary.mean.max(SMALLEST_MEAN).ln() as f32],
            (HeadSpec::Ziln { .. }, _) => {
                let sigma = summary.log_sd.clamp(0.05, SIGMA_MAXIMUM);
                let raw = sigma.exp_m1().ln();
                vec![super::logit_of(summary.positive_share), summary.log_mean as f32, raw as f32]
            }
            (HeadSpec::Ordinal(spec), Some(buckets)) => spec.kind.start(buckets),
            (HeadSpec::Ordinal(_), None) => Vec::new(),
        }
    }

    /// What makes the raw outputs of an arm: hidden layers of these widths on a representation of this width.
    pub(super) fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        match (&self.spec, &self.buckets) {
            (HeadSpec::Ordinal(spec), Some(buckets)) => spec.head(layout, name, shape, buckets),
            (HeadSpec::Point | HeadSpec::Log | HeadSpec::Ziln { .. } | HeadSpec::Ordinal(_), _) => {
                Box::new(Head::new(layout, name, shape, &self.start(summary)))
            }
        }
    }

    /// `E[y]` of raw outputs: `[S, B, k] -> [S, B]`, in the network's unit of outcomes.
    ///
    /// ```text
    /// point:     the output itself
    /// log:       exp(output)
    /// ziln:      sigmoid(l) exp(mu + sigma^2 / 2)      without sigma_term: sigmoid(l) exp(mu)
    /// ordinal:   soft: sum_k P_k m_k                   hard: m of the bucket that is decided for
    /// ```
    pub fn expectation(&self, raw: &Tensor) -> Tensor {
        match (&self.spec, &self.buckets) {
            (HeadSpec::Point, _) => raw.squeeze_dim(-1),
            (HeadSpec::Ordinal(spec), Some(buckets)) => spec.expectation(buckets, raw),
            (HeadSpec::Log | HeadSpec::Ziln { .. } | HeadSpec::Ordinal(_), _) => {
                self.log_expectation(raw).unwrap_or_else(|| raw.shallow_clone()).exp()
            }
        }
    }

    /// `log E[y]` of raw outputs, from heads that put out a positive expectation.
    pub fn log_expectation(&self, raw: &Tensor) -> Option<Tensor> {
        match &self.spec {
            HeadSpec::Point | HeadSpec::Ordinal(_) => None,
            HeadSpec::Log => Some(raw.squeeze_dim(-1).clamp_max(LOG_EXPECTATION_MAXIMUM)),
            HeadSpec::Ziln { sigma_term } => {
                let parts = Ziln::new(raw);
                let mut log_mean = parts.logit.log_sigmoid() + &parts.mu;
                if *sigma_term {
                    log_mean += parts.sigma().square() * SIGMA_SQUARE;
                }
                Some(log_mean.clamp_max(LOG_EXPECTATION_MAXIMUM))
            }
        }
    }

    /// `P(y > 0)` of raw outputs, from heads that have it. Of buckets the share above the zeros; 1 where the training rows had none.
    pub fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        match (&self.spec, &self.buckets) {
            (HeadSpec::Point | HeadSpec::Log, _) => None,
            (HeadSpec::Ziln { .. }, _) => Some(steady::sigmoid(&Ziln::new(raw).logit)),
            (HeadSpec::Ordinal(_), buckets) => {
                let law = self.law(raw)?;
                let above = law.survival().into_iter().next()?;
                let zeros = buckets.as_ref().is_some_and(Buckets::starts_with_zeros);
                Some(if zeros { above } else { above.ones_like() })
            }
        }
    }

    /// The law of the bucket, from heads that have one.
    pub fn law(&self, raw: &Tensor) -> Option<BucketLaw> {
        match &self.spec {
            HeadSpec::Point | HeadSpec::Log | HeadSpec::Ziln { .. } => None,
            HeadSpec::Ordinal(spec) => Some(spec.kind.law(raw)),
        }
    }
}

impl From<&HeadSpec> for Readout {
    /// A head of which no training rows are known.
    fn from(spec: &HeadSpec) -> Self {
        Self::new(spec, &OutcomeSummary::default())
    }
}
