//! Paired comparisons, metric by metric: every method with the baseline, every full model with itself less one component.

use super::decided::Decided;
use super::estimate::{LEVEL, MetricEstimate, mean};
use super::linear_contrast::{DatasetCells, LinearContrast, Orientation, Place, Tested, pooled};
use valor_stats::metrics::{self, Defined, Direction};
use valor_stats::stats::{Interval, Looks, Verdict, rows_to_find};

/// How far a method is from another in a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct ContrastView {
    /// Dataset; absent for the average over all of them, each counted once.
    pub dataset: Option<String>,
    /// Method, as the experiment names it.
    pub method: String,
    /// What it is compared with: the baseline, or the full model.
    pub baseline: String,
    /// The component that the full model has and the method lacks.
    pub component: Option<String>,
    /// Metric.
    pub metric: String,
    /// Mean of method minus baseline over the seeds that both finished.
    pub difference: Defined<f64>,
    /// Over seeds: Student t of the paired differences.
    pub ci: Defined<Interval>,
    /// Over test rows, of the seed-averaged difference.
    pub ci_rows: Defined<Interval>,
    /// Over seeds and test rows together.
    pub ci_both: Defined<Interval>,
    /// Share of the resamples of test rows in which the difference is above zero; absent without `ci_rows`.
    pub share_above_zero: Option<f64>,
    /// Seeds that both finished with a value; of an average the sum over datasets.
    pub seeds_paired: usize,
    /// Variance of the difference by source.
    pub variance: Option<Sources>,
    /// The gain, for tests: the difference with the sign that makes more better.
    pub gain: Defined<Tested>,
    /// Mean of the baseline, which shares refer to.
    pub level: Option<f64>,
    /// The verdict and what it rests on; nothing where no value of the metric is better, or with `undecided`.
    pub decided: Option<Decided>,
    /// Why the metric decides nothing here: a share of a total that is hardly there.
    pub undecided: Option<String>,
    /// The metric that decides in the place of this one here, where another does.
    pub instead: Option<String>,
    /// What an experimenter would have seen of it, where it decides without noise.
    pub observed: Option<Box<Observed>>,
}

/// The same comparison in the metric of outcomes that tends to the one that decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The metric.
    pub metric: String,
    /// As in the contrast of that metric.
    pub difference: Defined<f64>,
    /// The interval that stands beside its verdict.
    pub interval: Option<[f64; 2]>,
    /// Its verdict, after Holm over the comparisons of its kind in that metric.
    pub verdict: Option<Verdict>,
    /// Its p-value after Holm.
    pub p_adjusted: Option<f64>,
    /// Test rows of a dataset, on average.
    pub rows: Option<usize>,
    /// Test rows of a dataset that would show the difference that decides with probability .8, or why there are none.
    pub needed: Defined<u64>,
}

impl Observed {
    /// From the contrast in the metric of outcomes, for the difference that decides: its own where the two have no unit in common.
    pub fn new(seen: &ContrastView, deciding: &ContrastView) -> Self {
        let limit = metrics::find(&seen.metric).ok().and_then(metrics::Metric::without_noise);
        let same_unit = limit.is_some_and(|limit| limit == deciding.metric);
        let difference = if same_unit { &deciding.difference } else { &seen.difference };
        let found = seen.gain.as_ref().ok();
        let rows = found.and_then(Tested::rows_of_a_dataset);
        let needed = || {
            let gain = seen.gain.as_ref().map_err(Clone::clone)?;
            let variance = gain.rows.clone()?;
            rows_to_find(difference.clone()?, variance, rows.unwrap_or(0))
        };
        let decided = seen.decided.as_ref();
        Self {
            metric: seen.metric.clone(),
            difference: seen.difference.clone(),
            interval: seen.interval().as_ref().ok().map(|found| [found.low, found.high]),
            verdict: decided.map(|decided| decided.verdict),
            p_adjusted: decided.and_then(|decided| decided.p_adjusted),
            rows,
            needed: needed(),
        }
    }
}

impl ContrastView {
    /// The interval that stands beside a verdict: seeds and test rows together, seeds alone where rows have none.
    pub fn interval(&self) -> &Defined<Interval> {
        if self.ci_both.is_ok() { &self.ci_both } else { &self.ci }
    }

    /// The difference, where there is one.
    pub fn value(&self) -> Option<f64> {
        self.difference.as_ref().ok().copied()
    }

