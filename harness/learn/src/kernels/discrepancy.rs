//! Gaussian kernels between all rows of two arms, at several scales at once.
//!
//! ```text
//! d_ij = max(0, |x_i|^2 + |x_j|^2 - 2 x_i x_j)     k_ij = sum over s of exp(r_s d_ij)      r_s < 0
//! C_ij = w_ij sum over s of r_s exp(r_s d_ij)      half of what sum_ij w_ij k_ij gains with d_ij and d_ji
//! ```
//!
//! Rows of an arm are followed by rows of 0 up to a multiple of [`LANES`], so that each square of `LANES` rows and columns is of
//! one pair of arms. Of two squares that mirror each other, the one above the diagonal is computed.

use super::exp::exp;
use super::lanes::{LANES, Lanes, load, total};
use multiversion::multiversion;

/// Rows of both arms.
#[derive(Clone, Copy, Debug)]
pub struct Arms {
    /// Treated rows, which come first.
    pub treated: usize,
    /// Control rows.
    pub control: usize,
}

impl Arms {
    /// Rows with those of 0.
    pub fn padded(self) -> usize {
        self.start() + self.control.next_multiple_of(LANES)
    }

    /// Where control rows begin.
    pub fn start(self) -> usize {
        self.treated.next_multiple_of(LANES)
    }

    /// 1 for rows that are there.
    fn present(self) -> Vec<f32> {
        let treated = (0..self.start()).map(|row| row < self.treated);
        let control = (self.start()..self.padded()).map(|row| row - self.start() < self.control);
        treated.chain(control).map(|present| f32::from(u8::from(present))).collect()
    }
}

/// One number for each pair of arms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pairs {
    /// Of two treated rows.
    pub treated: f64,
    /// Of two control rows.
    pub control: f64,
    /// Of a treated and a control row.
    pub cross: f64,
}

/// `sum d_ij` over treated i and control j. `products` are `x_i x_j`, of which those above the diagonal are read, and
/// `squares` are `|x_i|^2`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn distances(products: &[f32], squares: &[f32], arms: Arms) -> f64 {
    let (start, width, present) = (arms.start(), arms.padded(), arms.present());
    let mut all = 0.0;
    for (row, own) in products.chunks_exact(width).zip(squares).take(arms.treated) {
        let mut sums = [0.0; LANES];
        for left in (start..width).step_by(LANES) {
            let gaps = apart(&load(&row[left..]), *own, &load(&squares[left..]));
            let there = load(&present[left..]);
            for lane in 0..LANES {
                sums[lane] += if gaps[lane] < 0.0 { 0.0 } else { gaps[lane] * there[lane] };
            }
        }
        all += total(&sums);
    }
    all
}

/// `sum k_ij` over all ordered pairs of treated, of control, and of treated and control rows (counted once); with
/// `weights` `w_ij`, `C_ij` takes the place of `products`, 0 for rows that are not there and for a row with itself.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn kernels(
    products: &mut [f32],
    squares: &[f32],
    arms: Arms,
    rates: &[f32],
    weights: Option<Pairs>,
) -> Pairs {
    let (start, width, present) = (arms.start(), arms.padded(), arms.present());
    let mut sums = Pairs::default();
    for top in (0..width).step_by(LANES) {
        for left in (top..width).step_by(LANES) {
            let weights = weights.unwrap_or_default();
            let (sum, weight) = match (top < start, left < start) {
                (true, true) => (&mut sums.treated, weights.treated),
                (false, _) => (&mut sums.control, weights.control),
                (true, false) => (&mut sums.cross, weights.cross),
            };
            let square = Square { top, left, width, weight: weight as f32 };
            let (found, slopes) = square.kernels(products, squares, &present, rates);
            // A square of two arms, and one on the diagonal, stand for themselves.
            let twice = left != top && (top < start) == (left < start);
            *sum += if twice { 2.0 * found } else { found };
            square.put(products, &slopes);
        }
    }
    sums
}

/// `sum_j C_ij` for each row.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn row_sums(slopes: &[f32], width: usize) -> Vec<f32> {
    let mut found = vec![0.0; slopes.len() / width];
    for (found, row) in found.iter_mut().zip(slopes.chunks_exact(width)) {
        let mut sums = [0.0; LANES];
        for row in row.chunks_exact(LANES) {
            for lane in 0..LANES {
                sums[lane] += row[lane];
            }
        }
        *found = total(&sums) as f32;
    }
    found
}

/// Squared distances as they are rounded: perhaps below 0.
#[inline(always)]
fn apart(products: &Lanes, own: f32, squares: &Lanes) -> Lanes {
    let mut gaps = [0.0; LANES];
    for lane in 0..LANES {
        gaps[lane] = own + squares[lane] - 2.0 * products[lane];
    }
    gaps
}

/// `LANES` rows and columns of a table.
struct Square {
    top: usize,
    left: usize,
    /// Of the table.
    width: usize,
    weight: f32,
}

