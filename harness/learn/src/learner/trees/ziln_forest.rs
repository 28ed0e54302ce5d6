//! A ziln-forest: what it says, how it is saved and restored.

use super::facts::{Attribution, Fact, LeafFacts};
use super::grown::{Answer, Grown};
use super::saved::{TREES, group, trees};
use crate::learner::{Parameter, SavedModel};
use crate::trees::{Contributions, Leaf, Moments, Tree, ZilnForest, ZilnForestSpec, ZilnTree};
use anyhow::ensure;

/// Numbers of a leaf: rows, conversion, mu, sigma under control, then under treatment.
const LEAF: usize = 8;

impl Grown for ZilnForest {
    fn trees(&self) -> Vec<&Tree> {
        self.trees().iter().map(|tree| &tree.tree).collect()
    }

    fn answers(&self, rows: &[&[f32]]) -> Vec<Answer> {
        self.predict_all(rows).into_iter().map(Answer::from).collect()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let tree = |tree: &'_ ZilnTree| (tree.tree.flat(), tree.leaves.iter().flat_map(numbers).collect());
        group(TREES, LEAF, self.trees().iter().map(tree))
    }

    fn contributions(&self, columns: usize) -> Contributions {
        Contributions::of_ziln_forest(self, columns)
    }

    fn attribution(&self) -> Attribution {
        Attribution::Shapley
    }

    fn leaves(&self, number: usize) -> Option<Vec<LeafFacts>> {
        let leaf = |leaf: &Leaf| LeafFacts {
            rows: f64::from(leaf.rows[0]) + f64::from(leaf.rows[1]),
            uplift: Some(leaf.uplift()),
            interval: None,
            facts: vec![
                Fact::Rows(leaf.rows.map(f64::from)),
                Fact::Conversion(leaf.arms.map(|arm| arm.conversion)),
                Fact::Expected(leaf.arms.map(|arm| arm.expected())),
            ],
        };
        Some(self.trees().get(number)?.leaves.iter().map(leaf).collect())
    }
}

/// The forest of saved tensors.
pub(super) fn restore(spec: &ZilnForestSpec, saved: &SavedModel) -> anyhow::Result<ZilnForest> {
    let tree = |(tree, leaves): (Tree, Vec<f64>)| ZilnTree {
        tree,
        leaves: leaves.chunks_exact(LEAF).map(leaf_of).collect(),
    };
    let trees: Vec<ZilnTree> = trees(saved, TREES, LEAF, spec.depth)?.into_iter().map(tree).collect();
    ensure!(trees.len() == spec.trees, "the spec has {} trees; found {}", spec.trees, trees.len());
    Ok(ZilnForest::new(trees))
}

fn numbers(leaf: &Leaf) -> [f64; LEAF] {
    let [control, treated] = leaf.arms;
    let rows = leaf.rows.map(f64::from);
    [
        rows[0],
        control.conversion,
        control.mu,
        control.sigma,
        rows[1],
        treated.conversion,
        treated.mu,
        treated.sigma,
    ]
}

fn leaf_of(numbers: &[f64]) -> Leaf {
    let arm = |start: usize| Moments {
        conversion: numbers[start],
        mu: numbers[start + 1],
        sigma: numbers[start + 2],
    };
    Leaf { rows: [numbers[0] as u32, numbers[4] as u32], arms: [arm(1), arm(5)] }
}
