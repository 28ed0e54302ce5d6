//! Nothing that is learned depends on the currency in which outcomes are counted, and what 32 bits cannot hold is refused.

use super::catalog::{self, Options};
use super::*;
use crate::evaluation::Predictions;
use crate::trees::{CausalForestSpec, UpliftTreeSpec, ZilnForestSpec, ZilnGbdtSpec};
use rand::Rng;
use valor_base::question::{Arms, Question};
use valor_base::seed::Seeds;

const ROWS: usize = 640;

/// Accounts of which 40 % buy, for log-normal amounts; the effect depends on the first column.
struct Accounts {
    features: Matrix,
    kinds: Vec<ColumnKind>,
    treatment: Treatment,
    outcome: Vec<f64>,
    train: Vec<u32>,
    validation: Vec<u32>,
}

impl Accounts {
    fn new() -> Self {
        let mut stream = Seeds::new(11).stream();
        let values: Vec<f32> = (0..ROWS * 4).map(|_| stream.random_range(-1.7f32..1.7)).collect();
        let features = Matrix { rows: ROWS, columns: 4, values };
        let treatment: Vec<bool> = (0..ROWS).map(|_| stream.random_bool(0.5)).collect();
        let mut spend = |row: usize| {
            let lift = if treatment[row] { f64::from(features.row(row)[0]) } else { 0.0 };
            let log = 2.0 + lift + stream.random_range(-1.0..1.0);
            if stream.random_bool(0.4) { log.exp() } else { 0.0 }
        };
        let outcome = (0..ROWS).map(&mut spend).collect();
        let (train, validation) = ((0..512).collect(), (512..ROWS as u32).collect());
        let treatment = treatment.into();
        Self { features, kinds: vec![ColumnKind::Number; 4], treatment, outcome, train, validation }
    }

    /// The same accounts, outcomes in another currency.
    fn counted(&self, rate: f64) -> Vec<f64> {
        self.outcome.iter().map(|outcome| outcome * rate).collect()
    }

    fn task<'a>(&'a self, outcome: &'a [f64]) -> Task<'a> {
        Task {
            features: &self.features,
            kinds: &self.kinds,
            columns: &[],
            treatment: Some(&self.treatment),
            outcome,
            origin: None,
            train: &self.train,
            validation: &self.validation,
            test: &self.validation,
            time: None,
            interval: None,
        }
    }
}

fn fitted(spec: &MethodSpec, task: &Task) -> Fitted {
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    fit(spec, task, &[5], context).unwrap()
}

/// Every backbone with the components that decide which losses, heads and units it has, and every method of trees.
fn methods() -> Vec<(String, MethodSpec)> {
    let training = TrainingSpec { epochs: 3, batch: 128, patience: 2, ..TrainingSpec::default() };
    let options = Options {
        trunk: vec![16],
        heads: vec![8],
        ziln_forest: ZilnForestSpec { trees: 4, ..ZilnForestSpec::default() },
        ziln_gbdt: ZilnGbdtSpec { rounds: 20, ..ZilnGbdtSpec::default() },
        causal_forest: CausalForestSpec { trees: 4, ..CausalForestSpec::default() },
        uplift_tree: UpliftTreeSpec::default(),
        ..Options::default()
    };
    let components = [
        &[][..],
        &["ziln"],
        &["ziln", "focal", "gti", "wr"],
        &["ziln", "wr"],
        &["rerum"],
        &["rerum-released"],
    ];
    let networks = catalog::BACKBONES.iter().flat_map(|row| {
        let (options, training) = (&options, &training);
        components.iter().map(move |components| {
            let components: Vec<String> = components.iter().map(ToString::to_string).collect();
            let spec = catalog::compose(row, &components, options, training).unwrap();
            (format!("{} {components:?}", row.key), spec)
        })
    });
    let mut methods: Vec<(String, MethodSpec)> = networks.collect();
    methods.extend(catalog::TREES.iter().map(|row| (row.key.to_string(), row.method(&options).unwrap())));
    methods
}

#[test]
fn predictions_are_the_same_in_every_currency() {
    tch::set_num_threads(1);
    let accounts = Accounts::new();
    for (name, spec) in methods() {
        let whole = fitted(&spec, &accounts.task(&accounts.outcome));
        let known = whole.replicates[0].predictions.clone().unwrap_or_else(|| panic!("{name} diverged"));
        let spread = known.score.iter().fold(0.0_f32, |most, uplift| most.max(uplift.abs()));
        for rate in [100.0, 25_000.0, 0.001] {
            let outcome = accounts.counted(rate);
            let found = fitted(&spec, &accounts.task(&outcome)).replicates[0].predictions.clone().unwrap();
            for (found, known) in found.score.iter().zip(&known.score) {
                let error = (f64::from(*found) / rate - f64::from(*known)).abs() / f64::from(spread);
                assert!(error < 1e-4, "{name} times {rate}: {found} instead of {known}");
            }
            assert_eq!(found.conversion.is_some(), known.conversion.is_some());
            let treated = |said: &Predictions| {
                said.conversion.as_ref().and_then(Arms::treated).cloned().unwrap_or_default()
            };
            let conversions = treated(&found).into_iter().zip(treated(&known));
            for (found, known) in conversions {
                assert!((found - known).abs() < 1e-4, "{name} times {rate}: {found} instead of {known}");
            }
        }
    }
}

