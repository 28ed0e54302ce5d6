//! Milliseconds per training step: TARNet and components, one replicate and five, on one thread or more.
//!
//! `cargo bench --bench step -- [threads] [steps]` prints medians over rounds in which all variants take turns.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use rand::Rng;
use std::time::Instant;
use tch::Device;
use valor::data::Matrix;
use valor::learner::catalog::{self, Options};
use valor::learner::{self, Context, MethodSpec, Task, TrainingSpec};
use valor::seed::Seeds;

const COLUMNS: usize = 100;
const BATCH: usize = 512;
const VARIANTS: [(&str, &[&str], usize); 6] = [
    ("tarnet x1", &[], 1),
    ("ziln+focal x1", &["ziln", "focal"], 1),
    ("ziln+focal x5", &["ziln", "focal"], 5),
    ("ziln+focal+wr x1", &["ziln", "focal", "wr"], 1),
    ("ziln+focal+wr x5", &["ziln", "focal", "wr"], 5),
    ("valor x5", &["ziln", "focal", "gti", "wr"], 5),
];

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let (threads, steps) = (numbers.first().copied().unwrap_or(1), numbers.get(1).copied().unwrap_or(60));
    // As workers run, before the first product.
    // SAFETY: no other thread has been started.
    unsafe { std::env::set_var("MKL_CBWR", "AUTO,STRICT") };
    tch::set_num_threads(threads as i32);
    let rows = Rows::draw(BATCH * steps);
    let mut times = vec![Vec::new(); VARIANTS.len()];
    for round in 0..6 {
        for (variant, times) in VARIANTS.iter().zip(&mut times) {
            let start = Instant::now();
            rows.train(&method(variant.1), variant.2);
            if round > 0 {
                times.push(start.elapsed().as_secs_f64() * 1e3 / steps as f64);
            }
        }
    }
    println!("{threads} thread(s), batch {BATCH}, {COLUMNS} features, median of 5 rounds of {steps} steps");
    for (variant, times) in VARIANTS.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        println!("{:<20} {:8.2} ms/step", variant.0, times[times.len() / 2]);
    }
}

fn method(components: &[&str]) -> MethodSpec {
    let components: Vec<String> = components.iter().map(ToString::to_string).collect();
    let training = TrainingSpec { epochs: 1, batch: BATCH, ..TrainingSpec::default() };
    let backbone = catalog::backbone("tarnet").unwrap();
    catalog::compose(backbone, &components, &Options::default(), &training).unwrap()
}

struct Rows {
    features: Matrix,
    treatment: Vec<bool>,
    outcome: Vec<f64>,
    train: Vec<u32>,
}

impl Rows {
    /// 18 % of the rows buy.
    fn draw(rows: usize) -> Self {
        let mut stream = Seeds::new(1).stream();
        let values = (0..rows * COLUMNS).map(|_| stream.random_range(-1.7f32..1.7)).collect();
        let outcome = (0..rows)
            .map(|_| if stream.random_bool(0.18) { stream.random_range(0.0f64..5.0).exp() } else { 0.0 });
        let outcome = outcome.collect();
        let treatment = (0..rows).map(|_| stream.random_bool(0.5)).collect();
        let features = Matrix { rows, columns: COLUMNS, values };
        Self { features, treatment, outcome, train: (0..rows as u32).collect() }
    }

    fn train(&self, method: &MethodSpec, replicates: usize) {
        let task = Task {
            features: &self.features,
            treatment: &self.treatment,
            outcome: &self.outcome,
            propensity: None,
            origin: None,
            train: &self.train,
            validation: &[],
            test: &self.train[..1],
        };
        let seeds: Vec<u64> = (0..replicates as u64).collect();
        let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
        learner::fit(method, &task, &seeds, context).unwrap();
    }
}
