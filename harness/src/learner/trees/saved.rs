//! A forest as tensors, and back.

use super::{Forest, TreesSpec};
use crate::learner::{Parameter, SavedModel, Scorer, Values};
use crate::trees::{FlatTree, Leaf, Moments, Tree, ZilnForest, ZilnTree};
use anyhow::{Context, ensure};

/// Numbers of a node: column (-1 for a leaf), threshold, left child or number of the leaf, right child, set of levels (-1 for
/// none), whether missing values go left. Children and sets count within the tree.
const NODE: usize = 6;
/// Numbers of a set of levels: 16 bits each.
const SET: usize = 16;
/// Numbers of a leaf: rows, conversion, mu, sigma under control, then under treatment.
const LEAF: usize = 8;

/// Of all trees, one after another: `sizes [T, 3]` (nodes, sets and leaves of each), `nodes [N, 6]`, `sets [M, 16]`,
/// `leaves [L, 8]`.
pub fn parameters(forest: &ZilnForest) -> Vec<Parameter> {
    let (mut sizes, mut nodes, mut sets, mut leaves) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for ZilnTree { tree, leaves: said } in forest.trees() {
        let flat = tree.flat();
        sizes.extend([flat.nodes.len() / NODE, flat.sets.len() / SET, said.len()].map(|size| size as f32));
        nodes.extend(flat.nodes);
        sets.extend(flat.sets);
        for leaf in said {
            for (rows, arm) in leaf.rows.iter().zip(leaf.arms) {
                leaves.extend([f64::from(*rows), arm.conversion, arm.mu, arm.sigma]);
            }
        }
    }
    let single = |name: &str, width: usize, values: Vec<f32>| Parameter {
        name: name.to_string(),
        shape: vec![values.len() / width, width],
        values: Values::Single(values),
    };
    vec![
        Parameter {
            name: "leaves".into(),
            shape: vec![leaves.len() / LEAF, LEAF],
            values: Values::Double(leaves),
        },
        single("nodes", NODE, nodes),
        single("sets", SET, sets),
        single("sizes", 3, sizes),
    ]
}

/// The forest of saved tensors.
///
/// # Errors
///
/// Where a tensor is absent, of another shape or type, or trees are not whole.
pub fn restore(spec: &TreesSpec, saved: &SavedModel) -> anyhow::Result<Box<dyn Scorer>> {
    let TreesSpec::ZilnForest(spec) = spec;
    spec.validate()?;
    ensure!(saved.parameters.len() == 4, "a forest has 4 tensors; found {}", saved.parameters.len());
    let mut nodes = single(saved, "nodes", NODE)?.chunks_exact(NODE);
    let mut sets = single(saved, "sets", SET)?.chunks_exact(SET);
    let mut leaves = double(saved, "leaves", LEAF)?.chunks_exact(LEAF);
    let mut trees = Vec::new();
    for size in single(saved, "sizes", 3)?.chunks_exact(3) {
        let flat = FlatTree {
            nodes: nodes.by_ref().take(size[0] as usize).flatten().copied().collect(),
            sets: sets.by_ref().take(size[1] as usize).flatten().copied().collect(),
        };
        let tree = Tree::from_flat(&flat, saved.inputs).context("a tree is not whole")?;
        let leaves: Vec<Leaf> = leaves.by_ref().take(size[2] as usize).map(leaf).collect();
        ensure!(leaves.len() == tree.leaves(), "a tree has {} leaves; found {}", tree.leaves(), leaves.len());
        trees.push(ZilnTree { tree, leaves });
    }
    ensure!(!trees.is_empty() && leaves.len() + nodes.len() + sets.len() == 0, "the trees are not whole");
    Ok(Box::new(Forest { spec: spec.clone(), inputs: saved.inputs, forest: ZilnForest::new(trees) }))
}

fn leaf(numbers: &[f64]) -> Leaf {
    let arm = |arm: usize| Moments {
        conversion: numbers[4 * arm + 1],
        mu: numbers[4 * arm + 2],
        sigma: numbers[4 * arm + 3],
    };
    Leaf { rows: [numbers[0] as u32, numbers[4] as u32], arms: [arm(0), arm(1)] }
}

