//! `valor explain`: what each feature contributes to each account's uplift or value, as tables and a page; single trees as text.

mod folder;
mod rows;
mod tree;

use super::common::{read_model, same, tell_notes};
use super::reading::ReadingArguments;
use super::run::listen;
use super::{DONE, INTERRUPTED};
use crate::report::explain;
use clap::Args;
use folder::Folder;
use rows::{Ids, Work};
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use valor_analysis::explain::{Digest, Direction, Feature, features};
use valor_base::error::did_you_mean;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_data::table::stream::Stream;
use valor_learn::learner::device;
use valor_learn::model::{Explained, Model};
use valor_page::amount::Unit;
use valor_runs::trial::peak_memory;

/// Which model to explain, on which rows.
#[derive(Args)]
pub(super) struct Arguments {
    /// A model file of trees that `valor fit` wrote
    model: PathBuf,
    /// Accounts to explain: .csv, .csv.gz or .parquet
    #[arg(required_unless_present = "tree")]
    data: Option<PathBuf>,
    /// The folder to write: contributions.csv, contributions.parquet and index.html
    #[arg(long, value_name = "DIR", required_unless_present = "tree")]
    out: Option<PathBuf>,
    /// Ids of the accounts to put into words, with commas; else the highest and the lowest uplift
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    rows: Vec<String>,
    /// The column of ids; else rows are counted from 1, without the header
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// What outcomes are counted in: a sign stands before amounts ($), a word after them (EUR)
    #[arg(long, default_value = "", value_name = "TEXT")]
    unit: String,
    /// Stands before the names of the contributions' columns
    #[arg(long, default_value = "", value_name = "TEXT")]
    prefix: String,
    /// Prints one tree instead, counted from 1; with --out also as tree-N.svg
    #[arg(long, value_name = "N", conflicts_with_all = ["data", "rows", "id", "prefix", "json"])]
    tree: Option<usize>,
    /// Levels of splits that a printed tree shows
    #[arg(long, default_value_t = 6, requires = "tree")]
    depth: usize,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: ReadingArguments,
}

/// Explains all rows, or prints a tree, and sets the exit code.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    device::fix_threads();
    let model = read_model(&arguments.model)?;
    let name = arguments.model.display();
    let explained = model.explained().map_err(|error| match valor_base::error::is_input(&error) {
        true => error.context(name.to_string()),
        false => input_error!("{name} is not a whole model: {error:#}"),
    })?;
    let features: Vec<Feature> =
        explained.features().map(|(name, known)| Feature::new(name, known)).collect();
    tell_notes(&model)?;
    if let Some(number) = arguments.tree {
        return tree::print(arguments, &explained, &features, number);
    }
    // Asked for by the command line wherever no tree is.
    let (Some(data), Some(out)) = (&arguments.data, &arguments.out) else {
        return Err(input_error!("valor explain needs DATA and --out DIR, or --tree N"));
    };
    rows(arguments, (&model, &explained, features), data, out)
}

fn rows(
    arguments: &Arguments,
    (model, explained, features): (&Model, &Explained, Vec<Feature>),
    data: &Path,
    out: &Path,
) -> anyhow::Result<u8> {
    let encoder = &model.about.encoder;
    let reading = arguments.reading.over(&model.about.dialect);
    let stream = Stream::open(data, reading, encoder.numeric().collect(), encoder.categorical().collect())?;
    let ids = Ids::find(arguments.id.as_deref(), data, stream.schema())?;
    let schema = rows::schema(&ids, explained.trees.question(), &arguments.prefix, &features)?;
    let asked = asked(arguments)?;
    for file in rows::FILES {
        if same(data, &out.join(file)) {
            let file = out.join(file);
            return Err(input_error!("--out {}: {} is the file to explain", out.display(), file.display()));
        }
    }
    let folder = Folder::new(out)?;
    let digest = Digest::new(features, &asked);
    let mut work = Work::new(explained, stream, ids, schema, digest);
    let interrupted = listen();
    let [csv, parquet, page] = rows::FILES.map(|file| folder.stage(file));
    let (csv, parquet, page) = (csv?, parquet?, page?);
    let whole = work.all([&csv, &parquet], &|| interrupted.load(Ordering::Relaxed));
    work.progress.close();
    if !whole? {
        return Ok(INTERRUPTED);
    }
    work.digest.finish(&data.display().to_string(), &work.ids.words())?;
    let text = render(arguments, model, (explained, data), &work)?;
    page.file().write_all(text.as_bytes()).map_err(|error| page.refuse(error.into()))?;
    folder.publish([csv, parquet, page])?;
    tell(arguments, model, explained, &work)
}

