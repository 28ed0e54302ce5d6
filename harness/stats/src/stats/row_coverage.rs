//! Do intervals over test rows cover, by resamples and to first order, with ties and without? By simulation.

use super::simulation::{LEVEL, RESAMPLES, header, line, missed, normal};
use super::*;
use crate::metrics::{Metric, RankedRows, ScoredRows, find};
use rand::Rng;
use std::sync::OnceLock;
use valor_base::seed::{Seeds, Stream};

/// Two rankings of the same accounts, most of which spend nothing and a few a lot. Scores are rounded to so many levels a unit: 0 means
/// no rounding.
#[derive(Clone, Copy)]
struct TwoRankings {
    rows: usize,
    levels: f64,
}

/// What is followed; the first three are of outcomes.
const METRICS: [&str; 6] = ["auuc", "qini", "lift@30", "auuc.true", "lift@30.true", "krcc"];
/// Noise of either score beside an effect of SD 1.
const NOISE: [f64; 2] = [0.5, 2.0];
/// Rows that stand for all accounts there are.
const POPULATION: usize = 400_000;

fn metrics() -> Vec<&'static Metric> {
    METRICS.iter().filter_map(|name| find(name).ok()).collect()
}

impl TwoRankings {
    fn draw(self, rows: usize, stream: &mut Stream) -> [RankedRows; 2] {
        let x: Vec<f64> = (0..rows).map(|_| normal(stream)).collect();
        let effect: Vec<f64> = x.iter().map(|x| 6.0 + 2.0 * x).collect();
        let treatment: Vec<bool> = (0..rows).map(|_| stream.random()).collect();
        let spent = |(tau, treated): (&f64, &bool)| {
            let mean = 8.0 + if *treated { *tau } else { 0.0 };
            // Six in ten spend, log-normal with a coefficient of variation of .95.
            if stream.random::<f64>() < 0.6 { mean / 0.6 * (0.8 * normal(stream) - 0.32).exp() } else { 0.0 }
        };
        let outcome: Vec<f64> = effect.iter().zip(&treatment).map(spent).collect();
        NOISE.map(|noise| {
            let raw = x.iter().map(|x| x + noise * normal(stream));
            let score: Vec<f64> = match self.levels {
                0.0 => raw.collect(),
                levels => raw.map(|score| (score * levels).round()).collect(),
            };
            let judged =
                ScoredRows { effect: Some(&effect), ..ScoredRows::new(&score, &treatment, &outcome) };
            RankedRows::new(&judged).unwrap()
        })
    }

    /// Differences of the metrics on the population.
    fn truth(self) -> Vec<f64> {
        static KNOWN: [OnceLock<Vec<f64>>; 2] = [const { OnceLock::new() }; 2];
        let known = &KNOWN[usize::from(self.levels > 0.0)];
        let find = || {
            let [a, b] = self.draw(POPULATION, &mut Seeds::new(29).stream());
            metrics().iter().map(|metric| metric.compute(&a).unwrap() - metric.compute(&b).unwrap()).collect()
        };
        known.get_or_init(find).clone()
    }

    /// Intervals of the difference in a metric: percentiles of resamples, and of linear draws.
    fn intervals(self, metric: &'static Metric, stream: &mut Stream) -> [(f64, f64); 2] {
        let models = self.draw(self.rows, stream);
        let plan = RowBootstrap { resamples: RESAMPLES, seeds: Seeds::new(stream.random()) };
        let draws = RowDraws::new(self.rows, &plan);
        let shared = LinearDraws::new(self.rows, RESAMPLES, &plan.seeds);
        let minus = |found: [Resampled; 2]| {
            let [a, b] = &found;
            let interval = Resampled::sum(&[(1.0, a), (-1.0, b)]).unwrap().interval(LEVEL).unwrap();
            (interval.low, interval.high)
        };
        let drawn = models.each_ref().map(|model| {
            bootstrap_rows(std::slice::from_ref(model), &[metric], &draws)
                .unwrap()
                .metrics
                .remove(metric.name)
                .unwrap()
        });
        let linear = models.each_ref().map(|model| {
            linearise_rows(std::slice::from_ref(model), &[metric], &shared)
                .unwrap()
                .remove(metric.name)
                .unwrap()
                .unwrap()
        });
        [minus(drawn), minus(linear)]
    }

    fn missed(self, index: usize, repetitions: u64) -> [[f64; 2]; 2] {
        let metric = metrics()[index];
        missed(repetitions, "two rankings", self.truth()[index], |stream| self.intervals(metric, stream))
    }
}

#[test]
fn linear_draws_cover_as_resamples_do() {
    for (index, levels) in [(0, 0.0), (2, 2.0), (3, 2.0)] {
        let [drawn, linear] = TwoRankings { rows: 1_000, levels }.missed(index, 100);
        let (drawn, linear) = (drawn[0] + drawn[1], linear[0] + linear[1]);
        assert!(drawn <= 0.12 && linear <= 0.12, "{}: {drawn} {linear}", METRICS[index]);
    }
}

/// The table of intervals over rows.
pub(super) fn print(many: u64) {
    header(&[
        "difference in",
        "scores",
        "test rows",
        "percentile bootstrap: above, below",
        "linearised bootstrap: above, below",
    ]);
    for (index, metric) in METRICS.iter().enumerate() {
        for (rows, levels) in [(1_000, 0.0), (1_000, 2.0), (4_000, 0.0)] {
            let found = TwoRankings { rows, levels }.missed(index, many / 20);
            let found = found.map(|[above, below]| format!("{above:.3}, {below:.3}"));
            let scores = if levels == 0.0 { "no ties" } else { "in about 15 blocks" };
            line(&[&[metric.to_string(), scores.to_string(), rows.to_string()], found.as_slice()].concat());
        }
    }
}
