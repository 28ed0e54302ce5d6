//! Two runs, or two cells, side by side: only what differs.

use super::cell::{CellView, SeedCounts};
use super::estimate::{LEVEL, mean};
use super::linear_contrast::{LinearContrast, Orientation, ResampledCell, common_seeds, pooled};
use super::resample::{EstimationPlan, Resamples, Visits};
use super::runs::{FinishedRun, FinishedRuns};
use super::totals::DatasetTotals;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use valor_base::question::Question;
use valor_runs::record::{EvaluationRows, Measured, Predictions, Record, Status};
use valor_stats::metrics::{self, Direction, Metric, RankedRows};
use valor_stats::stats::{Interval, Looks, SeedInterval, Verdict};

/// What the common rows are called in a warning.
const BOTH: &str = "both";

/// A run, or the finished and diverged runs of a cell.
pub struct ComparedRuns {
    /// As the user named it.
    pub name: String,
    /// Records with what their models said.
    pub runs: Vec<(Record, Option<Predictions>)>,
}

/// What differs between two sides; what is the same is left out.
#[derive(Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The first.
    pub a: String,
    /// The second.
    pub b: String,
    /// Which of them is better; nothing where no metric that says so differs.
    pub answer: Option<ComparedAnswer>,
    /// Keys of the spec; the seed only between single runs.
    pub spec: Vec<Difference>,
    /// Rows and notes on them.
    pub data: Vec<Difference>,
    /// Programs, libraries, devices.
    pub versions: Vec<Difference>,
    /// How training ended.
    pub training: Vec<Difference>,
    /// Pairs of runs: of the same seed, or the two single runs.
    pub pairs: usize,
    /// Metrics of which a or b has another value or none.
    pub metrics: Vec<MetricDifference>,
}

/// Which side is better.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedAnswer {
    /// In this metric: the first of `DECIDING` that both sides have and that decides.
    pub metric: String,
    /// Whether the second side is better or worse than the first, by the p of one comparison.
    pub verdict: Verdict,
}

/// What decides between two sides: against the truth where it is known.
const DECIDING: [&str; 7] = ["auuc.true", "auuc.area.true", "auuc", "auuc.area", "gini.true", "gini", "pehe"];

/// The answer of differing metrics; nothing where none of those that decide is among them.
fn answer(found: &[MetricDifference]) -> Option<ComparedAnswer> {
    let deciding = DECIDING.iter().filter_map(|name| found.iter().find(|line| line.metric == *name));
    let line = deciding.into_iter().find(|line| line.difference.is_some() && line.reason.is_none())?;
    let direction = metrics::find(&line.metric).map_or(Direction::Neither, |metric| metric.direction);
    let gain = direction.merit(line.b?) - direction.merit(line.a?);
    let verdict = match line.p {
        Some(p) if p < 1.0 - LEVEL && gain > 0.0 => Verdict::Better,
        Some(p) if p < 1.0 - LEVEL => Verdict::Worse,
        Some(_) | None => Verdict::Inconclusive,
    };
    Some(ComparedAnswer { metric: line.metric.clone(), verdict })
}

/// A key with two values.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Path of the key.
    pub key: String,
    /// Its value on the first side; empty where it has none.
    pub a: String,
    /// On the second.
    pub b: String,
}

/// A metric on both sides.
#[derive(Debug, PartialEq, Serialize)]
pub struct MetricDifference {
    /// Its name.
    pub metric: String,
    /// Mean over the paired runs.
    pub a: Option<f64>,
    /// Of the second side.
    pub b: Option<f64>,
    /// b minus a.
    pub difference: Option<f64>,
    /// 95 % interval over paired seeds.
    pub ci: Option<Interval>,
    /// 95 % interval over test rows, where both were judged on the same.
    pub ci_rows: Option<Interval>,
    /// 95 % interval over both.
    pub ci_both: Option<Interval>,
    /// Two-sided p-value of no difference, from seeds and test rows together, from seeds where rows have none. As a report
    /// has it before Holm: what family the comparison belongs to is the experiment's to declare.
    pub p: Option<f64>,
    /// Why the difference decides nothing: a share of a total that is hardly there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Compared {
    /// Compares two sides; `rows` are the test rows of both, where they are the same.
    pub fn new(a: &ComparedRuns, b: &ComparedRuns, rows: Option<&EvaluationRows>) -> Self {
        let single = a.runs.len() == 1 && b.runs.len() == 1;
        let runs = [finished(a, rows, single), finished(b, rows, single)];
        let plan = plan([&runs[0], &runs[1]], rows);
        let [(cell_a, resamples_a), (cell_b, resamples_b)] =
            [cell(a, &runs[0], &plan), cell(b, &runs[1], &plan)];
        let cells = [
            &ResampledCell { cell: &cell_a, resamples: &resamples_a },
            &ResampledCell { cell: &cell_b, resamples: &resamples_b },
        ];
        let totals = rows.map(|rows| DatasetTotals::of(BOTH, std::iter::once(rows)));
        let metrics = metric_differences(cells, totals.as_ref());
        Self {
            answer: answer(&metrics),
            a: a.name.clone(),
            b: b.name.clone(),
            spec: differences(&spec(a, single), &spec(b, single)),
            data: differences(&data(a), &data(b)),
            versions: differences(&versions(a), &versions(b)),
            training: differences(&training(a), &training(b)),
            pairs: pairs(&runs[0], &runs[1]),
            metrics,
        }
    }

