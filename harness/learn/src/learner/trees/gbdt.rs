//! Boosted trees for rows of one arm: what they say, how they are saved and restored.

use super::facts::{Attribution, Fact, LeafFacts};
use super::grown::{Answer, Grown};
use super::saved::{SCALE, START, double, group, trees};
use crate::learner::{Parameter, SavedModel, Values};
use crate::trees::{
    Contributions, Link, SaidValue, Stage, Tree, ValueGbdt, ValueGbdtSpec, ValueLeaf, ValueTree,
};
use anyhow::ensure;
use valor_base::question::{Arms, Question};

/// Numbers of a leaf: rows, what it adds.
const LEAF: usize = 2;
/// Names of the groups by the number of stages.
const GROUPS: [&[&str]; 2] = [&[super::saved::TREES], &["conversion", "amount"]];

impl Grown for ValueGbdt {
    fn question(&self) -> Question {
        Question::Value
    }

    fn trees(&self) -> Vec<&Tree> {
        self.trees().map(|tree| &tree.tree).collect()
    }

    fn answers(&self, rows: &[&[f32]]) -> Vec<Answer> {
        let answer = |SaidValue { expected, conversion }: SaidValue| Answer {
            score: expected,
            expected: Arms::One(expected),
            conversion: Arms::One(conversion),
        };
        self.predict_all(rows).into_iter().map(answer).collect()
    }

    fn converts(&self) -> bool {
        self.converts()
    }

    fn rounds(&self) -> usize {
        self.stages.iter().map(|stage| stage.trees.len()).max().unwrap_or_default()
    }

    fn parameters(&self) -> Vec<Parameter> {
        let tree = |tree: &ValueTree| {
            (tree.tree.flat(), tree.leaves.iter().flat_map(|leaf| [leaf.rows, leaf.step]).collect())
        };
        let names = GROUPS[usize::from(self.stages.len() > 1)];
        let groups = names.iter().zip(&self.stages);
        let mut found: Vec<Parameter> =
            groups.flat_map(|(name, stage)| group(name, LEAF, stage.trees.iter().map(tree))).collect();
        let numbers = |name: &str, values: Vec<f64>| Parameter {
            name: name.to_string(),
            shape: vec![values.len()],
            values: Values::Double(values),
        };
        found.push(numbers(SCALE, vec![self.scale]));
        found.push(numbers(START, self.stages.iter().map(|stage| stage.start).collect()));
        found
    }

    fn contributions(&self, columns: usize) -> Contributions {
        Contributions::of_value_gbdt(self, columns)
    }

    fn attribution(&self) -> Attribution {
        let additive = self.stages.iter().all(|stage| stage.link == Link::Identity) && self.stages.len() == 1;
        if additive { Attribution::Shapley } else { Attribution::AumannShapley }
    }

    fn leaves(&self, number: usize) -> Option<Vec<LeafFacts>> {
        let named =
            self.stages.iter().flat_map(|stage| stage.trees.iter().map(move |tree| (stage.link, tree)));
        let (link, tree) = { named }.nth(number)?;
        let (name, unit) = match link {
            Link::Identity => ("value", self.scale),
            Link::Exp => ("log of value", 1.0),
            Link::Sigmoid => ("logit of conversion", 1.0),
        };
        let leaf = |leaf: &ValueLeaf| LeafFacts {
            rows: leaf.rows,
            uplift: None,
            interval: None,
            facts: vec![Fact::OneStep(name, leaf.step * unit)],
        };
        Some(tree.leaves.iter().map(leaf).collect())
    }
}

/// The model of saved tensors.
pub(super) fn restore(spec: &ValueGbdtSpec, saved: &SavedModel) -> anyhow::Result<ValueGbdt> {
    let (starts, scale) = (double(saved, START)?, double(saved, SCALE)?);
    let stages = spec.stages();
    ensure!(starts.len() == stages.len(), "the tensor 'start' has not {} numbers", stages.len());
    let &[scale] = scale else { anyhow::bail!("the tensor 'scale' has not 1 number") };
    ensure!(
        scale.is_finite() && scale > 0.0,
        "the tensor 'scale' holds {scale}; allowed are numbers above 0"
    );
    let stage = |((name, link), &start): ((&str, Link), &f64)| {
        let tree = |(tree, leaves): (Tree, Vec<f64>)| ValueTree {
            tree,
            leaves: leaves
                .chunks_exact(LEAF)
                .map(|numbers| ValueLeaf { rows: numbers[0], step: numbers[1] })
                .collect(),
        };
        let trees: Vec<ValueTree> =
            trees(saved, name, LEAF, spec.trees.depth)?.into_iter().map(tree).collect();
        let rounds = spec.trees.rounds;
        ensure!(trees.len() <= rounds, "the spec has {rounds} rounds; found {} trees", trees.len());
        Ok(Stage { link, start, trees })
    };
    let stages = stages.into_iter().zip(starts).map(stage).collect::<anyhow::Result<_>>()?;
    Ok(ValueGbdt { scale, stages })
}
