//! `valor plan`: every cell and seed, its id, done or missing, and why.

use super::DONE;
use super::common::{Asked, Known, known};
use crate::spec::Experiment;
use crate::store::Store;
use clap::Args;
use serde_json::json;

/// What to plan.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// Prints the plan.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let experiment = arguments.asked.load()?;
    let runs = known(&experiment, &Store::new(&arguments.asked.results))?;
    if arguments.json {
        println!("{:#}", as_json(&experiment, &runs));
    } else {
        print(&experiment, &runs);
    }
    Ok(DONE)
}

fn as_json(experiment: &Experiment, runs: &[Known]) -> serde_json::Value {
    let run = |run: &Known| {
        json!({
            "dataset": experiment.datasets[run.dataset].name,
            "method": experiment.methods[run.method].name,
            "seed": run.seed,
            "id": run.id,
            "state": run.state.word(),
            "why": run.state.why(),
        })
    };
    json!({
        "experiment": experiment.name,
        "profile": experiment.profile,
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
    })
}

fn print(experiment: &Experiment, runs: &[Known]) {
    let width = experiment.methods.iter().map(|method| method.name.chars().count()).max().unwrap_or(0);
    println!("{} ({}): {}", experiment.name, experiment.profile, experiment.path.display());
    for (index, dataset) in experiment.datasets.iter().enumerate() {
        println!("\n{}", dataset.name);
        for run in runs.iter().filter(|run| run.dataset == index) {
            let method = &experiment.methods[run.method].name;
            let (id, seed, word) = (&run.id, run.seed, run.state.word());
            println!("  {method:<width$}  seed {seed:<4} {id}  {word:<8} {}", run.state.why());
        }
    }
    let done = runs.iter().filter(|run| run.state.word() == "done").count();
    println!("\n{done} of {} runs done", runs.len());
}
