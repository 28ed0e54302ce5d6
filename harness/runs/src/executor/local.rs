//! Workers on this machine: one thread per worker process hands it jobs and passes on what it says.

use super::protocol::{Blob, Message};
use crate::record::Record;
use crate::trial::Job;
use anyhow::Context;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use valor_learn::learner::device::cores;

/// What happens while jobs are worked on. `worker` counts from 0.
pub enum Event {
    /// A worker took a job.
    Started {
        /// Which worker.
        worker: usize,
        /// Which job.
        job: Job,
    },
    /// A worker came further.
    Progress {
        /// Which worker.
        worker: usize,
        /// Steps done.
        done: usize,
        /// Steps in all.
        total: usize,
    },
    /// A run is found.
    Found {
        /// Its record.
        record: Box<Record>,
        /// Its encoded predictions.
        predictions: Option<Vec<u8>>,
        /// The encoded rows that it was judged on.
        evaluation: Arc<Vec<u8>>,
    },
    /// A job failed; its runs that were found before stand.
    Failed {
        /// The job.
        job: Job,
        /// See `record::Failure`.
        class: String,
        /// For the reader.
        message: String,
    },
    /// A worker is done with its job.
    Finished {
        /// Which worker.
        worker: usize,
    },
}

/// How to execute.
pub struct Options<'a> {
    /// Worker processes.
    pub workers: usize,
    /// Asked often; when true the workers are ended and `execute` returns.
    pub interrupted: &'a dyn Fn() -> bool,
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    queue: Mutex<VecDeque<Job>>,
    children: Mutex<Vec<Option<Child>>>,
    stopped: AtomicBool,
}

/// Works all jobs off. Events arrive in the calling thread, one at a time.
pub fn execute(
    jobs: Vec<Job>,
    options: &Options,
    on_event: &mut dyn FnMut(Event) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let workers = options.workers.min(jobs.len());
    let children = Mutex::new((0..workers).map(|_| None).collect());
    let shared = Arc::new(Shared { queue: Mutex::new(jobs.into()), children, ..Shared::default() });
    let (sender, events) = mpsc::channel();
    let threads: Vec<_> = (0..workers)
        .map(|worker| {
            let lane = Lane { worker, workers, shared: shared.clone(), sender: sender.clone() };
            std::thread::spawn(move || lane.run())
        })
        .collect();
    drop(sender);
    let outcome = loop {
        match events.recv_timeout(Duration::from_millis(100)) {
            Ok(event) => {
                if let Err(error) = on_event(event) {
                    break Err(error);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break Ok(()),
        }
        if (options.interrupted)() {
            break Ok(());
        }
    };
    shared.stopped.store(true, Ordering::SeqCst);
    for child in lock(&shared.children).iter_mut().flatten() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    for thread in threads {
        let _ = thread.join();
    }
    outcome
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One worker process at a time, and the way to it.
struct Lane {
    worker: usize,
    workers: usize,
    shared: Arc<Shared>,
    sender: Sender<Event>,
}

/// The streams of a running worker.
struct Pipe {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Lane {
    fn run(&self) {
        let mut pipe: Option<Pipe> = None;
        while let Some(job) = self.next() {
            let started = Event::Started { worker: self.worker, job: job.clone() };
            if self.sender.send(started).is_err() {
                break;
            }
            let outcome = self.work(&job, &mut pipe);
            if let Err(error) = outcome {
                pipe = None;
                let (class, message) = self.post_mortem(&error);
                let _ = self.sender.send(Event::Failed { job, class, message });
            }
            let _ = self.sender.send(Event::Finished { worker: self.worker });
        }
        drop(pipe);
        if let Some(child) = lock(&self.shared.children)[self.worker].as_mut() {
            let _ = child.wait();
        }
    }

    fn next(&self) -> Option<Job> {
        if self.stopped() {
            return None;
        }
        lock(&self.shared.queue).pop_front()
    }

    fn stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::SeqCst)
    }

    /// Hands over a job and passes on what the worker says of it. An error means that the worker is gone.
    fn work(&self, job: &Job, pipe: &mut Option<Pipe>) -> anyhow::Result<()> {
        let open = match pipe {
            Some(open) => open,
            None => pipe.insert(self.spawn()?),
        };
        let mut line = serde_json::to_string(job)?;
        line.push('\n');
        open.input.write_all(line.as_bytes()).and_then(|()| open.input.flush())?;
        let mut evaluation = Arc::new(Vec::new());
        loop {
            line.clear();
            if open.output.read_line(&mut line)? == 0 {
                anyhow::bail!("the worker ended");
            }
            match serde_json::from_str(&line).with_context(|| format!("the worker said: {}", line.trim()))? {
                Message::Progress(done, total) => {
                    self.sender.send(Event::Progress { worker: self.worker, done, total })?;
                }
                Message::Evaluation(blob) => evaluation = Arc::new(blob.bytes()?),
                Message::Found(record, predictions) => {
                    let predictions = predictions.as_ref().map(Blob::bytes).transpose()?;
                    let evaluation = evaluation.clone();
                    self.sender.send(Event::Found { record, predictions, evaluation })?;
                }
                Message::Failed { class, message } => {
                    self.sender.send(Event::Failed { job: job.clone(), class, message })?;
                    // Whatever went wrong may have left the process unwell: the next job gets a fresh one.
                    *pipe = None;
                    return Ok(());
                }
                Message::Done => return Ok(()),
            }
        }
    }

    fn spawn(&self) -> anyhow::Result<Pipe> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut child = Command::new(program)
            .arg("work")
            // Sums outside libtorch run in fixed chunks: this changes times, not numbers.
            .env("RAYON_NUM_THREADS", cores().div_ceil(self.workers).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C on a terminal reaches a process group: only the parent should hear it.
            .process_group(0)
            .spawn()
            .context("cannot start a worker")?;
        let input = child.stdin.take().context("a worker has no input")?;
        let output = BufReader::new(child.stdout.take().context("a worker has no output")?);
        if let Some(mut former) = lock(&self.shared.children)[self.worker].replace(child) {
            let _ = former.wait();
        }
        if self.stopped() {
            // The others were ended before this one stood in the list.
            lock(&self.shared.children)[self.worker].as_mut().map(Child::kill).transpose()?;
        }
        Ok(Pipe { input, output })
    }

    /// Why a worker is gone. One that still runs has said something senseless and is ended.
    fn post_mortem(&self, error: &anyhow::Error) -> (String, String) {
        let Some(mut child) = lock(&self.shared.children)[self.worker].take() else {
            return ("error".to_string(), format!("{error:#}"));
        };
        let status = wait_a_while(&mut child);
        if status.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        match status.and_then(|status| status.signal()) {
            Some(9) => {
                let why = "the worker was killed (signal 9); often the machine ran out of memory";
                ("killed".to_string(), why.to_string())
            }
            Some(signal) => ("killed".to_string(), format!("the worker ended by signal {signal}")),
            None => ("error".to_string(), format!("{error:#}")),
        }
    }
}

fn wait_a_while(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..50 {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
