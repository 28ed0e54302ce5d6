//! How far a run is: bars with time left on a terminal, plain lines elsewhere. On standard error.

use crate::learner::Status;
use crate::record::Record;
use crate::trial::Job;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Steps of a bar.
const FINE: u64 = 1000;

/// All workers and the experiment.
pub(super) struct Progress {
    bars: Option<Bars>,
    runs: usize,
    done: usize,
    /// Per worker: seeds of its job and how far it is.
    lanes: Vec<(usize, f64)>,
    start: Instant,
}

struct Bars {
    all: MultiProgress,
    experiment: ProgressBar,
    workers: Vec<ProgressBar>,
}

impl Progress {
    /// For so many runs on so many workers.
    pub fn new(runs: usize, workers: usize) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| Bars::new(workers));
        let progress = Self { bars, runs, done: 0, lanes: vec![(0, 0.0); workers], start: now() };
        progress.line(&format!("{runs} runs to train on {workers} worker(s)"));
        progress
    }

    /// A worker took a job.
    pub fn start(&mut self, worker: usize, job: &Job) {
        self.lanes[worker] = (job.seeds.len(), 0.0);
        if let Some(bars) = &self.bars {
            bars.workers[worker].set_message(name(job));
        }
        self.show(worker);
    }

    /// A worker came further.
    pub fn advance(&mut self, worker: usize, done: usize, total: usize) {
        self.lanes[worker].1 = done as f64 / total.max(1) as f64;
        self.show(worker);
    }

    /// A worker is done with its job.
    pub fn finish(&mut self, worker: usize) {
        self.done += self.lanes[worker].0;
        self.lanes[worker] = (0, 0.0);
        if let Some(bars) = &self.bars {
            bars.workers[worker].set_message("");
        }
        self.show(worker);
    }

    /// A run is recorded.
    pub fn found(&self, record: &Record) {
        let ending = match &record.status {
            Status::Finished { .. } => "recorded".to_string(),
            Status::Diverged(fall) => {
                format!("diverged in epoch {}, step {}: {}; recorded", fall.epoch, fall.step, fall.message)
            }
        };
        self.line(&format!("{} {ending} ({})", record.spec.slug(), self.time_left()));
    }

    /// A run failed.
    pub fn failed(&self, slug: &str, why: (&str, &str)) {
        self.line(&format!("{slug} failed ({}): {}", why.0, why.1));
    }

    /// Takes the bars away.
    pub fn close(&self) {
        if let Some(bars) = &self.bars {
            // A terminal that has gone needs no clearing.
            let _ = bars.all.clear();
        }
    }

    fn show(&self, worker: usize) {
        if let Some(bars) = &self.bars {
            bars.workers[worker].set_position((self.lanes[worker].1 * FINE as f64) as u64);
            bars.experiment.set_position((self.share() * FINE as f64) as u64);
            bars.experiment.set_message(format!("{}/{} runs, {}", self.done, self.runs, self.time_left()));
        }
    }

    fn line(&self, text: &str) {
        match &self.bars {
            Some(bars) => {
                let _ = bars.all.println(text);
            }
            None => eprintln!("{text}"),
        }
    }

    fn share(&self) -> f64 {
        let under_way: f64 = self.lanes.iter().map(|(seeds, share)| *seeds as f64 * share).sum();
        (self.done as f64 + under_way) / self.runs.max(1) as f64
    }

    fn time_left(&self) -> String {
        let (share, spent) = (self.share(), self.start.elapsed());
        if share < 0.01 || spent < Duration::from_secs(1) {
            return "time left not known yet".to_string();
        }
        let left = spent.as_secs_f64() * (1.0 - share).max(0.0) / share;
        format!("{} left", human(left))
    }
}

impl Bars {
    fn new(workers: usize) -> Self {
        let all = MultiProgress::new();
        let style = |template: &str| {
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
        };
        let bar = |template: &str| all.add(ProgressBar::new(FINE).with_style(style(template)));
        let workers = (0..workers).map(|_| bar("  [{bar:24}] {msg}")).collect();
        let experiment = bar("  [{bar:24}] all: {msg}");
        Self { all, experiment, workers }
    }
}

fn name(job: &Job) -> String {
    let seeds: Vec<String> = job.seeds.iter().map(ToString::to_string).collect();
    format!("{}, seeds {}", job.method.slug(), seeds.join(" "))
}

fn human(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[expect(clippy::disallowed_methods, reason = "time left is shown, not recorded")]
fn now() -> Instant {
    Instant::now()
}
