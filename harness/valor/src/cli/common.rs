//! What several verbs share: which experiment is meant, what is known of its runs, and facts for the records.

use clap::Args;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use valor_base::escape::shell;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_learn::model::Model;
use valor_runs::spec::{self, Experiment};
use valor_runs::store::{KnownRun, LEASE, LEASES, RunState, Stranger, Writer};
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
    pub(super) fn load(&self) -> anyhow::Result<Experiment> {
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

/// How long others wait for a worker that says nothing.
#[derive(Args, Clone, Debug)]
pub(super) struct Lease {
    /// Seconds for which a worker's heartbeat may stand still before workers of other machines take its runs
    #[arg(long, value_name = "SECONDS", default_value_t = LEASE.as_secs())]
    lease: u64,
}

impl Lease {
    /// As a duration.
    ///
    /// # Errors
    ///
    /// An input error where it is too short or too long.
    pub(super) fn duration(&self) -> anyhow::Result<Duration> {
        match LEASES.contains(&self.lease) {
            true => Ok(Duration::from_secs(self.lease)),
            false => Err(input_error!(
                "--lease {}: allowed are {} to {} seconds",
                self.lease,
                LEASES.start(),
                LEASES.end()
            )),
        }
    }
}

impl Asked {
    /// The experiment as it is meant.
    pub(super) fn load(&self) -> anyhow::Result<Experiment> {
        self.chosen.load()
    }

    /// The same choice of another experiment file.
    pub(super) fn with(&self, experiment: &Path) -> Self {
        let chosen = Chosen { experiment: experiment.to_path_buf(), ..self.chosen.clone() };
        Self { chosen, results: self.results.clone() }
    }

    /// The same choice of another profile.
    pub(super) fn of_profile(&self, profile: &str) -> Self {
        let chosen = Chosen { profile: Some(profile.to_string()), ..self.chosen.clone() };
        Self { chosen, results: self.results.clone() }
    }

    /// The words that repeat this choice, as a program takes them.
    pub(super) fn words(&self) -> Vec<OsString> {
        let Chosen { experiment, profile, sets } = &self.chosen;
        // In one word with its option, so that nothing that begins with a dash is an option.
        let joined = |option: &str, value: &OsStr| {
            let mut word = OsString::from(format!("--{option}="));
            word.push(value);
            word
        };
        let mut words = vec![joined("results", self.results.as_os_str())];
        words.extend(profile.iter().map(|profile| joined("profile", profile.as_ref())));
        words.extend(sets.iter().map(|set| joined("set", set.as_ref())));
        // So is one that is a path.
        let plain = experiment.is_absolute() || !experiment.as_os_str().as_encoded_bytes().starts_with(b"-");
        words.push(if plain { experiment.into() } else { Path::new(".").join(experiment).into() });
        words
    }

    /// The words that repeat this choice, as a shell reads them.
    pub(super) fn options(&self) -> String {
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

/// A run as `plan` and `run` print it.
pub(super) fn as_json(experiment: &Experiment, known: &KnownRun) -> serde_json::Value {
    let KnownRun { run, state } = known;
    serde_json::json!({
        "dataset": experiment.dataset(run.cell).name,
        "method": experiment.method(run.cell).name,
        "seed": run.seed,
        "id": run.id,
        "state": state.word(),
        "why": state.why(),
    })
}

/// What is said of runs that were recorded when data files held something else; nothing where there are none.
pub(super) fn changed(experiment: &Experiment, runs: &[KnownRun]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for known in runs.iter().filter(|known| matches!(known.state, RunState::Missing(Some(_)))) {
        *counts.entry(experiment.dataset(known.run.cell).spec.place()).or_default() += 1;
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
