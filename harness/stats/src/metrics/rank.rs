//! Kendall's tau-b, exact, in O(n log n).

use super::defined::{Undefined, Value};
use super::ranking::Ranking;
use super::scored::RankedRows;

/// Kendall's tau-b of two columns of equal length.
///
/// ```text
/// (concordant - discordant) / sqrt((pairs - tied in x)(pairs - tied in y))
/// ```
///
/// In [-1, 1]. Undefined when either column is constant. Values are finite. Source: Kendall 1945. Equals
/// `scipy.stats.kendalltau`.
pub fn kendall(x: &[f64], y: &[f64]) -> Value {
    let ranking = Ranking::new(x, |_| 0);
    tau_b(&ranking, &ranking.gather(y))
}

/// True effects, by rank.
pub(super) fn effect(prepared: &RankedRows) -> Result<&[f64], Undefined> {
    prepared.effect.as_deref().ok_or_else(|| Undefined::new("the true effect is not known"))
}

/// True `E[Y_0 | x]`, by rank.
pub(super) fn prognosis(prepared: &RankedRows) -> Result<&[f64], Undefined> {
    let reason = "the true expectation without treatment is not known";
    prepared.expected_control.as_deref().ok_or_else(|| Undefined::new(reason))
}

/// Tau-b of a ranking and of values in its order.
pub(super) fn tau_b(ranking: &Ranking, values: &[f64]) -> Value {
    let places = Places::new(values);
    let all = pairs(values.len());
    let (mut seen, mut discordant, mut tied_both) = (Counter::new(values.len()), 0, 0);
    for block in ranking.blocks() {
        discordant += places.end[block.clone()].iter().map(|&end| seen.from(end)).sum::<u64>();
        places.start[block.clone()].iter().for_each(|&start| seen.add(start));
        if block.len() > 1 {
            let mut inside = places.start[block].to_vec();
            inside.sort_unstable();
            tied_both += inside.chunk_by(|a, b| a == b).map(|run| pairs(run.len())).sum::<u64>();
        }
    }
    let tied_ranks: u64 = ranking.blocks().map(|block| pairs(block.len())).sum();
    let (tied_values, untied_ranks) = (places.tied, all - tied_ranks);
    if untied_ranks == 0 || tied_values == all {
        return Err(Undefined::new("a column is constant: there is no order to compare"));
    }
    let difference = (all + tied_both) as i64 - (tied_ranks + tied_values) as i64 - 2 * discordant as i64;
    let tau = difference as f64 / (untied_ranks as f64).sqrt() / ((all - tied_values) as f64).sqrt();
    Ok(tau.clamp(-1.0, 1.0))
}

fn pairs(count: usize) -> u64 {
    let count = count as u64;
    count * count.saturating_sub(1) / 2
}

/// Where each value stands among all of them in descending order: equal values share the places start..end.
pub(super) struct Places {
    pub(super) start: Vec<u32>,
    pub(super) end: Vec<u32>,
    /// Pairs of equal values.
    tied: u64,
}

impl Places {
    pub(super) fn new(values: &[f64]) -> Self {
        let ranking = Ranking::new(values, |_| 0);
        let mut places = Self { start: vec![0; values.len()], end: vec![0; values.len()], tied: 0 };
        for block in ranking.blocks() {
            for &row in &ranking.order[block.clone()] {
                (places.start[row as usize], places.end[row as usize]) =
                    (block.start as u32, block.end as u32);
            }
            places.tied += pairs(block.len());
        }
        places
    }
}

/// Counts of places with prefix sums in O(log n): a Fenwick tree.
pub(super) struct Counter {
    tree: Vec<u32>,
    total: u32,
}

impl Counter {
    pub(super) fn new(places: usize) -> Self {
        Self { tree: vec![0; places + 1], total: 0 }
    }

    pub(super) fn add(&mut self, place: u32) {
        let mut node = place as usize + 1;
        while let Some(count) = self.tree.get_mut(node) {
            *count += 1;
            node += node & node.wrapping_neg();
        }
        self.total += 1;
    }

    /// How many were added.
    pub(super) fn all(&self) -> u64 {
        u64::from(self.total)
    }

    /// How many were added before the place `end`.
    pub(super) fn before(&self, end: u32) -> u64 {
        let (mut node, mut count) = (end as usize, 0);
        while node > 0 {
            count += self.tree[node];
            node &= node - 1;
        }
        u64::from(count)
    }

    /// How many were added at the place `start` or behind it.
    pub(super) fn from(&self, start: u32) -> u64 {
        u64::from(self.total) - self.before(start)
    }
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
