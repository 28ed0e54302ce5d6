//! `valor report`: writes the report of what is done. Never trains.

use super::DONE;
use super::common::Asked;
use crate::report::{self, PredictionFormat};
use crate::store::Store;
use clap::Args;
use std::path::PathBuf;

/// What to report.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    asked: Asked,
    /// The folder to write to; reports/EXPERIMENT/PROFILE otherwise
    #[arg(long)]
    out: Option<PathBuf>,
    /// Also writes what every model said of every test row
    #[arg(long, value_enum)]
    predictions: Option<Format>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

/// Writes and prints where.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let experiment = arguments.asked.load()?;
    let out = arguments.out.clone();
    let out =
        out.unwrap_or_else(|| PathBuf::from("reports").join(&experiment.name).join(&experiment.profile));
    let store = Store::new(&arguments.asked.results);
    let command = format!("valor run {0} && valor report {0}", arguments.asked.options());
    let material = report::collect(&experiment, &store, &command)?;
    let written = report::write(&material, &out)?;
    if let Some(format) = arguments.predictions {
        let format = match format {
            Format::Csv => PredictionFormat::Csv,
            Format::Parquet => PredictionFormat::Parquet,
        };
        println!("{}", report::export_predictions(&material, &out, format)?.display());
    }
    println!("{}", written.html.display());
    Ok(DONE)
}
