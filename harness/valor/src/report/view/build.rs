//! From material to view: every cell studied, every dataset judged.

use super::averages::averages;
use super::claims;
use super::comparisons::{Asker, Comparisons, Deciding, names as datasets_of};
use super::contrasts::{ContrastView, Question, Side, places, with_baseline};
use super::curve::{Curves, Deciles, Losses};
use super::effects::effects;
use super::machine::machine;
use super::references::{Judgement, References, references};
use super::resample::{Plan, Resamples, Visits};
use super::study::{Study, study};
use super::totals::{DatasetTotals, Totals};
use super::tuning::TuningView;
use super::{Block, MetricView, TestRows, View};
use crate::report::material::{CellMaterial, Material, Outcome};
use crate::report::paper::PaperView;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use valor_runs::record::{EvaluationRows, Record};
use valor_runs::spec::{Experiment, groups};
use valor_stats::metrics::{self, Direction, Metric};
use valor_stats::stats::AverageEffect;

impl View {
    /// Decides every number.
    ///
    /// # Errors
    ///
    /// A metric of the table that is not registered.
    pub fn new(material: &Material) -> Result<Self> {
        let declared = &material.experiment;
        let totals = totals(material);
        let asked = &totals.leading(declared);
        let plan = Plan::new(names(material, asked, &totals)?, asked, visits(material));
        let mut blocks = Vec::new();
        let mut resamples = Vec::new();
        let mut failures = Vec::new();
        for dataset in 0..asked.datasets.len() {
            let mut studies = studies(material, dataset, &plan);
            failures.extend(studies.iter().flat_map(|study| study.failures.clone()));
            resamples.push(studies.iter_mut().map(|study| std::mem::take(&mut study.resamples)).collect());
            blocks.push(block(material, dataset, studies, &plan));
        }
        let mut paper = PaperView::new(material, &blocks)?;
        let sides = sides(&blocks, &resamples);
        let deciding = Deciding {
            decision: &asked.decision,
            metrics: &declared.metrics,
            totals: &totals,
            datasets: asked.datasets.len(),
        };
        let found = decided(asked, &sides, &deciding, paper.as_mut());
        let effects = effects(asked, &sides, &deciding);
        drop(sides);
        let metrics: Vec<MetricView> =
            plan.names.iter().map(|name| metric_view(name, asked.metrics.contains(name))).collect();
        Ok(Self {
            experiment: asked.name.clone(),
            profile: asked.profile.clone(),
            caption: asked.caption.clone(),
            question: asked.question.clone(),
            baseline: asked.baseline.clone(),
            seeds: asked.seeds.clone(),
            decision: asked.decision.clone(),
            declared: found.declared,
            primary: totals.primary(declared),
            claims: found.claims,
            effects,
            tuning: TuningView::new(material),
            averages: averages(&blocks, &metrics),
            metrics,
            machine: machine(material),
            blocks,
            contrasts: found.contrasts,
            left_out: found.left_out,
            failures,
            paper,
        })
    }
}

impl View {
    /// Whether no run has ended yet, well or badly.
    pub fn is_of_nothing(&self) -> bool {
        let mut cells = self.blocks.iter().flat_map(|block| &block.cells);
        cells.all(|cell| cell.seeds.found + cell.seeds.failed == 0)
    }
}
/// What the comparisons of a report say.
struct Found {
    contrasts: Vec<ContrastView>,
    left_out: Vec<ContrastView>,
    claims: Vec<claims::ClaimView>,
    declared: usize,
}

