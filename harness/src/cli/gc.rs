//! `valor gc`: runs that no experiment file asks for.

use super::DONE;
use crate::error::InputError;
use crate::spec::{self, CellIdentity, Experiment};
use crate::store::{Entry, Store};
use anyhow::Context;
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
    let store = Store::new(&arguments.results);
    let entries = store.entries()?;
    let unasked: Vec<Entry> = entries.into_values().filter(|entry| !asked.keep(&store, entry)).collect();
    for entry in &unasked {
        println!("{}", entry.folder.display());
    }
    if arguments.yes {
        Store::open(&arguments.results)?.remove(&unasked, &asked.ids)?;
        println!("{} runs removed", unasked.len());
    } else {
        println!("{} runs that no experiment asks for; --yes removes them", unasked.len());
    }
    Ok(DONE)
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
            .map_err(|error| InputError(format!("experiments folder {}: {error}", folder.display())))?;
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
        for ((dataset, method), identity) in experiment.cells().zip(experiment.identities()) {
            let spec = &experiment.datasets[dataset].spec;
            if spec.file(&root).is_some() && spec.content().is_none() {
                let method = &experiment.methods[method].spec;
                let identity = CellIdentity::of_any_content(spec, &experiment.split, method);
                self.unresolved.extend(experiment.seeds.iter().map(|seed| identity.id(*seed)));
            } else {
                self.ids.extend(experiment.seeds.iter().map(|seed| identity.id(*seed)));
            }
        }
        Ok(())
    }

    /// Whether a run is asked for, or may be by an experiment whose data file is not there.
    fn keep(&self, store: &Store, entry: &Entry) -> bool {
        self.ids.contains(&entry.id)
            || (!self.unresolved.is_empty()
                && store
                    .record(entry)
                    .is_ok_and(|record| self.unresolved.contains(&record.spec.id_of_any_content())))
    }
}
