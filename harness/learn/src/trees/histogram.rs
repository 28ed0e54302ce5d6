//! Grows one tree of boosting for one margin: histograms of whole numbers, the smaller child counted, the larger one by subtraction.
//!
//! Slopes are rounded to whole multiples of a unit, so that sums are exact: they do not depend on the order of rows, on threads,
//! or on whether a histogram was counted or subtracted.

use super::bins::{Binned, Column, MISSING_BIN};
use super::tree::{LevelSet, Place, Predicate, Split, Tree};
use rayon::prelude::*;
use std::ops::Range;
use valor_data::encode::ColumnKind;

/// Gains that differ by no more than this share are equal: the first column and the lowest cut are taken.
const TIE: f64 = 1e-9;
/// Cells of a column: one per bin, the missing one last.
const CELLS: usize = 256;
/// Columns that are counted in one pass over the rows.
const TOGETHER: usize = 4;
/// Below so many visits of a row to a column, threads cost more than they bring.
const WORTH_THREADS: usize = 1 << 16;
/// Histograms are kept for subtraction while they have no more cells than this together (384 MiB); then both children are counted.
const MOST_CELLS: usize = 1 << 24;
/// The largest slope in units.
const UNITS: f64 = (1u32 << 30) as f64;
/// A child has at least so much of the second derivative.
pub const LEAST_INFORMATION: f64 = 1e-3;

/// A training row of one round: its place, and its slopes in units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pull {
    row: u32,
    first: i32,
    second: i32,
}

/// Sums of some rows, slopes in units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    first: i64,
    second: i64,
    rows: i64,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            first: self.first + other.first,
            second: self.second + other.second,
            rows: self.rows + other.rows,
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            first: self.first - other.first,
            second: self.second - other.second,
            rows: self.rows - other.rows,
        }
    }
}

/// What a unit of either slope is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Units {
    first: f64,
    second: f64,
    /// Whether the second derivative is 1 for all rows, so that it need not be added up.
    counts: bool,
}

impl Units {
    fn second(&self, sums: Sums) -> f64 {
        if self.counts { sums.rows as f64 } else { sums.second as f64 * self.second }
    }
}

/// How a tree of boosting grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Growth {
    /// Splits above a leaf, at most.
    pub depth: usize,
    /// Leaves, at most; the split that gains most comes first.
    pub leaves: usize,
    /// Rows of a child, at least.
    pub leaf_rows: u64,
    /// Added to the second derivative; 0 or more.
    pub l2: f64,
    /// Added besides where levels part a node, and where they are sorted for it; 0 or more.
    pub level_l2: f64,
}

/// A grown tree with its rows.
pub(super) struct GrownTree {
    /// Where a row goes.
    pub tree: Tree,
    /// By leaf: how many rows, and the step before shrinkage.
    pub leaves: Vec<(f64, f64)>,
    /// By leaf: which of the pulls are its rows.
    pub ranges: Vec<Range<usize>>,
}

/// The histogram of a node: the cells of every column, one after another.
type Histogram = Vec<[Sums; CELLS]>;

/// What grows the trees of one model, with what they share.
pub(super) struct Grower<'a> {
    binned: &'a Binned,
    growth: Growth,
    units: Units,
    pulls: Vec<Pull>,
    scratch: Vec<Pull>,
    /// Histograms that no node needs any more.
    free: Vec<Histogram>,
    /// How many there are, used or not.
    made: usize,
}

/// A leaf that may be split.
struct Open {
    place: usize,
    rows: Range<usize>,
    depth: usize,
    sums: Sums,
    histogram: Option<Histogram>,
    best: Option<Best>,
}

/// The best parting of a node.
#[derive(Clone, Debug, PartialEq)]
struct Best {
    split: Split,
    gain: f64,
    /// The bins that go left.
    left: LevelSet,
    /// Sums of the left child.
    sums: Sums,
}

impl<'a> Grower<'a> {
    /// For training rows.
    pub(super) fn new(binned: &'a Binned, growth: Growth) -> Self {
        let units = Units { first: 0.0, second: 0.0, counts: false };
        Self { binned, growth, units, pulls: Vec::new(), scratch: Vec::new(), free: Vec::new(), made: 0 }
    }

    /// The tree of a round, of the slopes of every row by its place. With `counts` the second one is 1 throughout.
    pub(super) fn grow(&mut self, slopes: &[[f64; 2]], counts: bool) -> GrownTree {
        self.take(slopes, counts);
        let sums = self.pulls.par_iter().map(|pull| pull.sums()).reduce(Sums::default, Sums::plus);
        let root = Open { place: 0, rows: 0..self.pulls.len(), depth: 0, sums, histogram: None, best: None };
        let mut tree = Tree::new();
        let mut open = vec![self.looked_at(root, None)];
        while open.len() < self.growth.leaves {
            let Some(next) = first_best(&open) else { break };
            let mut parent = open.remove(next);
            let Some(best) = parent.best.take() else { break };
            let [left, right] = self.part(parent, &best, &mut tree);
            // Places only grow, so that the order of leaves is that of their places.
            open.push(left);
            open.push(right);
        }
        self.finish(tree, open)
    }

