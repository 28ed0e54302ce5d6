//! `valor report`: writes the report of what is done, and an index above several. Never trains.

use super::DONE;
use super::common::Asked;
use crate::report::{self, Extras, IndexLine, PredictionFormat, TexIntervals, TexOptions};
use clap::Args;
use std::path::PathBuf;
use valor_base::escape::shell;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_runs::spec::Experiment;
use valor_runs::store::{Store, folder_name};

/// What to report.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// Further experiment files: each is reported, and an index written above all
    more: Vec<PathBuf>,
    /// The folder to write to; reports/EXPERIMENT/PROFILE otherwise. Of several files: the folder of the index
    #[arg(long)]
    out: Option<PathBuf>,
    /// Also writes every figure as SVG and PNG into the folder's figures/
    #[arg(long)]
    figures: bool,
    /// Also writes what every model said of every test row
    #[arg(long, value_enum)]
    predictions: Option<Format>,
    /// Metrics of table.tex, in this order; those of the headline otherwise
    #[arg(long, value_name = "METRICS", value_delimiter = ',')]
    tex_metrics: Vec<String>,
    /// Intervals in table.tex: none, over seeds, or over seeds and test rows together
    #[arg(long, value_enum, default_value_t = Intervals::Both)]
    tex_intervals: Intervals,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Intervals {
    None,
    Seeds,
    Both,
}

impl From<Intervals> for TexIntervals {
    fn from(asked: Intervals) -> Self {
        match asked {
            Intervals::None => Self::None,
            Intervals::Seeds => Self::Seeds,
            Intervals::Both => Self::Both,
        }
    }
}

/// Writes and prints where. Every experiment file is read before anything is written.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let root = arguments.out.clone().unwrap_or_else(|| PathBuf::from("reports"));
    let asked = [arguments.asked.clone()].into_iter();
    let asked = asked.chain(arguments.more.iter().map(|file| arguments.asked.with(file)));
    let mut reports: Vec<Report> = Vec::new();
    for asked in asked {
        let experiment = asked.load()?;
        let out = match &arguments.out {
            Some(out) if arguments.more.is_empty() => out.clone(),
            _ => root.join(folder_name(&experiment.name)).join(folder_name(&experiment.profile)),
        };
        if let Some(other) = reports.iter().find(|other| other.out == out) {
            let (one, two) = (other.experiment.path.display(), experiment.path.display());
            let out = out.display();
            return Err(input_error!(
                "{one} and {two} would both be written to {out}; name each file once, under names of their own"
            ));
        }
        reports.push(Report { asked, experiment, out });
    }
    let lines =
        reports.iter().map(|report| report.write(arguments)).collect::<anyhow::Result<Vec<IndexLine>>>()?;
    if reports.len() > 1 {
        println!("{}", report::write_index(&lines, &root)?.display());
    }
    Ok(DONE)
}

/// A report to write.
struct Report {
    asked: Asked,
    experiment: Experiment,
    out: PathBuf,
}

impl Report {
    fn write(&self, arguments: &Arguments) -> anyhow::Result<IndexLine> {
        let Self { asked, experiment, out } = self;
        let store = Store::new(&asked.results);
        let out_option = match &arguments.out {
            Some(out) if arguments.more.is_empty() => format!(" --out {}", shell::path(out)),
            Some(_) | None => String::new(),
        };
        let command = format!("valor run {0} && valor report {0}{out_option}", asked.options());
        let mut evidence = valor_analysis::collect(experiment, &store, &command)?;
        if let Some(profile) = &experiment.beside {
            let other = asked.of_profile(profile).load()?;
            evidence.beside = Some(Box::new(valor_analysis::collect(&other, &store, &command)?));
        }
        let predictions = arguments.predictions.map(|format| match format {
            Format::Csv => PredictionFormat::Csv,
            Format::Parquet => PredictionFormat::Parquet,
        });
        let tex =
            TexOptions { metrics: arguments.tex_metrics.clone(), intervals: arguments.tex_intervals.into() };
        let extras = Extras { figures: arguments.figures, predictions, tex };
        let written = report::write(&evidence, out, &extras)?;
        if let Some(predictions) = &written.predictions {
            println!("{}", predictions.display());
        }
        if written.line.found + written.line.failed == 0 {
            let (name, profile) = (shown(&experiment.name), shown(&experiment.profile));
            let (results, options) = (asked.results.display().to_string(), asked.options());
            eprintln!(
                "{name} ({profile}): no run is recorded in {}, the report is of nothing; valor run {options}",
                shown(&results)
            );
        }
        println!("{}", written.html.display());
        Ok(written.line)
    }
}
