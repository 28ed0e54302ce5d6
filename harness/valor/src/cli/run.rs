//! `valor run`: trains what is missing, keeps what is found.

use super::common::{Asked, Known, State, known, leave, provenance, swept};
use super::progress::Progress;
use super::{DONE, FAILED, INTERRUPTED};
use anyhow::Context;
use clap::Args;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_learn::learner::device::{self, cores};
use valor_runs::executor::{self, Event, Options, Plan};
use valor_runs::record::{Failure, Record};
use valor_runs::spec::Experiment;
use valor_runs::store::{Commit, Damage, Store, Writer};
use valor_runs::trial::{self, Job};

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
    /// Prints one JSON object at the end: what was asked, recorded, failed
    #[arg(long)]
    json: bool,
}

/// Workers when none are asked for. Measured: on the CPU one single-threaded worker per core trains more runs
/// per hour than fewer workers with more threads; a GPU is busy with one stack.
pub(super) fn default_workers(cuda: bool) -> usize {
    if cuda { 1 } else { cores() }
}

/// Trains, commits, and sets the exit code.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let experiment = arguments.asked.load()?;
    let device = device::resolve(&arguments.device)?;
    let workers = workers(arguments.workers, device.is_cuda())?;
    let store = Store::open(&arguments.asked.results)?;
    let runs = known(&experiment, &store)?;
    let (present, aside) = present(&runs);
    let plan = Plan { workers, device: device::name(device), provenance: provenance(&experiment) };
    let jobs = executor::jobs(&experiment, &present, &plan);
    trial::check(&jobs).with_context(|| experiment.path.display().to_string())?;
    let writer = tidy(&store, &runs, &aside)?;
    let interrupted = listen();
    let count: usize = jobs.iter().map(|job| job.seeds.len()).sum();
    if count > 0 {
        let progress = Progress::new(count, workers.min(jobs.len()));
        let mut keeper = Keeper { store: &store, writer: &writer, progress };
        let options = Options { workers, interrupted: &|| interrupted.load(Ordering::Relaxed) };
        executor::execute(jobs, &options, &mut |event| keeper.hear(event))?;
        keeper.progress.close();
    }
    let stopped = interrupted.load(Ordering::Relaxed);
    let done = conclude(arguments, &experiment, &store, stopped)?;
    Ok(match (done, stopped) {
        (true, _) => DONE,
        (false, true) => INTERRUPTED,
        (false, false) => FAILED,
    })
}

/// Ids that need no training, and what is damaged and so in the way. Where only the test rows that runs share are damaged, one of
/// the runs is trained again, which writes the rows again; the others are looked at afterwards.
fn present(runs: &[Known]) -> (BTreeSet<String>, Vec<&Damage>) {
    let (mut present, mut aside, mut rows) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
    for run in runs {
        match &run.state {
            State::Done(..) => drop(present.insert(run.id.clone())),
            State::Damaged(damage) => match &damage.evaluation {
                Some(evaluation) if !rows.insert(evaluation) => drop(present.insert(run.id.clone())),
                Some(_) | None => aside.push(damage),
            },
            State::Failed(_) | State::Missing(_) => {}
        }
    }
    (present, aside)
}

/// Makes the store ready: says what is left alone, sets aside what is damaged, forgets failures of runs that are done.
fn tidy(store: &Store, runs: &[Known], aside: &[&Damage]) -> anyhow::Result<Writer> {
    let writer = store.prepare()?;
    swept(&writer);
    // Another start may have trained them again meanwhile.
    let reader = store.reader()?;
    for damage in aside.iter().filter(|damage| matches!(reader.run(&damage.entry.id), Some(Err(_)))) {
        eprintln!("damaged, and trained again: {}", damage.reason);
        let run = Damage { evaluation: None, ..(*damage).clone() };
        // Rows that a run which is believed was judged on are not what is damaged.
        let believed = |evaluation: &String| {
            let done = runs.iter().filter(|run| matches!(run.state, State::Done(..)));
            let mut found = done.filter_map(|run| reader.run(&run.id)?.ok());
            found.any(|run| run.record.evaluation == *evaluation)
        };
        let rows = damage.evaluation.as_ref().filter(|rows| !believed(rows)).map(|_| *damage);
        for damage in rows.into_iter().chain([&run]) {
            if let Some(place) = writer.set_aside(damage)? {
                eprintln!("set aside: {}", place.display());
            }
        }
    }
    for run in runs.iter().filter(|run| matches!(run.state, State::Done(..))) {
        writer.forget_failure(&run.id);
    }
    leave(&store.strangers()?);
    Ok(writer)
}