    /// Rows of all leaves, in the order of [`GrownTree::ranges`].
    pub(super) fn rows(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        self.pulls[range].iter().map(|pull| pull.row as usize)
    }

    /// Slopes in units of their largest.
    fn take(&mut self, slopes: &[[f64; 2]], counts: bool) {
        let largest = |place: usize| {
            let size = slopes.par_iter().map(|slopes| slopes[place].abs());
            size.reduce(|| 0.0, f64::max).max(f64::MIN_POSITIVE * UNITS)
        };
        self.units = Units { first: largest(0) / UNITS, second: largest(1) / UNITS, counts };
        let Units { first, second, .. } = self.units;
        self.pulls.resize(slopes.len(), Pull::default());
        self.scratch.resize(slopes.len(), Pull::default());
        self.pulls.par_iter_mut().zip(slopes).enumerate().with_min_len(4096).for_each(
            |(row, (pull, slopes))| {
                *pull = Pull {
                    row: row as u32,
                    first: (slopes[0] / first).round() as i32,
                    second: (slopes[1] / second).round() as i32,
                };
            },
        );
    }

    /// A node with its histogram and its best split. `less` is the histogram of its parent and that of its sibling.
    fn looked_at(&mut self, mut node: Open, less: Option<(Histogram, &Histogram)>) -> Open {
        if node.depth >= self.growth.depth || node.sums.rows < 2 * self.growth.leaf_rows.max(1) as i64 {
            self.free.extend(less.map(|(parent, _)| parent));
            return node;
        }
        let (histogram, found) = match less {
            Some((mut parent, sibling)) => {
                let found = self.subtract_and_search(&node, &mut parent, sibling);
                (parent, found)
            }
            None => {
                let mut histogram = self.histogram();
                let found = self.count_and_search(&node, &mut histogram);
                (histogram, found)
            }
        };
        node.best = over_columns(found);
        match node.best.is_some() && self.made * self.binned.columns.len() * CELLS <= MOST_CELLS {
            true => node.histogram = Some(histogram),
            false => self.free.push(histogram),
        }
        node
    }

    fn histogram(&mut self) -> Histogram {
        let made = &mut self.made;
        self.free.pop().unwrap_or_else(|| {
            *made += 1;
            vec![[Sums::default(); CELLS]; self.binned.columns.len()]
        })
    }

    /// Parts a leaf by its best split, and looks at both children: the one with fewer rows is counted.
    fn part(&mut self, parent: Open, best: &Best, tree: &mut Tree) -> [Open; 2] {
        let Open { place, rows, depth, sums, histogram, .. } = parent;
        let middle = rows.start + self.divide(rows.clone(), best);
        let [left, right] = tree.split(place, &best.split);
        tree.credit(place, best.gain);
        let child = |place: usize, rows: Range<usize>, sums: Sums| Open {
            place,
            rows,
            depth: depth + 1,
            sums,
            histogram: None,
            best: None,
        };
        let left = child(left, rows.start..middle, best.sums);
        let right = child(right, middle..rows.end, sums.less(best.sums));
        let left_is_smaller = left.rows.len() <= right.rows.len();
        let (smaller, larger) = if left_is_smaller { (left, right) } else { (right, left) };
        let (smaller, larger) = self.children(smaller, larger, histogram);
        if left_is_smaller { [smaller, larger] } else { [larger, smaller] }
    }

    fn children(&mut self, smaller: Open, larger: Open, parent: Option<Histogram>) -> (Open, Open) {
        let Some(parent) = parent else {
            return (self.looked_at(smaller, None), self.looked_at(larger, None));
        };
        if larger.depth >= self.growth.depth {
            self.free.push(parent);
            return (smaller, larger);
        }
        // Of the smaller child the histogram is wanted even where it may not be split itself.
        let mut counted = self.histogram();
        let found = self.count_and_search(&smaller, &mut counted);
        let mut smaller = smaller;
        smaller.best = over_columns(found);
        let larger = self.looked_at(larger, Some((parent, &counted)));
        match smaller.best.is_some() && self.made * self.binned.columns.len() * CELLS <= MOST_CELLS {
            true => smaller.histogram = Some(counted),
            false => self.free.push(counted),
        }
        (smaller, larger)
    }

