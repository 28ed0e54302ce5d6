//! Every number of a report, decided once: tables, charts and summary only print what stands here.

use super::averages::{AverageView, averages};
use super::beside::{Answers, Beside};
use super::block::Block;
use super::cell::FailureView;
use super::cell_analysis::CellAnalysis;
use super::claims::{self, ClaimView};
use super::comparisons::{Asker, Comparisons, Deciding};
use super::contrasts::{ComparedMethods, ContrastView, places, with_baseline};
use super::effects::{EffectsView, effects};
use super::evidence::Evidence;
use super::headline::{self, Headline};
use super::linear_contrast::{DatasetCells, Place, ResampledCell};
use super::machine::Machine;
use super::metric::MetricView;
use super::paper::{self, PaperView};
use super::resample::{EstimationPlan, Resamples, Visits};
use super::sample::Sample;
use super::totals::Totals;
use super::tuning::TuningView;
use anyhow::Result;
use std::collections::BTreeSet;
use valor_base::question::Question;
use valor_runs::spec::{Decision, Experiment, groups};
use valor_stats::metrics;

/// An experiment with every number and verdict that its report shows.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Name of the experiment.
    pub experiment: String,
    /// Its profile.
    pub profile: String,
    /// What a reader should know about the profile.
    pub caption: Option<String>,
    /// The question in prose.
    pub question: String,
    /// What the report says first.
    pub headline: Headline,
    /// What the rows are asked.
    pub asks: Question,
    /// The method that others are compared with.
    pub baseline: String,
    /// Asked seeds.
    pub seeds: Vec<u64>,
    /// What verdicts rest on.
    pub decision: Decision,
    /// Comparisons in the declared family.
    pub declared: usize,
    /// Primary metrics: those declared, with its area in the place of a share of a total that is hardly there.
    pub primary: Vec<String>,
    /// Claims with their answers.
    pub claims: Vec<ClaimView>,
    /// What each component does, over backbones.
    pub effects: Vec<EffectsView>,
    /// The search that every method went through; nothing where methods stand as they are.
    pub tuning: Option<TuningView>,
    /// Every metric that occurs, those of the table first.
    pub metrics: Vec<MetricView>,
    /// One per dataset.
    pub blocks: Vec<Block>,
    /// Every method over all datasets, where there are several.
    pub averages: Vec<AverageView>,
    /// Every method against the baseline: by dataset, then averaged over datasets if there are several.
    pub contrasts: Vec<ContrastView>,
    /// Every full model less one component against itself, likewise.
    pub left_out: Vec<ContrastView>,
    /// Diverged and crashed runs.
    pub failures: Vec<FailureView>,
    /// The paper's table beside these results, where the experiment names one.
    pub paper: Option<PaperView>,
    /// What another profile of the same file answers, where the experiment asks for it.
    pub beside: Option<Beside>,
    /// Where and how it ran.
    pub machine: Machine,
}

impl Analysis {
    /// Decides every number.
    ///
    /// # Errors
    ///
    /// A metric of the table that is not registered.
    pub fn new(evidence: &Evidence) -> Result<Self> {
        let declared = &evidence.experiment;
        let totals = totals(evidence);
        let asked = &totals.leading(declared);
        let plan = EstimationPlan::new(
            names(evidence, asked, &totals)?,
            asked.metrics.clone(),
            asked.interval,
            visits(evidence),
        );
        let mut blocks = Vec::new();
        let mut resamples = Vec::new();
        let mut failures = Vec::new();
        for dataset in 0..asked.datasets.len() {
            let mut cells = CellAnalysis::all(evidence, dataset, &plan);
            failures.extend(cells.iter().flat_map(|cell| cell.failures.clone()));
            resamples.push(cells.iter_mut().map(|cell| std::mem::take(&mut cell.resamples)).collect());
            blocks.push(Block::new(evidence, dataset, cells, &plan));
        }
        let deciding = Deciding {
            decision: &asked.decision,
            metrics: &declared.metrics,
            totals: &totals,
            datasets: asked.datasets.len(),
        };
        let cells = resampled(&blocks, &resamples);
        let beside = paper::Draft::new(evidence, &blocks, &cells)?;
        let decided = Decisions::new(asked, &cells, &deciding, &plan.names, beside);
        let effects = effects(asked, &cells, &deciding);
        drop(cells);
        let metrics: Vec<MetricView> =
            plan.names.iter().map(|name| MetricView::new(name, asked.metrics.contains(name))).collect();
        let mut analysis = Self {
            experiment: asked.name.clone(),
            profile: asked.profile.clone(),
            caption: asked.caption.clone(),
            question: asked.question.clone(),
            headline: decided.headline.complete(&blocks, &decided.claims),
            asks: asked.asks(),
            baseline: asked.baseline.clone(),
            seeds: asked.seeds.clone(),
            decision: asked.decision.clone(),
            declared: decided.declared,
            primary: totals.primary(declared),
            claims: decided.claims,
            effects,
            tuning: TuningView::new(evidence),
            averages: averages(&blocks, &metrics),
            metrics,
            machine: Machine::new(evidence),
            blocks,
            contrasts: decided.contrasts,
            left_out: decided.left_out,
            failures,
            paper: decided.paper,
            beside: None,
        };
        if let Some(other) = &evidence.beside {
            let Self { profile, caption, claims, blocks, .. } = Self::new(other)?;
            let other = Answers { profile, caption, claims, blocks };
            let metric = analysis.primary.first().map_or("", String::as_str);
            analysis.beside = Some(Beside::new(metric, &analysis.claims, &analysis.blocks, other));
        }
        Ok(analysis)
    }

