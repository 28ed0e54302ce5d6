//! RERUM's response ranking: pairs of rows whose predicted and observed outcomes disagree in order.

use super::by_arm::{ByArm, Side, Widths, both_present, sum_pairs, valid_pairs};
use super::closed_form::with_slope;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Unit;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Pairs of one arm.
///
/// ```text
/// L = sum over arms of  1/n^2 sum_ij l_ij          i, j of the arm; n its rows in the batch; 0 if one is empty
/// l_ij = 0 where (E_i - E_j)(y_i - y_j) >= 0, else ((E_i - E_j) - (y_i - y_j))^2          in units
/// ```
///
/// `sum` leaves the divisors out. No unit of its own, in [0, inf). Source: He et al., RERUM, KDD 2024, equations 10
/// and 11, which name no divisor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct WithinGroupSpec {
    /// How pairs are summed up.
    pub reduction: PairReduction,
    /// The unit of outcomes.
    pub unit: Unit,
}

/// Pairs of a treated row `i` and a control row `j`.
///
/// ```text
/// L = 1/(n_t n_c) sum_ij l_ij          a = E_1(x_i) - y_j,  b = y_i - E_0(x_j)          in units
/// l_ij = 0 where a b >= 0, else (a - b)^2
/// ```
///
/// `sum` leaves the divisor out. No unit of its own, in [0, inf). Source: RERUM, equations 12 and 13, whose second
/// half has the same value; absent from its public code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CrossGroupSpec {
    /// How pairs are summed up.
    pub reduction: PairReduction,
    /// The unit of outcomes.
    pub unit: Unit,
}

/// How pairs are summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairReduction {
    /// Over all pairs.
    #[default]
    Mean,
    /// The plain sum.
    Sum,
}

impl TermOptions for WithinGroupSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_treatment("within-group")?;
        let (unit, widths) = (self.unit.amount(setting), Widths::new(setting));
        Ok(Box::new(WithinGroup { reduction: self.reduction, unit, widths }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("within-group.unit")
    }
}

impl TermOptions for CrossGroupSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_treatment("cross-group")?;
        let (unit, widths) = (self.unit.amount(setting), Widths::new(setting));
        Ok(Box::new(CrossGroup { reduction: self.reduction, unit, widths }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("cross-group.unit")
    }
}

struct WithinGroup {
    reduction: PairReduction,
    unit: f64,
    widths: Widths,
}

struct CrossGroup {
    reduction: PairReduction,
    unit: f64,
    widths: Widths,
}

impl PairReduction {
    fn divisor(self, pairs: &Tensor) -> Tensor {
        match self {
            PairReduction::Mean => pairs.clamp_min(1.0),
            PairReduction::Sum => pairs.ones_like(),
        }
    }
}

/// `values_i - values_j`, `[S, W]` and `[S, V]` to `[S, W, V]`.
fn differences(rows: &Tensor, columns: &Tensor) -> Tensor {
    rows.unsqueeze(2) - columns.unsqueeze(1)
}

impl WithinGroup {
    /// An arm's loss, carrying its gradient by the arm's predictions.
    fn of_arm(&self, side: &Side, predicted: &Tensor, outcome: &Tensor) -> Tensor {
        let predicted = side.values(predicted);
        with_slope(&predicted, || {
            let (guess, truth) = (differences(&predicted, &predicted), side.values(outcome));
            let truth = differences(&truth, &truth);
            let wrong = (&guess * &truth).lt(0.0).to_kind(guess.kind()) * valid_pairs(side, side);
            let error = (guess - truth) * wrong;
            let divisor = self.reduction.divisor(&side.count.square());
            // Each pair is met as (i, j) and as (j, i), with opposite errors.
            let slope = error.sum_dim_intlist(2i64, false, None) * 4.0 / divisor.unsqueeze(1);
            (sum_pairs(&error.square()) / divisor, slope)
        })
    }
}

impl Term for WithinGroup {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let arms = ByArm::new(batch, self.widths);
        let (predicted, outcome) =
            (prediction.observed_expectation(batch) / self.unit, &batch.outcome / self.unit);
        let loss = |side: &Side| self.of_arm(side, &predicted, &outcome);
        (loss(&arms.treated) + loss(&arms.control)) * both_present(&arms)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

impl Term for CrossGroup {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let arms = ByArm::new(batch, self.widths);
        let (predicted, outcome) =
            (prediction.observed_expectation(batch) / self.unit, &batch.outcome / self.unit);
        let of = |side: &Side| (side.values(&predicted), side.values(&outcome));
        let ((treated, treated_outcome), (control, control_outcome)) = (of(&arms.treated), of(&arms.control));
        let both = Tensor::cat(&[&treated, &control], 1);
        with_slope(&both, || {
            let over_control = differences(&treated, &control_outcome);
            let over_predicted = differences(&treated_outcome, &control);
            let wrong = (&over_control * &over_predicted).lt(0.0).to_kind(treated.kind());
            let error = (over_control - over_predicted) * wrong * valid_pairs(&arms.treated, &arms.control);
            let divisor = self.reduction.divisor(&arms.pairs());
            let slope = |dimension: i64| error.sum_dim_intlist(dimension, false, None) * 2.0;
            let slope = Tensor::cat(&[slope(2), slope(1)], 1) / divisor.unsqueeze(1);
            (sum_pairs(&error.square()) / divisor, slope)
        })
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
