//! Regression forests: what causal forests take off outcome and treatment first.

use super::bag::BagSpec;
use super::bins::Binned;
use super::grow::{BinSums, Cuts, Drawn, Limits, Rule, grow};
use super::rows::Rows;
use super::tree::{Tree, ask};
use rayon::prelude::*;
use valor_base::seed::Seeds;

/// Splits that reduce the squared error of a mean.
///
/// ```text
/// gain = (n_L mean_L^2 + n_R mean_R^2) / n - mean^2
/// ```
///
/// Source: Breiman, Friedman, Olshen, Stone 1984.
pub(super) struct RegressionRule<'a> {
    /// One per training row.
    pub target: &'a [f64],
    /// Rows that a child has at least.
    pub leaf_rows: u64,
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct TargetSums {
    rows: u64,
    /// Of the target less the node's mean.
    sum: f64,
}

impl BinSums for TargetSums {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.sum += other.sum;
    }

    fn rows(&self) -> u64 {
        self.rows
    }
}

/// The rows of a node with their targets less the mean.
pub(super) struct RegressionNode(Vec<(Drawn, f64)>);

impl Rule for RegressionRule<'_> {
    type Sums = TargetSums;
    type Node = RegressionNode;

    fn node(&self, drawn: &[Drawn]) -> RegressionNode {
        let target = |drawn: &Drawn| self.target[drawn.row as usize];
        let count: f64 = drawn.iter().map(|drawn| f64::from(drawn.weight)).sum();
        let mean = drawn.iter().map(|drawn| f64::from(drawn.weight) * target(drawn)).sum::<f64>() / count;
        RegressionNode(drawn.iter().map(|drawn| (*drawn, target(drawn) - mean)).collect())
    }

    fn fill(&self, node: &RegressionNode, codes: &[u8], cells: &mut [TargetSums]) {
        for (drawn, centred) in &node.0 {
            let cell = &mut cells[usize::from(codes[drawn.row as usize])];
            cell.rows += u64::from(drawn.weight);
            cell.sum += f64::from(drawn.weight) * centred;
        }
    }

    fn gain(&self, _node: &RegressionNode, left: &TargetSums, right: &TargetSums) -> Option<f64> {
        if left.rows.min(right.rows) < self.leaf_rows {
            return None;
        }
        let part = |side: &TargetSums| side.sum * side.sum / side.rows as f64;
        Some((part(left) + part(right)) / (left.rows + right.rows) as f64)
    }

    fn order(&self, _node: &RegressionNode, cell: &TargetSums) -> f64 {
        cell.sum / cell.rows.max(1) as f64
    }
}

/// How a regression forest grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegressionSpec {
    /// Number of trees.
    pub trees: usize,
    /// Splits above a leaf, at most.
    pub depth: usize,
    /// Rows that a child has at least.
    pub leaf_rows: u64,
    /// Columns that each split tries.
    pub columns: usize,
}

/// The mean of trees whose leaves are means.
#[derive(Clone, Debug, PartialEq)]
pub struct RegressionForest {
    /// Trees with what their leaves say.
    pub trees: Vec<(Tree, Vec<f64>)>,
}

impl RegressionForest {
    /// Grows on some of the training rows, with their bins.
    pub fn fit(
        spec: RegressionSpec,
        target: &[f64],
        rows: &Rows,
        binned: &Binned,
        chosen: &[u32],
        seeds: &Seeds,
    ) -> Self {
        let rule = RegressionRule { target, leaf_rows: spec.leaf_rows };
        let limits = Limits { depth: spec.depth, columns: spec.columns, least_gain: 0.0, cuts: Cuts::All };
        let tree = |index: usize| {
            let seeds = seeds.at(index as u64);
            let bag = BagSpec::default().draw(chosen.len(), &seeds.child("bag")).splits;
            let bag: Vec<Drawn> =
                bag.iter().map(|drawn| Drawn { row: chosen[drawn.row as usize], ..*drawn }).collect();
            let tree = grow(&rule, binned, bag.clone(), limits, &seeds.child("splits"));
            let add = |sum: &mut (f64, f64), Drawn { row, weight }: Drawn| {
                sum.0 += f64::from(weight);
                sum.1 += f64::from(weight) * target[row as usize];
            };
            let sums = rows.by_leaf(&tree, &bag, add);
            let leaves = sums.into_iter().map(|(count, sum)| sum / f64::max(count, 1.0)).collect();
            (tree, leaves)
        };
        Self { trees: (0..spec.trees).into_par_iter().map(tree).collect() }
    }

    /// What the forest says of rows: means over trees.
    pub fn predict_all(&self, rows: &[&[f32]]) -> Vec<f64> {
        let mut sums = vec![0.0; rows.len()];
        let trees = self.trees.iter().map(|(tree, leaves)| (tree, leaves.as_slice()));
        ask(trees, rows, &mut sums, |sum, leaf| *sum += leaf);
        sums.iter_mut().for_each(|sum| *sum /= self.trees.len().max(1) as f64);
        sums
    }
}
