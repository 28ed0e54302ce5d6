//! `valor gc`: runs that no experiment file asks for.

use super::DONE;
use crate::error::InputError;
use crate::spec;
use crate::store::{Entry, Store};
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

/// Lists, and removes if asked to. If any experiment file cannot be read, nothing is removed.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let asked = asked_ids(&arguments.experiments)?;
    let store = Store::new(&arguments.results);
    let entries = store.entries()?;
    let unasked: Vec<Entry> = entries.into_values().filter(|entry| !asked.contains(&entry.id)).collect();
    for entry in &unasked {
        println!("{}", entry.folder.display());
    }
    if arguments.yes {
        Store::open(&arguments.results)?.remove(&unasked, &asked)?;
        println!("{} runs removed", unasked.len());
    } else {
        println!("{} runs that no experiment asks for; --yes removes them", unasked.len());
    }
    Ok(DONE)
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
