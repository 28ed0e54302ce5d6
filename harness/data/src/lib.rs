//! Where rows come from, and how they are parted and encoded.

#![warn(unreachable_pub)]

pub mod b2b_mimic;
pub mod caution;
pub mod customers;
mod dataset;
pub mod describe;
mod draw;
pub mod encode;
mod evaluation;
mod market;
pub mod memory;
mod parted;
pub mod production_sim;
pub mod propensity;
pub mod segments;
pub mod split;
pub mod table;
pub mod valor_release;
pub mod value_sim;

pub use dataset::{Dataset, Feature, FeatureKind, MISSING, Matrix, Treatment, Truth, UnitColumns};
pub use evaluation::Evaluation;
pub use parted::{Parted, parted};
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
    /// Customers of three domains, without a treatment.
    ValueSim(value_sim::ValueSimSpec),
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
            Self::ValueSim(spec) => spec.validate(),
            Self::Table(spec) => spec.validate(),
        }
    }

    /// What error messages call it: the file, or the generator's name.
    pub fn place(&self) -> &str {
        match self {
            Self::B2bMimic(_) => "b2b-mimic",
            Self::ProductionSim(_) => "production-sim",
            Self::ValorRelease(_) => "valor-release",
            Self::ValueSim(_) => "value-sim",
            Self::Table(spec) => spec.path.as_deref().unwrap_or("table"),
        }
    }

    /// What its rows are asked.
    pub fn question(&self) -> Question {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) => Question::Uplift,
            Self::ValueSim(_) => Question::Value,
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
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_) => {
                table::Dialect::default()
            }
            Self::Table(spec) => spec.reading().dialect,
        }
    }

    /// The same source with `rows` rows, where it can be as large as one likes, else with at most that many.
    pub fn with_rows(mut self, rows: usize) -> Self {
        let at_most = |present: Option<usize>| Some(present.map_or(rows, |present| present.min(rows)));
        match &mut self {
            Self::B2bMimic(spec) => spec.rows = rows,
            Self::ProductionSim(spec) => spec.rows = rows,
            Self::ValueSim(spec) => spec.rows = rows,
            Self::ValorRelease(spec) => spec.rows = at_most(spec.rows),
            Self::Table(spec) => spec.rows = at_most(spec.rows),
        }
        self
    }

    /// The world that rows are drawn from and the draws of it, however many rows are learned from: all that fresh rows depend on.
    pub fn world(&self) -> Self {
        self.clone().with_rows(1)
    }

    /// Refuses fresh rows of a table, which has none.
    pub fn check_evaluation(&self, evaluation: Evaluation) -> anyhow::Result<()> {
        evaluation.validate()?;
        match (evaluation, self) {
            (Evaluation::Share(_), _)
            | (
                Evaluation::Fresh { .. },
                Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_),
            ) => Ok(()),
            (Evaluation::Fresh { rows }, Self::Table(_)) => Err(valor_base::input_error!(
                "evaluation: rows = {rows}: found a table ({}), which has no more rows than it has; allowed are b2b-mimic, \
                 production-sim, valor-release and value-sim, which are drawn: without 'evaluation' a share of the rows is held out \
                 (split.test)",
                self.place()
            )),
        }
    }

    /// Asks memory for the rows that are drawn, and for so many fresh ones. A table asks while it is read.
    fn ask(&self, fresh: usize) -> anyhow::Result<()> {
        let (what, rows, bytes) = match self {
            Self::B2bMimic(spec) => {
                (format!("rows = {}", spec.rows), spec.rows.saturating_add(fresh) as u64, b2b_mimic::ROW)
            }
            Self::ProductionSim(spec) => {
                (format!("rows = {}", spec.rows), spec.rows.saturating_add(fresh) as u64, production_sim::ROW)
            }
            Self::ValorRelease(spec) => {
                let (rows, bytes) = spec.size(fresh);
                (format!("users = {}", spec.users), rows, bytes)
            }
            Self::ValueSim(spec) => {
                (format!("rows = {}", spec.rows), spec.rows.saturating_add(fresh) as u64, value_sim::ROW)
            }
            Self::Table(_) => return Ok(()),
        };
        let besides = if fresh == 0 { String::new() } else { format!(", evaluation.rows = {fresh}") };
        memory::ask(&format!("{}: {what}{besides}", self.place()), rows, bytes)
    }

    /// What enters a run's identity: all of it, except a file's path, for which its content hash stands, and what is too large.
    pub fn identity(&self) -> Self {
        let mut identity = self.clone();
        match &mut identity {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_) => {}
            Self::Table(spec) => {
                spec.path = None;
                spec.limits = table::Limits::default();
            }
        }
        identity
    }

    /// The same rows with no column said to be a step of a sequence: what methods that do not ask for sequences learn from.
    #[must_use]
    pub fn without_sequences(mut self) -> Self {
        match &mut self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_) => {}
            Self::Table(spec) => spec.sequence.clear(),
        }
        self
    }

    /// The same whatever a file holds: what tells runs of one cell before and after the file changed.
    pub fn any_content(&self) -> Self {
        let mut any = self.identity();
        match &mut any {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_) => {}
            Self::Table(spec) => spec.content = None,
        }
        any
    }

    /// The file that rows are read from, where they are; paths are relative to `root`.
    pub fn file(&self, root: &Path) -> Option<PathBuf> {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_) => None,
            Self::Table(spec) => spec.path.as_ref().map(|path| root.join(path)),
        }
    }

    /// The BLAKE3 of the file's content, where it is known.
    pub fn content(&self) -> Option<&str> {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_) => None,
            Self::Table(spec) => spec.content.as_deref(),
        }
    }

    /// Fills in what only the file knows: the hash of its content. Paths are relative to `root`.
    pub fn resolve(&mut self, root: &Path) -> anyhow::Result<()> {
        match self {
            Self::B2bMimic(_) | Self::ProductionSim(_) | Self::ValorRelease(_) | Self::ValueSim(_) => Ok(()),
            Self::Table(spec) => spec.resolve(root),
        }
    }
}