    /// Whether there is anything to show.
    pub fn is_empty(&self) -> bool {
        let parts = [&self.spec, &self.data, &self.versions, &self.training];
        parts.iter().all(|part| part.is_empty()) && self.metrics.is_empty()
    }
}

/// The id of the test rows if every run on both sides was judged on them.
pub fn common_rows<'a>(a: &'a ComparedRuns, b: &ComparedRuns) -> Option<&'a str> {
    let first = a.runs.first().map(|(record, _)| record.evaluation.as_str())?;
    let same = a.runs.iter().chain(&b.runs).all(|(record, _)| record.evaluation == first);
    same.then_some(first)
}

/// Distinct values by key.
type Facts = BTreeMap<String, BTreeSet<String>>;

fn differences(a: &Facts, b: &Facts) -> Vec<Difference> {
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let text = |facts: &Facts, key: &String| {
        facts.get(key).map(|values| values.iter().cloned().collect::<Vec<_>>().join(", ")).unwrap_or_default()
    };
    let differing = keys.into_iter().filter(|key| a.get(*key) != b.get(*key));
    differing.map(|key| Difference { key: key.clone(), a: text(a, key), b: text(b, key) }).collect()
}

fn spec(side: &ComparedRuns, seed: bool) -> Facts {
    let mut facts = Facts::new();
    for (record, _) in &side.runs {
        let value = serde_json::to_value(&record.spec).unwrap_or_default();
        flatten("", &value, &mut |key, text| {
            if seed || key != "seed" {
                facts.entry(key.to_string()).or_default().insert(text);
            }
        });
    }
    facts
}

/// Every leaf with its path.
fn flatten(path: &str, value: &Value, visit: &mut impl FnMut(&str, String)) {
    let below = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| flatten(&below(key), value, visit)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(at, item)| flatten(&below(&at.to_string()), item, visit));
        }
        Value::String(text) => visit(path, text.clone()),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => visit(path, value.to_string()),
    }
}

fn gather<'a>(side: &'a ComparedRuns, facts: impl Fn(&'a Record) -> Vec<(&'static str, String)>) -> Facts {
    let mut found = Facts::new();
    for (record, _) in &side.runs {
        for (key, text) in facts(record) {
            found.entry(key.to_string()).or_default().insert(text);
        }
    }
    found
}

fn data(side: &ComparedRuns) -> Facts {
    gather(side, |record| {
        vec![
            ("test rows (id)", record.evaluation.clone()),
            ("training rows", record.rows.train.to_string()),
            ("validation rows", record.rows.validation.to_string()),
            ("test rows", record.rows.test.to_string()),
            ("notes", record.notes.join(" ")),
        ]
    })
}

fn versions(side: &ComparedRuns) -> Facts {
    gather(side, |Record { version, measured, .. }| {
        let Measured { valor, libtorch, commit, dirty, device, host, processor, threads, .. } = measured;
        let commit = if *dirty { format!("{commit} (with changes)") } else { commit.clone() };
        let [valor, libtorch, device, host, processor] =
            [valor, libtorch, device, host, processor].map(String::clone);
        let (record, threads) = (version.to_string(), threads.to_string());
        let keys = ["record", "valor", "libtorch", "commit", "device", "host", "processor", "threads"];
        keys.into_iter().zip([record, valor, libtorch, commit, device, host, processor, threads]).collect()
    })
}

fn training(side: &ComparedRuns) -> Facts {
    gather(side, |record| match &record.status {
        Status::Finished { epochs, kept_epoch } => {
            vec![
                ("status", "finished".to_string()),
                ("epochs", epochs.to_string()),
                ("kept epoch", kept_epoch.to_string()),
            ]
        }
        Status::Diverged(fall) => vec![("status", format!("diverged: {}", fall.message))],
    })
}

