//! Training steps against PyTorch, and stacks against single replicates.

use super::*;
use crate::learner::catalog::{self, Options};
use crate::learner::neural::NeuralSpec;
use crate::learner::neural::predict::{Detail, Model};
use crate::learner::{Context, MethodSpec, Predictions};
use crate::nets::{BackboneKind, GatePosition, HeadSpec, NetworkSpec};
use crate::objectives::{
    FocalZilnSpec, MseSpec, RankingSpec, Score, Setting, TermKind, TermSpec, Unit, ZilnSpec,
};
use rand::Rng;
use serde_json::Value;
use valor_data::encode::ColumnKind;
use valor_data::{Matrix, Treatment};

const FIXTURES: &str = include_str!("../../../../../fixtures/pytorch.json");
const BATCH: usize = 16;

pub(super) fn flat(value: &Value) -> Vec<f32> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap() as f32],
    }
}

/// Rows to learn from.
pub(super) struct Rows48 {
    features: Matrix,
    kinds: Vec<ColumnKind>,
    treatment: Treatment,
    outcome: Vec<f64>,
    rows: Vec<u32>,
}

impl Rows48 {
    /// Rows of numbers.
    pub(super) fn new(rows: &Value) -> Self {
        Self::of(rows, &Value::Null)
    }

    /// Rows whose columns hold what `kinds` says: `"number"`, `["step", place]`, `["levels", numbers]`.
    pub(super) fn of(rows: &Value, kinds: &Value) -> Self {
        let values = flat(&rows["x"]);
        let count = rows["x"].as_array().unwrap().len();
        let kind = |kind: &Value| {
            let number = kind[1].as_u64().unwrap_or_default() as usize;
            match kind[0].as_str() {
                Some("step") => ColumnKind::Step { sequence: 0, place: number },
                Some(_) => ColumnKind::Levels(number),
                None => ColumnKind::Number,
            }
        };
        Self {
            features: Matrix { rows: count, columns: values.len() / count, values },
            kinds: kinds.as_array().into_iter().flatten().map(kind).collect(),
            treatment: Treatment {
                assigned: flat(&rows["treatment"]).iter().map(|&treated| treated == 1.0).collect(),
                propensity: Some(vec![0.5; count]),
            },
            outcome: rows["outcome"].as_array().unwrap().iter().map(|y| y.as_f64().unwrap()).collect(),
            rows: (0..count as u32).collect(),
        }
    }

    pub(super) fn task(&self) -> Task<'_> {
        Task {
            features: &self.features,
            kinds: &self.kinds,
            columns: &[],
            treatment: Some(&self.treatment),
            outcome: &self.outcome,
            origin: None,
            train: &self.rows,
            validation: &[],
            test: &self.rows,
            time: None,
            interval: None,
        }
    }
}

fn spec(step: &Value) -> NeuralSpec {
    let network = &step["network"];
    let term = |name: &str| match name {
        "mse" => TermKind::Mse(MseSpec {}),
        "ziln" => TermKind::Ziln(ZilnSpec {}),
        "focal-ziln" => TermKind::FocalZiln(FocalZilnSpec::default()),
        _ => {
            let score = Score::Uplift { unit: Unit::Amount(10.0) };
            let label_unit = Unit::Amount(1.0);
            TermKind::Ranking(RankingSpec { score, label_unit, ..RankingSpec::default() })
        }
    };
    let objective = step["objective"].as_object().unwrap().iter();
    let training = TrainingSpec {
        batch: BATCH,
        weight_decay: step["optimiser"]["weight_decay"].as_f64().unwrap(),
        ..TrainingSpec::default()
    };
    NeuralSpec {
        network: NetworkSpec {
            backbone: if network["backbone"] == "tarnet" {
                BackboneKind::Tarnet
            } else {
                BackboneKind::TLearner
            },
            trunk: vec![7, 6],
            heads: vec![4, 4],
            head: if network["head"] == "point" {
                HeadSpec::Point
            } else {
                HeadSpec::Ziln { sigma_term: true }
            },
            gate: match network["gate"].as_str() {
                Some("representation") => Some(GatePosition::Representation),
                Some(_) => Some(GatePosition::Features),
                None => None,
            },
            front: Default::default(),
        },
        objective: objective
            .map(|(name, weight)| TermSpec::new(weight.as_f64().unwrap(), term(name)))
            .collect(),
        training,
        recalibration: None,
    }
}

