//! Which rows a resample holds, drawn once and shared by everything that is judged on as many rows.

use crate::metrics::{LANES, Lanes};
use rand::Rng;
use rayon::prelude::*;
use valor_base::seed::Seeds;

/// How rows are resampled.
#[derive(Clone, Copy, Debug)]
pub struct RowBootstrap {
    /// Number of resamples; 2,000 for a table.
    pub resamples: usize,
    /// Draws them. Two methods with the same `seeds` on the same rows see the same resamples.
    pub seeds: Seeds,
}

/// How often every row counts in every resample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDraws {
    /// One entry per row, block after block of resamples.
    weights: Vec<Lanes>,
    rows: usize,
    resamples: usize,
}

impl RowDraws {
    /// Row i of resample r is counted as often as n draws with replacement hit it (multinomial): a function of the
    /// plan's seeds, r and n, so that whatever is resampled by it is paired.
    pub fn new(rows: usize, plan: &RowBootstrap) -> Self {
        let mut weights = vec![Lanes::default(); rows * plan.resamples.div_ceil(LANES)];
        let blocks = weights.par_chunks_mut(rows.max(1)).enumerate();
        blocks.for_each(|(block, weights)| {
            let resamples = (block * LANES..plan.resamples).take(LANES);
            for (lane, index) in resamples.enumerate() {
                let drawn = multinomial(weights.len(), &plan.seeds.at(index as u64));
                weights.iter_mut().zip(drawn).for_each(|(weights, drawn)| weights[lane] = drawn);
            }
        });
        Self { weights, rows, resamples: plan.resamples }
    }

    /// Number of resamples.
    pub fn resamples(&self) -> usize {
        self.resamples
    }

    /// The rows of `LANES` resamples after another; lanes past the last resample are empty.
    pub fn blocks(&self) -> impl IndexedParallelIterator<Item = &[Lanes]> {
        self.weights.par_chunks(self.rows.max(1))
    }
}

/// How often each row is hit by as many draws with replacement as there are rows.
fn multinomial(rows: usize, seeds: &Seeds) -> Vec<u8> {
    let (mut weights, mut stream) = (vec![0_u8; rows], seeds.stream());
    for _ in 0..rows {
        let row = stream.random_range(0..rows as u32) as usize;
        weights[row] = weights[row].saturating_add(1);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(rows: usize, resamples: usize) -> RowDraws {
        RowDraws::new(rows, &RowBootstrap { resamples, seeds: Seeds::new(2) })
    }

    fn lane(draws: &RowDraws, resample: usize) -> Vec<u8> {
        let block = draws.blocks().collect::<Vec<_>>()[resample / LANES];
        block.iter().map(|weights| weights[resample % LANES]).collect()
    }

    #[test]
    fn weights_are_multinomial() {
        let draws = draws(10_000, 2);
        assert_eq!((draws.resamples(), draws.blocks().len()), (2, 1));
        assert_ne!(lane(&draws, 0), lane(&draws, 1));
        let weights = lane(&draws, 1);
        assert_eq!(weights.iter().map(|&weight| usize::from(weight)).sum::<usize>(), 10_000);
        let absent = weights.iter().filter(|&&weight| weight == 0).count() as f64 / 1e4;
        assert!((absent - (-1f64).exp()).abs() < 0.02, "{absent}");
        assert!(lane(&draws, 2).iter().all(|&weight| weight == 0));
    }

    #[test]
    fn a_resample_does_not_depend_on_how_many_there_are() {
        assert_eq!(lane(&draws(50, 2), 1), lane(&draws(50, 7), 1));
        assert_eq!(lane(&draws(50, 9), 8), lane(&draws(50, 20), 8));
        assert_eq!(draws(0, 3).resamples(), 3);
    }
}
