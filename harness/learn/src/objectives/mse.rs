//! Squared error.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Mean squared error of the observed arm.
///
/// ```text
/// L = 1/B sum_i (y_i - E_{t_i}(x_i))^2          outcome units squared, in [0, inf)
/// ```
///
/// Source: the baselines of VALOR's tables.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MseSpec {}

impl TermOptions for MseSpec {
    fn build(&self, _setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        Ok(Box::new(self.clone()))
    }
}

impl Term for MseSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let error = &batch.outcome - prediction.observed_expectation(batch);
        error.square().mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
