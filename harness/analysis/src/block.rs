//! One dataset: its methods, its references, its curves and what a reader should know of its rows.

use super::cell::{CellStatus, CellView, ReferenceView};
use super::cell_analysis::CellAnalysis;
use super::curve::{Curves, Deciles, Losses};
use super::estimate::mean;
use super::evidence::{Evidence, Outcome};
use super::learning::Learning;
use super::metric::MetricView;
use super::references::{References, references};
use super::resample::EstimationPlan;
use super::shown::{CurveKind, Judgement, ORACLE, curve_kinds};
use super::totals::DatasetTotals;
use valor_base::question::Question;
use valor_data::Treatment;
use valor_runs::record::{EvaluationRows, RowCounts};
use valor_stats::metrics::Direction;
use valor_stats::stats::AverageEffect;

/// One dataset.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// What a reader should know about the rows.
    pub notes: Vec<String>,
    /// Sizes of the parts, from the first record.
    pub rows: Option<RowCounts>,
    /// The test rows.
    pub test: Option<TestRows>,
    /// Whether there is a total to take shares of.
    pub totals: DatasetTotals,
    /// Methods.
    pub cells: Vec<CellView>,
    /// References.
    pub references: Vec<ReferenceView>,
    /// Curves of all methods and references, one entry per kind.
    pub curves: Vec<Curves>,
    /// Uplift or value by decile.
    pub deciles: Vec<Deciles>,
    /// Loss curves.
    pub losses: Vec<Losses>,
    /// What networks' rankings are worth after every epoch.
    pub learning: Vec<Learning>,
}

impl Block {
    /// Methods whose seeds all finished, with their mean of a metric, in the order of the table.
    fn complete<'a, 'm>(
        &'a self,
        metric: &'m MetricView,
    ) -> impl Iterator<Item = (&'a CellView, f64)> + use<'a, 'm> {
        let complete = self.cells.iter().filter(|cell| cell.seeds.status() == CellStatus::Complete);
        complete.filter_map(|cell| Some((cell, cell.metrics.get(&metric.name)?.value()?)))
    }

    /// The complete method with the best mean of a metric, the last of equals; nothing where no method is complete.
    pub fn leader(&self, metric: &MetricView) -> Option<(&CellView, f64)> {
        let merit = |value: f64| metric.direction.merit(value);
        self.complete(metric).max_by(|a, b| merit(a.1).total_cmp(&merit(b.1)))
    }

    /// The best mean of the complete methods, if there are two or more to choose from; none where no value is better, nor of a
    /// share of a total that is hardly there.
    pub fn best(&self, metric: &MetricView) -> Option<f64> {
        let decides = metric.direction != Direction::Neither && self.totals.warning(&metric.name).is_none();
        self.leader(metric).filter(|_| decides && self.complete(metric).count() > 1).map(|(_, mean)| mean)
    }

    /// Methods by median milliseconds of a single row and by their mean of a metric.
    pub fn costs(&self, metric: &MetricView) -> Vec<Cost> {
        let cost = |cell: &CellView| {
            let milliseconds = cell.times.as_ref()?.single_median_ms?;
            let value = cell.metrics.get(&metric.name)?.value()?;
            Some(Cost { method: cell.method.clone(), milliseconds, value, undominated: true })
        };
        let mut costs: Vec<Cost> = self.cells.iter().filter_map(cost).collect();
        let beats = |a: &Cost, b: &Cost| {
            let (merit_a, merit_b) = (metric.direction.merit(a.value), metric.direction.merit(b.value));
            let nowhere_worse = a.milliseconds <= b.milliseconds && merit_a >= merit_b;
            nowhere_worse && (a.milliseconds < b.milliseconds || merit_a > merit_b)
        };
        let undominated: Vec<bool> =
            costs.iter().map(|one| !costs.iter().any(|other| beats(other, one))).collect();
        costs.iter_mut().zip(undominated).for_each(|(cost, found)| cost.undominated = found);
        costs
    }

