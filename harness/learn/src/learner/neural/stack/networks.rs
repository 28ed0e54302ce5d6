//! Every network with every objective that the catalog makes: outputs and training steps against PyTorch.

use super::fixtures::{Rows48, flat, in_order};
use super::*;
use crate::learner::neural::NeuralSpec;
use crate::nets::{
    BackboneKind, Buckets, DeepFmSpec, EfinSpec, EuenSpec, Inputs, NetworkSpec, Outputs, SharedIndexSpec,
    UniteSpec, Weights,
};
use crate::objectives::Setting;
use serde_json::Value;
use valor_base::question::Question;

const FIXTURES: [&str; 5] = [
    include_str!("../../../../../fixtures/networks.json"),
    include_str!("../../../../../fixtures/buckets.json"),
    include_str!("../../../../../fixtures/values.json"),
    include_str!("../../../../../fixtures/towers.json"),
    include_str!("../../../../../fixtures/front.json"),
];
const BATCH: usize = 16;

fn widths(value: &Value) -> Vec<usize> {
    value.as_array().into_iter().flatten().map(|width| width.as_u64().unwrap() as usize).collect()
}

fn backbone(network: &Value) -> BackboneKind {
    let stop_gradient = network["stop-gradient"].as_bool().unwrap_or(true);
    match network["backbone"].as_str().unwrap() {
        "mlp" => BackboneKind::Mlp,
        "deep-fm" => {
            let number = |key: &str| network[key].as_u64().map(|number| number as usize);
            BackboneKind::DeepFm(DeepFmSpec { rank: number("rank").unwrap(), segments: number("segments") })
        }
        "s-learner" => BackboneKind::SLearner,
        "t-learner" => BackboneKind::TLearner,
        "tarnet" => BackboneKind::Tarnet,
        "cfr" => BackboneKind::Cfr,
        "dragonnet" => BackboneKind::Dragonnet,
        "euen" => BackboneKind::Euen(EuenSpec { stop_gradient }),
        "shared-index" => BackboneKind::SharedIndex(SharedIndexSpec { base: 2, effect: 3 }),
        "efin" => {
            BackboneKind::Efin(EfinSpec { rank: network["rank"].as_u64().unwrap() as usize, stop_gradient })
        }
        "unite" => {
            let experts = &network["experts"];
            BackboneKind::Unite(UniteSpec {
                experts: experts["count"].as_u64().unwrap() as usize,
                widths: widths(&experts["widths"]),
                dropout: 0.0,
            })
        }
        other => panic!("no network {other}"),
    }
}

fn spec(case: &Value) -> NeuralSpec {
    let network = &case["network"];
    NeuralSpec {
        network: NetworkSpec {
            backbone: backbone(network),
            trunk: widths(&network["trunk"]),
            heads: widths(&network["heads"]),
            head: serde_json::from_value(network["head"].clone()).unwrap(),
            gate: serde_json::from_value(network["gate"].clone()).unwrap(),
            front: serde_json::from_value(network["front"].clone()).unwrap_or_default(),
        },
        objective: serde_json::from_value(case["objective"].clone()).unwrap(),
        training: TrainingSpec { batch: BATCH, ..TrainingSpec::default() },
        recalibration: None,
    }
}

/// Relative to the value, or to a tenth of the largest.
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0f32, |most, value| most.max(value.abs())).max(1e-3);
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs() / expected.abs().max(scale * 0.1);
        assert!(error < tolerance, "{what}: {found} instead of {expected}");
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.detach().contiguous().view(-1)).unwrap()
}

/// Raw outputs, representation and propensity of the first batch.
fn assert_outputs(name: &str, outputs: &Outputs, expected: &Value) {
    let columns: &[&str] = match outputs.control.size()[2] {
        3 => &["logit", "mu", "raw"],
        _ if expected["log"].is_null() => &["point"],
        _ => &["log"],
    };
    let arms = expected[columns[0]].as_array().unwrap().len();
    for (arm, raw) in [&outputs.control, &outputs.treated].into_iter().take(arms).enumerate() {
        let found = values(&raw.transpose(1, 2));
        let expected: Vec<f32> = columns.iter().flat_map(|column| flat(&expected[*column][arm])).collect();
        assert_close(&found, &expected, 1e-5, &format!("{name}, {columns:?} of arm {arm}"));
    }
    for (key, found) in
        [("representation", &outputs.representation), ("propensity-logit", &outputs.propensity)]
    {
        if let (Some(found), false) = (found, expected[key].is_null()) {
            assert_close(&values(found), &flat(&expected[key]), 1e-5, &format!("{name}, {key}"));
        }
    }
}

/// Buckets of the rows.
fn assert_buckets(name: &str, found: &Buckets, expected: &Value) {
    let expected: Buckets = serde_json::from_value(expected.clone()).unwrap();
    let numbers = |buckets: &Buckets| {
        let all = [&buckets.thresholds, &buckets.means, &buckets.shares].map(Vec::clone).concat();
        all.into_iter()
            .chain([buckets.largest, buckets.median])
            .map(|number| number as f32)
            .collect::<Vec<f32>>()
    };
    assert_close(&numbers(found), &numbers(&expected), 1e-6, &format!("{name}, buckets"));
}

