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
    let mean = data.outcome[..train.len()].iter().sum::<f64>() / train.len() as f64;
    let residual = |(&treated, &outcome): (&bool, &f64)| Residual {
        treatment: f64::from(u8::from(treated)) - 0.5,
        outcome: outcome - mean,
        treated,
    };
    let residuals: Vec<Residual> =
        data.treatment.iter().zip(&data.outcome).take(train.len()).map(residual).collect();
    let mut found = Figures::new();
    for round in 0..rounds {
        measure(&data, &rows, &residuals, &Seeds::new(round as u64), &mut found);
    }
    let median = |(key, mut values): (String, Vec<f64>)| {
        values.sort_by(f64::total_cmp);
        (key, values[values.len() / 2])
    };
    let medians: BTreeMap<String, f64> = found.into_iter().map(median).collect();
    let found = serde_json::json!({
        "rows": train.len(), "columns": kinds.len(), "rounds": rounds, "threads": rayon::current_num_threads(), "median": medians,
    });
    println!("{}", serde_json::to_string_pretty(&found).unwrap());
}

/// By name, a value per round.
type Figures = BTreeMap<String, Vec<f64>>;

/// One round: both forests grown, asked about the last rows, and judged.
fn measure(data: &Dataset, rows: &Rows, residuals: &[Residual], seeds: &Seeds, found: &mut Figures) {
    let mut note = |key: String, value: f64| found.entry(key).or_default().push(value);
    let (seconds, ziln) = timed(|| ZilnForest::fit(&ZilnForestSpec::default(), rows, seeds));
    note("ziln-forest, seconds".to_string(), seconds);
    let spec = CausalForestSpec::default();
    let (seconds, causal) = timed(|| CausalForest::fit_residuals(&spec, rows, residuals, seeds));
    note("causal-forest, seconds".to_string(), seconds);
    let asked = || (rows.train.len()..data.rows()).map(|row| data.numeric.row(row));
    let answers = [
        ("ziln-forest", timed(|| asked().map(|row| ziln.predict(row).uplift()).collect::<Vec<f64>>())),
        ("causal-forest", timed(|| asked().map(|row| causal.effect(row)).collect())),
    ];
    for (name, (seconds, said)) in answers {
        note(format!("{name}, microseconds per row, one core"), seconds * 1e6 / ASKED as f64);
        judge(data, &said).into_iter().for_each(|(metric, value)| note(format!("{name}, {metric}"), value));
    }
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
