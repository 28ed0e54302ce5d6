//! Grows one tree: every threshold of every tried column, node by node.

use super::bins::{Binned, Column, MISSING_BIN};
use super::tree::{LevelSet, Predicate, Split, Tree};
use rand::Rng;
use serde::{Deserialize, Serialize};
use valor_base::seed::Seeds;
use valor_data::encode::ColumnKind;

/// Gains and orders that differ by no more than this share are equal. Sums over the same rows in another order, or of
/// outcomes in another currency, round differently; which of two equal splits is taken must not hang on that.
const TIE: f64 = 1e-9;

/// A row of a tree's bag, by its place among the training rows, and how often it was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// Place among the training rows.
    pub row: u32,
    /// How often.
    pub weight: u32,
}

/// What a rule knows of some rows: sums.
pub(super) trait BinSums: Clone + Default {
    /// Adds other rows.
    fn add(&mut self, other: &Self);

    /// Number of rows, as often as they were drawn.
    fn rows(&self) -> u64;
}

/// What splits are judged by.
pub(super) trait Rule: Sync {
    /// Sums over rows.
    type Sums: BinSums;
    /// The rows of a node, arranged for `fill`, with what `gain` needs to know of the whole.
    type Node;

    /// Arranges the rows of a node.
    fn node(&self, drawn: &[Drawn]) -> Self::Node;

    /// Adds every row of the node to the cell of its bin.
    fn fill(&self, node: &Self::Node, codes: &[u8], cells: &mut [Self::Sums]);

    /// What is won by parting a node so; nothing where a child may not stand alone.
    fn gain(&self, node: &Self::Node, left: &Self::Sums, right: &Self::Sums) -> Option<f64>;

    /// What a gain is worth that so many rows share: gains are means over them unless a rule says otherwise.
    fn worth(&self, gain: f64, rows: u64) -> f64 {
        gain * rows as f64
    }

    /// By what levels are sorted before they are parted.
    fn order(&self, node: &Self::Node, cell: &Self::Sums) -> f64;
}

/// Which cuts of a column are tried in a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cuts {
    /// All.
    #[default]
    All,
    /// Those next above a fifth, two, three and four fifths of the node's rows.
    Quintiles,
}

impl Cuts {
    /// Whether nothing was asked.
    pub fn is_all(&self) -> bool {
        *self == Cuts::All
    }
}

/// How far a tree grows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    /// Splits above a leaf, at most.
    pub depth: usize,
    /// Columns tried per split; drawn anew for each where fewer than there are.
    pub columns: usize,
    /// A split must gain more than this.
    pub least_gain: f64,
    /// Which cuts are tried.
    pub cuts: Cuts,
}

/// The best parting of a node so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Best {
    /// What parts it.
    pub split: Split,
    /// What that wins.
    pub gain: f64,
    /// The bins that go left, for rows that are binned already.
    left: LevelSet,
}

/// A way to part a node by one column.
#[derive(Clone, Copy)]
struct Cut {
    column: usize,
    /// The last of the sorted bins that goes left.
    last: usize,
    missing_left: bool,
}

/// Grows a tree on the drawn rows, which come in ascending order. Depends on nothing but its arguments.
pub(super) fn grow<R: Rule>(
    rule: &R,
    binned: &Binned,
    mut drawn: Vec<Drawn>,
    limits: Limits,
    seeds: &Seeds,
) -> Tree {
    let mut tree = Tree::new();
    let mut scratch = Vec::with_capacity(drawn.len());
    let mut search = Search::new(rule, binned, limits);
    let mut open = vec![(0, 0..drawn.len(), 0)];
    while let Some((place, rows, depth)) = open.pop() {
        let found = match depth < limits.depth && rows.len() > 1 {
            true => search.best(&drawn[rows.clone()], &seeds.at(place as u64)),
            false => None,
        };
        let Some(best) = found else { continue };
        let count = drawn[rows.clone()].iter().map(|drawn| u64::from(drawn.weight)).sum();
        let middle = rows.start + part(&mut drawn[rows.clone()], &mut scratch, binned, &best);
        let [left, right] = tree.split(place, &best.split);
        tree.credit(place, rule.worth(best.gain, count));
        open.push((right, middle..rows.end, depth + 1));
        open.push((left, rows.start..middle, depth + 1));
    }
    tree
}

