//! `valor work`: one worker, wherever it is started: claims what is missing, trains it and commits it.

use super::common::{Asked, Lease, provenance};
use super::progress::Progress;
use super::run::{tidy, unrecorded};
use super::until::Looker;
use super::{DONE, FAILED, INTERRUPTED};
use clap::Args;
use serde_json::json;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_runs::executor::{self, Alone, Claims, Options, Tally};
use valor_runs::spec::Experiment;
use valor_runs::store::{RunState, Store, known};

/// What to work on and how.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Workers that share this machine: its cores, and the seeds of a cell where cells are few
    #[arg(long)]
    workers: Option<usize>,
    /// auto, cpu, cuda, cuda:1
    #[arg(long, default_value = "auto")]
    device: String,
    #[command(flatten)]
    lease: Lease,
    /// Prints one JSON object at the end: what this worker recorded and what failed
    #[arg(long)]
    json: bool,
    /// Works for the process at the other end of its standard streams
    #[arg(long, hide = true)]
    child: bool,
}

/// Works until nothing is left, and sets the exit code.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    if arguments.workers == Some(0) {
        return Err(input_error!("--workers 0: allowed are whole numbers from 1"));
    }
    let options = Options {
        workers: arguments.workers,
        device: arguments.device.clone(),
        lease: arguments.lease.duration()?,
    };
    if arguments.child {
        let load = || {
            let experiment = arguments.asked.load()?;
            let provenance = provenance(&experiment);
            Ok((experiment, Store::new(&arguments.asked.results), provenance))
        };
        return executor::child(&options, load).map(|()| DONE);
    }
    alone(arguments, &options)
}

fn alone(arguments: &Arguments, options: &Options) -> anyhow::Result<u8> {
    let declared = arguments.asked.load()?;
    let store = Store::open(&arguments.asked.results)?;
    let claims = Claims::default();
    let ending = claims.clone();
    // What is claimed is for others to take at once.
    let handler = move || ending.end(i32::from(INTERRUPTED));
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("valor: Ctrl-C will not be heard: {error}");
    }
    let mut looker = Looker::of(&declared);
    let (mut experiment, mut tally) = (declared.clone(), Tally::default());
    let runs = loop {
        let done = train(&experiment, &store, options, &claims)?;
        tally.recorded += done.recorded;
        tally.failed += done.failed;
        let Some(looker) = &mut looker else { break known(&experiment, &store)? };
        let look = looker.look(&store)?;
        let next = looker.asked(&look);
        // What was asked for already and is not recorded has failed.
        if next.more == experiment.more {
            break known(&experiment, &store)?;
        }
        if look.lacks() {
            eprintln!("{}", look.before());
        }
        experiment = next;
    };
    let done = runs.iter().filter(|known| known.state.is_done()).count();
    let failed = runs.iter().any(|known| matches!(known.state, RunState::Failed(_)));
    if arguments.json {
        let found = json!({
            "experiment": experiment.name,
            "profile": experiment.profile,
            "results": arguments.asked.results,
            "asked": runs.len(),
            "recorded": done,
            "recorded_here": tally.recorded,
            "failed_here": tally.failed,
        });
        println!("{found:#}");
    } else {
        println!(
            "{} ({}): {} runs recorded by this worker, {done}/{} in {}",
            shown(&experiment.name),
            shown(&experiment.profile),
            tally.recorded,
            runs.len(),
            arguments.asked.results.display()
        );
        unrecorded(&experiment, &runs);
    }
    Ok(if failed || done < runs.len() { FAILED } else { DONE })
}

/// Trains what is missing of an experiment, waiting for what others train.
fn train(
    experiment: &Experiment,
    store: &Store,
    options: &Options,
    claims: &Claims,
) -> anyhow::Result<Tally> {
    let before = known(experiment, store)?;
    let missing = before.iter().filter(|known| !known.state.is_done()).count();
    let mut progress = Progress::new(missing, 1);
    let worker = Alone {
        experiment,
        store,
        options,
        provenance: provenance(experiment),
        claims: claims.clone(),
        prepared: &|writer| tidy(store, writer, &before),
    };
    let worked = worker.work(&before, &mut |event| progress.hear(0, &event));
    progress.close();
    worked
}
