//! One pass down the ranking: everything that AUUC, Qini, Lift@30 and their true counterparts are made of.
//!
//! The same pass serves observed arms, inverse-propensity-weighted arms and row weights of a bootstrap. With
//! `N_T(k)`, `N_C(k)` the (weighted) rows of the arms among the top k and `R_T(k)`, `R_C(k)` the (weighted)
//! sums of their outcomes.

use super::defined::{Undefined, Value};
use super::ranking::Ranking;

/// What a row adds: treated, control, treated outcome, control outcome, true effect.
pub(super) type Step = [f64; 5];

pub(super) const TREATED: usize = 0;
pub(super) const CONTROL: usize = 1;
pub(super) const TREATED_OUTCOME: usize = 2;
pub(super) const CONTROL_OUTCOME: usize = 3;
pub(super) const EFFECT: usize = 4;

/// Below this share of its parts a total counts as zero: what is left is rounding.
const NOTHING: f64 = 1e-12;

/// The sums of one pass.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sweep {
    pub(super) rows: usize,
    pub(super) truth: bool,
    /// Sums over all rows.
    pub(super) total: Step,
    /// Sums over the top `top_rows`.
    pub(super) top: Step,
    pub(super) top_rows: usize,
    /// Sum over k of the sums over the top k.
    pub(super) area: Step,
    /// Sum over k of `V(k)`.
    pub(super) gain: f64,
}

impl Sweep {
    /// Row at rank i counted `weights[i]` times, else once. `truth` says whether the steps carry true effects.
    pub(super) fn new(ranking: &Ranking, steps: &[Step], truth: bool, weights: Option<&[u8]>) -> Self {
        let count = |weights: &[u8]| weights.iter().map(|&weight| usize::from(weight)).sum();
        let rows = weights.map_or(ranking.rows(), count);
        let top_rows = top_30(rows);
        let (mut top, mut area, mut gain) = ([0.0; 5], [0.0; 5], 0.0);
        let total = ranking.walk(steps, weights, |k, sums| {
            gain += difference(sums) * k as f64;
            for (area, sum) in area.iter_mut().zip(sums) {
                *area += sum;
            }
            if k == top_rows {
                top = *sums;
            }
        });
        Self { rows, truth, total, top, top_rows, area, gain }
    }

    fn arms(&self) -> Result<(), Undefined> {
        if self.total[TREATED] > 0.0 && self.total[CONTROL] > 0.0 {
            return Ok(());
        }
        Err(Undefined::new("an arm is empty"))
    }

    fn known_truth(&self) -> Result<(), Undefined> {
        if self.truth { Ok(()) } else { Err(Undefined::new("the true effect is not known")) }
    }
}

/// Rows in the top 30 %: `int(0.3 n)`.
pub(super) fn top_30(rows: usize) -> usize {
    (0.3 * rows as f64) as usize
}

/// Difference in mean outcome; the mean of an empty arm is taken as 0.
pub(super) fn difference(sums: &Step) -> f64 {
    let mean = |sum: f64, count: f64| if count > 0.0 { sum / count } else { 0.0 };
    mean(sums[TREATED_OUTCOME], sums[TREATED]) - mean(sums[CONTROL_OUTCOME], sums[CONTROL])
}

/// Rows.
pub(super) fn n(sweep: &Sweep) -> Value {
    Ok(sweep.rows as f64)
}

/// Treated rows.
pub(super) fn n_treated(sweep: &Sweep) -> Value {
    Ok(sweep.total[TREATED])
}

/// Average effect as the difference in means.
///
/// ```text
/// R_T(n) / N_T(n) - R_C(n) / N_C(n)
/// ```
///
/// Outcome units. Undefined when an arm is empty.
pub(super) fn ate(sweep: &Sweep) -> Value {
    sweep.arms()?;
    Ok(difference(&sweep.total))
}

