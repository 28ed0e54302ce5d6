//! A grown tree: where a row goes.

use super::bins::level_bin;
use anyhow::{Context, ensure};
use std::collections::BTreeSet;

/// What stands for the column of a leaf, and for the set of a split at a threshold.
const NONE: u32 = u32::MAX;

/// A binary tree. Nodes stand in the order in which they were grown, the root first; leaves are numbered from 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    sets: Vec<LevelSet>,
    leaves: usize,
    /// What each node's split gained, summed over its rows; 0 for leaves.
    gains: Vec<f64>,
}

/// A node, packed for speed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    /// Which feature decides, or `NONE`.
    column: u32,
    /// Largest value that goes left.
    threshold: f32,
    /// The left child; the number of a leaf.
    left: u32,
    right: u32,
    /// Which set of levels goes left, or `NONE`.
    set: u32,
    missing_left: bool,
}

/// Bins of levels, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelSet([u64; 4]);

/// What parts the rows of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The feature that decides.
    pub column: usize,
    /// What goes left.
    pub left: Side,
    /// Whether missing values go left.
    pub missing_left: bool,
}

/// What goes left.
#[derive(Clone, Debug, PartialEq)]
pub enum Side {
    /// Values up to this one.
    UpTo(f32),
    /// These levels.
    Among(LevelSet),
}

/// What stands at a place of a tree, for those who walk it.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// The number of a leaf.
    Leaf(usize),
    /// A split and the places of its children.
    Inner(Split, [usize; 2]),
}

/// A tree as numbers that single precision holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlatTree {
    /// Per node: column (-1 for a leaf), threshold, left child or number of the leaf, right child, set (-1 for none), whether
    /// missing values go left.
    pub nodes: Vec<f32>,
    /// Per set of levels its 256 bits, 16 to a number, the first bit the lowest.
    pub sets: Vec<f32>,
    /// Per node what its split gained; empty where that is not known.
    pub gains: Vec<f64>,
}

impl LevelSet {
    /// Puts a bin into the set.
    pub fn insert(&mut self, bin: u8) {
        self.0[usize::from(bin >> 6)] |= 1 << (bin & 63);
    }

    /// Every bin.
    pub fn all() -> Self {
        Self([u64::MAX; 4])
    }

    /// The bins that are not in the set.
    pub fn complement(self) -> Self {
        Self(self.0.map(|bits| !bits))
    }

    /// The bins of both sets.
    pub fn both(self, other: Self) -> Self {
        Self(std::array::from_fn(|part| self.0[part] & other.0[part]))
    }

    /// Whether a bin is in the set.
    pub fn contains(&self, bin: u8) -> bool {
        self.0[usize::from(bin >> 6)] >> (bin & 63) & 1 == 1
    }
}

