//! Answers that are known before anything is trained: planted effects, permuted treatments, noiseless outcomes, swapped
//! arms, other currencies, stopped gradients.

mod balance;
mod constant;
mod effects;
mod finite;
mod gradients;
mod noiseless;
mod symmetries;

use rand_distr::{Distribution, StandardNormal};
use tch::Device;
use valor_base::seed::{Seeds, Stream};
use valor_data::{Matrix, Treatment};
use valor_learn::evaluation::Predictions;
use valor_learn::learner::catalog::{self, Options};
use valor_learn::learner::{self, Context, MethodSpec, Replicate, Task, TrainingSpec};
use valor_learn::nets::UniteSpec;

/// Encoded rows, all of them for training and for prediction.
///
/// Every account is there twice, once treated and once not, with the same features and the same luck, so that the arms
/// differ by the planted effect alone.
struct Rows {
    features: Matrix,
    treatment: Treatment,
    outcome: Vec<f64>,
    all: Vec<u32>,
}

impl Rows {
    /// Standard normal features; `outcomes(stream, x)` draws what an account spends under control and under treatment.
    fn twins(accounts: usize, outcomes: impl Fn(&mut Stream, &[f64]) -> [f64; 2]) -> Self {
        let mut stream = Seeds::new(5).child("known answers").stream();
        let (rows, columns) = (2 * accounts, 4);
        let (mut values, mut outcome) = (Vec::new(), Vec::new());
        for _ in 0..accounts {
            let x: Vec<f64> = (0..columns).map(|_| StandardNormal.sample(&mut stream)).collect();
            values.extend(x.iter().chain(&x).map(|&x| x as f32));
            outcome.extend(outcomes(&mut stream, &x));
        }
        let treatment = (0..rows).map(|row| row % 2 == 1).collect::<Vec<bool>>().into();
        Self {
            features: Matrix { rows, columns, values },
            treatment,
            outcome,
            all: (0..rows as u32).collect(),
        }
    }

    fn task(&self) -> Task<'_> {
        Task {
            features: &self.features,
            kinds: &[],
            columns: &[],
            treatment: Some(&self.treatment),
            outcome: &self.outcome,
            origin: None,
            train: &self.all,
            validation: &[],
            test: &self.all,
            time: None,
            interval: None,
        }
    }
}

/// Small networks with the parts' own defaults.
fn small() -> Options {
    let unite = UniteSpec { widths: vec![32, 32], ..UniteSpec::default() };
    let mut options = Options { trunk: vec![32], heads: vec![16], unite, ..Options::default() };
    options.efin.rank = 4;
    options
}

fn compose(backbone: &str, components: &[&str], options: &Options, training: &TrainingSpec) -> MethodSpec {
    let components: Vec<String> = components.iter().map(ToString::to_string).collect();
    let components = catalog::components(&components).unwrap();
    catalog::compose(catalog::backbone(backbone).unwrap(), &components, options, training).unwrap()
}

fn train(method: &MethodSpec, task: &Task) -> Replicate {
    tch::set_num_threads(1);
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    learner::fit(method, task, &[1], context).unwrap().replicates.remove(0)
}

fn predict(method: &MethodSpec, task: &Task) -> Predictions {
    let replicate = train(method, task);
    replicate.predictions.unwrap_or_else(|| panic!("{}: {:?}", method.slug(), replicate.status))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}
