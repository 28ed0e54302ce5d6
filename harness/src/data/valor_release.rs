//! valor-release: the generator that the paper's authors released.

use serde::{Deserialize, Serialize};

/// Options of valor-release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ValorReleaseSpec {
    /// Users; each has 30 to 59 rows. 1 or more.
    pub users: usize,
    /// Keep at most this many rows, whole users first to last; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Draws everything.
    pub seed: u64,
}

impl Default for ValorReleaseSpec {
    fn default() -> Self {
        Self { users: 5_000, rows: None, seed: 123 }
    }
}
