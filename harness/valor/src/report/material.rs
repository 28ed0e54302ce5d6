//! What a report is made from: an experiment and whatever was found of it. No store, no training.

use std::collections::BTreeMap;
use valor_runs::record::{EvaluationRows, Failure, Predictions, Record};
use valor_runs::spec::Experiment;

/// An experiment with everything found of it.
#[derive(Clone, Debug)]
pub struct Material {
    /// What was asked.
    pub experiment: Experiment,
    /// One per dataset and method, in the order of the table.
    pub cells: Vec<CellMaterial>,
    /// The rows that runs were judged on, by evaluation id.
    pub evaluations: BTreeMap<String, EvaluationRows>,
    /// Notes of each dataset, in the experiment's order: dropped rows, stand-ins.
    pub notes: Vec<Vec<String>>,
    /// The command that makes this report again.
    pub command: String,
}

/// One cell of the table.
#[derive(Clone, Debug)]
pub struct CellMaterial {
    /// Index into the experiment's datasets.
    pub dataset: usize,
    /// Index into the experiment's methods.
    pub method: usize,
    /// One per asked seed.
    pub runs: Vec<RunMaterial>,
}

/// One run: a cell with one seed.
#[derive(Clone, Debug)]
pub struct RunMaterial {
    /// The asked seed.
    pub seed: u64,
    /// The run's identity.
    pub id: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a run.
#[derive(Clone, Debug)]
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
