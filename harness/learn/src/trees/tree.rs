//! A grown tree: where a row goes.

use super::bins::level_bin;
use anyhow::{Context, ensure};
use std::collections::BTreeSet;

/// Rows that go down a tree side by side: while one waits for memory, the others step.
const LANES: usize = 8;
/// Rows that are asked of every tree before the next ones: with a tree they fit the nearest cache.
const BLOCK: usize = 64;
/// Marks in a node's column: missing values go left; a set of levels decides.
const MISSING_LEFT: u32 = 1 << 31;
const BY_SET: u32 = 1 << 30;

/// A binary tree. Nodes stand in the order in which they were grown, the root first; leaves are numbered from 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    sets: Vec<LevelSet>,
    leaves: usize,
    /// What each node's split gained, summed over its rows; 0 for leaves.
    gains: Vec<f64>,
}

/// A node, packed for speed: 16 bytes, children side by side. A leaf leads to itself, so that rows which go down together need
/// not stop at once.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Node {
    /// Which feature decides, with marks.
    column: u32,
    /// Largest value that goes left.
    threshold: f32,
    /// The left child, before the right one; of a leaf its own place.
    left: u32,
    /// Which set of levels goes left; the number of a leaf.
    number: u32,
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
    pub left: Predicate,
    /// Whether missing values go left.
    pub missing_left: bool,
}

