//! The unit in which outcomes enter a term.

use super::Setting;
use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// Outcomes are divided by this before a term sees them. Networks compute in training standard deviations
/// ([`OutcomeSummary::scale`](crate::nets::OutcomeSummary)), so an amount is turned into those.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "unit: allowed are a number above 0 or \"training-sd\"")]
pub enum Unit {
    /// So many outcome units; above 0.
    Amount(f64),
    /// By name.
    Named(NamedUnit),
}

/// Units that the training rows decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedUnit {
    /// The standard deviation of the training outcomes.
    TrainingSd,
}

impl Default for Unit {
    fn default() -> Self {
        Unit::Named(NamedUnit::TrainingSd)
    }
}

impl Unit {
    /// In the unit of the network's outcomes.
    pub fn amount(self, setting: &Setting) -> f64 {
        match self {
            Unit::Named(NamedUnit::TrainingSd) if setting.summary.sd > 0.0 => setting.summary.sd,
            Unit::Named(NamedUnit::TrainingSd) => 1.0,
            Unit::Amount(amount) => amount / setting.summary.scale,
        }
    }

    /// Refuses an amount out of range, naming the key.
    pub fn validate(self, key: &str) -> anyhow::Result<()> {
        match self {
            Unit::Amount(amount) => above_zero(key, amount),
            Unit::Named(NamedUnit::TrainingSd) => Ok(()),
        }
    }
}

/// Refuses a value that is not above 0, naming the key.
pub(super) fn above_zero(key: &str, value: f64) -> anyhow::Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(input_error!("{key}: found {value}; must be above 0"))
}
