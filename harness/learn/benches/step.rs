//! Milliseconds per training step of every backbone, as published and with VALOR's components, for one replicate and
//! five; of networks of one arm as published.
//!
//! `cargo bench --bench step -- [--threads 1] [--steps 50] [--batch 512] [--networks tarnet,unite]` prints JSON: medians over the steps
//! of all rounds, in which the cases take turns, under the keys of `scripts/bench_pytorch.py`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use rand::Rng;
use std::collections::BTreeMap;
use std::time::Instant;
use tch::Device;
use valor_base::question::Question;
use valor_base::seed::Seeds;
use valor_data::{Matrix, Treatment};
use valor_learn::learner::catalog::{self, BACKBONES, ONE_ARM, Options};
use valor_learn::learner::{self, Context, MethodSpec, Task, TrainingSpec, device};

const COLUMNS: usize = 100;
const ROUNDS: usize = 3;
/// Steps that are not counted, as in `scripts/bench_pytorch.py`.
const WARM_UP: usize = 20;
const VARIANTS: [(&str, &[&str]); 4] = [
    ("base", &[]),
    ("valor", &["ziln", "focal", "gti", "wr"]),
    ("focal-ziln", &["ziln", "focal"]),
    ("focal-ziln+ranking", &["ziln", "focal", "wr"]),
];

/// A network, what it is trained with, and how many replicates.
struct Case {
    key: String,
    method: MethodSpec,
    asks: Question,
    replicates: usize,
    times: Vec<f64>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let number = |name: &str, default: usize| option(name).map_or(default, |text| text.parse().unwrap());
    let (threads, steps, batch) = (number("--threads", 1), number("--steps", 50), number("--batch", 512));
    let device = device::resolve(&option("--device").unwrap_or("cpu".into())).unwrap();
    // As workers run, before the first product.
    // SAFETY: no other thread has been started.
    unsafe { std::env::set_var("MKL_CBWR", "AUTO,STRICT") };
    device::fix_threads();
    tch::set_num_threads(threads as i32);
    let wanted = option("--networks");
    let wanted = |key: &str| wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|name| name == key));
    let rows = Rows::draw(batch * (steps + WARM_UP));
    let mut cases: Vec<Case> = cases(batch).into_iter().filter(|case| wanted(case.network())).collect();
    for _ in 0..ROUNDS {
        for case in &mut cases {
            case.times.extend(rows.train(case, device));
        }
    }
    let medians: BTreeMap<&str, f64> =
        cases.iter_mut().map(|case| (case.key.as_str(), median(&mut case.times))).collect();
    let device = device::name(device);
    let found = serde_json::json!({
        "threads": threads, "steps": steps, "batch": batch, "rounds": ROUNDS, "device": device, "median_ms": medians,
    });
    println!("{}", serde_json::to_string_pretty(&found).unwrap());
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2] * 1e3).round() / 1e3
}

/// Parts of VALOR's components are timed for TARNet alone.
fn cases(batch: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut push = |network: &str, variant: &str, components: &[&str], asks: Question| {
        for replicates in [1, 5] {
            let (key, method) =
                (format!("{network}/{variant}/{replicates}"), method(network, components, batch));
            cases.push(Case { key, method, asks, replicates, times: Vec::new() });
        }
    };
    for row in &BACKBONES {
        for (variant, components) in VARIANTS {
            if !variant.starts_with("focal-ziln") || row.key == "tarnet" {
                push(row.key, variant, components, Question::Uplift);
            }
        }
    }
    ONE_ARM.iter().for_each(|row| push(row.key, "base", &[], Question::Value));
    cases
}

impl Case {
    fn network(&self) -> &str {
        self.key.split('/').next().unwrap()
    }
}

fn method(backbone: &str, components: &[&str], batch: usize) -> MethodSpec {
    let components: Vec<String> = components.iter().map(ToString::to_string).collect();
    let training = TrainingSpec { epochs: 1, batch, ..TrainingSpec::default() };
    let backbone = catalog::backbone(backbone).unwrap();
    catalog::compose(backbone, &components, &Options::default(), &training).unwrap()
}

struct Rows {
    features: Matrix,
    treatment: Treatment,
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
        let treatment = (0..rows).map(|_| stream.random_bool(0.5)).collect::<Vec<bool>>().into();
        let features = Matrix { rows, columns: COLUMNS, values };
        Self { features, treatment, outcome, train: (0..rows as u32).collect() }
    }

    /// Milliseconds of every step after the warm-up.
    fn train(&self, case: &Case, device: Device) -> Vec<f64> {
        let task = Task {
            features: &self.features,
            kinds: &[],
            columns: &[],
            treatment: Some(&self.treatment).filter(|_| case.asks == Question::Uplift),
            outcome: &self.outcome,
            origin: None,
            train: &self.train,
            validation: &[],
            test: &self.train[..1],
            time: None,
            interval: None,
        };
        let seeds: Vec<u64> = (0..case.replicates as u64).collect();
        let mut times = Vec::new();
        let mut last: Option<Instant> = None;
        let mut progress = |_, _| {
            device::synchronise(device);
            let now = Instant::now();
            times.extend(last.map(|last| (now - last).as_secs_f64() * 1e3));
            last = Some(now);
        };
        learner::fit(&case.method, &task, &seeds, Context { device, progress: &mut progress }).unwrap();
        times.split_off(WARM_UP.min(times.len()))
    }
}
