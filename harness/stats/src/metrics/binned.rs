//! Buckets by quantile of the score, as `pandas.qcut(score, bins, duplicates="drop")` makes them, and the
//! literature's Kendall tau over them.

use super::defined::{Undefined, Value};
use super::rank::kendall;
use super::scored::RankedRows;

/// Tau-b of bucket number and observed uplift of the bucket, 50 buckets.
///
/// ```text
/// tau_b(b, mean outcome of treated - of control rows in bucket b)
/// ```
///
/// Buckets without one of the arms are left out. Source: VALOR, `get_eval_score` of its code, without the
/// noise that it adds to break ties.
pub(super) fn krcc_50(prepared: &RankedRows) -> Value {
    krcc(prepared, 50)
}

/// The same with RERUM's 100 buckets.
pub(super) fn krcc_100(prepared: &RankedRows) -> Value {
    krcc(prepared, 100)
}

fn krcc(prepared: &RankedRows, bins: usize) -> Value {
    let rows = prepared.rows();
    let ends = bucket_ends(|position| prepared.score[rows - 1 - position], rows, bins);
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let uplift = starts.zip(&ends).filter_map(|(start, end)| uplift(prepared, rows - end..rows - start));
    let uplift: Vec<f64> = uplift.collect();
    if uplift.len() < 2 {
        return Err(Undefined::new("fewer than two buckets hold both arms"));
    }
    let number: Vec<f64> = (0..uplift.len()).map(|bucket| bucket as f64).collect();
    kendall(&number, &uplift)
}

/// Difference in means over these ranks, if both arms are there.
fn uplift(prepared: &RankedRows, ranks: std::ops::Range<usize>) -> Option<f64> {
    let mean = |arm: bool| {
        let rows = ranks.clone().filter(|&rank| prepared.treatment[rank] == arm);
        let (count, sum) = compensated(rows.map(|rank| prepared.outcome[rank]));
        (count > 0).then(|| sum / count as f64)
    };
    Some(mean(true)? - mean(false)?)
}

/// Count and sum by Kahan's algorithm, as in pandas: buckets with the same outcomes tie exactly.
fn compensated(values: impl Iterator<Item = f64>) -> (usize, f64) {
    let (mut count, mut sum, mut lost) = (0, 0.0, 0.0);
    for value in values {
        let part = value - lost;
        let next = sum + part;
        lost = (next - sum) - part;
        (count, sum) = (count + 1, next);
    }
    (count, sum)
}

/// Position after the last row of each bucket that holds rows; `sorted` ascends over 0..rows.
///
/// Empty where all values are equal: no two edges differ.
pub(super) fn bucket_ends(sorted: impl Fn(usize) -> f64, rows: usize, bins: usize) -> Vec<usize> {
    let mut ends = Vec::with_capacity(bins);
    let edges = (1..=bins).map(|bin| quantile(&sorted, rows, level(bin, bins)));
    for edge in edges.filter(|&edge| edge > sorted(0)) {
        let mut end = ends.last().copied().unwrap_or(0);
        while end < rows && sorted(end) <= edge {
            end += 1;
        }
        if ends.last() != Some(&end) {
            ends.push(end);
        }
    }
    ends
}

/// `bin / bins`, rounded up where binary fractions cannot hold it, as pandas does.
fn level(bin: usize, bins: usize) -> f64 {
    if bin == bins {
        return 1.0;
    }
    let level = bin as f64 * (1.0 / bins as f64);
    if level * bins as f64 == bin as f64 { level } else { level.next_up() }
}

/// numpy's default quantile, to the last bit.
fn quantile(sorted: impl Fn(usize) -> f64, rows: usize, level: f64) -> f64 {
    let at = (rows - 1) as f64 * level;
    let below = at.floor();
    if at >= (rows - 1) as f64 {
        return sorted(rows - 1);
    }
    let (a, b, part) = (sorted(below as usize), sorted(below as usize + 1), at - below);
    if part >= 0.5 { b - (b - a) * (1.0 - part) } else { a + (b - a) * part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_pandas() {
        let values: Vec<f64> = (0..11).map(f64::from).collect();
        assert_eq!(bucket_ends(|i| values[i], 11, 5), [3, 5, 7, 9, 11]);
        let tied = [0.0, 0.0, 0.0, 0.0, 1.0, 2.0];
        assert_eq!(bucket_ends(|i| tied[i], 6, 3), [4, 6], "duplicate edges are dropped");
        let low = [0.0, 0.0, 0.0, 0.0, 0.2, 1.0, 2.0];
        assert_eq!(bucket_ends(|i| low[i], 7, 3), [5, 7], "the lowest value opens the first bucket");
        assert!(bucket_ends(|_| 1.0, 4, 2).is_empty());
    }
}
