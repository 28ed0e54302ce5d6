//! Conversion probabilities set right after training.
//!
//! The focal loss is not a proper scoring rule: its minimiser is not the probability, and expectations made of it are not
//! expectations.

use crate::learner::Predictions;
use crate::objectives::{FocalZilnSpec, TermKind, TermSpec};
use serde::{Deserialize, Serialize};
use valor_base::input_error;
use valor_base::question::Arms;

/// How conversion probabilities are set right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recalibration {
    /// The focal loss's minimiser, inverted.
    ClosedForm,
    /// A monotone map per arm, fitted on the training rows.
    Isotonic,
}

impl Recalibration {
    /// Refuses what has nothing to invert.
    pub fn check(self, terms: &[TermSpec]) -> anyhow::Result<()> {
        match (self, focal(terms)) {
            (Recalibration::ClosedForm, None) => Err(input_error!(
                "recalibration \"closed-form\" inverts the focal loss, which this method does not have: use \"isotonic\""
            )),
            (Recalibration::ClosedForm, Some(_)) | (Recalibration::Isotonic, _) => Ok(()),
        }
    }
}

/// Options of the focal term among `terms`.
pub(super) fn focal(terms: &[TermSpec]) -> Option<&FocalZilnSpec> {
    terms.iter().find_map(|spec| if let TermKind::FocalZiln(focal) = &spec.term { Some(focal) } else { None })
}

/// The conversion probability at which the focal loss is least in `p`.
///
/// ```text
/// eta = B'(p) / (B'(p) - A'(p))
/// A(p) = -alpha (1-p)^gamma log p            B(p) = -(1-alpha) p^gamma log(1-p)
/// ```
///
/// since `eta A + (1 - eta) B` is stationary in `p`. Increasing in `p`, from 0 to 1.
pub(super) fn invert_focal(focal: &FocalZilnSpec, p: f64) -> f64 {
    let (alpha, gamma) = (focal.alpha, focal.gamma);
    if p <= 0.0 || p >= 1.0 {
        return p.clamp(0.0, 1.0);
    }
    let q = 1.0 - p;
    // d/dp of A and B, where p^gamma gamma / p is 0 for gamma = 0.
    let slope = |base: f64, log: f64| if gamma == 0.0 { 0.0 } else { gamma * base.powf(gamma - 1.0) * log };
    let rise = alpha * (slope(q, p.ln()) - q.powf(gamma) / p);
    let fall = (1.0 - alpha) * (p.powf(gamma) / q - slope(p, q.ln()));
    fall / (fall - rise)
}

/// What sets one replicate's conversion probabilities right, per arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "MapsWire", into = "MapsWire")]
pub struct Maps(pub Arms<Map>);

/// As a model file has them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "neither maps of control and treated nor one of all rows")]
enum MapsWire {
    Two { control: Map, treated: Map },
    One { all: Map },
}

impl From<MapsWire> for Maps {
    fn from(wire: MapsWire) -> Self {
        Self(match wire {
            MapsWire::Two { control, treated } => Arms::Two { control, treated },
            MapsWire::One { all } => Arms::One(all),
        })
    }
}

impl From<Maps> for MapsWire {
    fn from(maps: Maps) -> Self {
        match maps.0 {
            Arms::Two { control, treated } => MapsWire::Two { control, treated },
            Arms::One(all) => MapsWire::One { all },
        }
    }
}

/// An increasing function from [0, 1] to [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Map {
    /// `invert_focal`.
    Focal(FocalZilnSpec),
    /// Linear between knots, constant outside.
    Knots {
        /// Where, increasing, in [0, 1].
        from: Vec<f64>,
        /// To what, not decreasing, in [0, 1].
        to: Vec<f64>,
    },
}

/// How much better than chance two neighbouring blocks of an isotonic regression must differ to stay apart, in standard
/// errors of the difference of their values.
const APART: f64 = 3.0;
/// Largest elasticity of a map, `d log map(p) / d log p`: what a relative change of `p` is multiplied by at most. With 16 the
/// rounding of `p` to 32 bits costs at most 4 of its 24 bits.
const ELASTICITY: f64 = 16.0;

