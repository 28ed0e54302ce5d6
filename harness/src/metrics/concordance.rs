//! Kendall's tau-b as a function of row weights, to first order.
//!
//! With weights w of mean 1 and a U-statistic `u = mean over pairs of h(i, j)` with row means
//! `u_i = mean over j of h(i, j)`, the statistic of the weighted rows is `u + 2 mean((w_i - 1)(u_i - u))` up to
//! O(1/n). Tau-b is a ratio of three such: concordance, pairs untied in the score, pairs untied in the truth.

use super::judged::Prepared;
use super::registry::{Undefined, Value};
use super::resample::Weights;

/// Concordance and untied pairs of each row with all others, by rank.
pub(super) struct Concordance {
    rows: Vec<[f64; 3]>,
    mean: [f64; 3],
}

impl Concordance {
    /// `truth` in ranked order.
    pub(super) fn new(prepared: &Prepared, truth: &[f64]) -> Self {
        let others = (truth.len() - 1) as f64;
        let places = Places::new(truth);
        let mut seen = Counter::new(truth.len());
        let mut rows = vec![[0.0; 3]; truth.len()];
        for block in prepared.ranking.blocks() {
            let tied = Places::new(&truth[block.clone()]);
            for rank in block.clone() {
                // Ranked before: higher score. Ranked after: all others that are not tied in score.
                let (below, above) = (places.below[rank], truth.len() - places.above[rank]);
                let (before_below, before_above) =
                    (seen.upto(below), seen.total - seen.upto(places.above[rank]));
                let inside = rank - block.start;
                let tied_below = tied.below[inside];
                let tied_above = block.len() - tied.above[inside];
                let after_below = below - before_below - tied_below;
                let after_above = above - before_above - tied_above;
                let concordant = (before_above + after_below) as f64 - (before_below + after_above) as f64;
                let untied_truth = truth.len() - (places.above[rank] - below);
                let pairs = [concordant, (truth.len() - block.len()) as f64, untied_truth as f64];
                rows[rank] = pairs.map(|count| count / others);
            }
            block.for_each(|rank| seen.add(places.below[rank]));
        }
        let mean =
            std::array::from_fn(|part| rows.iter().map(|row| row[part]).sum::<f64>() / truth.len() as f64);
        Self { rows, mean }
    }

    /// Tau-b of the weighted rows.
    pub(super) fn tau_b(&self, weights: &Weights) -> Value {
        let (mut sums, mut total) = ([0.0; 3], 0.0);
        for (rank, row) in self.rows.iter().enumerate() {
            let weight = weights.at(rank);
            sums = std::array::from_fn(|part| sums[part] + weight * row[part]);
            total += weight;
        }
        let [concordance, score, truth]: [f64; 3] =
            std::array::from_fn(|part| 2.0 * sums[part] / total - self.mean[part]);
        if score <= 0.0 || truth <= 0.0 {
            return Err(Undefined::new("a column is constant: there is no order to compare"));
        }
        Ok((concordance / (score * truth).sqrt()).clamp(-1.0, 1.0))
    }
}

/// For each value, how many are below it, and how many are below or equal.
struct Places {
    below: Vec<usize>,
    above: Vec<usize>,
}

impl Places {
    fn new(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
        let (mut below, mut above) = (vec![0; values.len()], vec![0; values.len()]);
        let mut start = 0;
        for run in order.chunk_by(|&a, &b| values[a] == values[b]) {
            for &row in run {
                (below[row], above[row]) = (start, start + run.len());
            }
            start += run.len();
        }
        Self { below, above }
    }
}

/// Counts of places with prefix sums in O(log n): a Fenwick tree.
struct Counter {
    tree: Vec<u32>,
    total: usize,
}

impl Counter {
    fn new(places: usize) -> Self {
        Self { tree: vec![0; places + 1], total: 0 }
    }

    fn add(&mut self, place: usize) {
        let mut node = place + 1;
        while node < self.tree.len() {
            self.tree[node] += 1;
            node += node & node.wrapping_neg();
        }
        self.total += 1;
    }

    /// How many were added at places before `end`.
    fn upto(&self, end: usize) -> usize {
        let (mut node, mut count) = (end, 0);
        while node > 0 {
            count += self.tree[node] as usize;
            node &= node - 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Judged, find};
    use crate::seed::Seeds;
    use rand::Rng;

    fn rows(count: usize, levels: f64) -> (Vec<f64>, Vec<f64>) {
        let mut stream = Seeds::new(3).stream();
        let mut draw = || (stream.random::<f64>() * levels).floor();
        (0..count).map(|_| (draw(), draw())).map(|(a, b)| (a + b, b)).unzip()
    }

    #[test]
    fn equal_weights_give_tau_b_itself() {
        for levels in [4.0, 1e9] {
            let (score, effect) = rows(300, levels);
            let treatment: Vec<bool> = (0..300).map(|row| row % 2 == 0).collect();
            let judged = Judged { effect: Some(&effect), ..Judged::new(&score, &treatment, &score) };
            let prepared = Prepared::new(&judged).unwrap();
            let exact = find("krcc").unwrap().compute(&prepared).unwrap();
            let concordance = Concordance::new(&prepared, prepared.effect.as_ref().unwrap());
            let found = concordance.tau_b(&Weights::Ones).unwrap();
            assert!((found - exact).abs() < 1e-12, "{found}, {exact}");
        }
    }

    #[test]
    fn a_resample_is_followed_closely() {
        let (score, effect) = rows(400, 1e9);
        let treatment: Vec<bool> = (0..400).map(|row| row % 2 == 0).collect();
        let judged = Judged { effect: Some(&effect), ..Judged::new(&score, &treatment, &score) };
        let prepared = Prepared::new(&judged).unwrap();
        let concordance = Concordance::new(&prepared, prepared.effect.as_ref().unwrap());
        let whole = concordance.tau_b(&Weights::Ones).unwrap();
        let (mut moved, mut missed) = (0.0, 0.0);
        for index in 0..50 {
            let mut stream = Seeds::new(4).at(index).stream();
            let picked: Vec<usize> = (0..400).map(|_| stream.random_range(0..400)).collect();
            let pick = |values: &[f64]| picked.iter().map(|&rank| values[rank]).collect::<Vec<f64>>();
            let exact = crate::metrics::rank::kendall(
                &pick(&prepared.score),
                &pick(prepared.effect.as_ref().unwrap()),
            );
            let mut weights = vec![0; 400];
            picked.iter().for_each(|&rank| weights[rank] += 1);
            let found = concordance.tau_b(&Weights::Ranked(weights)).unwrap();
            let exact = exact.unwrap();
            moved += (exact - whole).powi(2);
            missed += (exact - found).powi(2);
        }
        assert!(missed < 0.05 * moved, "left unexplained: {}", missed / moved);
    }
}
