//! How much of a file is taken at once: what is larger is refused before it takes the memory.

use super::Dialect;
use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// Sizes that no honest file has. No number depends on them, so they are not part of the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a cell; 1 or more. A row may hold 64 times as much.
    pub cell: usize,
    /// Bytes of a column's name; 1 or more.
    pub header: usize,
    /// Columns; 1 or more.
    pub columns: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cell: 1 << 20, header: 1 << 10, columns: 1 << 16 }
    }
}

/// Cells of the largest size that fit into one row.
const CELLS: usize = 64;

impl Limits {
    /// Refuses limits that nothing keeps.
    pub(super) fn validate(&self) -> Result<(), String> {
        let limits = [("cell", self.cell), ("header", self.header), ("columns", self.columns)];
        match limits.into_iter().find(|(_, limit)| !(1..=1 << 30).contains(limit)) {
            Some((key, limit)) => Err(format!("limits.{key} = {limit}: allowed are 1 to {}", 1 << 30)),
            None => Ok(()),
        }
    }

    /// Whether they are the usual ones.
    pub(super) fn usual(&self) -> bool {
        *self == Self::default()
    }

    /// Bytes of a whole row.
    pub(super) fn row(&self) -> usize {
        self.cell.saturating_mul(CELLS)
    }

    /// Refuses a file of too many columns.
    pub(super) fn check_columns(&self, file: &str, columns: usize) -> anyhow::Result<()> {
        if columns <= self.columns {
            return Ok(());
        }
        Err(input_error!(
            "{file}: more than {0} columns; allowed are limits.columns = {0} (--column-limit)",
            self.columns
        ))
    }
}

/// How the cells of a file are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// How its text is.
    pub dialect: Dialect,
    /// What is too large.
    pub limits: Limits,
    /// Names of a CSV file's columns, where it has no header.
    pub names: Vec<String>,
}

impl Reading {
    /// Refuses options out of range; `of` says whose they are.
    pub fn validate(&self, of: &str) -> anyhow::Result<()> {
        let valid = self.dialect.validate().and_then(|()| self.limits.validate());
        valid.map_err(|fault| input_error!("{of}: {fault}"))
    }
}
