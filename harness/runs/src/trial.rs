//! One cell with its seeds, start to end: load, split, fit, predict, score. Reads data, writes nothing.

mod examiner;
mod importance;
mod latency;
mod prepare;
#[cfg(test)]
mod tests;

pub use prepare::Prepared;

use crate::record::{EvaluationRows, Importance, Measured, RECORD_VERSION, Record, RowCounts};
use crate::spec::{self, Cell, Experiment, RunSpec};
use anyhow::Context as _;
use examiner::Examiner;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;
use valor_data::DataSpec;
use valor_data::encode::Entry;
use valor_data::split::SplitSpec;
use valor_learn::evaluation::{self, Predictions};
use valor_learn::learner::{
    self, Context, Device, Divergence, Fitted, MethodSpec, Replicate, Status, Task, device,
};
use valor_learn::model::{About, MODEL_VERSION, Model};

/// A cell and the seeds to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Where the rows come from.
    pub data: DataSpec,
    /// How they are parted.
    pub split: SplitSpec,
    /// What learns from them.
    pub method: MethodSpec,
    /// Level of the intervals that are predicted, where any are asked for and the method gives them.
    pub interval: Option<f64>,
    /// One replicate each, trained together.
    pub seeds: Vec<u64>,
    /// Folder that data paths start from.
    pub root: PathBuf,
    /// `auto`, `cpu`, `cuda:0`.
    pub device: String,
    /// For the record.
    pub provenance: Provenance,
}

/// Facts about this run of the program, for the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// Commit of the checkout; empty if unknown.
    pub commit: String,
    /// Whether the checkout had uncommitted changes.
    pub dirty: bool,
}

/// What one seed gave.
pub struct Found {
    /// The record.
    pub record: Record,
    /// Per test row; absent if it diverged.
    pub predictions: Option<Predictions>,
}

/// Rows of the last job, kept because the next job often has the same.
#[derive(Default)]
pub struct Cache {
    key: String,
    prepared: Option<Prepared>,
}

/// Where and for whom an experiment's jobs are done: the same for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// `auto`, `cpu`, `cuda:0`.
    pub device: String,
    /// For the records.
    pub provenance: Provenance,
}

impl Job {
    /// The job of some seeds of a cell.
    pub fn new(experiment: &Experiment, cell: Cell, seeds: Vec<u64>, place: &Place) -> Self {
        let data = experiment.dataset(cell);
        Self {
            data: data.spec.clone(),
            split: experiment.split_of(data),
            method: experiment.method(cell).spec.clone(),
            interval: experiment.interval_of(cell),
            seeds,
            root: spec::root(&experiment.path),
            device: place.device.clone(),
            provenance: place.provenance.clone(),
        }
    }

    /// The spec of one of its runs.
    pub fn run(&self, seed: u64) -> RunSpec {
        let interval = self.interval;
        RunSpec { interval, ..RunSpec::new(&self.data, &self.split, &self.method, seed) }
    }

    /// How columns enter, and which of the data's are sequences.
    fn columns(&self) -> (Entry, &[Vec<String>]) {
        let sequences: &[Vec<String>] = match &self.data {
            DataSpec::B2bMimic(_)
            | DataSpec::ProductionSim(_)
            | DataSpec::ValorRelease(_)
            | DataSpec::ValueSim(_) => &[],
            DataSpec::Table(spec) => &spec.sequence,
        };
        (self.method.entry(), sequences)
    }

    /// The rows, from the cache where they are there.
    fn prepare<'c>(&self, cache: &'c mut Cache) -> anyhow::Result<&'c Prepared> {
        let (method, interval) = (&self.method, self.interval);
        let entry = self.columns();
        let key = format!("{}, {:?}, {interval:?}, {entry:?}", Prepared::key(self)?, method.encoding());
        if cache.key != key || cache.prepared.is_none() {
            *cache = Cache::default();
            cache.prepared = Some(Prepared::load(self)?);
            cache.key = key;
        }
        cache.prepared.as_ref().ok_or_else(|| anyhow::anyhow!("the rows are gone"))
    }
}

/// Refuses jobs whose rows and method do not fit, before anything is trained. Every source is loaded once.
///
/// # Errors
///
/// Input errors of loading, parting, and of the method.
pub fn check(jobs: &[Job]) -> anyhow::Result<()> {
    let mut known = (String::new(), None);
    for job in jobs {
        let key = format!("{}, {:?}", Prepared::key(job)?, job.columns().1);
        if known.0 != key {
            known = (key, Some(Prepared::unencoded(job)?));
        }
        if let Some(prepared) = &known.1 {
            let place = || job.data.place().to_string();
            prepared.check(&job.method).with_context(place)?;
            learner::check(&job.method, &prepared.task()).with_context(place)?;
        }
    }
    Ok(())
}

/// Trains and judges every seed of a job. Also returns the rows that they were judged on.
pub fn run<'c>(
    job: &Job,
    cache: &'c mut Cache,
    progress: &mut dyn FnMut(usize, usize),
) -> anyhow::Result<(Vec<Found>, &'c EvaluationRows)> {
    let Trained { prepared, fitted, mut measured, importance } = train(job, cache, progress)?;
    measured.latency = latency::measure(fitted.scorer.as_ref(), prepared.features(), now);
    measured.peak_memory_bytes = peak_memory();
    let importance = importance.into_iter().chain(std::iter::repeat(None));
    let found = job.seeds.iter().zip(fitted.replicates).zip(importance);
    let found = found.map(|((&seed, replicate), importance)| {
        judge((job.run(seed), importance), replicate, prepared, &measured)
    });
    Ok((found.collect::<anyhow::Result<_>>()?, &prepared.evaluation))
}