/// A smooth increasing map from probabilities to shares of 1 among `rows` (probability, 0 or 1).
///
/// ```text
/// blocks   of isotonic regression, k ones among n rows each:   v = (k + 1/2) / (n + 1),   c = mean p of the rows
/// pooled   neighbours while |v' - v| <= 3 sqrt(v (1 - v) / (n + 2) + v' (1 - v') / (n' + 2))
///          or (v' - v) / (c' - c) max(c / v, c' / v') > 16
/// map      linear through (0, h), (c, v) of each block, (1, min(1 - h, v / c of the last))        h = 1 / (2 (N + 1))
/// ```
///
/// `N` is the number of all rows. Blocks as they come out of isotonic regression are one step each, and their ends as near as two
/// rows. `v` and its variance are those of a share with the prior of Jeffreys. Pooled are first those that differ least in
/// standard errors. Sources: Schell and Singh 1997 (blocks that cannot be told apart are pooled), Oron and Flournoy 2017 (one point
/// per block, at its mean). Between blocks and beyond the first and the last the elasticity is at most 16, so that no rounding of `p`
/// counts for more, and all values are within `[h, 1 - h]`. Without rows it is the identity.
pub(super) fn isotonic(rows: Vec<(f64, f64)>) -> Map {
    if rows.is_empty() {
        return Map::Knots { from: vec![0.0, 1.0], to: vec![0.0, 1.0] };
    }
    let least = 0.5 / (rows.len() as f64 + 1.0);
    let blocks = reduced(pooled_violators(rows));
    let (mut from, mut to) = (vec![0.0], vec![least]);
    for block in &blocks {
        // A block at 0 or 1 stands for the end itself.
        if block.centre() <= 0.0 {
            to[0] = block.value();
        } else if block.centre() < 1.0 {
            from.push(block.centre());
            to.push(block.value());
        }
    }
    let end = blocks.last().map_or(1.0, |last| last.value() / last.centre());
    from.push(1.0);
    to.push(end.min(1.0 - least).max(to[to.len() - 1]));
    Map::Knots { from, to }
}

/// Isotonic regression by pool adjacent violators: blocks whose shares of 1 increase. Rows with equal probabilities count as
/// one.
fn pooled_violators(mut rows: Vec<(f64, f64)>) -> Vec<Block> {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    for (p, b) in rows {
        let row = Block { first: p, last: p, places: p, sum: b, count: 1.0 };
        match blocks.last_mut() {
            Some(last) if last.last == p => *last = last.with(&row),
            Some(_) | None => blocks.push(row),
        }
    }
    let mut pooled: Vec<Block> = Vec::new();
    for mut block in blocks {
        while let Some(before) = pooled.pop_if(|before| before.mean() >= block.mean()) {
            block = before.with(&block);
        }
        pooled.push(block);
    }
    pooled
}

/// Blocks pooled until all neighbours can be told apart and no step between them is too steep.
fn reduced(mut blocks: Vec<Block>) -> Vec<Block> {
    let mut faults: Vec<f64> = blocks.windows(2).map(fault).collect();
    while let Some((worst, _)) =
        faults.iter().enumerate().filter(|(_, fault)| **fault >= 1.0).max_by(|a, b| a.1.total_cmp(b.1))
    {
        let right = blocks.remove(worst + 1);
        faults.remove(worst);
        blocks[worst] = blocks[worst].with(&right);
        for pair in worst.saturating_sub(1)..(worst + 1).min(faults.len()) {
            faults[pair] = fault(&blocks[pair..pair + 2]);
        }
    }
    blocks
}

/// How much two neighbours ask to be pooled: 1 or more where they must.
fn fault(pair: &[Block]) -> f64 {
    let [left, right] = pair else { return 0.0 };
    let rise = right.value() - left.value();
    if rise <= 0.0 {
        return f64::INFINITY;
    }
    let error = (left.variance() + right.variance()).sqrt();
    let slope = rise / (right.centre() - left.centre());
    let steepest = (left.centre() / left.value()).max(right.centre() / right.value());
    (APART * error / rise).max(slope * steepest / ELASTICITY)
}

