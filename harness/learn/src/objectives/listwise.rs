//! RERUM's listwise uplift ranking.

use super::by_arm::MASKED;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Unit;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Cross-entropy of uplift's top-one probabilities, the true uplift replaced by what both arms spent.
///
/// ```text
/// L = - 1/n_t sum_{treated} y_i log P_i  +  1/n_c sum_{control} y_i log P_i
/// P = softmax(tau_hat / unit) over the batch (or the row's arm)          y in units
/// ```
///
/// Not bounded below: the second sum falls without end as the uplift of a control row that spent falls. 0
/// where an arm is empty. Source: He et al., RERUM, KDD 2024, equation 20; the softmax per arm and the factor
/// `n_t + n_c` are its public code's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ListwiseSpec {
    /// Over which rows probabilities add up to 1.
    pub over: Over,
    /// Whether the loss is multiplied by the rows of the batch.
    pub factor: bool,
    /// The unit of outcomes and uplift.
    pub unit: Unit,
}

/// Over which rows a softmax goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// All rows of the batch, as in the paper.
    #[default]
    Batch,
    /// The rows of the same arm, as in the public code.
    Arm,
}

impl TermOptions for ListwiseSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        Ok(Box::new(Listwise { spec: self.clone(), unit: self.unit.amount(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("listwise.unit")
    }
}

struct Listwise {
    spec: ListwiseSpec,
    unit: f64,
}

impl Listwise {
    fn log_share(&self, score: &Tensor, arm: &Tensor) -> Tensor {
        match self.spec.over {
            Over::Batch => score - score.logsumexp(-1, true),
            Over::Arm => score - score.masked_fill(&arm.eq(0.0), MASKED).logsumexp(-1, true),
        }
    }
}

impl Term for Listwise {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let (score, outcome) = (prediction.uplift() / self.unit, &batch.outcome / self.unit);
        let mean = |arm: &Tensor| {
            let sum = |values: Tensor| values.sum_dim_intlist(-1i64, false, None);
            sum(&outcome * arm * self.log_share(&score, arm)) / sum(arm.shallow_clone()).clamp_min(1.0)
        };
        let (treated, control) = (&batch.treatment, batch.control());
        let present = |arm: &Tensor| arm.amax([-1i64].as_slice(), false);
        let loss = (mean(&control) - mean(treated)) * present(treated) * present(&control);
        if self.spec.factor { loss * batch.outcome.size()[1] as f64 } else { loss }
    }
}
