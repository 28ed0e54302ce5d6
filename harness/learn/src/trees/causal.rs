//! Splits that part accounts by their treatment effect, after generalised random forests.

use super::children::{ByArm, Least};
use super::grow::{BinSums, Drawn, Rule};
use serde::{Deserialize, Serialize};

/// What is left of a row once its expected outcome and its propensity are taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Residual {
    /// `t - e(x)`.
    pub treatment: f64,
    /// `y - m(x)`, outcome units.
    pub outcome: f64,
    /// Whether it was treated.
    pub treated: bool,
}

/// A variance of this share of the mean square is rounding: rows of one arm with one propensity.
pub const ROUNDING: f64 = 1e-12;

/// Means over the rows of a leaf, or over the leaves of a forest: all that an effect is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Averages {
    /// Of `t~`.
    pub t: f64,
    /// Of `y~`.
    pub y: f64,
    /// Of `t~^2`.
    pub tt: f64,
    /// Of `t~ y~`.
    pub ty: f64,
}

impl Averages {
    /// Every mean times a number.
    pub fn times(self, factor: f64) -> Self {
        Self { t: self.t * factor, y: self.y * factor, tt: self.tt * factor, ty: self.ty * factor }
    }

    /// Sums of both.
    pub fn plus(self, other: Self) -> Self {
        Self { t: self.t + other.t, y: self.y + other.y, tt: self.tt + other.tt, ty: self.ty + other.ty }
    }

    /// Variance of `t~`.
    pub fn variance(&self) -> f64 {
        self.tt - self.t * self.t
    }

    /// Whether it is more than rounding.
    pub fn varies(&self) -> bool {
        self.variance() > ROUNDING * self.tt
    }

    /// The effect and the intercept of the regression of `y~` on `t~`; an effect of 0 where `t~` does not vary.
    ///
    /// ```text
    /// theta = (ty - t y) / (tt - t^2),   beta = y - theta t
    /// ```
    pub fn effect(&self) -> (f64, f64) {
        let theta = if self.varies() { (self.ty - self.t * self.y) / self.variance() } else { 0.0 };
        (theta, self.y - theta * self.t)
    }
}

/// Sums over weighted rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Weighted {
    count: f64,
    sums: Averages,
}

impl Weighted {
    /// Adds a row so many times.
    pub(super) fn add(&mut self, weight: u32, row: Residual) {
        let (weight, Residual { treatment: t, outcome: y, .. }) = (f64::from(weight), row);
        self.count += weight;
        self.sums.t += weight * t;
        self.sums.y += weight * y;
        self.sums.tt += weight * t * t;
        self.sums.ty += weight * t * y;
    }

    /// How many rows, and their means; zeros where there are none.
    pub(super) fn means(&self) -> (f64, Averages) {
        match self.count > 0.0 {
            true => (self.count, self.sums.times(1.0 / self.count)),
            false => Default::default(),
        }
    }
}

/// What a split gains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// What the children's effects differ by.
    Heterogeneity,
    /// What the mean squared error falls by.
    SquaredError,
}

/// What is asked of the children of a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Demands {
    /// Rows at least.
    pub rows: u64,
    /// Rows of each arm at least.
    pub arm_rows: u64,
    /// Share of the parent's rows at least.
    pub share: f64,
    /// A node with fewer rows is not split.
    pub split_rows: u64,
}

/// Splits by one gradient step from the node's own effect.
///
/// ```text
/// e_i     = y~_i - theta t~_i - beta                 theta, beta of the node
/// J       = [[mean t~^2, mean t~], [mean t~, 1]]     of the node
/// rho_c   = J^-1 (mean_c e t~, mean_c e)             c a child: the first order change of (theta, beta)
/// heterogeneity   sum over children  n_c/n rho_c[theta]^2
/// squared-error   sum over children  n_c/n rho_c' J_c rho_c
/// ```
///
/// Source: Athey, Tibshirani, Wager, Annals of Statistics 2019; EconML's criteria `het` and `mse`.
pub(super) struct CausalRule<'a> {
    /// One per training row.
    pub residuals: &'a [Residual],
    /// What a split gains.
    pub criterion: Criterion,
    /// What is asked of children.
    pub demands: Demands,
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct CausalSums {
    rows: u64,
    treated: u64,
    t: f64,
    tt: f64,
    /// Of `e t~` and `e`.
    et: f64,
    e: f64,
}

impl BinSums for CausalSums {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.treated += other.treated;
        self.t += other.t;
        self.tt += other.tt;
        self.et += other.et;
        self.e += other.e;
    }

    fn rows(&self) -> u64 {
        self.rows
    }
}

impl ByArm for CausalSums {
    fn arms(&self) -> [u64; 2] {
        [self.rows - self.treated, self.treated]
    }
}

/// The rows of a node with their errors under its own effect.
pub(super) struct CausalNode {
    rows: Vec<CausalRow>,
    count: u64,
    averages: Averages,
}

#[derive(Clone, Copy)]
struct CausalRow {
    drawn: Drawn,
    treated: bool,
    t: f64,
    e: f64,
}

impl Rule for CausalRule<'_> {
    type Sums = CausalSums;
    type Node = CausalNode;

    fn node(&self, drawn: &[Drawn]) -> CausalNode {
        let residual = |drawn: &Drawn| self.residuals[drawn.row as usize];
        let mut sums = Weighted::default();
        drawn.iter().for_each(|drawn| sums.add(drawn.weight, residual(drawn)));
        let (count, averages) = sums.means();
        let (theta, beta) = averages.effect();
        let row = |drawn: &Drawn| {
            let Residual { treatment: t, outcome, treated } = residual(drawn);
            CausalRow { drawn: *drawn, treated, t, e: outcome - theta * t - beta }
        };
        CausalNode { rows: drawn.iter().map(row).collect(), count: count as u64, averages }
    }

    fn fill(&self, node: &CausalNode, codes: &[u8], cells: &mut [CausalSums]) {
        for CausalRow { drawn, treated, t, e } in &node.rows {
            let cell = &mut cells[usize::from(codes[drawn.row as usize])];
            let weight = f64::from(drawn.weight);
            cell.rows += u64::from(drawn.weight);
            cell.treated += u64::from(drawn.weight) * u64::from(*treated);
            cell.t += weight * t;
            cell.tt += weight * t * t;
            cell.et += weight * e * t;
            cell.e += weight * e;
        }
    }

    fn gain(&self, node: &CausalNode, left: &CausalSums, right: &CausalSums) -> Option<f64> {
        let Demands { rows, arm_rows, share, split_rows } = self.demands;
        let least = Least { arm_rows, rows: rows.max((share * node.count as f64).ceil() as u64) };
        let variance = node.averages.variance();
        if node.count < split_rows || !node.averages.varies() || !least.allows(left, right) {
            return None;
        }
        let part = |side: &CausalSums| {
            let count = side.rows as f64;
            let (et, e, mean) = (side.et / count, side.e / count, node.averages.t);
            let theta = (et - mean * e) / variance;
            let gain = match self.criterion {
                Criterion::Heterogeneity => theta * theta,
                Criterion::SquaredError => {
                    let beta = (node.averages.tt * e - mean * et) / variance;
                    let (tt, t) = (side.tt / count, side.t / count);
                    theta * theta * tt + 2.0 * theta * beta * t + beta * beta
                }
            };
            gain * count / node.count as f64
        };
        Some(part(left) + part(right))
    }

    fn order(&self, node: &CausalNode, cell: &CausalSums) -> f64 {
        (cell.et - node.averages.t * cell.e) / cell.rows.max(1) as f64
    }
}
