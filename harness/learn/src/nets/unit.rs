//! The unit in which outcomes are counted.

use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// Outcomes are divided by this before a term or a head sees them.
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
    /// In the unit of a network, of which one is `scale` outcome units: training standard deviations.
    pub(crate) fn of_network(self, scale: f64) -> f64 {
        match self {
            Unit::Named(NamedUnit::TrainingSd) => 1.0,
            Unit::Amount(amount) => amount / scale,
        }
    }

    /// Refuses an amount out of range, naming the key.
    pub(crate) fn validate(self, key: &str) -> anyhow::Result<()> {
        match self {
            Unit::Amount(amount) => above_zero(key, amount),
            Unit::Named(NamedUnit::TrainingSd) => Ok(()),
        }
    }
}

/// Refuses a value that is not above 0, naming the key.
pub(crate) fn above_zero(key: &str, value: f64) -> anyhow::Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(input_error!("{key}: found {value}; must be above 0"))
}