/// Rows that go left first, both sides in their order. Returns how many those are.
fn part(drawn: &mut [Drawn], scratch: &mut Vec<Drawn>, binned: &Binned, best: &Best) -> usize {
    let codes = &binned.columns[best.split.column].codes;
    scratch.clear();
    let mut lefts = 0;
    for index in 0..drawn.len() {
        let entry = drawn[index];
        if best.left.contains(codes[entry.row as usize]) {
            drawn[lefts] = entry;
            lefts += 1;
        } else {
            scratch.push(entry);
        }
    }
    drawn[lefts..].copy_from_slice(scratch);
    lefts
}

/// The split search of one tree.
pub(super) struct Search<'a, R: Rule> {
    rule: &'a R,
    binned: &'a Binned,
    limits: Limits,
    cells: Vec<R::Sums>,
    /// Sums from the first sorted bin up to each, and from each to the last.
    upwards: Vec<R::Sums>,
    downwards: Vec<R::Sums>,
    sorted: Vec<u8>,
    /// Places among the sorted bins after which a cut is tried.
    places: Vec<usize>,
}

impl<'a, R: Rule> Search<'a, R> {
    /// For nodes of one tree.
    pub(super) fn new(rule: &'a R, binned: &'a Binned, limits: Limits) -> Self {
        let cells = vec![R::Sums::default(); usize::from(MISSING_BIN) + 1];
        let (upwards, downwards, sorted, places) = Default::default();
        Self { rule, binned, limits, cells, upwards, downwards, sorted, places }
    }

    /// The split that gains most; among equals, to a share of [`TIE`], the first column and the lowest cut.
    pub(super) fn best(&mut self, drawn: &[Drawn], seeds: &Seeds) -> Option<Best> {
        let node = self.rule.node(drawn);
        let mut best = None;
        for column in self.tried(seeds) {
            self.search(&node, column, &mut best);
        }
        best
    }

    fn tried(&self, seeds: &Seeds) -> Vec<usize> {
        let mut columns: Vec<usize> = (0..self.binned.columns.len()).collect();
        let wanted = self.limits.columns.max(1);
        if wanted < columns.len() {
            let mut stream = seeds.stream();
            for place in 0..wanted {
                let other = stream.random_range(place..columns.len());
                columns.swap(place, other);
            }
            columns.truncate(wanted);
            columns.sort_unstable();
        }
        columns
    }

    /// All cuts of one column.
    fn search(&mut self, node: &R::Node, index: usize, best: &mut Option<Best>) {
        let column = &self.binned.columns[index];
        if column.bins == 1 && !column.codes.contains(&MISSING_BIN) {
            return;
        }
        self.cells[..column.bins].fill(R::Sums::default());
        self.cells[usize::from(MISSING_BIN)] = R::Sums::default();
        self.rule.fill(node, &column.codes, &mut self.cells);
        self.sort(node, column);
        self.accumulate();
        self.choose();
        let missing = self.cells[usize::from(MISSING_BIN)].clone();
        for &last in &self.places {
            let (left, right) = (&self.upwards[last], &self.downwards[last + 1]);
            if missing.rows() == 0 {
                let missing_left = left.rows() >= right.rows();
                let gain = self.rule.gain(node, left, right);
                self.offer(Cut { column: index, last, missing_left }, gain, best);
                continue;
            }
            let with = |side: &R::Sums| {
                let mut side = side.clone();
                side.add(&missing);
                side
            };
            if right.rows() > 0 {
                let gain = self.rule.gain(node, &with(left), right);
                self.offer(Cut { column: index, last, missing_left: true }, gain, best);
            }
            let gain = self.rule.gain(node, left, &with(right));
            self.offer(Cut { column: index, last, missing_left: false }, gain, best);
        }
    }