#[test]
fn a_network_of_a_large_currency_is_kept_and_restored() {
    let accounts = Accounts::new();
    let outcome = accounts.counted(1e20);
    for (name, spec) in methods().into_iter().filter(|(name, _)| name.starts_with("tarnet")) {
        let whole = fitted(&spec, &accounts.task(&outcome));
        let again = restore(&whole.scorer.saved(), Device::Cpu).unwrap();
        let test: Vec<u32> = accounts.validation.clone();
        let rows = accounts.features.select(&test);
        assert_eq!(again.predictions(&rows), whole.scorer.predictions(&rows), "{name}");
        assert!(again.predictions(&rows).score.iter().all(|uplift| uplift.is_finite()), "{name}");
    }
}

#[test]
fn outcomes_that_32_bits_cannot_hold_are_refused_by_row() {
    let accounts = Accounts::new();
    let refused =
        |spec: &MethodSpec, outcome: &[f64]| check(spec, &accounts.task(outcome)).unwrap_err().to_string();
    for (name, spec) in methods() {
        let mut outcome = accounts.outcome.clone();
        outcome[7] = 1e60;
        let found = refused(&spec, &outcome);
        assert!(
            found.contains("row 8: found an outcome of 1e60") && found.contains("1e30"),
            "{name}: {found}"
        );
        assert!(refused(&spec, &accounts.counted(1e-40)).contains("use a smaller unit"), "{name}");
        let shifted: Vec<f64> = accounts.outcome.iter().map(|outcome| outcome + 1e12).collect();
        match spec {
            MethodSpec::Neural(_) => {
                assert!(refused(&spec, &shifted).contains("subtract a constant"), "{name}");
            }
            MethodSpec::Trees(_) | MethodSpec::Tuned(_) | MethodSpec::Purchases(_) => {
                check(&spec, &accounts.task(&shifted)).unwrap()
            }
        }
    }
}

/// All equal, all zero, or all but one zero: no scale is 0, and no number is lost.
#[test]
fn outcomes_that_do_not_vary_give_finite_predictions() {
    let accounts = Accounts::new();
    let mut lone = vec![0.0; ROWS];
    lone[3] = 50.0;
    for (name, spec) in methods() {
        for outcome in [vec![0.0; ROWS], vec![7.0; ROWS], lone.clone()] {
            let found = fitted(&spec, &accounts.task(&outcome)).replicates[0].predictions.clone();
            let found = found.unwrap_or_else(|| panic!("{name} diverged"));
            assert!(found.score.iter().all(|uplift| uplift.is_finite()), "{name}");
        }
    }
}

/// A network of one arm, with a point head and with a ziln head.
#[test]
fn rows_of_one_arm_are_learned_from_kept_and_scored() {
    tch::set_num_threads(1);
    let accounts = Accounts::new();
    let one = Task { treatment: None, ..accounts.task(&accounts.outcome) };
    let training = TrainingSpec { epochs: 40, batch: 64, ..TrainingSpec::default() };
    let options = Options { trunk: vec![16], heads: vec![8], ..Options::default() };
    for (components, converts) in [(&[][..], false), (&["ziln"], true)] {
        let components: Vec<String> = components.iter().map(|name: &&str| (*name).to_string()).collect();
        let row = catalog::backbone("mlp").unwrap();
        let spec = catalog::compose(row, &components, &options, &training).unwrap();
        assert_eq!(spec.question(), Question::Value);
        let found = fitted(&spec, &one);
        let said = found.replicates[0].predictions.clone().unwrap();
        assert_eq!((said.question(), said.conversion.is_some()), (Question::Value, converts));
        assert_eq!(said.expected, Arms::One(said.score.clone()));
        let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
        let spent = mean(accounts.outcome[..512].to_vec());
        let predicted = mean(said.score.iter().map(|value| f64::from(*value)).collect());
        assert!((predicted / spent - 1.0).abs() < 0.4, "{predicted}, {spent}");
        let again = restore(&found.scorer.saved(), Device::Cpu).unwrap();
        let rows = accounts.features.select(&accounts.validation);
        assert_eq!(again.predictions(&rows), found.scorer.predictions(&rows));
        let message = check(&spec, &accounts.task(&accounts.outcome)).unwrap_err().to_string();
        assert!(message.contains("mlp") && message.contains("found rows with a treatment"), "{message}");
    }
    for (name, spec) in methods() {
        let message = check(&spec, &one).unwrap_err().to_string();
        assert!(
            message.contains("allowed are methods for value (mlp, coral, corn, or-cnn, cc-or-net, ")
                && message.contains("opt-dist"),
            "{name}: {message}"
        );
    }
}
