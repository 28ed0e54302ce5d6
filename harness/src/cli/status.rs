//! `valor status`: how much of an experiment is done.

use super::DONE;
use super::common::{Asked, Known, State, changed, known};
use crate::escape::terminal::line as shown;
use crate::learner::Status;
use crate::store::Store;
use clap::Args;
use serde_json::json;

/// What to count.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Default)]
struct Counts {
    asked: usize,
    finished: usize,
    diverged: usize,
    failed: usize,
    missing: usize,
}

/// Prints counts per cell and in all.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let experiment = arguments.asked.load()?;
    let store = Store::new(&arguments.asked.results);
    let runs = known(&experiment, &store)?;
    let mut total = Counts::default();
    let mut cells = Vec::new();
    // Runs stand in the order of cells, a cell's seeds together.
    for ((dataset, method), of_cell) in experiment.cells().zip(runs.chunks(experiment.seeds.len())) {
        let counts = count(&store, of_cell.iter())?;
        total.add(&counts);
        cells.push((
            experiment.datasets[dataset].name.as_str(),
            experiment.methods[method].name.as_str(),
            counts,
        ));
    }
    if arguments.json {
        let cell = |(dataset, method, counts): &(&str, &str, Counts)| {
            let mut value = counts.as_json();
            value["dataset"] = json!(dataset);
            value["method"] = json!(method);
            value
        };
        let cells: Vec<_> = cells.iter().map(cell).collect();
        let (name, profile) = (&experiment.name, &experiment.profile);
        let found = json!({
            "experiment": name,
            "profile": profile,
            "results": arguments.asked.results,
            "total": total.as_json(),
            "cells": cells,
            "changed": changed(&experiment, &runs),
        });
        println!("{found:#}");
        return Ok(DONE);
    }
    println!("results in {}", arguments.asked.results.display());
    for (dataset, method, counts) in &cells {
        println!("{:<14} {:<32} {}", shown(dataset), shown(method), counts.text());
    }
    for line in changed(&experiment, &runs) {
        println!("note: {line}");
    }
    println!("{} ({}): {}", shown(&experiment.name), shown(&experiment.profile), total.text());
    Ok(DONE)
}

fn count<'a>(store: &Store, runs: impl Iterator<Item = &'a Known>) -> anyhow::Result<Counts> {
    let mut counts = Counts::default();
    for run in runs {
        counts.asked += 1;
        match &run.state {
            State::Done(entry) => match store.record(entry)?.status {
                Status::Finished { .. } => counts.finished += 1,
                Status::Diverged(_) => counts.diverged += 1,
            },
            State::Failed(_) => counts.failed += 1,
            State::Missing(_) => counts.missing += 1,
        }
    }
    Ok(counts)
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.asked += other.asked;
        self.finished += other.finished;
        self.diverged += other.diverged;
        self.failed += other.failed;
        self.missing += other.missing;
    }

    fn as_json(&self) -> serde_json::Value {
        json!({
            "asked": self.asked,
            "finished": self.finished,
            "diverged": self.diverged,
            "failed": self.failed,
            "missing": self.missing,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{}/{} done", self.finished + self.diverged, self.asked);
        for (count, word) in [(self.diverged, "diverged"), (self.failed, "failed"), (self.missing, "missing")]
        {
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        text
    }
}
