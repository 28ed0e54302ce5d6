//! DragonNet's targeted regularisation.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Unit;
use crate::nets::steady;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Squared error of predictions that a trained scalar pushes along the efficient influence curve.
///
/// ```text
/// L = 1/B sum_i ( (y_i - E_{t_i}(x_i)) / unit - epsilon h_i )^2
/// h = t / g - (1 - t) / (1 - g)          g = (sigmoid(logit) + .01) / 1.02
/// ```
///
/// No unit of its own, in [0, inf). Predictions leave the push out, as in the published code. Source: Shi, Blei,
/// Veitch, NeurIPS 2019, section 3; the code standardises outcomes, for which `unit` stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TargetedSpec {
    /// The unit of errors and of epsilon.
    pub unit: Unit,
}

impl TermOptions for TargetedSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_propensity("targeted")?;
        setting.needs_epsilon("targeted")?;
        Ok(Box::new(Targeted { unit: self.unit.amount(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("targeted.unit")
    }
}

struct Targeted {
    unit: f64,
}

impl Term for Targeted {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let share = (steady::sigmoid(prediction.propensity_logit()) + 0.01) / 1.02;
        let push = &batch.treatment / &share - batch.control() / (-share + 1.0);
        let error = (&batch.outcome - prediction.observed_expectation(batch)) / self.unit;
        let epsilon = prediction.epsilon().unsqueeze(-1);
        (error - epsilon * push).square().mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
