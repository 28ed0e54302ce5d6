//! From an experiment and the store to the material of a report.

use super::material::{CellMaterial, Material, Outcome, RunMaterial};
use crate::spec::Experiment;
use crate::store::{Entry, Store};
use std::collections::BTreeMap;

/// Reads everything that is known of an experiment's runs.
///
/// # Errors
///
/// When a file of the store cannot be read or is not what was written.
pub fn collect(experiment: &Experiment, store: &Store, command: &str) -> anyhow::Result<Material> {
    let entries = store.entries()?;
    let mut cells = Vec::new();
    for ((dataset, method), identity) in experiment.cells().zip(experiment.identities()) {
        let run = |&seed: &u64| {
            let id = identity.id(seed);
            outcome(store, &entries, &id).map(|outcome| RunMaterial { seed, id, outcome })
        };
        let runs = experiment.seeds.iter().map(run).collect::<anyhow::Result<_>>()?;
        cells.push(CellMaterial { dataset, method, runs });
    }
    let mut evaluations = BTreeMap::new();
    let mut notes = vec![Vec::new(); experiment.datasets.len()];
    for cell in &cells {
        for run in &cell.runs {
            if let Outcome::Found { record, .. } = &run.outcome {
                if !evaluations.contains_key(&record.evaluation) {
                    evaluations.insert(record.evaluation.clone(), store.evaluation(&record.evaluation)?);
                }
                notes[cell.dataset].clone_from(&record.notes);
            }
        }
    }
    Ok(Material { experiment: experiment.clone(), cells, evaluations, notes, command: command.to_string() })
}

fn outcome(store: &Store, entries: &BTreeMap<String, Entry>, id: &str) -> anyhow::Result<Outcome> {
    if let Some(entry) = entries.get(id) {
        let record = Box::new(store.record(entry)?);
        return Ok(Outcome::Found { record, predictions: store.predictions(entry)? });
    }
    Ok(store.failure(id)?.map_or(Outcome::Missing, Outcome::Failed))
}
