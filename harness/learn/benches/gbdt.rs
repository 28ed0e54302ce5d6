//! Seconds of boosted trees of one arm, bins included.
//!
//! `cargo bench --bench gbdt -- [--rows 1000000] [--columns 60] [--rounds 100] [--write FILE]` prints JSON; with `--write` the rows and their outcomes, 32-bit
//! floats row by row, for `scripts/bench_gbdt.py`, which asks LightGBM for the same.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use rand::Rng;
use std::time::Instant;
use valor_base::seed::Seeds;
use valor_data::Matrix;
use valor_data::encode::ColumnKind;
use valor_learn::trees::{GbdtSpec, Rows, ValueGbdt, ValueGbdtSpec, ValueLoss};

/// Rows that the error is taken on, at most.
const JUDGED: usize = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let number = |name: &str, default: usize| after(name).map_or(default, |text| text.parse().unwrap());
    let (rows, columns) = (number("--rows", 1_000_000), number("--columns", 60));
    let mut stream = Seeds::new(1).stream();
    let values = (0..rows * columns).map(|_| stream.random_range(-1.0f32..1.0)).collect();
    let features = Matrix { rows, columns, values };
    let outcome: Vec<f64> = (0..rows)
        .map(|row| {
            let x = features.row(row);
            let log = 1.0 + f64::from(x[0]) + f64::from(x[1 % columns] * x[2 % columns]);
            f64::from((log.exp() * stream.random_range(0.0..2.0)) as f32)
        })
        .collect();
    if let Some(path) = after("--write") {
        let row = |row: usize| features.row(row).iter().copied().chain([outcome[row] as f32]);
        let bytes: Vec<u8> = (0..rows).flat_map(row).flat_map(f32::to_le_bytes).collect();
        std::fs::write(path, bytes).unwrap();
    }
    let trees = GbdtSpec { rounds: number("--rounds", 100), leaves: 64, ..GbdtSpec::default() };
    let spec = ValueGbdtSpec { loss: ValueLoss::Squared, trees };
    let train: Vec<u32> = (0..rows as u32).collect();
    let kinds = vec![ColumnKind::Number; columns];
    let given = Rows { features: &features, kinds: &kinds, treatment: &[], outcome: &outcome, train: &train };
    let start = Instant::now();
    let (model, _) = ValueGbdt::fit(&spec, &given, &[]);
    let seconds = start.elapsed().as_secs_f64();
    let judged = rows.min(JUDGED);
    let asked: Vec<&[f32]> = (0..judged).map(|row| features.row(row)).collect();
    let errors = model.predict_all(&asked).into_iter().zip(&outcome);
    let sum: f64 = errors.map(|(said, outcome)| (said.expected - outcome).powi(2)).sum();
    let rmse = (sum / judged as f64).sqrt();
    let threads = rayon::current_num_threads();
    println!("{{\"seconds\": {seconds}, \"rmse\": {rmse}, \"threads\": {threads}}}");
}
