//! Every method against the baseline, metric by metric: paired by seed, and by test row.

use super::cell::CellView;
use super::estimate::{Bounds, LEVEL};
use super::resample::{Resamples, row_interval};
use super::times::mean;
use crate::stats::{Resampled, paired_difference, paired_difference_in_blocks};

const DIFFERENT_SEEDS: &str = "the two methods finished different seeds, and rows are resampled per method over all of its seeds";
    "the two methods finished different seeds: their rows are resampled per method, not per seed";
const DIFFERENT_ROWS: &str = "the two methods were judged on different test rows";
const NO_COMMON_SEED: &str = "no seed was finished by both";

/// How far a method is from the baseline in a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct ContrastView {
    /// Dataset; absent for the average over all of them, each counted once.
    pub dataset: Option<String>,
    /// Method, as the experiment names it.
    pub method: String,
    /// The baseline.
    pub baseline: String,
    /// Metric.
    pub metric: String,
    /// Mean of method minus baseline over the seeds that both finished.
    pub difference: Option<f64>,
    /// Why there is no difference.
    pub reason: Option<String>,
    /// Over seeds: Student t of the paired differences.
    pub ci: Bounds,
    /// Over test rows, of the seed-averaged difference.
    pub ci_rows: Bounds,
    /// Share of the resamples of test rows in which the difference is above zero; absent without `ci_rows`.
    pub share_above_zero: Option<f64>,
    /// Seeds that both finished with a value; of an average the sum over datasets.
    pub seeds_paired: usize,
}

/// A cell with its resampled metrics.
pub struct Side<'a> {
    /// The cell.
    pub cell: &'a CellView,
    /// Its metrics under every resample.
    pub resamples: &'a Resamples,
}

/// All contrasts: dataset by dataset, then the averages if there are several; methods and metrics in the order given.
/// `datasets` holds the same methods in the same order for each dataset.
pub fn contrasts(baseline: &str, metrics: &[String], datasets: &[Vec<Side>]) -> Vec<ContrastView> {
    let pairs: Vec<Vec<Pair>> = datasets.iter().map(|sides| pairs(baseline, metrics, sides)).collect();
    let each = pairs.iter().flatten().map(|pair| pair.contrast(Some(pair.dataset), &[pair]));
    let over_datasets = (0..pairs.first().map_or(0, Vec::len)).filter(|_| pairs.len() > 1).map(|index| {
        let blocks: Vec<&Pair> = pairs.iter().filter_map(|pairs| pairs.get(index)).collect();
        blocks[0].contrast(None, &blocks)
    });
    each.chain(over_datasets).collect()
}

/// A method and the baseline on one dataset in one metric.
struct Pair<'a> {
    dataset: &'a str,
    method: &'a str,
    baseline: &'a str,
    metric: &'a str,
    seeds: Result<Seeds, String>,
    rows: Result<Resampled, String>,
}

/// Values of both on the seeds that both finished, at least one.
struct Seeds {
    method: Vec<f64>,
    baseline: Vec<f64>,
}

impl Seeds {
    fn slices(&self) -> (&[f64], &[f64]) {
        (&self.method, &self.baseline)
    }

    fn difference(&self) -> Option<f64> {
        mean(self.method.iter().zip(&self.baseline).map(|(method, baseline)| method - baseline))
    }
}

fn pairs<'a>(baseline: &str, metrics: &'a [String], sides: &[Side<'a>]) -> Vec<Pair<'a>> {
    let Some(base) = sides.iter().find(|side| side.cell.method == baseline) else { return Vec::new() };
    let others = sides.iter().filter(|side| side.cell.method != baseline);
    others.flat_map(|side| metrics.iter().map(|metric| pair(side, base, metric))).collect()
}

fn pair<'a>(side: &Side<'a>, base: &Side<'a>, metric: &'a str) -> Pair<'a> {
    Pair {
        dataset: &side.cell.dataset,
        method: &side.cell.method,
        baseline: &base.cell.method,
        metric,
        seeds: seeds(side.cell, base.cell, metric),
        rows: rows(side, base, metric),
    }
}

