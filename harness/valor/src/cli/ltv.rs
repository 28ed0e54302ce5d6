//! `valor ltv`: from a log of transactions to rows of customers.

use super::common::same;
use super::output::{self, Staged};
use super::reading::ReadingArguments;
use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_data::customers::{Counts, Customers, Origin, Preparation, Refunds, prepare};
use valor_data::table::log::{Log, LogColumns};
use valor_data::{Feature, FeatureKind};
use valor_io::table::Columns;

/// Arguments of `valor ltv`.
#[derive(Args, Clone, Debug)]
pub(super) struct LtvArguments {
    #[command(subcommand)]
    verb: LtvVerb,
}

#[derive(Subcommand, Clone, Debug)]
enum LtvVerb {
    /// Makes a row per customer: what was known at a cut-off, and what was spent in the days after it
    #[command(
        after_help = "Example:\n  valor ltv prepare log.csv --customer id --time date --amount paid --cutoff 2024-01-01 --horizon 365 --out rows.parquet"
    )]
    Prepare(PrepareArguments),
}

#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("origin").required(true).args(["cutoff", "since_first"]))]
struct PrepareArguments {
    /// The log, a line per purchase or refund: .csv, .csv.gz or .parquet
    log: PathBuf,
    /// Column of customers
    #[arg(long, value_name = "COLUMN")]
    customer: String,
    /// Column of times: ISO dates, or numbers of days
    #[arg(long, value_name = "COLUMN")]
    time: String,
    /// Column of amounts; below 0 for refunds
    #[arg(long, value_name = "COLUMN")]
    amount: String,
    /// Column of pieces
    #[arg(long, value_name = "COLUMN")]
    units: Option<String>,
    /// Columns of levels, with commas, of which those of a customer's first purchase are kept
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    first: Vec<String>,
    /// Days at which customers are looked at, with commas: a row for each and everybody who bought before
    #[arg(long, value_name = "DAYS", value_delimiter = ',', allow_hyphen_values = true)]
    cutoff: Vec<String>,
    /// So many days after a customer's first purchase it is looked at: a row per customer
    #[arg(long, value_name = "DAYS", conflicts_with = "window")]
    since_first: Option<u32>,
    /// Days after the cut-off whose spend is the label; several with commas
    #[arg(long, value_name = "DAYS", value_delimiter = ',', default_value = "365")]
    horizon: Vec<u32>,
    /// Days before the cut-off that features look at [default: all]
    #[arg(long, value_name = "DAYS")]
    window: Option<u32>,
    /// Weeks of the sequence [default: those of the window, at most 26]
    #[arg(long, value_name = "N")]
    weeks: Option<u32>,
    /// Last day that the log covers [default: that of its latest line]
    #[arg(long, value_name = "DAY", allow_hyphen_values = true)]
    until: Option<String>,
    /// What becomes of amounts below 0
    #[arg(long, value_enum, default_value_t)]
    refunds: RefundsArgument,
    /// Yearly rate by which spend after the cut-off is discounted
    #[arg(long, value_name = "RATE", default_value_t = 0.0, allow_hyphen_values = true)]
    discount: f64,
    /// Share of spend that is the label
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, allow_hyphen_values = true)]
    margin: f64,
    /// Leaves out rows whose labels the log does not cover, which are refused otherwise
    #[arg(long)]
    mature_only: bool,
    /// The file to write: .csv, .csv.gz or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadingArguments,
}

#[derive(ValueEnum, Clone, Copy, Debug, Default)]
enum RefundsArgument {
    /// Taken off what is spent
    #[default]
    Net,
    /// Their lines are left out
    Drop,
}

/// Most weeks of the sequence that are not asked for.
const WEEKS: u32 = 26;

/// Runs `valor ltv`.
pub(super) fn run(arguments: &LtvArguments) -> anyhow::Result<()> {
    match &arguments.verb {
        LtvVerb::Prepare(arguments) => prepare_log(arguments),
    }
}

fn prepare_log(arguments: &PrepareArguments) -> anyhow::Result<()> {
    let format = output::format(&arguments.out)?;
    let columns = LogColumns {
        customer: arguments.customer.clone(),
        time: arguments.time.clone(),
        amount: arguments.amount.clone(),
        units: arguments.units.clone(),
        levels: arguments.first.clone(),
    };
    if same(&arguments.log, &arguments.out) {
        return Err(input_error!("--out {}: is the log; allowed is another file", arguments.out.display()));
    }
    let log = Log::read(&arguments.log, arguments.reading.over(&Default::default()), &columns)?;
    let how = arguments.preparation(&log)?;
    let customers = prepare(&log, &arguments.log.display().to_string(), &how)?;
    let rows = batch(&log, &customers)?;
    let staged = Staged::new(&arguments.out)?;
    let put = || -> anyhow::Result<()> {
        let mut writer = output::writer(format, &staged, &rows.schema())?;
        writer.write(&rows)?;
        writer.finish().map(drop)
    };
    put().map_err(|error| staged.refuse(error))?;
    staged.publish()?;
    tell(arguments, &customers, &log)
}

