//! The bootstrap over test rows: rows resampled once, for all models and seeds.

use super::distributions::normal_quantile;
use super::draws::RowDraws;
use super::interval::{Interval, percentiles};
use super::studentised::Tails;
use crate::metrics::{LANES, Lanes, Metric, RankedRows, Resampler, Undefined};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The central share of resamples that tells how far they reach.
const TAILS: f64 = 0.95;

/// What the values of a [`Resampled`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// Resamples of the rows.
    Drawn,
    /// Draws of the metric to first order in the rows.
    Linear,
}

impl Law {
    /// What an interval by it is called.
    pub fn method(self) -> &'static str {
        match self {
            Self::Drawn => "percentile bootstrap",
            Self::Linear => "linearised bootstrap",
        }
    }
}

/// A metric of a method under every resample.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    /// Mean over seeds, one entry per resample; NaN where the metric is undefined for a seed.
    pub values: Vec<f64>,
    /// Rows in each resample.
    pub rows: usize,
    /// How they were made.
    pub law: Law,
}

/// Averages each metric over a method's models (one per seed, same rows in the same order) under every resample.
/// Methods that are resampled apart by the same `draws` are still paired.
///
/// # Errors
///
/// Internal: no models, or models of other rows than those drawn.
pub fn bootstrap_rows(
    models: &[RankedRows],
    metrics: &[&Metric],
    draws: &RowDraws,
) -> anyhow::Result<Bootstrapped> {
    let rows =
        models.first().map(RankedRows::rows).ok_or_else(|| anyhow::anyhow!("no models to resample"))?;
    let resamplers = Resampler::all(models, metrics);
    let means = |ranked: &mut Vec<Lanes>, weights: &[Lanes]| {
        means_over_models(&resamplers, metrics.len(), weights, ranked)
    };
    let blocks = draws.blocks().map_init(Vec::new, means);
    let mut means: Vec<Draw> = blocks.collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten().collect();
    means.truncate(draws.resamples());
    let entry = |(index, metric): (usize, &&Metric)| {
        let values = means.iter().map(|draw| draw.values[index]).collect();
        (metric.name.to_string(), Resampled { values, rows, law: Law::Drawn })
    };
    let metrics = metrics.iter().enumerate().map(entry).collect();
    let (uplift, qini) =
        means.into_iter().map(|draw| draw.curves).map(|[uplift, qini]| (uplift, qini)).unzip();
    Ok(Bootstrapped { metrics, curves: [uplift, qini] })
}

/// Metrics and curves of a method under every resample, averaged over its models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bootstrapped {
    /// By metric.
    pub metrics: BTreeMap<String, Resampled>,
    /// The uplift curve and the Qini curve at `BAND_POINTS + 1` even shares, one per resample.
    pub curves: [Vec<Vec<f64>>; 2],
}

/// Steps of the curves that are resampled.
pub const BAND_POINTS: usize = 50;

/// One resample, averaged over models.
struct Draw {
    values: Vec<f64>,
    curves: [Vec<f64>; 2],
}

fn means_over_models(
    models: &[Resampler],
    metrics: usize,
    weights: &[Lanes],
    ranked: &mut Vec<Lanes>,
) -> anyhow::Result<Vec<Draw>> {
    let none = || Draw {
        values: vec![0.0; metrics],
        curves: [vec![0.0; BAND_POINTS + 1], vec![0.0; BAND_POINTS + 1]],
    };
    let mut draws: Vec<Draw> = (0..LANES).map(|_| none()).collect();
    for model in models {
        for (draw, found) in draws.iter_mut().zip(model.weighted(weights, BAND_POINTS, ranked)?) {
            for (sum, value) in draw.values.iter_mut().zip(found.values) {
                *sum += value.unwrap_or(f64::NAN);
            }
            for (sum, gain) in draw.curves.iter_mut().flatten().zip(found.curves.iter().flatten()) {
                *sum += gain;
            }
        }
    }
    let count = models.len() as f64;
    for draw in &mut draws {
        draw.values.iter_mut().chain(draw.curves.iter_mut().flatten()).for_each(|sum| *sum /= count);
    }
    Ok(draws)
}

impl Resampled {
    /// The percentile interval over test rows.
    ///
    /// # Errors
    ///
    /// Why there is none: the metric is undefined in more than one resample in twenty.
    pub fn interval(&self, level: f64) -> Result<Interval, Undefined> {
        let mut defined = self.defined();
        let missing = self.values.len() - defined.len();
        if defined.is_empty() || missing * 20 > self.values.len() {
            return Err(Undefined(format!("undefined in {missing} of {} resamples", self.values.len())));
        }
        let (low, high) = percentiles(&mut defined, level);
        Ok(Interval {
            low,
            high,
            level,
            method: self.law.method().to_string(),
            over: "test rows".to_string(),
            n: self.rows,
            resamples: Some(self.values.len()),
            note: (missing > 0).then(|| format!("undefined in {missing} of {} resamples", self.values.len())),
        })
    }

