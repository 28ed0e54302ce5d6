//! The definitions of RERUM's code (He et al., KDD 2024): curves at the ends of 100 score buckets.

use super::binned::bucket_ends;
use super::defined::{Undefined, Value};
use super::scored::RankedRows;
use super::sweep::{CONTROL, CONTROL_OUTCOME, Step, TREATED, TREATED_OUTCOME, difference, nonzero};

/// Buckets of the score.
const BUCKETS: usize = 100;

/// `auuc_metric`: random scores about one half.
///
/// ```text
/// V = (R_T / N_T - R_C / N_C) (N_T + N_C) at the end of each bucket, over |V(n)|
/// area by trapezoids over the share of rows, from (0, 0); plus 1 when V(n) < 0
/// ```
///
/// Undefined when V(n) = 0 or an arm is empty in the first bucket.
pub(super) fn auuc(prepared: &RankedRows) -> Value {
    area(prepared, |sums| difference(sums) * (sums[TREATED] + sums[CONTROL]))
}

/// `auqc_metric`: random scores about one half.
///
/// ```text
/// Q = R_T - R_C N_T / N_C at the end of each bucket, over |Q(n)|; area as above
/// ```
pub(super) fn qini(prepared: &RankedRows) -> Value {
    area(prepared, |sums| sums[TREATED_OUTCOME] - sums[CONTROL_OUTCOME] * (sums[TREATED] / sums[CONTROL]))
}

fn area(prepared: &RankedRows, value: impl Fn(&Step) -> f64) -> Value {
    let rows = prepared.rows();
    let ends = bucket_ends(|rank| -prepared.score[rank], rows, BUCKETS);
    let sums = prepared.ranking.sums_at(&prepared.observed, &ends);
    if sums.first().is_none_or(|first| first[TREATED] == 0.0 || first[CONTROL] == 0.0) {
        return Err(Undefined::new("an arm is empty in the first bucket of the score"));
    }
    let (mut area, mut largest, mut last) = (0.0, 0.0_f64, (0.0, 0.0));
    for (&end, sums) in ends.iter().zip(&sums) {
        let point = (end as f64 / rows as f64, value(sums));
        area += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        largest = largest.max(point.1.abs());
        last = point;
    }
    let shift = if last.1 < 0.0 { 1.0 } else { 0.0 };
    Ok(area / nonzero(last.1, largest, "the last point of the curve")? + shift)
}
