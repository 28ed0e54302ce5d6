//! The estimate beside scikit-learn's, planted coefficients and the known propensity of confounded rows.

use super::*;
use crate::b2b_mimic::{Assignment, B2bMimicSpec, generate};
use crate::encode::{Encoder, Encoding};
use crate::{Dataset, Truth};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::Deserialize;
use valor_base::seed::Seeds;
use valor_stats::metrics::{self, ScoredRows};

#[derive(Deserialize)]
struct Case {
    name: String,
    features: Vec<Vec<f32>>,
    treatment: Vec<bool>,
    train: Vec<u32>,
    intercept: f64,
    coefficients: Vec<f64>,
    chance: Vec<f64>,
}

fn all(features: &Matrix) -> Vec<u32> {
    (0..features.rows as u32).collect()
}

/// Standard normal features, and a treatment with the given coefficients and intercept.
fn planted(rows: usize, coefficients: &[f64], intercept: f64) -> (Matrix, Vec<bool>) {
    let mut stream = Seeds::new(3).child("planted").stream();
    let columns = coefficients.len();
    let values = (0..rows * columns).map(|_| StandardNormal.sample(&mut stream)).collect();
    let features = Matrix { rows, columns, values };
    let logit = |row| -> f64 {
        let products = features.row(row).iter().zip(coefficients).map(|(x, b)| f64::from(*x) * b);
        intercept + products.sum::<f64>()
    };
    let treatment = (0..rows).map(|row| stream.random::<f64>() < sigmoid(logit(row))).collect();
    (features, treatment)
}

#[test]
fn scikit_learn_agrees() {
    let text = include_str!("../../../fixtures/propensity.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let (rows, columns) = (case.features.len(), case.features[0].len());
        let features = Matrix { rows, columns, values: case.features.concat() };
        let found = Propensity::fit(&features, &case.treatment, &case.train);
        let expected = case.coefficients.iter().chain([&case.intercept]);
        for (found, expected) in found.parameters.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-8, "{}: {found}, expected {expected}", case.name);
        }
        for (found, expected) in found.predict(&features, &all(&features)).iter().zip(&case.chance) {
            let expected = expected.clamp(0.01, 0.99);
            assert!((found - expected).abs() < 1e-8, "{}: {found}, expected {expected}", case.name);
        }
    }
}

#[test]
fn planted_coefficients_are_found() {
    let coefficients = [0.8, -0.5, 0.0, 1.2];
    let (features, treatment) = planted(60_000, &coefficients, -0.7);
    let found = Propensity::fit(&features, &treatment, &all(&features));
    for (found, planted) in found.parameters.iter().zip(coefficients.iter().chain([&-0.7])) {
        // Standard errors are near 0.012.
        assert!((found - planted).abs() < 0.05, "{found}, planted {planted}");
    }
}

#[test]
fn only_training_rows_matter() {
    let (features, treatment) = planted(3_000, &[1.0, -1.0], 0.0);
    let train: Vec<u32> = (0..2_000).collect();
    let (mut other, mut assigned) = (features.clone(), treatment.clone());
    other.values[4_000..].fill(7.0);
    assigned[2_000..].fill(true);
    let found = Propensity::fit(&features, &treatment, &train);
    assert_eq!(found, Propensity::fit(&other, &assigned, &train));
    assert_ne!(found, Propensity::fit(&other, &assigned, &all(&other)));
    assert_eq!(found.predict(&features, &[9, 4])[1], found.predict(&features, &[4])[0]);
}

#[test]
fn threads_change_nothing() {
    let (features, treatment) = planted(20_000, &[0.3; 30], 0.1);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let found = Propensity::fit(&features, &treatment, &all(&features));
            found.predict(&features, &all(&features))
        })
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn separated_and_one_sided_rows_stay_inside_the_limits() {
    let (features, _) = planted(4_000, &[1.0, 1.0], 0.0);
    let separated: Vec<bool> = (0..4_000).map(|row| features.row(row)[0] > 0.0).collect();
    let found = Propensity::fit(&features, &separated, &all(&features));
    assert!(found.parameters.iter().all(|value| value.is_finite() && value.abs() < 100.0), "{found:?}");
    let estimates = found.predict(&features, &all(&features));
    assert!(estimates.contains(&0.01) && estimates.contains(&0.99));
    let one_sided = |treated, train: &[u32]| {
        Propensity::fit(&features, &[treated; 4_000], train).predict(&features, &[0, 1])
    };
    assert_eq!(one_sided(true, &all(&features)), [0.99, 0.99]);
    assert_eq!(one_sided(false, &all(&features)), [0.01, 0.01]);
    assert_eq!(one_sided(true, &[]), [0.5, 0.5]);
}

