//! From a file to an experiment: expand the grid, fill in, check.

use super::claim::{self, Known};
use super::claim_wire::ClaimWire;
use super::error::ExperimentError;
use super::names::{missing, unique};
use super::wire::{self, EvaluationWire, FreshWire, SeedsWire, SegmentWire, Wire};
use super::{Decision, Experiment, MoreSeeds, NamedData, NamedMethod, Segmentation, Tuning, methods};
use anyhow::Context;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use valor_base::error::did_you_mean;
use valor_base::input_error;
use valor_base::question::Question;
use valor_data::segments::check_cuts;
use valor_learn::learner::catalog;
use valor_learn::learner::tuned::Criterion;
use valor_stats::metrics;

/// First of the default seeds: the paper's code runs 42 to 46.
const FIRST_SEED: u64 = 42;
const DEFAULT_SEEDS: u64 = 5;

/// Reads an experiment with a profile and `--set` assignments applied. Data files are found from the
/// experiment file's folder, and their content enters the identity of every run.
pub fn load(path: &Path, profile: Option<&str>, sets: &[String]) -> anyhow::Result<Experiment> {
    let mut experiment = declared(path, profile, sets)?;
    let root = root(path);
    for dataset in &mut experiment.datasets {
        dataset.spec.resolve(&root).with_context(|| path.display().to_string())?;
    }
    Ok(experiment)
}

/// The same without looking at data files: of one whose content is not given, the ids of runs are not known.
pub fn declared(path: &Path, profile: Option<&str>, sets: &[String]) -> anyhow::Result<Experiment> {
    let text = read(path)?;
    let wire = wire::parse(&text, profile, sets).map_err(|error| error.in_file(path))?;
    resolve(path, profile, wire).map_err(|error| ExperimentError::plain(format!("{error:#}")).in_file(path))
}

/// The folder that paths in an experiment file start from.
pub fn root(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_path_buf()
}

fn read(path: &Path) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).map_err(|error| {
        let hint = if error.kind() == ErrorKind::NotFound { neighbour(path) } else { String::new() };
        input_error!("{}: {error}{hint}", path.display())
    })?;
    String::from_utf8(bytes).map_err(|_| input_error!("{}: not UTF-8 text", path.display()))
}

/// The experiment of the same folder whose name is closest.
fn neighbour(path: &Path) -> String {
    let files = std::fs::read_dir(root(path)).into_iter().flatten().flatten().map(|entry| entry.path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "toml"));
    let name = |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let names: Vec<String> = files.map(|file| name(&file)).collect();
    did_you_mean(&name(path), names.iter().map(String::as_str))
}

fn resolve(path: &Path, profile: Option<&str>, wire: Wire) -> anyhow::Result<Experiment> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_string();
    // Not files of reports/ or of a folder above, and nothing that prints as something else.
    let taken = ["", ".", "..", "templates", "paper", "published", "fonts", "index.html"];
    if taken.contains(&name.as_str()) || name.chars().any(char::is_control) {
        let name = name.escape_debug();
        return Err(input_error!("an experiment cannot be called '{name}'; give the file another name"));
    }
    let declared: Vec<String> = wire.dataset.iter().map(|dataset| dataset.name.clone()).collect();
    let methods = methods::compose(&wire)?;
    let asked = methods.first().map_or(Question::Uplift, |method| method.spec.question());
    let usual = || metrics::usual(asked).table.iter().map(ToString::to_string).collect();
    let metrics: Vec<String> = wire.metrics.clone().unwrap_or_else(usual);
    let mut experiment = Experiment {
        name,
        path: path.to_path_buf(),
        profile: profile.unwrap_or("full").to_string(),
        caption: wire.caption.clone(),
        question: wire.question.clone().unwrap_or_default().trim().to_string(),
        datasets: datasets(&wire)?,
        baseline: baseline(&wire, &methods)?,
        methods,
        split: wire.split.resolve(fresh(&wire)),
        prediction_interval: prediction_interval(&wire)?,
        seeds: seeds(wire.seeds.clone())?,
        more: MoreSeeds::default(),
        interval: wire.interval.unwrap_or_default(),
        segments: segments(&wire)?,
        reference: wire.reference.as_ref().map(|reference| reference.column.clone()),
        decision: Decision::silent(&metrics),
        metrics,
        tuning: None,
        claims: Vec::new(),
        paper: wire.paper,
        beside: beside(&wire, profile)?,
    };
    check(&experiment)?;
    experiment.claims = claims(&wire, &experiment, &declared)?;
    let usual = Decision::usual(&experiment, !wire.grid.is_empty());
    experiment.decision = match &wire.decision {
        Some(wire) => Decision::new(wire, &experiment, usual)?,
        None => usual,
    };
    if let Some(wire) = &wire.tuning {
        let tuning = Tuning::new(wire, &experiment)?;
        tuning.apply(&mut experiment)?;
        experiment.tuning = Some(tuning);
    }
    check_questions(&experiment)?;
    Ok(experiment)
}

