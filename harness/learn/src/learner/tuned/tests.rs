//! Which candidate wins, and that it is what it would be alone.

use super::*;
use crate::learner::catalog::{self, Options};
use crate::learner::{Device, MethodSpec, Nobody, TrainingSpec};
use rand::Rng;
use valor_data::{Matrix, Treatment};

/// Rows of which every second is treated; those with a high first feature spend more when treated.
struct Planted {
    features: Matrix,
    treatment: Treatment,
    outcome: Vec<f64>,
    parts: [Vec<u32>; 3],
}

impl Planted {
    fn new() -> Self {
        let mut stream = valor_base::seed::Seeds::new(3).stream();
        let values: Vec<f32> = (0..1200 * 3).map(|_| stream.random_range(-1.7f32..1.7)).collect();
        let treatment: Vec<bool> = (0..1200).map(|row| row % 2 == 0).collect();
        let spent = |(row, &treated): (usize, &bool)| {
            let effect = f64::from(u8::from(treated)) * f64::from(values[3 * row]);
            5.0 + 3.0 * effect + f64::from(values[3 * row + 1])
        };
        let outcome = treatment.iter().enumerate().map(spent).collect();
        let parts = [(0..600).collect(), (600..900).collect(), (900..1200).collect()];
        Self {
            features: Matrix { rows: 1200, columns: 3, values },
            treatment: treatment.into(),
            outcome,
            parts,
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
            train: &self.parts[0],
            validation: &self.parts[1],
            test: &self.parts[2],
            time: None,
            interval: None,
        }
    }
}

fn method(learning_rate: f64) -> NeuralSpec {
    let options = Options { trunk: vec![16], heads: vec![8], ..Options::default() };
    let training = TrainingSpec { epochs: 6, batch: 50, learning_rate, ..TrainingSpec::default() };
    let spec = catalog::compose(catalog::backbone("tarnet").unwrap(), &[], &options, &training);
    let MethodSpec::Neural(spec) = spec.unwrap() else { panic!() };
    spec
}

fn tuned(rates: &[f64], metric: &str) -> TunedSpec {
    TunedSpec {
        candidates: rates.iter().map(|rate| method(*rate)).collect(),
        metric: Criterion::named(metric),
        searched: vec![Key::LearningRate],
        seed: None,
    }
}

fn fit(spec: &TunedSpec, seeds: &[u64]) -> Fitted {
    tch::set_num_threads(1);
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    super::fit(spec, &Planted::new().task(), seeds, context, &Nobody).unwrap()
}

/// Numbers of the kept candidates.
fn kept(fitted: &Fitted) -> Vec<f64> {
    fitted.replicates.iter().map(|replicate| replicate.fitted[CANDIDATE]).collect()
}

/// Without what tuning noted.
fn bare(replicate: &Replicate) -> Replicate {
    let mut bare = replicate.clone();
    bare.fitted.retain(|name, _| !name.starts_with("tuning: "));
    bare
}

#[test]
fn bad_learning_rates_lose_and_the_winner_is_as_it_would_be_alone() {
    let spec = tuned(&[1e-12, 3e-3, 1e30], "qini");
    let fitted = fit(&spec, &[1, 2]);
    assert_eq!(kept(&fitted), [1.0, 1.0]);
    let planted = Planted::new();
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    let alone = neural::fit(&spec.candidates[1], &planted.task(), &[1, 2], context, &Nobody).unwrap();
    for (chosen, alone) in fitted.replicates.iter().zip(&alone.replicates) {
        assert_eq!((chosen.fitted["tuning: training.learning-rate"], &bare(chosen)), (3e-3, alone));
        assert!(chosen.fitted["tuning: validation qini"] > 0.05, "{:?}", chosen.fitted);
    }
    let rows = Matrix { rows: 1, columns: 3, values: vec![0.5, -1.0, 0.25] };
    assert_eq!(fitted.scorer.score(&rows), alone.scorer.score(&rows));
}

#[test]
fn the_earliest_of_equals_is_kept_and_equals_train_once() {
    let spec = tuned(&[3e-3, 3e-3, 3e-3], "qini");
    assert_eq!(spec.different().len(), 1);
    assert_eq!(kept(&fit(&spec, &[1])), [0.0]);
}

#[test]
fn what_diverged_never_wins_unless_all_did() {
    assert_eq!(kept(&fit(&tuned(&[1e30, 1e-12], "qini"), &[1])), [1.0]);
    let fallen = fit(&tuned(&[1e30, 1e31], "qini"), &[1]);
    assert_eq!(kept(&fallen), [0.0]);
    let replicate = &fallen.replicates[0];
    assert!(matches!(replicate.status, Status::Diverged(_)) && replicate.predictions.is_none());
    assert!(!replicate.fitted.contains_key("tuning: validation qini"));
}

#[test]
fn an_undefined_metric_leaves_the_method_as_it_stands() {
    let fitted = fit(&tuned(&[1e30, 1e-3, 3e-3], "auuc.sklift"), &[1]);
    assert_eq!(kept(&fitted), [1.0], "outcomes are not 0 and 1, and the first diverged");
    assert!(!fitted.replicates[0].fitted.contains_key("tuning: validation auuc.sklift"));
}

