//! Where rows without a treatment stand in an order, for eight resamples at once: rows are visited once for all of them.

use super::amounts::{buckets, unknown_worth};
use super::buckets::ZERO;
use super::defined::{Undefined, Value};
use super::ranking::Ranking;
use super::scored::RankedRows;
use super::stretch::{LANES, Lane, Lanes};
use multiversion::multiversion;
use std::borrow::Cow;
use std::cell::OnceCell;

/// A metric in every lane.
pub(super) type Values = [Value; LANES];
/// Rows in the order of the score, of the outcome and of their true worth, in every lane with weights of its own.
pub(super) struct Positions<'a> {
    prepared: &'a RankedRows,
    /// How often each rank by score counts.
    weights: Cow<'a, [Lanes]>,
    /// Rows in all.
    totals: Lane,
    /// Weights in the other orders.
    by_outcome: OnceCell<Vec<Lanes>>,
    by_expected: OnceCell<Vec<Lanes>>,
    outcomes: OnceCell<Vec<f64>>,
}

/// An order of the rows: best first, in blocks of equal ones.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    ranking: &'a Ranking,
    /// By place.
    weights: &'a [Lanes],
    /// Whether it is that of the score, in which all columns are.
    by_score: bool,
}

impl<'a> Positions<'a> {
    /// Every row once.
    pub(super) fn new(prepared: &'a RankedRows) -> Self {
        Self::of(prepared, vec![[1; LANES]; prepared.rows()].into())
    }

    /// Rows count `weights` times, by rank.
    pub(super) fn weighted(prepared: &'a RankedRows, weights: &'a [Lanes]) -> Self {
        Self::of(prepared, weights.into())
    }

    fn of(prepared: &'a RankedRows, weights: Cow<'a, [Lanes]>) -> Self {
        let totals = totals(&weights);
        let [by_outcome, by_expected] = Default::default();
        Self { prepared, weights, totals, by_outcome, by_expected, outcomes: OnceCell::new() }
    }

    /// The same among the rows with such outcomes alone: no other one counts.
    pub(super) fn within(&self, inside: impl Fn(f64) -> bool) -> Self {
        let weights = self.weights.iter().zip(self.prepared.outcomes());
        let weights = weights.map(|(weight, outcome)| if inside(outcome) { *weight } else { [0; LANES] });
        Self::of(self.prepared, weights.collect())
    }

    /// What is judged.
    pub(super) fn prepared(&self) -> &'a RankedRows {
        self.prepared
    }

    /// How often each rank counts.
    pub(super) fn weights(&self) -> &[Lanes] {
        &self.weights
    }

    /// Rows in all.
    pub(super) fn totals(&self) -> &Lane {
        &self.totals
    }

    /// What rows spent, by rank.
    pub(super) fn outcomes(&self) -> &[f64] {
        self.outcomes.get_or_init(|| self.prepared.outcomes().collect())
    }

    /// In the order of the score.
    pub(super) fn by_score(&self) -> Order<'_> {
        Order { ranking: &self.prepared.ranking, weights: &self.weights, by_score: true }
    }

    /// In the order of the outcome.
    pub(super) fn by_outcome(&self) -> Order<'_> {
        let ranking = self.prepared.by_outcome();
        let weights = self.by_outcome.get_or_init(|| ranking.gather(&self.weights));
        Order { ranking, weights, by_score: false }
    }

    /// In the order of true worth.
    pub(super) fn by_expected(&self) -> Result<Order<'_>, Undefined> {
        let ranking = self.prepared.by_expected().ok_or_else(unknown_worth)?;
        let weights = self.by_expected.get_or_init(|| ranking.gather(&self.weights));
        Ok(Order { ranking, weights, by_score: false })
    }

    /// `1/2 - sum w y p / (W sum w y)`: how far amounts, by rank, lie above the middle of an order, as a share of rows. Nothing
    /// where their sum is not above 0.
    pub(super) fn area(&self, amounts: &[f64], order: Order) -> [Option<f64>; LANES] {
        let gathered: Cow<[f64]> =
            if order.by_score { amounts.into() } else { order.ranking.gather(amounts).into() };
        let [spent, placed] = placed(&order.ranking.ends, order.weights, &gathered);
        std::array::from_fn(|lane| {
            (spent[lane] > 0.0).then(|| 0.5 - placed[lane] / (self.totals[lane] * spent[lane]))
        })
    }

    /// Pearson's correlation of the positions by score and in another order; `equal` is why there is none where that is no order.
    pub(super) fn correlation(&self, other: Order, equal: &str) -> Values {
        let middle = self.totals.map(|total| 0.5 * total);
        let (others, positions) = middles(other.ranking, other.weights, &middle);
        let [scores, products] = moments(&self.prepared.ranking.ends, &self.weights, &positions, &middle);
        std::array::from_fn(|lane| match (scores[lane] > 0.0, others[lane] > 0.0) {
            (true, true) => Ok(products[lane] / (scores[lane] * others[lane]).sqrt()),
            (false, _) => Err(Undefined::new("all scores are equal")),
            (true, false) => Err(Undefined::new(equal)),
        })
    }

    /// The share of whales, the `whales` first rows by outcome, among the first `called` rows by score.
    pub(super) fn recall(&self, whales: &Firsts, called: &Lane) -> Values {
        let (order, called) = (self.by_outcome(), self.by_score().firsts(called));
        std::array::from_fn(|lane| {
            let (mut found, mut all) = (0.0, 0.0);
            for place in 0..whales.reached[lane] {
                let whale = f64::from(order.weights[place][lane]) * whales.share(place, lane);
                all += whale;
                found += whale * called.share(order.ranking.order[place] as usize, lane);
            }
            if all > 0.0 { Ok(found / all) } else { Err(Undefined::new("there are no whales")) }
        })
    }

    /// Rows whose outcome is in the top bucket, and how many there are.
    pub(super) fn top_bucket(&self) -> Result<(Firsts, Lane), Undefined> {
        let buckets = buckets(self.prepared)?;
        Ok(self.above(|outcome| buckets.of_amount(outcome) == buckets.count()))
    }

    /// The hundredth of the rows with the largest outcomes, as far as they are positive; likewise.
    pub(super) fn top_percent(&self) -> (Firsts, Lane) {
        let (_, positive) = self.above(|outcome| outcome > ZERO);
        let count = std::array::from_fn(|lane| (self.totals[lane] / PERCENT).ceil().min(positive[lane]));
        (self.by_outcome().firsts(&count), count)
    }

    /// So many rows are called where their number does not depend on the whales: a twentieth of all.
    pub(super) fn twentieth(&self) -> Lane {
        self.totals.map(|total| (total / TWENTIETH).ceil())
    }

    /// All rows whose outcome is so large, and how many there are; `large` holds from some outcome on.
    fn above(&self, large: impl Fn(f64) -> bool) -> (Firsts, Lane) {
        let (order, outcomes) = (self.by_outcome(), self.outcomes());
        let places = order.ranking.order.partition_point(|&rank| large(outcomes[rank as usize]));
        let firsts = Firsts { whole: [places; LANES], reached: [places; LANES], share: [0.0; LANES] };
        (firsts, totals(&order.weights[..places]))
    }
}