    /// How far resamples reach from `mean` on either side: normal laws whose 95 % half-widths are those of the percentile
    /// interval. A mean outside that interval has no tail on its side.
    ///
    /// # Errors
    ///
    /// Why there is none: the metric is undefined in more than one resample in twenty.
    pub fn tails(&self, mean: f64) -> Result<Tails, Undefined> {
        let interval = self.interval(TAILS)?;
        let unit = normal_quantile(0.5 + TAILS / 2.0);
        let tail = |reach: f64| reach.max(0.0) / unit;
        Ok(Tails { down: tail(mean - interval.low), up: tail(interval.high - mean) })
    }

    /// The variance of the normal law with the central interval of the resamples.
    ///
    /// # Errors
    ///
    /// Why there is none: the metric is undefined in more than one resample in twenty.
    pub fn variance(&self) -> Result<f64, Undefined> {
        let interval = self.interval(TAILS)?;
        let unit = normal_quantile(0.5 + TAILS / 2.0);
        Ok(((interval.high - interval.low) / (2.0 * unit)).powi(2))
    }

    /// A sum of methods, each times its factor, resample by resample: all see the same rows.
    ///
    /// # Errors
    ///
    /// Internal: nothing to add, or other resamples.
    pub fn sum(terms: &[(f64, &Self)]) -> anyhow::Result<Self> {
        let (_, first) = terms.first().ok_or_else(|| anyhow::anyhow!("no resamples to add"))?;
        let same = |part: &Self| {
            part.rows == first.rows && part.values.len() == first.values.len() && part.law == first.law
        };
        anyhow::ensure!(
            terms.iter().all(|(_, part)| same(part)),
            "resamples of different rows cannot be paired"
        );
        let value = |index: usize| terms.iter().map(|(factor, part)| factor * part.values[index]).sum();
        Ok(Self { values: (0..first.values.len()).map(value).collect(), rows: first.rows, law: first.law })
    }

    /// The mean of one metric over several datasets, resample by resample; `rows` are those of all together.
    ///
    /// # Errors
    ///
    /// Internal: nothing to average, or unequal numbers of resamples.
    pub fn mean(parts: &[Self]) -> anyhow::Result<Self> {
        let first = parts.first().ok_or_else(|| anyhow::anyhow!("no resamples to average"))?;
        let (count, law) = (first.values.len(), first.law);
        let same = parts.iter().all(|part| part.values.len() == count && part.law == law);
        anyhow::ensure!(same, "unequal numbers of resamples cannot be averaged");
        let sum = |index: usize| parts.iter().map(|part| part.values[index]).sum::<f64>();
        let values = (0..count).map(|index| sum(index) / parts.len() as f64).collect();
        Ok(Self { values, rows: parts.iter().map(|part| part.rows).sum(), law })
    }

    /// Share of defined resamples above zero: of a difference, the probability of being better. NaN if none is.
    pub fn share_above_zero(&self) -> f64 {
        let defined = self.defined();
        defined.iter().filter(|&&value| value > 0.0).count() as f64 / defined.len() as f64
    }

