//! Every number of a report, decided once: tables, charts and summary only print what stands here.

use super::averages::{AverageView, averages};
use super::beside::{Answers, Beside};
use super::block::Block;
use super::cell::FailureView;
use super::cell_analysis::CellAnalysis;
use super::claims::{self, ClaimView};
use super::comparisons::{Asker, Comparisons, Deciding};
use super::contrasts::{ComparedMethods, ContrastView, Observed, places, with_baseline};
use super::effects::{EffectsView, effects};
use super::evidence::Evidence;
use super::gates::GateView;
use super::headline::{self, Headline};
use super::linear_contrast::{DatasetCells, Place, ResampledCell};
use super::machine::Machine;
use super::metric::MetricView;
use super::paper::{self, PaperView};
use super::resample::{EstimationPlan, Resamples, Visits};
use super::sample::Sample;
use super::segments::{SegmentationView, segmentations};
use super::totals::Totals;
use super::tuning::TuningView;
use super::until::{Numbers, Sequence, until_decided};
use anyhow::Result;
use std::collections::BTreeSet;
use valor_base::question::Question;
use valor_runs::spec::{Decision, Experiment, groups};
use valor_stats::metrics;
use valor_stats::stats::Looks;

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
    /// How claims were looked at after every seed, where that is declared.
    pub sequence: Option<Sequence>,
    /// What each component does, over backbones.
    pub effects: Vec<EffectsView>,
    /// The search that every method went through; nothing where methods stand as they are.
    pub tuning: Option<TuningView>,
    /// How far gates are closed, of cells that have one.
    pub gates: Vec<GateView>,
    /// Every metric that occurs, those of the table first.
    pub metrics: Vec<MetricView>,
    /// One per dataset.
    pub blocks: Vec<Block>,
    /// The column that is a reference ranking, where the experiment names one.
    pub reference: Option<String>,
    /// Methods on groups of the test rows, where the experiment asks for any.
    pub segmentations: Vec<SegmentationView>,
    /// Every method over all datasets, where there are several.
    pub averages: Vec<AverageView>,
    /// Every method against the baseline: by dataset, then averaged over datasets if there are several.
    pub contrasts: Vec<ContrastView>,
    /// Every full model less one component against itself, likewise.
    pub left_out: Vec<ContrastView>,
    /// Every method against its own backbone, alone and as full VALOR, likewise.
    pub within: Vec<ContrastView>,
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
        let totals = evidence.all_totals();
        let asked = &totals.leading(declared);
        let claimed = claimed(declared, &totals);
        let plan = EstimationPlan::new(
            names(evidence, asked, &claimed)?,
            asked.metrics.iter().chain(&claimed).cloned().collect(),
            asked.interval,
            Visits::of(evidence),
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
            looks: Looks::Once,
        };
        let cells = resampled(&blocks, &resamples);
        let beside = paper::Draft::new(evidence, &blocks, &cells)?;
        let sequence = until_decided(evidence, asked, &totals, &mut Numbers::default());
        let (claims, sequence) = sequence.unzip();
        let decided = Decisions::new(asked, &cells, &deciding, &plan.names, beside, claims);
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
            sequence,
            effects,
            tuning: TuningView::new(evidence),
            gates: GateView::all(evidence),
            averages: averages(&blocks, &metrics),
            metrics,
            machine: Machine::new(evidence),
            reference: asked.reference.clone(),
            segmentations: segmentations(evidence, &plan),
            blocks,
            contrasts: decided.contrasts,
            left_out: decided.left_out,
            within: decided.within,
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
    within: Vec<ContrastView>,
    claims: Vec<ClaimView>,
    declared: usize,
    paper: Option<PaperView>,
}

