//! Methods added up, each times a factor: seed by seed on the seeds that all finished, and resample by resample.

use super::cell::CellView;
use super::estimate::{LEVEL, mean};
use super::resample::{Resamples, row_interval};
use std::collections::BTreeMap;
use valor_stats::metrics::{Defined, Direction, Undefined};
use valor_stats::stats::{
    Interval, Law, Looks, Resampled, Studentised, joint_interval, paired_difference_in_blocks,
    paired_interval, seeds_and_rows,
};

const DIFFERENT_SEEDS: &str =
    "the two methods finished different seeds, and rows are resampled per method over all of its seeds";
const DIFFERENT_ROWS: &str = "the two methods were judged on different test rows";
const NO_COMMON_SEED: &str = "no seed was finished by both";
const SEEDS_OF_DATASETS: &str =
    "datasets finished different seeds, and rows are resampled per dataset over all of its seeds";
const NO_ROWS_OF_DISTANCE: &str =
    "the distance of an average from its best value is not the average distance";

/// A cell with its resampled metrics.
pub struct ResampledCell<'a> {
    /// The cell.
    pub cell: &'a CellView,
    /// Its metrics under every resample.
    pub resamples: &'a Resamples,
}

/// The cells of one dataset, in the order of the table.
pub struct DatasetCells<'a> {
    /// Dataset, as the experiment names it.
    pub dataset: &'a str,
    /// One per method.
    pub cells: Vec<ResampledCell<'a>>,
}

impl<'a> DatasetCells<'a> {
    /// The cell of a method.
    pub fn find(&self, method: &str) -> Option<&ResampledCell<'a>> {
        self.cells.iter().find(|one| one.cell.method == method)
    }
}

/// Where methods are compared: on one dataset, or on the average over several, each counted once.
#[derive(Clone)]
pub struct Place<'a> {
    /// At least one.
    pub datasets: Vec<&'a DatasetCells<'a>>,
    /// How often seeds are looked at there.
    pub looks: Looks,
}

impl<'a> Place<'a> {
    /// Names of the datasets.
    pub fn names(&self) -> Vec<&'a str> {
        self.datasets.iter().map(|one| one.dataset).collect()
    }
}

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orientation {
    /// The metric.
    Metric,
    /// How good it is: larger is better.
    Gain(Direction),
}

/// A sum of methods on one dataset in one metric.
#[derive(Clone)]
pub struct LinearContrast<'a> {
    /// The dataset.
    pub dataset: &'a str,
    metric: &'a str,
    /// One value per seed that all methods finished, at least one; or why there is none.
    pub seeds: Defined<Vec<f64>>,
    /// Those seeds.
    paired: Vec<u64>,
    /// The seed-averaged sum under every resample, or why there is none.
    pub rows: Defined<Resampled>,
}

impl<'a> LinearContrast<'a> {
    /// Adds up.
    pub fn of(terms: &[(f64, &ResampledCell<'a>)], metric: &'a str, orientation: Orientation) -> Self {
        let dataset = terms.first().map_or("", |(_, one)| one.cell.dataset.as_str());
        let cells: Vec<&CellView> = terms.iter().map(|(_, one)| one.cell).collect();
        Self {
            dataset,
            metric,
            paired: common_seeds(&cells, metric).unwrap_or_default(),
            seeds: seeds(terms, metric, orientation),
            rows: rows(terms, metric, orientation),
        }
    }
}

fn oriented(orientation: Orientation, value: f64) -> f64 {
    match orientation {
        Orientation::Metric => value,
        Orientation::Gain(direction) => direction.merit(value),
    }
}

fn values<'a>(cell: &'a CellView, metric: &str) -> Defined<&'a BTreeMap<u64, f64>> {
    match cell.metrics.get(metric) {
        Some(estimate) => match &estimate.mean {
            Ok(_) => Ok(&estimate.per_seed),
            Err(reason) => Err(Undefined(format!("{}: {reason}", cell.method))),
        },
        None => Err(Undefined(format!("{}: not recorded", cell.method))),
    }
}

/// The seeds that all of these cells finished with a value, ascending; at least one. The only place where seeds are paired.
pub fn common_seeds(cells: &[&CellView], metric: &str) -> Defined<Vec<u64>> {
    let found: Vec<&BTreeMap<u64, f64>> =
        cells.iter().map(|cell| values(cell, metric)).collect::<Defined<_>>()?;
    let first = found.first().map(|values| values.keys()).into_iter().flatten();
    let common = first.filter(|seed| found.iter().all(|values| values.contains_key(seed)));
    let common: Vec<u64> = common.copied().collect();
    if common.is_empty() { Err(Undefined::new(NO_COMMON_SEED)) } else { Ok(common) }
}