/// How many runs are paired: of the same seed, or the two single ones.
fn pairs(a: &FinishedRuns, b: &FinishedRuns) -> usize {
    let keys: BTreeSet<u64> = a.keys().collect();
    b.keys().filter(|key| keys.contains(key)).count()
}

/// The finished runs of a side. Single runs are compared whatever their seeds.
fn finished<'a>(side: &'a ComparedRuns, rows: Option<&'a EvaluationRows>, single: bool) -> FinishedRuns<'a> {
    let run = |(record, predictions): &'a (Record, Option<Predictions>)| {
        let seed = if single { 0 } else { record.spec.seed };
        let is_finished = matches!(record.status, Status::Finished { .. });
        is_finished.then_some(FinishedRun { seed, record, predictions: predictions.as_ref(), rows })
    };
    let runs: Vec<FinishedRun> = side.runs.iter().filter_map(run).collect();
    let (found, asked) = (runs.len(), side.runs.len());
    let diverged = asked - found;
    FinishedRuns::new(runs, SeedCounts { found, failed: diverged, diverged, asked })
}

/// All metrics, each resampled if it can be.
fn plan(sides: [&FinishedRuns; 2], rows: Option<&EvaluationRows>) -> EstimationPlan {
    let names: Vec<String> = metrics::registry().iter().map(|metric| metric.name.to_string()).collect();
    let count = rows.map_or(0, |rows| rows.outcome.len() as u64);
    let models: usize = sides.iter().map(|side| side.models.len()).sum();
    let first = sides.iter().find_map(|side| side.models.first());
    let asks = first.map_or(Question::Uplift, RankedRows::question);
    let visits = Visits { asks, all: count * models as u64, most: count };
    EstimationPlan::new(names.clone(), names, SeedInterval::default(), visits)
}

/// A side as the cell of a report.
fn cell(side: &ComparedRuns, runs: &FinishedRuns, plan: &EstimationPlan) -> (CellView, Resamples) {
    let resamples = runs.resamples(plan);
    let cell = CellView {
        dataset: BOTH.to_string(),
        method: side.name.clone(),
        backbone: String::new(),
        components: Vec::new(),
        seeds: runs.seeds,
        metrics: runs.estimates(plan, &resamples),
        measured: BTreeMap::new(),
        importance: None,
        times: None,
    };
    (cell, resamples)
}

