//! Saved forests score the same bits; damaged ones are refused; forests recover what is planted.

use super::*;
use crate::data::encode::ColumnKind;
use crate::learner::{Device, Values};
use rand::Rng;

/// 2,000 accounts with a gap in one column and five levels in another; the effect is 8 where the first column is above 0.
struct Planted {
    features: Matrix,
    kinds: Vec<ColumnKind>,
    treatment: Vec<bool>,
    outcome: Vec<f64>,
    rows: Vec<u32>,
}

impl Planted {
    fn new() -> Self {
        let rows = 2000;
        let mut stream = Seeds::new(4).stream();
        let mut values = Vec::new();
        for row in 0..rows {
            let gap = if row % 7 == 0 { f32::NAN } else { stream.random_range(-1.0f32..1.0) };
            values.extend([stream.random_range(-1.0f32..1.0), gap, (row % 5) as f32]);
        }
        let features = Matrix { rows, columns: 3, values };
        let treatment: Vec<bool> = (0..rows).map(|_| stream.random_bool(0.5)).collect();
        let outcome = (0..rows).map(|row| {
            let effect = if features.row(row)[0] > 0.0 && treatment[row] { 8.0 } else { 0.0 };
            let spends = stream.random_bool(0.6);
            if spends { (4.0 + effect) * stream.random_range(0.5..1.5) } else { 0.0 }
        });
        Self {
            outcome: outcome.collect(),
            kinds: vec![ColumnKind::Number, ColumnKind::Number, ColumnKind::Levels(5)],
            rows: (0..rows as u32).collect(),
            features,
            treatment,
        }
    }

    fn task(&self) -> Task<'_> {
        Task {
            features: &self.features,
            kinds: &self.kinds,
            treatment: &self.treatment,
            outcome: &self.outcome,
            propensity: None,
            origin: None,
            train: &self.rows,
            validation: &[],
            test: &self.rows,
        }
    }
}

fn specs() -> [TreesSpec; 3] {
    let ziln = ZilnForestSpec { trees: 6, ..ZilnForestSpec::default() };
    let mut causal = CausalForestSpec { trees: 8, ..CausalForestSpec::default() };
    causal.nuisance.trees = 5;
    let boosted = ZilnGbdtSpec { rounds: 60, ..ZilnGbdtSpec::default() };
    [TreesSpec::ZilnForest(ziln), TreesSpec::CausalForest(causal), TreesSpec::ZilnGbdt(boosted)]
}

fn forest(spec: &TreesSpec) -> Forest {
    Forest::grow(spec, &Planted::new().task(), &Seeds::new(1)).0
}

fn again(saved: &SavedModel) -> anyhow::Result<Box<dyn Scorer>> {
    let TrainedSpec::Trees(spec) = &saved.spec else { panic!() };
    restore(spec, saved)
}

#[test]
fn a_restored_forest_scores_the_same_bits() {
    let rows = Planted::new().features;
    for spec in specs() {
        let forest = forest(&spec);
        let saved = forest.saved();
        let restored = again(&saved).unwrap();
        assert_eq!(restored.predictions(&rows), forest.predictions(&rows));
        assert_eq!(restored.uplift(&rows), forest.predictions(&rows).uplift);
        assert_eq!(restored.saved(), saved);
    }
}

#[test]
fn planted_effects_are_found_and_arms_differ_by_them() {
    for spec in specs() {
        let planted = Planted::new();
        let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
        let fitted = fit(&spec, &planted.task(), &[1, 2], context).unwrap();
        assert_eq!(fitted.replicates.len(), 2);
        assert_ne!(fitted.replicates[0].predictions, fitted.replicates[1].predictions);
        let said = fitted.replicates[0].predictions.as_ref().unwrap();
        let mean = |above: bool| {
            let rows = (0..2000).filter(|&row| (planted.features.row(row)[0] > 0.0) == above);
            let uplifts: Vec<f64> = rows.map(|row| f64::from(said.uplift[row])).collect();
            uplifts.iter().sum::<f64>() / uplifts.len() as f64
        };
        assert!(
            (2.5..5.6).contains(&mean(true)) && mean(false).abs() < 0.8,
            "{}, {}",
            mean(true),
            mean(false)
        );
        for row in 0..2000 {
            let gap = said.expected_treated[row] - said.expected_control[row];
            assert!((gap - said.uplift[row]).abs() < 1e-4);
        }
    }
}

#[test]
fn what_is_not_whole_is_refused() {
    for spec in specs() {
        let saved = forest(&spec).saved();
        let refused = |change: &dyn Fn(&mut SavedModel)| {
            let mut other = saved.clone();
            change(&mut other);
            format!("{:#}", again(&other).map(drop).unwrap_err())
        };
        assert!(refused(&|saved| drop(saved.parameters.remove(1))).contains("tensors; found"));
        assert!(refused(&|saved| saved.parameters[1].name.clear()).contains("nodes' is missing"));
        assert!(refused(&|saved| saved.inputs = 1).contains("a column that is not there"));
        assert!(
            refused(&|saved| saved.parameters[0].values = Values::Double(vec![])).contains("leaves; found 0")
        );
        assert!(
            refused(&|saved| saved.parameters[0].values = Values::Single(vec![]))
                .contains("allowed is double")
        );
        // The root's column, left child, right child and set.
        for (place, to) in [(0, 3.0), (0, f32::NAN), (2, 0.0), (2, 1e9), (3, -7.0), (4, 1e6)] {
            let wild = |saved: &mut SavedModel| {
                let Values::Single(nodes) = &mut saved.parameters[1].values else { panic!() };
                nodes[place] = to;
            };
            assert!(!refused(&wild).is_empty(), "number {place} of the root is {to}");
        }
    }
}