#[test]
fn no_features_leave_the_training_share() {
    let features = Matrix { rows: 5, columns: 0, values: Vec::new() };
    let treatment = [true, false, false, false, true];
    let found = Propensity::fit(&features, &treatment, &[0, 1, 2, 3]).predict(&features, &[4]);
    assert!((found[0] - 0.25).abs() < 1e-12, "{}", found[0]);
}

#[test]
fn weighted_metrics_hardly_change_where_the_model_holds() {
    let coefficients = [0.8, -0.5, 0.4];
    let (features, treatment) = planted(40_000, &coefficients, 0.3);
    let effect: Vec<f64> = (0..40_000).map(|row| 3.0 + 2.0 * f64::from(features.row(row)[1])).collect();
    let spent =
        |row: usize| 9.0 * f64::from(features.row(row)[0]) + if treatment[row] { effect[row] } else { 0.0 };
    let dataset = Dataset {
        outcome: (0..40_000).map(spent).collect(),
        treatment: Some(treatment.into()),
        truth: Some(Truth { effect: Some(effect), ..Truth::default() }),
        ..Dataset::default()
    };
    let (train, test): (Vec<u32>, Vec<u32>) = (0..40_000).partition(|row| row % 2 == 0);
    let estimated = Propensity::fit(&features, dataset.assigned(), &train).predict(&features, &test);
    let known = Propensity { parameters: Array1::from_iter(coefficients.into_iter().chain([0.3])) };
    let known = known.predict(&features, &test);
    for row in bias(&dataset.select(&test), &known, &estimated) {
        assert!(row.left.abs() < 0.05 * row.plain.abs().max(row.known.abs()), "{row:?}");
    }
}

#[test]
fn most_of_the_bias_goes_where_the_model_is_too_simple() {
    let spec = B2bMimicSpec { rows: 60_000, propensity: Assignment::Confounded, ..B2bMimicSpec::default() };
    let dataset = generate(&spec);
    let (train, test): (Vec<u32>, Vec<u32>) = (0..60_000).partition(|row| row % 2 == 0);
    let features = Encoder::fit(&dataset, &train, Encoding::Standard).encode(&dataset).unwrap();
    let estimated = Propensity::fit(&features, dataset.assigned(), &train).predict(&features, &test);
    let dataset = dataset.select(&test);
    // The log odds hold a product of two indices, which a sum of features cannot follow.
    for row in bias(&dataset, dataset.propensity().as_ref().unwrap(), &estimated) {
        assert!(row.left.abs() < 0.4 * row.plain.abs() || row.name == "qini", "{row:?}");
        assert!(row.left.abs() < 0.02 || row.name != "qini", "{row:?}");
    }
}

/// A metric of the ranking by the true effect, and how far others are from it.
#[derive(Debug)]
struct Bias {
    name: &'static str,
    /// Weighted by the known propensity.
    known: f64,
    /// Not weighted, less `known`.
    plain: f64,
    /// Weighted by the estimated propensity, less `known`.
    left: f64,
}

fn bias(dataset: &Dataset, known: &[f64], estimated: &[f64]) -> Vec<Bias> {
    let score = dataset.truth.as_ref().unwrap().effect.as_ref().unwrap();
    let metric = |name: &str, propensity| {
        let judged = ScoredRows::new(score, dataset.assigned(), &dataset.outcome);
        let prepared =
            metrics::RankedRows::new(&ScoredRows { propensity: Some(propensity), ..judged }).unwrap();
        metrics::find(name).unwrap().compute(&prepared).unwrap()
    };
    let row = |name| {
        let weighted = format!("{name}.ipw");
        let [plain, known, left] =
            [metric(name, known), metric(&weighted, known), metric(&weighted, estimated)];
        Bias { name, known, plain: plain - known, left: left - known }
    };
    ["ate", "auuc", "qini", "lift@30"].map(row).into()
}
