//! What the tests of several forests need: tables, the best cut of one, pools of threads.

use super::Rows;
use super::bins::{Binned, MOST_BINS};
use super::grow::{Best, Cuts, Drawn, Limits, Rule, Search};
use rand::Rng;
use valor_base::seed::{Seeds, Stream};
use valor_data::Matrix;
use valor_data::encode::ColumnKind;

/// Rows of columns, and what came of each.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Of all rows.
    pub features: Matrix,
    /// What the columns hold.
    pub kinds: Vec<ColumnKind>,
    /// Who was treated.
    pub treatment: Vec<bool>,
    /// What they spent.
    pub outcome: Vec<f64>,
    /// Rows to learn from: all, unless a test says otherwise.
    pub train: Vec<u32>,
}

impl Table {
    /// Of columns of numbers.
    pub(super) fn new(features: Matrix, treatment: Vec<bool>, outcome: Vec<f64>) -> Self {
        let (kinds, train) =
            (vec![ColumnKind::Number; features.columns], (0..features.rows as u32).collect());
        Self { features, kinds, treatment, outcome, train }
    }

    /// As forests take it.
    pub(super) fn rows(&self) -> Rows<'_> {
        let Self { features, kinds, treatment, outcome, train } = self;
        Rows { features, kinds, treatment, outcome, train }
    }
}

/// Uniform on [-1, 1).
pub(super) fn uniform(rows: usize, columns: usize, stream: &mut Stream) -> Matrix {
    let values = (0..rows * columns).map(|_| stream.random_range(-1.0f32..1.0)).collect();
    Matrix { rows, columns, values }
}

/// A fair coin per row.
pub(super) fn coins(rows: usize, stream: &mut Stream) -> Vec<bool> {
    (0..rows).map(|_| stream.random_bool(0.5)).collect()
}

/// One column of numbers.
pub(super) fn column(values: &[f32]) -> Table {
    let features = Matrix { rows: values.len(), columns: 1, values: values.to_vec() };
    Table::new(features, Vec::new(), Vec::new())
}

/// Every row once.
pub(super) fn every_row(rows: usize) -> Vec<Drawn> {
    (0..rows as u32).map(|row| Drawn { row, weight: 1 }).collect()
}

/// The best of the given cuts of all rows and columns.
pub(super) fn best_cut<R: Rule>(rule: &R, table: &Table, cuts: Cuts) -> Option<Best> {
    let binned = Binned::new(&table.features, &table.train, &table.kinds, MOST_BINS);
    let limits = Limits { depth: 1, columns: table.features.columns, least_gain: 0.0, cuts };
    Search::new(rule, &binned, limits).best(&every_row(table.features.rows), &Seeds::new(1))
}

/// What comes of work on so many threads.
pub(super) fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}
