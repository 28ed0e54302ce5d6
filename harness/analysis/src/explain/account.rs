//! One account with what each of its features contributes.

use valor_learn::model::Cell;

/// An account with its contributions.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its id, or its row.
    pub id: String,
    /// `tau_hat(x)`, outcome units.
    pub uplift: f64,
    /// What it is like, feature by feature.
    pub cells: Vec<Cell>,
    /// What that contributes.
    pub contributions: Vec<f64>,
}
