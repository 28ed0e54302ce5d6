//! A tree to decide by finds what is planted, is flat where nothing is, and never says more than its rows do.

use super::{Place, Predicate, Rows, UpliftLeaf, UpliftTree, UpliftTreeSpec};
use rand::Rng;
use valor_base::seed::Seeds;
use valor_data::Matrix;
use valor_data::encode::ColumnKind;

/// Accounts with three numbers and a category; the chance to be called and the effect are functions of the row.
struct Planted {
    features: Matrix,
    kinds: Vec<ColumnKind>,
    treatment: Vec<bool>,
    outcome: Vec<f64>,
    propensity: Vec<f64>,
    train: Vec<u32>,
}

impl Planted {
    fn new(rows: usize, seed: u64, chance: fn(&[f32]) -> f64, spend: fn(&[f32], bool) -> f64) -> Self {
        let mut stream = Seeds::new(seed).child("planted").stream();
        let mut values = Vec::new();
        for _ in 0..rows {
            values.extend([(); 3].map(|()| stream.random_range(0.0f32..1.0)));
            values.push(stream.random_range(0..4u8).into());
        }
        let features = Matrix { rows, columns: 4, values };
        let propensity: Vec<f64> = (0..rows).map(|row| chance(features.row(row))).collect();
        let treatment: Vec<bool> = propensity.iter().map(|&share| stream.random_bool(share)).collect();
        let outcome = (0..rows).map(|row| {
            let buys = stream.random_bool(0.7);
            let noise: f64 = stream.random_range(0.5..1.5);
            if buys { spend(features.row(row), treatment[row]) * noise } else { 0.0 }
        });
        Self {
            outcome: outcome.collect(),
            kinds: vec![ColumnKind::Number, ColumnKind::Number, ColumnKind::Number, ColumnKind::Levels(4)],
            train: (0..rows as u32).collect(),
            features,
            treatment,
            propensity,
        }
    }

    fn fit(&self, spec: &UpliftTreeSpec, known: bool, seed: u64) -> UpliftTree {
        let rows = Rows {
            features: &self.features,
            kinds: &self.kinds,
            treatment: &self.treatment,
            outcome: &self.outcome,
            train: &self.train,
        };
        UpliftTree::fit(spec, &rows, known.then_some(&self.propensity[..]), &Seeds::new(seed))
    }
}

fn half(_: &[f32]) -> f64 {
    0.5
}

#[test]
fn a_planted_step_is_found_where_it_is() {
    let step = |row: &[f32], called: bool| 4.0 + if called && row[1] > 0.4 { 6.0 } else { 0.0 };
    for seed in 0..5 {
        let tree = Planted::new(4000, seed, half, step).fit(&UpliftTreeSpec::default(), false, seed);
        let Place::Inner(split, _) = tree.tree.place(0) else { panic!("seed {seed}: no split") };
        assert_eq!(split.column, 1);
        let Predicate::UpTo(threshold) = split.left else { panic!() };
        assert!((threshold - 0.4).abs() < 0.03, "seed {seed}: {threshold}");
        let said = |x: f32| {
            let leaf = &tree.leaves[tree.tree.leaf(&[0.5, x, 0.5, 1.0])];
            (leaf.uplift(), leaf.interval().unwrap())
        };
        let (low, high) = (said(0.2), said(0.8));
        assert!(low.0.abs() < 0.8 && (high.0 - 4.2).abs() < 1.0, "seed {seed}: {low:?}, {high:?}");
        assert!(high.1.0 > 1.0 && high.1.0 < high.0 && high.0 < high.1.1);
    }
}

