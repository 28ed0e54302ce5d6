//! `valor status`: how much of an experiment is done.

use super::DONE;
use super::common::{Asked, Known, State, changed, known};
use clap::Args;
use serde_json::json;
use valor_base::escape::terminal::line as shown;
use valor_learn::learner::Status;
use valor_runs::spec::Experiment;
use valor_runs::store::Store;

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
        let counts = count(of_cell.iter());
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
        println!("{:#}", as_json(arguments, (&experiment, &runs), &total, &cells));
        return Ok(DONE);
    }
    println!("results in {}", shown(&arguments.asked.results.display().to_string()));
    print(&experiment, &runs, &cells);
    for line in changed(&experiment, &runs) {
        println!("note: {line}");
    }
    println!("{} ({}): {}", shown(&experiment.name), shown(&experiment.profile), total.text());
    Ok(DONE)
}

fn as_json(
    arguments: &Arguments,
    (experiment, runs): (&Experiment, &[Known]),
    total: &Counts,
    cells: &[serde_json::Value],
) -> serde_json::Value {
    let damaged = runs.iter().filter(|run| matches!(run.state, State::Damaged(_)));
    let damaged = damaged.map(|run| {
        json!({
            "dataset": experiment.datasets[run.dataset].name,
            "method": experiment.methods[run.method].name,
            "seed": run.seed,
            "id": run.id,
            "why": run.state.why(),
        })
    });
    json!({
        "experiment": experiment.name,
        "profile": experiment.profile,
        "results": arguments.asked.results,
        "total": total.as_json(),
        "cells": cells,
        "damaged": damaged.collect::<Vec<_>>(),
        "changed": changed(experiment, runs),
    })
}

fn print(experiment: &Experiment, runs: &[Known], cells: &[(&str, &str, Counts)]) {
    for (dataset, method, counts) in cells {
        println!("{:<14} {:<32} {}", shown(dataset), shown(method), counts.text());
    }
    for run in runs.iter().filter(|run| matches!(run.state, State::Damaged(_))) {
        let (dataset, method) =
            (&experiment.datasets[run.dataset].name, &experiment.methods[run.method].name);
        let why = run.state.why();
        println!("damaged: {}, {}, seed {}: {}", shown(dataset), shown(method), run.seed, shown(&why));
    }
}

fn count<'a>(runs: impl Iterator<Item = &'a Known>) -> Counts {
    let mut counts = Counts::default();
    for run in runs {
        counts.asked += 1;
        match &run.state {
            State::Done(_, Status::Finished { .. }) => counts.finished += 1,
            State::Done(_, Status::Diverged(_)) => counts.diverged += 1,
            State::Damaged(_) => counts.damaged += 1,
            State::Failed(_) => counts.failed += 1,
            State::Missing(_) => counts.missing += 1,
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
        self.missing += other.missing;
    }

    fn as_json(&self) -> serde_json::Value {
        json!({
            "asked": self.asked,
            "finished": self.finished,
            "diverged": self.diverged,
            "damaged": self.damaged,
            "failed": self.failed,
            "missing": self.missing,
        })
    }

    fn text(&self) -> String {
        let mut text = format!("{}/{} done", self.finished + self.diverged, self.asked);
        let parts = [
            (self.diverged, "diverged"),
            (self.damaged, "damaged"),
            (self.failed, "failed"),
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
