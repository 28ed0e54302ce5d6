//! `valor status`: how much of an experiment is done.

use super::DONE;
use super::common::{Asked, changed};
use super::until::{Found, extended};
use clap::Args;
use serde_json::json;
use valor_base::escape::terminal::line as shown;
use valor_learn::learner::Status;
use valor_runs::spec::Experiment;
use valor_runs::store::{KnownRun, RunState, Store, known};

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
    damaged: usize,
    failed: usize,
    claimed: usize,
    missing: usize,
}

/// Prints counts per cell and in all.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let store = Store::new(&arguments.asked.results);
    let (experiment, found) = extended(arguments.asked.load()?, &store)?;
    let runs = known(&experiment, &store)?;
    let mut total = Counts::default();
    let mut cells = Vec::new();
    for of_cell in runs.chunk_by(|one, other| one.run.cell == other.run.cell) {
        let (counts, cell) = (count(of_cell), of_cell[0].run.cell);
        total.add(&counts);
        cells.push((experiment.dataset(cell).name.as_str(), experiment.method(cell).name.as_str(), counts));
    }
    if arguments.json {
        let cell = |(dataset, method, counts): &(&str, &str, Counts)| {
            let mut value = counts.as_json();
            value["dataset"] = json!(dataset);
            value["method"] = json!(method);
            value
        };
        let cells: Vec<_> = cells.iter().map(cell).collect();
        let mut object = as_json(arguments, (&experiment, &runs), &total, &cells);
        if let Some(found) = &found {
            object["until_decided"] = found.as_json();
        }
        println!("{object:#}");
        return Ok(DONE);
    }
    println!("results in {}", shown(&arguments.asked.results.display().to_string()));
    print(&experiment, &runs, &cells);
    for line in changed(&experiment, &runs) {
        println!("note: {line}");
    }
    for line in found.iter().flat_map(Found::lines) {
        println!("{line}");
    }
    println!("{} ({}): {}", shown(&experiment.name), shown(&experiment.profile), total.text());
    Ok(DONE)
}

fn as_json(
    arguments: &Arguments,
    (experiment, runs): (&Experiment, &[KnownRun]),
    total: &Counts,
    cells: &[serde_json::Value],
) -> serde_json::Value {
    let named = |known: &KnownRun| {
        json!({
            "dataset": experiment.dataset(known.run.cell).name,
            "method": experiment.method(known.run.cell).name,
            "seed": known.run.seed,
            "id": known.run.id,
        })
    };
    let (mut claimed, mut damaged) = (Vec::new(), Vec::new());
    for known in runs {
        let mut run = named(known);
        match &known.state {
            RunState::Claimed(host) => {
                run["host"] = json!(host);
                claimed.push(run);
            }
            RunState::Damaged(damage) => {
                run["why"] = json!(damage.reason);
                damaged.push(run);
            }
            RunState::Done(..) | RunState::Failed(_) | RunState::Missing(_) => {}
        }
    }
    json!({
        "experiment": experiment.name,
        "profile": experiment.profile,
        "results": arguments.asked.results,
        "total": total.as_json(),
        "cells": cells,
        "claimed": claimed,
        "damaged": damaged,
        "changed": changed(experiment, runs),
    })
}

fn print(experiment: &Experiment, runs: &[KnownRun], cells: &[(&str, &str, Counts)]) {
    for (dataset, method, counts) in cells {
        println!("{:<14} {:<32} {}", shown(dataset), shown(method), counts.text());
    }
    let told = |known: &&KnownRun| matches!(known.state, RunState::Damaged(_) | RunState::Claimed(_));
    for KnownRun { run, state } in runs.iter().filter(told) {
        let (dataset, method) = (&experiment.dataset(run.cell).name, &experiment.method(run.cell).name);
        let (word, why) = (state.word(), state.why());
        println!("{word}: {}, {}, seed {}: {}", shown(dataset), shown(method), run.seed, shown(&why));
    }
}

fn count(runs: &[KnownRun]) -> Counts {
    let mut counts = Counts::default();
    for known in runs {
        counts.asked += 1;
        match &known.state {
            RunState::Done(_, Status::Finished { .. }) => counts.finished += 1,
            RunState::Done(_, Status::Diverged(_)) => counts.diverged += 1,
            RunState::Claimed(_) => counts.claimed += 1,
            RunState::Damaged(_) => counts.damaged += 1,
            RunState::Failed(_) => counts.failed += 1,
            RunState::Missing(_) => counts.missing += 1,
        }
    }
    counts
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.asked += other.asked;
        self.finished += other.finished;
        self.diverged += other.diverged;
        self.damaged += other.damaged;
        self.failed += other.failed;
        self.claimed += other.claimed;
        self.missing += other.missing;
    }

    fn as_json(&self) -> serde_json::Value {
        json!({
            "asked": self.asked,
            "finished": self.finished,
            "diverged": self.diverged,
            "damaged": self.damaged,
            "failed": self.failed,
            "claimed": self.claimed,
            "missing": self.missing,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{}/{} done", self.finished + self.diverged, self.asked);
        let parts = [
            (self.diverged, "diverged"),
            (self.damaged, "damaged"),
            (self.failed, "failed"),
            (self.claimed, "claimed"),
            (self.missing, "missing"),
        ];
        for (count, word) in parts {
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        text
    }
}
