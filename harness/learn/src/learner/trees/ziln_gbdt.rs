//! A ziln-gbdt: what it says, how it is saved and restored.

use super::facts::{Attribution, Fact, LeafFacts};
use super::grown::{Answer, Grown};
use super::saved::{START, TREES, double, group, trees};
use crate::learner::{Parameter, SavedModel, Values};
use crate::trees::{BoostedLeaf, BoostedTree, Contributions, PARAMETERS, Tree, ZilnGbdt, ZilnGbdtSpec};
use anyhow::{Context, ensure};

/// Numbers of a leaf: rows, then what it adds to logit, mu, log sigma of control and of treated.
const LEAF: usize = 7;

impl Grown for ZilnGbdt {
    fn trees(&self) -> Vec<&Tree> {
        self.trees.iter().map(|tree| &tree.tree).collect()
    }

    fn answers(&self, rows: &[&[f32]]) -> Vec<Answer> {
        self.predict_all(rows).into_iter().map(Answer::from).collect()
    }

    fn rounds(&self) -> usize {
        self.trees.len()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let tree = |tree: &BoostedTree| (tree.tree.flat(), tree.leaves.iter().flat_map(numbers).collect());
        let mut found = group(TREES, LEAF, self.trees.iter().map(tree));
        let start = Values::Double(self.start.to_vec());
        found.push(Parameter { name: START.to_string(), shape: vec![PARAMETERS], values: start });
        found
    }

    fn contributions(&self, columns: usize) -> Contributions {
        Contributions::of_ziln_gbdt(self, columns)
    }

    fn attribution(&self) -> Attribution {
        Attribution::AumannShapley
    }

    fn leaves(&self, number: usize) -> Option<Vec<LeafFacts>> {
        let leaf = |leaf: &BoostedLeaf| {
            let step = |place: usize| leaf.step.map(|arm| arm[place]);
            LeafFacts {
                rows: leaf.rows,
                uplift: None,
                interval: None,
                facts: vec![
                    Fact::Step("logit of conversion", step(0)),
                    Fact::Step("mean of log spend", step(1)),
                    Fact::Step("log of its SD", step(2)),
                ],
            }
        };
        Some(self.trees.get(number)?.leaves.iter().map(leaf).collect())
    }
}

/// The model of saved tensors.
pub(super) fn restore(spec: &ZilnGbdtSpec, saved: &SavedModel) -> anyhow::Result<ZilnGbdt> {
    let start = double(saved, START)?.try_into().context("the tensor 'start' has not 3 numbers")?;
    let tree = |(tree, leaves): (Tree, Vec<f64>)| BoostedTree {
        tree,
        leaves: leaves.chunks_exact(LEAF).map(leaf_of).collect(),
    };
    let trees = trees(saved, TREES, LEAF, spec.depth)?.into_iter().map(tree).collect::<Vec<_>>();
    ensure!(trees.len() <= spec.rounds, "the spec has {} rounds; found {} trees", spec.rounds, trees.len());
    Ok(ZilnGbdt { start, trees })
}

fn numbers(leaf: &BoostedLeaf) -> [f64; LEAF] {
    let [[a, b, c], [d, e, f]] = leaf.step;
    [leaf.rows, a, b, c, d, e, f]
}

fn leaf_of(numbers: &[f64]) -> BoostedLeaf {
    let arm = |start: usize| [numbers[start], numbers[start + 1], numbers[start + 2]];
    BoostedLeaf { rows: numbers[0], step: [arm(1), arm(4)] }
}
