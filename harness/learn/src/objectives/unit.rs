//! The unit in which outcomes enter a term.

use super::Setting;

pub use crate::nets::{NamedUnit, Unit};

pub(super) use crate::nets::above_zero;

impl Unit {
    /// In the unit of the network's outcomes, as a term sees it. Networks compute in training standard deviations
    /// ([`OutcomeSummary::scale`](crate::nets::OutcomeSummary)), so an amount is turned into those.
    pub(super) fn amount(self, setting: &Setting) -> f64 {
        match self {
            Unit::Named(NamedUnit::TrainingSd) if setting.summary.sd > 0.0 => setting.summary.sd,
            Unit::Named(NamedUnit::TrainingSd) | Unit::Amount(_) => self.of_network(setting.summary.scale),
        }
    }
}