/// Raw outputs and expectations of the first batch.
fn assert_said(name: &str, network: &Network, outputs: &Outputs, expected: &Value) {
    let arms = expected["raw"].as_array().unwrap().len();
    for (arm, raw) in [&outputs.control, &outputs.treated].into_iter().take(arms).enumerate() {
        assert_close(
            &values(raw),
            &flat(&expected["raw"][arm]),
            1e-5,
            &format!("{name}, raw outputs of arm {arm}"),
        );
        let said = values(&network.head().expectation(raw));
        assert_close(
            &said,
            &flat(&expected["expected"][arm]),
            1e-4,
            &format!("{name}, expectation of arm {arm}"),
        );
        if let Some(conversion) = expected.get("conversion") {
            let said = values(&network.head().conversion(raw).unwrap());
            assert_close(&said, &flat(&conversion[arm]), 1e-5, &format!("{name}, conversion of arm {arm}"));
        }
    }
}

/// The parameters that may stray because their true gradient is 0, which Adam blows up to its step size.
fn strays(network: &Network, free: &Value) -> Vec<bool> {
    let free: Vec<&str> = free.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let entry =
        |(name, shape): (&str, &[i64])| vec![free.contains(&name); shape.iter().product::<i64>() as usize];
    network.layout().names().flat_map(entry).collect()
}

/// The gradient by every parameter at the first batch: as steps find it, and as libtorch does of plain tensor operations.
fn gradients(
    (network, objective): (&Network, &Objective),
    rows: &DeviceRows,
    order: &Epoch,
    parameters: &Tensor,
) -> [Tensor; 2] {
    let flat = parameters.detach().copy().set_requires_grad(true);
    let layout = network.layout();
    let (indices, ranked) = order.step(0);
    let loss = |weights: &Weights| {
        let (features, mut batch) = rows.gather(&indices, ranked);
        let counter = Counter::new(vec![7; flat.size()[0] as usize], Device::Cpu);
        let observed = (!objective.needs_both_arms()).then_some(&batch.treatment);
        let outputs = network.forward(weights, &features, &Pass { observed, counter: Some(&counter) });
        batch.counter = Some(counter.at(0));
        objective.loss(&batch, &Prediction::new(network.head(), &outputs)).0.sum(None)
    };
    let learning = layout.learning(&flat);
    let of_libtorch = Tensor::run_backward(&[loss(&layout.views(&flat))], &[&flat], false, false).remove(0);
    [learning.gradient(&loss(&learning)), of_libtorch]
}

#[test]
fn networks_and_their_training_steps_are_those_of_pytorch() {
    for text in FIXTURES {
        are_those_of_pytorch(&serde_json::from_str(text).unwrap());
    }
}

fn are_those_of_pytorch(fixtures: &Value) {
    let rows = Rows48::of(&fixtures["rows"], &fixtures["kinds"]);
    for (name, case) in fixtures["cases"].as_object().unwrap() {
        let spec = spec(case);
        let mut task = rows.task();
        if spec.network.backbone.question() == Question::Value {
            task.treatment = None;
        }
        let device_rows = DeviceRows::new(&spec, &task, 1.0, Device::Cpu);
        let inputs = Inputs::of(task.features.columns, task.kinds);
        let network = Network::new(&spec.network, inputs, &device_rows.summary);
        let names: Vec<&str> = network.layout().names().map(|(name, _)| name).collect();
        assert_eq!(names.len(), case["parameters"].as_object().unwrap().len(), "{name}: {names:?}");
        let setting = Setting::new(&spec.network, device_rows.summary.clone(), BATCH);
        let objective = Objective::new(&spec.objective, &setting).unwrap();
        let mut stack =
            Stack::new(&network, &objective, &spec.training, (network_seeds(&[1], 1), Device::Cpu));
        let initial = in_order(&network, &case["parameters"]);
        stack.parameters = Tensor::from_slice(&initial).view([1, -1]);
        if let Some(key) = fixtures["key"].as_u64() {
            stack.counter = Counter::new(vec![key as u32], Device::Cpu);
        }
        let weights = network.layout().views(&stack.parameters.detach());
        let first = device_rows.features.narrow(0, 0, BATCH as i64).unsqueeze(0);
        let outputs = network.forward(&weights, &first, &Pass::default());
        if let Some(buckets) = network.head().buckets() {
            let own = if case["buckets"].is_null() { fixtures } else { case };
            assert_buckets(name, buckets, &own["buckets"]);
        }
        match case["outputs"]["raw"].as_array().is_some_and(|arms| arms[0][0].is_array()) {
            true => assert_said(name, &network, &outputs, &case["outputs"]),
            false => assert_outputs(name, &outputs, &case["outputs"]),
        }
        let part =
            super::Rows { rows: task.train, ranked: &device_rows.ranked, batch: BATCH, device: Device::Cpu };
        let order = Epoch::in_order(&part, 1);
        let free = strays(&network, &case["free"]);
        let [found, expected] = gradients((&network, &objective), &device_rows, &order, &stack.parameters)
            .map(|all| values(&all));
        assert_close(&found, &expected, 1e-4, &format!("{name}, gradient"));
        for index in 0..3 {
            let mut sums = stack.empty_sums();
            stack.step(&device_rows, (&order, index), 1.0, &mut sums);
            let loss = (sums.total / sums.rows).double_value(&[0]) as f32;
            let expected = case["steps"][index]["loss"].as_f64().unwrap() as f32;
            assert_close(&[loss], &[expected], 1e-5, &format!("{name}, loss of step {}", index + 1));
            if let Some(after) = case["after"].get((index + 1).to_string()) {
                let mut expected = in_order(&network, after);
                let found = values(&stack.parameters);
                for ((expected, found), free) in expected.iter_mut().zip(&found).zip(&free) {
                    let limit = 1.1 * spec.training.learning_rate as f32 * (index + 1) as f32;
                    if *free && (*expected - found).abs() <= 2.0 * limit {
                        *expected = *found;
                    }
                }
                assert_close(&found, &expected, 1e-5, &format!("{name}, step {}", index + 1));
            }
        }
    }
}
