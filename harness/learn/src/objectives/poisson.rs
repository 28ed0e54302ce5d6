//! Poisson's deviance.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Unit;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Half the Poisson deviance of the observed arm: a loss for any outcome of 0 or more, not for counts alone.
///
/// ```text
/// L = 1/B sum_i [ y_i (log y_i - log E_i) - (y_i - E_i) ] / unit        E of the observed arm, 0 log 0 = 0
/// ```
///
/// Needs a head with a positive expectation (log or ziln). No unit of its own, in [0, inf). Least where `E` is the mean,
/// whatever the law of the outcome. Source: Gourieroux, Monfort, Trognon, Econometrica 1984; Santos Silva, Tenreyro 2006.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PoissonSpec {
    /// The unit of outcomes.
    pub unit: Unit,
}

impl TermOptions for PoissonSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_positive("poisson")?;
        Ok(Box::new(Poisson { unit: self.unit.amount(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("poisson.unit")
    }
}

struct Poisson {
    unit: f64,
}

impl Term for Poisson {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let log_mean = prediction.observed_log_expectation(batch);
        let shortfall = &batch.outcome * (&batch.log_outcome - &log_mean);
        ((shortfall - &batch.outcome + log_mean.exp()) / self.unit).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
