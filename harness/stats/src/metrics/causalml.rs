//! The definitions of causalml 0.18.0 (`auuc_score` and `qini_score` with their defaults).

use super::defined::Value;
use super::scored::RankedRows;
use super::sweep::{CONTROL, CONTROL_OUTCOME, Step, TREATED, TREATED_OUTCOME, nonzero};

/// `auuc_score`: the random ranking scores about one half.
///
/// ```text
/// lift(k) = R_T(k) / N_T(k) - R_C(k) / N_C(k), lift(0) = 0, gaps interpolated
/// sum over k = 0..n of lift(k) k / |lift(n) n|, over n + 1
/// ```
///
/// Undefined when the last gain is 0. Ties are averaged here; causalml leaves them to its sort.
pub(super) fn auuc(prepared: &RankedRows) -> Value {
    let lift =
        curve(prepared, |sums| sums[TREATED_OUTCOME] / sums[TREATED] - sums[CONTROL_OUTCOME] / sums[CONTROL]);
    let gain: Vec<f64> = lift.iter().enumerate().map(|(k, lift)| lift * k as f64).collect();
    Ok(gain.iter().sum::<f64>() / scale(&gain)? / gain.len() as f64)
}

/// `qini_score`: the random ranking scores about zero.
///
/// ```text
/// q(k) = R_T(k) - R_C(k) N_T(k) / N_C(k), q(0) = 0, gaps interpolated, divided by |q(n)|
/// (sum over k = 0..n of q(k) - q(n) k / n) / (n + 1)
/// ```
///
/// Undefined when q(n) is 0. Ties are averaged here; causalml leaves them to its sort.
pub(super) fn qini(prepared: &RankedRows) -> Value {
    let qini =
        curve(prepared, |sums| sums[TREATED_OUTCOME] - sums[CONTROL_OUTCOME] * sums[TREATED] / sums[CONTROL]);
    let (points, last) = (qini.len() as f64, qini[qini.len() - 1]);
    Ok((qini.iter().sum::<f64>() - last * points / 2.0) / scale(&qini)? / points)
}

/// The curve at k = 0..n; where an arm is still empty, linear between the neighbours that are defined.
fn curve(prepared: &RankedRows, value: impl Fn(&Step) -> f64) -> Vec<f64> {
    let mut curve = vec![0.0];
    let (mut known, mut level) = (0, 0.0);
    prepared.ranking.walk(&prepared.observed, None, |k, sums| {
        let value = value(sums);
        if !value.is_nan() {
            let slope = (value - level) / (k - known) as f64;
            curve.extend((known + 1..k).map(|gap| level + slope * (gap - known) as f64));
            curve.push(value);
            (known, level) = (k, value);
        }
    });
    curve
}

fn scale(curve: &[f64]) -> Value {
    let largest = curve.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    nonzero(curve[curve.len() - 1], largest, "the last point of the curve")
}