/// Which values go left.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
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
        if node.left as usize == place {
            return Place::Leaf(node.number as usize);
        }
        let left = match node.set() {
            None => Predicate::UpTo(node.threshold),
            Some(set) => Predicate::Among(self.sets[set as usize]),
        };
        let split = Split { column: node.column(), left, missing_left: node.column & MISSING_LEFT != 0 };
        Place::Inner(split, [node.left as usize, node.left as usize + 1])
    }

    /// Splits a leaf. The left child keeps its number, the right one gets a new one. Returns their places.
    pub fn split(&mut self, place: usize, split: &Split) -> [usize; 2] {
        let left = self.nodes.len();
        self.nodes.push(Node::leaf(left, self.nodes[place].number));
        self.gains.push(0.0);
        let right = self.grow_leaf();
        let mut node = Node { column: split.column as u32, threshold: 0.0, left: left as u32, number: 0 };
        match split.left {
            Predicate::UpTo(threshold) => node.threshold = threshold,
            Predicate::Among(set) => {
                node.column |= BY_SET;
                node.number = self.sets.len() as u32;
                self.sets.push(set);
            }
        }
        if split.missing_left {
            node.column |= MISSING_LEFT;
        }
        self.nodes[place] = node;
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
        self.descend([row])[0] as usize
    }

    /// Calls `found` with the place of each row and its leaf, in the order of the rows.
    pub fn each_leaf(&self, rows: &[&[f32]], mut found: impl FnMut(usize, usize)) {
        let (together, alone) = rows.as_chunks::<LANES>();
        for (block, rows) in together.iter().enumerate() {
            for (lane, leaf) in self.descend(*rows).into_iter().enumerate() {
                found(block * LANES + lane, leaf as usize);
            }
        }
        let first = rows.len() - alone.len();
        alone.iter().enumerate().for_each(|(place, row)| found(first + place, self.leaf(row)));
    }

    /// The leaves of rows that step together until none moves.
    fn descend<const N: usize>(&self, rows: [&[f32]; N]) -> [u32; N] {
        let mut places = [0; N];
        // A root alone asks nothing, not even that there is a column.
        let mut moves = self.nodes.len() > 1;
        while moves {
            moves = false;
            for (place, row) in places.iter_mut().zip(rows) {
                let next = self.next(*place, row);
                moves |= next != *place;
                *place = next;
            }
        }
        places.map(|place| self.nodes[place as usize].number)
    }

    /// One step down, without a jump that the processor would have to guess unless levels decide.
    fn next(&self, place: u32, row: &[f32]) -> u32 {
        let node = &self.nodes[place as usize];
        let value = row[node.column()];
        let missing_left = value.is_nan() & (node.column & MISSING_LEFT != 0);
        let goes_left = match node.set() {
            None => (value <= node.threshold) | missing_left,
            Some(_) if value.is_nan() => missing_left,
            Some(set) => self.sets[set as usize].contains(level_bin(value)),
        };
        node.left + u32::from(!goes_left)
    }

    /// The tree as numbers.
    pub fn flat(&self) -> FlatTree {
        let node = |(place, node): (usize, &Node)| {
            if node.left as usize == place {
                return [-1.0, 0.0, node.number as f32, 0.0, -1.0, 0.0];
            }
            let set = node.set().map_or(-1.0, |set| set as f32);
            let missing = f32::from(u8::from(node.column & MISSING_LEFT != 0));
            let children = [node.left as f32, node.left as f32 + 1.0];
            [node.column() as f32, node.threshold, children[0], children[1], set, missing]
        };
        let set = |set: &LevelSet| {
            std::array::from_fn::<f32, 16, _>(|part| (set.0[part / 4] >> (part % 4 * 16) & 0xffff) as f32)
        };
        FlatTree {
            nodes: self.nodes.iter().enumerate().flat_map(node).collect(),
            sets: self.sets.iter().flat_map(set).collect(),
            gains: self.gains.clone(),
        }
    }

    /// The tree of such numbers, for rows of so many columns.
    ///
    /// # Errors
    ///
    /// Where a node names what is not there, children stand before their parent or not side by side, a node has no parent or two,
    /// or a leaf has no number of its own.
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
        let mut has_parent = vec![false; count];
        for (place, node) in flat.nodes.chunks_exact(6).enumerate() {
            ensure!(place == 0 || has_parent[place], "a node that has no parent");
            let node = if node[0] == -1.0 {
                let number = below(node[2], 0, count).context("a leaf without number")?;
                ensure!(numbers.insert(number), "two leaves have the number {number}");
                Node::leaf(place, number)
            } else {
                let column = below(node[0], 0, columns).context("a column that is not there")?;
                let left = below(node[2], place + 1, count).context("a child that is not there")?;
                let right = below(node[3], place + 1, count).context("a child that is not there")?;
                ensure!(right == left + 1, "children that are not side by side");
                for child in [left, right] {
                    let taken = std::mem::replace(&mut has_parent[child as usize], true);
                    ensure!(!taken, "a node that two nodes share as their child");
                }
                let marks = if node[5] == 1.0 { MISSING_LEFT } else { 0 };
                if node[4] == -1.0 {
                    Node { column: column | marks, threshold: node[1], left, number: 0 }
                } else {
                    let set = below(node[4], 0, tree.sets.len());
                    let number = set.context("a set of levels that is not there")?;
                    Node { column: column | marks | BY_SET, threshold: node[1], left, number }
                }
            };
            tree.nodes.push(node);
        }
        tree.leaves = numbers.len();
        let in_order = numbers.iter().copied().eq(0..numbers.len() as u32);
        ensure!(!numbers.is_empty() && in_order, "leaves are not numbered from 0");
        Ok(tree)
    }

    /// Splits on the longest way from the root to a leaf.
    pub fn depth(&self) -> usize {
        let mut depths = vec![0; self.nodes.len()];
        for (place, node) in
            self.nodes.iter().enumerate().filter(|(place, node)| node.left as usize != *place)
        {
            // Children stand after their parent.
            let left = node.left as usize;
            let deeper = depths[place] + 1;
            depths[left..left + 2].fill(deeper);
        }
        depths.into_iter().max().unwrap_or(0)
    }

    fn grow_leaf(&mut self) -> usize {
        self.nodes.push(Node::leaf(self.nodes.len(), self.leaves as u32));
        self.gains.push(0.0);
        self.leaves += 1;
        self.nodes.len() - 1
    }
}

impl Node {
    /// At a place, with a number. Whatever the first column holds stays where it is.
    fn leaf(place: usize, number: u32) -> Self {
        Self { column: MISSING_LEFT, threshold: f32::INFINITY, left: place as u32, number }
    }

    /// Which feature decides.
    fn column(&self) -> usize {
        (self.column & !(MISSING_LEFT | BY_SET)) as usize
    }

