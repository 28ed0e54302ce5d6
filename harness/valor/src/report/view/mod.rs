//! Every number of a report, decided once: tables, charts and summary only print what stands here.

pub mod averages;
mod bands;
mod build;
pub mod cell;
pub mod claims;
pub mod combination;
pub mod comparisons;
pub mod contrasts;
pub mod curve;
pub mod effects;
pub mod estimate;
pub mod importance;
pub mod judge;
mod machine;
pub mod references;
pub mod resample;
mod runs;
mod study;
pub mod times;
pub mod totals;
pub mod tuning;

use crate::report::paper::PaperView;
use averages::AverageView;
use cell::{CellView, FailureView, ReferenceView};
use claims::ClaimView;
use contrasts::ContrastView;
use curve::{Curves, Deciles, Losses};
use effects::EffectsView;
use serde::Serialize;
use totals::DatasetTotals;
use tuning::TuningView;
use valor_runs::record::RowCounts;
use valor_runs::spec::Decision;
use valor_stats::metrics::Direction;
use valor_stats::stats::AverageEffect;

/// A report.
#[derive(Clone, Debug)]
pub struct View {
    /// Name of the experiment.
    pub experiment: String,
    /// Its profile.
    pub profile: String,
    /// What a reader should know about the profile.
    pub caption: Option<String>,
    /// The question.
    pub question: String,
    /// The method that others are compared with.
    pub baseline: String,
    /// Asked seeds.
    pub seeds: Vec<u64>,
    /// What verdicts rest on.
    pub decision: Decision,
    /// Comparisons in the declared family.
    pub declared: usize,
    /// Primary metrics: those declared, with its area in the place of a share of a total that is hardly there.
    pub primary: Vec<String>,
    /// Claims with their answers.
    pub claims: Vec<ClaimView>,
    /// What each component does, over backbones.
    pub effects: Vec<EffectsView>,
    /// The search that every method went through; nothing where methods stand as they are.
    pub tuning: Option<TuningView>,
    /// Every metric that occurs, those of the table first.
    pub metrics: Vec<MetricView>,
    /// One per dataset.
    pub blocks: Vec<Block>,
    /// Every method over all datasets, where there are several.
    pub averages: Vec<AverageView>,
    /// Every method against the baseline: by dataset, then averaged over datasets if there are several.
    pub contrasts: Vec<ContrastView>,
    /// Every full model less one component against itself, likewise.
    pub left_out: Vec<ContrastView>,
    /// Diverged and crashed runs.
    pub failures: Vec<FailureView>,
    /// The paper's table beside these results, where the experiment names one.
    pub paper: Option<PaperView>,
    /// Where and how it ran.
    pub machine: Machine,
}

/// A metric as the reader needs to know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricView {
    /// Name.
    pub name: String,
    /// Definition.
    pub formula: String,
    /// Unit.
    pub unit: String,
    /// What is better.
    pub direction: Direction,
    /// Whose definition it is.
    pub source: String,
    /// Whether the table shows it.
    pub in_table: bool,
}

/// One dataset.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// What a reader should know about the rows.
    pub notes: Vec<String>,
    /// Sizes of the parts, from the first record.
    pub rows: Option<RowCounts>,
    /// The test rows.
    pub test: Option<TestRows>,
    /// Whether there is a total to take shares of.
    pub totals: DatasetTotals,
    /// Methods.
    pub cells: Vec<CellView>,
    /// References.
    pub references: Vec<ReferenceView>,
    /// Uplift curves.
    pub uplift: Curves,
    /// Qini curves.
    pub qini: Curves,
    /// Uplift by decile.
    pub deciles: Vec<Deciles>,
    /// Loss curves.
    pub losses: Vec<Losses>,
}

/// Facts of the test rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestRows {
    /// How many.
    pub rows: usize,
    /// Treated ones.
    pub treated: usize,
    /// Share of rows with outcome zero.
    pub zeros: f64,
    /// Mean outcome of treated minus mean outcome of control rows, with its interval.
    pub observed: Option<AverageEffect>,
    /// Mean true effect, where known.
    pub true_effect: Option<f64>,
    /// Different test parts: 1 unless every seed draws its own split.
    pub splits: usize,
}

/// Where and how the runs were made.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Machine {
    /// The command that makes this report again.
    pub command: String,
    /// Devices, sorted.
    pub devices: Vec<String>,
    /// Whether CPU and GPU runs stand in one table.
    pub mixed_devices: bool,
    /// Hosts, sorted.
    pub hosts: Vec<String>,
    /// Processors, sorted.
    pub processors: Vec<String>,
    /// Threads inside libtorch operations, ascending.
    pub threads: Vec<usize>,
    /// Commits that runs were made by, sorted; with a remark where changes were uncommitted.
    pub commits: Vec<String>,
    /// Versions of valor, sorted.
    pub valor: Vec<String>,
    /// Versions of libtorch, sorted.
    pub libtorch: Vec<String>,
}