    /// Rows that go left first, both sides in their order. Returns how many those are.
    fn divide(&mut self, rows: Range<usize>, best: &Best) -> usize {
        let codes = &self.binned.columns[best.split.column].codes;
        let goes_left: [bool; CELLS] = std::array::from_fn(|bin| best.left.contains(bin as u8));
        let (mut lefts, mut rights) = (0, 0);
        let pulls = &mut self.pulls[rows];
        for index in 0..pulls.len() {
            let pull = pulls[index];
            let left = goes_left[usize::from(codes[pull.row as usize])];
            // Both are written, and only one place moves on: no jump that the processor would have to guess.
            pulls[lefts] = pull;
            self.scratch[rights] = pull;
            lefts += usize::from(left);
            rights += usize::from(!left);
        }
        pulls[lefts..].copy_from_slice(&self.scratch[..rights]);
        lefts
    }

    fn count_and_search(&self, node: &Open, histogram: &mut Histogram) -> Vec<Option<Best>> {
        let pulls = &self.pulls[node.rows.clone()];
        let counts = self.units.counts;
        self.by_group(node, histogram, |first, cells| {
            let columns = &self.binned.columns[first..first + cells.len()];
            match counts {
                true => fill::<true>(columns, pulls, cells),
                false => fill::<false>(columns, pulls, cells),
            }
        })
    }

    fn subtract_and_search(
        &self,
        node: &Open,
        histogram: &mut Histogram,
        sibling: &Histogram,
    ) -> Vec<Option<Best>> {
        self.by_group(node, histogram, |first, cells| {
            for (cells, sibling) in cells.iter_mut().zip(&sibling[first..]) {
                cells.iter_mut().zip(sibling).for_each(|(cell, other)| *cell = cell.less(*other));
            }
        })
    }

    /// Makes the cells of all columns, a few from the given one on at a time, and looks for the best split of each.
    fn by_group(
        &self,
        node: &Open,
        histogram: &mut Histogram,
        make: impl Fn(usize, &mut [[Sums; CELLS]]) + Sync,
    ) -> Vec<Option<Best>> {
        let visit = |(group, cells): (usize, &mut [[Sums; CELLS]])| -> [Option<Best>; TOGETHER] {
            let first = group * TOGETHER;
            let columns = &self.binned.columns[first..first + cells.len()];
            make(first, cells);
            std::array::from_fn(|place| {
                let column = columns.get(place)?;
                self.search(node, first + place, column, &cells[place])
            })
        };
        let visits = node.rows.len() * self.binned.columns.len();
        let found: Vec<[Option<Best>; TOGETHER]> = match visits >= WORTH_THREADS {
            true => histogram.par_chunks_mut(TOGETHER).enumerate().map(visit).collect(),
            false => histogram.chunks_mut(TOGETHER).enumerate().map(visit).collect(),
        };
        found.into_iter().flatten().collect()
    }

    /// The best cut of one column.
    fn search(&self, node: &Open, index: usize, column: &Column, cells: &[Sums; CELLS]) -> Option<Best> {
        let mut sorted: [u8; CELLS] = [0; CELLS];
        let mut count = 0;
        for (bin, cell) in cells[..column.bins].iter().enumerate() {
            if cell.rows > 0 {
                sorted[count] = bin as u8;
                count += 1;
            }
        }
        let by_levels = matches!(column.kind, ColumnKind::Levels(_));
        let sorted = &mut sorted[..count];
        if by_levels {
            self.sort(sorted, cells);
        }
        let l2 = self.growth.l2 + if by_levels { self.growth.level_l2 } else { 0.0 };
        let missing = cells[usize::from(MISSING_BIN)];
        let whole = self.worth(node.sums, l2);
        let mut best: Option<(f64, usize, bool, Sums)> = None;
        let mut offer = |last: usize, missing_left: bool, left: Sums| {
            let least = best.map_or(0.0, |(gain, ..)| gain + TIE * gain.abs());
            let right = node.sums.less(left);
            let Some(gain) = self.gain(left, right, l2).map(|gain| gain - whole) else { return };
            // What rounding leaves of equal sides is no gain.
            if gain > least && gain > TIE * whole {
                best = Some((gain, last, missing_left, left));
            }
        };
        let mut left = Sums::default();
        for (last, bin) in sorted.iter().enumerate() {
            left = left.plus(cells[usize::from(*bin)]);
            if missing.rows == 0 {
                if last + 1 < count {
                    offer(last, 2 * left.rows >= node.sums.rows, left);
                }
                continue;
            }
            if last + 1 < count {
                offer(last, true, left.plus(missing));
            }
            offer(last, false, left);
        }
        best.map(|(gain, last, missing_left, sums)| {
            let mut left = LevelSet::default();
            sorted[..=last].iter().for_each(|&bin| left.insert(bin));
            let side = match column.kind {
                // Of the edges below the next bin with rows the lowest; beyond all values where only missing ones go right.
                ColumnKind::Number | ColumnKind::Step { .. } if last + 1 == count => {
                    Predicate::UpTo(f32::INFINITY)
                }
                ColumnKind::Number | ColumnKind::Step { .. } => {
                    Predicate::UpTo(column.edges[usize::from(sorted[last])])
                }
                ColumnKind::Levels(_) => Predicate::Among(left),
            };
            if missing_left {
                left.insert(MISSING_BIN);
            }
            Best { split: Split { column: index, left: side, missing_left }, gain, left, sums }
        })
    }