/// The named parameters in the order of the flat buffer.
pub(super) fn in_order(network: &Network, named: &Value) -> Vec<f32> {
    network.layout().names().flat_map(|(name, _)| flat(&named[name])).collect()
}

fn assert_close(found: &Tensor, expected: &[f32], what: &str) {
    let found = Vec::<f32>::try_from(found.detach().view(-1)).unwrap();
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs() / expected.abs().max(scale * 1e-2);
        assert!(error < 1e-5, "{what}: {found} instead of {expected}");
    }
}

#[test]
fn training_steps_are_those_of_pytorch() {
    let fixtures: Value = serde_json::from_str(FIXTURES).unwrap();
    let rows = Rows48::new(&fixtures["rows"]);
    for (name, step) in fixtures["steps"].as_object().unwrap() {
        let spec = spec(step);
        let task = rows.task();
        let device_rows = DeviceRows::new(&spec, &task, 1.0, Device::Cpu);
        let network = Network::new(&spec.network, 5, &device_rows.summary);
        let setting = Setting::new(&spec.network, device_rows.summary.clone(), BATCH);
        let objective = Objective::new(&spec.objective, &setting).unwrap();
        let mut stack =
            Stack::new(&network, &objective, &spec.training, (network_seeds(&[1], 1), Device::Cpu));
        let initial = in_order(&network, &step["parameters"]);
        stack.parameters = Tensor::from_slice(&initial).view([1, -1]).set_requires_grad(true);
        let part =
            super::Rows { rows: task.train, ranked: &device_rows.ranked, batch: BATCH, device: Device::Cpu };
        let order = Epoch::in_order(&part, 1);
        for index in 0..3 {
            let mut sums = stack.empty_sums();
            stack.step(&device_rows, (&order, index), 1.0, &mut sums);
            let loss = (sums.total / sums.rows).double_value(&[0]);
            let expected = step["steps"][index]["loss"].as_f64().unwrap();
            assert!(
                (loss - expected).abs() < 1e-5 * expected.abs().max(1.0),
                "{name}: loss {loss}, not {expected}"
            );
            if let Some(after) = step["after"].get((index + 1).to_string()) {
                let expected = in_order(&network, after);
                assert_close(&stack.parameters, &expected, &format!("{name}, step {}", index + 1));
            }
        }
    }
}

fn drawn(count: usize) -> Rows48 {
    let mut stream = Seeds::new(7).stream();
    let values = (0..count * 5).map(|_| stream.random_range(-1.7f32..1.7)).collect();
    let buys = |_| if stream.random_bool(0.2) { stream.random_range(0.0f64..5.0).exp() } else { 0.0 };
    let outcome = (0..count).map(buys).collect();
    let assigned = (0..count).map(|_| stream.random_bool(0.5)).collect();
    let treatment = Treatment { assigned, propensity: Some(vec![0.5; count]) };
    let features = Matrix { rows: count, columns: 5, values };
    Rows48 { features, kinds: Vec::new(), treatment, outcome, rows: (0..count as u32).collect() }
}

fn method(backbone: &str, components: &[&str], training: TrainingSpec) -> NeuralSpec {
    let components: Vec<String> = components.iter().map(ToString::to_string).collect();
    let options = Options { trunk: vec![32, 32], heads: vec![16, 16], ..Options::default() };
    let row = catalog::backbone(backbone).unwrap();
    match catalog::compose(row, &components, &options, &training).unwrap() {
        MethodSpec::Neural(spec) => spec,
        MethodSpec::Trees(_) | MethodSpec::Tuned(_) | MethodSpec::Purchases(_) => {
            panic!("nothing is tuned here")
        }
    }
}

fn fit(spec: &NeuralSpec, task: &Task, seeds: &[u64]) -> Vec<(Status, Option<Predictions>)> {
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    let fitted = crate::learner::neural::fit(spec, task, seeds, context, &crate::learner::Nobody).unwrap();
    fitted.replicates.into_iter().map(|replicate| (replicate.status, replicate.predictions)).collect()
}