/// Ids that were asked for, each once.
fn asked(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let mut asked: Vec<String> = Vec::new();
    for id in arguments.rows.iter().map(|id| id.trim().to_string()).filter(|id| !id.is_empty()) {
        if arguments.id.is_none() && !id.parse().is_ok_and(|row: u64| row > 0) {
            return Err(input_error!(
                "--rows {id}: allowed are numbers of rows from 1, with commas; --id COLUMN names accounts by a column"
            ));
        }
        if !asked.contains(&id) {
            asked.push(id);
        }
    }
    Ok(asked)
}

fn render(
    arguments: &Arguments,
    model: &Model,
    (explained, data): (&Explained, &Path),
    work: &Work,
) -> anyhow::Result<String> {
    let about = &model.about;
    let strange = work.unseen.iter().filter(|(_, count)| **count > 0);
    let strange = strange.map(|(name, count)| {
        format!("{name}: {count} accounts have a level that the training rows lack; it counts as missing.")
    });
    let notes: Vec<String> = about.notes.iter().cloned().chain(strange).collect();
    let tree = if explained.trees.decides() { explained.trees.listing(0) } else { None };
    let page = explain::About {
        method: &about.model.slug(),
        attribution: explained.trees.attribution(),
        question: explained.trees.question(),
        data: &data.file_name().unwrap_or_default().to_string_lossy(),
        id: &about.id,
        ids: &work.ids.words(),
        base: explained.trees.base(),
        notes: &notes,
        tree: tree.as_ref(),
    };
    explain::render(&page, &work.digest, &Unit::new(&arguments.unit))
}

fn tell(arguments: &Arguments, model: &Model, explained: &Explained, work: &Work) -> anyhow::Result<u8> {
    let (rows, seconds) = (work.progress.count(), work.progress.seconds());
    let speed = rows as f64 / seconds.max(1e-9);
    let views = features(&work.digest);
    if arguments.json {
        let features: Vec<serde_json::Value> = views
            .iter()
            .map(|view| {
                json!({
                    "name": view.name,
                    "mean_absolute": view.mean_absolute,
                    "direction": view.direction,
                })
            })
            .collect();
        let found = json!({
            "model": model.about.id,
            "out": arguments.out,
            "rows": rows,
            "method": model.about.model.slug(),
            "attribution": explained.trees.attribution().name(),
            "base": explained.trees.base(),
            "features": features,
            "unseen": work.unseen,
            "measured": {
                "seconds": seconds,
                "rows_per_second": speed,
                "peak_memory_bytes": peak_memory(),
            },
        });
        println!("{found:#}");
        return Ok(DONE);
    }
    let folder = arguments.out.as_deref().unwrap_or(Path::new("."));
    let page = folder.join("index.html");
    println!("{}: {rows} rows, {seconds:.1} s, {speed:.0} rows/s", page.display());
    let leading = views.iter().filter(|view| view.direction != Direction::None).take(3);
    let leading: Vec<String> = leading.map(|view| shown(&view.name)).collect();
    match leading.is_empty() {
        true => println!("no feature contributes anything"),
        false => println!("most is contributed by {}", leading.join(", ")),
    }
    for (name, count) in work.unseen.iter().filter(|(_, count)| **count > 0) {
        println!(
            "{}: in {count} rows a level that the training rows lack; it counts as missing",
            shown(name)
        );
    }
    Ok(DONE)
}

/// The place of a column in a file.
fn column(name: &str, data: &Path, columns: &[&str]) -> anyhow::Result<usize> {
    columns.iter().position(|column| *column == name).ok_or_else(|| {
        let hint = did_you_mean(name, columns.iter().copied());
        input_error!("--id {name}: {} has no such column{hint}", data.display())
    })
}
