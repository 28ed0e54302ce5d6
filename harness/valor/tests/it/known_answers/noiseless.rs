//! A network that is shown expectations instead of outcomes ranks almost as well as the truth.

use super::{compose, predict, small};
use std::path::Path;
use valor_data::b2b_mimic::B2bMimicSpec;
use valor_data::encode::{Encoder, Encoding};
use valor_data::{DataSpec, Dataset, Treatment};
use valor_learn::learner::catalog::Options;
use valor_learn::learner::{Task, TrainingSpec};
use valor_stats::metrics::{RankedRows, ScoredRows, evaluate};

const ROWS: u32 = 30_000;
const TEST: u32 = 6_000;

/// `auuc.true` of a ranking of the test rows, which stand last.
fn auuc_true(dataset: &Dataset, score: &[f64]) -> f64 {
    let first = (ROWS - TEST) as usize;
    let effect = &dataset.truth.as_ref().unwrap().effect.as_ref().unwrap()[first..];
    let judged = ScoredRows {
        effect: Some(effect),
        ..ScoredRows::new(score, &dataset.assigned()[first..], &dataset.outcome[first..])
    };
    evaluate(&["auuc.true"], &RankedRows::new(&judged).unwrap()).unwrap()["auuc.true"].value.unwrap()
}

#[test]
fn training_on_expectations_reaches_the_oracle() {
    let spec = B2bMimicSpec { rows: ROWS as usize, ..B2bMimicSpec::default() };
    let dataset = valor_data::load(&DataSpec::B2bMimic(spec), Path::new(".")).unwrap();
    let train: Vec<u32> = (0..ROWS - TEST).collect();
    let test: Vec<u32> = (ROWS - TEST..ROWS).collect();
    let truth = dataset.truth.as_ref().unwrap();
    let (control, treated) = truth.expected.as_ref().unwrap().two().unwrap();
    let arms = control.iter().zip(treated).zip(dataset.assigned());
    let outcome: Vec<f64> =
        arms.map(|((control, treated), is_treated)| if *is_treated { *treated } else { *control }).collect();
    let features = Encoder::fit(&dataset, &train, Encoding::Standard).encode(&dataset).unwrap();
    // As if nobody knew the propensity.
    let treatment = Treatment::from(dataset.assigned().to_vec());
    let task = Task {
        features: &features,
        kinds: &[],
        columns: &[],
        treatment: Some(&treatment),
        outcome: &outcome,
        origin: None,
        train: &train,
        validation: &[],
        test: &test,
        time: None,
        interval: None,
    };
    let training = TrainingSpec { epochs: 20, batch: 256, learning_rate: 2e-3, ..TrainingSpec::default() };
    let options = Options { trunk: vec![64, 64], heads: vec![32], ..small() };
    let uplift = predict(&compose("tarnet", &[], &options, &training), &task).score;
    let score: Vec<f64> = uplift.iter().map(|&uplift| f64::from(uplift)).collect();
    let (found, oracle) = (
        auuc_true(&dataset, &score),
        auuc_true(&dataset, &truth.effect.as_ref().unwrap()[(ROWS - TEST) as usize..]),
    );
    println!("auuc.true {found:.4}, oracle {oracle:.4}: {:.1} %", found / oracle * 100.0);
    assert!(found >= 0.95 * oracle, "{found} of {oracle}");
}
