//! The chance of being treated where nobody knows it: logistic regression on the training rows.

#[cfg(test)]
mod tests;

use super::Matrix;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, s};
use rayon::prelude::*;

/// Penalty on half the squared coefficients, in units of rows.
pub const RIDGE: f64 = 1.0;

/// Smallest and largest estimate.
pub const LIMITS: [f64; 2] = [0.01, 0.99];

/// An estimate of `P(T = 1 | x)` by ridge logistic regression of treatment on the encoded features.
///
/// ```text
/// e(x) = clip(sigmoid(a + b x), 0.01, 0.99)
/// a, b = argmin  sum over training rows [ log(1 + exp(a + b x)) - t (a + b x) ]  +  RIDGE |b|^2 / 2
/// ```
///
/// The ridge keeps `b` finite and unique where features separate the arms or repeat each other. The clip bounds
/// the weight of a row by 100. Newton's method; the result does not depend on the number of threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Propensity {
    /// The coefficients, then the intercept.
    parameters: Array1<f64>,
}

impl Propensity {
    /// Learns from the rows `train`; `treatment` has one entry per row of `features`.
    pub fn fit(features: &Matrix, treatment: &[bool], train: &[u32]) -> Self {
        let regression = Regression { features, treatment, rows: train };
        let mut parameters = regression.start();
        for _ in 0..ITERATIONS {
            let Some(step) = regression.step(&parameters) else { break };
            parameters += &step;
            if largest(&step) <= TOLERANCE {
                break;
            }
        }
        Self { parameters }
    }

    /// Estimates for the given rows, in the given order; inside `LIMITS`.
    pub fn predict(&self, features: &Matrix, rows: &[u32]) -> Vec<f64> {
        let estimate = |rows| {
            let logits = design(features, rows).dot(&self.parameters);
            logits.into_iter().map(|logit| sigmoid(logit).clamp(LIMITS[0], LIMITS[1]))
        };
        rows.par_chunks(BLOCK).flat_map_iter(estimate).collect()
    }
}

/// Newton's method needs about six; this many only where it goes nowhere.
const ITERATIONS: usize = 50;

/// A step this small is the last one: the error after it is of the order of its square.
const TOLERANCE: f64 = 1e-8;

/// What rounding may add to a loss that does not grow.
const ROUNDING: f64 = 1e-12;

/// Rows that are widened to `f64` at a time.
const BLOCK: usize = 512;

/// Parts that are summed on their own, whatever the number of threads.
const PARTS: usize = 16;

/// The rows to learn from.
struct Regression<'a> {
    features: &'a Matrix,
    treatment: &'a [bool],
    rows: &'a [u32],
}