    /// Whether no run has ended yet, well or badly.
    pub fn is_of_nothing(&self) -> bool {
        let mut cells = self.blocks.iter().flat_map(|block| &block.cells);
        cells.all(|cell| cell.seeds.found + cell.seeds.failed == 0)
    }
}

impl Sample {
    /// The analysis of what is made.
    pub fn analysis(&self) -> Analysis {
        Analysis::new(&self.evidence()).expect("a sample has registered metrics")
    }
}

/// What the comparisons of a report say.
struct Decisions {
    headline: Headline,
    contrasts: Vec<ContrastView>,
    left_out: Vec<ContrastView>,
    claims: Vec<ClaimView>,
    declared: usize,
    paper: Option<PaperView>,
}

impl Decisions {
    /// Makes every comparison that is asked for, corrects every family, and hands each asker what it asked for.
    fn new(
        asked: &Experiment,
        cells: &[DatasetCells],
        deciding: &Deciding,
        names: &[String],
        beside: Option<paper::Draft>,
    ) -> Self {
        let mut comparisons = Comparisons::default();
        let left_out = groups::left_out(&asked.methods);
        let baseline = cells.first().map(|cells| with_baseline(&asked.baseline, cells)).unwrap_or_default();
        let without: Vec<ComparedMethods> = left_out.iter().map(question).collect();
        let places = places(cells);
        for place in &places {
            for metric in &asked.metrics {
                baseline.iter().for_each(|one| comparisons.ask(Asker::Baseline, one, metric, place));
                without.iter().for_each(|one| comparisons.ask(Asker::LeaveOneOut, one, metric, place));
            }
        }
        let claims = claims::ask(asked, cells, deciding, &mut comparisons);
        if let Some(beside) = &beside {
            beside.ask(cells, &mut comparisons);
        }
        let headline = headline::Draft::ask(asked, cells, deciding, names, &mut comparisons);
        let own: Vec<_> = claims.iter().flat_map(claims::Asked::own).collect();
        let family = comparisons.decide(deciding, &own);
        let shown = |questions: &[ComparedMethods]| {
            let of_place = |place: &Place| {
                let datasets = place.names();
                let asked =
                    questions.iter().flat_map(|one| asked.metrics.iter().map(move |metric| (one, metric)));
                asked.filter_map(|(one, metric)| comparisons.get(one, metric, &datasets)).collect::<Vec<_>>()
            };
            places.iter().flat_map(of_place).collect()
        };
        let answer = |one: claims::Asked| one.answer(deciding, asked.seeds.len(), &comparisons, &family);
        Self {
            headline: headline.answer(deciding, &comparisons),
            contrasts: shown(&baseline),
            left_out: shown(&without),
            claims: claims.into_iter().map(answer).collect(),
            declared: comparisons.declared(),
            paper: beside.map(|beside| beside.answer(&comparisons)),
        }
    }
}

/// Average effects on the test rows.
fn totals(evidence: &Evidence) -> Totals {
    let datasets = (0..evidence.experiment.datasets.len()).map(|dataset| evidence.totals(dataset));
    Totals::new(datasets.collect())
}

fn question(left_out: &groups::LeftOut) -> ComparedMethods<'_> {
    ComparedMethods {
        method: &left_out.method,
        against: &left_out.full,
        component: Some(&left_out.component),
    }
}

/// Every cell with its resampled metrics, by dataset.
fn resampled<'a>(blocks: &'a [Block], resamples: &'a [Vec<Resamples>]) -> Vec<DatasetCells<'a>> {
    let of_dataset = |(block, resamples): (&'a Block, &'a Vec<Resamples>)| DatasetCells {
        dataset: &block.dataset,
        cells: block
            .cells
            .iter()
            .zip(resamples)
            .map(|(cell, resamples)| ResampledCell { cell, resamples })
            .collect(),
    };
    blocks.iter().zip(resamples).map(of_dataset).collect()
}

/// Metrics of the table, then every other recorded one in the registry's order, then strangers.
fn names(evidence: &Evidence, asked: &Experiment, totals: &Totals) -> Result<Vec<String>> {
    let mut names = asked.metrics.clone();
    for name in &names {
        metrics::find(name)?;
    }
    let recorded: BTreeSet<&String> =
        evidence.records().flat_map(|(_, record)| record.metrics.keys()).collect();
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

/// Test rows of all asked runs: what one resample would visit.
fn visits(evidence: &Evidence) -> Visits {
    evidence.cells.iter().fold(Visits::default(), |visits, cell| {
        let rows = evidence.evaluations(cell.dataset).values().map(|rows| rows.outcome.len()).max();
        let rows = rows.unwrap_or(0) as u64;
        Visits { all: visits.all + rows * cell.runs.len() as u64, most: visits.most.max(rows) }
    })
}
