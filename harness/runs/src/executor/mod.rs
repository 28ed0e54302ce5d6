//! Where runs happen: worker processes, each fed one job at a time over its standard streams.

mod local;
mod protocol;
mod worker;

pub use local::{Event, Options, execute};
pub use worker::run as work;

use crate::spec::Experiment;
use crate::trial::{Job, Provenance};
use std::collections::BTreeSet;

/// The runs that are asked for and not there, as jobs.
///
/// Replicates of a cell train together. Where cells are fewer than workers can use, a cell's seeds are parted:
/// no number depends on it.
pub fn jobs(experiment: &Experiment, present: &BTreeSet<String>, plan: &Plan) -> Vec<Job> {
    let mut cells = Vec::new();
    let mut seen = BTreeSet::new();
    for ((dataset, method), identity) in experiment.cells().zip(experiment.identities()) {
        let missing = |seed: &u64| {
            let id = identity.id(*seed);
            !present.contains(&id) && seen.insert(id)
        };
        let seeds: Vec<u64> = experiment.seeds.iter().copied().filter(missing).collect();
        if !seeds.is_empty() {
            cells.push((dataset, method, seeds));
        }
    }
    let parts = (2 * plan.workers).div_ceil(cells.len().max(1));
    let mut jobs = Vec::new();
    for (dataset, method, seeds) in cells {
        let size = if experiment.split.per_seed { 1 } else { seeds.len().div_ceil(parts.min(seeds.len())) };
        jobs.extend(seeds.chunks(size).map(|seeds| plan.job(experiment, (dataset, method), seeds)));
    }
    jobs
}

/// What is the same for all jobs of an experiment.
pub struct Plan {
    /// Worker processes.
    pub workers: usize,
    /// `auto`, `cpu`, `cuda:0`.
    pub device: String,
    /// For the records.
    pub provenance: Provenance,
}

impl Plan {
    /// The job of one cell, by index of dataset and method.
    pub fn job(&self, experiment: &Experiment, cell: (usize, usize), seeds: &[u64]) -> Job {
        Job {
            data: experiment.datasets[cell.0].spec.clone(),
            split: experiment.split.clone(),
            method: experiment.methods[cell.1].spec.clone(),
            seeds: seeds.to_vec(),
            root: crate::spec::root(&experiment.path),
            device: self.device.clone(),
            provenance: self.provenance.clone(),
        }
    }
}
