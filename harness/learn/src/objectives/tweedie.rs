//! Tweedie's deviance.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Unit;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::input_error;

/// Deviance of a compound Poisson-gamma outcome with mean `E` of the observed arm.
///
/// ```text
/// L = 1/B sum_i [ E_i^(2-p) / (2-p) - y_i E_i^(1-p) / (1-p) ]        y, E in units;  1 < p < 2
/// ```
///
/// Needs a head with a positive expectation (log or ziln). Least where `E` is the mean. Source: Tweedie 1984;
/// the form without constants is LightGBM's and scikit-learn's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TweedieSpec {
    /// `p`: the variance grows with this power of the mean; inside (1, 2).
    pub power: f64,
    /// The unit of outcomes.
    pub unit: Unit,
}

impl Default for TweedieSpec {
    fn default() -> Self {
        Self { power: 1.5, unit: Unit::default() }
    }
}

impl TermOptions for TweedieSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_positive("tweedie")?;
        Ok(Box::new(Tweedie { power: self.power, log_unit: self.unit.amount(setting).ln() }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if !(self.power > 1.0 && self.power < 2.0) {
            return Err(input_error!("tweedie.power: found {}; must be inside (1, 2)", self.power));
        }
        self.unit.validate("tweedie.unit")
    }
}

struct Tweedie {
    power: f64,
    log_unit: f64,
}

impl Term for Tweedie {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let log_mean = prediction.observed_log_expectation(batch) - self.log_unit;
        let (rise, fall) = (2.0 - self.power, 1.0 - self.power);
        let outcome = &batch.outcome * (-self.log_unit).exp();
        // Expectations below e^-30 units would make y E^(1-p) overflow.
        let log_mean = log_mean.clamp_min(-30.0);
        ((&log_mean * rise).exp() / rise - outcome * (log_mean * fall).exp() / fall).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
