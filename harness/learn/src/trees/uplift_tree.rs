//! `uplift-tree`: one small tree to decide by, with plain statistics in its leaves.

use super::bag::BagSpec;
use super::bins::{Binned, MOST_BINS};
use super::children::Least;
use super::grow::{Cuts, Drawn, Limits, grow};
use super::rows::{Rows, Said};
use super::tree::{Place, Split, Tree};
use super::welch::{Arm, WeightedOutcome, contrast, summary};
use super::ziln::{SmoothingSpec, ZilnRule};
use serde::{Deserialize, Serialize};
use valor_base::error::{at_least, share, within};
use valor_base::seed::Seeds;
use valor_stats::stats;

/// Most splits above a leaf: a tree that fits on a page.
const DEEPEST: usize = 4;
/// Coverage of a leaf's interval.
const COVERAGE: f64 = 0.95;

/// Options of an uplift-tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct UpliftTreeSpec {
    /// Splits above a leaf, at most; 0 to 4.
    pub depth: usize,
    /// Rows of each arm that a leaf has at least, in both halves; 2 or more.
    pub arm_rows: usize,
    /// Chance, at most, that the tree keeps a split though all accounts have one effect; above 0, and 1 keeps every split.
    pub significance: f64,
    /// Bins of a column; 2 to 255.
    pub bins: usize,
    /// How the moments of few rows are drawn to those of the half that decides the splits.
    pub smoothing: SmoothingSpec,
}

impl Default for UpliftTreeSpec {
    fn default() -> Self {
        Self {
            depth: 3,
            arm_rows: 50,
            significance: 0.05,
            bins: MOST_BINS,
            smoothing: SmoothingSpec::default(),
        }
    }
}

impl UpliftTreeSpec {
    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        within("uplift-tree.depth", self.depth, 0, DEEPEST)?;
        at_least("uplift-tree.arm-rows", self.arm_rows, 2)?;
        share("uplift-tree.significance", self.significance)?;
        within("uplift-tree.bins", self.bins, 2, MOST_BINS)?;
        self.smoothing.validate("uplift-tree.smoothing")
    }
}

/// One half of the training rows decides the splits, the other half says what comes of each leaf.
///
/// ```text
/// uplift   = mean_1 - mean_0                             of the leaf's rows of the other half, outcome units
/// interval = uplift -+ t_nu sqrt(error_1^2 + error_0^2)      95 %, nu by Welch and Satterthwaite
/// ```
///
/// A known propensity weights the rows of an arm by its inverse. Source: the paper, algorithm 1, for the splits; Athey, Imbens
/// 2016 for the halves; Welch 1947.
#[derive(Clone, Debug, PartialEq)]
pub struct UpliftTree {
    /// Where a row goes.
    pub tree: Tree,
    /// One per leaf.
    pub leaves: Vec<UpliftLeaf>,
}

/// What a leaf says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UpliftLeaf {
    /// Control and treated.
    pub arms: [Arm; 2],
}

impl UpliftLeaf {
    /// Of rows with outcomes and weights, by arm. An arm without rows is taken to be like the other.
    fn new(arms: [Arm; 2]) -> Self {
        let like = |arm: usize, other: usize| match arms[arm].rows {
            0 => Arm { rows: 0, effective: 0.0, error: f64::NAN, ..arms[other] },
            _ => arms[arm],
        };
        Self { arms: [like(0, 1), like(1, 0)] }
    }

    /// Rows of both arms.
    pub fn rows(&self) -> f64 {
        self.arms.iter().map(|arm| f64::from(arm.rows)).sum()
    }

    /// Treated less control, outcome units.
    pub fn uplift(&self) -> f64 {
        self.arms[1].mean - self.arms[0].mean
    }

    /// The 95 % interval; nothing where an arm has fewer than two rows.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let (error, freedom) = contrast(&self.arms)?;
        match error > 0.0 {
            true => stats::student_t(self.uplift(), error, freedom, COVERAGE).ok(),
            false => Some((self.uplift(), self.uplift())),
        }
    }
}

/// A place of the grown tree with its rows of the other half.
struct Node {
    rows: Vec<u32>,
    /// What parts it, what that gained, and the children.
    split: Option<(Split, f64, Box<[Node; 2]>)>,
}

