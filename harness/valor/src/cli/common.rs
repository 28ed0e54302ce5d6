//! What several verbs share: which experiment is meant, what is known of its runs, and facts for the records.

use clap::Args;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use valor_base::escape::shell;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_learn::model::Model;
use valor_runs::record::Status;
use valor_runs::spec::{self, Experiment};
use valor_runs::store::{Damage, Entry, Reader, Store, Stranger, Writer};
use valor_runs::trial::Provenance;

/// An experiment file with its profile and assignments.
#[derive(Args, Clone, Debug)]
pub(super) struct Chosen {
    /// The experiment file
    pub experiment: PathBuf,
    /// A profile that the file defines; its own values (full) otherwise
    #[arg(long)]
    pub profile: Option<String>,
    /// Sets a key, e.g. --set training.epochs=3
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

impl Chosen {
    /// The experiment as it is meant.
    pub fn load(&self) -> anyhow::Result<Experiment> {
        spec::load(&self.experiment, self.profile.as_deref(), &self.sets)
    }
}

/// An experiment and the results that are known of it.
#[derive(Args, Clone, Debug)]
pub(super) struct Asked {
    #[command(flatten)]
    chosen: Chosen,
    /// The results folder
    #[arg(long, default_value = "results")]
    pub results: PathBuf,
}

impl Asked {
    /// The experiment as it is meant.
    pub fn load(&self) -> anyhow::Result<Experiment> {
        self.chosen.load()
    }

    /// The same choice of another experiment file.
    pub fn with(&self, experiment: &Path) -> Self {
        let chosen = Chosen { experiment: experiment.to_path_buf(), ..self.chosen.clone() };
        Self { chosen, results: self.results.clone() }
    }

    /// The words that repeat this choice, as a shell reads them.
    pub fn options(&self) -> String {
        let Chosen { experiment, profile, sets } = &self.chosen;
        let mut text = shell::path(experiment);
        if let Some(profile) = profile {
            text.push_str(&format!(" {}", shell::option("--profile", profile)));
        }
        for set in sets {
            text.push_str(&format!(" {}", shell::option("--set", set)));
        }
        if self.results != Path::new("results") {
            text.push_str(&format!(" --results {}", shell::path(&self.results)));
        }
        text
    }
}

/// One asked run and what is known of it.
pub(super) struct Known {
    /// Index of its dataset.
    pub dataset: usize,
    /// Index of its method.
    pub method: usize,
    /// Its seed.
    pub seed: u64,
    /// Its identity.
    pub id: String,
    /// What is known.
    pub state: State,
}

impl Known {
    /// As `plan` and `run` print it.
    pub fn as_json(&self, experiment: &Experiment) -> serde_json::Value {
        serde_json::json!({
            "dataset": experiment.datasets[self.dataset].name,
            "method": experiment.methods[self.method].name,
            "seed": self.seed,
            "id": self.id,
            "state": self.state.word(),
            "why": self.state.why(),
        })
    }
}

/// What is known of an asked run.
pub(super) enum State {
    /// Recorded, and believed.
    Done(Entry, Status),
    /// Recorded, and not what was written.
    Damaged(Damage),
    /// Crashed when last tried.
    Failed(String),
    /// Never recorded, as long as the data file holds what it holds now; here is the run of the same cell and seed that was
    /// recorded when it held something else, if there is one.
    Missing(Option<Entry>),
}

impl State {
    /// One word.
    pub fn word(&self) -> &'static str {
        match self {
            State::Done(..) => "done",
            State::Damaged(_) => "damaged",
            State::Failed(_) => "failed",
            State::Missing(_) => "missing",
        }
    }

    /// Why it is not done.
    pub fn why(&self) -> String {
        match self {
            State::Done(entry, _) => entry.folder.display().to_string(),
            State::Damaged(damage) => damage.reason.clone(),
            State::Failed(message) => message.clone(),
            State::Missing(None) => "no record of this spec and seed".to_string(),
            State::Missing(Some(entry)) => {
                format!("the data file has changed since {} was recorded", entry.folder.display())
            }
        }
    }
}