/// The profile that is shown beside this one; beside itself nothing is.
fn beside(wire: &Wire, profile: Option<&str>) -> anyhow::Result<Option<String>> {
    let Some(name) = &wire.beside else { return Ok(None) };
    let mut known: Vec<&str> = wire.profile.keys().map(String::as_str).collect();
    if !known.contains(&"full") {
        known.push("full");
    }
    if !known.contains(&name.as_str()) {
        return Err(missing("beside", name, &known));
    }
    Ok(Some(name.clone()).filter(|name| name != profile.unwrap_or("full")))
}

/// Resolved to methods; `declared` are the datasets of the file, whether or not the profile uses them.
fn claims(wire: &Wire, experiment: &Experiment, declared: &[String]) -> anyhow::Result<Vec<super::Claim>> {
    let wires: Vec<_> = wire.claim.iter().map(ClaimWire::by_metric).collect::<anyhow::Result<_>>()?;
    let wires = wires.concat();
    unique("claim", wires.iter().map(|claim| claim.id.clone()))?;
    // What holds when others hold is no such other.
    let plain = wires.iter().filter(|claim| claim.all_of.is_none());
    let plain: Vec<&str> = plain.map(|claim| claim.id.as_str()).collect();
    let datasets: Vec<&str> = declared.iter().map(String::as_str).collect();
    let known = Known { datasets: &datasets, methods: &experiment.methods, claims: &plain };
    wires.iter().map(|claim| claim::resolve(claim, &known)).collect()
}

fn datasets(wire: &Wire) -> anyhow::Result<Vec<NamedData>> {
    let names: Vec<&str> = wire.dataset.iter().map(|dataset| dataset.name.as_str()).collect();
    if let Some(unknown) = wire.datasets.iter().flatten().find(|name| !names.contains(&name.as_str())) {
        return Err(missing("datasets", unknown, &names));
    }
    let wanted = |name: &str| wire.datasets.as_ref().is_none_or(|wanted| wanted.iter().any(|w| w == name));
    let mut datasets = Vec::new();
    for dataset in wire.dataset.iter().filter(|dataset| wanted(&dataset.name)) {
        let name = dataset.name.clone();
        let mut spec = dataset.clone().source()?;
        if let Some(rows) = wire.rows {
            spec = spec.with_rows(rows);
        }
        let evaluation = dataset.evaluation.or(fresh(wire));
        let evaluation = wire.split.resolve(evaluation).test;
        let fault = spec.validate().and_then(|()| spec.check_evaluation(evaluation));
        fault.map_err(|error| input_error!("dataset '{name}': {error:#}"))?;
        datasets.push(NamedData { name, spec, evaluation });
    }
    check_share(wire)?;
    Ok(datasets)
}

/// Fresh rows that the file asks for, of datasets that ask for none of their own.
fn fresh(wire: &Wire) -> Option<FreshWire> {
    wire.evaluation.and_then(EvaluationWire::fresh)
}

/// Refuses a share to be held out where no dataset of the file is judged on one.
fn check_share(wire: &Wire) -> anyhow::Result<()> {
    let Some(share) = wire.split.test else { return Ok(()) };
    let fresh = wire.dataset.iter().map(|dataset| dataset.evaluation.or(fresh(wire)));
    match fresh.collect::<Option<Vec<FreshWire>>>().as_deref() {
        Some([FreshWire { rows }, ..]) => Err(input_error!(
            "split.test = {share} beside evaluation.rows = {rows}: all rows are learned from and models are judged on fresh ones, so \
             that nothing is held out; allowed is one of the two (each in a profile of its own, where both are wanted)"
        )),
        Some([]) | None => Ok(()),
    }
}

/// Groups of test rows, each with a name of its own and cuts that increase.
fn segments(wire: &Wire) -> anyhow::Result<Vec<Segmentation>> {
    let name = |one: &SegmentWire| one.name.clone().unwrap_or_else(|| one.column.clone());
    unique("segment", wire.segment.iter().map(name))?;
    let segmentation = |one: &SegmentWire| {
        let name = name(one);
        check_cuts(&one.cuts).map_err(|error| input_error!("segment '{name}': cuts: {error}"))?;
        Ok(Segmentation { name, column: one.column.clone(), cuts: one.cuts.clone() })
    };
    wire.segment.iter().map(segmentation).collect()
}

