//! Which rows a resample holds, drawn once and shared by everything that is judged on as many rows.

use super::rows::RowBootstrap;
use crate::seed::Seeds;
use rand::Rng;
use rayon::prelude::*;

/// How often every row counts in every resample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDraws {
    /// One entry per row, resample after resample.
    weights: Vec<u8>,
    rows: usize,
}

impl RowDraws {
    /// Row i of resample r is counted as often as n draws with replacement hit it (multinomial): a function of the
    /// plan's seeds, r and n, so that whatever is resampled by it is paired.
    pub fn new(rows: usize, plan: &RowBootstrap) -> Self {
        let mut weights = vec![0; rows * plan.resamples];
        let resamples = weights.par_chunks_mut(rows.max(1)).enumerate();
        resamples.for_each(|(index, weights)| multinomial(weights, &plan.seeds.at(index as u64)));
        Self { weights, rows }
    }

    /// Rows in each resample.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of resamples.
    pub fn resamples(&self) -> usize {
        self.weights.len() / self.rows.max(1)
    }

    /// The rows of a resample.
    pub fn weights(&self, resample: usize) -> &[u8] {
        &self.weights[resample * self.rows..(resample + 1) * self.rows]
    }
}

/// How often each row is hit by as many draws with replacement as there are rows.
fn multinomial(weights: &mut [u8], seeds: &Seeds) {
    let mut stream = seeds.stream();
    for _ in 0..weights.len() {
        let row = stream.random_range(0..weights.len() as u32) as usize;
        weights[row] = weights[row].saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(rows: usize, resamples: usize) -> RowDraws {
        RowDraws::new(rows, &RowBootstrap { resamples, seeds: Seeds::new(2) })
    }

    #[test]
    fn weights_are_multinomial() {
        let draws = draws(10_000, 2);
        assert_eq!((draws.rows(), draws.resamples()), (10_000, 2));
        assert_ne!(draws.weights(0), draws.weights(1));
        let weights = draws.weights(1);
        assert_eq!(weights.iter().map(|&weight| usize::from(weight)).sum::<usize>(), 10_000);
        let absent = weights.iter().filter(|&&weight| weight == 0).count() as f64 / 1e4;
        assert!((absent - (-1f64).exp()).abs() < 0.02, "{absent}");
    }

    #[test]
    fn a_resample_does_not_depend_on_how_many_there_are() {
        assert_eq!(draws(50, 2).weights(1), draws(50, 7).weights(1));
        assert_eq!(draws(0, 3).resamples(), 0);
    }
}
