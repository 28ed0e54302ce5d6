//! How many columns a split tries.

use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// How many columns a split tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "columns: allowed are \"all\", \"root\", \"grf\" or a number above 0")]
pub enum Columns {
    /// So many.
    Count(usize),
    /// By name.
    Named(NamedColumns),
}

/// Numbers of columns that the data decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedColumns {
    /// Every one.
    All,
    /// The square root of their number.
    Root,
    /// The square root of their number, rounded up, and 20 more.
    Grf,
}

impl Columns {
    /// Of so many columns, at least one.
    pub fn of(self, columns: usize) -> usize {
        let wanted = match self {
            Columns::Count(count) => count,
            Columns::Named(NamedColumns::All) => columns,
            Columns::Named(NamedColumns::Root) => columns.isqrt(),
            Columns::Named(NamedColumns::Grf) => (columns as f64).sqrt().ceil() as usize + 20,
        };
        wanted.clamp(1, columns.max(1))
    }

    /// Checks the range; `key` is where the option stands.
    pub fn validate(self, key: &str) -> anyhow::Result<()> {
        match self {
            Columns::Count(0) => Err(input_error!("{key}: found 0; must be above 0")),
            Columns::Count(_) | Columns::Named(_) => Ok(()),
        }
    }
}
