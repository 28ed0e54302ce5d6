//! Indices: the fixed weighted sums of features that drive a market.

use crate::draw::choose;
use rand::Rng;
use valor_base::seed::Seeds;

/// Columns that stand side by side: binary ones, then continuous ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(super) name: &'static str,
    pub(super) start: usize,
    pub(super) binary: usize,
    pub(super) continuous: usize,
}

impl Block {
    /// Its columns.
    pub(crate) fn columns(self) -> std::ops::Range<usize> {
        self.start..self.start + self.binary + self.continuous
    }
}

/// A column of an index with its weight. A binary column counts as -1 or 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) column: usize,
    pub(super) weight: f64,
    pub(super) binary: bool,
}

/// A weighted sum of signed binaries (2b-1) and continuous features, with mean 0 and variance 1.
#[derive(Clone, Debug)]
pub(super) struct Index {
    terms: Vec<Term>,
    /// `value = offset + sum(slope * x)`, which spares the recoding of the binaries.
    slopes: Vec<(usize, f64)>,
    offset: f64,
}

impl Index {
    /// Chooses `count` columns of the block and weights of unit length.
    pub(super) fn draw(block: Block, count: usize, seeds: Seeds) -> Self {
        let mut stream = seeds.stream();
        let columns = choose(block.binary + block.continuous, count, &mut stream);
        let weights: Vec<f64> = columns
            .iter()
            .map(|_| {
                let sign = if stream.random::<bool>() { 1.0 } else { -1.0 };
                sign * stream.random_range(0.5..=1.0)
            })
            .collect();
        let length = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        let term = |(column, weight): (u32, f64)| {
            let column = column as usize;
            Term { column: block.start + column, weight: weight / length, binary: column < block.binary }
        };
        Self::new(columns.into_iter().zip(weights).map(term).collect())
    }

    fn new(terms: Vec<Term>) -> Self {
        let slope = |term: &Term| (term.column, if term.binary { 2.0 * term.weight } else { term.weight });
        let offset = -terms.iter().filter(|term| term.binary).map(|term| term.weight).sum::<f64>();
        Self { slopes: terms.iter().map(slope).collect(), terms, offset }
    }

    /// The weight of a column, 0 where the index does not use it.
    fn weight(&self, column: usize) -> f64 {
        self.terms.iter().find(|term| term.column == column).map_or(0.0, |term| term.weight)
    }

    /// The index of one row of features.
    pub(super) fn value(&self, row: &[f32]) -> f64 {
        self.slopes.iter().fold(self.offset, |sum, &(column, slope)| sum + slope * f64::from(row[column]))
    }
}

/// Exact moments of `tanh` of an index.
#[derive(Clone, Copy, Debug)]
pub(super) struct TanhMoments {
    /// `E[tanh(index)^2]`.
    pub(super) square: f64,
    /// `E[other * tanh(index)]`.
    pub(super) product: f64,
}

impl TanhMoments {
    /// Moments over the distribution of the features, not over any rows.
    ///
    /// ```text
    /// index = c + s Z,  c = sum of signed binaries (enumerated),  Z ~ N(0, 1) (trapezoid rule)
    /// E[x tanh(index)] = w E[1 - tanh(index)^2]  for a continuous x of weight w (Stein)
    /// ```
    pub(super) fn new(index: &Index, other: &Index) -> Self {
        let (binary, continuous): (Vec<&Term>, Vec<&Term>) = index.terms.iter().partition(|term| term.binary);
        let spread = continuous.iter().map(|term| term.weight * term.weight).sum::<f64>().sqrt();
        let patterns = 1_u32 << binary.len();
        let (mut square, mut product) = (0.0, 0.0);
        for pattern in 0..patterns {
            let (mut centre, mut shared) = (0.0, 0.0);
            for (place, term) in binary.iter().enumerate() {
                let sign = if pattern >> place & 1 == 1 { 1.0 } else { -1.0 };
                centre += sign * term.weight;
                shared += sign * other.weight(term.column);
            }
            let (mean, mean_square) = normal_tanh(centre, spread);
            square += mean_square / f64::from(patterns);
            product += mean * shared / f64::from(patterns);
        }
        let overlap: f64 = continuous.iter().map(|term| term.weight * other.weight(term.column)).sum();
        Self { square, product: product + (1.0 - square) * overlap }
    }
}

/// `E[tanh(c + s Z)]` and `E[tanh(c + s Z)^2]` for a standard normal Z.
///
/// The trapezoid rule converges geometrically here; at this step its error is below 1e-12 for s <= 1.
fn normal_tanh(centre: f64, spread: f64) -> (f64, f64) {
    const STEP: f64 = 0.25;
    (-32..=32).fold((0.0, 0.0), |(mean, square), knot| {
        let z = f64::from(knot) * STEP;
        let weight = STEP * (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        let value = (centre + spread * z).tanh();
        (mean + weight * value, square + weight * value * value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    const BLOCK: Block = Block { name: "account", start: 3, binary: 14, continuous: 26 };

    fn rows(count: usize) -> Vec<Vec<f32>> {
        let mut stream = Seeds::new(9).stream();
        let cell = |column: usize, stream: &mut valor_base::seed::Stream| match column {
            0..3 => f32::NAN,
            3..17 => f32::from(u8::from(stream.random::<bool>())),
            _ => StandardNormal.sample(stream),
        };
        (0..count).map(|_| (0..43).map(|column| cell(column, &mut stream)).collect()).collect()
    }

    #[test]
    fn weights_have_unit_length_and_comparable_size() {
        let terms = Index::draw(BLOCK, 20, Seeds::new(1)).terms;
        assert!((terms.iter().map(|term| term.weight.powi(2)).sum::<f64>() - 1.0).abs() < 1e-12);
        let largest = terms.iter().map(|term| term.weight.abs()).fold(0.0, f64::max);
        assert!(terms.iter().all(|term| term.weight.abs() >= 0.5 * largest));
        assert!(terms.iter().any(|term| term.weight > 0.0) && terms.iter().any(|term| term.weight < 0.0));
        assert!(terms.iter().all(|term| term.binary == (term.column < 17)));
    }

    #[test]
    fn a_binary_counts_as_plus_or_minus_one() {
        let term = |column, weight, binary| Term { column, weight, binary };
        let index = Index::new(vec![term(0, 0.6, true), term(1, 0.8, false)]);
        assert!((index.value(&[1.0, 2.0]) - 2.2).abs() < 1e-12);
        assert!((index.value(&[0.0, 2.0]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn moments_agree_with_a_large_sample() {
        let sample = rows(200_000);
        for world in 0..4 {
            let index = Index::draw(BLOCK, 8, Seeds::new(world).at(0));
            let other = Index::draw(BLOCK, 20, Seeds::new(world).at(1));
            let exact = TanhMoments::new(&index, &other);
            let mean = |value: &dyn Fn(&[f32]) -> f64| {
                sample.iter().map(|row| value(row)).sum::<f64>() / sample.len() as f64
            };
            let square = mean(&|row| index.value(row).tanh().powi(2));
            let product = mean(&|row| index.value(row).tanh() * other.value(row));
            assert!((square - exact.square).abs() < 0.004, "{square} {exact:?}");
            assert!((product - exact.product).abs() < 0.008, "{product} {exact:?}");
        }
    }
}
