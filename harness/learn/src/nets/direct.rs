//! Heads whose outputs are the law of the outcome as they stand: its mean, the log of that, or a zero-inflated log-normal law.

use super::head::{LOG_EXPECTATION_MAXIMUM, SMALLEST_MEAN, Ziln, log_of_ziln};
use super::reading::{AmountLaw, Reading};
use super::{OutcomeSummary, steady, ziln_start};
use tch::Tensor;

/// One output: the expected outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct PointReading;

impl Reading for PointReading {
    fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        vec![summary.mean as f32]
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        raw.squeeze_dim(-1)
    }
}

/// One output: the log of the expected outcome.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogReading;

impl Reading for LogReading {
    fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        vec![summary.mean.max(SMALLEST_MEAN).ln() as f32]
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        log_of_log(raw).exp()
    }

    fn log_expectation(&self, raw: &Tensor) -> Option<Tensor> {
        Some(log_of_log(raw))
    }
}

fn log_of_log(raw: &Tensor) -> Tensor {
    raw.squeeze_dim(-1).clamp_max(LOG_EXPECTATION_MAXIMUM)
}

/// The zero-inflated log-normal law.
#[derive(Clone, Copy, Debug)]
pub(super) struct ZilnReading {
    /// Whether the expectation has half of `sigma^2`.
    pub sigma_term: bool,
}

impl Reading for ZilnReading {
    fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        ziln_start(summary).to_vec()
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        log_of_ziln(raw, self.sigma_term).exp()
    }

    fn log_expectation(&self, raw: &Tensor) -> Option<Tensor> {
        Some(log_of_ziln(raw, self.sigma_term))
    }

    fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        Some(steady::sigmoid(&Ziln::new(raw).logit))
    }

    fn amounts(&self, raw: &Tensor) -> Option<AmountLaw> {
        let parts = Ziln::new(raw);
        Some(AmountLaw::ZeroInflated { sigma: parts.sigma(), mu: parts.mu })
    }
}
