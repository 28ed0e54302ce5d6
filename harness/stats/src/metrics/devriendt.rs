//! The four forms of Devriendt, Van Belle, Guns, Verbeke (TKDE 2020, arXiv 2002.05897, table 2).
//!
//! Sums of V, neither normalised nor compared with a random ranking. The relative Qini form is the relative
//! uplift form, so it has no name of its own.

use super::defined::Value;
use super::scored::RankedRows;
use super::sweep::{CONTROL, CONTROL_OUTCOME, Step, TREATED, TREATED_OUTCOME, difference};

/// ```text
/// sum over k = 1..n of (R_T(k) / N_T(k) - R_C(k) / N_C(k)) k        the mean of an empty arm is 0
/// ```
pub(super) fn auuc_joint_absolute(prepared: &RankedRows) -> Value {
    Ok(joint(prepared, |k, sums, _| difference(sums) * k))
}

/// ```text
/// sum over k = 1..n of R_T(k) / N_T(n) - R_C(k) / N_C(n)
/// ```
pub(super) fn auuc_joint_relative(prepared: &RankedRows) -> Value {
    Ok(joint(prepared, |_, sums, all| {
        sums[TREATED_OUTCOME] / all[TREATED] - sums[CONTROL_OUTCOME] / all[CONTROL]
    }))
}

/// ```text
/// sum over k = 1..n of R_T(k) - R_C(k) N_T(k) / N_C(k)        R_T(k) while there is no control row
/// ```
pub(super) fn qini_joint_absolute(prepared: &RankedRows) -> Value {
    Ok(joint(prepared, |_, sums, _| {
        let ratio = if sums[CONTROL] > 0.0 { sums[TREATED] / sums[CONTROL] } else { 0.0 };
        sums[TREATED_OUTCOME] - sums[CONTROL_OUTCOME] * ratio
    }))
}

/// ```text
/// sum over p = 1 %..100 % of R(T, p |T|) - R(C, p |C|)        each arm ranked on its own
/// ```
pub(super) fn auuc_separate_absolute(prepared: &RankedRows) -> Value {
    Ok(separate(prepared, |treated, control, _| treated - control))
}

/// ```text
/// sum over p = 1 %..100 % of R(T, p |T|) / |T| - R(C, p |C|) / |C|        each arm ranked on its own
/// ```
pub(super) fn auuc_separate_relative(prepared: &RankedRows) -> Value {
    Ok(separate(prepared, |treated, control, all| treated / all[TREATED] - control / all[CONTROL]))
}

/// ```text
/// sum over p = 1 %..100 % of R(T, p |T|) - R(C, p |C|) |T| / |C|        each arm ranked on its own
/// ```
pub(super) fn qini_separate_absolute(prepared: &RankedRows) -> Value {
    Ok(separate(prepared, |treated, control, all| treated - control * all[TREATED] / all[CONTROL]))
}

/// Sum over k of `value(k, sums of the top k, sums of all)`.
fn joint(prepared: &RankedRows, value: impl Fn(f64, &Step, &Step) -> f64) -> f64 {
    let all = &totals(prepared);
    let mut area = 0.0;
    prepared.ranking.walk(&prepared.observed, None, |k, sums| area += value(k as f64, sums, all));
    area
}

/// Sum over percents p of `value(R(T, p |T|), R(C, p |C|), sums of all)`.
fn separate(prepared: &RankedRows, value: impl Fn(f64, f64, &Step) -> f64) -> f64 {
    let all = &totals(prepared);
    let treated = percents(prepared, TREATED, TREATED_OUTCOME);
    let control = percents(prepared, CONTROL, CONTROL_OUTCOME);
    treated.iter().zip(&control).map(|(&treated, &control)| value(treated, control, all)).sum()
}

/// Sum of an arm's outcomes in the top 1 %, 2 %, ... 100 % of its own rows, interpolated linearly.
fn percents(prepared: &RankedRows, count: usize, outcome: usize) -> Vec<f64> {
    let all = totals(prepared)[count];
    let (mut reached, mut last) = (Vec::with_capacity(100), (0.0, 0.0));
    let ends: Vec<usize> = prepared.ranking.ends.iter().map(|&end| end as usize).collect();
    for sums in prepared.ranking.sums_at(&prepared.observed, &ends) {
        let next = (sums[count], sums[outcome]);
        while reached.len() < 100 {
            let at = all * (reached.len() + 1) as f64 / 100.0;
            if at > next.0 {
                break;
            }
            reached.push(last.1 + (next.1 - last.1) * (at - last.0) / (next.0 - last.0));
        }
        last = next;
    }
    reached
}

fn totals(prepared: &RankedRows) -> Step {
    prepared.ranking.sums_at(&prepared.observed, &[prepared.rows()])[0]
}