    /// Which set of levels decides, if one does.
    fn set(&self) -> Option<u32> {
        (self.column & BY_SET != 0).then_some(self.number)
    }
}

/// Adds what the leaf of every row says to what the row has. A row hears the trees in their order, however many rows there are.
pub(super) fn ask<'t, Leaf: 't, Sum>(
    trees: impl Iterator<Item = (&'t Tree, &'t [Leaf])> + Clone,
    rows: &[&[f32]],
    sums: &mut [Sum],
    add: impl Fn(&mut Sum, &Leaf),
) {
    for (rows, sums) in rows.chunks(BLOCK).zip(sums.chunks_mut(BLOCK)) {
        for (tree, leaves) in trees.clone() {
            tree.each_leaf(rows, |row, leaf| add(&mut sums[row], &leaves[leaf]));
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
        let [left, right] =
            tree.split(0, &Split { column: 0, left: Predicate::UpTo(0.5), missing_left: true });
        let mut set = LevelSet::default();
        [0, 64, 254].into_iter().for_each(|bin| set.insert(bin));
        tree.split(right, &Split { column: 1, left: Predicate::Among(set), missing_left: false });
        assert_eq!(tree.leaves(), 3);
        assert_eq!(tree.place(left), Place::Leaf(0));
        let leaf = |x: f32, level: f32| tree.leaf(&[x, level]);
        assert_eq!((leaf(0.5, 0.0), leaf(f32::NAN, 7.0)), (0, 0));
        assert_eq!((leaf(0.6, 0.0), leaf(0.6, 64.0), leaf(0.6, 300.0)), (1, 1, 1));
        assert_eq!((leaf(0.6, 1.0), leaf(0.6, f32::NAN)), (2, 2));
        let rows: Vec<[f32; 2]> = (0..21).map(|row| [row as f32 / 20.0, (row * 64 % 5) as f32]).collect();
        let rows: Vec<&[f32]> = rows.iter().map(|row| row.as_slice()).collect();
        let mut found = Vec::new();
        tree.each_leaf(&rows, |row, leaf| found.push((row, leaf)));
        let alone: Vec<(usize, usize)> = rows.iter().map(|row| tree.leaf(row)).enumerate().collect();
        assert_eq!(found, alone);
        assert_eq!(Tree::from_flat(&tree.flat(), 2).unwrap(), tree);
        assert_eq!((tree.depth(), Tree::new().depth()), (2, 0));
    }

    /// A chain of three splits, and a change of its numbers that must be refused.
    #[track_caller]
    fn refuses(change: impl Fn(&mut Vec<f32>), reason: &str) {
        let mut tree = Tree::new();
        let mut place = 0;
        for _ in 0..3 {
            place =
                tree.split(place, &Split { column: 0, left: Predicate::UpTo(0.5), missing_left: true })[1];
        }
        let mut flat = tree.flat();
        change(&mut flat.nodes);
        let error = Tree::from_flat(&flat, 1).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }

    #[test]
    fn every_node_but_the_root_has_one_parent() {
        let children = |of: usize, left: f32| {
            move |nodes: &mut Vec<f32>| {
                nodes[of * 6 + 2] = left;
                nodes[of * 6 + 3] = left + 1.0;
            }
        };
        // Nodes: 0 has 1 and 2, 2 has 3 and 4, 4 has 5 and 6.
        refuses(children(2, 5.0), "no parent");
        refuses(children(0, 3.0), "no parent");
        refuses(children(4, 4.0), "not there");
        refuses(children(2, 1.0), "not there");
        refuses(children(4, 0.0), "not there");
        let share = |nodes: &mut Vec<f32>| {
            children(0, 1.0)(nodes);
            nodes.splice(6..12, [0.0, 0.5, 3.0, 4.0, -1.0, 0.0]);
        };
        refuses(share, "share");
        let overlap = |nodes: &mut Vec<f32>| {
            nodes.splice(6..12, [0.0, 0.5, 4.0, 5.0, -1.0, 0.0]);
        };
        refuses(overlap, "share");
    }
}
