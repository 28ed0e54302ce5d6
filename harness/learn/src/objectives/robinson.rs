//! Robinson's decomposition: the marginal outcome and what treatment adds to it.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Unit;
use crate::nets::steady;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Squared error of the outcome averaged over the arms.
///
/// ```text
/// L = 1/B sum_i ( (y_i - m(x_i)) / unit )^2          m = e E_1 + (1 - e) E_0
/// ```
///
/// No unit of its own, in [0, inf). Source: the nuisance `E[Y | x]` of Robinson 1988, as UniTE trains it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MarginalSpec {
    /// The unit of errors.
    pub unit: Unit,
}

/// Squared error of what the marginal outcome leaves unexplained.
///
/// ```text
/// L = 1/B sum_i ( (y_i - m(x_i) - (t_i - e(x_i)) tau_hat(x_i)) / unit )^2          tau_hat = E_1 - E_0
/// ```
///
/// No unit of its own, in [0, inf). With `detach` the nuisances `m` and `e` are constants here, as in the
/// R-learner; without, the sum is the plain squared error, since `m + (t - e) tau = E_t`. Source: Robinson 1988;
/// Nie and Wager 2021; UniTE (CIKM 2023), whose VALOR version does not detach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RobinsonSpec {
    /// Whether the loss trains the uplift only.
    pub detach: bool,
    /// The unit of errors.
    pub unit: Unit,
}

impl Default for RobinsonSpec {
    fn default() -> Self {
        Self { detach: true, unit: Unit::default() }
    }
}

impl TermOptions for MarginalSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_propensity("marginal")?;
        Ok(Box::new(Marginal { unit: self.unit.amount(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("marginal.unit")
    }
}

impl TermOptions for RobinsonSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_propensity("robinson")?;
        Ok(Box::new(Robinson { detach: self.detach, unit: self.unit.amount(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("robinson.unit")
    }
}

struct Marginal {
    unit: f64,
}

struct Robinson {
    detach: bool,
    unit: f64,
}

/// `e` and `m`, each `[S, B]`.
fn nuisances(prediction: &Prediction) -> (Tensor, Tensor) {
    let share = steady::sigmoid(prediction.propensity_logit());
    let (control, treated) = prediction.expectations();
    let marginal = &control + &share * (treated - &control);
    (share, marginal)
}

impl Term for Marginal {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let (_, marginal) = nuisances(prediction);
        ((&batch.outcome - marginal) / self.unit).square().mean_dim(-1, false, None)
    }
}

impl Term for Robinson {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let (mut share, mut marginal) = nuisances(prediction);
        if self.detach {
            (share, marginal) = (share.detach(), marginal.detach());
        }
        let explained = marginal + (&batch.treatment - share) * prediction.uplift();
        ((&batch.outcome - explained) / self.unit).square().mean_dim(-1, false, None)
    }
}
