//! Two-stage, MMOE, ExpLTV and OptDist as methods: they learn, in every currency alike, and what they cannot learn from is refused.

use super::catalog::{self, Options};
use super::*;
use crate::evaluation::Predictions;
use rand::Rng;
use valor_base::question::Arms;
use valor_base::seed::Seeds;

const KEYS: [&str; 4] = ["two-stage", "mmoe", "exp-ltv", "opt-dist"];
const ROWS: usize = 800;

/// Customers of whom most spend nothing and a few much.
struct Customers {
    features: Matrix,
    kinds: Vec<ColumnKind>,
    outcome: Vec<f64>,
    all: Vec<u32>,
}

impl Customers {
    /// With three features, or with one that says nothing.
    fn new(informed: bool) -> Self {
        let mut stream = Seeds::new(5).stream();
        let columns = if informed { 3 } else { 1 };
        let mut features = Matrix { rows: ROWS, columns, values: vec![0.0; ROWS * columns] };
        let outcome = (0..ROWS).map(|row| {
            let x: [f32; 3] = std::array::from_fn(|_| stream.random_range(-1.7f32..1.7));
            let seen = if informed { x } else { [0.0; 3] };
            if informed {
                features.values[row * columns..][..columns].copy_from_slice(&x);
            }
            let buys = 1.0 / (1.0 + (0.5 - 1.5 * f64::from(seen[0])).exp());
            let luck: f64 = (0..4).map(|_| stream.random_range(-0.6..0.6)).sum();
            let spent = (3.0 + 0.9 * f64::from(seen[1]) + luck).exp();
            if stream.random_bool(buys) { spent } else { 0.0 }
        });
        let outcome = outcome.collect();
        Self { kinds: vec![ColumnKind::Number; columns], features, outcome, all: (0..ROWS as u32).collect() }
    }

    fn task<'a>(&'a self, outcome: &'a [f64]) -> Task<'a> {
        Task {
            features: &self.features,
            kinds: &self.kinds,
            columns: &[],
            treatment: None,
            outcome,
            origin: None,
            train: &self.all,
            validation: &[],
            test: &self.all,
            time: None,
            interval: None,
        }
    }
}

fn method(key: &str, epochs: usize) -> MethodSpec {
    let training = TrainingSpec { epochs, batch: 64, learning_rate: 3e-3, ..TrainingSpec::default() };
    let mut options = Options { trunk: vec![16], heads: vec![8], ..Options::default() };
    options.mmoe.widths = vec![8];
    catalog::compose(catalog::backbone(key).unwrap(), &[], &options, &training).unwrap()
}

fn replicate(spec: &MethodSpec, task: &Task) -> Replicate {
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    fit(spec, task, &[5], context).unwrap().replicates.remove(0)
}

/// Expectations and conversions.
fn said(predictions: Option<Predictions>, key: &str) -> (Vec<f32>, Vec<f32>) {
    let predictions = predictions.unwrap_or_else(|| panic!("{key} diverged"));
    let Some(Arms::One(conversion)) = predictions.conversion else { panic!("{key} has no conversion") };
    assert!(conversion.iter().all(|share| (0.0..=1.0).contains(share)), "{key}");
    assert!(predictions.score.iter().all(|value| value.is_finite() && *value >= 0.0), "{key}");
    (predictions.score, conversion)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    values.for_each(|value| (sum, count) = (sum + value, count + 1.0));
    sum / count
}

#[test]
fn they_learn_from_rows_with_features_and_from_rows_with_one_constant() {
    tch::set_num_threads(1);
    for informed in [true, false] {
        let customers = Customers::new(informed);
        let truth = mean(customers.outcome.iter().copied());
        for key in KEYS {
            let found = replicate(&method(key, 30), &customers.task(&customers.outcome));
            let losses: Vec<f64> = found.epochs.iter().map(|epoch| epoch.total.unwrap()).collect();
            assert!(losses.iter().all(|loss| loss.is_finite()), "{key}");
            if informed {
                assert!(losses[29] < losses[0] && losses[29] < losses[4], "{key}: {losses:?}");
            }
            let (values, _) = said(found.predictions, key);
            let predicted = mean(values.iter().map(|value| f64::from(*value)));
            println!("{key} informed {informed}: {} to {}, {predicted} of {truth}", losses[0], losses[29]);
            // Huber's loss and what an argmax chooses are no means.
            let slack = if key == "mmoe" { 0.6 } else { 0.25 };
            assert!(
                (predicted / truth - 1.0).abs() < slack,
                "{key} informed {informed}: {predicted} of {truth}"
            );
            if informed {
                let half = |much: bool| {
                    let rows = customers.outcome.iter().zip(&values).filter(|(y, _)| (**y > 20.0) == much);
                    mean(rows.map(|(_, value)| f64::from(*value)))
                };
                assert!(half(true) > 1.5 * half(false), "{key}: {} {}", half(true), half(false));
            }
        }
    }
}

#[test]
fn they_say_the_same_in_every_currency() {
    tch::set_num_threads(1);
    let customers = Customers::new(true);
    for key in KEYS {
        let spec = method(key, 3);
        let known = said(replicate(&spec, &customers.task(&customers.outcome)).predictions, key);
        let most = known.0.iter().fold(0.0f32, |most, value| most.max(*value));
        for rate in [100.0, 0.001] {
            let outcome: Vec<f64> = customers.outcome.iter().map(|outcome| outcome * rate).collect();
            let found = said(replicate(&spec, &customers.task(&outcome)).predictions, key);
            for (found, known) in found.0.iter().zip(&known.0) {
                let error = (f64::from(*found) / rate - f64::from(*known)).abs() / f64::from(most);
                assert!(error < 1e-3, "{key} times {rate}: {found} instead of {known}");
            }
        }
    }
}

#[test]
fn outcomes_below_zero_are_refused_and_outcomes_that_do_not_vary_have_a_rule() {
    tch::set_num_threads(1);
    let customers = Customers::new(true);
    let (zeros, same) = (vec![0.0; ROWS], vec![7.0; ROWS]);
    let mut below = customers.outcome.clone();
    below[3] = -2.0;
    for key in KEYS {
        let spec = method(key, 2);
        let refused = |outcome: &[f64]| check(&spec, &customers.task(outcome)).unwrap_err().to_string();
        let error = refused(&below);
        assert!(error.contains(&format!("row 4: the {key} head needs outcomes of 0 or more")), "{error}");
        if key == "exp-ltv" {
            let error = refused(&zeros);
            assert!(error.contains("the exp-ltv head: buckets need outcomes above 0"), "{error}");
            assert!(refused(&same).contains("buckets need outcomes that differ"));
            continue;
        }
        for (outcome, near) in [(&zeros, 0.0), (&same, 7.0)] {
            let (values, _) = said(replicate(&spec, &customers.task(outcome)).predictions, key);
            let found = mean(values.iter().map(|value| f64::from(*value)));
            println!("{key}: {found} of {near}");
            assert!((found - near).abs() < 3.5, "{key}: {found} instead of {near}");
        }
    }
}
