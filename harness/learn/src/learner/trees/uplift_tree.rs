//! An uplift-tree: what it says, how it is saved and restored.

use super::facts::{Attribution, Fact, LeafFacts};
use super::grown::{Answer, Grown};
use super::saved::{TREES, group, trees};
use crate::learner::{Parameter, SavedModel};
use crate::trees::{Arm, Contributions, Tree, UpliftLeaf, UpliftTree, UpliftTreeSpec};
use anyhow::ensure;

/// Numbers of a leaf: rows, conversion, mean, its standard error, effective rows; control, then treated.
const LEAF: usize = 10;

impl Grown for UpliftTree {
    fn trees(&self) -> Vec<&Tree> {
        vec![&self.tree]
    }

    fn answers(&self, rows: &[&[f32]]) -> Vec<Answer> {
        rows.iter().map(|row| Answer::from(self.predict(row))).collect()
    }

    fn decides(&self) -> bool {
        true
    }

    fn parameters(&self) -> Vec<Parameter> {
        let leaves = self.leaves.iter().flat_map(numbers).collect();
        group(TREES, LEAF, std::iter::once((self.tree.flat(), leaves)))
    }

    fn contributions(&self, columns: usize) -> Contributions {
        Contributions::of_uplift_tree(self, columns)
    }

    fn attribution(&self) -> Attribution {
        Attribution::Shapley
    }

    fn leaves(&self, number: usize) -> Option<Vec<LeafFacts>> {
        (number == 0).then(|| self.leaves.iter().map(facts).collect())
    }
}

fn facts(leaf: &UpliftLeaf) -> LeafFacts {
    LeafFacts {
        rows: leaf.rows(),
        uplift: Some(leaf.uplift()),
        interval: leaf.interval(),
        facts: vec![
            Fact::Rows(leaf.arms.map(|arm| f64::from(arm.rows))),
            Fact::Conversion(leaf.arms.map(|arm| arm.conversion)),
            Fact::Expected(leaf.arms.map(|arm| arm.mean)),
        ],
    }
}

/// The tree of saved tensors.
pub(super) fn restore(spec: &UpliftTreeSpec, saved: &SavedModel) -> anyhow::Result<UpliftTree> {
    let mut trees = trees(saved, TREES, LEAF, spec.depth)?;
    ensure!(trees.len() == 1, "an uplift-tree is one tree; found {}", trees.len());
    let (tree, leaves) = trees.remove(0);
    Ok(UpliftTree { tree, leaves: leaves.chunks_exact(LEAF).map(leaf_of).collect() })
}

fn numbers(leaf: &UpliftLeaf) -> [f64; LEAF] {
    let [a, b] =
        leaf.arms.map(|arm| [f64::from(arm.rows), arm.conversion, arm.mean, arm.error, arm.effective]);
    std::array::from_fn(|place| if place < LEAF / 2 { a[place] } else { b[place - LEAF / 2] })
}

fn leaf_of(numbers: &[f64]) -> UpliftLeaf {
    let arm = |start: usize| Arm {
        rows: numbers[start] as u32,
        conversion: numbers[start + 1],
        mean: numbers[start + 2],
        error: numbers[start + 3],
        effective: numbers[start + 4],
    };
    UpliftLeaf { arms: [arm(0), arm(LEAF / 2)] }
}