/// As many as asked for, but one thread per core at most: libtorch collapses when cores are oversubscribed.
fn workers(asked: Option<usize>, cuda: bool) -> anyhow::Result<usize> {
    match asked {
        None => Ok(default_workers(cuda)),
        Some(0) => Err(input_error!("--workers 0: allowed are whole numbers from 1")),
        Some(asked) if asked > cores() => {
            eprintln!("--workers {asked}: only {} are started, one per core", cores());
            Ok(cores())
        }
        Some(asked) => Ok(asked),
    }
}

/// Says what is recorded; whether that is everything.
fn conclude(
    arguments: &Arguments,
    experiment: &Experiment,
    store: &Store,
    stopped: bool,
) -> anyhow::Result<bool> {
    let runs = known(experiment, store)?;
    let done = runs.iter().filter(|run| run.state.word() == "done").count();
    let command = format!("valor run {}", arguments.asked.options());
    if arguments.json {
        let mut found = as_json(experiment, &runs);
        found["results"] = json!(arguments.asked.results);
        found["interrupted"] = json!(stopped);
        found["command"] = json!(command);
        println!("{found:#}");
        return Ok(done == runs.len());
    }
    let (name, profile) = (shown(&experiment.name), shown(&experiment.profile));
    println!(
        "{name} ({profile}): {done}/{} runs recorded in {}",
        runs.len(),
        arguments.asked.results.display()
    );
    if done == runs.len() {
        return Ok(true);
    }
    for run in runs.iter().filter(|run| matches!(run.state, State::Failed(_) | State::Damaged(_))) {
        let (dataset, method) =
            (&experiment.datasets[run.dataset].name, &experiment.methods[run.method].name);
        println!(
            "{}: {}, {}, seed {}: {}",
            run.state.word(),
            shown(dataset),
            shown(method),
            run.seed,
            shown(&run.state.why())
        );
    }
    println!("to continue: {command}");
    Ok(false)
}

/// What is recorded, and every run that is not, with its reason.
fn as_json(experiment: &Experiment, runs: &[Known]) -> serde_json::Value {
    let count = |word: &str| runs.iter().filter(|run| run.state.word() == word).count();
    let unrecorded = |run: &Known| run.as_json(experiment);
    let left = runs.iter().filter(|run| run.state.word() != "done");
    json!({
        "experiment": experiment.name,
        "profile": experiment.profile,
        "asked": runs.len(),
        "recorded": count("done"),
        "failed": count("failed"),
        "missing": count("missing"),
        "unrecorded": left.map(unrecorded).collect::<Vec<_>>(),
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

/// Commits what is found and notes what failed.
struct Keeper<'a> {
    store: &'a Store,
    writer: &'a Writer,
    progress: Progress,
}

impl Keeper<'_> {
    fn hear(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Started { worker, job } => self.progress.start(worker, &job),
            Event::Progress { worker, done, total } => self.progress.advance(worker, done, total),
            Event::Finished { worker } => self.progress.finish(worker),
            Event::Found { record, predictions, evaluation } => {
                self.keep(&record, predictions.as_deref(), &evaluation);
            }
            Event::Failed { job, class, message } => self.note(&job, &class, &message)?,
        }
        Ok(())
    }

    /// A run that cannot be written, on a full disk say, is a failed run; the others go on.
    fn keep(&mut self, record: &Record, predictions: Option<&[u8]>, evaluation: &[u8]) {
        let slug = record.spec.slug();
        let commit = Commit { record, slug: &slug, predictions, evaluation };
        match self.writer.commit(&commit) {
            Ok(()) => self.progress.found(record),
            Err(error) => self.fail(&record.id, &slug, ("disk", &format!("{error:#}"))),
        }
    }

    fn note(&mut self, job: &Job, class: &str, message: &str) -> anyhow::Result<()> {
        let reader = self.store.reader()?;
        for &seed in &job.seeds {
            let run = job.run(seed);
            if !reader.entries().contains_key(&run.id()) {
                self.fail(&run.id(), &run.slug(), (class, message));
            }
        }
        Ok(())
    }

    fn fail(&mut self, id: &str, slug: &str, why: (&str, &str)) {
        self.progress.failed(slug, why);
        let failure = Failure { id: id.to_string(), class: why.0.to_string(), message: why.1.to_string() };
        if let Err(error) = self.writer.fail(&failure) {
            self.progress.failed(slug, ("disk", &format!("the failure cannot be noted: {error:#}")));
        }
    }
}