impl Square {
    /// Sum of kernels, and `C_ij`.
    #[inline(always)]
    fn kernels(
        &self,
        products: &[f32],
        squares: &[f32],
        present: &[f32],
        rates: &[f32],
    ) -> (f64, [Lanes; LANES]) {
        let (columns, there) = (load(&squares[self.left..]), load(&present[self.left..]));
        let (mut sums, mut slopes) = ([0.0; LANES], [[0.0; LANES]; LANES]);
        for (row, slopes) in slopes.iter_mut().enumerate() {
            let place = self.top + row;
            let products = load(&products[place * self.width + self.left..]);
            let mut gaps = apart(&products, squares[place], &columns);
            if self.top == self.left {
                gaps[row] = 0.0;
            }
            let (mut kernels, mut steeps) = ([0.0; LANES], [0.0; LANES]);
            for &rate in rates {
                for lane in 0..LANES {
                    let gap = if gaps[lane] < 0.0 { 0.0 } else { gaps[lane] };
                    let kernel = exp(gap * rate);
                    kernels[lane] += kernel;
                    steeps[lane] += kernel * rate;
                }
            }
            let (present, weight) = (present[place], present[place] * self.weight);
            for lane in 0..LANES {
                sums[lane] += kernels[lane] * (there[lane] * present);
                let steep = steeps[lane] * (there[lane] * weight);
                slopes[lane] = if gaps[lane] < 0.0 { 0.0 } else { steep };
            }
            if self.top == self.left {
                slopes[row] = 0.0;
            }
        }
        (total(&sums), slopes)
    }

    /// Writes the square and its mirror.
    #[inline(always)]
    fn put(&self, table: &mut [f32], slopes: &[Lanes; LANES]) {
        for (row, slopes) in slopes.iter().enumerate() {
            table[(self.top + row) * self.width + self.left..][..LANES].copy_from_slice(slopes);
        }
        if self.top == self.left {
            return;
        }
        for column in 0..LANES {
            let out = &mut table[(self.left + column) * self.width + self.top..][..LANES];
            for row in 0..LANES {
                out[row] = slopes[row][column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in a plane by arm, `x_i x_j` above the diagonal, and `|x_i|^2`.
    fn points(arms: Arms) -> (Vec<[f32; 2]>, Vec<f32>, Vec<f32>) {
        let present = arms.present();
        let point = |row: usize| {
            let angle = row as f32;
            [angle.sin() * present[row], (1.7 * angle).cos() * present[row]]
        };
        let points: Vec<[f32; 2]> = (0..arms.padded()).map(point).collect();
        let product = |a: [f32; 2], b: [f32; 2]| a[0] * b[0] + a[1] * b[1];
        let squares = points.iter().map(|&point| product(point, point)).collect();
        let mut products = vec![f32::NAN; points.len() * points.len()];
        for (row, &a) in points.iter().enumerate() {
            // Squares of rows and columns on the diagonal are read whole.
            for (column, &b) in points.iter().enumerate().skip(row / LANES * LANES) {
                products[row * points.len() + column] = product(a, b);
            }
        }
        (points, products, squares)
    }

    #[test]
    fn sums_and_slopes_are_those_of_all_pairs_one_by_one() {
        let rates = [-2.0f32, -0.3];
        for (treated, control) in [(1, 1), (16, 5), (40, 33), (3, 64)] {
            let arms = Arms { treated, control };
            let (points, mut products, squares) = points(arms);
            let weights = Pairs { treated: 0.5, control: 0.25, cross: -2.0 };
            let all = distances(&products, &squares, arms);
            let found = kernels(&mut products, &squares, arms, &rates, Some(weights));
            let present = arms.present();
            let (mut sums, mut apart) = (Pairs::default(), 0.0);
            for row in 0..points.len() {
                for column in 0..points.len() {
                    let gap = |axis: usize| f64::from(points[row][axis] - points[column][axis]);
                    let there = f64::from(present[row] * present[column]);
                    let distance = gap(0) * gap(0) + gap(1) * gap(1);
                    let kernel = |rate: &f32| (distance * f64::from(*rate)).exp() * there;
                    let steep: f64 = rates.iter().map(|rate| f64::from(*rate) * kernel(rate)).sum();
                    let kernels: f64 = rates.iter().map(kernel).sum();
                    let weight = match (row < arms.start(), column < arms.start()) {
                        (true, true) => (weights.treated, &mut sums.treated),
                        (false, false) => (weights.control, &mut sums.control),
                        (true, false) => {
                            apart += distance * there;
                            (weights.cross, &mut sums.cross)
                        }
                        (false, true) => (weights.cross, &mut 0.0),
                    };
                    *weight.1 += kernels;
                    let slope = f64::from(products[row * points.len() + column]);
                    let expected = if row == column { 0.0 } else { weight.0 * steep };
                    assert!(
                        (slope - expected).abs() < 1e-5,
                        "{arms:?}, {row}, {column}: {slope}, {expected}"
                    );
                }
            }
            let near = |found: f64, sum: f64| (found - sum).abs() < 1e-5 * sum;
            assert!(near(all, apart), "{arms:?}: {all} instead of {apart}");
            assert!(near(found.treated, sums.treated), "{arms:?}: {found:?} instead of {sums:?}");
            assert!(near(found.control, sums.control), "{arms:?}: {found:?} instead of {sums:?}");
            assert!(near(found.cross, sums.cross), "{arms:?}: {found:?} instead of {sums:?}");
            let sum = products[..arms.padded()].iter().map(|&slope| f64::from(slope)).sum::<f64>();
            assert!((f64::from(row_sums(&products, arms.padded())[0]) - sum).abs() < 1e-4);
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let arms = Arms { treated: 20, control: 20 };
        for row in [0, 19, 33] {
            let (_, mut products, mut squares) = points(arms);
            squares[row] = f32::NAN;
            let all = distances(&products, &squares, arms);
            let found = kernels(&mut products, &squares, arms, &[-1.0], None);
            assert!(all.is_nan() && found.cross.is_nan(), "{all}, {found:?}");
        }
    }
}