/// Neighbouring probabilities with one value.
#[derive(Clone, Copy, Debug)]
struct Block {
    first: f64,
    last: f64,
    /// Sum of the probabilities.
    places: f64,
    /// Sum of what is regressed.
    sum: f64,
    count: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Mean probability, never outside the block by rounding.
    fn centre(&self) -> f64 {
        (self.places / self.count).clamp(self.first, self.last)
    }

    /// `(k + 1/2) / (n + 1)`
    fn value(&self) -> f64 {
        (self.sum + 0.5) / (self.count + 1.0)
    }

    /// Of `value`, as of a share whose prior is Jeffreys'.
    fn variance(&self) -> f64 {
        self.value() * (1.0 - self.value()) / (self.count + 2.0)
    }

    fn with(&self, next: &Block) -> Self {
        Self {
            first: self.first,
            last: next.last,
            places: self.places + next.places,
            sum: self.sum + next.sum,
            count: self.count + next.count,
        }
    }
}

impl Map {
    /// The corrected probability.
    pub fn apply(&self, p: f64) -> f64 {
        match self {
            Map::Focal(focal) => invert_focal(focal, p),
            Map::Knots { from, to } => interpolate(from, to, p),
        }
    }
}

fn interpolate(from: &[f64], to: &[f64], p: f64) -> f64 {
    let above = from.partition_point(|&knot| knot < p);
    if above == 0 || above == from.len() {
        return to[above.min(to.len() - 1)];
    }
    let (left, right) = (above - 1, above);
    let share = (p - from[left]) / (from[right] - from[left]);
    // Rounding must not carry the last place before a knot above it.
    (to[left] + share * (to[right] - to[left])).min(to[right])
}

