//! Forests as tensors, and back.
//!
//! A group of trees, one after another, is five tensors: `sizes [T, 3]` (nodes, sets and leaves of each tree), `nodes [N, 6]`,
//! `sets [M, 16]`, and of double precision `leaves [L, width]` and `gains [N, 1]`, which models of version 1 lack.

use super::{Grown, TreesSpec};
use crate::learner::{Parameter, SavedModel, Values};
use crate::trees::{
    Arm, Averages, BoostedLeaf, BoostedTree, CausalForest, CausalForestSpec, CausalLeaf, CausalTree,
    FlatTree, Leaf, Moments, Nuisances, PARAMETERS, RegressionForest, Tree, UpliftLeaf, UpliftTree,
    UpliftTreeSpec, ZilnForest, ZilnForestSpec, ZilnGbdt, ZilnGbdtSpec, ZilnTree,
};
use anyhow::{Context, ensure};

/// Numbers of a node: column (-1 for a leaf), threshold, left child or number of the leaf, right child, set of levels (-1 for
/// none), whether missing values go left. Children and sets count within the tree.
const NODE: usize = 6;
/// Tensors of a group.
const PARTS: usize = 5;
/// Numbers of a set of levels: 16 bits each.
const SET: usize = 16;
/// Numbers of a ziln-forest's leaf: rows, conversion, mu, sigma under control, then under treatment.
const ZILN: usize = 8;
/// Numbers of a causal forest's leaf: rows, means of `t~`, `y~`, `t~^2`, `t~ y~`.
const CAUSAL: usize = 5;
/// The group of models that have one.
pub(super) const TREES: &str = "trees";
/// Groups of a causal forest.
pub(super) const EFFECT: &str = "effect";
pub(super) const OUTCOME: &str = "outcome";
pub(super) const TREATMENT: &str = "treatment";
/// Numbers of a boosted tree's leaf: rows, then what it adds to logit, mu, log sigma of control and of treated.
const BOOSTED: usize = 7;
/// Numbers of an uplift-tree's leaf: rows, conversion, mean, its standard error, effective rows; control, then treated.
const UPLIFT: usize = 10;
/// What the rows of a ziln-gbdt start from.
pub(super) const START: &str = "start";
/// Mean propensity of a causal forest's training rows.
pub(super) const SHARE: &str = "share";

/// What has been grown, as tensors.
pub fn parameters(grown: &Grown) -> Vec<Parameter> {
    match grown {
        Grown::Ziln(forest) => {
            let tree =
                |tree: &'_ ZilnTree| (tree.tree.flat(), tree.leaves.iter().flat_map(ziln_numbers).collect());
            group(TREES, ZILN, forest.trees().iter().map(tree))
        }
        Grown::Causal(forest) => {
            let tree =
                |tree: &CausalTree| (tree.tree.flat(), tree.leaves.iter().flat_map(causal_numbers).collect());
            let mut found = group(EFFECT, CAUSAL, forest.trees.iter().map(tree));
            found.extend(regressions(OUTCOME, &forest.nuisances.outcome));
            found.extend(regressions(TREATMENT, &forest.nuisances.treatment));
            let share = Values::Double(vec![forest.nuisances.share]);
            found.push(Parameter { name: SHARE.to_string(), shape: vec![1], values: share });
            found
        }
        Grown::Boosted(model) => {
            let tree = |tree: &BoostedTree| {
                (tree.tree.flat(), tree.leaves.iter().flat_map(boosted_numbers).collect())
            };
            let mut found = group(TREES, BOOSTED, model.trees.iter().map(tree));
            let start = Values::Double(model.start.to_vec());
            found.push(Parameter { name: START.to_string(), shape: vec![PARAMETERS], values: start });
            found
        }
        Grown::Uplift(tree) => {
            let leaves = tree.leaves.iter().flat_map(uplift_numbers).collect();
            group(TREES, UPLIFT, std::iter::once((tree.tree.flat(), leaves)))
        }
    }
}

/// What has been grown, of saved tensors.
pub fn grown(spec: &TreesSpec, saved: &SavedModel) -> anyhow::Result<Grown> {
    let (what, groups, others) = match spec {
        TreesSpec::ZilnForest(_) => ("ziln-forest", 1, 0),
        TreesSpec::CausalForest(_) => ("causal forest", 3, 1),
        TreesSpec::ZilnGbdt(_) => ("ziln-gbdt", 1, 1),
        TreesSpec::UpliftTree(_) => ("uplift-tree", 1, 0),
    };
    let gains = saved.parameters.iter().any(|parameter| parameter.name.ends_with(".gains"));
    let parts = if gains { PARTS } else { PARTS - 1 };
    let (found, tensors) = (saved.parameters.len(), groups * parts + others);
    ensure!(found == tensors, "a {what} has {tensors} tensors; found {found}");
    match spec {
        TreesSpec::ZilnForest(spec) => ziln_forest(spec, saved).map(Grown::Ziln),
        TreesSpec::CausalForest(spec) => causal_forest(spec, saved).map(Grown::Causal),
        TreesSpec::ZilnGbdt(spec) => ziln_gbdt(spec, saved).map(Grown::Boosted),
        TreesSpec::UpliftTree(spec) => uplift_tree(spec, saved).map(Grown::Uplift),
    }
}

