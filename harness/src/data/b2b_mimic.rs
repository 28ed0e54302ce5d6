//! b2b-mimic: the paper's synthetic benchmark, made exact.

use serde::{Deserialize, Serialize};

/// Options of b2b-mimic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct B2bMimicSpec {
    /// Accounts; 1 or more.
    pub rows: usize,
    /// Draws the fixed weights of the indices: the market.
    pub world: u64,
    /// Draws accounts, treatment and outcomes.
    pub seed: u64,
    /// Correlation of prognosis and effect index; in [-1, 1].
    pub rho: f64,
    /// Keep probability of the hurdle mask; in (0, 1].
    pub keep: f64,
    /// How treatment is assigned.
    pub propensity: Assignment,
}

/// How treatment is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// A fair coin.
    Randomised,
    /// Big spenders are treated more often.
    Confounded,
}

impl Default for B2bMimicSpec {
    fn default() -> Self {
        Self { rows: 236_421, world: 1, seed: 1, rho: 0.3, keep: 0.45, propensity: Assignment::Randomised }
    }
}
