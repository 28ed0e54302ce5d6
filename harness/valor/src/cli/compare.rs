//! `valor compare`: what differs between two runs, or between two cells.

use super::DONE;

use clap::Args;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use valor_analysis::compare::{Compared, ComparedRuns, Difference, MetricDifference, common_rows};
use valor_base::error::choices;
use valor_base::escape::terminal::line as shown;
use valor_base::input_error;
use valor_runs::record::EvaluationRows;
use valor_runs::spec::{self, Cell};
use valor_runs::store::{Entry, Reader, Store};

/// Fewest letters of an id.
const SHORTEST: usize = 4;

/// What to compare.
#[derive(Args)]
pub(super) struct Arguments {
    /// A run (its id, the beginning of it, or its folder) or a cell (FILE:DATASET:METHOD)
    a: String,
    /// What it is compared with
    b: String,
    /// The profile of the experiment files of cells
    #[arg(long)]
    profile: Option<String>,
    /// Sets a key of the experiment files of cells, e.g. --set training.epochs=3
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// The results folder
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints what differs.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let store = Store::new(&arguments.results);
    let reader = store.reader()?;
    let [a, b] = [&arguments.a, &arguments.b].map(|name| side(arguments, &reader, name));
    let ((a, rows), (b, _)) = (a?, b?);
    let rows = common_rows(&a, &b).and_then(|id| rows.get(id));
    let compared = Compared::new(&a, &b, rows.map(AsRef::as_ref));
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&compared)?);
    } else {
        print(&compared);
    }
    Ok(DONE)
}

type Entries = BTreeMap<String, Entry>;
type Rows = BTreeMap<String, Arc<EvaluationRows>>;

/// The runs of a side, and the rows that they were judged on.
fn side(arguments: &Arguments, reader: &Reader, name: &str) -> anyhow::Result<(ComparedRuns, Rows)> {
    let entries = reader.entries();
    let found = match cell(arguments, entries, name)? {
        Some(found) => found,
        None => vec![one(entries, name)?],
    };
    let (mut runs, mut rows) = (Vec::new(), Rows::new());
    for run in found.into_iter().filter_map(|entry| reader.run(&entry.id)) {
        let run = run.map_err(|damage| anyhow::anyhow!("'{name}' is damaged: {}", damage.reason))?;
        rows.insert(run.record.evaluation.clone(), run.rows);
        runs.push((run.record, run.predictions));
    }
    Ok((ComparedRuns { name: name.to_string(), runs }, rows))
}

/// The recorded runs of `FILE:DATASET:METHOD`; nothing if it is not written so.
fn cell<'a>(
    arguments: &Arguments,
    entries: &'a Entries,
    name: &str,
) -> anyhow::Result<Option<Vec<&'a Entry>>> {
    let Some((file, rest)) = name.split_once(".toml:") else { return Ok(None) };
    let (dataset, method) = rest.split_once(':').ok_or_else(|| {
        input_error!("'{name}' names no cell: write FILE:DATASET:METHOD, e.g. table2.toml:world 1:TARNet")
    })?;
    let path = PathBuf::from(format!("{file}.toml"));
    let experiment = spec::load(&path, arguments.profile.as_deref(), &arguments.sets)?;
    let place = |what: &str, wanted: &str, names: Vec<&str>| {
        names.iter().position(|known| *known == wanted).ok_or_else(|| {
            input_error!("{}: no {what} '{wanted}'{}", path.display(), choices(wanted, "there are", &names))
        })
    };
    let dataset =
        place("dataset", dataset, experiment.datasets.iter().map(|data| data.name.as_str()).collect())?;
    let method =
        place("method", method, experiment.methods.iter().map(|method| method.name.as_str()).collect())?;
    let runs = experiment.runs().into_iter().filter(|run| run.cell == Cell { dataset, method });
    let found: Vec<&Entry> = runs.filter_map(|run| entries.get(&run.id)).collect();
    if found.is_empty() {
        return Err(input_error!(
            "'{name}': none of its {} runs is recorded in {}",
            experiment.seeds.len(),
            arguments.results.display()
        ));
    }
    Ok(Some(found))
}

/// The run that an id, the beginning of one, or a folder means.
fn one<'a>(entries: &'a Entries, name: &str) -> anyhow::Result<&'a Entry> {
    let folder = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name);
    let wanted = folder.rsplit('-').next().unwrap_or(folder);
    let found: Vec<&Entry> = entries.values().filter(|entry| entry.id.starts_with(wanted)).collect();
    match found.as_slice() {
        _ if wanted.len() < SHORTEST => Err(input_error!("'{name}': at least {SHORTEST} letters of an id")),
        [entry] => Ok(entry),
        [] => Err(input_error!(
            "no run '{name}' is recorded; `valor plan FILE` lists ids, and a cell is written FILE:DATASET:METHOD"
        )),
        several => Err(input_error!("'{name}' means {} runs: give more letters of the id", several.len())),
    }
}

fn print(compared: &Compared) {
    println!("a: {}\nb: {}", shown(&compared.a), shown(&compared.b));
    if compared.is_empty() {
        println!("nothing differs");
        return;
    }
    let parts = [
        ("spec", &compared.spec),
        ("data", &compared.data),
        ("versions", &compared.versions),
        ("training", &compared.training),
    ];
    for (title, lines) in parts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        println!("\n{title}");
        let wide = lines.iter().map(|line| line.key.chars().count()).max().unwrap_or(0);
        for Difference { key, a, b } in lines {
            println!("  {:<wide$}  {} -> {}", shown(key), shown(or_dash(a)), shown(or_dash(b)));
        }
    }
    if !compared.metrics.is_empty() {
        println!(
            "\nmetrics, b minus a over {} pairs [95 % over seeds and test rows, over seeds where rows have none], p of one \
             comparison: a report corrects it over the family that its experiment declares",
            compared.pairs
        );
        compared.metrics.iter().for_each(print_metric);
    }
}

fn print_metric(line: &MetricDifference) {
    let number = |value: Option<f64>| value.map_or_else(|| "-".to_string(), |value| format!("{value:.4}"));
    let interval = |interval: &Option<valor_stats::stats::Interval>| {
        interval
            .as_ref()
            .map_or_else(|| "-".to_string(), |found| format!("[{:+.4}, {:+.4}]", found.low, found.high))
    };
    let difference = line.difference.map_or_else(|| "-".to_string(), |value| format!("{value:+.4}"));
    println!(
        "  {:<32} {:>12} -> {:>12}  {difference:>12}  {:<20} {}",
        line.metric,
        number(line.a),
        number(line.b),
        interval(if line.ci_both.is_some() { &line.ci_both } else { &line.ci }),
        line.p
            .map_or_else(|| line.reason.clone().unwrap_or_else(|| "-".to_string()), |p| format!("p {p:.4}"))
    );
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
