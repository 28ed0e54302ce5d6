//! `valor plan`: every cell and seed, its id, done or missing, and why.

use super::DONE;
use super::common::{self, Asked, changed};
use super::until::extended;
use clap::Args;
use serde_json::json;
use valor_base::escape::terminal::line as shown;
use valor_runs::spec::Experiment;
use valor_runs::store::{KnownRun, Store, known};

/// What to plan.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the plan.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let store = Store::new(&arguments.asked.results);
    let (experiment, _) = extended(arguments.asked.load()?, &store)?;
    let runs = known(&experiment, &store)?;
    if arguments.json {
        println!("{:#}", as_json(&arguments.asked, &experiment, &runs));
    } else {
        print(&arguments.asked, &experiment, &runs);
    }
    Ok(DONE)
}

fn as_json(asked: &Asked, experiment: &Experiment, runs: &[KnownRun]) -> serde_json::Value {
    let run = |run: &KnownRun| common::as_json(experiment, run);
    json!({
        "experiment": experiment.name,
        "profile": experiment.profile,
        "results": asked.results,
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
        "changed": changed(experiment, runs),
    })
}

fn print(asked: &Asked, experiment: &Experiment, runs: &[KnownRun]) {
    let methods: Vec<String> = experiment.methods.iter().map(|method| shown(&method.name)).collect();
    let width = methods.iter().map(|method| method.chars().count()).max().unwrap_or(0);
    let (name, profile) = (shown(&experiment.name), shown(&experiment.profile));
    let (file, results) = (experiment.path.display().to_string(), asked.results.display().to_string());
    let mut text = format!("{name} ({profile}): {}, results in {}\n", shown(&file), shown(&results));
    for (index, dataset) in experiment.datasets.iter().enumerate() {
        text.push_str(&format!("\n{}\n", shown(&dataset.name)));
        for KnownRun { run, state } in runs.iter().filter(|known| known.run.cell.dataset == index) {
            let (method, why) = (&methods[run.cell.method], shown(&state.why()));
            let (id, seed, word) = (&run.id, run.seed, state.word());
            text.push_str(&format!("  {method:<width$}  seed {seed:<4} {id}  {word:<8} {why}\n"));
        }
    }
    let done = runs.iter().filter(|run| run.state.is_done()).count();
    println!("{text}");
    for line in changed(experiment, runs) {
        println!("note: {line}");
    }
    println!("{done} of {} runs done", runs.len());
}
