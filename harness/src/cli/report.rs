//! `valor report`: writes the report of what is done, and an index above several. Never trains.

use super::DONE;
use super::common::Asked;
use crate::report::{self, Extras, IndexLine, PredictionFormat};
use crate::store::{Store, folder_name};
use clap::Args;
use std::path::{Path, PathBuf};

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
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

/// Writes and prints where.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let root = arguments.out.clone().unwrap_or_else(|| PathBuf::from("reports"));
    if arguments.more.is_empty() {
        write(arguments, &arguments.asked, arguments.out.as_deref(), &root)?;
        return Ok(DONE);
    }
    let mut lines = vec![write(arguments, &arguments.asked, None, &root)?];
    for file in &arguments.more {
        lines.push(write(arguments, &arguments.asked.with(file), None, &root)?);
    }
    println!("{}", report::write_index(&lines, &root)?.display());
    Ok(DONE)
}

/// One report, into `out` or into its place under `root`.
fn write(arguments: &Arguments, asked: &Asked, out: Option<&Path>, root: &Path) -> anyhow::Result<IndexLine> {
    let experiment = asked.load()?;
    let out = match out {
        Some(out) => out.to_path_buf(),
        None => root.join(folder_name(&experiment.name)).join(folder_name(&experiment.profile)),
    };
    let store = Store::new(&asked.results);
    let command = format!("valor run {0} && valor report {0}", asked.options());
    let material = report::collect(&experiment, &store, &command)?;
    let predictions = arguments.predictions.map(|format| match format {
        Format::Csv => PredictionFormat::Csv,
        Format::Parquet => PredictionFormat::Parquet,
    });
    let extras = Extras { figures: arguments.figures, predictions };
    let written = report::write(&material, &out, extras)?;
    if let Some(predictions) = &written.predictions {
        println!("{}", predictions.display());
    }
    println!("{}", written.html.display());
    Ok(written.line)
}