fn seeds(terms: &[(f64, &ResampledCell)], metric: &str, orientation: Orientation) -> Defined<Vec<f64>> {
    // The last term is the one compared with: its reason comes first.
    let cells: Vec<&CellView> = terms.iter().rev().map(|(_, one)| one.cell).collect();
    let term = |seed: u64, (factor, one): &(f64, &ResampledCell)| {
        Ok(factor * oriented(orientation, values(one.cell, metric)?[&seed]))
    };
    let sum = |seed: u64| terms.iter().map(|one| term(seed, one)).sum::<Defined<f64>>();
    common_seeds(&cells, metric)?.into_iter().map(sum).collect()
}

/// Means over other seeds would not be the same sum.
fn rows(terms: &[(f64, &ResampledCell)], metric: &str, orientation: Orientation) -> Defined<Resampled> {
    let resampled = |one: &ResampledCell| {
        one.resamples.metrics.get(metric).cloned().unwrap_or_else(|| Err(Undefined::new("not resampled")))
    };
    let sign = match orientation {
        Orientation::Metric | Orientation::Gain(Direction::Higher) => 1.0,
        Orientation::Gain(Direction::Lower) => -1.0,
        Orientation::Gain(Direction::Zero | Direction::One | Direction::Neither) => {
            return Err(Undefined::new(NO_ROWS_OF_DISTANCE));
        }
    };
    let found: Vec<(f64, Resampled)> = terms
        .iter()
        .rev()
        .map(|(factor, one)| resampled(one).map(|resampled| (sign * factor, resampled)))
        .collect::<Result<_, _>>()?;
    let finished = |one: &ResampledCell| {
        one.cell.metrics.get(metric).map(|estimate| estimate.per_seed.keys().copied().collect::<Vec<_>>())
    };
    let Some(((_, first), others)) = terms.split_first() else {
        return Err(Undefined::new("nothing to compare"));
    };
    if others.iter().any(|(_, one)| finished(one) != finished(first)) {
        return Err(Undefined::new(DIFFERENT_SEEDS));
    }
    if others.iter().any(|(_, one)| one.resamples.evaluation != first.resamples.evaluation) {
        return Err(Undefined::new(DIFFERENT_ROWS));
    }
    let parts: Vec<(f64, &Resampled)> =
        found.iter().rev().map(|(factor, resampled)| (*factor, resampled)).collect();
    Resampled::sum(&parts).map_err(|error| Undefined(format!("{error:#}")))
}

/// A sum averaged over datasets, each counted once.
#[derive(Clone, Debug)]
pub struct Pooled {
    /// Mean over datasets of the means over seeds.
    pub mean: Defined<f64>,
    /// Seeds that all methods finished, summed over datasets.
    pub pairs: usize,
    /// Over seeds.
    pub ci: Defined<Interval>,
    /// Over test rows.
    pub ci_rows: Defined<Interval>,
    /// Over both.
    pub ci_both: Defined<Interval>,
    /// Share of resamples above zero; absent without `ci_rows`.
    pub share_above_zero: Option<f64>,
    /// For tests, or why there can be none.
    pub tested: Defined<Tested>,
}

/// What a test needs to know of a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Tested {
    /// The mean, its standard error from all sources that are known, degrees of freedom.
    pub whole: Studentised,
    /// From seeds alone.
    pub seeds: Studentised,
    /// Variance of the mean from test rows, or why it is not known.
    pub rows: Defined<f64>,
    /// How that was found.
    rows_by: Option<Law>,
    /// Test rows of all datasets together; none where their variance is not known.
    pub test_rows: Option<usize>,
    /// How many datasets that is.
    over_datasets: usize,
    /// The mean over datasets as a sample of such datasets; nothing for one.
    pub datasets: Option<Studentised>,
    /// Value by seed, dataset by dataset; looked at after every seed, of all of them together.
    pub blocks: Vec<Vec<f64>>,
}

