//! Which training rows a tree sees.

use super::grow::Drawn;
use rand::Rng;
use serde::{Deserialize, Serialize};
use valor_base::error;
use valor_base::seed::Seeds;

/// How a tree's rows are drawn from the training rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BagSpec {
    /// Rows drawn, as a share of the training rows; above 0, at most 1.
    pub share: f64,
    /// Whether a row may be drawn more than once.
    pub replacement: bool,
    /// Whether one half of the drawn rows decides the splits and the other half the leaves.
    pub honest: bool,
}

impl Default for BagSpec {
    fn default() -> Self {
        Self { share: 1.0, replacement: true, honest: false }
    }
}

/// The rows of one tree, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Bag {
    /// Rows that decide the splits.
    pub splits: Vec<Drawn>,
    /// Rows that decide the leaves; the same unless honest.
    pub leaves: Vec<Drawn>,
}

impl BagSpec {
    /// Checks the ranges; `key` is where the options stand.
    pub fn validate(&self, key: &str) -> anyhow::Result<()> {
        error::share(&format!("{key}.share"), self.share)
    }

    /// Draws from so many training rows; at least one.
    pub fn draw(&self, rows: usize, seeds: &Seeds) -> Bag {
        let wanted = ((rows as f64 * self.share).round() as usize).clamp(1, rows.max(1));
        let counts = match (self.replacement, wanted == rows) {
            (true, _) => with_replacement(rows, wanted, seeds),
            (false, true) => vec![1; rows],
            (false, false) => without_replacement(rows, wanted, seeds),
        };
        let drawn = counts.into_iter().enumerate().filter(|(_, weight)| *weight > 0);
        let drawn: Vec<Drawn> = drawn.map(|(row, weight)| Drawn { row: row as u32, weight }).collect();
        match self.honest {
            true => halves(drawn, seeds),
            false => Bag { leaves: drawn.clone(), splits: drawn },
        }
    }
}

fn with_replacement(rows: usize, wanted: usize, seeds: &Seeds) -> Vec<u32> {
    let mut stream = seeds.child("draws").stream();
    let mut counts = vec![0; rows];
    (0..wanted).for_each(|_| counts[stream.random_range(0..rows)] += 1);
    counts
}

fn without_replacement(rows: usize, wanted: usize, seeds: &Seeds) -> Vec<u32> {
    let mut stream = seeds.child("draws").stream();
    let mut order: Vec<u32> = (0..rows as u32).collect();
    let mut counts = vec![0; rows];
    for place in 0..wanted {
        let other = stream.random_range(place..rows);
        order.swap(place, other);
        counts[order[place] as usize] = 1;
    }
    counts
}

/// Every drawn row goes to one half, with all its copies.
fn halves(drawn: Vec<Drawn>, seeds: &Seeds) -> Bag {
    let chosen = without_replacement(drawn.len(), drawn.len().div_ceil(2), &seeds.child("halves"));
    let (splits, leaves): (Vec<_>, Vec<_>) =
        drawn.into_iter().zip(chosen).partition(|(_, chosen)| *chosen > 0);
    let alone = |half: Vec<(Drawn, u32)>| half.into_iter().map(|(drawn, _)| drawn).collect();
    Bag { splits: alone(splits), leaves: alone(leaves) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(drawn: &[Drawn]) -> Vec<u32> {
        drawn.iter().map(|drawn| drawn.row).collect()
    }

    #[test]
    fn a_bootstrap_draws_as_many_rows_as_there_are() {
        let bag = BagSpec::default().draw(1000, &Seeds::new(1));
        assert_eq!(bag.splits.iter().map(|drawn| drawn.weight).sum::<u32>(), 1000);
        assert!((600..660).contains(&bag.splits.len()), "{}", bag.splits.len());
        assert!(rows(&bag.splits).is_sorted());
        assert_eq!(bag.splits, bag.leaves);
        assert_ne!(bag, BagSpec::default().draw(1000, &Seeds::new(2)));
    }

    #[test]
    fn honest_halves_share_no_row() {
        for replacement in [false, true] {
            let spec = BagSpec { share: 0.5, replacement, honest: true };
            let bag = spec.draw(200, &Seeds::new(3));
            let (splits, leaves) = (rows(&bag.splits), rows(&bag.leaves));
            assert!(splits.iter().all(|row| !leaves.contains(row)));
            assert!(splits.len().abs_diff(leaves.len()) <= 1);
        }
    }

    #[test]
    fn everything_without_replacement_is_every_row_once() {
        let spec = BagSpec { replacement: false, ..BagSpec::default() };
        assert_eq!(rows(&spec.draw(5, &Seeds::new(1)).splits), [0, 1, 2, 3, 4]);
        let one = BagSpec { share: 1e-9, replacement: false, honest: true }.draw(5, &Seeds::new(1));
        assert_eq!((one.splits.len(), one.leaves.len()), (1, 0));
    }
}