    fn defined(&self) -> Vec<f64> {
        self.values.iter().copied().filter(|value| !value.is_nan()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{ScoredRows, find};
    use rand::Rng;
    use rand_distr::{Distribution, StandardNormal};
    use valor_base::seed::Seeds;

    const ROWS: usize = 1_500;

    /// A model whose score is the effect plus `noise` of its own.
    fn model(noise: f64, seed: u64) -> RankedRows {
        let (mut world, mut own) = (Seeds::new(1).stream(), Seeds::new(seed).stream());
        let effect: Vec<f64> = (0..ROWS).map(|_| world.random_range(-1.0..3.0)).collect();
        let treatment: Vec<bool> = (0..ROWS).map(|row| row % 2 == 0).collect();
        let outcome =
            effect.iter().zip(&treatment).map(|(tau, &treated)| 5.0 + if treated { *tau } else { 0.0 });
        let outcome: Vec<f64> = outcome.map(|mean| mean + world.random_range(-2.0..2.0)).collect();
        let score: Vec<f64> = effect.iter().map(|tau| tau + noise * own.random_range(-1.0..1.0)).collect();
        RankedRows::new(&ScoredRows {
            effect: Some(&effect),
            ..ScoredRows::new(&score, &treatment, &outcome)
        })
        .unwrap()
    }

    fn bootstrap(noise: f64) -> BTreeMap<String, Resampled> {
        let metrics = ["auuc", "qini", "lift@30", "auuc.true", "krcc", "pehe", "auuc.causalml"]
            .map(|name| find(name).unwrap());
        let plan = super::super::RowBootstrap { resamples: 400, seeds: Seeds::new(5) };
        let draws = RowDraws::new(ROWS, &plan);
        bootstrap_rows(&[model(noise, 10), model(noise, 11)], &metrics, &draws).unwrap().metrics
    }

    impl Resampled {
        fn minus(&self, other: &Self) -> Self {
            Self::sum(&[(1.0, self), (-1.0, other)]).unwrap()
        }
    }

    #[test]
    fn resamples_surround_the_value_and_differences_are_paired() {
        let (good, bad) = (bootstrap(0.5), bootstrap(8.0));
        for name in ["auuc", "qini", "lift@30", "auuc.true", "krcc"] {
            let interval = good[name].interval(0.95).unwrap();
            let values = [10, 11].map(|seed| find(name).unwrap().compute(&model(0.5, seed)).unwrap());
            let mean = (values[0] + values[1]) / 2.0;
            assert!(interval.low < mean && mean < interval.high, "{name}: {mean} and {interval:?}");
            let difference = good[name].minus(&bad[name]);
            let width = |resampled: &Resampled| resampled.interval(0.95).map(|i| i.high - i.low).unwrap();
            assert!(difference.share_above_zero() > 0.9, "{name}: {}", difference.share_above_zero());
            let unpaired = width(&good[name]).hypot(width(&bad[name]));
            assert!(width(&difference) < 1.05 * unpaired, "{name}: pairing cannot widen");
        }
        for name in ["auuc.true", "krcc"] {
            let difference = good[name].minus(&bad[name]);
            assert!(difference.interval(0.95).unwrap().low > 0.0, "{name}");
        }
        assert_eq!(good["pehe"].interval(0.95).unwrap_err().0, "undefined in 400 of 400 resamples");
        assert!(good["auuc.causalml"].interval(0.95).is_err());
    }

    #[test]
    fn tails_are_measured_from_the_mean_and_wild_resamples_do_not_count() {
        let mut stream = Seeds::new(3).stream();
        let values = StandardNormal.sample_iter(&mut stream).take(4_000).map(|value: f64| 5.0 + 2.0 * value);
        let values = values.collect();
        let mut found = Resampled { values, rows: 10, law: Law::Drawn };
        let Tails { down, up } = found.tails(5.0).unwrap();
        assert!((down - 2.0).abs() < 0.15 && (up - 2.0).abs() < 0.15, "{down} {up}");
        let moved = found.tails(6.0).unwrap();
        assert!(
            moved.down > down + 0.4 && moved.up < up - 0.4,
            "from the mean, not from the median: {moved:?}"
        );
        assert_eq!(found.tails(50.0).unwrap().up, 0.0);
        found.values.iter_mut().take(20).for_each(|value| *value = 1e9);
        assert!(found.variance().unwrap() < 5.0);
        found.values.iter_mut().take(400).for_each(|value| *value = f64::NAN);
        assert_eq!(found.variance().unwrap_err().0, "undefined in 400 of 4000 resamples");
    }

    #[test]
    fn a_mean_over_datasets_is_taken_resample_by_resample() {
        let part = |values: &[f64], rows| Resampled { values: values.to_vec(), rows, law: Law::Drawn };
        let mean = Resampled::mean(&[part(&[1.0, -2.0, f64::NAN], 10), part(&[3.0, 1.0, 1.0], 30)]).unwrap();
        assert_eq!((&mean.values[..2], mean.rows), (&[2.0, -0.5][..], 40));
        assert!(mean.values[2].is_nan());
        assert_eq!(mean.share_above_zero(), 0.5);
        assert!(Resampled::mean(&[]).is_err());
        assert!(Resampled::mean(&[part(&[1.0], 1), part(&[], 1)]).is_err());
    }

    #[test]
    fn threads_change_nothing() {
        let alone =
            rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| bootstrap(1.0));
        let bits = |found: &BTreeMap<String, Resampled>| -> Vec<u64> {
            found
                .values()
                .flat_map(|resampled| resampled.values.iter().map(|value| value.to_bits()))
                .collect()
        };
        assert_eq!(bits(&alone), bits(&bootstrap(1.0)));
    }
}
