//! From a source to rows in their parts: the one place where rows to learn from and rows to be judged on come together.

#[cfg(test)]
mod tests;

use super::caution::cautions;
use super::split::{self, Split, SplitSpec};
use super::{DataSpec, Dataset, Evaluation, fresh, load};
use anyhow::ensure;
use std::collections::BTreeSet;
use std::path::Path;
use valor_base::input_error;

/// Rows in their parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Parted {
    /// Rows at hand, then fresh ones.
    pub dataset: Dataset,
    /// The parts.
    pub split: Split,
    /// Rows that stand before those that test rows are counted from.
    before: u32,
}

impl Parted {
    /// The numbers of the test rows, ascending: in the source, or among the fresh rows, where they are counted from 0 however
    /// many rows are learned from.
    pub fn test_numbers(&self) -> Vec<u32> {
        self.split.test.iter().map(|row| row - self.before).collect()
    }
}

/// Loads a source and parts its rows, with notes on what makes them weak evidence. `run_seed` matters only with `per_seed`, and
/// never to fresh rows: all seeds are judged on the same. Paths are relative to `root`.
///
/// # Errors
///
/// Input errors of loading and parting, fresh rows without an arm, and those of a source that has none.
pub fn parted(data: &DataSpec, spec: &SplitSpec, run_seed: u64, root: &Path) -> anyhow::Result<Parted> {
    spec.validate()?;
    data.check_evaluation(spec.test)?;
    if let Evaluation::Fresh { rows } = spec.test {
        // Before the others are drawn, which alone may fit.
        data.validate()?;
        data.ask(rows)?;
    }
    let mut dataset = load(data, root)?;
    let cautions = cautions(&dataset);
    dataset.notes.extend(cautions);
    match spec.test {
        Evaluation::Share(_) => {
            let split = split::split(&dataset, spec, run_seed, None)?;
            note_immature(&mut dataset, &split, spec);
            Ok(Parted { dataset, split, before: 0 })
        }
        Evaluation::Fresh { rows } => {
            // What is wrong with the rows at hand is said before others are drawn, unless these decide how they are parted.
            let drawn = if spec.mature_only { Some(fresh(data, rows)?) } else { None };
            let begin = drawn.as_ref().and_then(|others| others.time.as_ref());
            let begin = begin.and_then(|times| times.iter().copied().reduce(f64::min));
            let split = split::split(&dataset, spec, run_seed, begin)?;
            note_immature(&mut dataset, &split, spec);
            let parted = Parted { dataset, split, before: 0 };
            let others = drawn.map_or_else(|| fresh(data, rows), Ok)?;
            check_arms(&others)?;
            let mut parted = with_fresh(parted, others)?;
            parted.dataset.notes.extend(spec.test.note());
            Ok(parted)
        }
    }
}

/// Notes how many rows are in no part.
fn note_immature(dataset: &mut Dataset, split: &Split, spec: &SplitSpec) {
    let left = dataset.rows() - split.train.len() - split.validation.len() - split.test.len();
    if spec.mature_only {
        dataset
            .notes
            .push(format!("{left} rows are left out: their outcome was not known when the test begins"));
    }
}

/// Refuses fresh rows without an arm.
fn check_arms(others: &Dataset) -> anyhow::Result<()> {
    let Some(treatment) = &others.treatment else { return Ok(()) };
    let (rows, treated) = (others.rows(), treatment.treated());
    for (count, name) in [(treated, "treated"), (rows - treated, "control")] {
        if count == 0 {
            return Err(input_error!(
                "evaluation: rows = {rows}: none of the fresh rows is a {name} one; allowed is both arms: ask for more rows"
            ));
        }
    }
    Ok(())
}

/// Puts fresh rows after those at hand, as the test.
fn with_fresh(parted: Parted, others: Dataset) -> anyhow::Result<Parted> {
    let Parted { mut dataset, mut split, .. } = parted;
    check_apart(&dataset, &others)?;
    let (before, all) = (dataset.rows(), dataset.rows() + others.rows());
    ensure!(u32::try_from(all).is_ok(), "{all} rows are more than a row number can hold");
    dataset.append(others)?;
    split.test = (before as u32..all as u32).collect();
    Ok(Parted { dataset, split, before: before as u32 })
}

/// What every source promises of its fresh rows: groups of their own, and times after those to learn from.
fn check_apart(dataset: &Dataset, others: &Dataset) -> anyhow::Result<()> {
    if let (Some(known), Some(fresh)) = (&dataset.group, &others.group) {
        let known: BTreeSet<&u64> = known.iter().collect();
        ensure!(
            fresh.iter().all(|group| !known.contains(group)),
            "fresh rows are of a group that is learned from"
        );
    }
    if let (Some(known), Some(fresh)) = (&dataset.time, &others.time) {
        let latest = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        ensure!(fresh.iter().all(|time| *time > latest), "fresh rows are of a time that is learned from");
    }
    Ok(())
}