    /// Whether a ranking by the true effect is among its references.
    pub fn has_oracle(&self) -> bool {
        self.references.iter().any(|row| row.ranker == ORACLE)
    }
}

/// What a better ranking costs when a single row is scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// The method.
    pub method: String,
    /// Median milliseconds of a single row.
    pub milliseconds: f64,
    /// Mean of the metric.
    pub value: f64,
    /// Whether no other method is both faster and better.
    pub undominated: bool,
}

/// Facts of the test rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TestRows {
    /// How many.
    pub rows: usize,
    /// Treated ones; absent where there is no treatment.
    pub treated: Option<usize>,
    /// Share of rows with outcome zero.
    pub zeros: f64,
    /// Mean outcome of treated minus mean outcome of control rows, with its interval.
    pub observed: Option<AverageEffect>,
    /// Mean true effect, where known.
    pub true_effect: Option<f64>,
    /// Different test parts: 1 unless every seed draws its own split.
    pub splits: usize,
}

impl Block {
    /// From the analyses of its cells.
    pub fn new(evidence: &Evidence, dataset: usize, cells: Vec<CellAnalysis>, plan: &EstimationPlan) -> Self {
        let name = &evidence.experiment.datasets[dataset].name;
        let evaluations = evidence.evaluations(dataset);
        let splits: Vec<Judgement> =
            evaluations.iter().map(|(id, rows)| judgement(evidence, dataset, id, rows)).collect();
        let (references, refused) = match references(evidence, dataset, &splits, plan) {
            Ok(references) => (references, None),
            Err(error) => (References::default(), Some(format!("No reference rankings: {error:#}."))),
        };
        let refused = refused.into_iter().chain(unreferenced(evidence, dataset));
        let found = evidence.records().find(|(cell, _)| cell.dataset == dataset);
        Self {
            dataset: name.clone(),
            notes: evidence.notes.get(dataset).into_iter().flatten().cloned().chain(refused).collect(),
            rows: found.map(|(_, record)| record.rows),
            totals: evidence.totals(dataset),
            test: evaluations.values().next().map(|rows| TestRows::of(rows, evaluations.len())),
            ..drawn(evidence.experiment.asks(), cells, references)
        }
    }
}

/// Rows of the table and data of the charts.
fn drawn(question: Question, cells: Vec<CellAnalysis>, references: References) -> Block {
    let share =
        cells.iter().map(|cell| &cell.share).find(|share| !share.is_empty()).cloned().unwrap_or_default();
    let curves = |kind: &CurveKind| Curves {
        title: kind.title,
        axes: kind.axes,
        share: share.clone(),
        methods: cells.iter().filter_map(|cell| cell.curves.get(kind.title).cloned()).collect(),
        references: references.curves.get(kind.title).cloned().unwrap_or_default(),
    };
    Block {
        curves: curve_kinds(question).iter().map(curves).collect(),
        deciles: cells.iter().filter_map(|cell| cell.deciles.clone()).collect::<Vec<Deciles>>(),
        losses: cells.iter().filter_map(|cell| cell.losses.clone()).collect::<Vec<Losses>>(),
        learning: cells.iter().filter_map(|cell| cell.learning.clone()).collect::<Vec<Learning>>(),
        cells: cells.into_iter().map(|cell| cell.view).collect(),
        references: references.views,
        ..Block::default()
    }
}

/// What a reader should know of the column that is a reference ranking, where the experiment names one.
fn unreferenced(evidence: &Evidence, dataset: usize) -> Option<String> {
    let name = evidence.experiment.reference.as_ref()?;
    let rows = evidence.evaluations(dataset).into_values().next()?;
    match column(evidence, dataset, rows) {
        Ok(None) => None,
        Ok(Some((_, 0))) => None,
        Ok(Some((_, missing))) => {
            Some(format!("Reference '{name}': {missing} test rows have no number there, which counts as 0."))
        }
        Err(reason) => Some(format!("No reference by '{name}': {reason}.")),
    }
}

