//! `valor score`: a model's predictions for the rows of a file of any size.

use super::common::{read_model, same};
use super::output::{self, Staged};
use super::progress::Rows;
use super::reading::ReadingArguments;
use super::run::listen;
use super::{DONE, INTERRUPTED};
use anyhow::Context;
use arrow::array::{ArrayRef, Float32Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_data::table::stream::{Chunk, Stream};
use valor_io::table::Writer;
use valor_learn::evaluation::{BucketEdges, Intervals, ScoreColumns};
use valor_learn::learner::device;
use valor_learn::model::{Model, Ready};
use valor_runs::trial::peak_memory;
use valor_stats::metrics::total_interval;

/// Which rows to score with which model.
#[derive(Args)]
pub(super) struct Arguments {
    /// A model file that `valor fit` wrote
    model: PathBuf,
    /// Rows to score: .csv, .csv.gz or .parquet
    data: PathBuf,
    /// The file to write: .csv, .csv.gz or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Stands before the names of the added columns
    #[arg(long, default_value = "", value_name = "TEXT")]
    prefix: String,
    /// Adds the ends of each row's interval at this level, such as 0.9, and prints the interval of the total; of models with a law
    #[arg(long, value_name = "LEVEL")]
    interval: Option<f64>,
    /// auto, cpu, cuda, cuda:1
    #[arg(long, default_value = "auto")]
    device: String,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadingArguments,
}

/// Scores all rows and sets the exit code.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let Arguments { data, out, .. } = arguments;
    let format = output::format(out)?;
    let device = device::resolve(&arguments.device)?;
    let model = read_model(&arguments.model)?;
    device::fix_threads();
    let unfit = |error| input_error!("{} is not a whole model: {error:#}", arguments.model.display());
    let ready = model.ready(device).map_err(unfit)?;
    check_interval(arguments, &ready)?;
    let encoder = &model.about.encoder;
    let reading = arguments.reading.over(&model.about.dialect);
    let stream = Stream::open(data, reading, encoder.numeric().collect(), encoder.categorical().collect())?;
    if same(data, out) {
        return Err(input_error!("--out {}: is the file to score; allowed is another", out.display()));
    }
    let output = Output::new(arguments, &ready, stream.schema())?;
    let staged = Staged::new(out)?;
    let writer = output::writer(format, &staged, &output.schema)?;
    let interrupted = listen();
    let sums = arguments.interval.map(Sums::new);
    let mut work = Work { ready, stream, output, unseen: BTreeMap::new(), rows: Rows::new(), sums };
    let whole = work.all(writer, &staged, &|| interrupted.load(Ordering::Relaxed));
    work.rows.close();
    if !whole? {
        return Ok(INTERRUPTED);
    }
    staged.publish()?;
    tell(arguments, &model, &work)
}

/// Refuses a level that is none, and models that give no intervals.
fn check_interval(arguments: &Arguments, ready: &Ready) -> anyhow::Result<()> {
    let Some(level) = arguments.interval else { return Ok(()) };
    if !(level > 0.0 && level < 1.0) {
        return Err(input_error!("--interval {level}: allowed are levels inside (0, 1), such as 0.9"));
    }
    match ready.has_intervals() {
        true => Ok(()),
        false => Err(input_error!(
            "--interval {level}: {} has no law of what a row is worth; allowed are models of rows without a treatment with a head of \
             buckets or a ziln head, the latter of one network",
            arguments.model.display()
        )),
    }
}

/// What the interval of a total is made of.
struct Sums {
    level: f64,
    mean: f64,
    variance: f64,
}

impl Sums {
    fn new(level: f64) -> Self {
        Self { level, mean: 0.0, variance: 0.0 }
    }

    fn add(&mut self, rows: &Intervals) {
        for (mean, sd) in rows.mean.iter().zip(&rows.sd) {
            self.mean += f64::from(*mean);
            self.variance += f64::from(*sd).powi(2);
        }
    }

    fn interval(&self) -> [f64; 2] {
        total_interval(self.mean, self.variance, self.level)
    }
}

/// What a file of rows may know of its own that a model says too: `valor data export` writes it.
const TRUTH: [&str; 2] = ["expected_control", "expected_treated"];

/// The columns of the output: those of the file, then the scores.
struct Output {
    schema: SchemaRef,
    /// Places of the file's columns that are carried over.
    kept: Vec<usize>,
    /// Names of those that make way for the model's: the truth under the same name.
    left_out: Vec<String>,
}

impl Output {
    /// Refuses what the output cannot hold.
    fn new(arguments: &Arguments, ready: &Ready, columns: &SchemaRef) -> anyhow::Result<Self> {
        let data = arguments.data.display();
        let scores = names(arguments, ready);
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for (place, field) in columns.fields().iter().enumerate() {
            let name = field.name().trim();
            match scores.iter().any(|score| score == name) {
                false => kept.push(place),
                true if TRUTH.contains(&name) => left_out.push(name.to_string()),
                true => {
                    return Err(input_error!(
                        "{data} already has a column '{name}'; --prefix TEXT gives the added columns other names"
                    ));
                }
            }
        }
        let carried =
            Schema::new(kept.iter().map(|place| columns.fields()[*place].clone()).collect::<Vec<_>>());
        let fits = output::format(&arguments.out)?.check(&carried);
        fits.map_err(|fault| input_error!("{data}: {fault}"))?;
        let added = scores.into_iter().map(|name| Arc::new(Field::new(name, DataType::Float32, false)));
        let fields: Vec<Arc<Field>> = carried.fields().iter().cloned().chain(added).collect();
        Ok(Self { schema: Arc::new(Schema::new(fields)), kept, left_out })
    }
}

