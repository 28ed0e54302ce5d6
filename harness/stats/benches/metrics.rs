//! Metrics on 47,284 rows, the paper's test part: the sort and one pass, Kendall's tau, one bootstrap resample.
//!
//! `VALOR_BENCH_SCORES` may name a CSV of score,treatment,outcome,effect, so that other programs can be timed
//! on the same rows (`scripts/bench_metrics.py`).

use criterion::{Criterion, criterion_group, criterion_main};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use std::hint::black_box;
use valor_base::seed::Seeds;
use valor_stats::metrics::{LANES, Lanes, Metric, RankedRows, Resampler, ScoredRows, find, rank};

const ROWS: usize = 47_284;

#[derive(Default)]
struct Rows {
    score: Vec<f64>,
    treatment: Vec<bool>,
    outcome: Vec<f64>,
    effect: Vec<f64>,
}

impl Rows {
    fn push(&mut self, [score, treatment, outcome, effect]: [f64; 4]) {
        self.score.push(score);
        self.treatment.push(treatment == 1.0);
        self.outcome.push(outcome);
        self.effect.push(effect);
    }

    fn load() -> Self {
        std::env::var("VALOR_BENCH_SCORES").map_or_else(|_| Self::draw(), |path| Self::read(&path))
    }

    /// 80 % zeros, a heavy tail, and a score that knows a part of the effect.
    fn draw() -> Self {
        let mut stream = Seeds::new(1).child("bench").stream();
        let mut rows = Self::default();
        for _ in 0..ROWS {
            let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
            let (effect, size, noise) = (4.0 + 8.0 * normal(), normal(), normal());
            let (treated, buys) = (stream.random_bool(0.5), stream.random_bool(0.2));
            let spends = (20.0 * f64::exp(size) + if treated { 5.0 * effect } else { 0.0 }).max(0.0);
            let treatment = f64::from(u8::from(treated));
            rows.push([effect + 8.0 * noise, treatment, if buys { spends } else { 0.0 }, effect]);
        }
        rows
    }

    fn read(path: &str) -> Self {
        let mut rows = Self::default();
        let mut reader = csv::Reader::from_path(path).expect("a readable CSV");
        reader.deserialize().for_each(|row| rows.push(row.expect("four numbers")));
        rows
    }

    fn judged(&self) -> ScoredRows<'_> {
        ScoredRows {
            effect: Some(&self.effect),
            ..ScoredRows::new(&self.score, &self.treatment, &self.outcome)
        }
    }
}

fn metrics(criterion: &mut Criterion) {
    let rows = Rows::load();
    let three: Vec<&Metric> = ["auuc", "qini", "lift@30"].map(|name| find(name).expect("registered")).into();
    let judged = ScoredRows::new(&rows.score, &rows.treatment, &rows.outcome);
    criterion.bench_function("auuc_qini_lift", |bencher| {
        bencher.iter(|| {
            let prepared = RankedRows::new(black_box(&judged)).expect("good rows");
            three.iter().map(|metric| metric.compute(&prepared).expect("defined")).sum::<f64>()
        });
    });
    criterion.bench_function("kendall", |bencher| {
        bencher.iter(|| rank::kendall(black_box(&rows.score), black_box(&rows.effect)).expect("defined"));
    });
    let prepared = RankedRows::new(&rows.judged()).expect("good rows");
    for name in ["auuc.causalml", "qini.causalml"] {
        let metric = find(name).expect("registered");
        criterion.bench_function(name, |bencher| bencher.iter(|| metric.compute(black_box(&prepared))));
    }
    let mut stream = Seeds::new(2).stream();
    let mut weights = vec![Lanes::default(); rows.score.len()];
    for lane in 0..LANES {
        (0..weights.len()).for_each(|_| weights[stream.random_range(0..rows.score.len())][lane] += 1);
    }
    let models = [prepared];
    let resampler = &Resampler::all(&models, &three)[0];
    criterion.bench_function("eight_resamples_auuc_qini_lift", |bencher| {
        let mut ranked = Vec::new();
        bencher.iter(|| resampler.weighted(black_box(&weights), 1, &mut ranked).expect("equal lengths"));
    });
}

criterion_group!(benches, metrics);
criterion_main!(benches);
