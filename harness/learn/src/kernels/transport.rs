//! Entropic transport between two sets of points, in single precision.
//!
//! ```text
//! M_ij = sqrt(max(d_ij, 1e-10)) or max(d_ij, 0)        K_ij = exp(-s M_ij) + floor
//! u = a;  repeat: v_j = b_j / sum_i K_ij u_i,  u_i = a_i / sum_j K_ij v_j;  v once more
//! T_ij = u_i K_ij v_j       C_ij = dM_ij/dd_ij 2 T_ij
//! ```
//!
//! A table's rows are padded with 0 to a multiple of [`LANES`]. A dummy is a row and a column more.

use super::exp::exp;
use super::lanes::{LANES, product, total};
use multiversion::multiversion;

/// Squared distances are not taken below this before their root.
pub const SMALLEST_SQUARE: f32 = 1e-10;
/// Scalings divide by no less: an arm without mass has finite ones.
pub const SMALLEST_SUM: f32 = 1e-30;

/// What a table of costs is of.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Points that mass comes from.
    pub rows: usize,
    /// Points that it goes to.
    pub columns: usize,
    /// Whether mass may go to a dummy row and column.
    pub dummy: bool,
    /// Whether costs are squared distances.
    pub squared: bool,
    /// Whether rows and columns are the same points.
    pub within: bool,
}

impl Shape {
    /// Rows of the table.
    pub fn height(self) -> usize {
        self.rows + usize::from(self.dummy)
    }

    /// Numbers of a row of the table.
    pub fn width(self) -> usize {
        (self.columns + usize::from(self.dummy)).next_multiple_of(LANES)
    }
}

/// Puts costs where the products `x_i x_j` stand in the table, `squares` being `|x_i|^2` and `|x_j|^2`. The dummy costs as much
/// as the dearest pair, its corner nothing. Gives the sum of costs over pairs.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn costs(table: &mut [f32], squares: [&[f32]; 2], shape: Shape) -> f64 {
    let [own, squares] = squares;
    let Shape { rows, columns, dummy, squared, within } = shape;
    let width = shape.width();
    let least = if squared { 0.0 } else { SMALLEST_SQUARE };
    let mut others = vec![0.0; width];
    others[..columns].copy_from_slice(&squares[..columns]);
    let (mut all, mut most) = (0.0, [0.0f32; LANES]);
    for (place, (row, &own)) in table.chunks_exact_mut(width).zip(own).take(rows).enumerate() {
        for (cost, other) in row.iter_mut().zip(&others) {
            let gap = own + other - 2.0 * *cost;
            let gap = if gap < least { least } else { gap };
            *cost = if squared { gap } else { gap.sqrt() };
        }
        // Whatever stood beside the products.
        row[columns..].fill(0.0);
        let mut sums = [0.0; LANES];
        for costs in row.chunks_exact(LANES) {
            for lane in 0..LANES {
                sums[lane] += costs[lane];
                most[lane] = if costs[lane] > most[lane] { costs[lane] } else { most[lane] };
            }
        }
        if within {
            // Exactly as far from itself as a point can be.
            let itself = if squared { 0.0 } else { SMALLEST_SQUARE.sqrt() };
            sums[0] += itself - row[place];
            row[place] = itself;
        }
        all += total(&sums);
    }
    if dummy {
        let most = most.iter().fold(0.0, |most, &cost| if cost > most { cost } else { most });
        table.chunks_exact_mut(width).take(rows).for_each(|row| row[columns] = most);
        let last = &mut table[rows * width..][..width];
        last.fill(0.0);
        last[..columns].fill(most);
    }
    all
}

/// How a plan is found.
#[derive(Clone, Copy, Debug)]
pub struct Scaling {
    /// `s`.
    pub sharpness: f32,
    /// What is added to the kernel; above 0.
    pub floor: f32,
    /// How often both sides are scaled.
    pub iterations: usize,
    /// Mass of the points of each side together, and of each dummy.
    pub mass: f32,
}

/// A plan, priced.
#[derive(Clone, Debug)]
pub struct Transported {
    /// `2 sum T_ij M_ij`, dummies included.
    pub cost: f64,
    /// `sum_j C_ij`.
    pub rows: Vec<f32>,
    /// `sum_i C_ij`.
    pub columns: Vec<f32>,
}

/// What the plan costs; leaves `C_ij` in `kernel`, a table as that of the costs: 0 for dummies and for a point with itself.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub fn transport(costs: &[f32], kernel: &mut [f32], shape: Shape, scaling: &Scaling) -> Transported {
    let (u, v) = scalings(costs, kernel, shape, scaling);
    priced(costs, kernel, shape, [&u, &v])
}

