//! Kendall's tau-b, exact, in O(n log n).

use super::judged::Prepared;
use super::ranking::Ranking;
use super::registry::{Undefined, Value};

/// Runs of this length are sorted by insertion before they are merged.
const RUN: usize = 16;

/// Kendall's tau-b of two columns of equal length.
///
/// ```text
/// (concordant - discordant) / sqrt((pairs - tied in x)(pairs - tied in y))
/// ```
///
/// In [-1, 1]. Undefined when either column is constant. Values are finite. Source: Kendall 1945; Knight 1966
/// for the algorithm. Equals `scipy.stats.kendalltau`.
pub fn kendall(x: &[f64], y: &[f64]) -> Value {
    let ranking = Ranking::new(x, |a, b| y[b].total_cmp(&y[a]));
    let mut ranked = ranking.gather(y);
    tau_b(&ranking, &mut ranked)
}

/// True effects, by rank.
pub(super) fn effect(prepared: &Prepared) -> Result<&[f64], Undefined> {
    prepared.effect.as_deref().ok_or_else(|| Undefined::new("the true effect is not known"))
}

/// True `E[Y_0 | x]`, by rank.
pub(super) fn prognosis(prepared: &Prepared) -> Result<&[f64], Undefined> {
    let reason = "the true expectation without treatment is not known";
    prepared.expected_control.as_deref().ok_or_else(|| Undefined::new(reason))
}

/// Tau-b of the score and `truth` (by rank), over all rows.
pub(super) fn tau_b_of_score(prepared: &Prepared, truth: &[f64]) -> Value {
    let mut ranked = truth.to_vec();
    for block in prepared.ranking.blocks().filter(|block| block.len() > 1) {
        ranked[block].sort_unstable_by(|a, b| b.total_cmp(a));
    }
    tau_b(&prepared.ranking, &mut ranked)
}

/// `y` in ranked order, descending within each block; it is sorted on return.
fn tau_b(ranking: &Ranking, y: &mut [f64]) -> Value {
    let all = pairs(y.len());
    let tied_x: u64 = ranking.blocks().map(|block| pairs(block.len())).sum();
    let tied_both: u64 = ranking.blocks().map(|block| tied_pairs(&y[block])).sum();
    let discordant = sort_descending(y);
    let tied_y = tied_pairs(y);
    if tied_x == all || tied_y == all {
        return Err(Undefined::new("a column is constant: there is no order to compare"));
    }
    let difference = (all + tied_both) as i64 - (tied_x + tied_y) as i64 - 2 * discordant as i64;
    let tau = difference as f64 / ((all - tied_x) as f64).sqrt() / ((all - tied_y) as f64).sqrt();
    Ok(tau.clamp(-1.0, 1.0))
}

fn pairs(count: usize) -> u64 {
    let count = count as u64;
    count * count.saturating_sub(1) / 2
}

/// Pairs of equal values; equal values are neighbours.
fn tied_pairs(sorted: &[f64]) -> u64 {
    if sorted.len() < 2 {
        return 0;
    }
    sorted.chunk_by(|a, b| a == b).map(|run| pairs(run.len())).sum()
}

/// Sorts descending and counts the pairs that were in strictly ascending order.
fn sort_descending(values: &mut [f64]) -> u64 {
    let mut inversions: u64 = values.chunks_mut(RUN).map(insert).sum();
    let mut buffer = values.to_vec();
    let (mut from, mut to): (&mut [f64], &mut [f64]) = (values, &mut buffer);
    let (mut width, mut swapped) = (RUN, false);
    while width < from.len() {
        for (source, target) in from.chunks(2 * width).zip(to.chunks_mut(2 * width)) {
            inversions += merge(source, width.min(source.len()), target);
        }
        std::mem::swap(&mut from, &mut to);
        (width, swapped) = (2 * width, !swapped);
    }
    if swapped {
        to.copy_from_slice(from);
    }
    inversions
}

fn insert(run: &mut [f64]) -> u64 {
    let mut inversions = 0;
    for end in 1..run.len() {
        let mut at = end;
        while at > 0 && run[at - 1] < run[at] {
            run.swap(at - 1, at);
            at -= 1;
        }
        inversions += (end - at) as u64;
    }
    inversions
}

/// Merges `source[..middle]` and `source[middle..]`, both descending, without a branch on the values.
fn merge(source: &[f64], middle: usize, target: &mut [f64]) -> u64 {
    let (left, right) = source.split_at(middle);
    let (mut i, mut j, mut inversions) = (0, 0, 0);
    while i < left.len() && j < right.len() {
        let ascending = left[i] < right[j];
        target[i + j] = if ascending { right[j] } else { left[i] };
        inversions += if ascending { (left.len() - i) as u64 } else { 0 };
        j += usize::from(ascending);
        i += usize::from(!ascending);
    }
    if i < left.len() {
        target[i + j..].copy_from_slice(&left[i..]);
    } else {
        target[i + j..].copy_from_slice(&right[j..]);
    }
    inversions
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brute(x: &[f64], y: &[f64]) -> f64 {
        let (mut score, mut untied_x, mut untied_y) = (0.0, 0.0, 0.0);
        for i in 0..x.len() {
            for j in 0..i {
                let sign = |v: &[f64]| f64::from(i8::from(v[i] > v[j]) - i8::from(v[i] < v[j]));
                score += sign(x) * sign(y);
                untied_x += sign(x).abs();
                untied_y += sign(y).abs();
            }
        }
        score / f64::sqrt(untied_x * untied_y)
    }

    #[test]
    fn known_answers() {
        assert_eq!(kendall(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]).unwrap(), 1.0);
        assert_eq!(kendall(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]).unwrap(), -1.0);
        let tau = kendall(&[12.0, 2.0, 1.0, 12.0, 2.0], &[1.0, 4.0, 7.0, 1.0, 0.0]).unwrap();
        assert!((tau + 0.471_404_520_791_031_73).abs() < 1e-15, "the example of scipy's manual, got {tau}");
        assert!(kendall(&[1.0, 1.0], &[1.0, 2.0]).is_err());
        assert!(kendall(&[1.0, 2.0], &[0.0, -0.0]).is_err());
    }

    proptest! {
        #[test]
        fn it_equals_the_count_of_all_pairs(pairs in prop::collection::vec((0..40i32, 0..60i32), 2..120)) {
            let (x, y): (Vec<f64>, Vec<f64>) = pairs.iter().map(|&(x, y)| (f64::from(x), f64::from(y))).unzip();
            match kendall(&x, &y) {
                Ok(tau) => prop_assert!((tau - brute(&x, &y)).abs() < 1e-12),
                Err(_) => prop_assert!(brute(&x, &y).is_nan()),
            }
        }
    }
}