/// Alone and in a stack of five: the same to the last bit, after three hundred steps of what most networks share and
/// twenty of every other one.
#[test]
fn a_replicate_is_the_same_alone_and_in_a_stack() {
    tch::set_num_threads(1);
    let (many, few) = (drawn(6400), drawn(1280));
    for row in &catalog::BACKBONES {
        let backbone = row.key;
        let (rows, epochs) = if ["tarnet", "t-learner"].contains(&backbone) { (&many, 3) } else { (&few, 1) };
        let training = TrainingSpec { epochs, batch: 64, ..TrainingSpec::default() };
        for components in [&[][..], &["ziln", "focal", "gti", "wr"], &["rerum"]] {
            let spec = method(backbone, components, training.clone());
            let stacked = fit(&spec, &rows.task(), &[42, 43, 44, 45, 46]);
            assert_eq!(fit(&spec, &rows.task(), &[44])[0], stacked[2], "{backbone} {components:?}");
            assert_ne!(stacked[1].1, stacked[2].1);
        }
    }
}

/// The same of networks with heads of buckets, for rows of one arm and of two.
#[test]
fn a_replicate_with_buckets_is_the_same_alone_and_in_a_stack() {
    tch::set_num_threads(1);
    let rows = drawn(1280);
    let training = TrainingSpec { epochs: 1, batch: 64, ..TrainingSpec::default() };
    let one_arm = catalog::ONE_ARM.iter().map(|row| (row.key, &[][..]));
    let two_arms = ["s-learner", "tarnet", "cfr-wass"].map(|key| (key, &["cc-or"][..]));
    let losses = [("mlp", &["log1p"][..]), ("mlp", &["tweedie"])];
    for (key, components) in one_arm.chain(losses).chain(two_arms) {
        let spec = method(key, components, training.clone());
        let mut task = rows.task();
        if spec.network.backbone.question() == valor_base::question::Question::Value {
            task.treatment = None;
        }
        let stacked = fit(&spec, &task, &[42, 43, 44, 45, 46]);
        assert_eq!(fit(&spec, &task, &[44])[0], stacked[2], "{key}");
        assert_ne!(stacked[1].1, stacked[2].1);
        let said = stacked[2].1.as_ref().unwrap();
        assert!(said.score.iter().all(|score| score.is_finite()), "{key}");
    }
}

/// The same of networks whose columns enter by embeddings and attention.
#[test]
fn a_replicate_with_a_front_is_the_same_alone_and_in_a_stack() {
    tch::set_num_threads(1);
    let mut rows = drawn(640);
    let step = |place| ColumnKind::Step { sequence: 0, place };
    rows.kinds = vec![step(1), step(0), ColumnKind::Levels(12), step(2), ColumnKind::Levels(3)];
    for row in rows.features.values.chunks_exact_mut(5) {
        row[2] = ((row[2] + 1.7) * 3.0).floor();
        row[4] = f32::from(u8::from(row[4] > 0.0));
    }
    let training = TrainingSpec { epochs: 1, batch: 64, ..TrainingSpec::default() };
    for row in catalog::BACKBONES.iter().chain(&catalog::ONE_ARM) {
        let mut components = vec!["embedding", "sequence"];
        components.extend(row.chooses_head().then_some("ziln"));
        let spec = method(row.key, &components, training.clone());
        let mut task = rows.task();
        if spec.network.backbone.question() == valor_base::question::Question::Value {
            task.treatment = None;
        }
        let stacked = fit(&spec, &task, &[42, 43, 44, 45, 46]);
        assert_eq!(fit(&spec, &task, &[44])[0], stacked[2], "{}", row.key);
        assert_ne!(stacked[1].1, stacked[2].1);
        let said = stacked[2].1.as_ref().unwrap();
        assert!(said.score.iter().all(|score| score.is_finite()), "{}", row.key);
    }
}