impl UpliftTree {
    /// Grows on one half, prunes and estimates on the other.
    pub fn fit(spec: &UpliftTreeSpec, rows: &Rows, propensity: Option<&[f64]>, seeds: &Seeds) -> Self {
        let binned = Binned::new(rows.features, rows.train, rows.kinds, spec.bins);
        let responses = rows.responses(rows.train);
        let halves = BagSpec { share: 1.0, replacement: false, honest: true };
        let halves = halves.draw(rows.train.len(), &seeds.child("halves"));
        let least = Least { arm_rows: spec.arm_rows as u64, rows: 1 };
        let rule = ZilnRule::new(&responses, &halves.splits, spec.smoothing, least);
        let columns = binned.columns.len();
        let limits = Limits { depth: spec.depth, columns, least_gain: 0.0, cuts: Cuts::All };
        let grown = grow(&rule, &binned, halves.splits, limits, &seeds.child("splits"));
        let member = |rows_of: &mut Vec<u32>, drawn: Drawn| rows_of.push(rows.train[drawn.row as usize]);
        let mut members = rows.by_leaf(&grown, &halves.leaves, member);
        let other = OtherHalf { rows, propensity, least: spec.arm_rows };
        let mut root = other.filled(&grown, 0, &mut members);
        if spec.significance < 1.0 {
            root.prune(spec.significance / root.splits().max(1) as f64, &other);
        }
        let mut kept = Self { tree: Tree::new(), leaves: Vec::new() };
        kept.leaves.resize(root.splits() + 1, UpliftLeaf::default());
        kept.plant(&root, 0, &other);
        kept
    }

    /// What the leaf of a row says.
    pub fn predict(&self, row: &[f32]) -> Said {
        let leaf = &self.leaves[self.tree.leaf(row)];
        Said { expected: leaf.arms.map(|arm| arm.mean), conversion: leaf.arms.map(|arm| arm.conversion) }
    }

    /// Puts what is left of a place into the tree.
    fn plant(&mut self, node: &Node, place: usize, other: &OtherHalf) {
        match &node.split {
            Some((split, gain, children)) => {
                let places = self.tree.split(place, split);
                self.tree.credit(place, *gain);
                children.iter().zip(places).for_each(|(child, place)| self.plant(child, place, other));
            }
            None => {
                if let Place::Leaf(number) = self.tree.place(place) {
                    self.leaves[number] = UpliftLeaf::new(other.arms(&node.rows));
                }
            }
        }
    }
}

/// The half that says what comes of the leaves.
struct OtherHalf<'a> {
    rows: &'a Rows<'a>,
    propensity: Option<&'a [f64]>,
    /// Rows of each arm that a leaf has at least.
    least: usize,
}

impl OtherHalf<'_> {
    /// A place and what is below it; splits stand only above children that this half fills too.
    fn filled(&self, tree: &Tree, place: usize, members: &mut [Vec<u32>]) -> Node {
        match tree.place(place) {
            Place::Leaf(leaf) => Node { rows: std::mem::take(&mut members[leaf]), split: None },
            Place::Inner(split, children) => {
                let children = children.map(|child| self.filled(tree, child, members));
                let rows = children.iter().flat_map(|child| &child.rows).copied().collect();
                let stands = children.iter().all(|child| {
                    let treated = child.rows.iter().filter(|&&row| self.rows.treatment[row as usize]);
                    let treated = treated.count();
                    treated.min(child.rows.len() - treated) >= self.least
                });
                Node { rows, split: stands.then(|| (split, tree.gain(place), Box::new(children))) }
            }
        }
    }

    /// Control and treated among these rows.
    fn arms(&self, rows: &[u32]) -> [Arm; 2] {
        [false, true].map(|treated| {
            let rows = rows.iter().map(|&row| row as usize);
            let arm = rows.filter(|&row| self.rows.treatment[row] == treated).map(|row| {
                let share = self.propensity.map_or(1.0, |propensity| match treated {
                    true => propensity[row],
                    false => 1.0 - propensity[row],
                });
                WeightedOutcome { outcome: self.rows.outcome[row], weight: 1.0 / share }
            });
            summary(&arm.collect::<Vec<_>>())
        })
    }
}

impl Node {
    fn splits(&self) -> usize {
        self.split.as_ref().map_or(0, |(_, _, children)| 1 + children.iter().map(Node::splits).sum::<usize>())
    }

    /// Takes splits away, lowest first, whose leaves do not differ by more than chance explains.
    fn prune(&mut self, chance: f64, other: &OtherHalf) {
        let Some((_, _, children)) = &mut self.split else { return };
        children.iter_mut().for_each(|child| child.prune(chance, other));
        let leaves = children.iter().all(|child| child.split.is_none());
        if leaves {
            let [left, right] = [&children[0], &children[1]].map(|child| other.arms(&child.rows));
            let difference = left[1].mean - left[0].mean - right[1].mean + right[0].mean;
            if !differs(difference, &[left, right].concat(), chance) {
                self.split = None;
            }
        }
    }
}

/// Whether a difference is larger than chance makes it.
fn differs(difference: f64, arms: &[Arm], chance: f64) -> bool {
    match contrast(arms) {
        Some((error, freedom)) if error > 0.0 => {
            let interval = stats::student_t(difference, error, freedom, 1.0 - chance);
            interval.is_ok_and(|(low, high)| low > 0.0 || high < 0.0)
        }
        Some(_) => difference != 0.0,
        None => false,
    }
}