/// Masses of the points, then of the dummy, then 0.
fn masses(points: usize, length: usize, dummy: bool, mass: f32) -> Vec<f32> {
    let mut masses = vec![0.0; length];
    masses[..points].fill(mass / points as f32);
    if dummy {
        masses[points] = mass;
    }
    masses
}

/// `u` and `v`, and the kernel.
#[inline(always)]
fn scalings(costs: &[f32], kernel: &mut [f32], shape: Shape, scaling: &Scaling) -> (Vec<f32>, Vec<f32>) {
    let (height, width) = (shape.height(), shape.width());
    let a = masses(shape.rows, height, shape.dummy, scaling.mass);
    let b = masses(shape.columns, width, shape.dummy, scaling.mass);
    let there = shape.columns + usize::from(shape.dummy);
    let (mut u, mut v, mut sums) = (a.clone(), vec![0.0; width], vec![0.0; width]);
    for ((row, costs), &u) in kernel.chunks_exact_mut(width).zip(costs.chunks_exact(width)).zip(&u) {
        for (entry, cost) in row.iter_mut().zip(costs) {
            *entry = exp(-scaling.sharpness * cost) + scaling.floor;
        }
        row[there..].fill(0.0);
        add(&mut sums, row, u);
    }
    for _ in 0..scaling.iterations {
        divide(&mut v, &b, &mut sums);
        for ((row, u), a) in kernel.chunks_exact(width).zip(&mut u).zip(&a) {
            *u = a / at_least(product(row, &v));
            add(&mut sums, row, *u);
        }
    }
    divide(&mut v, &b, &mut sums);
    (u, v)
}

/// `sums += factor row`
#[inline(always)]
fn add(sums: &mut [f32], row: &[f32], factor: f32) {
    for (sum, entry) in sums.iter_mut().zip(row) {
        *sum += factor * entry;
    }
}

/// `v = b / sums`, and sums begin anew.
#[inline(always)]
fn divide(v: &mut [f32], b: &[f32], sums: &mut [f32]) {
    for ((v, b), sum) in v.iter_mut().zip(b).zip(sums.iter_mut()) {
        *v = b / at_least(*sum);
        *sum = 0.0;
    }
}

#[inline(always)]
fn at_least(sum: f32) -> f32 {
    if sum < SMALLEST_SUM { SMALLEST_SUM } else { sum }
}