    /// Levels by their step, those with few rows drawn towards 0; among equals by their code.
    fn sort(&self, sorted: &mut [u8], cells: &[Sums; CELLS]) {
        let key = |bin: u8| {
            let cell = cells[usize::from(bin)];
            let information = self.units.second(cell) + self.growth.l2 + self.growth.level_l2;
            cell.first as f64 * self.units.first / information.max(f64::MIN_POSITIVE)
        };
        sorted.sort_unstable_by(|&one, &other| key(one).total_cmp(&key(other)).then(one.cmp(&other)));
    }

    /// What two children are worth together; nothing where one may not stand alone.
    fn gain(&self, left: Sums, right: Sums, l2: f64) -> Option<f64> {
        let stands = |side: Sums| {
            side.rows >= self.growth.leaf_rows.max(1) as i64 && self.units.second(side) >= LEAST_INFORMATION
        };
        (stands(left) && stands(right)).then(|| self.worth(left, l2) + self.worth(right, l2))
    }

    /// `1/2 G^2 / (H + l2)`: what the loss falls by with the best step, to second order.
    fn worth(&self, sums: Sums, l2: f64) -> f64 {
        let (first, second) = (sums.first as f64 * self.units.first, self.units.second(sums) + l2);
        if second > 0.0 { first * first / second / 2.0 } else { 0.0 }
    }

    /// `-G / (H + l2)`.
    fn step(&self, sums: Sums) -> f64 {
        let (first, second) =
            (sums.first as f64 * self.units.first, self.units.second(sums) + self.growth.l2);
        if second > 0.0 { -first / second } else { 0.0 }
    }

    fn finish(&mut self, tree: Tree, open: Vec<Open>) -> GrownTree {
        let mut leaves = vec![(0.0, 0.0); tree.leaves()];
        let mut ranges = vec![0..0; tree.leaves()];
        for node in open {
            if let Place::Leaf(leaf) = tree.place(node.place) {
                leaves[leaf] = (node.sums.rows as f64, self.step(node.sums));
                ranges[leaf] = node.rows;
            }
            self.free.extend(node.histogram);
        }
        GrownTree { tree, leaves, ranges }
    }
}

impl Pull {
    fn sums(&self) -> Sums {
        Sums { first: self.first.into(), second: self.second.into(), rows: 1 }
    }
}

/// Which leaf's split gains most; among equals the one that stands first in the tree.
fn first_best(open: &[Open]) -> Option<usize> {
    let mut found: Option<usize> = None;
    for (place, node) in open.iter().enumerate() {
        let Some(best) = &node.best else { continue };
        let better = |than: usize| {
            open[than].best.as_ref().is_none_or(|other| best.gain > other.gain + TIE * other.gain)
        };
        if found.is_none_or(better) {
            found = Some(place);
        }
    }
    found
}

/// The best of all columns; among equals the first.
fn over_columns(found: Vec<Option<Best>>) -> Option<Best> {
    found.into_iter().flatten().reduce(
        |best, other| {
            if other.gain > best.gain + TIE * best.gain { other } else { best }
        },
    )
}

/// The cells of some columns, counted anew in one pass. With `COUNTS` the second slope is left out.
fn fill<const COUNTS: bool>(columns: &[Column], pulls: &[Pull], cells: &mut [[Sums; CELLS]]) {
    cells.iter_mut().for_each(|cells| cells.fill(Sums::default()));
    let add = |cell: &mut Sums, pull: &Pull| {
        cell.first += i64::from(pull.first);
        if !COUNTS {
            cell.second += i64::from(pull.second);
        }
        cell.rows += 1;
    };
    match (columns, cells) {
        ([a, b, c, d], [to_a, to_b, to_c, to_d]) => {
            let (a, b, c, d) = (&a.codes[..], &b.codes[..], &c.codes[..], &d.codes[..]);
            for pull in pulls {
                let row = pull.row as usize;
                add(&mut to_a[usize::from(a[row])], pull);
                add(&mut to_b[usize::from(b[row])], pull);
                add(&mut to_c[usize::from(c[row])], pull);
                add(&mut to_d[usize::from(d[row])], pull);
            }
        }
        (columns, cells) => {
            for (column, cells) in columns.iter().zip(cells) {
                let codes = &column.codes[..];
                pulls.iter().for_each(|pull| add(&mut cells[usize::from(codes[pull.row as usize])], pull));
            }
        }
    }
}