/// The comparison of a report, of metrics that differ.
fn metric_differences([a, b]: [&ResampledCell; 2], totals: Option<&DatasetTotals>) -> Vec<MetricDifference> {
    let difference = |metric: &'static Metric| {
        let common = common_seeds(&[a.cell, b.cell], metric.name);
        let mean_of = |one: &ResampledCell| {
            let values = &one.cell.metrics.get(metric.name)?.per_seed;
            match &common {
                Ok(seeds) => mean(seeds.iter().map(|seed| values[seed])),
                Err(_) => mean(values.values().copied()),
            }
        };
        let terms = [(1.0, b), (-1.0, a)];
        let found = pooled(&[LinearContrast::of(&terms, metric.name, Orientation::Metric)], Looks::Once);
        let warning = totals.and_then(|totals| totals.warning(metric.name));
        let p = found.tested.ok().and_then(|tested| tested.whole.p_value(0.0).ok());
        MetricDifference {
            metric: metric.name.to_string(),
            a: mean_of(a),
            b: mean_of(b),
            difference: found.mean.ok(),
            ci: found.ci.ok(),
            ci_rows: found.ci_rows.ok(),
            ci_both: found.ci_both.ok(),
            p: p.filter(|_| warning.is_none()),
            reason: warning,
        }
    };
    metrics::registry().iter().map(difference).filter(|found| found.a != found.b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;
    use crate::evidence::Outcome;
    use crate::sample::{Sample, diverge};

    fn side(evidence: &Evidence, cell: usize) -> ComparedRuns {
        let run = |outcome: &Outcome| match outcome {
            Outcome::Found { record, predictions } => Some((record.as_ref().clone(), predictions.clone())),
            Outcome::Failed(_) | Outcome::Missing => None,
        };
        let runs = evidence.cells[cell].runs.iter().filter_map(|run_| run(&run_.outcome));
        ComparedRuns { name: format!("cell {cell}"), runs: runs.collect() }
    }

    fn compared(a: &ComparedRuns, b: &ComparedRuns, evidence: &Evidence) -> Compared {
        let rows = common_rows(a, b).map(|id| &evidence.evaluations[id]);
        Compared::new(a, b, rows)
    }

    #[test]
    fn the_same_cell_differs_in_nothing() {
        let evidence = Sample::default().evidence();
        let found = compared(&side(&evidence, 0), &side(&evidence, 0), &evidence);
        assert!(found.is_empty() && found.pairs == 3, "{found:?}");
    }

    #[test]
    fn cells_are_paired_by_seed_and_by_row() {
        let mut evidence = Sample::default().evidence();
        diverge(&mut evidence.cells[0].runs[1]);
        let (a, mut b) = (side(&evidence, 0), side(&evidence, 2));
        for (record, _) in &mut b.runs {
            record.spec.split.test = valor_data::Evaluation::Share(0.25);
            record.measured.host = "elsewhere".to_string();
        }
        let found = compared(&a, &b, &evidence);
        assert_eq!((found.pairs, found.spec.len()), (2, 1));
        assert_eq!((found.spec[0].key.as_str(), found.spec[0].b.as_str()), ("split.test", "0.25"));
        assert_eq!(
            found.versions,
            [Difference { key: "host".into(), a: "host".into(), b: "elsewhere".into() }]
        );
        assert!(found.training.iter().any(|line| line.a.contains("diverged")), "{:?}", found.training);
        let auuc = found.metrics.iter().find(|line| line.metric == "auuc").unwrap();
        let value = |side: &ComparedRuns, run: usize| side.runs[run].0.metrics["auuc"].value.unwrap();
        let expected = (value(&b, 0) - value(&a, 0) + value(&b, 2) - value(&a, 2)) / 2.0;
        assert!((auuc.difference.unwrap() - expected).abs() < 1e-12);
        assert_eq!(
            (auuc.ci.as_ref().unwrap().n, auuc.ci_rows.is_none()),
            (2, true),
            "one finished a seed more"
        );
    }

    #[test]
    fn a_comparison_has_the_interval_and_the_p_that_the_report_has_before_holm() {
        let evidence = Sample::default().evidence();
        let found = compared(&side(&evidence, 0), &side(&evidence, 1), &evidence);
        let report = crate::Analysis::new(&evidence).unwrap();
        for line in found
            .metrics
            .iter()
            .filter(|line| ["auuc", "qini", "lift@30", "pehe"].contains(&line.metric.as_str()))
        {
            let same = report
                .contrasts
                .iter()
                .find(|one| one.metric == line.metric && one.method == "TARNet +ziln")
                .unwrap();
            let (here, there) = (line.ci_both.as_ref().unwrap(), same.ci_both.as_ref().unwrap());
            let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
            assert!(near(here.low, there.low) && near(here.high, there.high), "{here:?} {there:?}");
            assert!(near(line.p.unwrap(), same.decided.as_ref().unwrap().p.unwrap()), "{}", line.metric);
        }
    }

    #[test]
    fn the_answer_comes_from_the_first_metric_that_decides() {
        let evidence = Sample::default().evidence();
        let found = compared(&side(&evidence, 0), &side(&evidence, 2), &evidence);
        let answer = found.answer.unwrap();
        let line = found.metrics.iter().find(|line| line.metric == "auuc.true").unwrap();
        assert_eq!((answer.metric.as_str(), line.p.is_some()), ("auuc.true", true));
        let expected = match line.p.unwrap() < 0.05 {
            true if line.difference.unwrap() < 0.0 => Verdict::Worse,
            true => Verdict::Better,
            false => Verdict::Inconclusive,
        };
        assert_eq!(answer.verdict, expected, "{line:?}");
        assert_eq!(compared(&side(&evidence, 0), &side(&evidence, 0), &evidence).answer, None);
        let blind = Sample { truth: false, ..Default::default() }.evidence();
        let found = compared(&side(&blind, 0), &side(&blind, 2), &blind);
        assert_eq!(found.answer.unwrap().metric, "auuc");
    }

    #[test]
    fn single_runs_are_compared_whatever_their_seeds() {
        let evidence = Sample { split_per_seed: true, ..Default::default() }.evidence();
        let one = |run: usize| {
            let ComparedRuns { name, mut runs } = side(&evidence, 0);
            ComparedRuns { name, runs: vec![runs.swap_remove(run)] }
        };
        let found = compared(&one(0), &one(1), &evidence);
        assert_eq!((found.pairs, found.spec[0].key.as_str(), found.data.len()), (1, "seed", 1));
        assert!(found.metrics.iter().all(|line| line.ci.is_none() && line.ci_rows.is_none()));
    }
}
