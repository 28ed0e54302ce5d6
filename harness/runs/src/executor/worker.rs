//! The worker: claims runs of an experiment, trains them, judges and commits them, and takes the next until nothing is left.

use super::agenda::{Agenda, Beginning, Open, Outlook};
use super::default_workers;
use super::event::{Event, Go, Task};
use crate::record::{Failure, FailureClass};
use crate::spec::{self, Cell, Experiment, PlannedRun};
use crate::store::{Claimed, Commit, Damage, KnownRun, Observer, Store, Writer, columns};
use crate::trial::{self, Cache, Found, Job, Place, Provenance};
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::io::{BufRead, Write};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};
use valor_base::error::{caught, is_input};
use valor_learn::learner::device::{self, cores};

/// Claims of a run that may die without a word before it is taken to be what they die of.
const DEATHS: u32 = 2;
/// Failures in a row after which a worker that nobody watches is not well.
const UNWELL: usize = 2;
/// Shortest and longest time between two looks at what others do, which reads the folders of the store.
const LOOKS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// How a worker works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Workers that share the experiment on this machine; by default one per core, or one in all with CUDA.
    pub workers: Option<usize>,
    /// `auto`, `cpu`, `cuda:0`: found on the machine where it works.
    pub device: String,
    /// How long its heartbeat may stand still.
    pub lease: Duration,
}

/// Times between looks, the longer the more there were.
pub(super) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(LOOKS[0])
    }
}

impl Pause {
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 3 / 2).min(LOOKS[1]);
        pause
    }
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs that it recorded.
    pub recorded: usize,
    /// Runs that failed here.
    pub failed: usize,
}

/// For whoever ends a worker from outside, whatever it is doing: what it claims, to be given back for others to take at once.
#[derive(Clone, Debug, Default)]
pub struct Claims(Arc<Mutex<Weak<Writer>>>);

impl Claims {
    fn set(&self, writer: &Arc<Writer>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(writer);
    }

    /// Gives all of them back, and ends the process whatever it is doing.
    pub fn end(&self, code: i32) -> ! {
        let writer = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(writer) = writer {
            writer.close();
            // Its other files are left to the next start: the worker may be writing them.
            std::mem::forget(writer);
        }
        // SAFETY: nothing is run after this. `exit` would take libtorch's globals away while another thread computes with them.
        unsafe { libc::_exit(code) }
    }
}

/// A worker that nobody need watch.
pub struct Alone<'a> {
    /// What is asked.
    pub experiment: &'a Experiment,
    /// Where it is kept.
    pub store: &'a Store,
    /// How it works.
    pub options: &'a Options,
    /// For the records.
    pub provenance: Provenance,
    /// For whoever ends it from outside.
    pub claims: Claims,
    /// Asked when the store is ready to be written.
    pub prepared: &'a dyn Fn(&Writer),
}

impl Alone<'_> {
    /// Works until nothing is left that is not recorded, waiting for what others have claimed: they may die.
    ///
    /// # Errors
    ///
    /// Input errors of device, rows and methods before anything is written; when the store cannot be read or written; after
    /// failures in a row that may be the process's own.
    pub fn work(&self, runs: &[KnownRun], tell: &mut dyn FnMut(Event)) -> anyhow::Result<Tally> {
        let Self { experiment, store, options, .. } = *self;
        let workers = options.workers.unwrap_or(1);
        let place = Place { device: here(&options.device, workers)?, provenance: self.provenance.clone() };
        let agenda = Agenda::new(experiment, store, Beginning::new(store, runs)?)?;
        check(experiment, &agenda, &place)?;
        let writer = self.prepare()?;
        let (observer, cache, tally) = (Observer::default(), Cache::default(), Tally::default());
        let mut worker =
            Worker { experiment, store, writer, agenda, observer, place, workers, cache, tally, tell };
        let (mut failures, mut told, mut pause) = (0, false, Pause::default());
        while failures < UNWELL {
            if !worker.writer.lives() {
                worker.writer = self.prepare()?;
            }
            let outlook = worker.look()?;
            if outlook.left() == 0 {
                worker.writer.bury_dead(&mut worker.observer, now())?;
                return Ok(worker.tally);
            }
            match worker.take(&outlook)? {
                Some((cell, runs)) => {
                    pause = Pause::default();
                    failures = if worker.train(cell, &runs, outlook.left()) { 0 } else { failures + 1 };
                }
                None => {
                    if outlook.open.is_empty() && !told {
                        told = true;
                        (worker.tell)(Event::Waiting { runs: outlook.held });
                    }
                    worker.rest(pause.next())?;
                }
            }
        }
        anyhow::bail!(
            "{failures} failures in a row may be those of this process or its device; start it again to go on"
        )
    }

    fn prepare(&self) -> anyhow::Result<Arc<Writer>> {
        let writer = Arc::new(self.store.prepare(self.options.lease)?);
        (self.prepared)(&writer);
        self.claims.set(&writer);
        Ok(writer)
    }
}

