//! Where and how the runs were made.

use crate::evidence::Evidence;
use serde::Serialize;
use std::collections::BTreeSet;
use valor_runs::record::Measured;

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

impl Machine {
    /// What the records say, each value once.
    pub fn new(evidence: &Evidence) -> Self {
        let measured: Vec<&Measured> = evidence.records().map(|(_, record)| &record.measured).collect();
        let gpu = measured.iter().filter(|one| one.device.starts_with("cuda")).count();
        Self {
            command: evidence.command.clone(),
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