/// Makes every comparison that is asked for, corrects every family, and hands each asker what it asked for.
fn decided(
    asked: &Experiment,
    sides: &[Vec<Side>],
    deciding: &Deciding,
    paper: Option<&mut PaperView>,
) -> Found {
    let mut comparisons = Comparisons::default();
    let left_out = groups::left_out(&asked.methods);
    let baseline = sides.first().map(|cells| with_baseline(&asked.baseline, cells)).unwrap_or_default();
    let without: Vec<Question> = left_out.iter().map(question).collect();
    let places = places(sides);
    for place in &places {
        for metric in &asked.metrics {
            baseline.iter().for_each(|one| comparisons.ask(Asker::Baseline, one, metric, place));
            without.iter().for_each(|one| comparisons.ask(Asker::LeaveOneOut, one, metric, place));
        }
    }
    let claims = claims::ask(asked, sides, deciding, &mut comparisons);
    if let Some(paper) = &paper {
        paper.ask(sides, &mut comparisons);
    }
    let own: Vec<_> = claims.iter().flat_map(claims::Asked::own).collect();
    let family = comparisons.decide(deciding, &own);
    if let Some(paper) = paper {
        paper.look_up(&comparisons);
    }
    let shown = |questions: &[Question]| {
        let of_place = |place: &Vec<&Vec<Side>>| {
            let datasets = datasets_of(place);
            let asked =
                questions.iter().flat_map(|one| asked.metrics.iter().map(move |metric| (one, metric)));
            asked.filter_map(|(one, metric)| comparisons.get(one, metric, &datasets)).collect::<Vec<_>>()
        };
        places.iter().flat_map(of_place).collect()
    };
    let answer = |one: claims::Asked| one.answer(deciding, asked.seeds.len(), (&comparisons, &family));
    Found {
        contrasts: shown(&baseline),
        left_out: shown(&without),
        claims: claims.into_iter().map(answer).collect(),
        declared: comparisons.declared(),
    }
}

/// Average effects on the test rows.
fn totals(material: &Material) -> Totals {
    let datasets = material.experiment.datasets.iter().enumerate();
    Totals::new(datasets.map(|(index, dataset)| dataset_totals(material, index, &dataset.name)).collect())
}

fn dataset_totals(material: &Material, dataset: usize, name: &str) -> DatasetTotals {
    DatasetTotals::of(name, evaluations(material, dataset).values().copied())
}

fn question(left_out: &groups::LeftOut) -> Question<'_> {
    Question { method: &left_out.method, against: &left_out.full, component: Some(&left_out.component) }
}

/// Every cell with its resampled metrics, by dataset.
fn sides<'a>(blocks: &'a [Block], resamples: &'a [Vec<Resamples>]) -> Vec<Vec<Side<'a>>> {
    let side = |(cell, resamples)| Side { cell, resamples };
    let sides = blocks.iter().zip(resamples).map(|(block, resamples)| block.cells.iter().zip(resamples));
    sides.map(|cells| cells.map(side).collect()).collect()
}

fn studies(material: &Material, dataset: usize, plan: &Plan) -> Vec<Study> {
    let cells = material.cells.iter().filter(|cell| cell.dataset == dataset);
    cells.map(|cell| study(material, cell, plan)).collect()
}

fn records(material: &Material) -> impl Iterator<Item = (&CellMaterial, &Record)> {
    material.cells.iter().flat_map(|cell| {
        cell.runs.iter().filter_map(move |run| match &run.outcome {
            Outcome::Found { record, .. } => Some((cell, record.as_ref())),
            Outcome::Failed(_) | Outcome::Missing => None,
        })
    })
}

