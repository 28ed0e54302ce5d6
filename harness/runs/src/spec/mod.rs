//! What was asked: experiment files, their grid, and the identity of every run.

mod claim;
mod claim_wire;
mod decision;
mod error;
pub mod groups;
mod id;
mod load;
mod margin;
mod methods;
mod more_seeds;
mod names;
mod objective_wire;
mod tuning;
mod tuning_wire;
mod wire;

pub use claim::{
    Chain, Claim, FAILED_SEEDS, Group, LATENCY, OTHER_CLAIMS, OWN_CLAIMS, Pair, Statement, usual_family,
};
pub use claim_wire::{FailingSeeds, LatencyOf, Over, SeedsWord};
pub use decision::{Decision, Equivalence, Family, Scope, Test};
pub use id::{CellIdentity, hash};
pub use load::{declared, load, profiles, root};
pub use margin::Margin;
pub use more_seeds::MoreSeeds;
pub use tuning::{Range, Scale, Search, Tuning};

use error::ExperimentError;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use valor_base::question::Question;
use valor_data::split::SplitSpec;
use valor_data::{DataSpec, Evaluation};
use valor_learn::learner::MethodSpec;
use valor_stats::stats::SeedInterval;

/// Raised whenever the same spec would give other numbers.
pub const SCIENCE_VERSION: u32 = 3;

/// One cell with one seed: everything that a number depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// Version of the science.
    pub science: u32,
    /// Where the rows come from.
    pub data: DataSpec,
    /// How they are parted.
    pub split: SplitSpec,
    /// What learns from them.
    pub method: MethodSpec,
    /// Level of the intervals that are predicted, in (0, 1), where the experiment asks for any and the method gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<f64>,
    /// Initialisation and batch order.
    pub seed: u64,
}

impl RunSpec {
    /// A run of this version of the science. Which columns are a sequence is said to those alone who ask.
    pub fn new(data: &DataSpec, split: &SplitSpec, method: &MethodSpec, seed: u64) -> Self {
        let (data, split, method) = (data.clone(), split.clone(), method.clone());
        let data = if method.entry().sequences { data } else { data.without_sequences() };
        Self { science: SCIENCE_VERSION, data, split, method, interval: None, seed }
    }
}

/// A question and a grid, for one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// File stem.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The profile that was applied, `full` if none was named.
    pub profile: String,
    /// What a reader should know about the profile, e.g. that it is not evidence.
    pub caption: Option<String>,
    /// The question in prose.
    pub question: String,
    /// Blocks of the table.
    pub datasets: Vec<NamedData>,
    /// Rows of the table.
    pub methods: Vec<NamedMethod>,
    /// One split per experiment, but for what a dataset says of the rows to be judged on (`Experiment::split_of`).
    pub split: SplitSpec,
    /// Level of the intervals that methods predict where they can, in (0, 1).
    pub prediction_interval: Option<f64>,
    /// Seeds of every cell.
    pub seeds: Vec<u64>,
    /// Seeds that cells have beyond these.
    pub more: MoreSeeds,
    /// How intervals over seeds are made.
    pub interval: SeedInterval,
    /// Metrics of the table, first the primary one.
    pub metrics: Vec<String>,
    /// Name of the method that others are compared with.
    pub baseline: String,
    /// Groups of test rows that methods are judged on apart.
    pub segments: Vec<Segmentation>,
    /// The column whose numbers are a reference ranking.
    pub reference: Option<String>,
    /// The search that every method went through; nothing where methods stand as they are.
    pub tuning: Option<Tuning>,
    /// What verdicts rest on.
    pub decision: Decision,
    /// What the evidence is to decide.
    pub claims: Vec<Claim>,
    /// The table of the paper that stands beside these results.
    pub paper: Option<PaperTable>,
    /// The profile whose answers stand beside these.
    pub beside: Option<String>,
}

/// Groups of test rows by what stands in a column of theirs, on which every method is judged apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// For the reader.
    pub name: String,
    /// A feature, the column of times, or any other column of a table.
    pub column: String,
    /// Where numbers are parted; they increase. None: quartiles of numbers, levels of texts.
    pub cuts: Vec<f64>,
}

/// A table of results in the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaperTable {
    /// VALOR against baselines.
    Table1,
    /// The ablation.
    Table2,
}

/// A cell of the table: one dataset with one method, by their places in an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// Place among the experiment's datasets.
    pub dataset: usize,
    /// Place among the experiment's methods.
    pub method: usize,
}

/// A run as an experiment asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedRun {
    /// Its cell.
    pub cell: Cell,
    /// Its seed.
    pub seed: u64,
    /// Its identity.
    pub id: String,
}

impl Experiment {
    /// The dataset of a cell.
    pub fn dataset(&self, cell: Cell) -> &NamedData {
        &self.datasets[cell.dataset]
    }

    /// The method of a cell.
    pub fn method(&self, cell: Cell) -> &NamedMethod {
        &self.methods[cell.method]
    }