impl Tested {
    /// What the test's standard error holds.
    pub fn over(&self) -> &'static str {
        if self.rows.is_ok() { "seeds and test rows" } else { "seeds" }
    }

    /// The interval that the test belongs to.
    pub fn interval(&self) -> Defined<Interval> {
        let ends = self.whole.interval(LEVEL)?;
        let n = self.blocks.iter().map(Vec::len).sum();
        let pairs = Pairs { looks: self.whole.looks, blocks: self.blocks.len(), n };
        Ok(interval(ends, pairs, self.rows_by.map(Law::method)))
    }

    /// Test rows of a dataset, on average; nothing where they have no part in it.
    pub fn rows_of_a_dataset(&self) -> Option<usize> {
        Some(self.test_rows? / self.over_datasets.max(1))
    }

    /// Of the sum with every sign turned.
    pub fn negative(&self) -> Self {
        let turn = |block: &Vec<f64>| block.iter().map(|value| -value).collect();
        Self {
            whole: self.whole.negative(),
            seeds: self.seeds.negative(),
            rows: self.rows.clone(),
            rows_by: self.rows_by,
            test_rows: self.test_rows,
            over_datasets: self.over_datasets,
            datasets: self.datasets.map(|datasets| datasets.negative()),
            blocks: self.blocks.iter().map(turn).collect(),
        }
    }

    /// So much less.
    pub fn less(&self, by: f64) -> Self {
        let less = |block: &Vec<f64>| block.iter().map(|value| value - by).collect();
        Self {
            whole: self.whole.less(by),
            seeds: self.seeds.less(by),
            rows: self.rows.clone(),
            rows_by: self.rows_by,
            test_rows: self.test_rows,
            over_datasets: self.over_datasets,
            datasets: self.datasets.map(|datasets| datasets.less(by)),
            blocks: self.blocks.iter().map(less).collect(),
        }
    }
}

/// What an interval over seeds is made of.
#[derive(Clone, Copy)]
struct Pairs {
    looks: Looks,
    /// Blocks with pairs of their own.
    blocks: usize,
    /// Pairs in all.
    n: usize,
}

/// With its provenance: over seeds within so many blocks, and over test rows or not.
fn interval((low, high): (f64, f64), pairs: Pairs, rows: Option<&str>) -> Interval {
    let Pairs { looks, blocks, n } = pairs;
    let seeds = match (looks, blocks) {
        (Looks::Every, _) => "always-valid t of paired differences".to_string(),
        (Looks::Once, 1) => "Student t of paired differences".to_string(),
        (Looks::Once, blocks) => {
            format!("Student t (Satterthwaite) of paired differences within {blocks} blocks")
        }
    };
    let (method, over) = match rows {
        Some(method) => {
            (format!("half-widths in quadrature: {seeds}, {method} of test rows"), "seeds and test rows")
        }
        None => (seeds, "seeds"),
    };
    let note = (low == high).then(|| "no variance".to_string());
    Interval { low, high, level: LEVEL, method, over: over.to_string(), n, resamples: None, note }
}

/// Averages over datasets: all of them or none. Looked at after every seed, seeds are one sample: each with its mean over datasets.
pub fn pooled(blocks: &[LinearContrast], looks: Looks) -> Pooled {
    let found = gather(blocks, |block| block.seeds.as_ref());
    let rows = match &found {
        Err(reason) => Err(reason.clone()),
        Ok(_) => gather(blocks, |block| block.rows.as_ref()).and_then(|rows| average(&rows)),
    };
    let alike = blocks.windows(2).all(|pair| pair[0].paired == pair[1].paired);
    let (seeds, rows) = match looks {
        Looks::Once => (found.map(|blocks| blocks.into_iter().cloned().collect::<Vec<_>>()), rows),
        Looks::Every if alike => (found.and_then(|_| seed_by_seed(blocks)), rows),
        Looks::Every => (found.and_then(|_| seed_by_seed(blocks)), Err(Undefined::new(SEEDS_OF_DATASETS))),
    };
    let metric = blocks.first().map_or("", |block| block.metric);
    let ci_rows = row_interval(metric, &rows);
    let share = rows.as_ref().ok().filter(|_| ci_rows.is_ok()).map(Resampled::share_above_zero);
    let mean_of = |seeds: &Vec<Vec<f64>>| {
        let mean = mean(seeds.iter().filter_map(|block| mean(block.iter().copied())));
        mean.ok_or_else(|| Undefined::new(NO_COMMON_SEED))
    };
    let mean = seeds.as_ref().map_err(Undefined::clone).and_then(mean_of);
    let ci = seeds.as_ref().map_err(Undefined::clone).and_then(|seeds| over_seeds(seeds, looks));
    Pooled {
        ci_both: both(&mean, &ci, &ci_rows, Pairs { looks, blocks: blocks.len(), n: 0 }),
        mean,
        ci,
        tested: seeds
            .as_ref()
            .map_err(Undefined::clone)
            .and_then(|seeds| tested(seeds, &rows, looks, blocks.len())),
        share_above_zero: share,
        ci_rows,
        pairs: seeds.iter().flatten().map(Vec::len).sum(),
    }
}

