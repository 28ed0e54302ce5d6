//! `valor gc`: runs that no experiment file asks for, and what was set aside.

use super::common::{leave, swept};
use super::{DONE, FAILED};
use crate::error::InputError;
use crate::spec;
use crate::store::Store;
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

/// Lists, and removes exactly that if asked to. If any experiment file cannot be read, nothing is removed.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let asked = asked_ids(&arguments.experiments)?;
    let store = if arguments.yes { Store::open(&arguments.results)? } else { Store::new(&arguments.results) };
    let garbage = store.garbage(&asked)?;
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
        let writer = store.prepare()?;
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

fn asked_ids(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| InputError::new(format!("experiments folder {}: {error}", folder.display())))?;
    let mut ids = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            for profile in spec::profiles(&path)? {
                let experiment = spec::load(&path, Some(&profile), &[])?;
                for (dataset, method) in experiment.cells() {
                    let id = |&seed: &u64| experiment.run(dataset, method, seed).id();
                    ids.extend(experiment.seeds.iter().map(id));
                }
            }
        }
    }
    Ok(ids)
}