/// Works for the process that reads its standard output. When that dies, standard input ends, and so does this, whatever it is
/// doing. It waits for nobody, and after a failure that may have left the process unwell it ends: a fresh one takes the next.
///
/// # Errors
///
/// When it is told something senseless, or the store cannot be read or written.
pub fn child(
    options: &Options,
    load: impl FnOnce() -> anyhow::Result<(Experiment, Store, Provenance)>,
) -> anyhow::Result<()> {
    let claims = Claims::default();
    let lines = listen(claims.clone());
    let task: Task = receive(&lines)?;
    let begun = || -> anyhow::Result<_> {
        let workers = match options.workers {
            Some(workers) => workers,
            None => default_workers(device::resolve(&options.device)?.is_cuda()),
        };
        let device = here(&options.device, workers)?;
        let (experiment, store, provenance) = load()?;
        let experiment = experiment.with(task.more);
        let place = Place { device, provenance };
        let same = plan(&experiment) == task.plan;
        let path = experiment.path.display();
        let changed = || valor_base::input_error!("{path}: it or its data has changed since this began");
        same.then_some(()).ok_or_else(changed)?;
        let agenda = Agenda::new(&experiment, &store, task.beginning)?;
        if task.check {
            check(&experiment, &agenda, &place)?;
        }
        Ok((experiment, store, agenda, place, workers))
    };
    let (experiment, store, agenda, place, workers) = match begun() {
        Ok(begun) => begun,
        Err(error) => {
            return say(&Event::Refused { input: is_input(&error), message: format!("{error:#}") });
        }
    };
    say(&Event::Ready { workers })?;
    let go: Go = receive(&lines)?;
    let writer = Arc::new(store.prepare_as(&go.owner)?);
    claims.set(&writer);
    let observer = Observer::believing(task.dead);
    // Whoever listens and has gone ends this process through its standard input.
    let tell = &mut |event: Event| drop(say(&event));
    let (experiment, store, cache, tally) = (&experiment, &store, Cache::default(), Tally::default());
    let mut worker =
        Worker { experiment, store, writer, agenda, observer, place, workers, cache, tally, tell };
    loop {
        let outlook = worker.look()?;
        // One that was taken for dead ends for a fresh one.
        if outlook.open.is_empty() || !worker.writer.lives() {
            break;
        }
        match worker.take(&outlook)? {
            Some((cell, runs)) if !worker.train(cell, &runs, outlook.left()) => break,
            Some(_) => {}
            // Others were faster.
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
    drop(worker);
    say(&Event::Ended)
}

/// Hash of the ids of all runs.
pub(super) fn plan(experiment: &Experiment) -> String {
    let ids: Vec<String> = experiment.runs().into_iter().map(|run| run.id).collect();
    spec::hash(&json!(ids))
}

/// The device by its name on this machine; threads as one of so many workers.
fn here(device: &str, workers: usize) -> anyhow::Result<String> {
    let device = device::name(device::resolve(device)?);
    device::fix_threads();
    // Sums outside libtorch run in fixed chunks: this changes times, not numbers. Only the first to ask sets it.
    let threads = cores().div_ceil(workers.max(1));
    let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    Ok(device)
}

/// Refuses rows and methods that do not fit, before anything is written.
fn check(experiment: &Experiment, agenda: &Agenda, place: &Place) -> anyhow::Result<()> {
    let per_seed = experiment.split.per_seed;
    let jobs = agenda.cells().flat_map(|(cell, seeds)| {
        let size = if per_seed { 1 } else { seeds.len() };
        let jobs = seeds.chunks(size).map(|seeds| Job::new(experiment, cell, seeds.to_vec(), place));
        jobs.collect::<Vec<Job>>()
    });
    trial::check(&jobs.collect::<Vec<Job>>()).with_context(|| experiment.path.display().to_string())
}

fn listen(claims: Claims) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
        claims.end(0);
    });
    lines
}

