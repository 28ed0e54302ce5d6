//! Balance terms under permuted treatments: nothing to see where treatment was drawn by a coin, much where it follows the
//! features.

use super::{compose, small};
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Kind, Tensor};
use valor_base::seed::Seeds;
use valor_learn::learner::{MethodSpec, TrainingSpec};
use valor_learn::nets::{Network, NetworkSpec, OutcomeSummary, Outputs, Pass, Readout};
use valor_learn::objectives::{Batch, Labels, Prediction, Setting, TermKind};

const ROWS: usize = 192;
const COLUMNS: usize = 5;
const PERMUTATIONS: usize = 200;
/// Treatments that are looked at together, as replicates.
const TOGETHER: usize = 20;

/// The terms by name.
const TERMS: [(&str, &str); 4] = [
    ("mmd, rbf", r#"{"mmd": {}}"#),
    ("mmd, linear", r#"{"mmd": {"kernel": "linear"}}"#),
    ("sinkhorn, debiased", r#"{"sinkhorn": {"debiased": true, "dummy": false}}"#),
    ("sinkhorn", r#"{"sinkhorn": {}}"#),
];

/// A network that no balance term has touched and what it makes of rows, `[1, B, width]`.
struct Scene {
    network: NetworkSpec,
    representation: Tensor,
    features: Vec<f32>,
}

impl Scene {
    fn new() -> Self {
        tch::set_num_threads(1);
        let stream = Seeds::new(11).child("features").stream();
        let features: Vec<f32> = StandardNormal.sample_iter(stream).take(ROWS * COLUMNS).collect();
        let MethodSpec::Neural(spec) = compose("tarnet", &[], &small(), &TrainingSpec::default()) else {
            panic!("not a network")
        };
        let network = Network::new(&spec.network, COLUMNS as i64, &OutcomeSummary::default());
        let flat = Tensor::from_slice(&network.layout().draw(&Seeds::new(3))).unsqueeze(0);
        let rows = Tensor::from_slice(&features).view([1, ROWS as i64, COLUMNS as i64]);
        let outputs = network.forward(&network.layout().views(&flat), &rows, &Pass::default());
        let representation = outputs.representation.unwrap();
        Self { network: spec.network, representation, features }
    }

    /// A coin, or a coin that the first feature loads.
    fn treatment(&self, confounded: bool) -> Vec<bool> {
        let mut stream = Seeds::new(11).child("treatment").stream();
        let load = |row: usize| if confounded { f64::from(self.features[row * COLUMNS]) * 1.5 } else { 0.0 };
        (0..ROWS).map(|row| stream.random_bool(1.0 / (1.0 + (-load(row)).exp()))).collect()
    }

    /// The term's value for each treatment.
    fn values(&self, term: &str, treatments: &[Vec<bool>]) -> Vec<f64> {
        let term: TermKind = serde_json::from_str(term).unwrap();
        let summary = OutcomeSummary { treated_share: 0.5, ..OutcomeSummary::default() };
        let term = term.build(&Setting::new(&self.network, summary, ROWS)).unwrap();
        let chunk = |treatments: &[Vec<bool>]| -> Vec<f64> {
            let labels: Vec<f32> =
                treatments.iter().flatten().flat_map(|&treated| Labels::row(treated, 0.0, 0.0)).collect();
            let shape = [treatments.len() as i64, ROWS as i64];
            let batch = Batch::new(&Tensor::from_slice(&labels).view([shape[0], shape[1], -1]), 0);
            let width = self.representation.size()[2];
            let outputs = Tensor::zeros([shape[0], shape[1], 1], (Kind::Float, Device::Cpu));
            let representation = self.representation.expand([shape[0], shape[1], width], false);
            let outputs = Outputs {
                representation: Some(representation),
                ..Outputs::new(outputs.shallow_clone(), outputs)
            };
            let loss = term.loss(&batch, &Prediction::new(&Readout::from(&self.network.head), &outputs));
            Vec::try_from(loss.to_kind(Kind::Double)).unwrap()
        };
        treatments.chunks(TOGETHER).flat_map(chunk).collect()
    }

    /// How many permutations of the treatment give less than the treatment itself.
    fn rank(&self, term: &str, confounded: bool) -> usize {
        let mut stream = Seeds::new(11).child("permutations").stream();
        let mut treatments = vec![self.treatment(confounded)];
        for _ in 0..PERMUTATIONS {
            let mut permuted = treatments[0].clone();
            permuted.shuffle(&mut stream);
            treatments.push(permuted);
        }
        let values = self.values(term, &treatments);
        values[1..].iter().filter(|&&value| value < values[0]).count()
    }
}

/// Inside the central 98 % of the permutations.
#[test]
fn a_fair_coin_is_not_told_from_its_permutations() {
    let scene = Scene::new();
    for (name, term) in TERMS {
        let rank = scene.rank(term, false);
        println!("{name}, coin: above {rank} of {PERMUTATIONS} permutations");
        assert!((2..=PERMUTATIONS - 2).contains(&rank), "{name}: {rank}");
    }
}

/// Above all permutations.
#[test]
fn confounding_is_told_from_its_permutations() {
    let scene = Scene::new();
    for (name, term) in TERMS {
        let rank = scene.rank(term, true);
        println!("{name}, confounded: above {rank} of {PERMUTATIONS} permutations");
        assert!(rank == PERMUTATIONS, "{name}: {rank}");
    }
}
