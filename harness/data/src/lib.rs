//! Where rows come from, and how they are parted and encoded.

#![warn(unreachable_pub)]

pub mod b2b_mimic;
pub mod caution;
mod dataset;
pub mod describe;
mod draw;
pub mod encode;
mod market;
pub mod memory;
pub mod production_sim;
pub mod propensity;
pub mod split;
pub mod table;
pub mod valor_release;

pub use dataset::{Dataset, Feature, FeatureKind, MISSING, Matrix, Treatment, Truth, UnitColumns};
pub use split::RowCounts;

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use valor_base::question::Question;

/// The largest size of a number that is learned from: 32 bits hold 3.4e38, and sums and squares of scaled values fit beside
/// it.
pub const LARGEST: f64 = 1e30;

/// A source of rows with all its options. What is hashed into a run's identity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "a handful of them exist at a time")]
pub enum DataSpec {
    /// The paper's synthetic benchmark.
    B2bMimic(b2b_mimic::B2bMimicSpec),
    /// A stand-in for the paper's proprietary production table.
    ProductionSim(production_sim::ProductionSimSpec),
    /// The generator that the paper's authors released.
    ValorRelease(valor_release::ValorReleaseSpec),
    /// A CSV or Parquet file.
    Table(table::TableSpec),
}

impl DataSpec {
    /// Refuses options out of range, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        match self {
            Self::B2bMimic(spec) => spec.validate(),
            Self::ProductionSim(spec) => spec.validate(),
            Self::ValorRelease(spec) => spec.validate(),
            Self::Table(spec) => spec.validate(),
        }
    }

    /// What error messages call it: the file, or the generator's name.
    pub fn place(&self) -> &str {
        match self {
            Self::B2bMimic(_) => "b2b-mimic",
            Self::ProductionSim(_) => "production-sim",
            Self::ValorRelease(_) => "valor-release",
            Self::Table(spec) => spec.path.as_deref().unwrap_or("table"),
        }
    }

    /// What its rows are asked.
    pub fn question(&self) -> Question {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => Question::Uplift,
            Self::Table(spec) => {
                if spec.treatment.is_some() {
                    Question::Uplift
                } else {
                    Question::Value
                }
            }
        }
    }

    /// How its text is; the usual way where it has none.
    pub fn dialect(&self) -> table::Dialect {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => table::Dialect::default(),
            Self::Table(spec) => spec.reading().dialect,
        }
    }

    /// The same source with `rows` rows, where it can be as large as one likes, else with at most that many.
    pub fn with_rows(mut self, rows: usize) -> Self {
        let at_most = |present: Option<usize>| Some(present.map_or(rows, |present| present.min(rows)));
        match &mut self {
            Self::B2bMimic(spec) => spec.rows = rows,
            Self::ProductionSim(spec) => spec.rows = rows,
            Self::ValorRelease(spec) => spec.rows = at_most(spec.rows),
            Self::Table(spec) => spec.rows = at_most(spec.rows),
        }
        self
    }

    /// What enters a run's identity: all of it, except a file's path, for which its content hash stands, and what is too large.
    pub fn identity(&self) -> Self {
        let mut identity = self.clone();
        match &mut identity {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => {}
            Self::Table(spec) => {
                spec.path = None;
                spec.limits = table::Limits::default();
            }
        }
        identity
    }

    /// The same whatever a file holds: what tells runs of one cell before and after the file changed.
    pub fn any_content(&self) -> Self {
        let mut any = self.identity();
        match &mut any {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => {}
            Self::Table(spec) => spec.content = None,
        }
        any
    }

    /// The file that rows are read from, where they are; paths are relative to `root`.
    pub fn file(&self, root: &Path) -> Option<PathBuf> {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => None,
            Self::Table(spec) => spec.path.as_ref().map(|path| root.join(path)),
        }
    }

    /// The BLAKE3 of the file's content, where it is known.
    pub fn content(&self) -> Option<&str> {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => None,
            Self::Table(spec) => spec.content.as_deref(),
        }
    }

    /// Fills in what only the file knows: the hash of its content. Paths are relative to `root`.
    pub fn resolve(&mut self, root: &Path) -> anyhow::Result<()> {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => Ok(()),
            Self::Table(spec) => spec.resolve(root),
        }
    }
}

/// The rows of a source. Paths are relative to `root`.
pub fn load(spec: &DataSpec, root: &Path) -> anyhow::Result<Dataset> {
    spec.validate()?;
    match spec {
        DataSpec::B2bMimic(spec) => {
            memory::ask(&format!("b2b-mimic: rows = {}", spec.rows), spec.rows as u64, b2b_mimic::ROW)?;
            Ok(b2b_mimic::generate(spec))
        }
        DataSpec::ProductionSim(spec) => {
            memory::ask(
                &format!("production-sim: rows = {}", spec.rows),
                spec.rows as u64,
                production_sim::ROW,
            )?;
            Ok(production_sim::generate(spec))
        }
        DataSpec::ValorRelease(spec) => {
            let (rows, bytes) = spec.size();
            memory::ask(&format!("valor-release: users = {}", spec.users), rows, bytes)?;
            Ok(valor_release::generate(spec))
        }
        DataSpec::Table(spec) => table::load(spec, root),
    }
}

/// Refuses a `rows` (or `users`) outside 1 to what a row number can hold.
fn validate_count(source: &str, key: &str, count: usize, most: usize) -> anyhow::Result<()> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(valor_base::input_error!("{source}: {key} = {count}: allowed are whole numbers from 1 to {most}"))
}

/// Refuses a correlation outside [-1, 1].
fn validate_rho(source: &str, rho: f64) -> anyhow::Result<()> {
    if (-1.0..=1.0).contains(&rho) {
        return Ok(());
    }
    Err(valor_base::input_error!("{source}: rho = {rho}: allowed are numbers from -1 to 1"))
}