fn receive<T: DeserializeOwned>(lines: &Receiver<String>) -> anyhow::Result<T> {
    let line = lines.recv().context("nothing was asked")?;
    serde_json::from_str(&line).with_context(|| format!("was told: {line}"))
}

fn say(event: &Event) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    Ok(out.write_all(&line).and_then(|()| out.flush())?)
}

#[expect(clippy::disallowed_methods, reason = "leases are measured, and enter no number")]
pub(super) fn now() -> Instant {
    Instant::now()
}

struct Worker<'a> {
    experiment: &'a Experiment,
    store: &'a Store,
    writer: Arc<Writer>,
    agenda: Agenda,
    observer: Observer,
    place: Place,
    workers: usize,
    cache: Cache,
    tally: Tally,
    tell: &'a mut dyn FnMut(Event),
}

impl Worker<'_> {
    fn look(&mut self) -> anyhow::Result<Outlook> {
        self.agenda.look(self.store, &mut self.observer, self.workers, now())
    }

    /// While others are at work on what is left: rows are let go, and what dead owners left is cleared away.
    fn rest(&mut self, pause: Duration) -> anyhow::Result<()> {
        self.cache = Cache::default();
        self.writer.bury_dead(&mut self.observer, now())?;
        std::thread::sleep(pause);
        Ok(())
    }

    /// Claims runs of the first cell that it can, a part of it at most.
    fn take(&mut self, outlook: &Outlook) -> anyhow::Result<Option<(Cell, Vec<PlannedRun>)>> {
        for Open { cell, runs, part } in &outlook.open {
            let mut taken = Vec::new();
            for (run, dead) in runs {
                if taken.len() < *part && self.claim(run, dead.as_ref())? {
                    taken.push(run.clone());
                }
            }
            if !taken.is_empty() {
                return Ok(Some((*cell, taken)));
            }
        }
        Ok(None)
    }

    /// Whether the run is claimed and still to be trained.
    fn claim(&mut self, run: &PlannedRun, dead: Option<&Claimed>) -> anyhow::Result<bool> {
        let claimed = match dead {
            None => self.writer.claim(&run.id).map(|claimed| (claimed, 1)),
            Some(dead) => {
                let attempt = self.attempt(dead);
                self.writer.take_over(dead, attempt).map(|claimed| (claimed, attempt))
            }
        };
        match claimed {
            Ok((false, _)) => return Ok(false),
            Ok((true, attempt)) if attempt > DEATHS => {
                let ended = format!("its worker ended {DEATHS} times without a word");
                self.fail(run, FailureClass::Killed, &ended);
            }
            Ok((true, _)) => match self.is_wanted(run) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => self.fail(run, FailureClass::of(&error), &format!("{error:#}")),
            },
            Err(_) if !self.writer.lives() => return Ok(false),
            // On a full disk say: others may have room.
            Err(error) => self.fail(run, FailureClass::Disk, &format!("{error:#}")),
        }
        self.release(run);
        Ok(false)
    }

    /// How often the run has been claimed since it was asked for.
    fn attempt(&self, dead: &Claimed) -> u32 {
        let Some(claim) = dead.claim() else { return 1 };
        let beat = self.observer.dead().get(&claim.owner);
        if self.agenda.beginning.knew(&claim.owner, beat) { 1 } else { claim.attempt.saturating_add(1) }
    }

    /// Looks again at a run that is claimed: between the first look and the claim another may have recorded it, or failed. What is
    /// stored and not believed is set aside.
    fn is_wanted(&mut self, run: &PlannedRun) -> anyhow::Result<bool> {
        let (id, slug) = (&run.id, self.slug(run));
        if !self.agenda.beginning.mend.contains(id) {
            let settled = self.store.is_stored(&slug, id);
            if settled {
                (self.tell)(Event::Settled { id: id.clone() });
            }
            return Ok(!settled && !self.agenda.failed(self.store, id)?);
        }
        if self.agenda.failed(self.store, id)? {
            return Ok(false);
        }
        match self.store.reader()?.run(id) {
            Some(Err(damage)) => self.set_aside(&damage)?,
            Some(Ok(_)) => {
                self.agenda.beginning.mend.remove(id);
                (self.tell)(Event::Settled { id: id.clone() });
                return Ok(false);
            }
            None => {}
        }
        self.agenda.beginning.mend.remove(id);
        Ok(true)
    }

    fn set_aside(&mut self, damage: &Damage) -> anyhow::Result<()> {
        (self.tell)(Event::Told { text: format!("damaged, and trained again: {}", damage.reason) });
        let reader = self.store.reader()?;
        // Rows that a run which is believed was judged on are not what is damaged.
        let believed = |evaluation: &String| {
            let mut found = self.experiment.runs().into_iter().filter_map(|run| reader.run(&run.id)?.ok());
            found.any(|run| run.record.evaluation == *evaluation)
        };
        let rows = damage.evaluation.as_ref().filter(|rows| !believed(rows)).map(|_| damage);
        let run = Damage { evaluation: None, ..damage.clone() };
        for damage in rows.into_iter().chain([&run]) {
            if let Some(place) = self.writer.set_aside(damage)? {
                (self.tell)(Event::Told { text: format!("set aside: {}", place.display()) });
            }
        }
        Ok(())
    }

    /// Trains what is claimed, commits what is found, and gives the claims back; whether the process is well.
    fn train(&mut self, cell: Cell, runs: &[PlannedRun], left: usize) -> bool {
        let seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
        let job = Job::new(self.experiment, cell, seeds.clone(), &self.place);
        (self.tell)(Event::Started { method: job.method.slug(), seeds, left });
        let mut cache = std::mem::take(&mut self.cache);
        let outcome = caught(|| self.found(&job, &mut cache));
        let failed = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some((FailureClass::of(&error), format!("{error:#}"))),
            Err(panic) => Some((FailureClass::of_panic(&panic), panic)),
        };
        let well = failed.is_none();
        if let Some((class, message)) = failed {
            for run in runs {
                // A process that stood still for longer than its lease says nothing of a run that somebody else trains by now.
                if !self.store.is_stored(&self.slug(run), &run.id) && self.writer.holds(&run.id) {
                    self.fail(run, class.clone(), &message);
                }
            }
        } else {
            self.cache = cache;
        }
        runs.iter().for_each(|run| self.release(run));
        (self.tell)(Event::Finished);
        well
    }

    fn found(&mut self, job: &Job, cache: &mut Cache) -> anyhow::Result<()> {
        let mut told = 0;
        let tell = &mut self.tell;
        let mut progress = |done: usize, total: usize| {
            let percent = done * 200 / total.max(1);
            if percent != told {
                told = percent;
                tell(Event::Progress { done, total });
            }
        };
        let (found, rows) = trial::run(job, cache, &mut progress)?;
        let evaluation = columns::encode_evaluation(rows)?;
        for found in found {
            self.commit(&found, &evaluation)?;
        }
        Ok(())
    }

    /// A run that cannot be written, on a full disk say, is a failed run; the others go on.
    fn commit(&mut self, found: &Found, evaluation: &[u8]) -> anyhow::Result<()> {
        let Found { record, predictions } = found;
        let predictions = predictions.as_ref().map(columns::encode_predictions).transpose()?;
        let (id, slug) = (record.id.clone(), record.spec.slug());
        let commit = Commit { record, slug: &slug, predictions: predictions.as_deref(), evaluation };
        match self.writer.commit(&commit) {
            Ok(()) => {
                self.tally.recorded += 1;
                (self.tell)(Event::Recorded { id, slug, status: record.status.clone() });
            }
            Err(_) if !self.writer.holds(&id) => {}
            Err(error) => self.failed(id, slug, FailureClass::Disk, format!("{error:#}")),
        }
        Ok(())
    }

    fn fail(&mut self, run: &PlannedRun, class: FailureClass, message: &str) {
        self.failed(run.id.clone(), self.slug(run), class, message.to_string());
    }

    fn failed(&mut self, id: String, slug: String, class: FailureClass, message: String) {
        self.agenda.beginning.tried.insert(id.clone());
        self.tally.failed += 1;
        let failure = Failure { id, class, message };
        let noted = self.writer.fail(&failure);
        let Failure { id, class, message } = failure;
        (self.tell)(Event::Failed { id, slug, class, message });
        if let Err(error) = noted {
            (self.tell)(Event::Told { text: format!("the failure cannot be noted: {error:#}") });
        }
    }

    fn release(&mut self, run: &PlannedRun) {
        self.writer.release(&run.id);
    }

    fn slug(&self, run: &PlannedRun) -> String {
        self.experiment.run(run.cell, run.seed).slug()
    }
}
