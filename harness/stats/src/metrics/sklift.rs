//! The definitions of scikit-uplift 0.5.1 (`uplift_auc_score`, `qini_auc_score`): binary outcomes only.

use super::defined::{Undefined, Value};
use super::scored::RankedRows;
use super::sweep::{CONTROL, CONTROL_OUTCOME, Step, TREATED, TREATED_OUTCOME, difference};

/// A point of a curve: rows, value.
type Point = (f64, f64);

/// `uplift_auc_score`.
///
/// ```text
/// V(k) = (R_T / N_T - R_C / N_C) k at the ends of tie blocks, mean of an empty arm 0
/// (area under V - area under its chord) / (area under the perfect V - area under its chord), by trapezoids
/// ```
pub(super) fn auuc(prepared: &RankedRows) -> Value {
    let counts = binary_counts(prepared)?;
    let perfect = |treated: bool, responds: bool| {
        let treated_first = counts.control_responders <= counts.treated_non_responders;
        2 * u8::from(responds == treated) + u8::from(if treated_first { treated } else { responds })
    };
    let value = |k: f64, sums: &Step| difference(sums) * k;
    ratio(prepared, perfect, value)
}

/// `qini_auc_score` with `negative_effect=True`.
///
/// ```text
/// Q(k) = R_T - R_C N_T / N_C at the ends of tie blocks, R_T while there is no control row
/// (area under Q - area under its chord) / (area under the perfect Q - area under its chord), by trapezoids
/// ```
pub(super) fn qini(prepared: &RankedRows) -> Value {
    binary_counts(prepared)?;
    let perfect =
        |treated: bool, responds: bool| 1 + u8::from(responds && treated) - u8::from(responds && !treated);
    let value = |_: f64, sums: &Step| {
        let ratio = if sums[CONTROL] > 0.0 { sums[TREATED] / sums[CONTROL] } else { 0.0 };
        sums[TREATED_OUTCOME] - sums[CONTROL_OUTCOME] * ratio
    };
    ratio(prepared, perfect, value)
}

struct Counts {
    control_responders: usize,
    treated_non_responders: usize,
}

fn binary_counts(prepared: &RankedRows) -> Result<Counts, Undefined> {
    let outcomes = &prepared.outcome;
    let binary = prepared.origin == 0.0 && outcomes.iter().all(|&y| y == 0.0 || y == 1.0);
    if !binary || outcomes.iter().all(|&y| y == outcomes[0]) {
        return Err(Undefined::new(
            "scikit-uplift is defined for binary outcomes only (0 and 1, both present)",
        ));
    }
    let count = |arm: bool, outcome: f64| {
        prepared
            .treatment
            .iter()
            .zip(outcomes)
            .filter(|(treated, y)| **treated == arm && **y == outcome)
            .count()
    };
    Ok(Counts { control_responders: count(false, 1.0), treated_non_responders: count(true, 0.0) })
}

/// Area above the chord, relative to that of the perfect order, where higher `perfect` comes first.
fn ratio(
    prepared: &RankedRows,
    perfect: impl Fn(bool, bool) -> u8,
    value: impl Fn(f64, &Step) -> f64,
) -> Value {
    let ends: Vec<usize> = prepared.ranking.ends.iter().map(|&end| end as usize).collect();
    let actual = prepared.ranking.sums_at(&prepared.observed, &ends);
    let best = perfect_sums(prepared, perfect);
    let area = |sums: &[Step]| {
        let point = |sums: &Step| {
            let k = sums[TREATED] + sums[CONTROL];
            (k, value(k, sums))
        };
        above_chord(std::iter::once((0.0, 0.0)).chain(sums.iter().map(point)))
    };
    let best = area(&best);
    if best == 0.0 {
        return Err(Undefined::new("the perfect curve encloses no area"));
    }
    Ok(area(&actual) / best)
}

/// Sums at the ends of the blocks of the perfect order.
fn perfect_sums(prepared: &RankedRows, perfect: impl Fn(bool, bool) -> u8) -> Vec<Step> {
    let mut blocks = [[0.0; 5]; 4];
    for (step, (&treated, &outcome)) in
        prepared.observed.iter().zip(prepared.treatment.iter().zip(&prepared.outcome))
    {
        let block = &mut blocks[usize::from(perfect(treated, outcome == 1.0))];
        *block = std::array::from_fn(|i| block[i] + step[i]);
    }
    let present = blocks.iter().rev().filter(|block| block[TREATED] + block[CONTROL] > 0.0);
    present
        .scan([0.0; 5], |sums, block| {
            *sums = std::array::from_fn(|i| sums[i] + block[i]);
            Some(*sums)
        })
        .collect()
}

fn above_chord(points: impl Iterator<Item = Point>) -> f64 {
    let (mut area, mut last) = (0.0, (0.0, 0.0));
    for point in points {
        area += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        last = point;
    }
    area - last.0 * last.1 / 2.0
}