    /// The same comparison with the methods in the other order.
    pub fn reversed(&self) -> Self {
        let turn = |bounds: &Defined<Interval>| {
            bounds.clone().map(|interval| Interval { low: -interval.high, high: -interval.low, ..interval })
        };
        Self {
            method: self.baseline.clone(),
            baseline: self.method.clone(),
            difference: self.difference.clone().map(|difference| -difference),
            ci: turn(&self.ci),
            ci_rows: turn(&self.ci_rows),
            ci_both: turn(&self.ci_both),
            share_above_zero: self.share_above_zero.map(|share| 1.0 - share),
            variance: self.variance.as_ref().map(|sources| Sources {
                over_datasets: sources.over_datasets.map(|(low, high)| (-high, -low)),
                ..sources.clone()
            }),
            gain: self.gain.as_ref().map(Tested::negative).map_err(Clone::clone),
            observed: None,
            decided: self.decided.as_ref().map(Decided::reversed),
            ..self.clone()
        }
    }
}

/// Variance of a mean difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Sources {
    /// From seeds: training.
    pub seeds: f64,
    /// From test rows, or why it is not known.
    pub rows: Defined<f64>,
    /// Between datasets, of the mean over them as a sample of such datasets; nothing for one.
    pub datasets: Option<f64>,
    /// The interval that takes datasets as such a sample.
    pub over_datasets: Option<(f64, f64)>,
}

/// A comparison to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedMethods<'a> {
    /// The method.
    pub method: &'a str,
    /// What it is compared with.
    pub against: &'a str,
    /// The component that it lacks.
    pub component: Option<&'a str>,
}

/// Every method with the baseline, in the order of the table.
pub fn with_baseline<'a>(baseline: &'a str, methods: &DatasetCells<'a>) -> Vec<ComparedMethods<'a>> {
    let others =
        methods.cells.iter().map(|one| one.cell.method.as_str()).filter(|method| *method != baseline);
    others.map(|method| ComparedMethods { method, against: baseline, component: None }).collect()
}