/// A replicate of several networks is the same alone and in a stack, and says the mean of what they say.
#[test]
fn members_are_averaged() {
    tch::set_num_threads(1);
    let rows = drawn(1280);
    let training = TrainingSpec { epochs: 2, batch: 64, members: 3, ..TrainingSpec::default() };
    let three = method("shared-index", &["ziln"], training);
    let stacked = fit(&three, &rows.task(), &[42, 43]);
    assert_eq!(fit(&three, &rows.task(), &[43])[0], stacked[1]);
    let device_rows = DeviceRows::new(&three, &rows.task(), 1.0, Device::Cpu);
    let network = || Network::new(&three.network, 5, &device_rows.summary);
    let draws = network_seeds(&[42], 3).into_iter().flat_map(|seeds| network().layout().draw(&seeds));
    let parameters = Tensor::from_slice(&draws.collect::<Vec<f32>>()).view([3, -1]);
    let said = |spec: &NeuralSpec, models: usize| {
        let model = Model::new((spec, 5), network(), parameters.copy(), 1.0);
        model.predict(&device_rows.features, rows.task().test, (models, Detail::Expectations))
    };
    let single = TrainingSpec { members: 1, ..three.training.clone() };
    let each = said(&NeuralSpec { training: single, ..three.clone() }, 3);
    let together = &said(&three, 1)[0];
    for (row, found) in together.score.iter().enumerate() {
        let mean = each.iter().map(|said| said.score[row]).sum::<f32>() / 3.0;
        assert!((mean - found).abs() <= 1e-5 * mean.abs().max(1.0), "{mean} {found}");
        assert!(each.iter().all(|said| said.score[row] != *found));
    }
}

/// A replicate whose parameters stop being finite is recorded with its step and touches no other.
#[test]
fn a_diverging_replicate_falls_alone() {
    tch::set_num_threads(1);
    let rows = drawn(640);
    let spec = method("tarnet", &["ziln"], TrainingSpec { epochs: 2, batch: 64, ..TrainingSpec::default() });
    let task = rows.task();
    let device_rows = DeviceRows::new(&spec, &task, 1.0, Device::Cpu);
    let network = Network::new(&spec.network, 5, &device_rows.summary);
    let setting = Setting::new(&spec.network, device_rows.summary.clone(), 64);
    let objective = Objective::new(&spec.objective, &setting).unwrap();
    let trained = |poison: bool| {
        let mut stack =
            Stack::new(&network, &objective, &spec.training, (network_seeds(&[1, 2], 1), Device::Cpu));
        if poison {
            let _ = stack.parameters.detach().get(0).fill_(f64::NAN);
        }
        stack.train(&device_rows, &task, &mut |_, _| {}, &mut |_| Vec::new());
        stack.finish()
    };
    let ((healthy, _), (poisoned, logs)) = (trained(false), trained(true));
    assert_eq!(healthy.get(1), poisoned.get(1));
    let Status::Diverged(fall) = &logs[0].status else { panic!() };
    assert_eq!((fall.epoch, fall.step, &fall.last), (1, 1, &None));
    assert!(logs[0].epochs.len() == 1 && logs[0].epochs[0].total.is_none());
    assert!(matches!(logs[1].status, Status::Finished { epochs: 2, kept_epoch: 2 }));
}

/// Early stopping keeps the parameters of each replicate's own best epoch.
#[test]
fn early_stopping_keeps_the_best_epoch_of_each_replicate() {
    tch::set_num_threads(1);
    let rows = drawn(1280);
    let (train, validation) = rows.rows.split_at(640);
    let training =
        TrainingSpec { epochs: 40, batch: 64, learning_rate: 0.02, patience: 2, ..TrainingSpec::default() };
    let spec = method("tarnet", &["ziln"], training);
    let task = Task { train, validation, ..rows.task() };
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    let fitted =
        crate::learner::neural::fit(&spec, &task, &[1, 2, 3], context, &crate::learner::Nobody).unwrap();
    for replicate in &fitted.replicates {
        let Status::Finished { epochs, kept_epoch } = replicate.status else {
            panic!("{:?}", replicate.status)
        };
        let losses: Vec<f64> = replicate.epochs.iter().map(|epoch| epoch.validation.unwrap()).collect();
        let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap();
        assert_eq!((kept_epoch, epochs), (best + 1, (best + 3).min(40)));
        assert!(epochs < 40);
    }
    let stopped = TrainingSpec { epochs: 1, patience: 0, ..spec.training.clone() };
    let Status::Finished { kept_epoch, .. } = fitted.replicates[0].status else { panic!() };
    let shorter = NeuralSpec { training: TrainingSpec { epochs: kept_epoch, ..stopped }, ..spec };
    assert_eq!(fit(&shorter, &task, &[1])[0].1, fitted.replicates[0].predictions);
}
