//! Experiment files as they are written: a strict mirror of the TOML, with lines and suggestions in errors.

use super::claim_wire::ClaimWire;
use super::decision::DecisionWire;
use super::error::suggest;
use super::objective_wire::{ObjectiveWire, one_or_many};
use super::tuning_wire::TuningWire;
use super::{ExperimentError, PaperTable};
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Table, Value};
use valor_data::b2b_mimic::B2bMimicSpec;
use valor_data::production_sim::ProductionSimSpec;
use valor_data::split::{SplitBy, SplitSpec, Stratify};
use valor_data::table::TableSpec;
use valor_data::valor_release::ValorReleaseSpec;
use valor_data::value_sim::ValueSimSpec;
use valor_data::{DataSpec, Evaluation};
use valor_learn::learner::TrainingSpec;
use valor_learn::learner::catalog::Options;
use valor_stats::stats::SeedInterval;

/// A file, or the part of it that a profile overrides.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Wire {
    pub question: Option<String>,
    pub caption: Option<String>,
    pub seeds: Option<SeedsWire>,
    pub rows: Option<usize>,
    pub metrics: Option<Vec<String>>,
    pub interval: Option<SeedInterval>,
    pub baseline: Option<String>,
    pub paper: Option<PaperTable>,
    pub beside: Option<String>,
    pub datasets: Option<Vec<String>>,
    #[serde(default)]
    pub dataset: Vec<DatasetWire>,
    #[serde(default)]
    pub split: SplitWire,
    pub evaluation: Option<EvaluationWire>,
    #[serde(default)]
    pub segment: Vec<SegmentWire>,
    pub reference: Option<ReferenceWire>,
    /// What methods start from (`inherit`).
    #[expect(dead_code, reason = "read as a table, checked here")]
    pub training: Option<TrainingSpec>,
    /// What methods start from (`inherit`).
    #[expect(dead_code, reason = "read as a table, checked here")]
    pub model: Option<Options>,
    pub tuning: Option<TuningWire>,
    pub decision: Option<DecisionWire>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub grid: Vec<GridWire>,
    #[serde(default)]
    pub objective: Vec<ObjectiveWire>,
    #[serde(default)]
    pub method: Vec<MethodWire>,
    #[serde(default)]
    pub claim: Vec<ClaimWire>,
    #[serde(default)]
    pub profile: BTreeMap<String, Wire>,
}

/// How many seeds, or which.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a number of seeds or a list of seeds, whole numbers of 0 or more")]
pub(super) enum SeedsWire {
    Count(u64),
    List(Vec<u64>),
}

/// One block of the table; exactly one source.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DatasetWire {
    pub name: String,
    /// So many datasets of one form (`repeat`).
    #[serde(default)]
    #[expect(dead_code, reason = "read as a table, checked here")]
    pub replications: Option<usize>,
    pub b2b_mimic: Option<B2bMimicSpec>,
    pub production_sim: Option<ProductionSimSpec>,
    pub valor_release: Option<ValorReleaseSpec>,
    pub value_sim: Option<ValueSimSpec>,
    pub table: Option<TableSpec>,
    pub evaluation: Option<FreshWire>,
}

/// How rows are parted; what is absent is as usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SplitWire {
    pub test: Option<f64>,
    pub validation: Option<f64>,
    pub by: Option<SplitBy>,
    pub stratify: Option<Stratify>,
    pub mature_only: Option<bool>,
    pub seed: Option<u64>,
    pub per_seed: Option<bool>,
}

/// Fresh rows to be judged on, of one dataset.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FreshWire {
    pub rows: usize,
}

/// What models are judged on and asked for.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvaluationWire {
    /// Fresh rows to be judged on, so many.
    pub rows: Option<usize>,
    /// Level of the intervals that methods predict.
    pub interval: Option<f64>,
}

impl SplitWire {
    /// The split of an experiment that says this beside it.
    pub(super) fn resolve(&self, fresh: Option<FreshWire>) -> SplitSpec {
        let usual = SplitSpec::default();
        let share = self.test.map_or(usual.test, Evaluation::Share);
        SplitSpec {
            test: fresh.map_or(share, |fresh| Evaluation::Fresh { rows: fresh.rows }),
            validation: self.validation.unwrap_or(usual.validation),
            by: self.by,
            stratify: self.stratify,
            mature_only: self.mature_only.unwrap_or(usual.mature_only),
            seed: self.seed.unwrap_or(usual.seed),
            per_seed: self.per_seed.unwrap_or(usual.per_seed),
        }
    }
}