impl Maps {
    /// Corrects conversions, the expectations made of them, and so uplift.
    pub fn apply(&self, predictions: &mut Predictions) {
        let Some(conversion) = &mut predictions.conversion else { return };
        let maps = self.0.as_ref().zip(conversion.as_mut());
        let arms = maps.and_then(|maps| maps.zip(predictions.expected.as_mut()));
        for ((map, conversions), expectations) in arms.map(Arms::into_vec).unwrap_or_default() {
            for (p, expected) in conversions.iter_mut().zip(expectations) {
                let right = map.apply(f64::from(*p));
                if *p > 0.0 {
                    *expected = (f64::from(*expected) * right / f64::from(*p)) as f32;
                }
                *p = right as f32;
            }
        }
        predictions.rank();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use valor_base::seed::Seeds;

    #[test]
    fn the_focal_minimiser_is_inverted() {
        for (alpha, gamma) in [(0.75, 2.0), (0.5, 0.0), (0.25, 1.0), (0.9, 3.5)] {
            let focal = FocalZilnSpec { alpha, gamma };
            for eta in [0.02, 0.18, 0.5, 0.9] {
                let loss = |p: f64| {
                    -eta * alpha * (1.0 - p).powf(gamma) * p.ln()
                        - (1.0 - eta) * (1.0 - alpha) * p.powf(gamma) * (1.0 - p).ln()
                };
                let (mut low, mut high) = (1e-9, 1.0 - 1e-9);
                for _ in 0..200 {
                    let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
                    if loss(left) < loss(right) { high = right } else { low = left }
                }
                let found = invert_focal(&focal, 0.5 * (low + high));
                assert!((found - eta).abs() < 1e-6, "{alpha} {gamma} {eta}: {found}");
            }
        }
        assert_eq!(invert_focal(&FocalZilnSpec::default(), 0.0), 0.0);
    }

    fn fixtures() -> serde_json::Value {
        let text = include_str!("../../../../fixtures/terms.json");
        serde_json::from_str::<serde_json::Value>(text).unwrap()["recalibration"].clone()
    }

    fn numbers(value: &serde_json::Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    }

    /// Derivatives by automatic differentiation.
    #[test]
    fn the_closed_form_is_that_of_pytorch() {
        for case in fixtures()["focal"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let focal = FocalZilnSpec { alpha: number("alpha"), gamma: number("gamma") };
            for (p, eta) in numbers(&case["p"]).into_iter().zip(numbers(&case["eta"])) {
                let found = invert_focal(&focal, p);
                assert!((found - eta).abs() < 1e-9, "{focal:?} at {p}: {found} instead of {eta}");
            }
        }
    }

    /// The blocks before any is pooled for nearness: their two ends are knots, as in scikit-learn.
    fn steps(rows: Vec<(f64, f64)>) -> Map {
        let blocks = pooled_violators(rows);
        let ends = |block: &Block| {
            let count = if block.last > block.first { 2 } else { 1 };
            [(block.first, block.mean()), (block.last, block.mean())].into_iter().take(count)
        };
        let (from, to) = blocks.iter().flat_map(ends).unzip();
        Map::Knots { from, to }
    }

    #[test]
    fn isotonic_regression_is_that_of_scikit_learn() {
        for (name, case) in fixtures()["isotonic"].as_object().unwrap() {
            let rows = numbers(&case["x"]).into_iter().zip(numbers(&case["y"])).collect();
            let map = steps(rows);
            for (at, expected) in numbers(&case["at"]).into_iter().zip(numbers(&case["predicted"])) {
                let found = map.apply(at);
                assert!((found - expected).abs() < 1e-9, "{name} at {at}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn isotonic_regression_pools_violators_and_ties() {
        let rows = vec![(0.1, 0.0), (0.2, 1.0), (0.3, 0.0), (0.3, 0.0), (0.5, 1.0), (0.7, 1.0)];
        let third = 1.0 / 3.0;
        assert_eq!(
            steps(rows.clone()),
            Map::Knots { from: vec![0.1, 0.2, 0.3, 0.5, 0.7], to: vec![0.0, third, third, 1.0, 1.0] }
        );
        // So few rows cannot be told apart: one block, its mean .35 mapped to (3 + 1/2) / (6 + 1).
        let Map::Knots { from, to } = isotonic(rows) else { panic!() };
        assert_eq!((from.len(), from[0], from[2]), (3, 0.0, 1.0));
        assert!((from[1] - 2.1 / 6.0).abs() < 1e-12 && (to[1] - 0.5).abs() < 1e-12, "{from:?} {to:?}");
        assert_eq!((to[0], to[2]), (0.5 / 7.0, 1.0 - 0.5 / 7.0));
        assert_eq!(isotonic(Vec::new()).apply(0.4), 0.4);
    }

    /// Rows of a draw: probabilities of 32 bits, clumped, near 0 and 1 or equal, and whether they came true.
    fn drawn(seed: u64) -> Vec<(f64, f64)> {
        let mut stream = Seeds::new(seed).child("isotonic").stream();
        let count = [1, 2, 3, 10, 100, 1000, 5000][stream.random_range(0..7)];
        let (bend, base) = (stream.random_range(0.2..5.0), stream.random_range(-12.0..6.0));
        let spread = [0.0, 1e-6, 0.1, 2.0, 10.0][stream.random_range(0..5)];
        let row = |_| {
            let logit: f64 = base + spread * stream.random_range(-1.0..1.0);
            let p = (1.0 / (1.0 + (-logit).exp())) as f32;
            let truth = f64::from(p).powf(bend);
            (f64::from(p), f64::from(u8::from(stream.random::<f64>() < truth)))
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn rounding_of_a_probability_counts_at_most_16_times_and_no_map_reaches_0_or_1() {
        for seed in 0..400 {
            let rows = drawn(seed);
            let map = isotonic(rows.clone());
            let Map::Knots { from, to } = &map else { panic!() };
            assert!(from.is_sorted_by(|a, b| a < b) && to.is_sorted(), "{seed}: {from:?} {to:?}");
            let least = 0.5 / (rows.len() as f64 + 1.0);
            let inside = |p: f64| (least..=1.0 - least).contains(&p);
            assert!([0.0, 1.0, f64::from(f32::MIN_POSITIVE)].map(|p| map.apply(p)).into_iter().all(inside));
            let mut places: Vec<f32> = rows.iter().map(|row| row.0 as f32).collect();
            places.extend(from.iter().map(|knot| *knot as f32).filter(|knot| *knot > 0.0));
            for p in places.into_iter().filter(|p| *p < 1.0) {
                let next = f64::from(p.next_up());
                let p = f64::from(p);
                let (found, moved) = (map.apply(p), map.apply(next));
                let factor = (moved / found - 1.0) / (next / p - 1.0);
                // What is left of 16 digits after differences of 24 bits.
                assert!((-1e-6..16.0 + 1e-4).contains(&factor), "{seed} at {p}: {found} {moved}, {factor}");
                assert!(inside(found), "{seed} at {p}: {found}");
            }
        }
    }

    #[test]
    fn neighbours_in_a_map_can_be_told_apart() {
        for seed in 0..400 {
            let blocks = reduced(pooled_violators(drawn(seed)));
            for pair in blocks.windows(2) {
                let error = (pair[0].variance() + pair[1].variance()).sqrt();
                assert!(pair[1].value() - pair[0].value() > APART * error, "{seed}: {pair:?}");
            }
        }
    }

    /// What is true stays: rows whose probabilities are twice, or the square root of, what they should be.
    #[test]
    fn a_map_finds_what_was_bent() {
        let mut stream = Seeds::new(5).child("bent").stream();
        for truth in [|p: f64| p / 2.0, |p: f64| p * p, |p: f64| p] {
            let row = |_| {
                let p = f64::from(stream.random::<f32>() * 0.8 + 0.01);
                (p, f64::from(u8::from(stream.random::<f64>() < truth(p))))
            };
            let rows: Vec<(f64, f64)> = (0..40_000).map(row).collect();
            let map = isotonic(rows.clone());
            let mean = |value: &dyn Fn(&(f64, f64)) -> f64| rows.iter().map(value).sum::<f64>() / 4e4;
            let (said, happened) = (mean(&|row| map.apply(row.0)), mean(&|row| row.1));
            assert!((said / happened - 1.0).abs() < 0.02, "{said} instead of {happened}");
            let off = mean(&|row| (map.apply(row.0) - truth(row.0)).powi(2)).sqrt();
            assert!(off < 0.02, "{off}: {map:?}");
        }
    }

    #[test]
    fn no_expectation_vanishes() {
        let rows: Vec<(f64, f64)> =
            (1..=1000).map(|row| (f64::from(row) / 1001.0, f64::from(u8::from(row > 400)))).collect();
        let map = isotonic(rows);
        let conversions: Vec<f32> = (1..1000).map(|row| row as f32 * 1e-3).collect();
        let mut predictions = Predictions::new(
            Arms::Two { control: vec![4.0; 999], treated: vec![6.0; 999] },
            Some(Arms::Two { control: conversions.clone(), treated: conversions }),
        );
        Maps(Arms::Two { control: map.clone(), treated: map }).apply(&mut predictions);
        let control = |arms: Arms<Vec<f32>>| arms.control().cloned().unwrap();
        assert!(control(predictions.expected).iter().all(|expected| *expected > 0.0));
        let inside = |p: &f32| *p > 0.0 && *p < 1.0;
        assert!(control(predictions.conversion.unwrap()).iter().all(inside));
    }

    #[test]
    fn expectations_follow_their_conversions() {
        let knots = Map::Knots { from: vec![0.0, 1.0], to: vec![0.0, 0.5] };
        let two = |control, treated| Arms::Two { control: vec![control], treated: vec![treated] };
        let mut predictions = Predictions::new(two(4.0, 6.0), Some(two(0.5, 0.75)));
        Maps(Arms::Two { control: knots.clone(), treated: knots.clone() }).apply(&mut predictions);
        assert_eq!((predictions.expected, predictions.score), (two(2.0, 3.0), vec![1.0]));
        assert_eq!(predictions.conversion, Some(two(0.25, 0.375)));
        let mut one = Predictions::new(Arms::One(vec![4.0]), Some(Arms::One(vec![0.5])));
        Maps(Arms::One(knots)).apply(&mut one);
        assert_eq!((one.score, one.expected), (vec![2.0], Arms::One(vec![2.0])));
    }
}