    /// Bins that hold rows: numbers ascending, levels as the rule orders them.
    fn sort(&mut self, node: &R::Node, column: &Column) {
        self.sorted.clear();
        self.sorted.extend((0..column.bins).filter(|&bin| self.cells[bin].rows() > 0).map(|bin| bin as u8));
        if let ColumnKind::Levels(_) = column.kind {
            let key = |bin: &u8| self.rule.order(node, &self.cells[usize::from(*bin)]);
            let mut keyed: Vec<(f64, u8)> = self.sorted.iter().map(|bin| (key(bin), *bin)).collect();
            keyed.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
            let largest = keyed.iter().map(|(key, _)| key.abs()).fold(0.0, f64::max);
            for ties in keyed.chunk_by_mut(|left, right| right.0 - left.0 <= TIE * largest) {
                ties.sort_by_key(|(_, bin)| *bin);
            }
            self.sorted.iter_mut().zip(&keyed).for_each(|(sorted, (_, bin))| *sorted = *bin);
        }
    }

    /// Sums of both sides of every cut, each added up on its own: nothing is taken off, so nothing cancels.
    fn accumulate(&mut self) {
        let count = self.sorted.len();
        self.upwards.clear();
        self.downwards.clear();
        self.downwards.resize(count + 1, R::Sums::default());
        let mut sum = R::Sums::default();
        for bin in &self.sorted {
            sum.add(&self.cells[usize::from(*bin)]);
            self.upwards.push(sum.clone());
        }
        let mut sum = R::Sums::default();
        for (place, bin) in self.sorted.iter().enumerate().rev() {
            sum.add(&self.cells[usize::from(*bin)]);
            self.downwards[place] = sum.clone();
        }
    }

    /// Quintiles are those of the rows that have a value, as numpy's percentiles find them: the value at or next below the place
    /// `k/5 (n - 1)` goes left with all below it.
    fn choose(&mut self) {
        self.places.clear();
        match (self.limits.cuts, self.upwards.last().map(BinSums::rows)) {
            (_, None) => {}
            (Cuts::All, Some(_)) => self.places.extend(0..self.sorted.len()),
            (Cuts::Quintiles, Some(rows)) => {
                let place =
                    |fifths: u64| self.upwards.partition_point(|sum| sum.rows() <= fifths * (rows - 1) / 5);
                self.places.extend((1..5).map(place));
                self.places.dedup();
            }
        }
    }

    /// Takes a cut as the best where it gains more than the best so far.
    fn offer(&self, cut: Cut, gain: Option<f64>, best: &mut Option<Best>) {
        let least = best.as_ref().map_or(self.limits.least_gain, |best| best.gain + TIE * best.gain.abs());
        let Some(gain) = gain.filter(|&gain| gain > least) else { return };
        let Cut { column: index, last, missing_left } = cut;
        let column = &self.binned.columns[index];
        let mut left = LevelSet::default();
        self.sorted[..=last].iter().for_each(|&bin| left.insert(bin));
        let side = match column.kind {
            // Of the edges below the next bin with rows the lowest; beyond all values where only missing ones go right.
            ColumnKind::Number | ColumnKind::Step { .. } => {
                let bin = usize::from(self.sorted[last]);
                let beyond = last + 1 == self.sorted.len();
                Predicate::UpTo(if beyond { f32::INFINITY } else { column.edges[bin] })
            }
            ColumnKind::Levels(_) => Predicate::Among(left),
        };
        if missing_left {
            left.insert(MISSING_BIN);
        }
        *best = Some(Best { split: Split { column: index, left: side, missing_left }, gain, left });
    }
}
