//! Does the interval of the agreement of two metrics hold? By simulation: ten methods with levels of their own in both metrics, seeds
//! on top, on two datasets.

use super::simulation::{LEVEL, normal};
use super::{Answer, POWER, Rule, Studentised};
use crate::metrics::rank::kendall;
use rayon::prelude::*;
use valor_base::seed::{Seeds, Stream};

const METHODS: usize = 10;
const DATASETS: usize = 2;

/// Levels of the methods on a dataset, in both metrics.
type Levels = Vec<(f64, f64)>;

/// What is simulated.
struct Design {
    seeds: usize,
    /// Correlation of the levels of the two metrics over the methods.
    correlation: f64,
    /// Standard deviation over seeds, where that of the levels is 1.
    noise: f64,
}

/// Shares of repetitions.
struct Found {
    /// What is estimated: the expected tau-b of a seed, averaged over datasets.
    truth: f64,
    covered: f64,
    /// The claim that it lies above just what it is was called supported, refuted.
    wrong: [f64; 2],
}

impl Design {
    fn levels(&self, stream: &mut Stream) -> Levels {
        let one = |stream: &mut Stream| {
            let (first, other) = (normal(stream), normal(stream));
            (first, self.correlation * first + (1.0 - self.correlation.powi(2)).sqrt() * other)
        };
        (0..METHODS).map(|_| one(stream)).collect()
    }

    /// Tau-b at one seed.
    fn tau(&self, levels: &Levels, stream: &mut Stream) -> f64 {
        let noisy =
            levels.iter().map(|(a, b)| (a + self.noise * normal(stream), b + self.noise * normal(stream)));
        let (first, second): (Vec<f64>, Vec<f64>) = noisy.unzip();
        kendall(&first, &second).unwrap()
    }

    /// As `analysis/claims/agreement.rs` does it.
    fn estimate(&self, datasets: &[Levels], stream: &mut Stream) -> Studentised {
        let parts = datasets.iter().map(|levels| {
            let values: Vec<f64> = (0..self.seeds).map(|_| self.tau(levels, stream)).collect();
            (1.0 / datasets.len() as f64, Studentised::of(&values).unwrap())
        });
        Studentised::sum(&parts.collect::<Vec<_>>()).unwrap()
    }

    fn found(&self, repetitions: u64) -> Found {
        let root = Seeds::new(17).child("agreement");
        let mut stream = root.child("levels").stream();
        let datasets: Vec<Levels> = (0..DATASETS).map(|_| self.levels(&mut stream)).collect();
        let mean = |index: u64| {
            let mut stream = root.child("truth").at(index).stream();
            datasets.iter().map(|levels| self.tau(levels, &mut stream)).sum::<f64>() / DATASETS as f64
        };
        let truth = (0..repetitions).map(mean).sum::<f64>() / repetitions as f64;
        let rule = Rule { level: LEVEL, power: POWER, family: 1, margin: 0.0 };
        let one = |index: u64| {
            let found = self.estimate(&datasets, &mut root.child("runs").at(index).stream());
            let (low, high) = found.interval(LEVEL).unwrap();
            let answer = rule.between(&found, Some(truth), None).unwrap();
            [low <= truth && truth <= high, answer == Answer::Supported, answer == Answer::Refuted]
        };
        let all: Vec<[bool; 3]> = (0..repetitions).into_par_iter().map(one).collect();
        let share = |place: usize| all.iter().filter(|hits| hits[place]).count() as f64 / repetitions as f64;
        Found { truth, covered: share(0), wrong: [share(1), share(2)] }
    }
}

const DESIGNS: [Design; 5] = [
    Design { seeds: 3, correlation: 0.5, noise: 0.5 },
    Design { seeds: 5, correlation: 0.0, noise: 0.5 },
    Design { seeds: 5, correlation: 0.5, noise: 0.5 },
    Design { seeds: 5, correlation: 0.95, noise: 0.2 },
    Design { seeds: 10, correlation: 0.5, noise: 0.5 },
];

#[test]
fn the_interval_of_an_agreement_covers() {
    let found = DESIGNS[2].found(1_000);
    assert!((0.92..=0.99).contains(&found.covered), "{}", found.covered);
    assert!(found.wrong.iter().all(|wrong| *wrong < 0.05), "{:?}", found.wrong);
}

/// The table of docs/methods/simulation.md.
fn print(many: u64) {
    println!(
        "\n| seeds | correlation of levels | SD over seeds | expected tau-b | covered | called above, below what it is |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for design in DESIGNS {
        let Found { truth, covered, wrong: [above, below] } = design.found(many);
        let Design { seeds, correlation, noise } = design;
        println!(
            "| {seeds} | {correlation} | {noise} | {truth:.2} | {covered:.3} | {above:.3}, {below:.3} |"
        );
    }
}

#[test]
#[ignore = "20,000 repetitions: make simulation"]
fn the_table_of_this_simulation() {
    print(20_000);
}
