//! Columns cut into bins, once per training set: all that a split search looks at.

use rayon::prelude::*;
use valor_data::Matrix;
use valor_data::encode::{ColumnKind, MOST_CODES};

/// The bin of a missing value.
pub(super) const MISSING_BIN: u8 = u8::MAX;
/// Most bins of a column.
pub const MOST_BINS: usize = MISSING_BIN as usize;
// The encoder puts the rarest levels where they share the last bin.
const _: () = assert!(MOST_BINS == MOST_CODES);

/// One column of the training rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What it holds.
    pub kind: ColumnKind,
    /// Bin `b` of a number holds values up to `edges[b]` and above `edges[b - 1]`; the last one has no edge. Empty for
    /// levels, whose bins are their codes.
    pub edges: Vec<f32>,
    /// Number of bins; the missing one is not counted.
    pub bins: usize,
    /// One bin per training row.
    pub codes: Vec<u8>,
}

/// The training rows, column by column.
#[derive(Clone, Debug, PartialEq)]
pub struct Binned {
    /// One per feature.
    pub columns: Vec<Column>,
}

impl Binned {
    /// The given rows of `features`, NaN where missing, in at most `bins` bins per column. A column with no more
    /// distinct values than bins has one bin for each; otherwise bins hold about equally many rows. Levels beyond [`MOST_BINS`]
    /// share the last one.
    pub fn new(features: &Matrix, rows: &[u32], kinds: &[ColumnKind], bins: usize) -> Self {
        let bins = bins.clamp(2, MOST_BINS);
        let column = |(index, kind): (usize, &ColumnKind)| {
            let values: Vec<f32> =
                rows.iter().map(|&row| features.values[row as usize * features.columns + index]).collect();
            Column::new(*kind, &values, bins)
        };
        Self { columns: kinds.par_iter().enumerate().map(column).collect() }
    }
}

impl Column {
    fn new(kind: ColumnKind, values: &[f32], most: usize) -> Self {
        match kind {
            ColumnKind::Number | ColumnKind::Step { .. } => {
                let edges = edges(values, most);
                let codes = values.iter().map(|&value| number_bin(&edges, value)).collect();
                Self { kind, bins: edges.len() + 1, edges, codes }
            }
            ColumnKind::Levels(levels) => {
                let codes = values.iter().map(|&value| level_bin(value)).collect();
                Self { kind, bins: levels.clamp(1, MOST_BINS), edges: Vec::new(), codes }
            }
        }
    }
}

fn number_bin(edges: &[f32], value: f32) -> u8 {
    match value.is_nan() {
        true => MISSING_BIN,
        false => edges.partition_point(|&edge| edge < value) as u8,
    }
}

/// The bin of a level's code.
pub(super) fn level_bin(code: f32) -> u8 {
    match code.is_nan() {
        true => MISSING_BIN,
        false => code.clamp(0.0, (MOST_BINS - 1) as f32) as u8,
    }
}

/// Edges between bins, ascending. Each lies below the least value of the bin above it.
fn edges(values: &[f32], most: usize) -> Vec<f32> {
    let sorted = ascending(values);
    let changes: Vec<usize> = (1..sorted.len()).filter(|&place| sorted[place - 1] < sorted[place]).collect();
    let chosen = if changes.len() < most { changes } else { quantiles(&changes, sorted.len(), most) };
    chosen.into_iter().map(|place| between(sorted[place - 1], sorted[place])).collect()
}

/// Values that are no gaps in the order of `f32::total_cmp`: sorted as whole numbers, which is several times as fast.
fn ascending(values: &[f32]) -> Vec<f32> {
    // The sign turned and, of negative numbers, all other bits: the bits are then in the order of the numbers.
    let turned = |bits: i32| bits ^ (((bits >> 31) as u32) >> 1) as i32;
    let known = values.iter().filter(|value| !value.is_nan());
    let mut keys: Vec<i32> = known.map(|value| turned(value.to_bits() as i32)).collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| f32::from_bits(turned(key) as u32)).collect()
}

/// Of the places where sorted values change, those next above the quantiles.
fn quantiles(changes: &[usize], rows: usize, most: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = (1..most)
        .filter_map(|part| {
            let wanted = part * rows / most;
            changes.get(changes.partition_point(|&place| place < wanted)).copied()
        })
        .collect();
    chosen.dedup();
    chosen
}

/// A number that is at least `low` and below `high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = low + (high - low) / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn column(values: &[f32], most: usize) -> Column {
        Column::new(ColumnKind::Number, values, most)
    }

    #[test]
    fn few_values_have_a_bin_each() {
        let found = column(&[3.0, 1.0, f32::NAN, 2.0, 1.0], 255);
        assert_eq!(found.edges, [1.5, 2.5]);
        assert_eq!(found.codes, [2, 0, MISSING_BIN, 1, 0]);
        assert_eq!(found.bins, 3);
    }

    #[test]
    fn many_values_fill_bins_alike() {
        let values: Vec<f32> = (0..1000).map(|value| (value * 7 % 1000) as f32).collect();
        let found = column(&values, 5);
        assert_eq!(found.edges, [199.5, 399.5, 599.5, 799.5]);
    }

    #[test]
    fn whole_numbers_sort_as_the_numbers_do() {
        let wild = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MIN_POSITIVE,
            -3e38,
            1e-45,
            f32::NAN,
            -7.5,
        ];
        let mut sorted: Vec<f32> = wild.into_iter().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f32::total_cmp);
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(ascending(&wild)), bits(sorted));
    }

    #[test]
    fn constant_and_empty_columns_have_one_bin() {
        assert_eq!(column(&[4.0; 9], 255).bins, 1);
        assert_eq!(column(&[f32::NAN; 3], 255).bins, 1);
        assert_eq!(column(&[], 255).bins, 1);
    }

    #[test]
    fn neighbouring_floats_are_told_apart() {
        let (low, high) = (1.0_f32, f32::from_bits(1.0_f32.to_bits() + 1));
        let found = column(&[low, high, f32::MAX, f32::MIN], 255);
        assert_eq!(found.codes, [1, 2, 3, 0]);
    }

    #[test]
    fn levels_beyond_the_bins_share_the_last() {
        let found = Column::new(ColumnKind::Levels(300), &[0.0, 254.0, 299.0, f32::NAN], 255);
        assert_eq!(found.codes, [0, 254, 254, MISSING_BIN]);
        assert_eq!(found.bins, MOST_BINS);
    }

    proptest! {
        #[test]
        fn order_is_kept(values in prop::collection::vec(-50i16..50, 1..200), most in 2usize..40) {
            let values: Vec<f32> = values.into_iter().map(f32::from).collect();
            let found = column(&values, most);
            prop_assert!(found.bins <= most);
            for (left, code) in values.iter().zip(&found.codes) {
                for (right, other) in values.iter().zip(&found.codes) {
                    prop_assert!(left > right || code <= other);
                }
            }
        }
    }
}
