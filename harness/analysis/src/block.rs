//! One dataset: its methods, its references, its curves and what a reader should know of its rows.

use super::cell::{CellView, ReferenceView};
use super::cell_analysis::CellAnalysis;
use super::curve::{Curves, Deciles, Losses};
use super::estimate::mean;
use super::evidence::{Evidence, Outcome};
use super::references::{Judgement, ORACLE, References, references};
use super::resample::EstimationPlan;
use super::totals::DatasetTotals;
use valor_data::Treatment;
use valor_runs::record::{EvaluationRows, RowCounts};
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
    /// Uplift curves.
    pub uplift: Curves,
    /// Qini curves.
    pub qini: Curves,
    /// Uplift by decile.
    pub deciles: Vec<Deciles>,
    /// Loss curves.
    pub losses: Vec<Losses>,
}

impl Block {
    /// Whether a ranking by the true effect is among its references.
    pub fn has_oracle(&self) -> bool {
        self.references.iter().any(|row| row.ranker == ORACLE)
    }
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
        let (references, refused) = match references(name, &splits, plan) {
            Ok(references) => (references, None),
            Err(error) => (References::default(), Some(format!("No reference rankings: {error:#}."))),
        };
        let found = evidence.records().find(|(cell, _)| cell.dataset == dataset);
        Self {
            dataset: name.clone(),
            notes: evidence.notes.get(dataset).into_iter().flatten().cloned().chain(refused).collect(),
            rows: found.map(|(_, record)| record.rows),
            totals: evidence.totals(dataset),
            test: evaluations.values().next().map(|rows| TestRows::of(rows, evaluations.len())),
            ..drawn(cells, references)
        }
    }
}

/// Rows of the table and data of the charts.
fn drawn(cells: Vec<CellAnalysis>, references: References) -> Block {
    let share =
        cells.iter().map(|cell| &cell.share).find(|share| !share.is_empty()).cloned().unwrap_or_default();
    let curves = |methods, references| Curves { share: share.clone(), methods, references };
    Block {
        uplift: curves(cells.iter().filter_map(|cell| cell.uplift.clone()).collect(), references.uplift),
        qini: curves(cells.iter().filter_map(|cell| cell.qini.clone()).collect(), references.qini),
        deciles: cells.iter().filter_map(|cell| cell.deciles.clone()).collect::<Vec<Deciles>>(),
        losses: cells.iter().filter_map(|cell| cell.losses.clone()).collect::<Vec<Losses>>(),
        cells: cells.into_iter().map(|cell| cell.view).collect(),
        references: references.views,
        ..Block::default()
    }
}

fn judgement<'a>(
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
    Judgement { rows, baseline: baseline.collect() }
}

impl TestRows {
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