/// Trains the first seed of a job as [`run`] does, and keeps the model.
///
/// # Errors
///
/// Input errors of the rows and the method; an error that says when the training diverged.
pub fn fit(job: &Job, progress: &mut dyn FnMut(usize, usize)) -> anyhow::Result<Model> {
    let mut cache = Cache::default();
    let task = job.prepare(&mut cache)?.task();
    learner::check(&job.method, &task).with_context(|| job.data.place().to_string())?;
    let trained = train(job, &mut cache, progress)?;
    let (prepared, saved) = (trained.prepared, trained.fitted.scorer.saved());
    let (Some(&seed), Some(replicate)) = (job.seeds.first(), trained.fitted.replicates.into_iter().next())
    else {
        anyhow::bail!("a job without seeds");
    };
    if let Status::Diverged(Divergence { epoch, step, message, .. }) = &replicate.status {
        anyhow::bail!("the training diverged in epoch {epoch}, step {step}: {message}");
    }
    let spec = job.run(seed);
    let about = About {
        version: MODEL_VERSION,
        valor: env!("CARGO_PKG_VERSION").to_string(),
        id: spec.id(),
        spec: serde_json::to_value(&spec)?,
        evaluation: prepared.evaluation_id.clone(),
        rows: prepared.counts(),
        notes: prepared.notes().to_vec(),
        status: replicate.status,
        fitted: replicate.fitted,
        scoring: Some(saved.spec.scoring()?),
        model: saved.spec,
        recalibration: saved.maps,
        buckets: saved.buckets,
        outcome_scale: saved.outcome_scale,
        features: prepared.columns(),
        columns: prepared.encoder().names(),
        encoder: prepared.encoder().clone(),
        dialect: job.data.dialect(),
    };
    Ok(Model { about, tensors: saved.parameters })
}

/// A trained stack, and the rows that it was trained on.
struct Trained<'c> {
    prepared: &'c Prepared,
    fitted: Fitted,
    measured: Measured,
    /// Of trees, by seed.
    importance: Vec<Option<Importance>>,
}

fn train<'c>(
    job: &Job,
    cache: &'c mut Cache,
    progress: &mut dyn FnMut(usize, usize),
) -> anyhow::Result<Trained<'c>> {
    let device = device::resolve(&job.device)?;
    let start = now();
    let prepared = job.prepare(cache)?;
    let mut measured = measure(job, device);
    measured.load_seconds = start.elapsed().as_secs_f64();
    let start = now();
    let mut examiner = Examiner::new(prepared, &job.seeds);
    let (task, context) = (prepared.task(), Context { device, progress });
    let fitted = learner::fit_and_examine(&job.method, &task, &job.seeds, context, &mut examiner);
    // What is wrong with encoded rows is found here: the message names their place as those of `check` do.
    let fitted = fitted.map_err(|error| match valor_base::error::is_input(&error) {
        true => error.context(job.data.place().to_string()),
        false => error,
    })?;
    device::synchronise(device);
    // Training alone is timed, and the few rows that are watched.
    let Examiner { importance, took, .. } = examiner;
    measured.train_seconds = (start.elapsed() - took).as_secs_f64() / job.seeds.len() as f64;
    Ok(Trained { prepared, fitted, measured, importance })
}

fn judge(
    (spec, importance): (RunSpec, Option<Importance>),
    replicate: Replicate,
    prepared: &Prepared,
    measured: &Measured,
) -> anyhow::Result<Found> {
    let buckets = prepared.task().buckets();
    let metrics = match &replicate.predictions {
        Some(predictions) => evaluation::judge(predictions, &prepared.evaluation, buckets.as_ref())?,
        None => BTreeMap::new(),
    };
    let record = Record {
        version: RECORD_VERSION,
        id: spec.id(),
        spec,
        status: replicate.status,
        metrics,
        epochs: replicate.epochs,
        evaluation: prepared.evaluation_id.clone(),
        evaluation_content: Some(prepared.evaluation.content()),
        rows: prepared.counts(),
        notes: prepared.notes().to_vec(),
        fitted: replicate.fitted,
        importance,
        buckets,
        measured: measured.clone(),
    };
    Ok(Found { record, predictions: replicate.predictions })
}

fn measure(job: &Job, device: Device) -> Measured {
    Measured {
        started: job.provenance.started.clone(),
        stack: job.seeds.len(),
        device: device::name(device),
        host: first_line("/proc/sys/kernel/hostname"),
        processor: processor(),
        threads: device::THREADS,
        libtorch: device::libtorch_version(),
        valor: env!("CARGO_PKG_VERSION").to_string(),
        commit: job.provenance.commit.clone(),
        dirty: job.provenance.dirty,
        ..Measured::default()
    }
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    line.and_then(|line| line.split_once(": ")).map(|(_, name)| name.trim().to_string()).unwrap_or_default()
}

/// Highest resident memory of this process so far, bytes.
pub fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

fn first_line(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default().lines().next().unwrap_or_default().to_string()
}

#[expect(clippy::disallowed_methods, reason = "times are measured here and stand apart from numbers")]
fn now() -> Instant {
    Instant::now()
}