/// A hundredth and a twentieth of the rows: quotients of whole numbers, so that rounding up is not by rounding errors.
const PERCENT: f64 = 100.0;
const TWENTIETH: f64 = 20.0;

/// The first so many rows of an order: a tie block across the border is in part.
pub(super) struct Firsts {
    /// Places before this one are wholly among them.
    whole: [usize; LANES],
    /// Places before this one are in part.
    reached: [usize; LANES],
    /// In which part.
    share: Lane,
}

impl Firsts {
    /// How much of what stands at a place is among them.
    fn share(&self, place: usize, lane: usize) -> f64 {
        match (place < self.whole[lane], place < self.reached[lane]) {
            (true, _) => 1.0,
            (false, true) => self.share[lane],
            (false, false) => 0.0,
        }
    }
}

impl Order<'_> {
    /// The first `count` rows.
    fn firsts(self, count: &Lane) -> Firsts {
        let mut found = Firsts { whole: [0; LANES], reached: [0; LANES], share: [0.0; LANES] };
        let mut before = [0.0; LANES];
        for block in self.ranking.blocks() {
            if (0..LANES).all(|lane| before[lane] >= count[lane]) {
                break;
            }
            let sizes = totals(&self.weights[block.clone()]);
            for lane in 0..LANES {
                let left = count[lane] - before[lane];
                if left > 0.0 && sizes[lane] > 0.0 {
                    found.whole[lane] = if left >= sizes[lane] { block.end } else { block.start };
                    (found.reached[lane], found.share[lane]) = (block.end, left / sizes[lane]);
                }
                before[lane] += sizes[lane];
            }
        }
        found
    }
}

/// Rows in every lane.
fn totals(weights: &[Lanes]) -> Lane {
    super::stretch::totals(weights).map(|total| total as f64)
}

/// Sums of the amounts, and of each times the middle of its tie block: from 0 for the best place to all rows for the worst. All by
/// place.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn placed(ends: &[u32], weights: &[Lanes], amounts: &[f64]) -> [Lane; 2] {
    let (mut spent, mut placed, mut before) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let mut start = 0;
    for &end in ends {
        let end = end as usize;
        let (mut size, mut sum) = ([0.0; LANES], [0.0; LANES]);
        for (weights, amount) in weights[start..end].iter().zip(&amounts[start..end]) {
            for lane in 0..LANES {
                let weight = f64::from(weights[lane]);
                size[lane] += weight;
                sum[lane] += weight * amount;
            }
        }
        for lane in 0..LANES {
            spent[lane] += sum[lane];
            placed[lane] += sum[lane] * (before[lane] + 0.5 * size[lane]);
            before[lane] += size[lane];
        }
        start = end;
    }
    [spent, placed]
}

