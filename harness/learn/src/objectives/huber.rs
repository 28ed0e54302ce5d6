//! Huber's loss.

use super::unit::above_zero;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Unit;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Squared error of the observed arm that grows linearly beyond `delta`.
///
/// ```text
/// L = 1/B sum_i h((y_i - E_{t_i}(x_i)) / unit)       h(r) = r^2/2 where |r| <= delta, else delta (|r| - delta/2)
/// ```
///
/// No unit of its own, in [0, inf). Its minimiser is not the mean: large outcomes count less. Source: Huber 1964.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HuberSpec {
    /// Error, in units, from which the loss is linear; above 0.
    pub delta: f64,
    /// The unit of errors.
    pub unit: Unit,
}

impl Default for HuberSpec {
    fn default() -> Self {
        Self { delta: 1.0, unit: Unit::default() }
    }
}

impl TermOptions for HuberSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        Ok(Box::new(Huber { delta: self.delta, unit: self.unit.amount(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        above_zero("huber.delta", self.delta)?;
        self.unit.validate("huber.unit")
    }
}

struct Huber {
    delta: f64,
    unit: f64,
}

impl Term for Huber {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let size = ((&batch.outcome - prediction.observed_expectation(batch)) / self.unit).abs();
        let near = size.clamp_max(self.delta);
        // delta |r| - delta^2/2 beyond delta, r^2/2 before it.
        (&near * (size - &near * 0.5)).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
