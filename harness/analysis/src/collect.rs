//! From an experiment and the store to the evidence of a report.

use super::evidence::{CellEvidence, Evidence, Outcome, RunEvidence};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use valor_runs::record::{EvaluationRows, Failure, FailureClass};
use valor_runs::spec::{Cell, Experiment, PlannedRun};
use valor_runs::store::{Reader, Store};

/// The rows of each found run, by evaluation id.
type Rows = BTreeMap<String, Arc<EvaluationRows>>;

/// Reads everything that is known of an experiment's runs. A run that is not believed is a failed one, with the reason.
///
/// # Errors
///
/// When the folder of runs cannot be read.
pub fn collect(experiment: &Experiment, store: &Store, command: &str) -> anyhow::Result<Evidence> {
    let reader = store.reader()?;
    let mut rows = Rows::new();
    let mut cells = Vec::new();
    for asked in experiment.runs().chunk_by(|one, other| one.cell == other.cell) {
        let read = |run: &PlannedRun| {
            let (outcome, rows) = outcome(store, &reader, &run.id);
            (RunEvidence { seed: run.seed, id: run.id.clone(), outcome }, rows)
        };
        let Cell { dataset, method } = asked[0].cell;
        let found: Vec<_> = asked.par_iter().map(read).collect();
        rows.extend(found.iter().filter_map(|(_, rows)| rows.clone()));
        cells.push(CellEvidence { dataset, method, runs: found.into_iter().map(|(run, _)| run).collect() });
    }
    drop(reader);
    let mut notes: Vec<Vec<String>> = vec![Vec::new(); experiment.datasets.len()];
    for cell in &cells {
        for run in &cell.runs {
            if let Outcome::Found { record, .. } = &run.outcome {
                // Methods that encode rows differently have different notes on them.
                for note in &record.notes {
                    if !notes[cell.dataset].contains(note) {
                        notes[cell.dataset].push(note.clone());
                    }
                }
            }
        }
    }
    let evaluations = rows.into_iter().map(|(id, rows)| (id, Arc::unwrap_or_clone(rows))).collect();
    let (experiment, command) = (experiment.clone(), command.to_string());
    Ok(Evidence { experiment, cells, evaluations, notes, command, beside: None })
}

fn outcome(store: &Store, reader: &Reader, id: &str) -> (Outcome, Option<(String, Arc<EvaluationRows>)>) {
    match reader.run(id) {
        Some(Ok(run)) => {
            let rows = (run.record.evaluation.clone(), run.rows);
            (Outcome::Found { record: Box::new(run.record), predictions: run.predictions }, Some(rows))
        }
        Some(Err(damage)) => {
            let class = FailureClass::Damaged;
            (Outcome::Failed(Failure { id: id.to_string(), class, message: damage.reason }), None)
        }
        None => (store.failure(id).map_or(Outcome::Missing, Outcome::Failed), None),
    }
}
