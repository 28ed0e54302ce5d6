//! Saved forests score the same bits; damaged ones are refused; forests recover what is planted.

use super::explain::Explainer;
use super::*;
use crate::learner::catalog;
use crate::learner::{Device, MethodSpec, Nobody, Values};
use rand::Rng;
use valor_data::Treatment;
use valor_data::encode::ColumnKind;

/// 2,000 accounts with a gap in one column and five levels in another; the effect is 8 where the first column is above 0.
struct Planted {
    features: Matrix,
    kinds: Vec<ColumnKind>,
    treatment: Treatment,
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
            treatment: treatment.into(),
        }
    }

    fn task(&self) -> Task<'_> {
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

fn specs() -> [TreesSpec; 4] {
    let ziln = ZilnForestSpec { trees: 6, ..ZilnForestSpec::default() };
    let mut causal = CausalForestSpec { trees: 8, ..CausalForestSpec::default() };
    causal.nuisance.trees = 5;
    let boosted = ZilnGbdtSpec { rounds: 60, ..ZilnGbdtSpec::default() };
    let uplift = UpliftTreeSpec::default();
    [
        TreesSpec::ZilnForest(ziln),
        TreesSpec::CausalForest(causal),
        TreesSpec::ZilnGbdt(boosted),
        TreesSpec::UpliftTree(uplift),
    ]
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
        assert_eq!(restored.score(&rows), forest.predictions(&rows).score);
        assert_eq!(restored.saved(), saved);
    }
}

#[test]
fn planted_effects_are_found_and_arms_differ_by_them() {
    for spec in specs() {
        let planted = Planted::new();
        let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
        let fitted = fit(&spec, &planted.task(), &[1, 2], context, &mut Nobody).unwrap();
        assert_eq!(fitted.replicates.len(), 2);
        assert_ne!(fitted.replicates[0].predictions, fitted.replicates[1].predictions);
        let said = fitted.replicates[0].predictions.as_ref().unwrap();
        let mean = |above: bool| {
            let rows = (0..2000).filter(|&row| (planted.features.row(row)[0] > 0.0) == above);
            let uplifts: Vec<f64> = rows.map(|row| f64::from(said.score[row])).collect();
            uplifts.iter().sum::<f64>() / uplifts.len() as f64
        };
        assert!(
            (2.5..5.6).contains(&mean(true)) && mean(false).abs() < 0.8,
            "{}, {}",
            mean(true),
            mean(false)
        );
        for row in 0..2000 {
            let (control, treated) = said.expected.two().unwrap();
            let gap = treated[row] - control[row];
            assert!((gap - said.score[row]).abs() < 1e-4);
        }
    }
}

#[test]
fn contributions_add_up_whatever_the_method() {
    let planted = Planted::new();
    for spec in specs() {
        let explainer = Explainer::of(&forest(&spec).saved()).unwrap().unwrap();
        let mut sizes = [0.0; 3];
        for row in 0..300 {
            let row = planted.features.row(row);
            let (found, uplift) = (explainer.contributions(row), explainer.score(row));
            let sum = explainer.base() + found.iter().sum::<f64>();
            assert!((sum - uplift).abs() <= 1e-9 * uplift.abs().max(1.0), "{spec:?}: {sum} is not {uplift}");
            sizes.iter_mut().zip(&found).for_each(|(size, found)| *size += found.abs());
        }
        assert!(sizes[0] > 2.0 * sizes[1] && sizes[0] > 2.0 * sizes[2], "{spec:?}: {sizes:?}");
        for number in 0..explainer.trees() {
            let listing = explainer.listing(number).unwrap();
            assert_eq!(listing.leaves.len(), listing.tree.leaves());
        }
        assert_eq!(explainer.listing(explainer.trees()), None);
    }
}

