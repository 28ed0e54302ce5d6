//! From an experiment and the store to the evidence of a report.

use super::evidence::{CellEvidence, Evidence, Outcome, RunEvidence, TestColumns};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use valor_data::segments::ColumnSource;
use valor_runs::record::{EvaluationRows, Failure, FailureClass};
use valor_runs::spec::{self, Cell, Experiment, NamedData, PlannedRun};
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
    let read = |run: &PlannedRun| {
        let (outcome, rows) = outcome(store, &reader, &run.id);
        (RunEvidence { seed: run.seed, id: run.id.clone(), outcome }, rows)
    };
    for asked in experiment.runs().chunk_by(|one, other| one.cell == other.cell) {
        let Cell { dataset, method } = asked[0].cell;
        let found: Vec<_> = asked.par_iter().map(read).collect();
        rows.extend(found.iter().filter_map(|(_, rows)| rows.clone()));
        cells.push(CellEvidence { dataset, method, runs: found.into_iter().map(|(run, _)| run).collect() });
    }
    let mut further: Vec<CellEvidence> = Vec::new();
    let most = experiment.with_most_seeds();
    for asked in most.runs().chunk_by(|one, other| one.cell == other.cell).filter(|_| !most.more.is_empty()) {
        let Cell { dataset, method } = asked[0].cell;
        let mut runs = Vec::new();
        for run in asked.iter().skip(experiment.seeds.len()) {
            let (run, found) = read(run);
            // Seeds are looked at in their order: one that is not there ends it.
            if !matches!(run.outcome, Outcome::Found { .. }) {
                break;
            }
            rows.extend(found);
            runs.push(run);
        }
        further.push(CellEvidence { dataset, method, runs });
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
    let columns = columns(experiment, &cells);
    let (experiment, command) = (experiment.clone(), command.to_string());
    Ok(Evidence { experiment, cells, further, evaluations, notes, columns, command, beside: None })
}

/// Columns that segments and the reference ask for, of datasets of which a run is recorded. The rows are read or drawn again: a run
/// keeps what models said of them, not what they saw.
fn columns(experiment: &Experiment, cells: &[CellEvidence]) -> Vec<TestColumns> {
    let segments = experiment.segments.iter().map(|one| (one.column.as_str(), !one.cuts.is_empty()));
    let wanted: BTreeMap<&str, bool> =
        segments.chain(experiment.reference.as_deref().map(|name| (name, true))).collect();
    let of_dataset = |(number, data): (usize, &NamedData)| {
        let recorded = cells.iter().any(|cell| cell.dataset == number && cell.records().next().is_some());
        if wanted.is_empty() || !recorded {
            return TestColumns::default();
        }
        let source = ColumnSource::open(&data.spec, data.evaluation, &spec::root(&experiment.path));
        let column = |(name, numbers): (&&str, &bool)| {
            let found = source.as_ref().map_err(|error| format!("{error:#}"));
            let found =
                found.and_then(|source| source.column(name, *numbers).map_err(|error| format!("{error:#}")));
            (name.to_string(), found)
        };
        TestColumns(wanted.iter().map(column).collect())
    };
    experiment.datasets.iter().enumerate().map(of_dataset).collect()
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
