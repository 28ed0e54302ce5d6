//! What a network is trained for.

use serde::{Deserialize, Serialize};

/// A loss term with its weight and options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TermSpec {
    /// Factor in the total.
    pub weight: f64,
    /// Which term.
    pub term: TermKind,
}

/// The registered terms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TermKind {
    /// Squared error of the observed arm.
    Mse {},
}
