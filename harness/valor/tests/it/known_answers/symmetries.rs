//! Swapped arms turn the sign of uplift; another currency changes its unit and nothing else.

use super::{Rows, compose, predict, small};
use rand::Rng;
use rand_distr::{Distribution, Normal};
use valor_learn::learner::TrainingSpec;

fn root_mean_square(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for value in values {
        sum += value * value;
        count += 1.0;
    }
    f64::sqrt(sum / count)
}

/// `10 + x_0 + (5 + 2 x_1) t` and normal noise.
#[test]
fn swapped_arms_turn_the_sign() {
    let noise = Normal::new(0.0, 0.5).unwrap();
    let rows = Rows::twins(1024, |stream, x| {
        let control = 10.0 + x[0] + noise.sample(stream);
        [control, control + 5.0 + 2.0 * x[1]]
    });
    let treatment = rows.treatment.assigned.iter().map(|treated| !treated).collect::<Vec<bool>>().into();
    let swapped = Rows {
        treatment,
        features: rows.features.clone(),
        outcome: rows.outcome.clone(),
        all: rows.all.clone(),
    };
    let training = TrainingSpec { epochs: 30, batch: 128, learning_rate: 2e-3, ..TrainingSpec::default() };
    for backbone in ["t-learner", "tarnet", "dragonnet"] {
        let method = compose(backbone, &[], &small(), &training);
        let (one, other) = (predict(&method, &rows.task()).score, predict(&method, &swapped.task()).score);
        let sum = root_mean_square(one.iter().zip(&other).map(|(one, other)| f64::from(one + other)));
        let share = sum / root_mean_square(one.iter().map(|&one| f64::from(one)));
        println!("{backbone}: uplift and swapped uplift add up to {:.1} % of it", share * 100.0);
        assert!(share < 0.1, "{backbone}: {share}");
    }
}

/// Cents instead of euros. Training is the same step by step, since the likelihood sees ratios and the ranking losses
/// units of the data; only rounding differs.
#[test]
fn expectations_follow_the_currency() {
    let noise = Normal::new(0.0, 0.7).unwrap();
    let rows = Rows::twins(512, |stream, x| {
        let amount = f64::exp(1.0 + x[1] + noise.sample(stream));
        if stream.random_bool(0.3) { [amount, 1.5 * amount] } else { [0.0, 0.0] }
    });
    let outcome = rows.outcome.iter().map(|outcome| outcome * 100.0).collect();
    let cents = Rows {
        outcome,
        features: rows.features.clone(),
        treatment: rows.treatment.clone(),
        all: rows.all.clone(),
    };
    let training = TrainingSpec { epochs: 10, batch: 128, ..TrainingSpec::default() };
    for (backbone, components) in [
        ("tarnet", &["ziln"][..]),
        ("tarnet", &["ziln", "focal"]),
        ("dragonnet", &["ziln"]),
        ("unite", &["ziln"]),
        ("tarnet", &["rerum"]),
    ] {
        let method = compose(backbone, components, &small(), &training);
        let (euro, cent) = (predict(&method, &rows.task()), predict(&method, &cents.task()));
        for (euro, cent) in euro.expected.into_vec().iter().zip(&cent.expected.into_vec()) {
            let off = euro.iter().zip(cent).map(|(euro, cent)| (cent / (100.0 * euro) - 1.0).abs());
            let worst = off.fold(0.0, f32::max);
            println!("{backbone} {components:?}: off by at most {worst:.1e} of the expectation");
            assert!(worst < 1e-3, "{backbone} {components:?}: {worst}");
        }
    }
}