/// Scoring under way.
struct Work<'a> {
    ready: Ready<'a>,
    stream: Stream<'a>,
    output: Output,
    /// Per categorical column the cells with a level that the training rows lack.
    unseen: BTreeMap<String, usize>,
    rows: Rows,
    /// Where intervals are asked for.
    sums: Option<Sums>,
}

impl Work<'_> {
    /// Chunk by chunk to the end; false if it was interrupted.
    fn all(
        &mut self,
        mut writer: Writer<&File>,
        staged: &Staged,
        stop: &dyn Fn() -> bool,
    ) -> anyhow::Result<bool> {
        while let Some(chunk) = self.stream.next_chunk()? {
            if stop() {
                return Ok(false);
            }
            let scored = self.scored(&chunk)?;
            writer.write(&scored).map_err(|error| staged.refuse(error))?;
            self.rows.add(scored.num_rows(), self.stream.share());
        }
        writer.finish().map_err(|error| staged.refuse(error))?;
        Ok(!stop())
    }

    fn scored(&mut self, chunk: &Chunk) -> anyhow::Result<RecordBatch> {
        let mut said = self.ready.score(&chunk.features)?;
        if let Some(sums) = &mut self.sums {
            said.add_intervals(sums.level);
            said.intervals.iter().for_each(|rows| sums.add(rows));
        }
        for (name, count) in self.ready.unseen(&chunk.features) {
            *self.unseen.entry(name.to_string()).or_default() += count;
        }
        let scores =
            said.into_scores().into_iter().map(|values| Arc::new(Float32Array::from(values)) as ArrayRef);
        let carried = self.output.kept.iter().map(|place| chunk.columns.column(*place).clone());
        RecordBatch::try_new(self.output.schema.clone(), carried.chain(scores).collect())
            .context("the scores do not fit the rows")
    }
}

/// How the interval of a total is made.
const TOTAL: &str = "independent rows, log-normal with the mean and variance of their sum";

/// Names of the added columns.
fn names(arguments: &Arguments, ready: &Ready) -> Vec<String> {
    let columns = ScoreColumns { intervals: arguments.interval.is_some(), ..ready.scores() };
    columns.names().into_iter().map(|name| format!("{}{name}", arguments.prefix)).collect()
}

/// A bucket's range in outcome units: above `above`, up to `up_to`. The first one has no lower end, the last no upper one.
fn bucket_range(edges: &BucketEdges, bucket: usize) -> serde_json::Value {
    let (lower, upper) = edges.ends(bucket);
    json!({ "above": (bucket > 0).then_some(lower), "up_to": upper })
}

fn tell(arguments: &Arguments, model: &Model, work: &Work) -> anyhow::Result<u8> {
    let (rows, seconds) = (work.rows.count(), work.rows.seconds());
    let speed = rows as f64 / seconds.max(1e-9);
    for name in &work.output.left_out {
        let (data, out) = (arguments.data.display(), arguments.out.display());
        eprintln!(
            "{out}: '{name}' is what the model says; the column of that name in {data} is left out (--prefix TEXT keeps both)"
        );
    }
    if arguments.json {
        let scores = names(arguments, &work.ready);
        let mut found = json!({
            "model": model.about.id,
            "out": arguments.out,
            "rows": rows,
            "scores": scores,
            "unseen": work.unseen,
            "measured": {
                "device": device::name(device::resolve(&arguments.device)?),
                "seconds": seconds,
                "rows_per_second": speed,
                "peak_memory_bytes": peak_memory(),
            },
        });
        if !work.output.left_out.is_empty() {
            found["left_out"] = json!(work.output.left_out);
        }
        if let Some(edges) = work.ready.buckets() {
            found["buckets"] = (0..edges.count()).map(|bucket| bucket_range(&edges, bucket)).collect();
        }
        if let Some(sums) = &work.sums {
            let [low, high] = sums.interval();
            found["total"] =
                json!({ "level": sums.level, "mean": sums.mean, "low": low, "high": high, "method": TOTAL });
        }
        println!("{found:#}");
        return Ok(DONE);
    }
    println!("{}: {rows} rows, {seconds:.1} s, {speed:.0} rows/s", arguments.out.display());
    if let Some(sums) = &work.sums {
        let ([low, high], level) = (sums.interval(), 100.0 * sums.level);
        println!("total {:.2} [{low:.2}, {high:.2}], {level} % by the model's law: {TOTAL}", sums.mean);
    }
    for (name, count) in work.unseen.iter().filter(|(_, count)| **count > 0) {
        let says = if work.ready.pools(name) { "it stands as the rare ones do" } else { "it says nothing" };
        println!("{}: in {count} rows a level that the training rows lack; {says}", shown(name));
    }
    Ok(DONE)
}
