//! Seconds to grow forests and microseconds to ask them, on b2b-mimic.
//!
//! `cargo bench --bench forest -- [--rows 189137] [--rounds 3]` prints JSON under the keys of `scripts/bench_forest.py`, which
//! asks EconML for the same: trained on the first rows, asked about 47,284 more; residuals are given (`t - 1/2`, `y` less its
//! mean), so nothing is centred on either side.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;
use valor::data::b2b_mimic::B2bMimicSpec;
use valor::data::encode::ColumnKind;
use valor::data::{self, DataSpec, Dataset};
use valor::metrics::{self, Judged};
use valor::seed::Seeds;
use valor::trees::{CausalForest, CausalForestSpec, Residual, Rows, ZilnForest, ZilnForestSpec};

/// Rows that are asked about.
const ASKED: usize = 47_284;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.map_or(default, |place| arguments[place + 1].parse().unwrap())
    };
    let (rows, rounds) = (number("--rows", 189_137), number("--rounds", 3));
    let data = data::load(
        &DataSpec::B2bMimic(B2bMimicSpec { rows: rows + ASKED, ..B2bMimicSpec::default() }),
        Path::new(""),
    )
    .unwrap();
    let train: Vec<u32> = (0..rows as u32).collect();
    let kinds = vec![ColumnKind::Number; data.numeric.columns];
    let rows = Rows {
        features: &data.numeric,
        kinds: &kinds,
        treatment: &data.treatment,
        outcome: &data.outcome,
        train: &train,
    };
    let asked: Vec<usize> = (train.len()..data.rows()).collect();
    let mean = data.outcome[..train.len()].iter().sum::<f64>() / train.len() as f64;
    let residual = |(&treated, &outcome): (&bool, &f64)| Residual {
        treatment: f64::from(u8::from(treated)) - 0.5,
        outcome: outcome - mean,
        treated,
    };
    let residuals: Vec<Residual> =
        data.treatment.iter().zip(&data.outcome).take(train.len()).map(residual).collect();
    let (ziln, causal) = (ZilnForestSpec::default(), CausalForestSpec::default());
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        let seeds = Seeds::new(round as u64);
        let (seconds, forest) = timed(|| ZilnForest::fit(&ziln, &rows, &seeds));
        times.entry("ziln-forest, seconds".to_string()).or_default().push(seconds);
        let (seconds, grown) = timed(|| CausalForest::fit_residuals(&causal, &rows, &residuals, &seeds));
        times.entry("causal-forest, seconds".to_string()).or_default().push(seconds);
        let one = |row: &usize| data.numeric.row(*row);
        let (seconds, uplifts) =
            timed(|| asked.iter().map(|row| forest.predict(one(row)).uplift()).collect::<Vec<f64>>());
        times
            .entry("ziln-forest, microseconds per row, one core".to_string())
            .or_default()
            .push(seconds * 1e6 / ASKED as f64);
        let (seconds, effects) =
            timed(|| asked.iter().map(|row| grown.effect(one(row))).collect::<Vec<f64>>());
        times
            .entry("causal-forest, microseconds per row, one core".to_string())
            .or_default()
            .push(seconds * 1e6 / ASKED as f64);
        for (name, said) in [("ziln-forest", uplifts), ("causal-forest", effects)] {
            for (metric, value) in judge(&data, &said) {
                times.entry(format!("{name}, {metric}")).or_default().push(value);
            }
        }
    }
    for times in times.values_mut() {
        times.sort_by(f64::total_cmp);
    }
    let medians: BTreeMap<&String, f64> =
        times.iter().map(|(key, times)| (key, times[times.len() / 2])).collect();
    let found = serde_json::json!({
        "rows": train.len(), "columns": kinds.len(), "rounds": rounds, "threads": rayon::current_num_threads(), "median": medians,
    });
    println!("{}", serde_json::to_string_pretty(&found).unwrap());
}

/// `auuc.true` and `krcc` of scores of the last rows.
fn judge(data: &Dataset, scores: &[f64]) -> Vec<(&'static str, f64)> {
    let first = data.rows() - scores.len();
    let truth = data.truth.as_ref().unwrap();
    let judged = Judged {
        effect: Some(&truth.effect[first..]),
        ..Judged::new(scores, &data.treatment[first..], &data.outcome[first..])
    };
    let prepared = metrics::Prepared::new(&judged).unwrap();
    ["auuc.true", "krcc"]
        .map(|name| (name, metrics::find(name).unwrap().compute(&prepared).unwrap()))
        .to_vec()
}

/// Seconds, and what came out: it must not be optimised away.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let found = std::hint::black_box(work());
    (start.elapsed().as_secs_f64(), found)
}
