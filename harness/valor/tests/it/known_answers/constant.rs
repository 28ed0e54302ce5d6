//! What each method for the question of value says where there is nothing to learn but the law of the outcome.

use super::{Options, TrainingSpec, compose, predict};
use rand::Rng;
use rand_distr::{Distribution, LogNormal};
use valor_base::seed::Seeds;
use valor_data::encode::{Encoder, Encoding};
use valor_data::{Dataset, Feature, FeatureKind, Matrix};
use valor_learn::learner::{Schedule, Task, catalog};
use valor_learn::nets::{Decoding, Unit};

/// `VALOR_DRAWS=1000000` draws so many; the table of docs/methods/known-answers.md is that of experiments/ltv_bias.toml.
const DRAWS: usize = 50_000;

/// A zero-inflated log-normal, p = .2, mu = -.12, sigma = 1.
fn draws(count: usize) -> Dataset {
    let mut stream = Seeds::new(7).child("constant").stream();
    let law = LogNormal::new(-0.12, 1.0).unwrap();
    let mut one = || if stream.random_bool(0.2) { law.sample(&mut stream) } else { 0.0 };
    let outcome: Vec<f64> = (0..count).map(|_| one()).collect();
    Dataset {
        features: vec![Feature { name: "one".into(), kind: FeatureKind::Numeric { column: 0 } }],
        numeric: Matrix { rows: count, columns: 1, values: vec![1.0; count] },
        outcome,
        ..Dataset::default()
    }
}

/// Methods by the name of the table: backbone, components, options.
fn methods() -> Vec<(String, &'static str, Vec<&'static str>, Options)> {
    let options = || Options { trunk: vec![8], heads: vec![8], ..Options::default() };
    let with = |change: fn(&mut Options)| {
        let mut options = options();
        change(&mut options);
        options
    };
    let row = |name: &str, key, components: &[&'static str], options| {
        (name.to_string(), key, components.to_vec(), options)
    };
    let rows = catalog::ONE_ARM.iter().map(|method| row(method.name, method.key, &[], options()));
    let mut all: Vec<_> = rows.collect();
    let outcome_unit: fn(&mut Options) = |options| options.log1p.unit = Unit::Amount(1.0);
    let smearing: fn(&mut Options) = |options| options.log1p.smearing = true;
    all.extend([
        row("MLP +log1p", "mlp", &["log1p"], options()),
        row("MLP +log1p, `log1p.unit = 1.0`", "mlp", &["log1p"], with(outcome_unit)),
        row("MLP +log1p, `log1p.smearing = true`", "mlp", &["log1p"], with(smearing)),
        row("MLP +tweedie", "mlp", &["tweedie"], options()),
        row("MLP +ziln", "mlp", &["ziln"], options()),
        row("MLP +ziln+focal", "mlp", &["ziln", "focal"], options()),
        row("MDME, `mdme.decoding = \"soft\"`", "mdme", &[], with(|o| o.mdme.decoding = Decoding::Soft)),
        row(
            "CC-OR-Net, `cc-or.decoding = \"soft\"`",
            "cc-or-net",
            &[],
            with(|o| o.cc_or.decoding = Decoding::Soft),
        ),
    ]);
    all
}

/// The mean that is said, beside that of the draws: relative error of each method.
fn errors(count: usize) -> Vec<(String, f64)> {
    let rows = draws(count);
    let all: Vec<u32> = (0..count as u32).collect();
    let encoder = Encoder::fit(&rows, &all, Encoding::Standard);
    let features = encoder.encode(&rows).unwrap();
    assert!(features.values.iter().all(|value| *value == 0.0), "a constant says nothing");
    let task = Task {
        features: &features,
        kinds: &[],
        columns: &[],
        treatment: None,
        outcome: &rows.outcome,
        origin: None,
        train: &all,
        validation: &[],
        test: &all[..1],
        time: None,
        interval: None,
    };
    let mean = rows.outcome.iter().sum::<f64>() / count as f64;
    let training = TrainingSpec {
        epochs: (2_000_000 / count).max(4),
        batch: 5000,
        learning_rate: 0.01,
        schedule: Schedule::Cosine,
        ..TrainingSpec::default()
    };
    let error = |(name, key, components, options): (String, &str, Vec<&str>, Options)| {
        let said = predict(&compose(key, &components, &options, &training), &task);
        let value = f64::from(said.score[0]);
        eprintln!("{name}: {:+.4}", value / mean - 1.0);
        (name, value / mean - 1.0)
    };
    methods().into_iter().map(error).collect()
}

/// Where x says nothing, what is left of a method is the law that it believes in.
#[test]
fn the_mean_of_a_constant_is_met_by_losses_that_are_least_there() {
    let count = std::env::var("VALOR_DRAWS").map_or(DRAWS, |count| count.parse().unwrap());
    let found = errors(count);
    let error = |name: &str| found.iter().find(|(known, _)| known == name).unwrap().1;
    // The likelihood weighs draws otherwise than their mean does: of 10,000 buyers they are .5 % apart.
    let (exact, near) = if count >= 1_000_000 { (0.01, 0.01) } else { (0.01, 0.02) };
    for (name, tolerance) in [
        ("MLP", exact),
        ("DeepFM", exact),
        ("MLP +tweedie", exact),
        ("MLP +ziln", near),
        ("MLP +log1p, `log1p.smearing = true`", 0.02),
        ("MDME, `mdme.decoding = \"soft\"`", 0.02),
    ] {
        assert!(error(name).abs() < tolerance, "{name}: {}", error(name));
    }
    assert!((error("MLP +log1p, `log1p.unit = 1.0`") + 0.448).abs() < 0.01, "{found:?}");
    assert!((error("MLP +log1p") + 0.448).abs() < 0.02, "{found:?}");
    // Four fifths are zeros: the most likely sub-distribution is theirs.
    assert_eq!(error("MDME"), -1.0);
    assert!(found.iter().all(|(_, error)| error.is_finite() && *error >= -1.0), "{found:?}");
}
