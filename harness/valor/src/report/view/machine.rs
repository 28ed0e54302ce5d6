//! Where and how the runs were made.

use super::Machine;
use crate::report::material::{Material, Outcome};
use std::collections::BTreeSet;
use valor_runs::record::Measured;

/// Gathers what the records say, each value once.
pub fn machine(material: &Material) -> Machine {
    let runs = material.cells.iter().flat_map(|cell| &cell.runs);
    let measured: Vec<&Measured> = runs
        .filter_map(|run| match &run.outcome {
            Outcome::Found { record, .. } => Some(&record.measured),
            Outcome::Failed(_) | Outcome::Missing => None,
        })
        .collect();
    let gpu = measured.iter().filter(|one| one.device.starts_with("cuda")).count();
    Machine {
        command: material.command.clone(),
        devices: distinct(&measured, |one| one.device.clone()),
        mixed_devices: gpu > 0 && gpu < measured.len(),
        hosts: distinct(&measured, |one| one.host.clone()),
        processors: distinct(&measured, |one| one.processor.clone()),
        threads: measured.iter().map(|one| one.threads).collect::<BTreeSet<_>>().into_iter().collect(),
        commits: distinct(&measured, commit),
        valor: distinct(&measured, |one| one.valor.clone()),
        libtorch: distinct(&measured, |one| one.libtorch.clone()),
    }
}

fn commit(measured: &Measured) -> String {
    let commit = if measured.commit.is_empty() { "unknown" } else { &measured.commit };
    if measured.dirty { format!("{commit} (with uncommitted changes)") } else { commit.to_string() }
}

fn distinct(measured: &[&Measured], value: impl Fn(&Measured) -> String) -> Vec<String> {
    let values: BTreeSet<String> =
        measured.iter().map(|one| value(one)).filter(|value| !value.is_empty()).collect();
    values.into_iter().collect()
}
