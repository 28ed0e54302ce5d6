//! What is known of the runs that an experiment asks for.

use super::{Damage, Entry, Reader, Store, claims};
use crate::record::{Failure, Status};
use crate::spec::{Experiment, PlannedRun};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A run that is asked for, and what is known of it.
#[derive(Clone, Debug)]
pub struct KnownRun {
    /// What is asked.
    pub run: PlannedRun,
    /// What is known.
    pub state: RunState,
}

/// What is known of a run that is asked for.
#[derive(Clone, Debug)]
pub enum RunState {
    /// Recorded, and believed.
    Done(Entry, Status),
    /// Claimed by a worker that lives, for all that is seen at one look; on the host of this name.
    Claimed(String),
    /// Recorded, and not what was written.
    Damaged(Damage),
    /// Crashed when last tried.
    Failed(Failure),
    /// Never recorded, as long as the data file holds what it holds now; here is the run of the same cell and seed that was
    /// recorded when it held something else, if there is one.
    Missing(Option<Entry>),
}

impl RunState {
    /// One word, as `plan` and `run` print it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done(..) => "done",
            Self::Claimed(_) => "claimed",
            Self::Damaged(_) => "damaged",
            Self::Failed(_) => "failed",
            Self::Missing(_) => "missing",
        }
    }

    /// Why it is not done; where it is, of one that is.
    pub fn why(&self) -> String {
        match self {
            Self::Done(entry, _) => entry.folder.display().to_string(),
            Self::Claimed(host) => format!("a worker on {host} is at work on it"),
            Self::Damaged(damage) => damage.reason.clone(),
            Self::Failed(failure) => format!("{}: {}", failure.class, failure.message),
            Self::Missing(None) => "no record of this spec and seed".to_string(),
            Self::Missing(Some(entry)) => {
                format!("the data file has changed since {} was recorded", entry.folder.display())
            }
        }
    }

    /// Whether it is recorded and believed.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done(..))
    }
}

/// What is known of every run that is asked for, in the order of the table. Every recorded one is looked at.
///
/// # Errors
///
/// When a folder of the store cannot be read.
pub fn known(experiment: &Experiment, store: &Store) -> anyhow::Result<Vec<KnownRun>> {
    let reader = store.reader()?;
    let claimed = store.claims()?;
    let look = |run: PlannedRun| {
        let held = || claims::held_on(&store.layout, claimed.get(&run.id)?);
        let state = match reader.run(&run.id) {
            Some(Ok(found)) => RunState::Done(found.entry, found.record.status),
            Some(Err(damage)) => held().map_or(RunState::Damaged(damage), RunState::Claimed),
            None => match (held(), store.failure(&run.id)) {
                (Some(host), _) => RunState::Claimed(host),
                (None, Some(failure)) => RunState::Failed(failure),
                (None, None) => RunState::Missing(None),
            },
        };
        KnownRun { run, state }
    };
    let mut runs: Vec<KnownRun> = experiment.runs().into_par_iter().map(look).collect();
    find_earlier(experiment, &reader, &mut runs);
    Ok(runs)
}

/// Of missing runs on a data file, those that were recorded when the file held something else.
fn find_earlier(experiment: &Experiment, reader: &Reader, runs: &mut [KnownRun]) {
    let on_file = |known: &KnownRun| experiment.dataset(known.run.cell).spec.content().is_some();
    let mut wanted: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for (place, known) in runs.iter().enumerate() {
        if matches!(known.state, RunState::Missing(_)) && on_file(known) {
            let spec = experiment.run(known.run.cell, known.run.seed);
            wanted.entry(spec.slug()).or_default().insert(spec.id_of_any_content(), place);
        }
    }
    for entry in reader.entries().values() {
        // A folder is called slug-id; a slug says which runs it can be at all.
        let name = entry.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let slug = name.strip_suffix(&entry.id).and_then(|name| name.strip_suffix('-'));
        let Some(wanted) = slug.and_then(|slug| wanted.get(slug)) else { continue };
        // What cannot be read is no such run; others say so.
        let Some(Ok(run)) = reader.run(&entry.id) else { continue };
        if let Some(place) = wanted.get(&run.record.spec.id_of_any_content()) {
            runs[*place].state = RunState::Missing(Some(entry.clone()));
        }
    }
}