/// The rows of a source. Paths are relative to `root`.
pub fn load(spec: &DataSpec, root: &Path) -> anyhow::Result<Dataset> {
    spec.validate()?;
    spec.ask(0)?;
    match spec {
        DataSpec::B2bMimic(spec) => Ok(b2b_mimic::generate(spec)),
        DataSpec::ProductionSim(spec) => Ok(production_sim::generate(spec)),
        DataSpec::ValorRelease(spec) => Ok(valor_release::generate(spec)),
        DataSpec::ValueSim(spec) => Ok(value_sim::generate(spec)),
        DataSpec::Table(spec) => table::load(spec, root),
    }
}

/// So many fresh rows of a source's world, of streams of their own: none of them is among those that [`load`] gives, and the first
/// are the same however many there are. Groups are others than those to learn from; a source whose rows have times draws fresh ones
/// from the period after them.
///
/// # Errors
///
/// Input errors of the options and of the number of rows; a table has no fresh rows.
pub fn fresh(spec: &DataSpec, rows: usize) -> anyhow::Result<Dataset> {
    spec.validate()?;
    spec.check_evaluation(Evaluation::Fresh { rows })?;
    spec.world().ask(rows)?;
    match spec {
        DataSpec::B2bMimic(spec) => Ok(b2b_mimic::fresh(spec, rows)),
        DataSpec::ProductionSim(spec) => Ok(production_sim::fresh(spec, rows)),
        DataSpec::ValorRelease(spec) => Ok(valor_release::fresh(spec, rows)),
        DataSpec::ValueSim(spec) => Ok(value_sim::fresh(spec, rows)),
        DataSpec::Table(_) => anyhow::bail!("a table has no fresh rows"),
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