/// Area under the joint, absolute uplift curve, normalised, minus that of a random ranking.
///
/// ```text
/// V(k) = (R_T(k) / N_T(k) - R_C(k) / N_C(k)) k        mean over k = 1..n of V(k) / |V(n)|, minus 1/2
/// ```
///
/// The mean of an arm that is empty among the top k is taken as 0, as in the authors' code. 0 for a random
/// ranking (1/(2n) exactly) when V(n) > 0. Undefined when V(n) = 0. Source: VALOR, section 5.2, and
/// `get_causalml_auuc` of its code, which prints it minus one half.
pub(super) fn auuc(sweep: &Sweep) -> Value {
    sweep.arms()?;
    let rows = sweep.rows as f64;
    let last = difference(&sweep.total);
    let parts = sweep.total[TREATED_OUTCOME].abs() / sweep.total[TREATED]
        + sweep.total[CONTROL_OUTCOME].abs() / sweep.total[CONTROL];
    Ok(sweep.gain / (rows * nonzero(last * rows, parts * rows, "the observed total uplift")?) - 0.5)
}

/// Area between the Qini curve and the line of a random ranking, normalised.
///
/// ```text
/// Q(k) = R_T(k) - R_C(k) N_T(n) / N_C(n)        mean over k = 1..n of (Q(k) - Q(n) k / n), over |Q(n)|
/// ```
///
/// 0 for a random ranking. Undefined when Q(n) = 0. The ratio of arms is that of all rows, not of the top k as in
/// Devriendt's joint absolute form. Source: VALOR, `calc_qini` of its code.
pub(super) fn qini(sweep: &Sweep) -> Value {
    sweep.arms()?;
    let ratio = sweep.total[TREATED] / sweep.total[CONTROL];
    let parts = sweep.total[TREATED_OUTCOME].abs() + ratio * sweep.total[CONTROL_OUTCOME].abs();
    Ok(above_the_line(sweep) / nonzero(qini_curve(sweep, &sweep.total), parts, "the observed total uplift")?)
}

/// The area of `auuc` in outcome units: not divided by the total, so that it stays what it is where the total is near zero.
///
/// ```text
/// (mean over k = 1..n of V(k) - V(n) / 2) / n
/// ```
///
/// AUUC times the average effect where that is above zero. 0 for a random ranking (the average effect over 2n exactly), and
/// above it higher is better whatever the sign of the total. Outcome units per row of the list.
pub(super) fn auuc_area(sweep: &Sweep) -> Value {
    sweep.arms()?;
    let rows = sweep.rows as f64;
    Ok(sweep.gain / rows / rows - difference(&sweep.total) / 2.0)
}

/// The area of `qini` in outcome units.
///
/// ```text
/// mean over k = 1..n of (Q(k) - Q(n) k / n), over N_T(n)
/// ```
///
/// Qini times the size of the average effect; 0 for a random ranking. Outcome units per treated row.
pub(super) fn qini_area(sweep: &Sweep) -> Value {
    sweep.arms()?;
    Ok(above_the_line(sweep) / sweep.total[TREATED])
}

/// The area of `auuc.true` in outcome units: `(mean over k of E(k) - E(n) / 2) / n`.
pub(super) fn auuc_area_true(sweep: &Sweep) -> Value {
    sweep.known_truth()?;
    let rows = sweep.rows as f64;
    Ok((sweep.area[EFFECT] / rows - sweep.total[EFFECT] / 2.0) / rows)
}

/// The area of `qini.true` in outcome units: `(mean over k of E(k) - E(n) k / n) / n`.
pub(super) fn qini_area_true(sweep: &Sweep) -> Value {
    sweep.known_truth()?;
    Ok(true_above_the_line(sweep) / sweep.rows as f64)
}

/// `R_T - R_C N_T(n) / N_C(n)`.
fn qini_curve(sweep: &Sweep, sums: &Step) -> f64 {
    sums[TREATED_OUTCOME] - sweep.total[TREATED] / sweep.total[CONTROL] * sums[CONTROL_OUTCOME]
}

