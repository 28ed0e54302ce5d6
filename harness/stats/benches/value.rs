//! Seconds of the bootstrap over test rows of what rows are worth: 2,000 resamples of 100,000 rows of one model, by the usual metrics
//! and by all of them.
//!
//! `cargo bench --bench value -- [--rows 100000] [--resamples 2000]` prints JSON, on as many threads as rayon takes
//! (`RAYON_NUM_THREADS`).

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::time::Instant;
use valor_base::question::Question;
use valor_base::seed::{Seeds, Stream};
use valor_stats::metrics::{Buckets, Metric, RankedRows, ScoredRows, find, of_question, usual};
use valor_stats::stats::{RowBootstrap, RowDraws, bootstrap_rows};

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// Half zeros, a heavy tail, a model that knows the truth up to a factor.
fn model(rows: usize) -> RankedRows {
    let mut stream = Seeds::new(1).child("bench").stream();
    let truth: Vec<f64> = (0..rows).map(|_| normal(&mut stream).exp() * 20.0).collect();
    let outcome: Vec<f64> = truth
        .iter()
        .map(|truth| if stream.random_bool(0.5) { truth * normal(&mut stream).exp() } else { 0.0 })
        .collect();
    let said: Vec<f64> = truth.iter().map(|truth| truth * (0.3 * normal(&mut stream)).exp()).collect();
    let buckets = Buckets::of(&outcome).unwrap();
    let judged = ScoredRows {
        expected: Some(&truth),
        buckets: Some(&buckets),
        ..ScoredRows::of_values(&said, &outcome, Some(&said))
    };
    RankedRows::new(&judged).unwrap()
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.map_or(default, |place| arguments[place + 1].parse().unwrap())
    };
    let (rows, resamples) = (number("--rows", 100_000), number("--resamples", 2_000));
    let models = [model(rows)];
    let start = Instant::now();
    let draws = RowDraws::new(rows, &RowBootstrap { resamples, seeds: Seeds::new(3) });
    let drawn = start.elapsed().as_secs_f64();
    let seconds = |metrics: &[&Metric]| {
        let start = Instant::now();
        let found = bootstrap_rows(&models, metrics, &draws).unwrap();
        let gini = found.metrics["gini"].interval(0.95).unwrap();
        (start.elapsed().as_secs_f64(), gini.high - gini.low)
    };
    let usual: Vec<&Metric> = usual(Question::Value).table.iter().map(|name| find(name).unwrap()).collect();
    let all: Vec<&Metric> = of_question(Question::Value).collect();
    let ((of_usual, width), (of_all, _)) = (seconds(&usual), seconds(&all));
    println!(
        "{{\"rows\": {rows}, \"resamples\": {resamples}, \"threads\": {}, \"drawing\": {drawn:.2}, \"usual\": {of_usual:.2}, \
         \"all {}\": {of_all:.2}, \"width of gini\": {width:.4}}}",
        rayon::current_num_threads(),
        all.len()
    );
}
