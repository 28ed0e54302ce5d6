//! Seconds of a table's bootstrap over test rows: 2,000 resamples of AUUC, Qini and Lift@30, 30 cells of 5 seeds, 47,284 rows.
//!
//! `cargo bench --bench bootstrap -- [--cells 30] [--resamples 2000]` prints JSON with the whole and with milliseconds per
//! resample of one model, on as many threads as rayon takes (`RAYON_NUM_THREADS`). `VALOR_BENCH_SCORES` may name a CSV
//! of score,treatment,outcome, so that other programs can be timed on the same rows (`scripts/bench_bootstrap.py`).

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::time::Instant;
use valor_base::seed::{Seeds, Stream};
use valor_stats::metrics::{Metric, RankedRows, ScoredRows, find};
use valor_stats::stats::{RowBootstrap, RowDraws, bootstrap_rows};

const ROWS: usize = 47_284;
const SEEDS: u64 = 5;

/// Scores, treatments and outcomes.
type Rows = (Vec<f64>, Vec<bool>, Vec<f64>);

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// 80 % zeros, a heavy tail, and a score that knows a part of the effect.
fn draw() -> Rows {
    let mut stream = Seeds::new(1).child("bench").stream();
    let mut rows = Rows::default();
    for _ in 0..ROWS {
        let effect = 4.0 + 8.0 * normal(&mut stream);
        let (treated, buys) = (stream.random_bool(0.5), stream.random_bool(0.2));
        let spends = (20.0 * normal(&mut stream).exp() + if treated { 5.0 * effect } else { 0.0 }).max(0.0);
        rows.0.push(effect + 8.0 * normal(&mut stream));
        rows.1.push(treated);
        rows.2.push(if buys { spends } else { 0.0 });
    }
    rows
}

fn read(path: &str) -> Rows {
    let mut rows = Rows::default();
    for row in csv::Reader::from_path(path).unwrap().deserialize() {
        let [score, treatment, outcome]: [f64; 3] = row.unwrap();
        rows.0.push(score);
        rows.1.push(treatment == 1.0);
        rows.2.push(outcome);
    }
    rows
}

/// Models that share rows and differ by noise in their scores.
fn models((score, treatment, outcome): &Rows, cell: u64) -> Vec<RankedRows> {
    let model = |seed: u64| {
        let mut stream = Seeds::new(2).at(cell).at(seed).stream();
        let noisy: Vec<f64> = score.iter().map(|score| score + normal(&mut stream)).collect();
        RankedRows::new(&ScoredRows::new(&noisy, treatment, outcome)).unwrap()
    };
    (0..SEEDS).map(model).collect()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.map_or(default, |place| arguments[place + 1].parse().unwrap())
    };
    let (cells, resamples) = (number("--cells", 30), number("--resamples", 2_000));
    let rows = std::env::var("VALOR_BENCH_SCORES").map_or_else(|_| draw(), |path| read(&path));
    let metrics: Vec<&Metric> = ["auuc", "qini", "lift@30"].map(|name| find(name).unwrap()).into();
    let plan = RowBootstrap { resamples, seeds: Seeds::new(3) };
    let start = Instant::now();
    let draws = RowDraws::new(rows.0.len(), &plan);
    let (mut seconds, mut sum) = (start.elapsed().as_secs_f64(), 0.0);
    for cell in 0..cells as u64 {
        let models = models(&rows, cell);
        let start = Instant::now();
        let found = bootstrap_rows(&models, &metrics, &draws).unwrap();
        seconds += start.elapsed().as_secs_f64();
        sum += found.metrics["auuc"].values.iter().sum::<f64>();
    }
    let each = seconds * 1e3 / (cells * resamples) as f64 / SEEDS as f64;
    println!(
        "{{\"rows\": {}, \"cells\": {cells}, \"resamples\": {resamples}, \"seconds\": {seconds:.2}, \"ms\": {each:.4}, \"mean\": {:.6}}}",
        rows.0.len(),
        sum / (cells * resamples) as f64
    );
}
