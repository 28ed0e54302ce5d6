//! Who is learned from and who is judged on.

use serde::{Deserialize, Serialize};

/// How rows are parted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SplitSpec {
    /// Share of rows held out for the test; in (0, 1).
    pub test: f64,
    /// Share of rows held out for validation; in [0, 1).
    pub validation: f64,
    /// What stays together; by default `group` where the data has groups, `time` where it has times, else `row`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<SplitBy>,
    /// Draws the split.
    pub seed: u64,
    /// Draw another split for every run seed.
    pub per_seed: bool,
}

/// The unit of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitBy {
    /// Rows on their own.
    Row,
    /// All rows of a group on one side.
    Group,
    /// The latest rows are the test.
    Time,
}

impl Default for SplitSpec {
    fn default() -> Self {
        Self { test: 0.2, validation: 0.0, by: None, seed: 42, per_seed: false }
    }
}

/// Row numbers of the parts, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// To learn from.
    pub train: Vec<u32>,
    /// For early stopping and tuning.
    pub validation: Vec<u32>,
    /// To be judged on.
    pub test: Vec<u32>,
}
