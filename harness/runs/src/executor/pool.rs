//! Workers on this machine: starts them as long as they would find something, passes on what they say, and notes why one has died.

use super::agenda::{Agenda, Beginning, Outlook};
use super::event::{Event, Go, Task};
use super::worker::{Pause, now, plan};
use crate::record::{Failure, FailureClass};
use crate::spec::Experiment;
use crate::store::{KnownRun, LEASE, Observer, Reserved, Store, Writer};
use anyhow::Context;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use valor_base::input_error;

/// Workers in a row that die before they claim anything.
const STILLBORN: usize = 3;

/// What happens while workers work. `worker` counts from 0.
pub enum Report<'a> {
    /// The store is ready to be written, before any worker begins.
    Prepared(&'a Writer),
    /// So many workers at most train so many runs.
    Begins {
        /// Runs that can be claimed.
        runs: usize,
        /// Workers at most.
        workers: usize,
    },
    /// What a worker says.
    Said {
        /// Which worker.
        worker: usize,
        /// What.
        event: Event,
    },
}

/// How to have an experiment worked on.
pub struct Pool<'a> {
    /// What is asked.
    pub experiment: &'a Experiment,
    /// Where it is kept.
    pub store: &'a Store,
    /// Words that make this program a worker.
    pub words: Vec<OsString>,
    /// Workers at most; by default as many as the first finds that its machine is busy with.
    pub workers: Option<usize>,
    /// How long a worker's heartbeat may stand still.
    pub lease: Duration,
    /// Asked often; when true the workers are ended and `run` returns.
    pub interrupted: &'a dyn Fn() -> bool,
}

impl Pool<'_> {
    /// Has everything trained that is not recorded, and waits for what others train. Reports arrive in the calling thread.
    ///
    /// # Errors
    ///
    /// Input errors that the first worker found before anything was written; when the store cannot be read or written, or workers
    /// cannot be started.
    pub fn run(&self, runs: &[KnownRun], hear: &mut dyn FnMut(Report)) -> anyhow::Result<()> {
        let beginning = Beginning::new(self.store, runs)?;
        let agenda = Agenda::new(self.experiment, self.store, beginning)?;
        let (sender, heard) = mpsc::channel();
        let mut yard = Yard {
            pool: self,
            agenda,
            observer: Observer::default(),
            writer: None,
            slots: vec![None],
            checked: false,
            stillborn: 0,
            waiting: false,
            refused: None,
            sender,
            heard,
            hear,
        };
        let outcome = yard.run();
        yard.end();
        outcome?;
        if let Some(refused) = yard.refused {
            return Err(refused);
        }
        match &yard.writer {
            Some(writer) => writer.bury_dead(&mut yard.observer, now()),
            None => Ok(()),
        }
    }
}

/// What comes out of a worker.
enum Said {
    Event(Event),
    /// It says nothing more, or something senseless.
    Silent(String),
}

/// A worker that runs.
struct Running {
    process: Child,
    input: ChildStdin,
    owner: Option<Reserved>,
    /// Whether it has claimed something.
    started: bool,
    /// Whether it is at work on what it claimed.
    busy: bool,
    /// Whether it said that it ends.
    ended: bool,
}

/// The workers and what is known of the work.
struct Yard<'a> {
    pool: &'a Pool<'a>,
    agenda: Agenda,
    observer: Observer,
    writer: Option<Writer>,
    slots: Vec<Option<Running>>,
    /// Whether rows and methods were tried.
    checked: bool,
    stillborn: usize,
    waiting: bool,
    /// Why a worker refused to begin when others had begun: none is started any more.
    refused: Option<anyhow::Error>,
    sender: Sender<(usize, Said)>,
    heard: Receiver<(usize, Said)>,
    hear: &'a mut dyn FnMut(Report),
}

