//! Where a value lies within its bucket.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Error of the place within the bucket, of rows outside the zeros, in their own bucket whatever the law says.
///
/// ```text
/// L = 1/max(1, n) sum_{y_i above the zeros} l(v_i - clip((T(y_i) - c_{b_i}) / r_{b_i}, -1, 1))        n: such rows
/// smooth-l1:  l(d) = d^2/2 where |d| < 1, else |d| - 1/2          squared:  l(d) = d^2
/// ```
///
/// `c`, `r`, `T`: centre, half range and scale of the head. Source: CC-OR-Net, arXiv 2601.10176, whose loss is not public.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BucketResidualSpec {
    /// How an error counts.
    pub error: ResidualError,
}

/// How an error within the bucket counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResidualError {
    /// Squared, and linear where it is large.
    #[default]
    SmoothL1,
    /// Squared.
    Squared,
}

impl TermOptions for BucketResidualSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_residual("bucket-residual")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for BucketResidualSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let raw = prediction.observed(batch);
        let (said, buckets) = (prediction.cc_or(&raw), prediction.buckets());
        let none = || batch.outcome.zeros_like();
        let off = said.within().unwrap_or_else(none) - said.place_within(&batch.outcome);
        let errors = match self.error {
            ResidualError::SmoothL1 => {
                let size = off.abs();
                // The same in one piece: quadratic up to 1, linear beyond.
                let near = size.clamp_max(1.0);
                &near * (size - &near * 0.5)
            }
            ResidualError::Squared => off.square(),
        };
        let counted = match buckets.starts_with_zeros() {
            true => buckets.exceeded(&batch.outcome).select(-1, 0),
            false => batch.outcome.ones_like(),
        };
        let rows = counted.sum_dim_intlist(-1i64, false, None);
        (counted * errors).sum_dim_intlist(-1i64, false, None) / rows.clamp_min(1.0)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
