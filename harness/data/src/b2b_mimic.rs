//! b2b-mimic: the paper's synthetic benchmark, made exact.
//!
//! 100 features in three blocks drive how much an account spends (prognosis) and how much more it spends when
//! called (effect); `rho` says how far the first predicts the second.

#[cfg(test)]
mod tests;

pub use super::market::Assignment;

use super::draw::Accounts;
use super::market::{self, Setting};
use super::{Dataset, validate_count, validate_rho};
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

/// Bytes of a row while it is drawn, at least.
pub(super) const ROW: u64 = market::ROW;

impl Default for B2bMimicSpec {
    fn default() -> Self {
        Self { rows: 236_421, world: 1, seed: 1, rho: 0.3, keep: 0.45, propensity: Assignment::Randomised }
    }
}

impl B2bMimicSpec {
    /// Refuses options out of range, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        validate_count("b2b-mimic", "rows", self.rows, u32::MAX as usize)?;
        validate_rho("b2b-mimic", self.rho)?;
        if !(self.keep > 0.0 && self.keep <= 1.0) {
            return Err(valor_base::input_error!(
                "b2b-mimic: keep = {}: allowed are numbers above 0 up to 1",
                self.keep
            ));
        }
        Ok(())
    }

    pub(super) fn setting(&self) -> Setting {
        Setting {
            name: "b2b-mimic",
            accounts: Accounts::Known,
            rows: self.rows,
            world: self.world,
            seed: self.seed,
            rho: self.rho,
            keep: self.keep,
            propensity: self.propensity,
            log_mean: 3.0,
            log_scale: [0.8, 0.2],
        }
    }
}

/// Draws the accounts of a valid spec.
pub(super) fn generate(spec: &B2bMimicSpec) -> Dataset {
    market::generate(&spec.setting())
}

/// Draws so many fresh accounts of the same market.
pub(super) fn fresh(spec: &B2bMimicSpec, rows: usize) -> Dataset {
    market::generate(&spec.setting().fresh(rows))
}
