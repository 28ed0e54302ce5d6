//! Where rows come from, and how they are parted and encoded.

pub mod b2b_mimic;
mod dataset;
pub mod split;
pub mod table;
pub mod valor_release;

pub use dataset::{Dataset, Feature, FeatureKind, MISSING, Matrix, Truth};
use serde::{Deserialize, Serialize};

/// A source of rows with all its options. What is hashed into a run's identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataSpec {
    /// The paper's synthetic benchmark.
    B2bMimic(b2b_mimic::B2bMimicSpec),
    /// The generator that the paper's authors released.
    ValorRelease(valor_release::ValorReleaseSpec),
    /// A CSV or Parquet file.
    Table(table::TableSpec),
}