impl Tree {
    /// A root that is a leaf.
    pub fn new() -> Self {
        let mut tree = Self::default();
        tree.grow_leaf();
        tree
    }

    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.leaves
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.nodes.len()
    }

    /// What stands at a place; the root is at 0, children after their parent.
    pub fn place(&self, place: usize) -> Place {
        let node = &self.nodes[place];
        if node.column == NONE {
            return Place::Leaf(node.left as usize);
        }
        let left = match node.set {
            NONE => Side::UpTo(node.threshold),
            set => Side::Among(self.sets[set as usize]),
        };
        let split = Split { column: node.column as usize, left, missing_left: node.missing_left };
        Place::Inner(split, [node.left as usize, node.right as usize])
    }

    /// Splits a leaf. The left child keeps its number, the right one gets a new one. Returns their places.
    pub fn split(&mut self, place: usize, split: &Split) -> [usize; 2] {
        let number = self.nodes[place].left;
        let left = self.nodes.len();
        self.nodes.push(Node::leaf(number));
        self.gains.push(0.0);
        let right = self.grow_leaf();
        let (threshold, set) = match split.left {
            Side::UpTo(threshold) => (threshold, NONE),
            Side::Among(set) => {
                self.sets.push(set);
                (0.0, self.sets.len() as u32 - 1)
            }
        };
        self.nodes[place] = Node {
            column: split.column as u32,
            threshold,
            left: left as u32,
            right: right as u32,
            set,
            missing_left: split.missing_left,
        };
        [left, right]
    }

    /// Notes what the split at a place gained, summed over its rows.
    pub fn credit(&mut self, place: usize, gain: f64) {
        self.gains[place] = gain;
    }

    /// What the split at a place gained, summed over its rows; 0 for a leaf.
    pub fn gain(&self, place: usize) -> f64 {
        self.gains[place]
    }

    /// The leaf of a row with these features.
    pub fn leaf(&self, row: &[f32]) -> usize {
        let mut node = &self.nodes[0];
        while node.column != NONE {
            let next =
                if node.goes_left(row[node.column as usize], &self.sets) { node.left } else { node.right };
            node = &self.nodes[next as usize];
        }
        node.left as usize
    }

    /// The tree as numbers.
    pub fn flat(&self) -> FlatTree {
        let index = |index: u32| if index == NONE { -1.0 } else { index as f32 };
        let node = |node: &Node| {
            let missing = f32::from(u8::from(node.missing_left));
            [
                index(node.column),
                node.threshold,
                node.left as f32,
                node.right as f32,
                index(node.set),
                missing,
            ]
        };
        let set = |set: &LevelSet| {
            std::array::from_fn::<f32, 16, _>(|part| (set.0[part / 4] >> (part % 4 * 16) & 0xffff) as f32)
        };
        FlatTree {
            nodes: self.nodes.iter().flat_map(node).collect(),
            sets: self.sets.iter().flat_map(set).collect(),
            gains: self.gains.clone(),
        }
    }

    /// The tree of such numbers, for rows of so many columns.
    ///
    /// # Errors
    ///
    /// Where a node names what is not there, a child stands before its parent, or a leaf has no number of its own.
    pub fn from_flat(flat: &FlatTree, columns: usize) -> anyhow::Result<Self> {
        let sets = flat.sets.chunks_exact(16).map(|parts| {
            let mut set = LevelSet::default();
            parts
                .iter()
                .enumerate()
                .for_each(|(part, bits)| set.0[part / 4] |= (*bits as u64) << (part % 4 * 16));
            set
        });
        let (count, mut numbers) = (flat.nodes.len() / 6, BTreeSet::new());
        let gains = if flat.gains.is_empty() { vec![0.0; count] } else { flat.gains.clone() };
        ensure!(gains.len() == count, "{count} nodes have {} gains", gains.len());
        let mut tree = Self { nodes: Vec::new(), sets: sets.collect(), leaves: 0, gains };
        let below = |value: f32, least: usize, limit: usize| {
            let whole = value >= least as f32 && (value as usize) < limit && value.fract() == 0.0;
            whole.then_some(value as u32)
        };
        for (place, node) in flat.nodes.chunks_exact(6).enumerate() {
            let missing_left = node[5] == 1.0;
            let node = if node[0] == -1.0 {
                let number = below(node[2], 0, count).context("a leaf without number")?;
                ensure!(numbers.insert(number), "two leaves have the number {number}");
                Node::leaf(number)
            } else {
                let set = if node[4] == -1.0 { Some(NONE) } else { below(node[4], 0, tree.sets.len()) };
                Node {
                    column: below(node[0], 0, columns).context("a column that is not there")?,
                    threshold: node[1],
                    left: below(node[2], place + 1, count).context("a child that is not there")?,
                    right: below(node[3], place + 1, count).context("a child that is not there")?,
                    set: set.context("a set of levels that is not there")?,
                    missing_left,
                }
            };
            tree.nodes.push(node);
        }
        tree.leaves = numbers.len();
        let in_order = numbers.iter().copied().eq(0..numbers.len() as u32);
        ensure!(!numbers.is_empty() && in_order, "leaves are not numbered from 0");
        Ok(tree)
    }

    fn grow_leaf(&mut self) -> usize {
        self.nodes.push(Node::leaf(self.leaves as u32));
        self.gains.push(0.0);
        self.leaves += 1;
        self.nodes.len() - 1
    }
}

impl Node {
    fn leaf(number: u32) -> Self {
        Self { column: NONE, threshold: 0.0, left: number, right: 0, set: NONE, missing_left: false }
    }

    fn goes_left(&self, value: f32, sets: &[LevelSet]) -> bool {
        if value.is_nan() {
            return self.missing_left;
        }
        match self.set {
            NONE => value <= self.threshold,
            set => sets[set as usize].contains(level_bin(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_find_their_leaf() {
        let mut tree = Tree::new();
        assert_eq!((tree.leaf(&[1.0, 2.0]), tree.leaves()), (0, 1));
        let [left, right] = tree.split(0, &Split { column: 0, left: Side::UpTo(0.5), missing_left: true });
        let mut set = LevelSet::default();
        [0, 64, 254].into_iter().for_each(|bin| set.insert(bin));
        tree.split(right, &Split { column: 1, left: Side::Among(set), missing_left: false });
        assert_eq!(tree.leaves(), 3);
        assert_eq!(tree.place(left), Place::Leaf(0));
        let leaf = |x: f32, level: f32| tree.leaf(&[x, level]);
        assert_eq!((leaf(0.5, 0.0), leaf(f32::NAN, 7.0)), (0, 0));
        assert_eq!((leaf(0.6, 0.0), leaf(0.6, 64.0), leaf(0.6, 300.0)), (1, 1, 1));
        assert_eq!((leaf(0.6, 1.0), leaf(0.6, f32::NAN)), (2, 2));
    }
}