#[test]
fn constant_effects_give_flat_trees() {
    let constant = |row: &[f32], called: bool| 4.0 + f64::from(row[0]) + if called { 2.0 } else { 0.0 };
    let trees: Vec<UpliftTree> = (0..20)
        .map(|seed| {
            Planted::new(2000, 100 + seed, half, constant).fit(&UpliftTreeSpec::default(), false, seed)
        })
        .collect();
    let flat = trees.iter().filter(|tree| tree.leaves.len() == 1).count();
    assert!(flat >= 17, "{flat} of 20 are flat");
    let truth = 0.7 * 2.0;
    let covered = trees.iter().flat_map(|tree| &tree.leaves).filter(|leaf| {
        let (low, high) = leaf.interval().unwrap();
        low <= truth && truth <= high
    });
    assert!(covered.count() >= 17);
}

#[test]
fn every_leaf_has_the_rows_that_were_asked_for() {
    let step = |row: &[f32], called: bool| 4.0 + if called { 6.0 * f64::from(row[1]) } else { 0.0 };
    let planted = Planted::new(3000, 7, half, step);
    for arm_rows in [50, 200, 600] {
        let spec = UpliftTreeSpec { depth: 4, arm_rows, significance: 1.0, ..UpliftTreeSpec::default() };
        let tree = planted.fit(&spec, false, 3);
        assert!(
            tree.leaves.len() <= 16 && (arm_rows == 600 || tree.leaves.len() > 2),
            "{}",
            tree.leaves.len()
        );
        let rows: f64 = tree.leaves.iter().map(UpliftLeaf::rows).sum();
        assert_eq!(rows, 1500.0, "the other half stands in the leaves");
        for leaf in &tree.leaves {
            assert!(leaf.arms.iter().all(|arm| arm.rows as usize >= arm_rows) || tree.leaves.len() == 1);
            assert!(leaf.interval().is_some());
        }
        let gains: f64 = (0..tree.tree.places()).map(|place| tree.tree.gain(place)).sum();
        assert_eq!(gains > 0.0, tree.leaves.len() > 1);
    }
}

/// Large accounts are called more often and spend more whether called or not: plain means would take that for an effect.
#[test]
fn a_known_propensity_weights_the_rows() {
    let chance = |row: &[f32]| 0.1 + 0.8 * f64::from(row[0]);
    let spend = |row: &[f32], _: bool| 20.0 * f64::from(row[0]);
    let planted = Planted::new(8000, 11, chance, spend);
    let spec = UpliftTreeSpec { depth: 0, ..UpliftTreeSpec::default() };
    let [plain, weighted] = [false, true].map(|known| planted.fit(&spec, known, 1).leaves[0]);
    assert!(plain.uplift() > 3.0, "{plain:?}");
    let (low, high) = weighted.interval().unwrap();
    assert!(weighted.uplift().abs() < 0.8 && low < 0.0 && high > 0.0, "{weighted:?}");
    assert!(weighted.arms[0].effective < f64::from(weighted.arms[0].rows));
}

#[test]
fn an_arm_without_rows_is_like_the_other_and_has_no_interval() {
    let planted = Planted::new(60, 2, |_| 1.0, |_, _| 3.0);
    let tree = planted.fit(&UpliftTreeSpec::default(), false, 1);
    let leaf = tree.leaves[0];
    assert_eq!((tree.leaves.len(), leaf.arms[0].rows, leaf.uplift(), leaf.interval()), (1, 0, 0.0, None));
    assert!(leaf.arms[1].mean > 0.0 && leaf.arms[0].mean == leaf.arms[1].mean);
}

#[test]
fn ranges_are_checked() {
    let refused = |spec: UpliftTreeSpec| spec.validate().unwrap_err().to_string();
    let usual = UpliftTreeSpec::default;
    usual().validate().unwrap();
    assert!(refused(UpliftTreeSpec { depth: 5, ..usual() }).contains("uplift-tree.depth"));
    assert!(refused(UpliftTreeSpec { arm_rows: 1, ..usual() }).contains("uplift-tree.arm-rows"));
    assert!(refused(UpliftTreeSpec { significance: 0.0, ..usual() }).contains("uplift-tree.significance"));
    assert!(refused(UpliftTreeSpec { bins: 1, ..usual() }).contains("uplift-tree.bins"));
}
