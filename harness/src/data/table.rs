//! table: rows from a CSV (plain or .gz) or Parquet file.

use serde::{Deserialize, Serialize};

/// A declared file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TableSpec {
    /// Path, relative to the folder of the experiment file's parent (the checkout). Not part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// BLAKE3 of the file's bytes, filled in when the file is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The treatment column.
    pub treatment: String,
    /// Values that mean treated.
    pub treated: Vec<String>,
    /// Values that mean control.
    pub control: Vec<String>,
    /// The outcome column.
    pub outcome: String,
    /// Numeric feature columns.
    #[serde(default)]
    pub numeric: Vec<String>,
    /// Categorical feature columns.
    #[serde(default)]
    pub categorical: Vec<String>,
    /// Column of true effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Known propensity: a column, or a number for all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<Propensity>,
    /// Column of group labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Column of times (numbers or ISO dates).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Use only a fixed random sample of this many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
}

/// Known propensity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Propensity {
    /// The same for all rows; in (0, 1).
    Constant(f64),
    /// A column.
    Column(String),
}
impl TableSpec {
    pub fn validate(&self) -> anyhow::Result<()> {
        Ok(())
    }
    pub fn resolve(&mut self, _: &std::path::Path) -> anyhow::Result<()> {
        Ok(())
    }
}
pub(super) fn load(_: &TableSpec, _: &std::path::Path) -> anyhow::Result<super::Dataset> {
    anyhow::bail!("x")
}
