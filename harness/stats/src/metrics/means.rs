//! Metrics that are functions of weighted means over rows.

use super::defined::{Undefined, Value};
use super::stretch::{LANES, Lanes};
use multiversion::multiversion;

/// From the mean of each column to the metric.
type Combine = Box<dyn Fn(&[f64]) -> Value + Send + Sync>;

/// What is averaged over rows, by rank, and what is made of the averages.
pub(super) struct Means {
    columns: Vec<Vec<f64>>,
    combine: Combine,
}

impl Means {
    /// `combine` gets a mean per column.
    pub(super) fn new(
        columns: Vec<Vec<f64>>,
        combine: impl Fn(&[f64]) -> Value + Send + Sync + 'static,
    ) -> Self {
        Self { columns, combine: Box::new(combine) }
    }

    /// What is averaged, by rank.
    pub(super) fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    /// What is made of these averages.
    pub(super) fn combined(&self, means: &[f64]) -> Value {
        (self.combine)(means)
    }

    /// Where every row counts once.
    pub(super) fn value(&self) -> Value {
        let mean = |column: &Vec<f64>| column.iter().sum::<f64>() / column.len() as f64;
        (self.combine)(&self.columns.iter().map(mean).collect::<Vec<_>>())
    }

    /// Where rows count `weights` times, `rows` in all, lane by lane.
    pub(super) fn weighted(&self, weights: &[Lanes], rows: &[usize; LANES]) -> [Value; LANES] {
        let sums: Vec<[f64; LANES]> = self.columns.iter().map(|column| sums(column, weights)).collect();
        std::array::from_fn(|lane| {
            if rows[lane] == 0 {
                return Err(Undefined::new("there are no rows"));
            }
            let means: Vec<f64> = sums.iter().map(|sums| sums[lane] / rows[lane] as f64).collect();
            (self.combine)(&means)
        })
    }
}

/// The weighted sum of a column in each lane.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn sums(column: &[f64], weights: &[Lanes]) -> [f64; LANES] {
    // Two rows at a time, so that an addition need not wait for the one before.
    let mut sums = [[0.0; LANES]; 2];
    let ((values, value), (weights, weight)) = (column.as_chunks::<2>(), weights.as_chunks::<2>());
    for (values, weights) in values.iter().zip(weights) {
        for (sums, (value, weights)) in sums.iter_mut().zip(values.iter().zip(weights)) {
            (0..LANES).for_each(|lane| sums[lane] += f64::from(weights[lane]) * value);
        }
    }
    for (value, weights) in value.iter().zip(weight) {
        (0..LANES).for_each(|lane| sums[0][lane] += f64::from(weights[lane]) * value);
    }
    std::array::from_fn(|lane| sums[0][lane] + sums[1][lane])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::stretch::totals;

    #[test]
    fn every_lane_has_its_own_means() {
        let means =
            Means::new(
                vec![vec![1.0, 2.0, 6.0], vec![0.0, 3.0, 0.0]],
                |means| Ok(means[0] - 10.0 * means[1]),
            );
        assert_eq!(means.value(), Ok(3.0 - 10.0));
        let mut weights = vec![[1; LANES]; 3];
        for (weights, lane) in weights.iter_mut().zip([[0, 2], [0, 1], [0, 0]]) {
            weights[..2].copy_from_slice(&lane);
        }
        let found = means.weighted(&weights, &totals(&weights));
        assert!(found[0].is_err());
        assert_eq!((&found[1], &found[7]), (&Ok(4.0 / 3.0 - 10.0), &Ok(-7.0)));
    }
}
