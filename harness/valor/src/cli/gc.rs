//! `valor gc`: runs that no experiment file asks for, and what was set aside.

use super::common::{leave, swept};
use super::{DONE, FAILED};
use anyhow::Context;
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use valor_base::error::InputError;
use valor_runs::spec::{self, Experiment, PlannedRun};
use valor_runs::store::{LEASE, Store};

/// Where to look and whether to remove.
#[derive(Args)]
pub(super) struct Arguments {
    /// Folder of experiment files; every profile of every file counts
    #[arg(long, default_value = "experiments")]
    experiments: PathBuf,
    /// The results folder
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// Removes what is listed
    #[arg(long)]
    yes: bool,
}

/// Lists, and removes if asked to. If any experiment file cannot be read, nothing is removed; where a data file is not there,
/// the runs that may be on it are kept.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let asked = AskedRuns::of(&arguments.experiments)?;
    let store = if arguments.yes { Store::open(&arguments.results)? } else { Store::new(&arguments.results) };
    let garbage = store.garbage(&asked.kept(&store)?)?;
    leave(&garbage.strangers);
    for path in garbage.paths() {
        println!("{}", path.display());
    }
    let (runs, others) = (garbage.runs.len(), garbage.others.len());
    let others = if others > 0 { format!(" and {others} other files or folders") } else { String::new() };
    if !arguments.yes {
        println!("{runs} runs{others} that no experiment asks for; --yes removes them");
        return Ok(DONE);
    }
    let mut left = Vec::new();
    if garbage.paths().next().is_some() {
        let writer = store.prepare(LEASE)?;
        swept(&writer);
        left = writer.remove(&garbage)?;
    }
    leave(&left);
    match left.len() {
        0 => {
            println!("{runs} runs{others} removed");
            Ok(DONE)
        }
        left => {
            println!("{left} of {} could not be removed", garbage.paths().count());
            Ok(FAILED)
        }
    }
}

/// What experiment files ask for.
#[derive(Default)]
struct AskedRuns {
    ids: BTreeSet<String>,
    /// Of experiments whose data file is not there: what their runs' ids would be whatever it holds.
    unresolved: BTreeSet<String>,
}

impl AskedRuns {
    fn of(folder: &Path) -> anyhow::Result<Self> {
        let entries = std::fs::read_dir(folder)
            .map_err(|error| InputError::new(format!("experiments folder {}: {error}", folder.display())))?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<PathBuf>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        paths.sort();
        let mut asked = Self::default();
        for path in paths {
            let mut absent = BTreeSet::new();
            for profile in spec::profiles(&path)? {
                asked.add(spec::declared(&path, Some(&profile), &[])?, &mut absent)?;
            }
            for file in absent {
                let (path, file) = (path.display(), file.display());
                eprintln!(
                    "{path}: its data file {file} is not there; runs on it cannot be told apart and are kept"
                );
            }
        }
        Ok(asked)
    }

    /// Adds an experiment; data files that are not there go to `absent`.
    fn add(&mut self, mut experiment: Experiment, absent: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
        let root = spec::root(&experiment.path);
        for dataset in &mut experiment.datasets {
            match dataset.spec.file(&root).filter(|file| !file.exists()) {
                Some(file) => drop(absent.insert(file)),
                None => dataset.spec.resolve(&root).with_context(|| experiment.path.display().to_string())?,
            }
        }
        // Whatever its claims may come to ask for is kept.
        let experiment = experiment.with_most_seeds();
        let unresolved = |run: &PlannedRun| {
            let spec = &experiment.dataset(run.cell).spec;
            spec.file(&root).is_some() && spec.content().is_none()
        };
        let known = experiment.runs().into_iter().filter(|run| !unresolved(run));
        self.ids.extend(known.map(|run| run.id));
        let any = experiment.datasets.iter().any(|dataset| dataset.spec.content().is_none());
        let unknown = if any { experiment.runs_of_any_content() } else { Vec::new() };
        self.unresolved.extend(unknown.into_iter().filter(unresolved).map(|run| run.id));
        Ok(())
    }

    /// Ids of runs that are asked for, or may be by an experiment whose data file is not there.
    fn kept(self, store: &Store) -> anyhow::Result<BTreeSet<String>> {
        let Self { mut ids, unresolved } = self;
        if unresolved.is_empty() {
            return Ok(ids);
        }
        let reader = store.reader()?;
        let may_be = |id: &&String| {
            let found = reader.run(id).and_then(Result::ok);
            found.is_some_and(|run| unresolved.contains(&run.record.spec.id_of_any_content()))
        };
        let kept: Vec<String> = reader.entries().keys().filter(may_be).cloned().collect();
        ids.extend(kept);
        Ok(ids)
    }
}
