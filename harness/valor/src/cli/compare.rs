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
use valor_stats::stats::Verdict;

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
    /// Also prints versions, how training ended, and every metric
    #[arg(long)]
    all: bool,
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
        print(&compared, arguments.all);
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

/// The answer, what was asked otherwise, then the metric that decides; the others where they are asked for.
fn print(compared: &Compared, all: bool) {
    println!("a: {}\nb: {}", shown(&compared.a), shown(&compared.b));
    if compared.is_empty() {
        println!("nothing differs");
        return;
    }
    println!("{}", answer(compared));
    let parts = [
        ("spec", &compared.spec, true),
        ("data", &compared.data, true),
        ("versions", &compared.versions, all),
        ("training", &compared.training, all),
    ];
    for (title, lines, _) in parts.into_iter().filter(|(_, lines, shown)| *shown && !lines.is_empty()) {
        println!("\n{title}");
        let wide = lines.iter().map(|line| line.key.chars().count()).max().unwrap_or(0);
        for Difference { key, a, b } in lines {
            println!("  {:<wide$}  {} -> {}", shown(key), shown(or_dash(a)), shown(or_dash(b)));
        }
    }
    let first = compared.answer.as_ref().map(|answer| answer.metric.as_str());
    let metrics: Vec<&MetricDifference> = match first {
        Some(first) if !all => compared.metrics.iter().filter(|line| line.metric == first).collect(),
        Some(_) | None => compared.metrics.iter().collect(),
    };
    if !metrics.is_empty() {
        println!(
            "\nmetrics, b minus a over {} pairs [95 % over seeds and test rows, over seeds where rows have none], p of one \
             comparison: a report corrects it over the family that its experiment declares",
            compared.pairs
        );
        metrics.iter().for_each(|line| print_metric(line));
    }
    let folded = [("versions", compared.versions.len()), ("training", compared.training.len())];
    let mut folded: Vec<String> = folded
        .iter()
        .filter(|(_, count)| !all && *count > 0)
        .map(|(what, count)| format!("{count} of {what}"))
        .collect();
    let others = compared.metrics.len() - metrics.len();
    if others > 0 {
        folded.push(format!("{others} metrics"));
    }
    if !folded.is_empty() {
        println!("\n--all shows what else differs: {}", folded.join(", "));
    }
}

/// Which side is better, and what differs, in one line.
fn answer(compared: &Compared) -> String {
    let said = match compared.answer.as_ref().map(|answer| (&answer.metric, answer.verdict)) {
        Some((metric, Verdict::Better)) => format!("b is better than a in {}", shown(metric)),
        Some((metric, Verdict::Worse)) => format!("b is worse than a in {}", shown(metric)),
        Some((metric, Verdict::Equivalent | Verdict::Inconclusive)) => {
            format!("we cannot tell which is better in {}", shown(metric))
        }
        None if compared.metrics.is_empty() => "no metric differs".to_string(),
        None => "no metric that decides differs".to_string(),
    };
    let counts = [
        (compared.spec.len(), "of the spec"),
        (compared.data.len(), "of the data"),
        (compared.versions.len(), "of versions"),
        (compared.training.len(), "of training"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let keys = if counts.is_empty() { "no key".to_string() } else { format!("keys: {}", counts.join(", ")) };
    format!("{said}; differing {keys}")
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