fn ziln_forest(spec: &ZilnForestSpec, saved: &SavedModel) -> anyhow::Result<ZilnForest> {
    let tree = |(tree, leaves): (Tree, Vec<f64>)| ZilnTree {
        tree,
        leaves: leaves.chunks_exact(ZILN).map(ziln_leaf).collect(),
    };
    let trees: Vec<ZilnTree> = trees(saved, TREES, ZILN, spec.depth)?.into_iter().map(tree).collect();
    ensure!(trees.len() == spec.trees, "the spec has {} trees; found {}", spec.trees, trees.len());
    Ok(ZilnForest::new(trees))
}

fn causal_forest(spec: &CausalForestSpec, saved: &SavedModel) -> anyhow::Result<CausalForest> {
    let tree = |(tree, leaves): (Tree, Vec<f64>)| CausalTree {
        tree,
        leaves: leaves.chunks_exact(CAUSAL).map(causal_leaf).collect(),
    };
    let effects: Vec<CausalTree> = trees(saved, EFFECT, CAUSAL, spec.depth)?.into_iter().map(tree).collect();
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

fn ziln_gbdt(spec: &ZilnGbdtSpec, saved: &SavedModel) -> anyhow::Result<ZilnGbdt> {
    let start = double(saved, START)?.try_into().context("the tensor 'start' has not 3 numbers")?;
    let tree = |(tree, leaves): (Tree, Vec<f64>)| BoostedTree {
        tree,
        leaves: leaves.chunks_exact(BOOSTED).map(boosted_leaf).collect(),
    };
    let trees = trees(saved, TREES, BOOSTED, spec.depth)?.into_iter().map(tree).collect::<Vec<_>>();
    ensure!(trees.len() <= spec.rounds, "the spec has {} rounds; found {} trees", spec.rounds, trees.len());
    Ok(ZilnGbdt { start, trees })
}

fn uplift_tree(spec: &UpliftTreeSpec, saved: &SavedModel) -> anyhow::Result<UpliftTree> {
    let mut trees = trees(saved, TREES, UPLIFT, spec.depth)?;
    ensure!(trees.len() == 1, "an uplift-tree is one tree; found {}", trees.len());
    let (tree, leaves) = trees.remove(0);
    Ok(UpliftTree { tree, leaves: leaves.chunks_exact(UPLIFT).map(uplift_leaf).collect() })
}

fn uplift_numbers(leaf: &UpliftLeaf) -> [f64; UPLIFT] {
    let [a, b] =
        leaf.arms.map(|arm| [f64::from(arm.rows), arm.conversion, arm.mean, arm.error, arm.effective]);
    std::array::from_fn(|place| if place < UPLIFT / 2 { a[place] } else { b[place - UPLIFT / 2] })
}

fn uplift_leaf(numbers: &[f64]) -> UpliftLeaf {
    let arm = |start: usize| Arm {
        rows: numbers[start] as u32,
        conversion: numbers[start + 1],
        mean: numbers[start + 2],
        error: numbers[start + 3],
        effective: numbers[start + 4],
    };
    UpliftLeaf { arms: [arm(0), arm(UPLIFT / 2)] }
}

fn ziln_numbers(leaf: &Leaf) -> [f64; ZILN] {
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

fn ziln_leaf(numbers: &[f64]) -> Leaf {
    let arm = |start: usize| Moments {
        conversion: numbers[start],
        mu: numbers[start + 1],
        sigma: numbers[start + 2],
    };
    Leaf { rows: [numbers[0] as u32, numbers[4] as u32], arms: [arm(1), arm(5)] }
}

fn boosted_numbers(leaf: &BoostedLeaf) -> [f64; BOOSTED] {
    let [[a, b, c], [d, e, f]] = leaf.step;
    [leaf.rows, a, b, c, d, e, f]
}

fn boosted_leaf(numbers: &[f64]) -> BoostedLeaf {
    let arm = |start: usize| [numbers[start], numbers[start + 1], numbers[start + 2]];
    BoostedLeaf { rows: numbers[0], step: [arm(1), arm(4)] }
}

fn causal_numbers(leaf: &CausalLeaf) -> [f64; CAUSAL] {
    let Averages { t, y, tt, ty } = leaf.averages;
    [leaf.rows, t, y, tt, ty]
}

fn causal_leaf(numbers: &[f64]) -> CausalLeaf {
    let averages = Averages { t: numbers[1], y: numbers[2], tt: numbers[3], ty: numbers[4] };
    CausalLeaf { rows: numbers[0], averages }
}

fn regressions(name: &str, forests: &[RegressionForest]) -> Vec<Parameter> {
    let trees = forests.iter().flat_map(|forest| &forest.trees);
    group(name, 1, trees.map(|(tree, leaves)| (tree.flat(), leaves.clone())))
}

/// A group of trees with the numbers of their leaves.
fn group(name: &str, width: usize, trees: impl Iterator<Item = (FlatTree, Vec<f64>)>) -> Vec<Parameter> {
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
fn trees(
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
        let tree = Tree::from_flat(&flat, saved.inputs)
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

fn double<'a>(saved: &'a SavedModel, name: &str) -> anyhow::Result<&'a [f64]> {
    match find(saved, name)? {
        Values::Double(values) => Ok(values),
        Values::Single(_) => anyhow::bail!("the tensor '{name}' is of single precision; allowed is double"),
    }
}