impl Regression<'_> {
    /// No coefficients, and the log odds of the arms; half a row more in each keeps them finite.
    fn start(&self) -> Array1<f64> {
        let treated = self.rows.iter().filter(|&&row| self.treatment[row as usize]).count() as f64;
        let control = self.rows.len() as f64 - treated;
        let mut parameters = Array1::zeros(self.features.columns + 1);
        parameters[self.features.columns] = ((treated + 0.5) / (control + 0.5)).ln();
        parameters
    }

    /// Newton's step, halved until the loss does not grow; none where the curvature has vanished.
    fn step(&self, parameters: &Array1<f64>) -> Option<Array1<f64>> {
        let Slope { gradient, curvature } = self.slope(parameters);
        let mut step = solve(curvature, gradient)?;
        let loss = self.loss(parameters);
        while self.loss(&(parameters + &step)) > loss * (1.0 + ROUNDING) && largest(&step) > TOLERANCE {
            step *= 0.5;
        }
        Some(step)
    }

    fn loss(&self, parameters: &Array1<f64>) -> f64 {
        let block = |rows: &[u32]| {
            let logits = design(self.features, rows).dot(parameters);
            let losses = logits.iter().zip(rows).map(|(logit, &row)| {
                let chosen = if self.treatment[row as usize] { *logit } else { 0.0 };
                logit.max(0.0) + (-logit.abs()).exp().ln_1p() - chosen
            });
            losses.sum::<f64>()
        };
        let parts = self.parts(|rows| rows.chunks(BLOCK).map(block).sum::<f64>());
        let coefficients = parameters.slice(s![..self.features.columns]);
        parts.iter().sum::<f64>() + 0.5 * RIDGE * coefficients.dot(&coefficients)
    }

    fn slope(&self, parameters: &Array1<f64>) -> Slope {
        let part = |rows: &[u32]| {
            let mut slope = Slope::zero(parameters.len());
            rows.chunks(BLOCK).for_each(|rows| slope.add(self, rows, parameters));
            slope
        };
        let mut total = Slope::zero(parameters.len());
        for part in self.parts(part) {
            total.gradient += &part.gradient;
            total.curvature += &part.curvature;
        }
        for column in 0..self.features.columns {
            total.gradient[column] -= RIDGE * parameters[column];
            total.curvature[[column, column]] += RIDGE;
        }
        total
    }

    /// What `sum` makes of each part of the rows, in order.
    fn parts<S: Send>(&self, sum: impl Fn(&[u32]) -> S + Send + Sync) -> Vec<S> {
        self.rows.par_chunks(self.rows.len().div_ceil(PARTS).max(1)).map(sum).collect()
    }
}

/// Derivatives of the negative loss (first) and the loss (second) by the parameters.
struct Slope {
    gradient: Array1<f64>,
    curvature: Array2<f64>,
}

impl Slope {
    fn zero(parameters: usize) -> Self {
        Self { gradient: Array1::zeros(parameters), curvature: Array2::zeros((parameters, parameters)) }
    }

    /// `x (t - e)` and `x x' e (1 - e)`, summed over a block of rows.
    fn add(&mut self, regression: &Regression, rows: &[u32], parameters: &Array1<f64>) {
        let mut design = design(regression.features, rows);
        let logits = design.dot(parameters);
        for ((mut x, logit), row) in design.outer_iter_mut().zip(logits).zip(rows) {
            let chance = sigmoid(logit);
            let treated = f64::from(u8::from(regression.treatment[*row as usize]));
            self.gradient.scaled_add(treated - chance, &x);
            x *= (chance * (1.0 - chance)).sqrt();
        }
        general_mat_mul(1.0, &design.t(), &design, 1.0, &mut self.curvature);
    }
}

/// The features of some rows, and a column of ones for the intercept.
fn design(features: &Matrix, rows: &[u32]) -> Array2<f64> {
    let mut design = Array2::ones((rows.len(), features.columns + 1));
    for (mut out, row) in design.outer_iter_mut().zip(rows) {
        for (out, value) in out.iter_mut().zip(features.row(*row as usize)) {
            *out = f64::from(*value);
        }
    }
    design
}

/// `matrix^-1 vector` for a symmetric positive definite matrix, by Cholesky; none for any other.
fn solve(mut matrix: Array2<f64>, mut vector: Array1<f64>) -> Option<Array1<f64>> {
    let size = vector.len();
    for row in 0..size {
        for column in 0..=row {
            let (upper, lower) = (matrix.slice(s![column, ..column]), matrix.slice(s![row, ..column]));
            let rest = matrix[[row, column]] - lower.dot(&upper);
            if row == column && (rest.is_nan() || rest <= 0.0) {
                return None;
            }
            matrix[[row, column]] = if row == column { rest.sqrt() } else { rest / matrix[[column, column]] };
        }
        vector[row] =
            (vector[row] - matrix.slice(s![row, ..row]).dot(&vector.slice(s![..row]))) / matrix[[row, row]];
    }
    for row in (0..size).rev() {
        vector[row] /= matrix[[row, row]];
        let known = vector[row];
        vector.slice_mut(s![..row]).scaled_add(-known, &matrix.slice(s![row, ..row]));
    }
    Some(vector)
}

fn largest(values: &Array1<f64>) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
