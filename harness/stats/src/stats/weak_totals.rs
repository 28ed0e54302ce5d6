//! Is a metric covered on either side where the average effect is hardly there? By simulation.

use super::simulation::{LEVEL, RESAMPLES, header, line, missed, normal, values};
use super::*;
use crate::metrics::{RankedRows, ScoredRows, find};
use rand::Rng;
use valor_base::seed::{Seeds, Stream};

/// Two rankings of the same rows by scores that follow the effect, where the average effect is `z` standard errors.
///
/// With `x` normal, effect `a + b x` and a score of correlation `r` with `x`, the area above the random line is
/// `b r / (2 sqrt(pi))` and AUUC is that over `a`.
struct WeakTotal {
    z: f64,
    metric: &'static str,
}

const WEAK_ROWS: usize = 400;
/// Outcome noise, and how much the effect varies.
const NOISE: f64 = 3.0;
const SLOPE: f64 = 1.0;
/// Mean correlation of a seed's score with the effect, of either method, and its standard deviation over seeds.
const FOLLOWS: [f64; 2] = [0.7, 0.3];
const FOLLOWS_SD: f64 = 0.1;

impl WeakTotal {
    fn effect(&self) -> f64 {
        let variance = NOISE * NOISE + SLOPE * SLOPE / 2.0;
        self.z * (4.0 * variance / WEAK_ROWS as f64).sqrt()
    }

    fn truth(&self) -> f64 {
        let area = SLOPE * (FOLLOWS[0] - FOLLOWS[1]) / (2.0 * std::f64::consts::PI.sqrt());
        if self.metric == "auuc" { area / self.effect() } else { area }
    }

    /// Over seeds, over rows, over both.
    fn intervals(&self, stream: &mut Stream) -> [(f64, f64); 3] {
        let x = values(stream, WEAK_ROWS, normal);
        let treatment: Vec<bool> = (0..WEAK_ROWS).map(|row| row % 2 == 0).collect();
        let spent = |(x, treated): (&f64, &bool)| {
            NOISE * normal(stream) + if *treated { self.effect() + SLOPE * x } else { 0.0 }
        };
        let outcome: Vec<f64> = x.iter().zip(&treatment).map(spent).collect();
        let mut method = |follows: f64| -> Vec<RankedRows> {
            let seed = |_| {
                let share = (follows + FOLLOWS_SD * normal(stream)).clamp(-1.0, 1.0);
                let own = (1.0 - share * share).sqrt();
                let score: Vec<f64> = x.iter().map(|x| share * x + own * normal(stream)).collect();
                RankedRows::new(&ScoredRows::new(&score, &treatment, &outcome)).unwrap()
            };
            (0..5).map(seed).collect()
        };
        let methods = FOLLOWS.map(&mut method);
        let metric = find(self.metric).unwrap();
        let seeds = stream.random();
        let draws =
            RowDraws::new(WEAK_ROWS, &RowBootstrap { resamples: RESAMPLES, seeds: Seeds::new(seeds) });
        let [a, b] = methods.each_ref().map(|models| {
            bootstrap_rows(models, &[metric], &draws).unwrap().metrics.remove(self.metric).unwrap()
        });
        let rows = Resampled::sum(&[(1.0, &a), (-1.0, &b)]).unwrap();
        let [a, b] = methods.each_ref().map(|models| {
            models.iter().map(|model| metric.compute(model).unwrap_or(0.0)).collect::<Vec<_>>()
        });
        let seeds = Studentised::of(&a.iter().zip(&b).map(|(a, b)| a - b).collect::<Vec<_>>()).unwrap();
        let both = seeds_and_rows(&seeds, &rows).unwrap().interval(LEVEL).unwrap();
        let over_rows = rows.interval(LEVEL).unwrap();
        [seeds.interval(LEVEL).unwrap(), (over_rows.low, over_rows.high), both]
    }

    fn missed(&self, repetitions: u64) -> [[f64; 2]; 3] {
        missed(repetitions, "weak total", self.truth(), |stream| self.intervals(stream))
    }
}

#[test]
fn at_a_weak_total_the_area_is_covered_on_both_sides() {
    for z in [1.0, 2.0, 3.0] {
        let [below, above] = WeakTotal { z, metric: "auuc.area" }.missed(200)[2];
        assert!(below <= 0.06 && above <= 0.06, "{z}: {below} {above}");
    }
}

/// The table of weak totals.
pub(super) fn print(many: u64) {
    header(&[
        "metric",
        "average effect, standard errors",
        "seeds: above, below",
        "rows: above, below",
        "seeds and rows: above, below",
    ]);
    for metric in ["auuc", "auuc.area"] {
        for z in [1.0, 2.0, 3.0, 6.0] {
            let design = WeakTotal { z, metric };
            let found = design.missed(many / 10).map(|[above, below]| format!("{above:.3}, {below:.3}"));
            line(&[&[metric.to_string(), z.to_string()], found.as_slice()].concat());
        }
    }
}