impl EvaluationWire {
    pub(super) fn fresh(self) -> Option<FreshWire> {
        self.rows.map(|rows| FreshWire { rows })
    }
}

/// Groups of test rows that every method is judged on apart.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentWire {
    pub name: Option<String>,
    pub column: String,
    #[serde(default)]
    pub cuts: Vec<f64>,
}

/// A ranking that needs no method.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReferenceWire {
    pub column: String,
}

/// Backbones times components and objectives, less exclusions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct GridWire {
    pub backbones: Vec<String>,
    #[serde(default)]
    pub components: Vec<Vec<String>>,
    #[serde(default)]
    pub objectives: Vec<String>,
    #[serde(default)]
    pub exclude: Vec<ExcludeWire>,
    pub model: Option<Options>,
    pub training: Option<TrainingSpec>,
}

/// Cells to leave out; a key that is absent matches all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExcludeWire {
    pub backbone: Option<String>,
    pub components: Option<Vec<String>>,
}

/// One method outside the grid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MethodWire {
    pub name: Option<String>,
    pub backbone: String,
    #[serde(default)]
    pub components: Vec<String>,
    pub objective: Option<String>,
    pub model: Option<Options>,
    pub training: Option<TrainingSpec>,
}

impl DatasetWire {
    /// The one source that is named.
    pub(super) fn source(self) -> anyhow::Result<DataSpec> {
        let sources = [
            self.b2b_mimic.map(DataSpec::B2bMimic),
            self.production_sim.map(DataSpec::ProductionSim),
            self.valor_release.map(DataSpec::ValorRelease),
            self.value_sim.map(DataSpec::ValueSim),
            self.table.map(DataSpec::Table),
        ];
        let mut named: Vec<DataSpec> = sources.into_iter().flatten().collect();
        match (named.pop(), named.is_empty()) {
            (Some(source), true) => Ok(source),
            (found, _) => Err(valor_base::input_error!(
                "dataset '{}': found {} sources; name exactly one of b2b-mimic, production-sim, valor-release, value-sim, \
                 table",
                self.name,
                named.len() + usize::from(found.is_some())
            )),
        }
    }
}

/// Parses a file strictly, then overlays the profile and the `--set` assignments.
pub(super) fn parse(text: &str, profile: Option<&str>, sets: &[String]) -> Result<Wire, ExperimentError> {
    let strict: Wire = toml::from_str(text).map_err(|error| ExperimentError::at(text, &error))?;
    let mut table: Table = toml::from_str(text).map_err(|error| ExperimentError::at(text, &error))?;
    if let Some((name, _)) = strict.profile.iter().find(|(_, profile)| !profile.profile.is_empty()) {
        return Err(ExperimentError::plain(format!("profile '{name}': a profile cannot hold profiles")));
    }
    let profiles = table.get("profile").cloned();
    let defined = |name: &str| profiles.as_ref().is_some_and(|profiles| profiles.get(name).is_some());
    // Without a profile the file means its full one, whether or not it says more about it.
    if let Some(name) = profile.or_else(|| defined("full").then_some("full")) {
        match profiles.as_ref().and_then(|profiles| profiles.get(name)).and_then(Value::as_table) {
            Some(overrides) => overlay(&mut table, overrides),
            None if name == "full" => {}
            None => return Err(ExperimentError::unknown_profile(name, strict.profile.keys())),
        }
    }
    for assignment in sets {
        assign(&mut table, assignment)?;
    }
    inherit(&mut table);
    replicate(&mut table).map_err(ExperimentError::plain)?;
    typed(table).map_err(|error| ExperimentError::plain(suggest(error.message())))
}