/// The middle of each row's tie block less `middle`, by what `ranking` orders, and the sum of their squares.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn middles(ranking: &Ranking, weights: &[Lanes], middle: &Lane) -> (Lane, Vec<Lane>) {
    let mut found = vec![[0.0; LANES]; weights.len()];
    let (mut squares, mut before) = ([0.0; LANES], [0.0; LANES]);
    let mut start = 0;
    for &end in &ranking.ends {
        let end = end as usize;
        let mut size = [0.0; LANES];
        for weights in &weights[start..end] {
            (0..LANES).for_each(|lane| size[lane] += f64::from(weights[lane]));
        }
        let mut position = [0.0; LANES];
        for lane in 0..LANES {
            position[lane] = before[lane] + 0.5 * size[lane] - middle[lane];
            squares[lane] += size[lane] * position[lane] * position[lane];
            before[lane] += size[lane];
        }
        ranking.order[start..end].iter().for_each(|&row| found[row as usize] = position);
        start = end;
    }
    (squares, found)
}

/// Sum of the squares of positions by score less `middle`, and of their products with those in another order, by rank.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn moments(ends: &[u32], weights: &[Lanes], others: &[Lane], middle: &Lane) -> [Lane; 2] {
    let (mut squares, mut products, mut before) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let mut start = 0;
    for &end in ends {
        let end = end as usize;
        let (mut size, mut sum) = ([0.0; LANES], [0.0; LANES]);
        for (weights, other) in weights[start..end].iter().zip(&others[start..end]) {
            for lane in 0..LANES {
                let weight = f64::from(weights[lane]);
                size[lane] += weight;
                sum[lane] += weight * other[lane];
            }
        }
        for lane in 0..LANES {
            let position = before[lane] + 0.5 * size[lane] - middle[lane];
            squares[lane] += size[lane] * position * position;
            products[lane] += sum[lane] * position;
            before[lane] += size[lane];
        }
        start = end;
    }
    [squares, products]
}

/// Groups of [`deciles`].
pub(super) const DECILES: usize = 10;

/// Sums of two columns over ten groups of equal size by score, in every lane. A tie block across a border is in both groups, in
/// proportion.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn deciles(positions: &Positions, columns: [&[f64]; 2]) -> [[[f64; 2]; DECILES]; LANES] {
    let mut groups = [[[0.0; 2]; DECILES]; LANES];
    let border = |group: usize, lane: usize| positions.totals[lane] * group as f64 / DECILES as f64;
    let mut open = [0; LANES];
    let (mut before, mut next): (Lane, Lane) = ([0.0; LANES], std::array::from_fn(|lane| border(1, lane)));
    // What the open group of each lane has so far.
    let mut sums = [[0.0; LANES]; 2];
    let mut start = 0;
    for &end in &positions.prepared.ranking.ends {
        let end = end as usize;
        let Block { size, sums: inside } =
            block(&positions.weights[start..end], columns.map(|column| &column[start..end]));
        let after: Lane = std::array::from_fn(|lane| before[lane] + size[lane]);
        if (0..LANES).all(|lane| after[lane] <= next[lane]) {
            for (sums, inside) in sums.iter_mut().zip(&inside) {
                (0..LANES).for_each(|lane| sums[lane] += inside[lane]);
            }
        } else {
            for lane in (0..LANES).filter(|&lane| size[lane] > 0.0) {
                let mut from = before[lane];
                loop {
                    let last = open[lane] + 1 == DECILES;
                    let to = if last { after[lane] } else { after[lane].min(next[lane]) };
                    let share = (to - from) / size[lane];
                    (0..2).for_each(|part| sums[part][lane] += share * inside[part][lane]);
                    if last || after[lane] <= next[lane] {
                        break;
                    }
                    // The rest is of the next group.
                    groups[lane][open[lane]] = [sums[0][lane], sums[1][lane]];
                    sums.iter_mut().for_each(|sums| sums[lane] = 0.0);
                    (open[lane], from) = (open[lane] + 1, next[lane]);
                    next[lane] =
                        if open[lane] + 1 == DECILES { f64::INFINITY } else { border(open[lane] + 1, lane) };
                }
            }
        }
        (before, start) = (after, end);
    }
    for lane in 0..LANES {
        groups[lane][open[lane]] = [sums[0][lane], sums[1][lane]];
    }
    groups
}

/// Size and sums of a tie block.
struct Block {
    size: Lane,
    sums: [Lane; 2],
}

#[inline(always)]
fn block(weights: &[Lanes], columns: [&[f64]; 2]) -> Block {
    let mut found = Block { size: [0.0; LANES], sums: [[0.0; LANES]; 2] };
    for (weights, (left, right)) in weights.iter().zip(columns[0].iter().zip(columns[1])) {
        for (lane, weight) in weights.map(f64::from).into_iter().enumerate() {
            found.size[lane] += weight;
            found.sums[0][lane] += weight * left;
            found.sums[1][lane] += weight * right;
        }
    }
    found
}
