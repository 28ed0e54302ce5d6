//! A causal forest: what it says, how it is saved and restored.

use super::facts::{Attribution, LeafFacts};
use super::grown::{Answer, Grown, two};
use super::saved::{EFFECT, OUTCOME, SHARE, TREATMENT, double, group, trees};
use crate::learner::{Parameter, SavedModel, Values};
use crate::trees::{
    Averages, CausalForest, CausalForestSpec, CausalLeaf, CausalTree, Contributions, Nuisances,
    RegressionForest, Tree,
};
use anyhow::{Context, ensure};

/// Numbers of a leaf: rows, means of `t~`, `y~`, `t~^2`, `t~ y~`.
const LEAF: usize = 5;

impl Grown for CausalForest {
    fn trees(&self) -> Vec<&Tree> {
        self.trees.iter().map(|tree| &tree.tree).collect()
    }

    /// m = e E_1 + (1 - e) E_0, so the effect parts the marginal outcome by the propensity.
    fn answers(&self, rows: &[&[f32]]) -> Vec<Answer> {
        let answer = |(uplift, (outcome, share)): (f64, (f64, f64))| {
            let expected = two([outcome - share * uplift, outcome + (1.0 - share) * uplift]);
            Answer { score: uplift, expected, conversion: two([0.0; 2]) }
        };
        self.effects(rows).into_iter().zip(self.nuisances.predict_all(rows)).map(answer).collect()
    }

    fn scores(&self, rows: &[&[f32]]) -> Vec<f64> {
        self.effects(rows)
    }

    fn converts(&self) -> bool {
        false
    }

    fn parameters(&self) -> Vec<Parameter> {
        let tree = |tree: &CausalTree| (tree.tree.flat(), tree.leaves.iter().flat_map(numbers).collect());
        let mut found = group(EFFECT, LEAF, self.trees.iter().map(tree));
        found.extend(regressions(OUTCOME, &self.nuisances.outcome));
        found.extend(regressions(TREATMENT, &self.nuisances.treatment));
        let share = Values::Double(vec![self.nuisances.share]);
        found.push(Parameter { name: SHARE.to_string(), shape: vec![1], values: share });
        found
    }

    fn contributions(&self, columns: usize) -> Contributions {
        Contributions::of_causal_forest(self, columns)
    }

    fn attribution(&self) -> Attribution {
        Attribution::AumannShapley
    }

    fn leaves(&self, number: usize) -> Option<Vec<LeafFacts>> {
        let leaf = |leaf: &CausalLeaf| LeafFacts {
            rows: leaf.rows,
            uplift: (leaf.rows > 0.0).then(|| leaf.averages.effect().0),
            interval: None,
            facts: Vec::new(),
        };
        Some(self.trees.get(number)?.leaves.iter().map(leaf).collect())
    }
}

/// The forest of saved tensors.
pub(super) fn restore(spec: &CausalForestSpec, saved: &SavedModel) -> anyhow::Result<CausalForest> {
    let tree = |(tree, leaves): (Tree, Vec<f64>)| CausalTree {
        tree,
        leaves: leaves.chunks_exact(LEAF).map(leaf_of).collect(),
    };
    let effects: Vec<CausalTree> = trees(saved, EFFECT, LEAF, spec.depth)?.into_iter().map(tree).collect();
    ensure!(effects.len() == spec.trees, "the spec has {} trees; found {}", spec.trees, effects.len());
    let forests = |name: &str| -> anyhow::Result<Vec<RegressionForest>> {
        let trees = trees(saved, name, 1, spec.nuisance.depth)?;
        let forests = trees.chunks(spec.nuisance.trees);
        Ok(forests.map(|trees| RegressionForest { trees: trees.to_vec() }).collect())
    };
    let nuisances = Nuisances {
        outcome: forests(OUTCOME)?,
        treatment: forests(TREATMENT)?,
        share: double(saved, SHARE)?.first().copied().context("the tensor 'share' is empty")?,
    };
    ensure!(!nuisances.outcome.is_empty(), "there is no forest of the outcome");
    Ok(CausalForest { trees: effects, little_bag: spec.little_bag, nuisances })
}

fn numbers(leaf: &CausalLeaf) -> [f64; LEAF] {
    let Averages { t, y, tt, ty } = leaf.averages;
    [leaf.rows, t, y, tt, ty]
}

fn leaf_of(numbers: &[f64]) -> CausalLeaf {
    let averages = Averages { t: numbers[1], y: numbers[2], tt: numbers[3], ty: numbers[4] };
    CausalLeaf { rows: numbers[0], averages }
}

fn regressions(name: &str, forests: &[RegressionForest]) -> Vec<Parameter> {
    let trees = forests.iter().flat_map(|forest| &forest.trees);
    group(name, 1, trees.map(|(tree, leaves)| (tree.flat(), leaves.clone())))
}
