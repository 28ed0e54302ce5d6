//! Forests as tensors, and back.
//!
//! A group of trees, one after another, is five tensors: `sizes [T, 3]` (nodes, sets and leaves of each tree), `nodes [N, 6]`,
//! `sets [M, 16]`, and of double precision `leaves [L, width]` and `gains [N, 1]`, which models of version 1 lack.

use crate::learner::{Parameter, SavedModel, Values};
use crate::trees::{FlatTree, Tree};
use anyhow::{Context, ensure};

/// Numbers of a node: column (-1 for a leaf), threshold, left child or number of the leaf, right child, set of levels (-1 for
/// none), whether missing values go left. Children and sets count within the tree.
const NODE: usize = 6;
/// Tensors of a group.
const PARTS: usize = 5;
/// Numbers of a set of levels: 16 bits each.
const SET: usize = 16;
/// The group of models that have one.
pub(super) const TREES: &str = "trees";
/// Groups of a causal forest.
pub(super) const EFFECT: &str = "effect";
pub(super) const OUTCOME: &str = "outcome";
pub(super) const TREATMENT: &str = "treatment";
/// Outcome units in one unit of boosted trees for one arm.
pub(super) const SCALE: &str = "scale";
/// What the rows of boosted trees start from.
pub(super) const START: &str = "start";
/// Mean propensity of a causal forest's training rows.
pub(super) const SHARE: &str = "share";

/// Refuses another number of tensors than so many groups and others.
pub(super) fn check_count(
    saved: &SavedModel,
    what: &str,
    groups: usize,
    others: usize,
) -> anyhow::Result<()> {
    let gains = saved.parameters.iter().any(|parameter| parameter.name.ends_with(".gains"));
    let parts = if gains { PARTS } else { PARTS - 1 };
    let (found, tensors) = (saved.parameters.len(), groups * parts + others);
    ensure!(found == tensors, "a {what} has {tensors} tensors; found {found}");
    Ok(())
}

/// A group of trees with the numbers of their leaves.
pub(super) fn group(
    name: &str,
    width: usize,
    trees: impl Iterator<Item = (FlatTree, Vec<f64>)>,
) -> Vec<Parameter> {
    let (mut sizes, mut nodes, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    let (mut leaves, mut gains) = (Vec::new(), Vec::new());
    for (flat, numbers) in trees {
        let counts = [flat.nodes.len() / NODE, flat.sets.len() / SET, numbers.len() / width];
        sizes.extend(counts.map(|count| count as f32));
        nodes.extend(flat.nodes);
        sets.extend(flat.sets);
        leaves.extend(numbers);
        gains.extend(flat.gains);
    }
    let tensor = |part: &str, width: usize, count: usize, values: Values| Parameter {
        name: format!("{name}.{part}"),
        shape: vec![count / width, width],
        values,
    };
    vec![
        tensor("gains", 1, gains.len(), Values::Double(gains)),
        tensor("leaves", width, leaves.len(), Values::Double(leaves)),
        tensor("nodes", NODE, nodes.len(), Values::Single(nodes)),
        tensor("sets", SET, sets.len(), Values::Single(sets)),
        tensor("sizes", 3, sizes.len(), Values::Single(sizes)),
    ]
}

/// The trees of a group with the numbers of their leaves; no tree has more than `deepest` levels of splits.
pub(super) fn trees(
    saved: &SavedModel,
    name: &str,
    width: usize,
    deepest: usize,
) -> anyhow::Result<Vec<(Tree, Vec<f64>)>> {
    let mut nodes = single(saved, &format!("{name}.nodes"))?.chunks_exact(NODE);
    let mut sets = single(saved, &format!("{name}.sets"))?.chunks_exact(SET);
    let mut leaves = double(saved, &format!("{name}.leaves"))?.chunks_exact(width);
    let gains = format!("{name}.gains");
    let known = saved.parameters.iter().any(|parameter| parameter.name == gains);
    let mut gains = if known { double(saved, &gains)? } else { &[] }.iter();
    let mut trees = Vec::new();
    for (place, size) in single(saved, &format!("{name}.sizes"))?.chunks_exact(3).enumerate() {
        let number = place + 1;
        let flat = FlatTree {
            nodes: nodes.by_ref().take(size[0] as usize).flatten().copied().collect(),
            sets: sets.by_ref().take(size[1] as usize).flatten().copied().collect(),
            gains: gains.by_ref().take(size[0] as usize).copied().collect(),
        };
        let tree = Tree::from_flat(&flat, saved.inputs.columns)
            .with_context(|| format!("tree {number} of '{name}' is not whole"))?;
        let depth = tree.depth();
        ensure!(
            depth <= deepest,
            "tree {number} of '{name}' has {depth} levels of splits; the spec allows {deepest}"
        );
        let numbers: Vec<f64> = leaves.by_ref().take(size[2] as usize).flatten().copied().collect();
        let found = numbers.len() / width;
        ensure!(found == tree.leaves(), "a tree has {} leaves; found {found}", tree.leaves());
        trees.push((tree, numbers));
    }
    ensure!(
        leaves.len() + nodes.len() + sets.len() + gains.len() == 0,
        "the trees of '{name}' are not whole"
    );
    Ok(trees)
}

fn find<'a>(saved: &'a SavedModel, name: &str) -> anyhow::Result<&'a Values> {
    let found = saved.parameters.iter().find(|parameter| parameter.name == name);
    Ok(&found.with_context(|| format!("the tensor '{name}' is missing"))?.values)
}

fn single<'a>(saved: &'a SavedModel, name: &str) -> anyhow::Result<&'a [f32]> {
    match find(saved, name)? {
        Values::Single(values) => Ok(values),
        Values::Double(_) => anyhow::bail!("the tensor '{name}' is of double precision; allowed is single"),
    }
}

pub(super) fn double<'a>(saved: &'a SavedModel, name: &str) -> anyhow::Result<&'a [f64]> {
    match find(saved, name)? {
        Values::Double(values) => Ok(values),
        Values::Single(_) => anyhow::bail!("the tensor '{name}' is of single precision; allowed is double"),
    }
}