/// What is known of every asked run, in the order of the table. Every recorded one is looked at.
pub(super) fn known(experiment: &Experiment, store: &Store) -> anyhow::Result<Vec<Known>> {
    let reader = store.reader()?;
    let mut asked = Vec::new();
    for ((dataset, method), identity) in experiment.cells().zip(experiment.identities()) {
        asked.extend(experiment.seeds.iter().map(|&seed| (dataset, method, seed, identity.id(seed))));
    }
    let look = |(dataset, method, seed, id): (usize, usize, u64, String)| {
        let state = match reader.run(&id) {
            Some(Ok(run)) => State::Done(run.entry, run.record.status),
            Some(Err(damage)) => State::Damaged(damage),
            None => store.failure(&id).map_or(State::Missing(None), |failure| {
                State::Failed(format!("{}: {}", failure.class, failure.message))
            }),
        };
        Known { dataset, method, seed, id, state }
    };
    let mut runs: Vec<Known> = asked.into_par_iter().map(look).collect();
    find_earlier(experiment, &reader, &mut runs);
    Ok(runs)
}

/// Of missing runs on a data file, those that were recorded when the file held something else.
fn find_earlier(experiment: &Experiment, reader: &Reader, runs: &mut [Known]) {
    let on_file = |run: &Known| experiment.datasets[run.dataset].spec.content().is_some();
    let mut wanted: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for (place, run) in runs.iter().enumerate() {
        if matches!(run.state, State::Missing(_)) && on_file(run) {
            let spec = experiment.run(run.dataset, run.method, run.seed);
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
            runs[*place].state = State::Missing(Some(entry.clone()));
        }
    }
}

/// What is said of runs that were recorded when data files held something else; nothing where there are none.
pub(super) fn changed(experiment: &Experiment, runs: &[Known]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for run in runs.iter().filter(|run| matches!(run.state, State::Missing(Some(_)))) {
        *counts.entry(experiment.datasets[run.dataset].spec.place()).or_default() += 1;
    }
    let line = |(file, count): (&str, usize)| {
        let (runs, they) = match count {
            1 => ("1 run was".to_string(), "it is"),
            _ => (format!("{count} runs were"), "they are"),
        };
        format!(
            "{} has changed since {runs} recorded: {they} not counted, and `valor run` trains anew",
            shown(file)
        )
    };
    counts.into_iter().map(line).collect()
}

/// Says what is left alone, and why.
pub(super) fn leave(strangers: &[Stranger]) {
    for Stranger { path, why } in strangers {
        eprintln!("left as it is: {}: {}", shown(&path.display().to_string()), shown(why));
    }
}

/// Says what of stopped processes was removed.
pub(super) fn swept(writer: &Writer) {
    for path in &writer.swept {
        eprintln!("removed what a stopped process had left: {}", shown(&path.display().to_string()));
    }
}

/// The model in a file.
///
/// # Errors
///
/// Input errors: a file that cannot be read or is no model.
pub(super) fn read_model(path: &Path) -> anyhow::Result<Model> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| input_error!("{name} cannot be read: {error}"))?;
    Model::from_bytes(&name, &bytes)
}

/// Says on standard error what a reader should know of the rows that a model was trained on.
pub(super) fn tell_notes(model: &Model) -> anyhow::Result<()> {
    let mut messages = std::io::stderr().lock();
    for note in &model.about.notes {
        writeln!(messages, "note: {note}")?;
    }
    Ok(())
}

/// Whether two paths lead to one file.
pub(super) fn same(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().zip(other.canonicalize().ok()).is_some_and(|(one, other)| one == other)
}

/// Commit and state of the checkout that the experiment file stands in, and the time.
#[expect(clippy::disallowed_methods, reason = "a run's start is recorded apart from its numbers")]
pub(super) fn provenance(experiment: &Experiment) -> Provenance {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(spec::root(&experiment.path)).args(arguments).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    Provenance {
        started: valor_io::time::rfc3339(SystemTime::now()),
        commit: git(&["rev-parse", "HEAD"]).unwrap_or_default(),
        dirty: git(&["status", "--porcelain"]).is_some_and(|status| !status.is_empty()),
    }
}