/// Tables are merged key by key; everything else is replaced.
fn overlay(base: &mut Table, over: &Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => overlay(base, over),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Most datasets of one `[[dataset]]`.
const MOST_REPLICATIONS: i64 = 1000;

/// A `[[dataset]]` with `replications = N` becomes N of them, `{}` in its name and in a table's path their numbers from 1.
fn replicate(table: &mut Table) -> Result<(), String> {
    let Some(Value::Array(datasets)) = table.get_mut("dataset") else { return Ok(()) };
    let mut all = Vec::with_capacity(datasets.len());
    for mut dataset in datasets.drain(..) {
        match dataset.as_table_mut().and_then(|dataset| dataset.remove("replications")) {
            Some(count) => all.extend(replications(&dataset, &count)?),
            None => all.push(dataset),
        }
    }
    *datasets = all;
    Ok(())
}

fn replications(dataset: &Value, count: &Value) -> Result<Vec<Value>, String> {
    let name = dataset.get("name").and_then(Value::as_str).unwrap_or_default();
    let count = match count.as_integer() {
        Some(count @ 1..=MOST_REPLICATIONS) => count,
        Some(_) | None => {
            return Err(format!(
                "dataset '{name}': replications = {count}; allowed are 1 to {MOST_REPLICATIONS}"
            ));
        }
    };
    let path = dataset.get("table").and_then(|table| table.get("path")).and_then(Value::as_str);
    let place = [("name", Some(name)), ("table.path", path)];
    if let Some((key, found)) =
        place.into_iter().find(|(_, text)| !text.is_some_and(|text| text.contains("{}")))
    {
        let found = found.map_or("none".to_string(), |found| format!("'{found}'"));
        return Err(format!(
            "dataset '{name}': replications need '{{}}' in '{key}', where the number stands; found {found}"
        ));
    }
    let numbered = |number: i64| {
        let mut dataset = dataset.clone();
        let fill = |text: &mut Value| {
            if let Value::String(text) = text {
                *text = text.replace("{}", &number.to_string());
            }
        };
        if let Some(name) = dataset.get_mut("name") {
            fill(name);
        }
        if let Some(path) = dataset.get_mut("table").and_then(|table| table.get_mut("path")) {
            fill(path);
        }
        dataset
    };
    Ok((1..=count).map(numbered).collect())
}

/// Every `[[method]]` and `[[grid]]` starts from the experiment's own `[model]` and `[training]`.
fn inherit(table: &mut Table) {
    let shared: Vec<(&str, Table)> = ["model", "training"]
        .into_iter()
        .filter_map(|key| Some((key, table.get(key)?.as_table()?.clone())))
        .collect();
    for place in ["method", "grid"] {
        let entries = match table.get_mut(place) {
            Some(Value::Array(entries)) => entries.iter_mut().collect(),
            Some(entry) => vec![entry],
            None => Vec::new(),
        };
        for entry in entries.into_iter().filter_map(Value::as_table_mut) {
            inherit_into(entry, &shared);
        }
    }
}

fn inherit_into(entry: &mut Table, shared: &[(&str, Table)]) {
    for (key, base) in shared {
        let mut merged = base.clone();
        if let Some(own) = entry.get(*key).and_then(Value::as_table) {
            overlay(&mut merged, own);
        }
        entry.insert((*key).to_string(), Value::Table(merged));
    }
}

/// Applies `training.epochs=3`. Numbers index lists: `dataset.0.b2b-mimic.rho=0.8`.
fn assign(table: &mut Table, assignment: &str) -> Result<(), ExperimentError> {
    let refuse = |why: &str| ExperimentError::plain(format!("--set {assignment}: {why}"));
    let (path, value) = assignment.split_once('=').ok_or_else(|| refuse("write it as key=value"))?;
    if path.split('.').next() == Some("profile") {
        return Err(refuse("a profile is applied before --set; set the key that it overrides"));
    }
    let value = toml::from_str::<Table>(&format!("value = {value}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(value.to_string()));
    let mut place = Value::Table(std::mem::take(table));
    let set = put(&mut place, &path.split('.').collect::<Vec<_>>(), value);
    *table = match place {
        Value::Table(table) => table,
        _ => Table::new(),
    };
    set.map_err(|why| refuse(&why))?;
    typed(table.clone()).map(|_| ()).map_err(|error| refuse(&suggest(error.message())))
}

fn put(place: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else {
        *place = value;
        return Ok(());
    };
    match place {
        Value::Table(table) => {
            let next = table.entry((*key).to_string()).or_insert_with(|| Value::Table(Table::new()));
            put(next, rest, value)
        }
        Value::Array(items) => {
            let length = items.len();
            match key.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                Some(item) => put(item, rest, value),
                None => Err(format!("'{key}' is no position in a list of {length}, counted from 0")),
            }
        }
        _ => Err(format!("nothing can be set below a plain value at '{key}'")),
    }
}

fn typed(table: Table) -> Result<Wire, toml::de::Error> {
    Value::Table(table).try_into()
}
