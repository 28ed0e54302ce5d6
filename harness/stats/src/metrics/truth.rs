//! Predictions against the truth or against observed means: size of errors, not order.

use super::defined::Undefined;
use super::means::Means;
use super::rank::effect;
use super::scored::RankedRows;

type Found = Result<Means, Undefined>;

/// Precision in estimating heterogeneous effects, as a root mean square.
///
/// ```text
/// sqrt(mean over rows of (tau_hat - tau)^2)
/// ```
///
/// Outcome units, 0 at best. Source: Hill 2011.
pub(super) fn pehe(prepared: &RankedRows) -> Found {
    let squares = errors(prepared)?.into_iter().map(|error| error * error).collect();
    Ok(Means::new(vec![squares], |means| Ok(means[0].sqrt())))
}

/// Error of the average effect.
///
/// ```text
/// mean tau_hat - mean tau
/// ```
///
/// Outcome units, 0 at best; the sign is kept.
pub(super) fn ate_error(prepared: &RankedRows) -> Found {
    Ok(Means::new(vec![errors(prepared)?], |means| Ok(means[0])))
}

/// Mean predicted over mean observed outcome among control rows; 1 at best.
pub(super) fn calibration_control(prepared: &RankedRows) -> Found {
    calibration(prepared, false)
}

/// Mean predicted over mean observed outcome among treated rows; 1 at best.
pub(super) fn calibration_treated(prepared: &RankedRows) -> Found {
    calibration(prepared, true)
}

fn calibration(prepared: &RankedRows, arm: bool) -> Found {
    let predicted = if arm { &prepared.predicted_treated } else { &prepared.predicted_control };
    let predicted =
        predicted.as_ref().ok_or_else(|| Undefined::new("the model predicts no outcome of this arm"))?;
    let of_arm = |values: &[f64]| -> Vec<f64> {
        let inside = prepared.treatment.iter().map(|&treated| treated == arm);
        values.iter().zip(inside).map(|(value, inside)| if inside { *value } else { 0.0 }).collect()
    };
    let observed: Vec<f64> = prepared.outcome.iter().map(|outcome| outcome + prepared.origin).collect();
    Ok(Means::new(vec![of_arm(predicted), of_arm(&observed)], |means| match means[1] {
        0.0 => Err(Undefined::new("the mean outcome of this arm is zero")),
        observed => Ok(means[0] / observed),
    }))
}

fn errors(prepared: &RankedRows) -> Result<Vec<f64>, Undefined> {
    let predicted = prepared.predicted_uplift.as_ref();
    let predicted =
        predicted.ok_or_else(|| Undefined::new("the model predicts no uplift in outcome units"))?;
    Ok(predicted.iter().zip(effect(prepared)?).map(|(predicted, effect)| predicted - effect).collect())
}
