//! Every method against the baseline, metric by metric: paired by seed, and by test row.

use super::cell::CellView;
use super::estimate::{Bounds, LEVEL};
use super::resample::{Resamples, row_interval};
use super::times::mean;
use crate::stats::{Resampled, paired_difference_in_blocks, paired_interval};

const DIFFERENT_SEEDS: &str =
    "the two methods finished different seeds, and rows are resampled per method over all of its seeds";
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
    fn differences(&self) -> Vec<f64> {
        self.method.iter().zip(&self.baseline).map(|(method, baseline)| method - baseline).collect()
    }

    fn difference(&self) -> Option<f64> {
        mean(self.differences().into_iter())
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
    Resampled::sum(&[(1.0, &method), (-1.0, &baseline)]).map_err(|error| format!("{error:#}"))
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
    let differences: Vec<Vec<f64>> = blocks.iter().map(|block| block.differences()).collect();
    let slices: Vec<&[f64]> = differences.iter().map(Vec::as_slice).collect();
    let contrast = match slices[..] {
        [pairs] => paired_interval(pairs, LEVEL),
        _ => paired_difference_in_blocks(&slices, LEVEL),
    };
    contrast.map(|contrast| contrast.interval).map_err(|undefined| undefined.to_string())
}

fn average(rows: &[&Resampled]) -> Result<Resampled, String> {
    let rows: Vec<Resampled> = rows.iter().map(|rows| (*rows).clone()).collect();
    Resampled::mean(&rows).map_err(|error| format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::view::cell::SeedCounts;
    use crate::report::view::estimate::Estimate;
    use crate::stats::SeedInterval;
    use std::collections::BTreeMap;

    /// A cell with these values of `qini` by seed and these resampled values of their mean.
    struct Planted {
        cell: CellView,
        resamples: Resamples,
    }

    fn planted(dataset: &str, method: &str, values: &[(u64, f64)], resampled: &[f64]) -> Planted {
        let estimate = if values.is_empty() {
            Estimate::absent("no seed finished")
        } else {
            let values = values.iter().map(|(seed, value)| (*seed, Ok(*value)));
            Estimate::over_seeds(values, SeedInterval::StudentT, Err("not asked".to_string()))
        };
        let resampled = if values.is_empty() {
            Err("no seed finished".to_string())
        } else {
            Ok(Resampled { values: resampled.to_vec(), rows: 100 })
        };
        Planted {
            cell: CellView {
                dataset: dataset.to_string(),
                method: method.to_string(),
                backbone: "tarnet".to_string(),
                components: Vec::new(),
                seeds: SeedCounts { found: values.len(), failed: 0, diverged: 0, asked: values.len() },
                metrics: BTreeMap::from([("qini".to_string(), estimate)]),
                importance: None,
                measured: BTreeMap::new(),
                times: None,
            },
            resamples: Resamples {
                curves: Default::default(),
                evaluation: dataset.to_string(),
                metrics: BTreeMap::from([("qini".to_string(), resampled)]),
            },
        }
    }

    fn against_baseline(datasets: &[Vec<Planted>]) -> Vec<ContrastView> {
        let side = |one: &'_ Planted| -> (CellView, Resamples) { (one.cell.clone(), one.resamples.clone()) };
        let owned: Vec<Vec<_>> = datasets.iter().map(|cells| cells.iter().map(side).collect()).collect();
        let sides: Vec<Vec<Side>> = owned
            .iter()
            .map(|cells| cells.iter().map(|(cell, resamples)| Side { cell, resamples }).collect())
            .collect();
        contrasts("base", &["qini".to_string()], &sides)
    }

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-9
    }

    const BASE: [(u64, f64); 3] = [(1, 1.0), (2, 2.0), (3, 3.0)];

    #[test]
    fn a_contrast_by_hand() {
        // differences 1, 2, 3: mean 2, SD 1, t(2) quantile 4.302652729749462
        let base = planted("world", "base", &BASE, &[2.0, 2.0, 2.0, 2.0, 2.0]);
        let other = planted("world", "other", &[(1, 2.0), (2, 4.0), (3, 6.0)], &[1.0, 3.0, 4.0, 5.0, 6.0]);
        let found = against_baseline(&[vec![base, other]]);
        assert_eq!(found.len(), 1, "one dataset is not averaged");
        let (one, half) = (&found[0], 4.302652729749462 / 3f64.sqrt());
        assert_eq!(
            (one.dataset.as_deref(), one.method.as_str(), one.baseline.as_str()),
            (Some("world"), "other", "base")
        );
        assert_eq!((one.difference, one.seeds_paired), (Some(2.0), 3));
        let ci = one.ci.as_ref().unwrap();
        assert!(near(ci.low, 2.0 - half) && near(ci.high, 2.0 + half) && ci.n == 3, "{ci:?}");
        // resampled differences -1, 1, 2, 3, 4: quantiles .025 and .975 as numpy has them
        let rows = one.ci_rows.as_ref().unwrap();
        assert!(near(rows.low, -0.8) && near(rows.high, 3.9), "{rows:?}");
        assert_eq!((rows.n, rows.resamples, one.share_above_zero), (100, Some(5), Some(0.8)));
    }

    #[test]
    fn only_seeds_that_both_finished_are_paired() {
        let base = planted("world", "base", &BASE, &[2.0; 5]);
        let other = planted("world", "other", &[(2, 2.5), (3, 4.5), (4, 90.0)], &[30.0; 5]);
        let one = against_baseline(&[vec![base, other]]).remove(0);
        assert_eq!((one.difference, one.seeds_paired), (Some(1.0), 2));
        assert_eq!((one.ci.as_ref().unwrap().n, one.share_above_zero), (2, None));
        assert_eq!(one.ci_rows.unwrap_err(), DIFFERENT_SEEDS);
    }

    #[test]
    fn one_common_seed_has_a_difference_without_an_interval_and_none_has_a_reason() {
        let base = || planted("world", "base", &BASE, &[2.0; 5]);
        let one =
            against_baseline(&[vec![base(), planted("world", "other", &[(3, 2.5)], &[2.5; 5])]]).remove(0);
        assert_eq!((one.difference, one.seeds_paired), (Some(-0.5), 1));
        assert_eq!(one.ci.unwrap_err(), "an interval needs at least 2 pairs, found 1");
        let apart =
            against_baseline(&[vec![base(), planted("world", "other", &[(9, 2.5)], &[2.5; 5])]]).remove(0);
        assert_eq!((apart.difference, apart.seeds_paired), (None, 0));
        assert_eq!(apart.reason.as_deref(), Some(NO_COMMON_SEED));
    }

    #[test]
    fn a_baseline_or_a_method_without_runs_is_named() {
        let some = |method: &str| planted("world", method, &BASE, &[2.0; 5]);
        let none = |method: &str| planted("world", method, &[], &[]);
        let reason = |cells: Vec<Planted>| {
            let one = against_baseline(&[cells]).remove(0);
            assert_eq!((one.difference, one.share_above_zero, one.seeds_paired), (None, None, 0));
            assert_eq!((one.ci.err(), one.ci_rows.err()), (one.reason.clone(), one.reason.clone()));
            one.reason.unwrap()
        };
        assert_eq!(reason(vec![none("base"), some("other")]), "base: no seed finished");
        assert_eq!(reason(vec![some("base"), none("other")]), "other: no seed finished");
        assert_eq!(against_baseline(&[vec![some("base")]]), []);
    }

    #[test]
    fn other_rows_cannot_be_paired() {
        let base = planted("world", "base", &BASE, &[2.0; 5]);
        let mut other = planted("world", "other", &BASE, &[2.0; 5]);
        other.resamples.evaluation = "changed".to_string();
        let one = against_baseline(&[vec![base, other]]).remove(0);
        assert_eq!((one.difference, one.ci_rows.unwrap_err().as_str()), (Some(0.0), DIFFERENT_ROWS));
    }

    fn two_worlds() -> Vec<Vec<Planted>> {
        // differences 1, 2, 3 in the first world, 4 and 6 in the second
        let other = [(1, 2.0), (2, 4.0), (3, 6.0)];
        vec![
            vec![
                planted("one", "base", &BASE, &[0.0; 5]),
                planted("one", "other", &other, &[1.0, -2.0, 3.0, 4.0, 5.0]),
            ],
            vec![
                planted("two", "base", &BASE[..2], &[1.0; 5]),
                planted("two", "other", &[(1, 5.0), (2, 8.0)], &[2.0, 2.0, 2.0, 2.0, 2.0]),
            ],
        ]
    }

    #[test]
    fn an_average_counts_every_dataset_once() {
        let found = against_baseline(&two_worlds());
        let datasets: Vec<_> = found.iter().map(|contrast| contrast.dataset.as_deref()).collect();
        assert_eq!(datasets, [Some("one"), Some("two"), None]);
        let average = &found[2];
        assert_eq!((average.difference, average.seeds_paired), (Some(3.5), 5));
        // sqrt(1/3 + 2/2) / 2 with (4/3)^2 / ((1/9)/2 + 1/1) = 1.68421 degrees of freedom;
        // scipy 1.17.1: stats.t.ppf(.975, 32/19)
        let ci = average.ci.as_ref().unwrap();
        let half = 5.1762316285465175 * (4f64 / 3.0).sqrt() / 2.0;
        assert!((ci.low - (3.5 - half)).abs() < 1e-6 && (ci.high - (3.5 + half)).abs() < 1e-6, "{ci:?}");
        // resampled averages 1, -0.5, 2, 2.5, 3
        let rows = average.ci_rows.as_ref().unwrap();
        assert!(near(rows.low, -0.35) && near(rows.high, 2.95) && rows.n == 200, "{rows:?}");
        assert_eq!(average.share_above_zero, Some(0.8));
    }

    #[test]
    fn an_average_misses_what_one_dataset_misses_and_says_which() {
        let mut worlds = two_worlds();
        worlds[1][1] = planted("two", "other", &[], &[]);
        let average = against_baseline(&worlds).remove(2);
        assert_eq!(average.reason.as_deref(), Some("two: other: no seed finished"));
        let mut worlds = two_worlds();
        worlds[1][1].resamples.metrics.insert("qini".to_string(), Err("no weights".to_string()));
        let average = against_baseline(&worlds).remove(2);
        assert_eq!(
            (average.difference, average.ci_rows.unwrap_err().as_str()),
            (Some(3.5), "two: no weights")
        );
    }
}