/// The numbers of the column that the experiment names as a reference, a missing one as 0, and how many are; nothing where none is
/// named.
fn column(
    evidence: &Evidence,
    dataset: usize,
    rows: &EvaluationRows,
) -> Result<Option<(Vec<f64>, usize)>, String> {
    let (Some(name), Some(columns)) = (&evidence.experiment.reference, evidence.columns.get(dataset)) else {
        return Ok(None);
    };
    let mut numbers = columns.get(name)?.numbers(&rows.row).map_err(|error| format!("{error:#}"))?;
    let gaps = numbers.iter().filter(|number| number.is_nan()).count();
    numbers.iter_mut().filter(|number| number.is_nan()).for_each(|number| *number = 0.0);
    Ok(Some((numbers, gaps)))
}

/// What references of a dataset are judged on: the rows with this id.
pub(crate) fn judgement<'a>(
    evidence: &'a Evidence,
    dataset: usize,
    id: &str,
    rows: &'a EvaluationRows,
) -> Judgement<'a> {
    let asked = &evidence.experiment;
    let cells = evidence.cells.iter().filter(|cell| cell.dataset == dataset);
    let runs =
        cells.filter(|cell| asked.methods[cell.method].name == asked.baseline).flat_map(|cell| &cell.runs);
    let baseline = runs.filter_map(|run| match &run.outcome {
        Outcome::Found { record, predictions } if record.evaluation == id => predictions.as_ref(),
        Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
    });
    let of_rows =
        evidence.records().filter(|(cell, record)| cell.dataset == dataset && record.evaluation == id);
    let buckets = of_rows.filter_map(|(_, record)| record.buckets.as_ref()).next();
    let column = column(evidence, dataset, rows).ok().flatten().map(|(numbers, _)| numbers);
    Judgement { rows, buckets, baseline: baseline.collect(), column }
}

impl TestRows {
    /// Share of treated rows; nothing where there is no treatment.
    pub fn treated_share(&self) -> Option<f64> {
        self.treated.map(|treated| treated as f64 / self.rows.max(1) as f64)
    }

    fn of(rows: &EvaluationRows, splits: usize) -> Self {
        let count = rows.outcome.len();
        Self {
            rows: count,
            treated: rows.treatment.as_ref().map(Treatment::treated),
            zeros: rows.outcome.iter().filter(|outcome| **outcome == 0.0).count() as f64
                / count.max(1) as f64,
            observed: rows
                .treatment
                .as_ref()
                .and_then(|treatment| AverageEffect::of(&treatment.assigned, &rows.outcome).ok()),
            true_effect: rows.effect.as_ref().and_then(|effect| mean(effect.iter().copied())),
            splits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;

    #[test]
    fn only_undominated_methods_are_marked() {
        let evidence = Sample::default().evidence();
        let names = vec!["auuc".to_string()];
        let plan = EstimationPlan::new(
            names.clone(),
            names,
            Default::default(),
            crate::resample::Visits::none(Question::Uplift),
        );
        let cells = CellAnalysis::all(&evidence, 0, &plan).into_iter().map(|cell| cell.view).collect();
        let times = [(1.0, 0.2), (2.0, 0.1), (3.0, 0.4)];
        let mut block = Block { cells, ..Block::default() };
        for (cell, (milliseconds, value)) in block.cells.iter_mut().zip(times) {
            if let Some(times) = cell.times.as_mut() {
                times.single_median_ms = Some(milliseconds);
            }
            if let Some(estimate) = cell.metrics.get_mut("auuc") {
                estimate.mean = Ok(value);
            }
        }
        let named = |direction| {
            let metric = MetricView { direction, ..MetricView::new("auuc", true) };
            block.costs(&metric).iter().map(|cost| cost.undominated).collect::<Vec<_>>()
        };
        assert_eq!(named(Direction::Higher), [true, false, true]);
        assert_eq!(named(Direction::Lower), [true, true, false]);
    }
}