    /// What its rows are asked, and so what its methods answer.
    pub fn asks(&self) -> Question {
        self.methods.first().map_or(Question::Uplift, |method| method.spec.question())
    }

    /// How the rows of a dataset are parted.
    pub fn split_of(&self, dataset: &NamedData) -> SplitSpec {
        SplitSpec { test: dataset.evaluation, ..self.split.clone() }
    }

    /// The run of one cell with one seed.
    pub fn run(&self, cell: Cell, seed: u64) -> RunSpec {
        let data = self.dataset(cell);
        let run = RunSpec::new(&data.spec, &self.split_of(data), &self.method(cell).spec, seed);
        RunSpec { interval: self.interval_of(cell), ..run }
    }

    /// Level of the intervals that a cell's runs predict: what a method does not give is not in its spec.
    pub fn interval_of(&self, cell: Cell) -> Option<f64> {
        self.prediction_interval.filter(|_| self.method(cell).spec.has_intervals())
    }

    /// All cells in the order of the table: dataset by dataset.
    pub fn cells(&self) -> impl Iterator<Item = Cell> {
        let methods = self.methods.len();
        (0..self.datasets.len())
            .flat_map(move |dataset| (0..methods).map(move |method| Cell { dataset, method }))
    }

    /// The seeds after those declared: one above the largest, and so on.
    pub fn further_seeds(&self) -> impl Iterator<Item = u64> + use<> {
        let largest = self.seeds.iter().copied().max().unwrap_or(0);
        (1..).map(move |step| largest + step)
    }

    /// The seeds of a cell: those declared, then further ones.
    pub fn seeds_of(&self, cell: Cell) -> Vec<u64> {
        let more = self.more.of(cell);
        self.seeds.iter().copied().chain(self.further_seeds().take(more)).collect()
    }

    /// The same with these further seeds and no others.
    #[must_use]
    pub fn with(&self, more: MoreSeeds) -> Self {
        Self { more, ..self.clone() }
    }

    /// The same with every seed that a cell of a claim may ever ask for.
    #[must_use]
    pub fn with_most_seeds(&self) -> Self {
        let mut more = MoreSeeds::default();
        let further = self.decision.max_seeds.map_or(0, |most| most.saturating_sub(self.seeds.len()));
        let cells = self.claims.iter().flat_map(|claim| self.cells_of(claim));
        cells.for_each(|cell| more.ask(cell, further));
        self.with(more)
    }

    /// The cells whose seeds a claim is decided by; none where the profile lacks one of its datasets, or seeds add nothing.
    pub fn cells_of(&self, claim: &Claim) -> Vec<Cell> {
        let named = |name: &String| self.datasets.iter().position(|dataset| dataset.name == *name);
        let all = || (0..self.datasets.len()).collect::<Vec<_>>();
        let datasets: Option<Vec<usize>> = claim.datasets.iter().map(named).collect();
        let datasets = datasets.unwrap_or_default();
        let datasets = if claim.datasets.is_empty() { all() } else { datasets };
        let methods = claim.statement.compared();
        let cells = self.cells().filter(|cell| datasets.contains(&cell.dataset));
        cells.filter(|cell| methods.contains(self.method(*cell).name.as_str())).collect()
    }

    /// All runs in the order of the table, a cell's seeds together. Everything that goes over cells times seeds goes over this.
    pub fn runs(&self) -> Vec<PlannedRun> {
        self.planned(|cell| CellIdentity::new(&self.run(cell, 0)))
    }

    /// The same runs with the ids that they would have whatever a data file holds.
    pub fn runs_of_any_content(&self) -> Vec<PlannedRun> {
        self.planned(|cell| CellIdentity::of_any_content(&self.run(cell, 0)))
    }

    fn planned(&self, identity: impl Fn(Cell) -> CellIdentity + Sync) -> Vec<PlannedRun> {
        let cells: Vec<Cell> = self.cells().collect();
        // A cell may hold thousands of candidates, and is hashed once for all its seeds.
        let of_cell = |cell: Cell| {
            let identity = identity(cell);
            let run = |seed: u64| PlannedRun { cell, seed, id: identity.id(seed) };
            self.seeds_of(cell).into_iter().map(run).collect::<Vec<_>>()
        };
        let runs: Vec<Vec<PlannedRun>> = cells.into_par_iter().map(of_cell).collect();
        runs.concat()
    }
}

/// A dataset as a table calls it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedData {
    /// For the reader.
    pub name: String,
    /// The source.
    pub spec: DataSpec,
    /// Which rows models are judged on.
    pub evaluation: Evaluation,
}

/// A method as a table calls it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedMethod {
    /// As the paper names it: `TARNet`, `VALOR (TARNet)`, `TARNet +ziln+focal`.
    pub name: String,
    /// `tarnet`, `t-learner`, ...
    pub backbone: String,
    /// Out of `ziln focal gti wr`.
    pub components: Vec<String>,
    /// The composition.
    pub spec: MethodSpec,
}