/// Mean over k of the Qini curve less that of a random ranking.
fn above_the_line(sweep: &Sweep) -> f64 {
    let rows = sweep.rows as f64;
    qini_curve(sweep, &sweep.area) / rows - qini_curve(sweep, &sweep.total) * (rows + 1.0) / (2.0 * rows)
}

/// Mean over k of the true effects of the top k less those of a random ranking.
fn true_above_the_line(sweep: &Sweep) -> f64 {
    let rows = sweep.rows as f64;
    sweep.area[EFFECT] / rows - sweep.total[EFFECT] * (rows + 1.0) / (2.0 * rows)
}

/// Mean outcome of treated minus control rows among the top 30 %.
///
/// ```text
/// R_T(m) / N_T(m) - R_C(m) / N_C(m)        m = int(0.3 n)
/// ```
///
/// Outcome units. A tie block at the boundary is taken in part. Undefined when an arm is empty among the top
/// 30 %. Source: VALOR, `lift_h_metric` of its code.
pub(super) fn lift_at_30(sweep: &Sweep) -> Value {
    if sweep.top[TREATED] > 0.0 && sweep.top[CONTROL] > 0.0 {
        return Ok(difference(&sweep.top));
    }
    Err(Undefined::new("an arm is empty among the top 30 %"))
}

/// Area under the curve of the true effect, normalised, minus that of a random ranking.
///
/// ```text
/// E(k) = sum of the true effects of the top k        (mean over k = 1..n of E(k) - E(n) / 2) / |E(n)|
/// ```
///
/// For E(n) > 0 this is the mean share of the total effect that the top k hold, minus one half: AUUC without
/// outcome noise. For E(n) < 0 it stays the area above the random line, in units of |E(n)|: higher is better
/// either way. Undefined when E(n) = 0.
pub(super) fn auuc_true(sweep: &Sweep) -> Value {
    sweep.known_truth()?;
    let (rows, total) = (sweep.rows as f64, sweep.total[EFFECT]);
    let mean = sweep.area[EFFECT] / rows;
    Ok((mean - total / 2.0) / nonzero(total, mean, "the total true effect")?)
}

/// Area between the curve of the true effect and the line of a random ranking, normalised: what `qini` tends to over many
/// outcomes and assignments of the same rows.
///
/// ```text
/// E(k) = sum of the true effects of the top k        mean over k = 1..n of (E(k) - E(n) k / n), over |E(n)|
/// ```
///
/// 0 for a random ranking. It is `auuc.true` less `1/(2n)` where E(n) > 0, and more by as much where E(n) < 0, since the mean
/// over k of `k/n` is `1/2 + 1/(2n)`. Undefined when E(n) = 0.
pub(super) fn qini_true(sweep: &Sweep) -> Value {
    sweep.known_truth()?;
    let mean = sweep.area[EFFECT] / sweep.rows as f64;
    Ok(true_above_the_line(sweep) / nonzero(sweep.total[EFFECT], mean, "the total true effect")?)
}

/// Mean true effect among the top 30 %. Outcome units.
pub(super) fn effect_at_30(sweep: &Sweep) -> Value {
    sweep.known_truth()?;
    if sweep.top_rows == 0 {
        return Err(Undefined::new("fewer than 4 rows: the top 30 % are empty"));
    }
    Ok(sweep.top[EFFECT] / sweep.top_rows as f64)
}

/// Mean true effect. Outcome units.
pub(super) fn ate_true(sweep: &Sweep) -> Value {
    sweep.known_truth()?;
    Ok(sweep.total[EFFECT] / sweep.rows as f64)
}

/// `|total|`, unless nothing but rounding is left of its parts.
pub(super) fn nonzero(total: f64, parts: f64, what: &str) -> Value {
    if total.abs() <= NOTHING * parts.abs() {
        return Err(Undefined(format!("{what} is zero: nothing to normalise by")));
    }
    Ok(total.abs())
}
