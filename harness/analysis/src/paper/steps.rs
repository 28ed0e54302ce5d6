//! What a component adds, in the paper and here: do the signs agree?

use super::source::Column;
use super::{PaperRow, cell};
use crate::block::Block;
use crate::cell::CellView;
use crate::comparisons::Comparisons;
use crate::contrasts::ComparedMethods;
use serde::Serialize;
use valor_stats::stats::Verdict;

/// The rows that differ by one step, over backbones and over what else is switched on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Components that are added, e.g. `gti` or `ziln+focal`.
    pub step: String,
    /// Column of the paper.
    pub title: String,
    /// Our metric.
    pub metric: String,
    /// Pairs of rows with figures on both sides.
    pub pairs: usize,
    /// Pairs in which the paper's figure rises.
    pub paper_up: usize,
    /// Pairs in which ours rises.
    pub ours_up: usize,
    /// Pairs in which both go the same way.
    pub agreeing: usize,
    /// Pairs that are better or worse here: the comparison of the two methods, by the rule of all comparisons.
    pub decided: usize,
    /// Of those, the ones that go the paper's way.
    pub decided_agreeing: usize,
    /// Mean change in the paper.
    pub paper_mean: f64,
    /// Mean change here.
    pub ours_mean: f64,
}

/// One pair in one column: change in the paper, change here, whether ours is decided.
struct Change {
    paper: f64,
    ours: f64,
    decided: bool,
}

/// Two rows that differ by one step, in one column with figures on both sides of the paper.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StepPair {
    step: String,
    title: String,
    /// Our metric.
    pub metric: String,
    with: String,
    without: String,
    paper: f64,
}

impl StepPair {
    /// As a comparison of our methods.
    pub(super) fn question(&self) -> ComparedMethods<'_> {
        ComparedMethods { method: &self.with, against: &self.without, component: None }
    }
}

/// All pairs in the order of the table, step by step and column by column; columns that no seed has (latency) are left out.
pub(super) fn pairs(columns: &[&Column], rows: &[PaperRow], blocks: &[&Block]) -> Vec<StepPair> {
    let all = of_rows(rows, blocks);
    let mut names: Vec<&String> = Vec::new();
    for (name, _, _) in &all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut found = Vec::new();
    for name in names {
        for (index, column) in columns.iter().enumerate() {
            let measured = valor_stats::metrics::find(&column.metric).is_ok();
            for (step, with, without) in all.iter().filter(|(step, _, _)| measured && step == name) {
                let Some((large, small)) = with.cells[index].paper.zip(without.cells[index].paper) else {
                    continue;
                };
                found.push(StepPair {
                    step: step.clone(),
                    title: column.title.clone(),
                    metric: column.decides.clone(),
                    with: with.method.clone(),
                    without: without.method.clone(),
                    paper: large - small,
                });
            }
        }
    }
    found
}

/// Steps in the order of the table, column by column.
pub(super) fn steps(pairs: &[StepPair], datasets: &[String], comparisons: &Comparisons) -> Vec<Step> {
    let datasets: Vec<&str> = datasets.iter().map(String::as_str).collect();
    let mut found = Vec::new();
    for group in pairs.chunk_by(|a, b| (&a.step, &a.title) == (&b.step, &b.title)) {
        let changes: Vec<Change> =
            group.iter().filter_map(|pair| change(pair, comparisons, &datasets)).collect();
        found.extend(group.first().and_then(|pair| summed(pair, &changes)));
    }
    found
}

/// Rows of one backbone of which the first has more components, with nothing of the table between them.
fn of_rows<'a>(rows: &'a [PaperRow], blocks: &[&Block]) -> Vec<(String, &'a PaperRow, &'a PaperRow)> {
    let Some(block) = blocks.first() else { return Vec::new() };
    let known: Vec<(&PaperRow, &CellView)> =
        rows.iter().filter_map(|row| Some((row, cell(block, &row.method)?))).collect();
    let within = |small: &CellView, large: &CellView| {
        small.backbone == large.backbone
            && small.components.len() < large.components.len()
            && small.components.iter().all(|component| large.components.contains(component))
    };
    let mut found = Vec::new();
    for (with, large) in &known {
        for (without, small) in known.iter().filter(|(_, small)| within(small, large)) {
            if known.iter().any(|(_, middle)| within(small, middle) && within(middle, large)) {
                continue;
            }
            let added = large.components.iter().filter(|component| !small.components.contains(component));
            let added: Vec<&str> = added.map(String::as_str).collect();
            found.push((added.join("+"), *with, *without));
        }
    }
    found
}

fn change(pair: &StepPair, comparisons: &Comparisons, datasets: &[&str]) -> Option<Change> {
    let found = comparisons.get(&pair.question(), &pair.metric, datasets)?;
    let ours = found.difference.ok().filter(|_| found.gain.is_ok())?;
    let word = found.decided.map(|decided| decided.verdict);
    Some(Change { paper: pair.paper, ours, decided: matches!(word, Some(Verdict::Better | Verdict::Worse)) })
}

fn summed(pair: &StepPair, changes: &[Change]) -> Option<Step> {
    let count = |is: &dyn Fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    let agrees = |change: &Change| change.paper * change.ours > 0.0;
    let mean = |value: fn(&Change) -> f64| changes.iter().map(value).sum::<f64>() / changes.len() as f64;
    (!changes.is_empty()).then(|| Step {
        step: pair.step.clone(),
        title: pair.title.clone(),
        metric: pair.metric.clone(),
        pairs: changes.len(),
        paper_up: count(&|change| change.paper > 0.0),
        ours_up: count(&|change| change.ours > 0.0),
        agreeing: count(&agrees),
        decided: count(&|change| change.decided),
        decided_agreeing: count(&|change| change.decided && agrees(change)),
        paper_mean: mean(|change| change.paper),
        ours_mean: mean(|change| change.ours),
    })
}