/// The level of the intervals that methods are asked for.
fn prediction_interval(wire: &Wire) -> anyhow::Result<Option<f64>> {
    let Some(evaluation) = wire.evaluation else { return Ok(None) };
    let Some(level) = evaluation.interval else {
        return match evaluation.rows {
            Some(_) => Ok(None),
            None => Err(input_error!(
                "evaluation: found neither 'rows' nor 'interval'; allowed is one of them or both"
            )),
        };
    };
    match level > 0.0 && level < 1.0 {
        true => Ok(Some(level)),
        false => Err(input_error!("evaluation.interval: found {level}; allowed are levels inside (0, 1)")),
    }
}

fn seeds(wire: Option<SeedsWire>) -> anyhow::Result<Vec<u64>> {
    let seeds = match wire.unwrap_or(SeedsWire::Count(DEFAULT_SEEDS)) {
        SeedsWire::Count(count @ 1..=1000) => (FIRST_SEED..FIRST_SEED + count).collect(),
        SeedsWire::Count(count) => return Err(input_error!("seeds: found {count}; allowed are 1 to 1000")),
        SeedsWire::List(list) => list,
    };
    if seeds.is_empty() {
        return Err(input_error!("seeds: the list is empty; name at least one"));
    }
    unique("seeds", seeds.iter().map(ToString::to_string))?;
    Ok(seeds)
}

fn baseline(wire: &Wire, methods: &[NamedMethod]) -> anyhow::Result<String> {
    match (&wire.baseline, methods.first()) {
        (Some(name), _) => Ok(name.clone()),
        (None, Some(first)) => Ok(first.name.clone()),
        (None, None) => Err(input_error!("no methods: give [grid], not all of it excluded, or [[method]]")),
    }
}

fn check(experiment: &Experiment) -> anyhow::Result<()> {
    if experiment.datasets.is_empty() {
        return Err(input_error!("no datasets: give at least one [[dataset]]"));
    }
    experiment.datasets.iter().try_for_each(|dataset| experiment.split_of(dataset).validate())?;
    unique("method", experiment.methods.iter().map(|method| method.name.clone()))?;
    unique("dataset", experiment.datasets.iter().map(|dataset| dataset.name.clone()))?;
    unique("metrics", experiment.metrics.iter().cloned())?;
    if experiment.metrics.is_empty() {
        return Err(input_error!("metrics: the list is empty; name at least one"));
    }
    experiment.metrics.iter().try_for_each(|name| metrics::find(name).map(|_| ()))?;
    let methods: Vec<&str> = experiment.methods.iter().map(|method| method.name.as_str()).collect();
    if !methods.contains(&experiment.baseline.as_str()) {
        return Err(missing("baseline", &experiment.baseline, &methods));
    }
    Ok(())
}

/// Methods, rows and metrics of an experiment are of one question.
fn check_questions(experiment: &Experiment) -> anyhow::Result<()> {
    let question = experiment.asks();
    if let Some(method) = experiment.methods.iter().find(|method| method.spec.question() != question) {
        return Err(input_error!(
            "method '{}' learns from {}, '{}' from {}: allowed is one kind in an experiment",
            method.name,
            method.spec.question().rows(),
            experiment.methods[0].name,
            question.rows()
        ));
    }
    if let Some(dataset) = experiment.datasets.iter().find(|dataset| dataset.spec.question() != question) {
        return Err(input_error!(
            "dataset '{}' has {}; the methods learn from {}: allowed backbones for it are {}",
            dataset.name,
            dataset.spec.question().rows(),
            question.rows(),
            catalog::keys(dataset.spec.question()).join(", ")
        ));
    }
    if let Some(level) = experiment.prediction_interval
        && !experiment.methods.iter().any(|method| method.spec.has_intervals())
    {
        return Err(input_error!(
            "evaluation.interval = {level}: no method of this file gives intervals; allowed with one for rows without a treatment that \
             has a head of buckets, or a ziln head and training.members = 1"
        ));
    }
    let claimed = experiment.claims.iter().flat_map(super::Claim::metrics).map(|metric| ("claim", metric));
    let decided = experiment.decision.metrics.iter().map(|metric| ("decision.metrics", metric));
    let tuned = experiment.tuning.iter().filter_map(|tuning| match &tuning.metric {
        Criterion::Metric(metric) => Some(("tuning.metric", metric)),
        Criterion::Loss => None,
    });
    let shown = experiment.metrics.iter().map(|metric| ("metrics", metric));
    for (key, metric) in shown.chain(decided).chain(claimed).chain(tuned) {
        metrics::find_for(question, metric).map_err(|error| input_error!("{key}: {error}"))?;
    }
    Ok(())
}

/// The profiles that a file defines, and `full`.
pub fn profiles(path: &Path) -> anyhow::Result<Vec<String>> {
    let wire = wire::parse(&read(path)?, None, &[]).map_err(|error| error.in_file(path))?;
    let mut names: BTreeSet<String> = wire.profile.into_keys().collect();
    names.insert("full".to_string());
    Ok(names.into_iter().collect())
}
