//! Predictions against the truth or against observed means: size of errors, not order.

use super::judged::Prepared;
use super::rank::effect;
use super::registry::{Undefined, Value};
use super::resample::Weights;

/// Precision in estimating heterogeneous effects, as a root mean square.
///
/// ```text
/// sqrt(mean over rows of (tau_hat - tau)^2)
/// ```
///
/// Outcome units, 0 at best. Source: Hill 2011.
pub(super) fn pehe(prepared: &Prepared, weights: &Weights) -> Value {
    let (predicted, effect) = uplift_and_effect(prepared)?;
    let squares = |rank: usize| (predicted[rank] - effect[rank]).powi(2);
    mean_of_all(weights, predicted.len(), squares).map(f64::sqrt)
}

/// Error of the average effect.
///
/// ```text
/// mean tau_hat - mean tau
/// ```
///
/// Outcome units, 0 at best; the sign is kept.
pub(super) fn ate_error(prepared: &Prepared, weights: &Weights) -> Value {
    let (predicted, effect) = uplift_and_effect(prepared)?;
    mean_of_all(weights, predicted.len(), |rank| predicted[rank] - effect[rank])
}

/// Mean predicted over mean observed outcome among control rows; 1 at best.
pub(super) fn calibration_control(prepared: &Prepared, weights: &Weights) -> Value {
    calibration(prepared, weights, false)
}

/// Mean predicted over mean observed outcome among treated rows; 1 at best.
pub(super) fn calibration_treated(prepared: &Prepared, weights: &Weights) -> Value {
    calibration(prepared, weights, true)
}

fn calibration(prepared: &Prepared, weights: &Weights, arm: bool) -> Value {
    let column = if arm { &prepared.predicted_treated } else { &prepared.predicted_control };
    let predicted =
        column.as_ref().ok_or_else(|| Undefined::new("the model predicts no outcome of this arm"))?;
    let rows = || (0..predicted.len()).filter(|&rank| prepared.treatment[rank] == arm);
    let observed = mean(weights, rows(), |rank| prepared.outcome[rank])?;
    if observed == 0.0 {
        return Err(Undefined::new("the mean outcome of this arm is zero"));
    }
    Ok(mean(weights, rows(), |rank| predicted[rank])? / observed)
}

fn uplift_and_effect(prepared: &Prepared) -> Result<(&[f64], &[f64]), Undefined> {
    let predicted = prepared.predicted_uplift.as_deref();
    let predicted =
        predicted.ok_or_else(|| Undefined::new("the model predicts no uplift in outcome units"))?;
    Ok((predicted, effect(prepared)?))
}

fn mean_of_all(weights: &Weights, rows: usize, value: impl Fn(usize) -> f64) -> Value {
    let [sum, count] = weights.sums(rows, value);
    if count > 0.0 { Ok(sum / count) } else { Err(Undefined::new("an arm is empty")) }
}

fn mean(weights: &Weights, ranks: impl Iterator<Item = usize>, value: impl Fn(usize) -> f64) -> Value {
    let (mut sum, mut count) = (0.0, 0.0);
    for rank in ranks {
        let weight = weights.at(rank);
        sum += weight * value(rank);
        count += weight;
    }
    if count > 0.0 { Ok(sum / count) } else { Err(Undefined::new("an arm is empty")) }
}
