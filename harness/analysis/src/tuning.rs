//! What was searched, and what each seed of each method kept.

use crate::evidence::{CellEvidence, Evidence, Outcome};
use serde::Serialize;
use std::collections::BTreeMap;
use valor_learn::learner::MethodSpec;
use valor_learn::learner::tuned::{self, Key};
use valor_runs::record::{Record, Status};
use valor_runs::spec::{Range, Tuning};
use valor_stats::metrics::Direction;

/// The search that every method went through.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TuningView {
    /// Candidates per method; the first is the method as it stands.
    pub trials: usize,
    /// What decided, on the validation rows: a metric, or `loss`.
    pub metric: String,
    /// The seed that decided for all; absent where each decided for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Which values of it are better.
    pub direction: Direction,
    /// What was searched.
    pub ranges: Vec<RangeView>,
    /// What was kept, by dataset and method.
    pub cells: Vec<TunedView>,
    /// Methods that have nothing to search, as the experiment names them; those without a cell of their own above.
    #[serde(skip)]
    pub untuned: Vec<String>,
}

/// A range of the search.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RangeView {
    /// What it is a range of.
    pub key: String,
    /// Defined<Interval> and scale, or values.
    #[serde(flatten)]
    pub range: Range,
}

/// What the finished seeds of one method kept on one dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TunedView {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// Method, as the experiment names it.
    pub method: String,
    /// Candidates that differ: one where no range applies to the method.
    pub candidates: usize,
    /// Finished seeds.
    pub seeds: usize,
    /// Of those, the ones that kept the method as it stands.
    pub default_kept: usize,
    /// Kept values by key, of the keys that apply.
    pub values: BTreeMap<String, KeptView>,
    /// By seed, of the finished ones.
    pub per_seed: BTreeMap<u64, ChoiceView>,
}

/// Kept values over the finished seeds; absent without any.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct KeptView {
    /// The method as it stands.
    pub default: f64,
    /// Median.
    pub median: Option<f64>,
    /// Smallest.
    pub low: Option<f64>,
    /// Largest.
    pub high: Option<f64>,
}

/// What one seed kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChoiceView {
    /// Number of the candidate; 0 is the method as it stands.
    pub candidate: usize,
    /// What decided, on the validation rows; absent where it is undefined.
    pub validation: Option<f64>,
    /// Its values by key.
    pub values: BTreeMap<String, f64>,
}

impl TuningView {
    /// Of an experiment; nothing where methods stand as they are.
    pub fn new(evidence: &Evidence) -> Option<Self> {
        let asked = evidence.experiment.tuning.as_ref()?;
        let range = |(key, range): (&Key, &Range)| RangeView { key: key.to_string(), range: range.clone() };
        Some(Self {
            trials: asked.trials,
            metric: asked.metric.to_string(),
            seed: asked.seed,
            direction: asked.metric.direction(),
            ranges: asked.ranges.iter().map(range).collect(),
            cells: evidence.cells.iter().filter_map(|cell| tuned(evidence, cell, asked)).collect(),
            untuned: untuned(evidence),
        })
    }
}

fn untuned(evidence: &Evidence) -> Vec<String> {
    let methods = evidence.experiment.methods.iter();
    let methods = methods.filter(|method| match &method.spec {
        MethodSpec::Tuned(_) => false,
        MethodSpec::Neural(_) | MethodSpec::Trees(_) | MethodSpec::Purchases(_) => true,
    });
    methods.map(|method| method.name.clone()).collect()
}

fn tuned(evidence: &Evidence, cell: &CellEvidence, asked: &Tuning) -> Option<TunedView> {
    let method = &evidence.experiment.methods[cell.method];
    let spec = match &method.spec {
        MethodSpec::Tuned(spec) => spec,
        MethodSpec::Neural(_) | MethodSpec::Trees(_) | MethodSpec::Purchases(_) => return None,
    };
    let finished = cell.runs.iter().filter_map(|run| match &run.outcome {
        Outcome::Found { record, .. } if matches!(record.status, Status::Finished { .. }) => {
            Some((run.seed, choice(record, asked)))
        }
        Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
    });
    let per_seed: BTreeMap<u64, ChoiceView> = finished.collect();
    let values = spec.searched.iter().filter_map(|key| {
        let default = key.get(spec.candidates.first()?)?;
        let name = key.to_string();
        let kept = per_seed.values().filter_map(|choice| choice.values.get(&name).copied());
        let kept = KeptView::over(default, kept.collect());
        Some((name, kept))
    });
    Some(TunedView {
        dataset: evidence.experiment.datasets[cell.dataset].name.clone(),
        method: method.name.clone(),
        candidates: spec.different().len(),
        seeds: per_seed.len(),
        default_kept: per_seed.values().filter(|choice| choice.candidate == 0).count(),
        values: values.collect(),
        per_seed,
    })
}

fn choice(record: &Record, asked: &Tuning) -> ChoiceView {
    let found = |name: &str| record.fitted.get(name).copied();
    let value = |key: &Key| Some((key.to_string(), found(&key.noted())?));
    ChoiceView {
        candidate: found(tuned::CANDIDATE).unwrap_or_default() as usize,
        validation: found(&tuned::validation(&asked.metric)),
        values: asked.ranges.keys().filter_map(value).collect(),
    }
}

/// Of sorted values; the mean of the two in the middle of an even number.
fn median(sorted: &[f64]) -> Option<f64> {
    let (below, above) = (sorted.get(sorted.len().saturating_sub(1) / 2)?, sorted.get(sorted.len() / 2)?);
    Some((below + above) / 2.0)
}

impl KeptView {
    fn over(default: f64, mut kept: Vec<f64>) -> Self {
        kept.sort_by(f64::total_cmp);
        Self { default, median: median(&kept), low: kept.first().copied(), high: kept.last().copied() }
    }
}
