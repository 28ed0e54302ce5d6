//! Every network with every preset ends with finite predictions or with a divergence that says where.

use super::{compose, small, train};
use std::path::Path;
use valor_data::b2b_mimic::B2bMimicSpec;
use valor_data::encode::{Encoder, Encoding};
use valor_data::{DataSpec, Treatment};
use valor_learn::learner::catalog::BACKBONES;
use valor_learn::learner::{Status, Task, TrainingSpec};

/// 220 steps.
const EPOCHS: usize = 2;
const BATCH: usize = 32;
const ROWS: u32 = 4_000;

#[test]
fn two_hundred_steps_end_in_numbers_or_in_a_recorded_divergence() {
    let spec = B2bMimicSpec { rows: ROWS as usize, ..B2bMimicSpec::default() };
    let dataset = valor_data::load(&DataSpec::B2bMimic(spec), Path::new(".")).unwrap();
    let train_rows: Vec<u32> = (0..ROWS - 500).collect();
    let test: Vec<u32> = (ROWS - 500..ROWS).collect();
    let features = Encoder::fit(&dataset, &train_rows, Encoding::Standard).encode(&dataset).unwrap();
    // As if nobody knew the propensity.
    let treatment = Treatment::from(dataset.assigned().to_vec());
    let task = Task {
        features: &features,
        kinds: &[],
        columns: &[],
        treatment: Some(&treatment),
        outcome: &dataset.outcome,
        origin: None,
        train: &train_rows,
        validation: &[],
        test: &test,
        time: None,
        interval: None,
    };
    let training = TrainingSpec { epochs: EPOCHS, batch: BATCH, ..TrainingSpec::default() };
    for row in &BACKBONES {
        for components in [&[][..], &["ziln", "focal", "gti", "wr"], &["rerum"], &["rerum-released"]] {
            let replicate = train(&compose(row.key, components, &small(), &training), &task);
            let place = format!("{} {components:?}", row.key);
            match (&replicate.status, &replicate.predictions) {
                (Status::Finished { epochs, .. }, Some(found)) => {
                    let arms = found.clone().into_scores();
                    let finite = arms.iter().all(|arm| arm.len() == 500 && arm.iter().all(|e| e.is_finite()));
                    assert!(finite && *epochs == EPOCHS, "{place}: {found:?}");
                    assert!(replicate.epochs.iter().all(|epoch| epoch.total.is_some()), "{place}");
                }
                (Status::Diverged(fall), None) => {
                    println!("{place}: epoch {}, step {}: {}", fall.epoch, fall.step, fall.message);
                    assert!(fall.term.is_some() && (1..=EPOCHS).contains(&fall.epoch), "{place}: {fall:?}");
                }
                (status, predictions) => panic!("{place}: {status:?}, {predictions:?}"),
            }
        }
    }
}