#[test]
fn less_is_better_where_the_metric_says_so() {
    let merit = |direction: metrics::Direction| [0.2, -0.4, 1.1].map(|value| direction.merit(value));
    assert_eq!(merit(metrics::Direction::Lower), [-0.2, 0.4, -1.1]);
    assert_eq!(merit(metrics::Direction::Zero), [-0.2, -0.4, -1.1]);
    let one = merit(metrics::Direction::One);
    assert!(one[2] > one[0] && one[0] > one[1]);
}

#[test]
fn an_unknown_propensity_is_estimated_where_the_metric_weights_rows() {
    let fitted = fit(&tuned(&[1e-12, 3e-3], "qini.ipw"), &[1]);
    assert_eq!(kept(&fitted), [1.0]);
}

/// Seeds choose on their own, so that another seed beside them, or none, changes no bit.
#[test]
fn a_replicate_is_chosen_the_same_alone_and_in_a_stack() {
    let spec = tuned(&[3e-3, 5e-3, 2e-3, 8e-3], "qini");
    let seeds = [1, 2, 3, 4, 5];
    let stacked = fit(&spec, &seeds);
    let numbers = kept(&stacked);
    assert!(numbers.iter().any(|number| *number != numbers[0]), "choose other rates: {numbers:?}");
    for place in [0, 3, 4] {
        assert_eq!(fit(&spec, &seeds[place..=place]).replicates[0], stacked.replicates[place]);
    }
}

#[test]
fn the_scorer_is_the_first_seeds_choice() {
    let spec = tuned(&[3e-3, 5e-3, 2e-3, 8e-3], "qini");
    let planted = Planted::new();
    let test: Vec<usize> = planted.parts[2].iter().map(|&row| row as usize).collect();
    let values = test.iter().flat_map(|row| planted.features.values[3 * row..3 * row + 3].to_vec());
    let rows = Matrix { rows: test.len(), columns: 3, values: values.collect() };
    for first in [1, 2, 3] {
        let fitted = fit(&spec, &[first, 4]);
        let said = fitted.replicates[0].predictions.as_ref().unwrap();
        let apart = fitted
            .scorer
            .score(&rows)
            .iter()
            .zip(&said.score)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(apart < 1e-4, "{apart}");
    }
}

#[test]
fn progress_covers_all_candidates() {
    let mut told = Vec::new();
    let mut progress = |done: usize, total: usize| told.push((done, total));
    let context = Context { device: Device::Cpu, progress: &mut progress };
    super::fit(&tuned(&[1e-3, 2e-3, 2e-3], "qini"), &Planted::new().task(), &[1], context, &Nobody).unwrap();
    let steps = 2 * 6 * 12;
    assert_eq!(told, (1..=steps).map(|done| (done, steps)).collect::<Vec<_>>());
}

#[test]
fn validation_rows_of_one_arm_are_refused() {
    let planted = Planted::new();
    let treated: Vec<u32> = (600..900).step_by(2).collect();
    let task = Task { validation: &treated, ..planted.task() };
    let error = check(&tuned(&[1e-3], "qini"), &task).unwrap_err().to_string();
    assert!(error.contains("found 150, of which 150 treated; raise split.validation"), "{error}");
}

#[test]
fn the_loss_that_stops_training_chooses_too() {
    let spec = tuned(&[1e-12, 3e-3, 1e30], LOSS);
    let fitted = fit(&spec, &[1, 2]);
    assert_eq!(kept(&fitted), [1.0, 1.0]);
    for replicate in &fitted.replicates {
        let Status::Finished { kept_epoch, .. } = replicate.status else { panic!() };
        let logged = replicate.epochs.iter().find(|logged| logged.epoch == kept_epoch).unwrap().validation;
        assert_eq!(Some(replicate.fitted["tuning: validation loss"]), logged);
    }
}

/// Whoever else is trained beside it, and whether or not that seed is asked for.
#[test]
fn one_seed_chooses_for_all() {
    let rates = [3e-3, 5e-3, 2e-3, 8e-3];
    let each = fit(&tuned(&rates, "qini"), &[1, 2, 3, 4, 5]);
    let own = kept(&each);
    let seed = (0..5).find(|&place| own[place] != own[0]).unwrap() as u64 + 1;
    let spec = TunedSpec { seed: Some(seed), ..tuned(&rates, "qini") };
    let all = fit(&spec, &[1, 2, 3, 4, 5]);
    assert_eq!(kept(&all), [own[seed as usize - 1]; 5]);
    assert_eq!(all.replicates[seed as usize - 1], each.replicates[seed as usize - 1]);
    let planted = Planted::new();
    let alone = neural::fit(
        &spec.candidates[kept(&all)[0] as usize],
        &planted.task(),
        &[1],
        Context { device: Device::Cpu, progress: &mut |_, _| {} },
        &Nobody,
    )
    .unwrap();
    assert_eq!(bare(&all.replicates[0]), alone.replicates[0]);
    let rows = Matrix { rows: 1, columns: 3, values: vec![0.5, -1.0, 0.25] };
    assert_eq!(all.scorer.score(&rows), alone.scorer.score(&rows));
    for asked in [vec![1, 4], vec![seed], vec![4, seed]] {
        let some = fit(&spec, &asked);
        for (replicate, asked) in some.replicates.iter().zip(&asked) {
            assert_eq!(*replicate, all.replicates[*asked as usize - 1]);
        }
    }
}
