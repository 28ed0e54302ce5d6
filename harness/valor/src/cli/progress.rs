//! How far a run is: bars with time left on a terminal, plain lines elsewhere. On standard error.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Instant;
use valor_base::escape::terminal::line as shown;
use valor_learn::learner::Status;
use valor_runs::executor::Event;

/// Steps of a bar.
const FINE: u64 = 1000;

/// All workers and the experiment.
pub(super) struct Progress {
    bars: Option<Bars>,
    /// Runs that are recorded or failed here, and those that are left.
    runs: usize,
    done: usize,
    /// Per worker: how many seeds it trains and how far it is.
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
    pub(super) fn new(runs: usize, workers: usize) -> Self {
        let bars = std::io::stderr().is_terminal().then(|| Bars::new(workers));
        let progress = Self { bars, runs, done: 0, lanes: vec![(0, 0.0); workers], start: now() };
        progress.line(&format!("{runs} runs to train on {workers} worker(s)"));
        progress
    }

    /// Without bars, where nothing is trained yet.
    pub(super) fn silent() -> Self {
        Self { bars: None, runs: 0, done: 0, lanes: Vec::new(), start: now() }
    }

    /// Shows what a worker says.
    pub(super) fn hear(&mut self, worker: usize, event: &Event) {
        match event {
            Event::Started { method, seeds, left } => {
                // Others may have recorded some meanwhile.
                self.runs = self.done + left;
                self.lane(worker, |lane| *lane = (seeds.len(), 0.0));
                let seeds: Vec<String> = seeds.iter().map(ToString::to_string).collect();
                self.message(worker, format!("{method}, seeds {}", seeds.join(" ")));
            }
            Event::Progress { done, total } => {
                self.lane(worker, |lane| lane.1 = *done as f64 / (*total).max(1) as f64);
            }
            Event::Finished => {
                self.done += self.lanes.get(worker).map_or(0, |lane| lane.0);
                self.lane(worker, |lane| *lane = (0, 0.0));
                self.message(worker, String::new());
            }
            Event::Recorded { slug, status, .. } => self.recorded(slug, status),
            Event::Failed { slug, class, message, .. } => {
                self.line(&format!("{slug} failed ({class}): {message}"));
            }
            Event::Told { text } => self.line(text),
            Event::Waiting { runs } => {
                self.line(&format!("waiting for {runs} runs that other workers train; Ctrl-C stops waiting"))
            }
            Event::Ready { .. } | Event::Refused { .. } | Event::Settled { .. } | Event::Ended => {}
        }
    }

    fn lane(&mut self, worker: usize, change: impl FnOnce(&mut (usize, f64))) {
        if worker >= self.lanes.len() {
            self.lanes.resize(worker + 1, (0, 0.0));
        }
        change(&mut self.lanes[worker]);
        self.show(worker);
    }

    fn message(&self, worker: usize, text: String) {
        if let Some(bar) = self.bars.as_ref().and_then(|bars| bars.workers.get(worker)) {
            bar.set_message(text);
        }
    }

    fn recorded(&self, slug: &str, status: &Status) {
        let ending = match status {
            Status::Finished { .. } => "recorded".to_string(),
            Status::Diverged(fall) => {
                format!("diverged in epoch {}, step {}: {}; recorded", fall.epoch, fall.step, fall.message)
            }
        };
        self.line(&format!("{slug} {ending} ({})", self.time_left()));
    }

    /// Takes the bars away.
    pub(super) fn close(&self) {
        if let Some(bars) = &self.bars {
            // A terminal that has gone needs no clearing.
            let _ = bars.all.clear();
        }
    }

    fn show(&self, worker: usize) {
        if let Some(bars) = &self.bars {
            if let Some(bar) = bars.workers.get(worker) {
                bar.set_position((self.lanes[worker].1 * FINE as f64) as u64);
            }
            bars.experiment.set_position((self.share() * FINE as f64) as u64);
            bars.experiment.set_message(format!("{}/{} runs, {}", self.done, self.runs, self.time_left()));
        }
    }

    fn line(&self, text: &str) {
        let text = shown(text);
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
        left(self.share(), self.start.elapsed().as_secs_f64())
    }
}

impl Bars {
    fn new(workers: usize) -> Self {
        let all = MultiProgress::new();
        let bar = |template: &str| all.add(ProgressBar::new(FINE).with_style(style(template)));
        let workers = (0..workers).map(|_| bar("  [{bar:24}] {msg}")).collect();
        let experiment = bar("  [{bar:24}] all: {msg}");
        Self { all, experiment, workers }
    }
}

/// One bar: how far a single training is. Nothing where there is no terminal.
pub(super) struct Bar(Option<ProgressBar>);

impl Bar {
    /// A bar with a text beside it.
    pub(super) fn new(text: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(FINE).with_style(style("[{bar:24}] {msg}, {eta} left"));
            bar.with_message(shown(text))
        });
        Self(bar)
    }

    /// Shows a share of the whole.
    pub(super) fn show(&self, share: f64) {
        if let Some(bar) = &self.0 {
            bar.set_position((share * FINE as f64) as u64);
        }
    }

    /// Takes it away.
    pub(super) fn close(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// How many rows are done, and how long the rest will take. Shown where there is a terminal.
pub(super) struct Rows {
    bar: Option<ProgressBar>,
    count: usize,
    start: Instant,
    seconds: f64,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(FINE).with_style(style("[{bar:24}] {msg}"));
            bar.with_message("no rows yet")
        });
        Self { bar, count: 0, start: now(), seconds: 0.0 }
    }

    /// So many more, after which this share of the file is read.
    pub(super) fn add(&mut self, rows: usize, share: f64) {
        self.count += rows;
        if let Some(bar) = &self.bar {
            let spent = self.start.elapsed().as_secs_f64();
            let speed = self.count as f64 / spent.max(1e-9);
            bar.set_position((share * FINE as f64) as u64);
            bar.set_message(format!("{} rows, {speed:.0} rows/s, {}", self.count, left(share, spent)));
        }
    }

    /// Stops the clock and takes the line away.
    pub(super) fn close(&mut self) {
        self.seconds = self.start.elapsed().as_secs_f64();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Rows so far.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Seconds from start to close.
    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }
}

/// How long the rest takes where a share took so many seconds.
fn left(share: f64, spent: f64) -> String {
    if share < 0.01 || spent < 1.0 {
        return "time left not known yet".to_string();
    }
    format!("{} left", human(spent * (1.0 - share).max(0.0) / share))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
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
