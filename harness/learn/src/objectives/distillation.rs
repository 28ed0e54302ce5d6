//! What calibrates the law of the bucket.

use super::unit::above_zero;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::{BucketLaw, Buckets};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::input_error;

/// Shares are not taken below this before their log.
const LEAST: f64 = 1e-12;

/// The law of the bucket beside the shares of the buckets, or a softmax beside the law, as the head's `distillation` says.
///
/// ```text
/// marginal:       L = sum_k pi_k log(pi_k / mean_i P_ik)               pi: shares among the batch's rows, or the training rows
/// head-to-head:   L = T^2 1/B sum_i sum_k t_ik log(t_ik / q_ik)        q = softmax(c / T)
///                 t = (1 - a) sg[P]^{1/T} / sum sg[P]^{1/T} + a 1[b_i = k]
/// ```
///
/// With `marginal` the representation does not learn from it, with `head-to-head` the cascade does not. Source: CC-OR-Net, arXiv
/// 2601.10176, whose equation is not public: both readings of what is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DistillationSpec {
    /// The shares that the mean is pulled towards; of `marginal`.
    pub shares: Shares,
    /// `T`, above 0; of `head-to-head`.
    pub temperature: f64,
    /// `a`: part of the label in the target, in [0, 1]; of `head-to-head`.
    pub labels: f64,
}

/// Whose shares of the buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shares {
    /// Of the batch.
    Batch,
    /// Of all training rows.
    Training,
}

impl Default for DistillationSpec {
    fn default() -> Self {
        Self { shares: Shares::Batch, temperature: 1.0, labels: 0.0 }
    }
}

impl TermOptions for DistillationSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_distillation("distillation")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        above_zero("distillation.temperature", self.temperature)?;
        if !(0.0..=1.0).contains(&self.labels) {
            return Err(input_error!("distillation.labels: found {}; must be inside [0, 1]", self.labels));
        }
        Ok(())
    }
}

impl Term for DistillationSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let said = prediction.observed(batch);
        let (said, buckets) = (prediction.cc_or(&said), prediction.buckets());
        match (&said.shielded, &said.student) {
            (Some(shielded), _) => self.marginal(batch, buckets, &said.law_of(shielded)),
            (None, Some(student)) => self.head_to_head(batch, buckets, &said.law(), student),
            (None, None) => batch.outcome.zeros_like().sum_dim_intlist(-1i64, false, None),
        }
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

impl DistillationSpec {
    fn marginal(&self, batch: &Batch, buckets: &Buckets, law: &BucketLaw) -> Tensor {
        let found = law.probabilities().mean_dim(1i64, false, None);
        let shares = match self.shares {
            Shares::Batch => buckets.members(&batch.outcome).mean_dim(1i64, false, None),
            Shares::Training => buckets.of_training(&found),
        };
        let ratio = shares.clamp_min(LEAST).log() - found.clamp_min(LEAST).log();
        (shares * ratio).sum_dim_intlist(-1i64, false, None)
    }

    fn head_to_head(&self, batch: &Batch, buckets: &Buckets, law: &BucketLaw, student: &Tensor) -> Tensor {
        let softened = |scores: &Tensor| (scores / self.temperature).log_softmax(-1, None);
        let teacher = softened(&law.logs().detach()).exp();
        let target = match self.labels > 0.0 {
            true => teacher * (1.0 - self.labels) + buckets.members(&batch.outcome) * self.labels,
            false => teacher,
        };
        let ratio = target.clamp_min(LEAST).log() - softened(student);
        let divergence = (target * ratio).sum_dim_intlist(-1i64, false, None);
        divergence.mean_dim(-1i64, false, None) * self.temperature.powi(2)
    }
}