/// One block of all datasets: of every seed that each of them has, its mean over them.
fn seed_by_seed(blocks: &[LinearContrast]) -> Defined<Vec<Vec<f64>>> {
    let value = |block: &LinearContrast, seed: u64| {
        let place = block.paired.iter().position(|paired| *paired == seed)?;
        block.seeds.as_ref().ok()?.get(place).copied()
    };
    let over_datasets = |seed: &u64| {
        let values: Option<Vec<f64>> = blocks.iter().map(|block| value(block, *seed)).collect();
        values.and_then(|values| mean(values.into_iter()))
    };
    let first = blocks.first().map(|block| block.paired.as_slice()).unwrap_or_default();
    let values: Vec<f64> = first.iter().filter_map(over_datasets).collect();
    if values.is_empty() { Err(Undefined::new(NO_COMMON_SEED)) } else { Ok(vec![values]) }
}

/// From the intervals of both sources, so that it reaches as far as each to the last digit.
fn both(
    mean: &Defined<f64>,
    ci: &Defined<Interval>,
    ci_rows: &Defined<Interval>,
    pairs: Pairs,
) -> Defined<Interval> {
    let (seeds, rows) = (ci.clone()?, ci_rows.clone()?);
    let ends = joint_interval(mean.clone()?, &[(seeds.low, seeds.high), (rows.low, rows.high)]);
    Ok(interval(ends, Pairs { n: seeds.n, ..pairs }, Some(&rows.method)))
}

/// What every dataset has, or the first reason why one has none, with its name if there are several.
fn gather<'a, T>(
    blocks: &'a [LinearContrast],
    part: impl Fn(&'a LinearContrast) -> Result<&'a T, &'a Undefined>,
) -> Defined<Vec<&'a T>> {
    let named = |block: &LinearContrast, reason: &Undefined| match blocks.len() {
        1 => reason.clone(),
        _ => Undefined(format!("{}: {reason}", block.dataset)),
    };
    blocks.iter().map(|block| part(block).map_err(|reason| named(block, reason))).collect()
}

fn over_seeds(blocks: &[Vec<f64>], looks: Looks) -> Defined<Interval> {
    let slices: Vec<&[f64]> = blocks.iter().map(Vec::as_slice).collect();
    let contrast = match (looks, &slices[..]) {
        (Looks::Every, _) => {
            let values = slices.concat();
            let ends = Studentised::of(&values)?.at_every_look().interval(LEVEL)?;
            return Ok(Interval {
                over: "pairs".to_string(),
                ..interval(ends, Pairs { looks, blocks: 1, n: values.len() }, None)
            });
        }
        (Looks::Once, [differences]) => paired_interval(differences, LEVEL),
        (Looks::Once, _) => paired_difference_in_blocks(&slices, LEVEL),
    };
    contrast.map(|contrast| contrast.interval)
}

fn average(rows: &[&Resampled]) -> Defined<Resampled> {
    let rows: Vec<Resampled> = rows.iter().map(|rows| (*rows).clone()).collect();
    Resampled::mean(&rows).map_err(|error| Undefined(format!("{error:#}")))
}

fn tested(
    blocks: &[Vec<f64>],
    rows: &Defined<Resampled>,
    looks: Looks,
    over_datasets: usize,
) -> Defined<Tested> {
    let parts = blocks.iter().map(|block| Studentised::of(block)).collect::<Result<Vec<_>, _>>()?;
    let factor = 1.0 / parts.len() as f64;
    let shares: Vec<(f64, Studentised)> = parts.iter().map(|part| (factor, *part)).collect();
    let seeds = match (looks, parts.as_slice()) {
        (Looks::Every, [one]) => one.at_every_look(),
        (Looks::Once | Looks::Every, _) => Studentised::sum(&shares)?,
    };
    let known = rows.as_ref().ok();
    let (whole, rows) = match rows {
        Ok(rows) => match (seeds_and_rows(&seeds, rows), rows.variance()) {
            (Ok(whole), Ok(variance)) => (whole, Ok(variance)),
            (Err(undefined), _) | (_, Err(undefined)) => (seeds, Err(undefined)),
        },
        Err(reason) => (seeds, Err(reason.clone())),
    };
    let means: Vec<f64> = parts.iter().map(|part| part.mean).collect();
    let datasets = Studentised::of(&means).ok();
    let known = known.filter(|_| rows.is_ok());
    Ok(Tested {
        whole,
        seeds,
        rows,
        rows_by: known.map(|rows| rows.law),
        test_rows: known.map(|rows| rows.rows),
        datasets,
        over_datasets,
        blocks: blocks.to_vec(),
    })
}
