//! What a report is made from: an experiment and whatever was found of it. No store, no training.

use super::totals::{DatasetTotals, Totals};
use std::collections::BTreeMap;
use valor_data::segments::SegmentColumn;
use valor_runs::record::{EvaluationRows, Failure, Predictions, Record};
use valor_runs::spec::Experiment;

/// An experiment with everything found of it.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What was asked.
    pub experiment: Experiment,
    /// One per dataset and method, in the order of the table: the declared seeds.
    pub cells: Vec<CellEvidence>,
    /// Seeds beyond those that are recorded without a gap, of the cells of claims that are looked at after every seed.
    pub further: Vec<CellEvidence>,
    /// The rows that runs were judged on, by evaluation id.
    pub evaluations: BTreeMap<String, EvaluationRows>,
    /// Notes of each dataset, in the experiment's order: dropped rows, stand-ins.
    pub notes: Vec<Vec<String>>,
    /// Columns of the rows that models are judged on, by dataset, as far as segments and the reference ask for them.
    pub columns: Vec<TestColumns>,
    /// The command that makes this report again.
    pub command: String,
    /// The same of another profile that is shown beside it.
    pub beside: Option<Box<Evidence>>,
}

impl Evidence {
    /// Every record with its cell.
    pub fn records(&self) -> impl Iterator<Item = (&CellEvidence, &Record)> {
        self.cells.iter().flat_map(|cell| cell.records().map(move |(_, record)| (cell, record)))
    }

    /// The different test rows of a dataset, by id.
    pub fn evaluations(&self, dataset: usize) -> BTreeMap<&str, &EvaluationRows> {
        let ids =
            self.records().filter(|(cell, _)| cell.dataset == dataset).map(|(_, record)| &record.evaluation);
        ids.filter_map(|id| Some((id.as_str(), self.evaluations.get(id)?))).collect()
    }

    /// Average effects on the test rows of every dataset.
    pub fn all_totals(&self) -> Totals {
        let datasets = (0..self.experiment.datasets.len()).map(|dataset| self.totals(dataset));
        Totals::new(datasets.collect())
    }

    /// Average effects on the test rows of a dataset.
    pub fn totals(&self, dataset: usize) -> DatasetTotals {
        let name = &self.experiment.datasets[dataset].name;
        DatasetTotals::of(name, self.evaluations(dataset).values().copied())
    }
}

/// Columns of the rows that models of a dataset are judged on, by name, or why one is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestColumns(pub BTreeMap<String, Result<SegmentColumn, String>>);

impl TestColumns {
    /// The column called so.
    ///
    /// # Errors
    ///
    /// Why it is not there.
    pub fn get(&self, name: &str) -> Result<&SegmentColumn, String> {
        match self.0.get(name) {
            Some(found) => found.as_ref().map_err(String::clone),
            None => Err("no run is recorded".to_string()),
        }
    }
}

/// One cell of the table.
#[derive(Clone, Debug)]
pub struct CellEvidence {
    /// Index into the experiment's datasets.
    pub dataset: usize,
    /// Index into the experiment's methods.
    pub method: usize,
    /// One per asked seed.
    pub runs: Vec<RunEvidence>,
}

impl CellEvidence {
    /// The records of its runs, by seed.
    pub fn records(&self) -> impl Iterator<Item = (u64, &Record)> {
        self.runs.iter().filter_map(|run| match &run.outcome {
            Outcome::Found { record, .. } => Some((run.seed, record.as_ref())),
            Outcome::Failed(_) | Outcome::Missing => None,
        })
    }
}

/// One run: a cell with one seed.
#[derive(Clone, Debug)]
pub struct RunEvidence {
    /// The asked seed.
    pub seed: u64,
    /// The run's identity.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a run.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all runs are found")]
pub enum Outcome {
    /// Recorded: finished or diverged.
    Found {
        /// The record.
        record: Box<Record>,
        /// What the model said of each test row; absent for a diverged run.
        predictions: Option<Predictions>,
    },
    /// It crashed.
    Failed(Failure),
    /// Nothing is known of it.
    Missing,
}