fn find<'a>(saved: &'a SavedModel, name: &str, width: usize) -> anyhow::Result<&'a Values> {
    let found = saved.parameters.iter().find(|parameter| parameter.name == name);
    let found = found.with_context(|| format!("the tensor '{name}' is missing"))?;
    let whole = found.shape.len() == 2 && found.shape[1] == width;
    ensure!(whole, "the tensor '{name}' has the shape {:?}; allowed is [.., {width}]", found.shape);
    Ok(&found.values)
}

fn single<'a>(saved: &'a SavedModel, name: &str, width: usize) -> anyhow::Result<&'a [f32]> {
    match find(saved, name, width)? {
        Values::Single(values) => Ok(values),
        Values::Double(_) => anyhow::bail!("the tensor '{name}' is of double precision; allowed is single"),
    }
}

fn double<'a>(saved: &'a SavedModel, name: &str, width: usize) -> anyhow::Result<&'a [f64]> {
    match find(saved, name, width)? {
        Values::Double(values) => Ok(values),
        Values::Single(_) => anyhow::bail!("the tensor '{name}' is of single precision; allowed is double"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Matrix;
    use crate::data::encode::ColumnKind;
    use crate::learner::{TrainedSpec, trees};
    use crate::seed::Seeds;
    use crate::trees::{Rows, ZilnForestSpec};

    fn rows() -> Matrix {
        let value = |place: usize| match place % 3 {
            0 => (place as f32 * 0.37).sin(),
            1 if place % 7 == 0 => f32::NAN,
            _ => (place / 3 % 5) as f32,
        };
        Matrix { rows: 400, columns: 3, values: (0..1200).map(value).collect() }
    }

    fn forest() -> Forest {
        let features = rows();
        let treatment: Vec<bool> = (0..400).map(|row| row % 2 == 0).collect();
        let outcome: Vec<f64> = (0..400).map(|row| f64::from(row % 5 * (row % 3))).collect();
        let train: Vec<u32> = (0..400).collect();
        let kinds = [ColumnKind::Number, ColumnKind::Number, ColumnKind::Levels(5)];
        let rows = Rows {
            features: &features,
            kinds: &kinds,
            treatment: &treatment,
            outcome: &outcome,
            train: &train,
        };
        let spec = ZilnForestSpec { trees: 5, ..ZilnForestSpec::default() };
        Forest { forest: ZilnForest::fit(&spec, &rows, &Seeds::new(1)), inputs: 3, spec }
    }

    #[test]
    fn a_restored_forest_scores_the_same_bits() {
        let forest = forest();
        let saved = forest.saved();
        let TrainedSpec::Trees(spec) = &saved.spec else { panic!() };
        let restored = trees::restore(spec, &saved).unwrap();
        assert_eq!(restored.predictions(&rows()), forest.predictions(&rows()));
        assert_eq!(restored.uplift(&rows()), forest.predictions(&rows()).uplift);
        assert_eq!(restored.saved(), saved);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let saved = forest().saved();
        let refused = |change: fn(&mut SavedModel)| {
            let mut other = saved.clone();
            change(&mut other);
            let TrainedSpec::Trees(spec) = other.spec.clone() else { panic!() };
            format!("{:#}", trees::restore(&spec, &other).map(drop).unwrap_err())
        };
        assert!(refused(|saved| drop(saved.parameters.remove(1))).contains("4 tensors"));
        assert!(refused(|saved| saved.parameters[1].name.clear()).contains("'nodes' is missing"));
        assert!(refused(|saved| saved.parameters[1].shape = vec![1]).contains("allowed is [.., 6]"));
        assert!(refused(|saved| saved.inputs = 1).contains("not whole"));
        assert!(
            refused(|saved| saved.parameters[0].values = Values::Double(vec![])).contains("leaves; found 0")
        );
        assert!(
            refused(|saved| saved.parameters[0].values = Values::Single(vec![]))
                .contains("allowed is double")
        );
        // The root's column, left child, right child and set.
        for (place, to) in [(0, 3.0), (0, f32::NAN), (2, 0.0), (2, 1e9), (3, -7.0), (4, 1e6)] {
            let mut other = saved.clone();
            let Values::Single(values) = &mut other.parameters[1].values else { panic!() };
            values[place] = to;
            let TrainedSpec::Trees(spec) = other.spec.clone() else { panic!() };
            assert!(trees::restore(&spec, &other).is_err(), "number {place} of the root is {to}");
        }
    }
}