/// Metrics of the table, then every other recorded one in the registry's order, then strangers.
fn names(material: &Material, asked: &Experiment, totals: &Totals) -> Result<Vec<String>> {
    let mut names = asked.metrics.clone();
    for name in &names {
        metrics::find(name)?;
    }
    let recorded: BTreeSet<&String> =
        records(material).flat_map(|(_, record)| record.metrics.keys()).collect();
    let known = metrics::registry().iter().map(|metric| metric.name.to_string());
    let datasets: Vec<&str> = asked.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    let claimed = asked.claims.iter().map(|claim| totals.deciding(&claim.metric, &datasets).to_string());
    let areas = claimed.filter(|name| asked.claims.iter().all(|claim| claim.metric != *name));
    let mut others: Vec<String> = areas.chain(known.filter(|name| recorded.contains(name))).collect();
    others.extend(recorded.iter().map(|name| (*name).clone()));
    for name in others {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn metric_view(name: &str, in_table: bool) -> MetricView {
    let text =
        |found: fn(&Metric) -> &'static str| metrics::find(name).map(found).unwrap_or_default().to_string();
    MetricView {
        name: name.to_string(),
        formula: text(|metric| metric.formula),
        unit: text(|metric| metric.unit),
        direction: metrics::find(name).map_or(Direction::Neither, |metric| metric.direction),
        source: text(|metric| metric.source),
        in_table,
    }
}

/// Test rows of all asked runs: what one resample would visit.
fn visits(material: &Material) -> Visits {
    material.cells.iter().fold(Visits::default(), |visits, cell| {
        let rows = evaluations(material, cell.dataset).values().map(|rows| rows.outcome.len()).max();
        let rows = rows.unwrap_or(0) as u64;
        Visits { all: visits.all + rows * cell.runs.len() as u64, most: visits.most.max(rows) }
    })
}

/// The different test rows of a dataset, by id.
fn evaluations(material: &Material, dataset: usize) -> BTreeMap<&str, &EvaluationRows> {
    let ids =
        records(material).filter(|(cell, _)| cell.dataset == dataset).map(|(_, record)| &record.evaluation);
    ids.filter_map(|id| Some((id.as_str(), material.evaluations.get(id)?))).collect()
}

fn block(material: &Material, dataset: usize, studies: Vec<Study>, plan: &Plan) -> Block {
    let name = &material.experiment.datasets[dataset].name;
    let evaluations = evaluations(material, dataset);
    let splits: Vec<Judgement> =
        evaluations.iter().map(|(id, rows)| judgement(material, dataset, id, rows)).collect();
    let (references, refused) = match references(name, &splits, plan) {
        Ok(references) => (references, None),
        Err(error) => (References::default(), Some(format!("No reference rankings: {error:#}."))),
    };
    let found = records(material).find(|(cell, _)| cell.dataset == dataset);
    Block {
        dataset: name.clone(),
        notes: material.notes.get(dataset).into_iter().flatten().cloned().chain(refused).collect(),
        rows: found.map(|(_, record)| record.rows),
        totals: dataset_totals(material, dataset, name),
        test: evaluations.values().next().map(|rows| test_rows(rows, evaluations.len())),
        ..drawn(studies, references)
    }
}

/// Rows of the table and data of the charts.
fn drawn(studies: Vec<Study>, references: References) -> Block {
    let share =
        studies.iter().map(|study| &study.share).find(|share| !share.is_empty()).cloned().unwrap_or_default();
    let curves = |methods, references| Curves { share: share.clone(), methods, references };
    Block {
        uplift: curves(studies.iter().filter_map(|study| study.uplift.clone()).collect(), references.uplift),
        qini: curves(studies.iter().filter_map(|study| study.qini.clone()).collect(), references.qini),
        deciles: studies.iter().filter_map(|study| study.deciles.clone()).collect::<Vec<Deciles>>(),
        losses: studies.iter().filter_map(|study| study.losses.clone()).collect::<Vec<Losses>>(),
        cells: studies.into_iter().map(|study| study.view).collect(),
        references: references.views,
        ..Block::default()
    }
}

fn judgement<'a>(
    material: &'a Material,
    dataset: usize,
    id: &str,
    rows: &'a EvaluationRows,
) -> Judgement<'a> {
    let asked = &material.experiment;
    let cells = material.cells.iter().filter(|cell| cell.dataset == dataset);
    let runs =
        cells.filter(|cell| asked.methods[cell.method].name == asked.baseline).flat_map(|cell| &cell.runs);
    let baseline = runs.filter_map(|run| match &run.outcome {
        Outcome::Found { record, predictions } if record.evaluation == id => predictions.as_ref(),
        Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
    });
    Judgement { rows, baseline: baseline.collect() }
}

fn test_rows(rows: &EvaluationRows, splits: usize) -> TestRows {
    let count = rows.outcome.len();
    TestRows {
        rows: count,
        treated: rows.treatment.iter().filter(|treated| **treated).count(),
        zeros: rows.outcome.iter().filter(|outcome| **outcome == 0.0).count() as f64 / count.max(1) as f64,
        observed: AverageEffect::of(&rows.treatment, &rows.outcome).ok(),
        true_effect: rows.effect.as_ref().and_then(|effect| super::times::mean(effect.iter().copied())),
        splits,
    }
}
