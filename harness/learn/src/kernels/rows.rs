//! Rows of a table at given places: out of it less their mean, and sums over pairs of them back into it.

use super::lanes::product;
use multiversion::multiversion;

/// The mean row of a table of rows that are `width` wide. Single precision, row after row: it only moves the origin.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn mean(table: &[f32], width: usize) -> Vec<f32> {
    let mut mean = vec![0.0; width];
    let rows = table.len() / width.max(1);
    for row in table.chunks_exact(width.max(1)) {
        for (sum, value) in mean.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let share = 1.0 / rows.max(1) as f32;
    mean.iter_mut().for_each(|sum| *sum *= share);
    mean
}

/// The rows at `places` less `mean`, one after another into `rows`, and their squared lengths into `squares`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn take(table: &[f32], mean: &[f32], places: &[usize], rows: &mut [f32], squares: &mut [f32]) {
    let width = mean.len();
    for ((place, row), square) in places.iter().zip(rows.chunks_exact_mut(width)).zip(squares) {
        let from = &table[place * width..][..width];
        for ((out, value), mean) in row.iter_mut().zip(from).zip(mean) {
            *out = value - mean;
        }
        *square = product(row, row);
    }
}

/// Rows `x_i` that stand at `places` of a table, with what they weigh in a sum over pairs.
pub struct Pulled<'a> {
    /// `x_i`, one after another.
    pub rows: &'a [f32],
    /// Their places.
    pub places: &'a [usize],
    /// `sum_j C_ij`.
    pub sums: &'a [f32],
    /// `sum_j C_ij x_j`, one after another.
    pub products: &'a [f32],
}

/// Adds `factor * sum_j C_ij (x_i - x_j)` to each place of a table whose rows are `width` wide.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn give(table: &mut [f32], width: usize, factor: f32, pulled: &Pulled) {
    let rows = pulled.rows.chunks_exact(width).zip(pulled.products.chunks_exact(width));
    for ((place, sum), (row, product)) in pulled.places.iter().zip(pulled.sums).zip(rows) {
        let out = &mut table[place * width..][..width];
        for ((out, value), product) in out.iter_mut().zip(row).zip(product) {
            *out += factor * (sum * value - product);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_taken_less_their_mean_and_pulls_go_back_to_their_places() {
        let table = [1.0, 10.0, 2.0, 20.0, 6.0, 60.0];
        let mean = mean(&table, 2);
        assert_eq!(mean, [3.0, 30.0]);
        let (mut rows, mut squares) = (vec![0.0; 4], vec![0.0; 2]);
        take(&table, &mean, &[2, 0], &mut rows, &mut squares);
        assert_eq!(
            (rows.as_slice(), squares.as_slice()),
            (&[3.0, 30.0, -2.0, -20.0][..], &[909.0, 404.0][..])
        );
        let mut out = [1.0; 6];
        let pulled =
            Pulled { rows: &rows, places: &[2, 0], sums: &[2.0, 1.0], products: &[1.0, 0.0, 0.0, -20.0] };
        give(&mut out, 2, 2.0, &pulled);
        assert_eq!(out, [-3.0, 1.0, 1.0, 1.0, 11.0, 121.0]);
    }
}