impl PrepareArguments {
    fn preparation(&self, log: &Log) -> anyhow::Result<Preparation> {
        let day = |option: &str, text: &String| {
            log.day(text).map_err(|allowed| input_error!("{option} {}: {allowed}", shown(text)))
        };
        let origin = match self.since_first {
            Some(days) => Origin::SinceFirst(days),
            None => {
                let cutoffs: anyhow::Result<Vec<i64>> =
                    self.cutoff.iter().map(|text| day("--cutoff", text)).collect();
                Origin::Cutoffs(cutoffs?)
            }
        };
        let looked = self.since_first.or(self.window);
        Ok(Preparation {
            origin,
            horizons: self.horizon.clone(),
            window: self.window,
            weeks: self.weeks.unwrap_or_else(|| looked.map_or(WEEKS, |days| days.div_ceil(7).min(WEEKS))),
            until: self.until.as_ref().map(|text| day("--until", text)).transpose()?,
            refunds: match self.refunds {
                RefundsArgument::Net => Refunds::Net,
                RefundsArgument::Drop => Refunds::Drop,
            },
            discount: self.discount,
            margin: self.margin,
            mature_only: self.mature_only,
        })
    }
}

/// Customer, days, features, levels, labels.
fn batch(log: &Log, found: &Customers) -> anyhow::Result<RecordBatch> {
    let mut columns = Columns::default();
    let labels = found.customer.iter().map(|number| log.customers.get(*number));
    columns.add(
        "customer",
        labels.map(|label| label.map_or("", String::as_str)).map(Some).collect::<StringArray>(),
    );
    columns.push("cutoff", days(log, &found.cutoff)?, false);
    columns.push("label_end", days(log, &found.label_end)?, false);
    for (name, values) in &found.features {
        let known = values.iter().map(|value| (!value.is_nan()).then_some(*value));
        columns.add_partial(name, known.collect::<Float64Array>());
    }
    for (feature, codes) in log.levels.iter().zip(&found.levels) {
        columns.add_partial(&format!("first_{}", feature.name), texts(feature, codes));
    }
    for (name, values) in &found.labels {
        columns.add(name, Float64Array::from(values.clone()));
    }
    let batch = columns.batch()?;
    let mut seen = std::collections::BTreeSet::new();
    match batch.schema().fields().iter().find(|field| !seen.insert(field.name().clone())) {
        Some(field) => Err(input_error!(
            "--first: the column '{}' is made of two things; rename that of the log",
            shown(field.name())
        )),
        None => Ok(batch),
    }
}

/// Days as dates, where the log has dates.
fn days(log: &Log, days: &[i64]) -> anyhow::Result<ArrayRef> {
    if !log.dates {
        return Ok(Arc::new(Int64Array::from(days.to_vec())));
    }
    let dates: Result<Vec<i32>, _> = days.iter().map(|day| i32::try_from(*day)).collect();
    Ok(Arc::new(Date32Array::from(dates?)))
}

fn texts(feature: &Feature, codes: &[u32]) -> StringArray {
    match &feature.kind {
        FeatureKind::Categorical { levels, .. } => {
            codes.iter().map(|code| levels.get(*code as usize).map(String::as_str)).collect()
        }
        FeatureKind::Numeric { .. } => codes.iter().map(|_| None::<&str>).collect(),
    }
}

fn tell(arguments: &PrepareArguments, found: &Customers, log: &Log) -> anyhow::Result<()> {
    let counts = &found.counts;
    let labels: Vec<&str> = found.labels.iter().map(|(name, _)| name.as_str()).collect();
    let (first, last) = (found.cutoff.iter().min(), found.cutoff.iter().max());
    let spelled = |day: Option<&i64>| day.map(|day| log.spell(*day)).unwrap_or_default();
    if arguments.json {
        let mut told = serde_json::to_value(counts)?;
        told["out"] = json!(arguments.out.display().to_string());
        told["labels"] = json!(labels);
        told["cutoffs"] = json!([spelled(first), spelled(last)]);
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    let Counts { rows, customers, lines, purchases, .. } = counts;
    println!(
        "{}: {rows} rows of {customers} customers, from {lines} lines on {purchases} days of purchase",
        shown(&arguments.out.display().to_string())
    );
    println!("cut-offs {} to {}", spelled(first), spelled(last));
    for ((name, zeros), mean) in labels.iter().zip(&counts.zeros).zip(&counts.mean) {
        println!("{name}: {:.1} % zeros, mean {mean:.2}", 100.0 * zeros);
    }
    let kept = [
        (counts.duplicates, "lines like an earlier one, kept"),
        (counts.free, "purchases of 0, kept"),
        (
            counts.refunds,
            match arguments.refunds {
                RefundsArgument::Net => "refunds, taken off",
                RefundsArgument::Drop => "refunds, left out",
            },
        ),
        (counts.negative_labels, "labels below 0, set to 0: refunds of what was bought before"),
        (counts.immature, "rows left out, whose labels the log does not cover"),
    ];
    for (count, what) in kept.into_iter().filter(|(count, _)| *count > 0) {
        println!("{count} {what}");
    }
    Ok(())
}
