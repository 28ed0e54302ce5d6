//! Which rows meet in a step: drawn on the host, sent once per epoch, the only thing that crosses.

use rand::seq::SliceRandom;
use rayon::prelude::*;
use tch::{Device, Tensor};
use valor_base::seed::Seeds;

/// The row numbers of one epoch.
pub(super) struct Epoch {
    /// `[S, rows]`, each replicate in its own order.
    order: Tensor,
    /// Per batch, the largest number of ranked rows in any replicate.
    ranked: Vec<usize>,
    batch: usize,
}

/// The rows that batches are drawn from.
pub(super) struct Rows<'a> {
    /// Row numbers.
    pub rows: &'a [u32],
    /// Per row of the dataset, whether its ranking label is not zero.
    pub ranked: &'a [bool],
    /// Rows per step.
    pub batch: usize,
    /// Where the numbers go.
    pub device: Device,
}

impl Epoch {
    /// A fresh order for every replicate. The last, smaller batch is kept; a last batch of one row is not.
    pub(super) fn shuffled(rows: &Rows, replicates: &[Seeds], epoch: usize) -> Self {
        let orders = replicates.par_iter().map(|seeds| {
            let mut order = rows.rows.to_vec();
            order.shuffle(&mut seeds.child("batches").at(epoch as u64).stream());
            order
        });
        Self::arranged(rows, orders.collect())
    }

    /// The rows as they stand, the same for every replicate.
    pub(super) fn in_order(rows: &Rows, replicates: usize) -> Self {
        Self::arranged(rows, vec![rows.rows.to_vec(); replicates])
    }

    /// Number of steps.
    pub(super) fn steps(&self) -> usize {
        self.ranked.len()
    }

    /// Row numbers `[S, B]` of one step and its number of ranked rows.
    pub(super) fn step(&self, step: usize) -> (Tensor, usize) {
        let start = (step * self.batch) as i64;
        let length = (self.batch as i64).min(self.order.size()[1] - start);
        (self.order.narrow(1, start, length), self.ranked[step])
    }

    fn arranged(rows: &Rows, mut orders: Vec<Vec<u32>>) -> Self {
        let counts: Vec<Vec<usize>> = orders.par_iter_mut().map(|order| ranked_first(rows, order)).collect();
        let steps = counts.first().map_or(0, Vec::len);
        let ranked =
            (0..steps).map(|step| counts.iter().map(|count| count[step]).max().unwrap_or(0)).collect();
        let flat: Vec<i64> = orders.iter().flatten().map(|&row| i64::from(row)).collect();
        let shape = [orders.len() as i64, rows.rows.len() as i64];
        Self {
            order: Tensor::from_slice(&flat).view(shape).to_device(rows.device),
            ranked,
            batch: rows.batch,
        }
    }
}

/// Puts the ranked rows of every batch first, in their drawn order, and counts them.
fn ranked_first(rows: &Rows, order: &mut [u32]) -> Vec<usize> {
    let mut scratch = Vec::with_capacity(rows.batch);
    let arrange = |batch: &mut [u32]| {
        scratch.clear();
        scratch.extend(batch.iter().filter(|&&row| rows.ranked[row as usize]));
        let ranked = scratch.len();
        scratch.extend(batch.iter().filter(|&&row| !rows.ranked[row as usize]));
        batch.copy_from_slice(&scratch);
        (batch.len() > 1).then_some(ranked)
    };
    order.chunks_mut(rows.batch).map_while(arrange).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANKED: [bool; 7] = [false, true, false, false, true, true, false];

    fn rows(all: &[u32]) -> Rows<'_> {
        Rows { rows: all, ranked: &RANKED, batch: 3, device: Device::Cpu }
    }

    #[test]
    fn every_row_is_met_once_per_epoch_and_ranked_rows_come_first() {
        let all: Vec<u32> = (0..7).collect();
        let epoch = Epoch::shuffled(&rows(&all), &[Seeds::new(1), Seeds::new(2)], 0);
        assert_eq!(epoch.steps(), 2, "a last batch of one row is left out");
        for replicate in 0..2 {
            let mut order = Vec::<i64>::try_from(epoch.order.get(replicate)).unwrap();
            for batch in order[..6].chunks(3) {
                let ranked: Vec<bool> = batch.iter().map(|&row| RANKED[row as usize]).collect();
                assert!(ranked.is_sorted_by(|a, b| a >= b));
            }
            order.sort_unstable();
            assert_eq!(order, (0..7).collect::<Vec<i64>>());
        }
    }

    #[test]
    fn a_replicate_has_its_own_order_whoever_stands_beside_it() {
        let all: Vec<u32> = (0..7).collect();
        let alone = Epoch::shuffled(&rows(&all), &[Seeds::new(2)], 3);
        let beside = Epoch::shuffled(&rows(&all), &[Seeds::new(1), Seeds::new(2)], 3);
        assert_eq!(alone.order.get(0), beside.order.get(1));
        assert_ne!(beside.order.get(0), beside.order.get(1));
    }
}
