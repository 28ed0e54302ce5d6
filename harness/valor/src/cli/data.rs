//! `valor data`: what a source holds, and its rows as a file.

mod export;
mod source;
mod text;

use super::output;
use clap::{Args, Subcommand};
use serde::Serialize;
use source::Source;
use std::path::PathBuf;
use valor_base::error::choices;
use valor_base::escape::terminal;
use valor_base::input_error;
use valor_data::describe::{Description, describe};
use valor_data::{Dataset, fresh, load};

/// Arguments of `valor data`.
#[derive(Args, Clone, Debug)]
pub(super) struct DataArguments {
    #[command(subcommand)]
    verb: DataVerb,
}

#[derive(Subcommand, Clone, Debug)]
enum DataVerb {
    /// Shows rows, arms, share of zeros, quantiles of positive outcomes, balance; truth if known
    #[command(after_help = "Example:\n  valor data describe b2b-mimic --set world=3")]
    Describe(DescribeArguments),
    /// Writes features, treatment, outcome, then the truth where it is known, as a file
    #[command(after_help = "Example:\n  valor data export b2b-mimic --rows 10000 --out rows.csv")]
    Export(ExportArguments),
}

#[derive(Args, Clone, Debug)]
struct SourceArguments {
    /// b2b-mimic, production-sim (a stand-in), valor-release, value-sim, or an experiment file (.toml)
    #[arg(value_name = "NAME|EXPERIMENT.toml")]
    source: String,
    /// Sets a key, e.g. --set world=3
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Uses only this dataset of an experiment file
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// So many rows: the size of a generator, at most so many of valor-release or a file
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// So many fresh rows of the same world in place of those to learn from, as `[evaluation]` draws them to be judged on
    #[arg(long, value_name = "N", conflicts_with = "rows")]
    evaluation: Option<usize>,
}

#[derive(Args, Clone, Debug)]
struct DescribeArguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Prints a JSON array with an object per dataset
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
struct ExportArguments {
    #[command(flatten)]
    source: SourceArguments,
    /// The file to write: .csv, .csv.gz or .parquet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs `valor data`.
pub(super) fn run(arguments: &DataArguments) -> anyhow::Result<()> {
    match &arguments.verb {
        DataVerb::Describe(arguments) => describe_sources(arguments),
        DataVerb::Export(arguments) => export_source(arguments),
    }
}

#[derive(Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    description: Description,
}

fn describe_sources(arguments: &DescribeArguments) -> anyhow::Result<()> {
    let mut described = Vec::new();
    for source in chosen(&arguments.source)? {
        let description = describe(&rows_of(&source, &arguments.source)?)?;
        if arguments.json {
            described.push(Named { name: source.data.name, description });
        } else {
            println!("{}", text::render(&source.data.name, &description));
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&described)?);
    }
    Ok(())
}

fn export_source(arguments: &ExportArguments) -> anyhow::Result<()> {
    let format = output::format(&arguments.out)?;
    let sources = chosen(&arguments.source)?;
    let [source] = sources.as_slice() else {
        let names: Vec<&str> = sources.iter().map(|source| source.data.name.as_str()).collect();
        return Err(input_error!(
            "{} has {} datasets; choose one with --dataset: {}",
            arguments.source.source,
            names.len(),
            names.join(", ")
        ));
    };
    let rows = rows_of(source, &arguments.source)?;
    export::export(&rows, format, &arguments.out)?;
    for note in &rows.notes {
        eprintln!("note: {}", terminal::line(note));
    }
    Ok(())
}

/// Rows to learn from, or the fresh ones that are asked for.
fn rows_of(source: &Source, arguments: &SourceArguments) -> anyhow::Result<Dataset> {
    let data = &source.data;
    if let Some(rows) = arguments.evaluation {
        return fresh(&data.spec, rows);
    }
    let mut rows = load(&data.spec, &source.root)?;
    rows.notes.extend(data.evaluation.note());
    Ok(rows)
}

/// The sources that the arguments name, with their changes.
fn chosen(arguments: &SourceArguments) -> anyhow::Result<Vec<Source>> {
    let mut sources = source::sources(&arguments.source, &arguments.sets)?;
    if let Some(name) = &arguments.dataset {
        let names: Vec<String> = sources.iter().map(|source| source.data.name.clone()).collect();
        sources.retain(|source| source.data.name == *name);
        if sources.is_empty() {
            return Err(input_error!(
                "--dataset {name}: no such dataset{}",
                choices(name, "allowed are", &names)
            ));
        }
    }
    if let Some(rows) = arguments.rows {
        for source in &mut sources {
            source.data.spec = source.data.spec.clone().with_rows(rows);
        }
    }
    Ok(sources)
}