fn seeds(method: &CellView, baseline: &CellView, metric: &str) -> Result<Seeds, String> {
    let values = |cell: &CellView| match cell.metrics.get(metric) {
        Some(estimate) => match &estimate.reason {
            Some(reason) => Err(format!("{}: {reason}", cell.method)),
            None => Ok(estimate.per_seed.clone()),
        },
        None => Err(format!("{}: not recorded", cell.method)),
    };
    let (base, found) = (values(baseline)?, values(method)?);
    let common = found.iter().filter_map(|(seed, value)| Some((*value, *base.get(seed)?)));
    let (method, baseline): (Vec<f64>, Vec<f64>) = common.unzip();
    if method.is_empty() { Err(NO_COMMON_SEED.to_string()) } else { Ok(Seeds { method, baseline }) }
}

/// The resampled difference; means over other seeds would not be the same difference.
fn rows(side: &Side, base: &Side, metric: &str) -> Result<Resampled, String> {
    let resampled = |side: &Side| {
        side.resamples.metrics.get(metric).cloned().unwrap_or_else(|| Err("not resampled".to_string()))
    };
    let finished = |side: &Side| {
        side.cell.metrics.get(metric).map(|estimate| estimate.per_seed.keys().copied().collect::<Vec<_>>())
    };
    let (baseline, method) = (resampled(base)?, resampled(side)?);
    if finished(side) != finished(base) {
        return Err(DIFFERENT_SEEDS.to_string());
    }
    if side.resamples.evaluation != base.resamples.evaluation {
        return Err(DIFFERENT_ROWS.to_string());
    }
    method.minus(&baseline).map_err(|error| format!("{error:#}"))
}

impl Pair<'_> {
    /// Of these datasets: one, or all of them averaged.
    fn contrast(&self, dataset: Option<&str>, blocks: &[&Pair]) -> ContrastView {
        let seeds = gather(blocks, |pair| pair.seeds.as_ref());
        let reason = seeds.as_ref().err().cloned();
        let ci_rows = match &reason {
            Some(reason) => Err(reason.clone()),
            None => gather(blocks, |pair| pair.rows.as_ref()).and_then(|rows| average(&rows)),
        };
        let seeds = seeds.unwrap_or_default();
        let interval = match &ci_rows {
            Ok(resampled) => row_interval(self.metric, &Ok(resampled.clone())),
            Err(reason) => Err(reason.clone()),
        };
        ContrastView {
            dataset: dataset.map(str::to_string),
            method: self.method.to_string(),
            baseline: self.baseline.to_string(),
            metric: self.metric.to_string(),
            difference: mean(seeds.iter().filter_map(|block| block.difference())),
            ci: reason.clone().map_or_else(|| over_seeds(&seeds), Err),
            share_above_zero: ci_rows.ok().filter(|_| interval.is_ok()).map(|rows| rows.share_above_zero()),
            ci_rows: interval,
            seeds_paired: seeds.iter().map(|block| block.method.len()).sum(),
            reason,
        }
    }
}

/// What every dataset has, or the first reason why one has none, with its name if there are several.
fn gather<'a, T>(
    blocks: &[&'a Pair<'a>],
    part: impl Fn(&'a Pair<'a>) -> Result<&'a T, &'a String>,
) -> Result<Vec<&'a T>, String> {
    let named = |pair: &Pair, reason: &String| match blocks.len() {
        1 => reason.clone(),
        _ => format!("{}: {reason}", pair.dataset),
    };
    blocks.iter().map(|pair| part(pair).map_err(|reason| named(pair, reason))).collect()
}

fn over_seeds(blocks: &[&Seeds]) -> Bounds {
    let slices: Vec<_> = blocks.iter().map(|block| block.slices()).collect();
    let contrast = match slices[..] {
        [(method, baseline)] => paired_difference(method, baseline, LEVEL),
        _ => paired_difference_in_blocks(&slices, LEVEL),
    };
    contrast.map(|contrast| contrast.interval).map_err(|undefined| undefined.to_string())
}

fn average(rows: &[&Resampled]) -> Result<Resampled, String> {
    let rows: Vec<Resampled> = rows.iter().map(|rows| (*rows).clone()).collect();
    Resampled::mean(&rows).map_err(|error| format!("{error:#}"))
}