impl Decisions {
    /// Makes every comparison that is asked for, corrects every family, and hands each asker what it asked for. Claims that are
    /// looked at after every seed are answered apart.
    fn new(
        asked: &Experiment,
        cells: &[DatasetCells],
        deciding: &Deciding,
        names: &[String],
        beside: Option<paper::Draft>,
        apart: Option<Vec<ClaimView>>,
    ) -> Self {
        let mut comparisons = Comparisons::default();
        let left_out = groups::left_out(&asked.methods);
        let within = groups::within_backbones(&asked.methods);
        let baseline = cells.first().map(|cells| with_baseline(&asked.baseline, cells)).unwrap_or_default();
        let without: Vec<ComparedMethods> = left_out.iter().map(question).collect();
        let within: Vec<ComparedMethods> = within
            .iter()
            .map(|pair| ComparedMethods { method: &pair.method, against: &pair.against, component: None })
            .collect();
        let places = places(cells);
        for place in &places {
            let names = place.names();
            let seen = asked.metrics.iter().filter_map(|metric| deciding.observed(metric, &names));
            let seen = seen.filter(|seen| asked.metrics.iter().all(|metric| metric != seen));
            for metric in asked.metrics.iter().map(String::as_str).chain(seen) {
                baseline.iter().for_each(|one| comparisons.ask(Asker::Baseline, one, metric, place));
                without.iter().for_each(|one| comparisons.ask(Asker::LeaveOneOut, one, metric, place));
                within.iter().for_each(|one| comparisons.ask(Asker::WithinBackbone, one, metric, place));
            }
        }
        let claims = match &apart {
            None => claims::ask(asked, cells, deciding, &mut comparisons),
            Some(_) => Vec::new(),
        };
        if let Some(beside) = &beside {
            beside.ask(cells, &mut comparisons);
        }
        let headline = headline::Draft::ask(asked, cells, deciding, names, &mut comparisons);
        comparisons.decide(deciding);
        let families = claims::families(&claims, deciding, &comparisons, asked.seeds.len());
        let shown = |questions: &[ComparedMethods]| {
            let of_place = |place: &Place| {
                let datasets = place.names();
                let asked =
                    questions.iter().flat_map(|one| asked.metrics.iter().map(move |metric| (one, metric)));
                let found = |(one, metric): (&ComparedMethods, &String)| {
                    let view = comparisons.get(one, metric, &datasets)?;
                    let observed = deciding.observed(metric, &datasets);
                    let seen = observed.and_then(|observed| comparisons.get(one, observed, &datasets));
                    let observed = seen.map(|seen| Box::new(Observed::new(&seen, &view)));
                    Some(ContrastView { observed, ..view })
                };
                asked.filter_map(found).collect::<Vec<_>>()
            };
            places.iter().flat_map(of_place).collect()
        };
        let answer = |one: claims::Asked| one.answer(deciding, asked.seeds.len(), &comparisons, &families);
        let mut claims: Vec<ClaimView> = apart.unwrap_or_else(|| claims.into_iter().map(answer).collect());
        claims::conclude(&mut claims);
        Self {
            headline: headline.answer(deciding, &comparisons),
            contrasts: shown(&baseline),
            left_out: shown(&without),
            within: shown(&within),
            claims,
            declared: comparisons.declared(),
            paper: beside.map(|beside| beside.answer(&comparisons)),
        }
    }
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
fn names(evidence: &Evidence, asked: &Experiment, claimed: &[String]) -> Result<Vec<String>> {
    let mut names = asked.metrics.clone();
    for name in &names {
        metrics::find(name)?;
    }
    let recorded: BTreeSet<&String> =
        evidence.records().flat_map(|(_, record)| record.metrics.keys()).collect();
    let known = metrics::registry().iter().map(|metric| metric.name.to_string());
    let mut others: Vec<String> =
        claimed.iter().cloned().chain(known.filter(|name| recorded.contains(name))).collect();
    others.extend(recorded.iter().map(|name| (*name).clone()));
    for name in others {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// What decides claims, and what an experimenter would have decided them and the table by.
fn claimed(asked: &Experiment, totals: &Totals) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let all: Vec<&str> = asked.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
    for places in all.iter().map(std::slice::from_ref).chain([all.as_slice()]) {
        for seen in asked.metrics.iter().filter_map(|metric| totals.observed(metric, places)) {
            if !names.iter().any(|known| known == seen) {
                names.push(seen.to_string());
            }
        }
    }
    for name in totals.of_claims(asked) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