/// Where comparisons are made: dataset by dataset, then averaged if there are several. `datasets` holds the same methods for
/// each dataset.
pub fn places<'a>(datasets: &'a [DatasetCells<'a>]) -> Vec<Place<'a>> {
    let datasets: Vec<&DatasetCells> = datasets.iter().filter(|one| !one.cells.is_empty()).collect();
    let place = |datasets| Place { datasets, looks: Looks::Once };
    let mut places: Vec<Place> = datasets.iter().map(|one| place(vec![*one])).collect();
    if datasets.len() > 1 {
        places.push(place(datasets));
    }
    places
}

/// Method minus against in a metric, averaged over the datasets of a place; nothing if one lacks a method.
pub fn contrast(question: &ComparedMethods, metric: &str, place: &Place) -> Option<ContrastView> {
    let direction = metrics::find(metric).map_or(Direction::Neither, |metric| metric.direction);
    let (mut values, mut gains, mut levels) = (Vec::new(), Vec::new(), Vec::new());
    for cells in &place.datasets {
        let (method, against) = (cells.find(question.method)?, cells.find(question.against)?);
        let terms = [(1.0, method), (-1.0, against)];
        values.push(LinearContrast::of(&terms, metric, Orientation::Metric));
        gains.push(LinearContrast::of(&terms, metric, Orientation::Gain(direction)));
        levels.push(against.cell.metrics.get(metric).and_then(MetricEstimate::value));
    }
    let level = levels.iter().copied().collect::<Option<Vec<f64>>>();
    let level = level.and_then(|levels| mean(levels.into_iter().map(f64::abs)));
    let dataset = match place.datasets.as_slice() {
        [one] => Some(one.dataset.to_string()),
        _ => None,
    };
    let found = pooled(&values, place.looks);
    Some(ContrastView {
        dataset,
        method: question.method.to_string(),
        baseline: question.against.to_string(),
        component: question.component.map(str::to_string),
        metric: metric.to_string(),
        difference: found.mean,
        ci_both: found.ci_both,
        variance: found.tested.as_ref().ok().map(Sources::of),
        ci: found.ci,
        ci_rows: found.ci_rows,
        share_above_zero: found.share_above_zero,
        seeds_paired: found.pairs,
        gain: pooled(&gains, place.looks).tested,
        level,
        decided: None,
        undecided: None,
        instead: None,
        observed: None,
    })
}

impl Sources {
    /// What each source adds to the variance of the mean; that between datasets is what theirs have beyond the others.
    fn of(tested: &Tested) -> Self {
        let within = tested.whole.standard_error().powi(2);
        Self {
            seeds: tested.seeds.error.powi(2),
            rows: tested.rows.clone(),
            datasets: tested.datasets.map(|datasets| (datasets.error.powi(2) - within).max(0.0)),
            over_datasets: tested.datasets.and_then(|datasets| datasets.interval(LEVEL).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{CellView, SeedCounts};
    use crate::estimate::MetricEstimate;
    use crate::linear_contrast::ResampledCell;
    use crate::resample::Resamples;
    use std::collections::BTreeMap;
    use valor_stats::metrics::Undefined;
    use valor_stats::stats::{Law, Resampled, SeedInterval};

    /// A cell with these values of `qini` by seed and these resampled values of their mean.
    struct Planted {
        cell: CellView,
        resamples: Resamples,
    }

    fn planted(dataset: &str, method: &str, values: &[(u64, f64)], resampled: &[f64]) -> Planted {
        let estimate = if values.is_empty() {
            MetricEstimate::absent(Undefined::new("no seed finished"))
        } else {
            let values = values.iter().map(|(seed, value)| (*seed, Ok(*value)));
            let absent = Undefined::new("not asked");
            MetricEstimate::over_seeds(values, SeedInterval::StudentT, &Err(absent.clone()), Err(absent))
        };
        let resampled = if values.is_empty() {
            Err(Undefined::new("no seed finished"))
        } else {
            Ok(Resampled { values: resampled.to_vec(), rows: 100, law: Law::Drawn })
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
                evaluation: dataset.to_string(),
                metrics: BTreeMap::from([("qini".to_string(), resampled)]),
                curves: Default::default(),
            },
        }
    }

    fn against_baseline(datasets: &[Vec<Planted>]) -> Vec<ContrastView> {
        let side = |one: &'_ Planted| -> (CellView, Resamples) { (one.cell.clone(), one.resamples.clone()) };
        let owned: Vec<Vec<_>> = datasets.iter().map(|cells| cells.iter().map(side).collect()).collect();
        let cells: Vec<DatasetCells> = owned
            .iter()
            .map(|cells| DatasetCells {
                dataset: &cells[0].0.dataset,
                cells: cells.iter().map(|(cell, resamples)| ResampledCell { cell, resamples }).collect(),
            })
            .collect();
        let questions = with_baseline("base", &cells[0]);
        let places = places(&cells);
        places
            .iter()
            .flat_map(|place| questions.iter().filter_map(|one| contrast(one, "qini", place)))
            .collect()
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
        assert_eq!((one.difference.clone(), one.seeds_paired), (Ok(2.0), 3));
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
        assert_eq!((one.difference.clone(), one.seeds_paired), (Ok(1.0), 2));
        assert_eq!((one.ci.as_ref().unwrap().n, one.share_above_zero), (2, None));
        assert_eq!(
            one.ci_rows.unwrap_err().0.split(',').next(),
            Some("the two methods finished different seeds")
        );
    }

    #[test]
    fn one_common_seed_has_a_difference_without_an_interval_and_none_has_a_reason() {
        let base = || planted("world", "base", &BASE, &[2.0; 5]);
        let one =
            against_baseline(&[vec![base(), planted("world", "other", &[(3, 2.5)], &[2.5; 5])]]).remove(0);
        assert_eq!((one.difference.clone(), one.seeds_paired), (Ok(-0.5), 1));
        assert_eq!(one.ci.unwrap_err().0, "an interval needs at least 2 pairs, found 1");
        let apart =
            against_baseline(&[vec![base(), planted("world", "other", &[(9, 2.5)], &[2.5; 5])]]).remove(0);
        assert_eq!(
            (apart.difference, apart.seeds_paired),
            (Err(Undefined::new("no seed was finished by both")), 0)
        );
    }

    #[test]
    fn a_baseline_or_a_method_without_runs_is_named() {
        let some = |method: &str| planted("world", method, &BASE, &[2.0; 5]);
        let none = |method: &str| planted("world", method, &[], &[]);
        let reason = |cells: Vec<Planted>| {
            let one = against_baseline(&[cells]).remove(0);
            assert_eq!((one.share_above_zero, one.seeds_paired), (None, 0));
            let reason = one.difference.err();
            assert_eq!((one.ci.err(), one.ci_rows.err()), (reason.clone(), reason.clone()));
            reason.unwrap().0
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
        assert_eq!(
            (one.difference, one.ci_rows.unwrap_err().0.as_str()),
            (Ok(0.0), "the two methods were judged on different test rows")
        );
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
        assert_eq!((average.difference.clone(), average.seeds_paired), (Ok(3.5), 5));
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
        assert_eq!(average.difference, Err(Undefined::new("two: other: no seed finished")));
        let mut worlds = two_worlds();
        worlds[1][1].resamples.metrics.insert("qini".to_string(), Err(Undefined::new("no weights")));
        let average = against_baseline(&worlds).remove(2);
        assert_eq!(
            (average.difference, average.ci_rows.unwrap_err().0.as_str()),
            (Ok(3.5), "two: no weights")
        );
    }
}
