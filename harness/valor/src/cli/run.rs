//! `valor run`: has what is missing trained by workers on this machine, and says what is recorded.

use super::common::{self, Asked, Lease, leave, swept};
use super::progress::Progress;
use super::until::{Found, Looker};
use super::{DONE, FAILED, INTERRUPTED};
use clap::Args;
use serde_json::json;
use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_learn::learner::device::cores;
pub(super) use valor_runs::executor::default_workers;
use valor_runs::executor::{Pool, Report};
use valor_runs::spec::Experiment;
use valor_runs::store::{KnownRun, RunState, Store, Writer, known};

/// What to run and where.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Worker processes; by default one per core, or one in all with CUDA
    #[arg(long)]
    workers: Option<usize>,
    /// auto, cpu, cuda, cuda:1
    #[arg(long, default_value = "auto")]
    device: String,
    #[command(flatten)]
    lease: Lease,
    /// Prints one JSON object at the end: what was asked, recorded, failed
    #[arg(long)]
    json: bool,
}

/// Has everything trained that is missing, and sets the exit code.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let declared = arguments.asked.load()?;
    let workers = arguments.workers.map(workers).transpose()?;
    let lease = arguments.lease.duration()?;
    let store = Store::open(&arguments.asked.results)?;
    let interrupted = listen();
    let interrupted = || interrupted.load(Ordering::Relaxed);
    let mut looker = Looker::of(&declared);
    let (mut experiment, mut found) = (declared.clone(), None);
    loop {
        let words = words(arguments, workers);
        let (experiment_now, store) = (&experiment, &store);
        let pool =
            Pool { experiment: experiment_now, store, words, workers, lease, interrupted: &interrupted };
        train(&pool)?;
        let Some(looker) = looker.as_mut().filter(|_| !interrupted()) else { break };
        let look = looker.look(store)?;
        let next = looker.asked(&look);
        // What was asked for already and is not recorded has failed.
        let more = next.more != experiment.more;
        if more && look.lacks() {
            eprintln!("{}", look.before());
        }
        (experiment, found) = (next, Some(look));
        if !more {
            break;
        }
    }
    let stopped = interrupted();
    let done = conclude(arguments, (&experiment, found.as_ref()), &store, stopped)?;
    Ok(match (done, stopped) {
        (true, _) => DONE,
        (false, true) => INTERRUPTED,
        (false, false) => FAILED,
    })
}

/// Has everything trained that an experiment asks for and that is not recorded.
fn train(pool: &Pool) -> anyhow::Result<()> {
    let runs = known(pool.experiment, pool.store)?;
    let mut progress = None;
    let worked = pool.run(&runs, &mut |report| match report {
        Report::Prepared(writer) => tidy(pool.store, writer, &runs),
        Report::Begins { runs, workers } => progress = Some(Progress::new(runs, workers)),
        Report::Said { worker, event } => {
            // What is said before there is anything to train is said as well.
            progress.get_or_insert_with(Progress::silent).hear(worker, &event);
        }
    });
    if let Some(progress) = &progress {
        progress.close();
    }
    worked
}

/// The words that make this program a worker on the same experiment.
fn words(arguments: &Arguments, workers: Option<usize>) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["work".into(), "--child".into()];
    words.extend(arguments.asked.words());
    words.extend(["--device".into(), arguments.device.clone().into()]);
    if let Some(workers) = workers {
        words.extend(["--workers".into(), workers.to_string().into()]);
    }
    words
}

/// Says what is left alone, and forgets failures of runs that are done.
pub(super) fn tidy(store: &Store, writer: &Writer, runs: &[KnownRun]) {
    swept(writer);
    for known in runs.iter().filter(|known| known.state.is_done()) {
        writer.forget_failure(&known.run.id);
    }
    // What cannot be listed now is nothing to stop for.
    leave(&store.strangers().unwrap_or_default());
}

/// As many as asked for, but one thread per core at most: libtorch collapses when cores are oversubscribed.
fn workers(asked: usize) -> anyhow::Result<usize> {
    match asked {
        0 => Err(input_error!("--workers 0: allowed are whole numbers from 1")),
        asked if asked > cores() => {
            eprintln!("--workers {asked}: only {} are started, one per core", cores());
            Ok(cores())
        }
        asked => Ok(asked),
    }
}

/// Says what is recorded; whether that is everything.
fn conclude(
    arguments: &Arguments,
    (experiment, found): (&Experiment, Option<&Found>),
    store: &Store,
    stopped: bool,
) -> anyhow::Result<bool> {
    let runs = known(experiment, store)?;
    let done = runs.iter().filter(|known| known.state.is_done()).count();
    let command = format!("valor run {}", arguments.asked.options());
    if arguments.json {
        let mut object = as_json(experiment, &runs);
        object["results"] = json!(arguments.asked.results);
        object["interrupted"] = json!(stopped);
        object["command"] = json!(command);
        if let Some(found) = found {
            object["until_decided"] = found.as_json();
        }
        println!("{object:#}");
        return Ok(done == runs.len());
    }
    let (name, profile) = (shown(&experiment.name), shown(&experiment.profile));
    println!(
        "{name} ({profile}): {done}/{} runs recorded in {}",
        runs.len(),
        arguments.asked.results.display()
    );
    for line in found.into_iter().flat_map(Found::lines) {
        println!("{line}");
    }
    if done == runs.len() {
        return Ok(true);
    }
    unrecorded(experiment, &runs);
    println!("to continue: {command}");
    Ok(false)
}

/// Says of which runs something is known why they are not recorded.
pub(super) fn unrecorded(experiment: &Experiment, runs: &[KnownRun]) {
    for KnownRun { run, state } in runs {
        match state {
            RunState::Failed(_) | RunState::Damaged(_) | RunState::Claimed(_) => println!(
                "{}: {}, {}, seed {}: {}",
                state.word(),
                shown(&experiment.dataset(run.cell).name),
                shown(&experiment.method(run.cell).name),
                run.seed,
                shown(&state.why())
            ),
            RunState::Done(..) | RunState::Missing(_) => {}
        }
    }
}

/// What is recorded, and every run that is not, with its reason.
fn as_json(experiment: &Experiment, runs: &[KnownRun]) -> serde_json::Value {
    let count = |word: &str| runs.iter().filter(|known| known.state.word() == word).count();
    let left = runs.iter().filter(|known| !known.state.is_done());
    json!({
        "experiment": experiment.name,
        "profile": experiment.profile,
        "asked": runs.len(),
        "recorded": count("done"),
        "failed": count("failed"),
        "claimed": count("claimed"),
        "missing": count("missing"),
        "unrecorded": left.map(|known| common::as_json(experiment, known)).collect::<Vec<_>>(),
    })
}

/// Turns Ctrl-C into a flag. A second Ctrl-C ends at once.
pub(super) fn listen() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let heard = flag.clone();
    let handler = move || {
        if heard.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        eprintln!("valor: Ctrl-C will not be heard: {error}");
    }
    flag
}