#[test]
fn gains_are_shares_and_models_without_them_are_read() {
    for spec in specs() {
        let forest = forest(&spec);
        let found = forest.gains().unwrap();
        assert!((found.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{spec:?}");
        assert!(found.shares[0] > 0.5, "{spec:?}: {:?}", found.shares);
        let mut saved = forest.saved();
        assert_eq!(again(&saved).unwrap().gains(), Some(found.clone()));
        saved.parameters.retain(|parameter| !parameter.name.ends_with(".gains"));
        let older = again(&saved).unwrap();
        assert_eq!(older.gains().unwrap().shares, [0.0; 3]);
        let rows = Planted::new().features;
        assert_eq!(older.score(&rows), forest.score(&rows));
    }
}

/// Rows that are hard to learn from, by name: features, who was treated, outcomes.
fn hard() -> Vec<(&'static str, Planted)> {
    let mut cases = Vec::new();
    let mut case = |name, change: &dyn Fn(&mut Planted)| {
        let mut planted = Planted::new();
        planted.rows.truncate(120);
        change(&mut planted);
        cases.push((name, planted));
    };
    case("one row", &|planted| planted.rows.truncate(1));
    case("two rows", &|planted| planted.rows.truncate(2));
    case("only treated", &|planted| planted.treatment.assigned.fill(true));
    case("only control", &|planted| planted.treatment.assigned.fill(false));
    case("one treated row, which most bags lack", &|planted| {
        planted.treatment.assigned.fill(false);
        planted.treatment.assigned[7] = true;
    });
    case("nobody spends", &|planted| planted.outcome.fill(0.0));
    case("one spends", &|planted| {
        planted.outcome.fill(0.0);
        planted.outcome[3] = 12.0;
    });
    case("all spend the same", &|planted| planted.outcome.fill(5.0));
    case("constant features", &|planted| planted.features.values.fill(1.0));
    case("nothing is known of a column", &|planted| {
        planted.features.values.iter_mut().skip(1).step_by(3).for_each(|value| *value = f32::NAN);
    });
    case("nothing is known at all", &|planted| planted.features.values.fill(f32::NAN));
    cases
}

#[test]
fn hard_rows_give_finite_answers_that_explain_themselves() {
    for spec in specs() {
        for (name, planted) in hard() {
            let forest = Forest::grow(&spec, &planted.task(), &Seeds::new(1)).0;
            let said = forest.predictions(&planted.features);
            let all = said.clone().into_scores();
            assert!(all.into_iter().flatten().all(|value| value.is_finite()), "{}, {name}", spec.slug());
            assert!(forest.gains().unwrap().shares.iter().all(|share| share.is_finite()), "{name}");
            let saved = forest.saved();
            assert_eq!(again(&saved).unwrap().score(&planted.features), said.score, "{name}");
            let explainer = Explainer::of(&saved).unwrap().unwrap();
            for row in 0..20 {
                let row = planted.features.row(row);
                let sum = explainer.base() + explainer.contributions(row).iter().sum::<f64>();
                let uplift = explainer.score(row);
                assert!((sum - uplift).abs() <= 1e-9 * uplift.abs().max(1.0), "{}, {name}", spec.slug());
            }
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
        assert!(refused(&|saved| drop(saved.parameters.remove(2))).contains("tensors; found"));
        assert!(refused(&|saved| saved.parameters[2].name.clear()).contains("nodes' is missing"));
        assert!(refused(&|saved| saved.inputs = 0.into()).contains("a column that is not there"));
        assert!(
            refused(&|saved| saved.parameters[1].values = Values::Double(vec![])).contains("leaves; found 0")
        );
        assert!(
            refused(&|saved| saved.parameters[1].values = Values::Single(vec![]))
                .contains("allowed is double")
        );
        // The root's column, left child, right child and set.
        for (place, to) in [(0, 3.0), (0, f32::NAN), (2, 0.0), (2, 1e9), (3, -7.0), (4, 1e6)] {
            let wild = |saved: &mut SavedModel| {
                let Values::Single(nodes) = &mut saved.parameters[2].values else { panic!() };
                nodes[place] = to;
            };
            assert!(!refused(&wild).is_empty(), "number {place} of the root is {to}");
        }
    }
}

#[test]
fn trees_that_are_not_those_of_the_spec_are_refused_by_name() {
    for spec in specs() {
        let saved = forest(&spec).saved();
        let refused = |change: &dyn Fn(&mut TreesSpec)| {
            let mut other = saved.clone();
            let TrainedSpec::Trees(spec) = &mut other.spec else { panic!() };
            change(spec);
            format!("{:#}", again(&other).map(drop).unwrap_err())
        };
        let shallow = refused(&|spec| match spec {
            TreesSpec::ZilnForest(spec) => spec.depth = 1,
            TreesSpec::CausalForest(spec) => spec.depth = 1,
            TreesSpec::ZilnGbdt(spec) => spec.depth = 1,
            TreesSpec::UpliftTree(spec) => spec.depth = 0,
            TreesSpec::Gbdt(spec) => spec.trees.depth = 1,
        });
        assert!(shallow.contains("tree 1 of '") && shallow.contains("levels of splits"), "{shallow}");
        let mut deep = saved.clone();
        let Values::Single(nodes) = &mut deep.parameters[2].values else { panic!() };
        // The last split of the first tree takes the root's children as its own.
        let first = |nodes: &[f32]| nodes.chunks(6).rposition(|node| node[0] >= 0.0).unwrap();
        let place = first(nodes);
        if place == 0 {
            continue;
        }
        nodes.copy_within(2..4, place * 6 + 2);
        let error = format!("{:#}", again(&deep).map(drop).unwrap_err());
        assert!(error.contains("is not whole"), "{error}");
    }
}

/// Every loss for rows of one arm.
fn one_arm() -> Vec<TreesSpec> {
    let mut options = catalog::Options::default();
    options.gbdt.rounds = 40;
    let spec = |row: &catalog::TreesRow| match row.method(&options).unwrap() {
        MethodSpec::Trees(spec) => spec,
        MethodSpec::Neural(_) | MethodSpec::Tuned(_) | MethodSpec::Purchases(_) => panic!("trees"),
    };
    catalog::ONE_ARM_TREES.iter().map(spec).collect()
}

#[test]
fn trees_of_one_arm_find_what_is_planted_and_are_restored_with_the_same_bits() {
    let mut planted = Planted::new();
    planted.treatment.assigned.fill(true);
    let task = Task { treatment: None, ..planted.task() };
    for spec in one_arm() {
        let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
        let fitted = fit(&spec, &task, &[1, 2], context, &mut Nobody).unwrap();
        assert_eq!(fitted.replicates[0].predictions, fitted.replicates[1].predictions, "no seed is used");
        let said = fitted.replicates[0].predictions.clone().unwrap();
        assert_eq!(said.question(), Question::Value);
        assert_eq!(said.conversion.is_some(), spec.slug() == "gbdt-two-stage");
        assert_eq!(said.expected, Arms::One(said.score.clone()));
        let mean = |above: bool, of: &dyn Fn(usize) -> f64| {
            let rows: Vec<usize> =
                (0..2000).filter(|&row| (planted.features.row(row)[0] > 0.0) == above).collect();
            rows.iter().map(|&row| of(row)).sum::<f64>() / rows.len() as f64
        };
        for above in [true, false] {
            let (found, known) =
                (mean(above, &|row| f64::from(said.score[row])), mean(above, &|row| planted.outcome[row]));
            assert!((found / known - 1.0).abs() < 0.1, "{}: {found}, {known}", spec.slug());
        }
        let epochs = &fitted.replicates[0].epochs;
        assert!(epochs.len() == 40 && epochs[39].total < epochs[0].total);
        let saved = fitted.scorer.saved();
        let restored = again(&saved).unwrap();
        assert_eq!(restored.predictions(&planted.features), said);
        assert_eq!(restored.score(&planted.features), said.score);
        assert_eq!((restored.saved(), restored.question()), (saved.clone(), Question::Value));
        let explainer = Explainer::of(&saved).unwrap().unwrap();
        for row in 0..200 {
            let row = planted.features.row(row);
            let sum = explainer.base() + explainer.contributions(row).iter().sum::<f64>();
            let value = explainer.score(row);
            assert!((sum - value).abs() <= 1e-9 * value.abs().max(1.0), "{}: {sum}, {value}", spec.slug());
        }
        assert!(explainer.listing(explainer.trees() - 1).is_some());
        let mut other = saved.clone();
        other.parameters.retain(|parameter| parameter.name != "scale");
        assert!(again(&other).is_err());
        let message = check(&spec, &Task { outcome: &[-1.0; 2000], ..task_of(&planted) }).map(drop);
        assert_eq!(message.is_err(), spec.slug() != "gbdt", "outcomes below 0");
    }
}

fn task_of(planted: &Planted) -> Task<'_> {
    Task { treatment: None, ..planted.task() }
}

#[test]
fn hard_rows_of_one_arm_give_finite_values_that_explain_themselves() {
    for spec in one_arm() {
        for (name, planted) in hard() {
            let forest = Forest::grow(&spec, &task_of(&planted), &Seeds::new(1)).0;
            let said = forest.predictions(&planted.features);
            let all = said.clone().into_scores();
            assert!(all.into_iter().flatten().all(|value| value.is_finite()), "{}, {name}", spec.slug());
            let saved = forest.saved();
            assert_eq!(again(&saved).unwrap().score(&planted.features), said.score, "{name}");
            let explainer = Explainer::of(&saved).unwrap().unwrap();
            for row in 0..20 {
                let row = planted.features.row(row);
                let sum = explainer.base() + explainer.contributions(row).iter().sum::<f64>();
                let value = explainer.score(row);
                assert!((sum - value).abs() <= 1e-9 * value.abs().max(1.0), "{}, {name}", spec.slug());
            }
        }
    }
}