impl Yard<'_> {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut pause = Pause::default();
        let mut next = now();
        loop {
            if now() >= next {
                if !self.assign()? {
                    return Ok(());
                }
                next = now() + pause.next();
            }
            match self.heard.recv_timeout(Duration::from_millis(100)) {
                Ok((worker, said)) => {
                    if self.listen(worker, said)? {
                        // A place is free: look at once.
                        (pause, next) = (Pause::default(), now());
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if (self.pool.interrupted)() {
                return Ok(());
            }
        }
    }

    /// Starts workers where there is a place and something to claim; whether there is anything to wait for.
    fn assign(&mut self) -> anyhow::Result<bool> {
        let running = self.slots.iter().flatten().count();
        if running == self.slots.len() || self.refused.is_some() {
            return Ok(running > 0);
        }
        let outlook = self.look(now())?;
        if outlook.open.is_empty() && self.writer.is_none() && running == 0 {
            // Nothing to try first: all is recorded, or others are at work on it.
            self.prepare()?;
        }
        if outlook.left() == 0 {
            return Ok(running > 0);
        }
        if let Some(writer) = &self.writer {
            writer.bury_dead(&mut self.observer, now())?;
        }
        let starting = self.slots.iter().flatten().filter(|running| !running.started).count();
        let free = self.slots.iter().filter(|slot| slot.is_none()).count();
        for _ in 0..free.min(outlook.parts().saturating_sub(starting)) {
            self.start()?;
        }
        if running == 0 && outlook.open.is_empty() && !self.waiting {
            self.waiting = true;
            (self.hear)(Report::Said { worker: 0, event: Event::Waiting { runs: outlook.held } });
        }
        Ok(true)
    }

    fn look(&mut self, now: Instant) -> anyhow::Result<Outlook> {
        self.agenda.look(self.pool.store, &mut self.observer, self.slots.len(), now)
    }

    fn prepare(&mut self) -> anyhow::Result<()> {
        let writer = self.pool.store.prepare(LEASE)?;
        (self.hear)(Report::Prepared(&writer));
        self.writer = Some(writer);
        Ok(())
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let Some(worker) = self.slots.iter().position(Option::is_none) else { return Ok(()) };
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut process = Command::new(program)
            .args(&self.pool.words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C on a terminal reaches a process group: only the parent should hear it.
            .process_group(0)
            .spawn()
            .context("cannot start a worker")?;
        let input = process.stdin.take().context("a worker has no input")?;
        let output = process.stdout.take().context("a worker has no output")?;
        let sender = self.sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let said = line.map_err(anyhow::Error::from).and_then(|line| {
                    serde_json::from_str(&line).with_context(|| format!("the worker said: {}", line.trim()))
                });
                let said = said.map_or_else(|error| Said::Silent(format!("{error:#}")), Said::Event);
                let silent = matches!(said, Said::Silent(_));
                // One that nobody hears is about to be ended.
                if sender.send((worker, said)).is_err() || silent {
                    return;
                }
            }
            let _ = sender.send((worker, Said::Silent("the worker ended".to_string())));
        });
        let (started, busy, ended) = (false, false, false);
        let mut running = Running { process, input, owner: None, started, busy, ended };
        running.tell(&Task {
            more: self.pool.experiment.more.clone(),
            plan: plan(self.pool.experiment),
            beginning: self.agenda.beginning.clone(),
            dead: self.observer.dead().clone(),
            check: !self.checked,
        });
        self.slots[worker] = Some(running);
        Ok(())
    }

    /// Takes in what a worker said; whether its place is free.
    fn listen(&mut self, worker: usize, said: Said) -> anyhow::Result<bool> {
        let event = match said {
            Said::Event(event) => event,
            Said::Silent(why) => return self.bury(worker, &why).map(|()| true),
        };
        let Some(running) = &mut self.slots[worker] else { return Ok(false) };
        match &event {
            Event::Ready { workers } => self.ready(worker, *workers)?,
            Event::Refused { input, message } => {
                let error = if *input { input_error!("{message}") } else { anyhow::anyhow!("{message}") };
                if !self.checked {
                    return Err(error);
                }
                // What others train is not lost for it.
                (running.ended, self.refused) = (true, Some(error));
            }
            Event::Started { .. } => (running.started, running.busy, self.stillborn) = (true, true, 0),
            Event::Finished => running.busy = false,
            Event::Recorded { id, .. } | Event::Settled { id } => {
                running.started = true;
                self.agenda.beginning.mend.remove(id);
            }
            Event::Failed { id, .. } => {
                running.started = true;
                self.agenda.beginning.tried.insert(id.clone());
            }
            Event::Ended => running.ended = true,
            Event::Progress { .. } | Event::Told { .. } | Event::Waiting { .. } => {}
        }
        (self.hear)(Report::Said { worker, event });
        Ok(false)
    }

    /// A worker may begin. The first has tried the rows: now the store is written, and the others may come.
    fn ready(&mut self, worker: usize, workers: usize) -> anyhow::Result<()> {
        if self.writer.is_none() {
            self.prepare()?;
        }
        if !self.checked {
            self.checked = true;
            self.slots.resize_with(self.pool.workers.unwrap_or(workers).max(1), || None);
            let outlook = self.look(now())?;
            let workers = self.slots.len().min(outlook.parts().max(1));
            let runs = outlook.left() - outlook.held;
            (self.hear)(Report::Begins { runs, workers });
        }
        let (Some(writer), Some(running)) = (&self.writer, &mut self.slots[worker]) else { return Ok(()) };
        let owner = writer.reserve(self.pool.lease)?;
        running.tell(&Go { owner: owner.name().to_string() });
        running.owner = Some(owner);
        Ok(())
    }

    /// Clears away what a worker left that has ended. What it had claimed failed with it, and is not tried again.
    fn bury(&mut self, worker: usize, why: &str) -> anyhow::Result<()> {
        let Some(mut running) = self.slots[worker].take() else { return Ok(()) };
        let (class, message) = running.post_mortem(why);
        if self.writer.as_ref().is_some_and(|writer| !writer.lives()) {
            // This process stood still itself for longer than its lease.
            self.writer = None;
            self.prepare()?;
        }
        let (mut failures, experiment) = (Vec::new(), self.pool.experiment);
        if let (Some(owner), Some(writer)) = (&running.owner, &self.writer) {
            writer.bury(owner, |ids| {
                for run in self.agenda.runs().filter(|run| ids.contains(&run.id)) {
                    let slug = experiment.run(run.cell, run.seed).slug();
                    if self.pool.store.is_stored(&slug, &run.id)
                        && !self.agenda.beginning.mend.contains(&run.id)
                    {
                        continue;
                    }
                    let (id, class, message) = (run.id.clone(), class.clone(), message.clone());
                    let failure = Failure { id, class, message };
                    let noted = writer.fail(&failure);
                    failures.push((failure, slug, noted));
                }
            })?;
        }
        let alive = running.ended || running.started || !failures.is_empty();
        self.stillborn = if alive { 0 } else { self.stillborn + 1 };
        for (Failure { id, class, message }, slug, noted) in failures {
            self.agenda.beginning.tried.insert(id.clone());
            (self.hear)(Report::Said { worker, event: Event::Failed { id, slug, class, message } });
            if let Err(error) = noted {
                let text = format!("the failure cannot be noted: {error:#}");
                (self.hear)(Report::Said { worker, event: Event::Told { text } });
            }
        }
        if running.busy {
            (self.hear)(Report::Said { worker, event: Event::Finished });
        }
        anyhow::ensure!(
            self.stillborn < STILLBORN,
            "{STILLBORN} workers in a row ended before they trained anything: {message}"
        );
        Ok(())
    }

    /// Ends all workers at once. What they had claimed is given back.
    fn end(&mut self) {
        for slot in &mut self.slots {
            let Some(mut running) = slot.take() else { continue };
            // It may have ended by itself.
            let _ = running.process.kill();
            let _ = running.process.wait();
            if let (Some(owner), Some(writer)) = (&running.owner, &self.writer) {
                // What cannot be removed is found dead by the next start.
                let _ = writer.bury(owner, |_| ());
            }
        }
    }
}

impl Running {
    fn tell(&mut self, words: &impl serde::Serialize) {
        let line = serde_json::to_string(words).unwrap_or_default();
        // One that has died meanwhile is noticed by its silence.
        let _ = self.input.write_all(format!("{line}\n").as_bytes()).and_then(|()| self.input.flush());
    }

    /// Why a worker is gone. One that still runs has said something senseless and is ended.
    fn post_mortem(&mut self, why: &str) -> (FailureClass, String) {
        let status = wait_a_while(&mut self.process);
        if status.is_none() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        match status.and_then(|status| status.signal()) {
            Some(9) => {
                let why = "the worker was killed (signal 9); often the machine ran out of memory";
                (FailureClass::Killed, why.to_string())
            }
            Some(signal) => (FailureClass::Killed, format!("the worker ended by signal {signal}")),
            None => (FailureClass::Error, why.to_string()),
        }
    }
}

fn wait_a_while(process: &mut Child) -> Option<ExitStatus> {
    for _ in 0..100 {
        if let Ok(Some(status)) = process.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