#[inline(always)]
fn priced(costs: &[f32], kernel: &mut [f32], shape: Shape, [u, v]: [&[f32]; 2]) -> Transported {
    let width = shape.width();
    let least = SMALLEST_SQUARE.sqrt();
    let mut found = Transported { cost: 0.0, rows: vec![0.0; shape.rows], columns: vec![0.0; width] };
    for (place, ((row, costs), &u)) in
        kernel.chunks_exact_mut(width).zip(costs.chunks_exact(width)).zip(u).enumerate()
    {
        let (mut sums, mut slopes) = ([0.0; LANES], [0.0; LANES]);
        let wide = row.chunks_exact_mut(LANES).zip(costs.chunks_exact(LANES)).zip(v.chunks_exact(LANES));
        for ((row, costs), v) in wide {
            for lane in 0..LANES {
                let (plan, cost) = (row[lane] * u * v[lane], costs[lane]);
                sums[lane] += plan * cost;
                // A distance that was raised to the least one does not move.
                let root = if cost <= least { 0.0 } else { plan / cost };
                row[lane] = if shape.squared { 2.0 * plan } else { root };
            }
        }
        found.cost += 2.0 * total(&sums);
        if place == shape.rows {
            row.fill(0.0);
            continue;
        }
        row[shape.columns..].fill(0.0);
        if shape.within {
            row[place] = 0.0;
        }
        for (row, columns) in row.chunks_exact(LANES).zip(found.columns.chunks_exact_mut(LANES)) {
            for lane in 0..LANES {
                slopes[lane] += row[lane];
                columns[lane] += row[lane];
            }
        }
        found.rows[place] = total(&slopes) as f32;
    }
    found.columns.truncate(shape.columns);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on a line, `x_i x_j` in a table, and `x_i^2`.
    fn products(shape: Shape) -> (Vec<f32>, [Vec<f32>; 2]) {
        let rows: Vec<f32> = (0..shape.rows).map(|row| (row as f32).sin()).collect();
        let shift = if shape.within { 0.0 } else { 0.3 };
        let columns: Vec<f32> = (0..shape.columns).map(|column| (column as f32 + shift).sin()).collect();
        let mut table = vec![f32::NAN; shape.height() * shape.width()];
        for (row, x) in rows.iter().enumerate() {
            for (column, y) in columns.iter().enumerate() {
                table[row * shape.width() + column] = x * y;
            }
        }
        (table, [&rows, &columns].map(|points| points.iter().map(|x| x * x).collect()))
    }

    /// Plan and its price in double precision, from the same costs.
    fn plan(costs: &[f32], shape: Shape, scaling: &Scaling) -> (f64, Vec<f64>) {
        let (height, width) = (shape.height(), shape.columns + usize::from(shape.dummy));
        let cost = |row: usize, column: usize| f64::from(costs[row * shape.width() + column]);
        let kernel = |row: usize, column: usize| {
            (-f64::from(scaling.sharpness) * cost(row, column)).exp() + f64::from(scaling.floor)
        };
        let mass = |place: usize, points: usize| if place < points { 0.5 / points as f64 } else { 0.5 };
        let mut u: Vec<f64> = (0..height).map(|row| mass(row, shape.rows)).collect();
        let scaled = |u: &[f64]| -> Vec<f64> {
            let sum = |column: usize| (0..height).map(|row| kernel(row, column) * u[row]).sum::<f64>();
            (0..width).map(|column| mass(column, shape.columns) / sum(column)).collect()
        };
        for _ in 0..scaling.iterations {
            let v = scaled(&u);
            let sum = |row: usize| (0..width).map(|column| kernel(row, column) * v[column]).sum::<f64>();
            u = (0..height).map(|row| mass(row, shape.rows) / sum(row)).collect();
        }
        let v = scaled(&u);
        let plan: Vec<f64> = (0..height * width)
            .map(|place| u[place / width] * kernel(place / width, place % width) * v[place % width])
            .collect();
        let price = (0..plan.len()).map(|place| 2.0 * plan[place] * cost(place / width, place % width));
        (price.sum(), plan)
    }

    #[test]
    fn the_plan_is_that_of_double_precision() {
        let scaling = Scaling { sharpness: 3.0, floor: 1e-6, iterations: 10, mass: 0.5 };
        let shape = |rows, columns| Shape { rows, columns, dummy: true, squared: false, within: false };
        let shapes = [
            shape(1, 1),
            shape(15, 16),
            shape(40, 31),
            Shape { squared: true, ..shape(9, 20) },
            Shape { dummy: false, ..shape(33, 7) },
            Shape { dummy: false, within: true, ..shape(20, 20) },
            Shape { dummy: false, within: true, squared: true, ..shape(20, 20) },
        ];
        for shape in shapes {
            let (mut table, squares) = products(shape);
            let all = costs(&mut table, squares.each_ref().map(Vec::as_slice), shape);
            let pairs = (0..shape.rows * shape.columns)
                .map(|place| f64::from(table[place / shape.columns * shape.width() + place % shape.columns]));
            assert!((pairs.sum::<f64>() - all).abs() < 1e-5 * all, "{shape:?}: {all}");
            let mut slopes = vec![f32::NAN; table.len()];
            let found = transport(&table, &mut slopes, shape, &scaling);
            let (price, plan) = plan(&table, shape, &scaling);
            assert!((found.cost - price).abs() < 1e-5 * price, "{shape:?}: {} for {price}", found.cost);
            let (mut rows, mut columns) = (vec![0.0; shape.rows], vec![0.0; shape.columns]);
            let width = shape.columns + usize::from(shape.dummy);
            for row in 0..shape.rows {
                for column in 0..shape.columns {
                    let cost = f64::from(table[row * shape.width() + column]);
                    let plan = plan[row * width + column];
                    let raised = !shape.squared && cost <= f64::from(SMALLEST_SQUARE.sqrt());
                    let still = raised || (shape.within && row == column);
                    let slope = if shape.squared { 2.0 * plan } else { plan / cost };
                    let slope = if still { 0.0 } else { slope };
                    let own = f64::from(slopes[row * shape.width() + column]);
                    assert!((own - slope).abs() <= 1e-4 * slope, "{shape:?}: {own} instead of {slope}");
                    rows[row] += slope;
                    columns[column] += slope;
                }
            }
            for (found, sum) in found.rows.iter().chain(&found.columns).zip(rows.iter().chain(&columns)) {
                assert!((f64::from(*found) - sum).abs() <= 1e-4 * sum, "{shape:?}: {found} instead of {sum}");
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_so() {
        let shape = Shape { rows: 20, columns: 5, dummy: true, squared: false, within: false };
        let scaling = Scaling { sharpness: 3.0, floor: 1e-6, iterations: 2, mass: 0.5 };
        let (mut table, mut squares) = products(shape);
        squares[0][19] = f32::NAN;
        assert!(costs(&mut table, squares.each_ref().map(Vec::as_slice), shape).is_nan());
        let mut slopes = table.clone();
        assert!(transport(&table, &mut slopes, shape, &scaling).cost.is_nan());
    }
}
