//! `ziln-forest`: the mean uplift of trees that part accounts by uplift.

use super::bag::BagSpec;
use super::bins::{Binned, MOST_BINS};
use super::children::{ByArm, Least};
use super::columns::{Columns, NamedColumns};
use super::grow::{Cuts, Limits, grow};
use super::rows::{Rows, Said};
use super::tree::{Tree, ask};
use super::ziln::{Moments, Response, SmoothingSpec, Sums, ZilnRule};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use valor_base::error::within;
use valor_base::seed::Seeds;

/// Options of a ziln-forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ZilnForestSpec {
    /// Number of trees; 1 or more.
    pub trees: usize,
    /// Splits above a leaf, at most.
    pub depth: usize,
    /// Rows of each arm that a child has at least.
    pub arm_rows: u32,
    /// Rows that a child has at least.
    pub leaf_rows: u64,
    /// Columns that each split tries.
    pub columns: Columns,
    /// Bins of a column; 2 to 255.
    pub bins: usize,
    /// Which cuts between bins are tried in a node.
    #[serde(skip_serializing_if = "Cuts::is_all")]
    pub cuts: Cuts,
    /// Whether a node is parted even where that gains nothing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub zero_gain: bool,
    /// How a tree's rows are drawn.
    pub bag: BagSpec,
    /// How the moments of few rows are drawn to those of the bag.
    pub smoothing: SmoothingSpec,
}

impl Default for ZilnForestSpec {
    fn default() -> Self {
        Self {
            trees: 20,
            depth: 6,
            arm_rows: 2,
            leaf_rows: 1,
            columns: Columns::Named(NamedColumns::All),
            bins: MOST_BINS,
            cuts: Cuts::default(),
            zero_gain: false,
            bag: BagSpec::default(),
            smoothing: SmoothingSpec::default(),
        }
    }
}

impl ZilnForestSpec {
    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        within("ziln-forest.trees", self.trees, 1, 100_000)?;
        within("ziln-forest.depth", self.depth, 0, 64)?;
        within("ziln-forest.bins", self.bins, 2, MOST_BINS)?;
        self.columns.validate("ziln-forest.columns")?;
        self.bag.validate("ziln-forest.bag")?;
        self.smoothing.validate("ziln-forest.smoothing")
    }
}

/// A tree and what its leaves say.
#[derive(Clone, Debug, PartialEq)]
pub struct ZilnTree {
    /// Where a row goes.
    pub tree: Tree,
    /// One per leaf.
    pub leaves: Vec<Leaf>,
}

/// What a leaf says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Leaf {
    /// Rows of control and treated that it was estimated on.
    pub rows: [u32; 2],
    /// Parameters under control and treated.
    pub arms: [Moments; 2],
}

impl Leaf {
    /// `E_1 - E_0`, outcome units.
    pub fn uplift(&self) -> f64 {
        self.arms[1].expected() - self.arms[0].expected()
    }
}

/// Trees whose leaves are averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct ZilnForest {
    trees: Vec<ZilnTree>,
    /// What each leaf says, tree after tree.
    said: Vec<Vec<Said>>,
}

impl ZilnForest {
    /// Grows the trees, each from a stream of its own: the number of threads changes nothing.
    pub fn fit(spec: &ZilnForestSpec, rows: &Rows, seeds: &Seeds) -> Self {
        let binned = Binned::new(rows.features, rows.train, rows.kinds, spec.bins);
        let responses = rows.responses(rows.train);
        let grown = |tree: usize| {
            ZilnTree::grow(spec, rows, &binned, &responses, &seeds.child("tree").at(tree as u64))
        };
        Self::new((0..spec.trees).into_par_iter().map(grown).collect())
    }

    /// Of grown trees.
    pub fn new(trees: Vec<ZilnTree>) -> Self {
        let said = |leaf: &Leaf| Said {
            expected: leaf.arms.map(|arm| arm.expected()),
            conversion: leaf.arms.map(|arm| arm.conversion),
        };
        let said = trees.iter().map(|tree| tree.leaves.iter().map(said).collect()).collect();
        Self { trees, said }
    }

    /// The trees.
    pub fn trees(&self) -> &[ZilnTree] {
        &self.trees
    }

    /// What the forest says of a row.
    pub fn predict(&self, row: &[f32]) -> Said {
        let mut said = [Said::default()];
        self.say(&[row], &mut said);
        said[0]
    }

    /// What the forest says of rows: means over trees. The same bits as one row after another.
    pub fn predict_all(&self, rows: &[&[f32]]) -> Vec<Said> {
        let mut said = vec![Said::default(); rows.len()];
        self.say(rows, &mut said);
        said
    }

    fn say(&self, rows: &[&[f32]], said: &mut [Said]) {
        let trees = self.trees.iter().map(|tree| &tree.tree).zip(self.said.iter().map(Vec::as_slice));
        ask(trees, rows, said, |sum, leaf| {
            for arm in 0..2 {
                sum.expected[arm] += leaf.expected[arm];
                sum.conversion[arm] += leaf.conversion[arm];
            }
        });
        let share = 1.0 / self.trees.len().max(1) as f64;
        for said in said {
            said.expected = said.expected.map(|sum| sum * share);
            said.conversion = said.conversion.map(|sum| sum * share);
        }
    }
}

impl ZilnTree {
    fn grow(
        spec: &ZilnForestSpec,
        rows: &Rows,
        binned: &Binned,
        responses: &[Response],
        seeds: &Seeds,
    ) -> Self {
        let bag = spec.bag.draw(rows.train.len(), &seeds.child("bag"));
        let least = Least { arm_rows: u64::from(spec.arm_rows), rows: spec.leaf_rows };
        let rule = ZilnRule::new(responses, &bag.splits, spec.smoothing, least);
        let columns = spec.columns.of(binned.columns.len());
        let least_gain = if spec.zero_gain { -1.0 } else { 0.0 };
        let limits = Limits { depth: spec.depth, columns, least_gain, cuts: spec.cuts };
        let tree = grow(&rule, binned, bag.splits, limits, &seeds.child("splits"));
        let sums = rows.by_leaf(&tree, &bag.leaves, |sums, drawn| rule.count(sums, drawn));
        let leaf = |sums: &Sums| Leaf {
            rows: sums.arms().map(|rows| rows as u32),
            arms: [0, 1].map(|arm| rule.moments(sums, arm)),
        };
        Self { leaves: sums.iter().map(leaf).collect(), tree }
    }
}
