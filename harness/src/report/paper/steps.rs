//! What a component adds, in the paper and here: do the signs agree?

use super::source::Column;
use super::{PaperRow, cell};
use crate::report::view::Block;
use crate::report::view::cell::CellView;
use crate::report::view::estimate::LEVEL;
use crate::stats::paired_difference_in_blocks;
use serde::Serialize;

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
    /// Pairs in which our 95 % interval over paired seeds excludes no change.
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

/// Steps in the order of the table, column by column; columns that no seed has (latency) are left out.
pub fn steps(columns: &[&Column], rows: &[PaperRow], blocks: &[&Block]) -> Vec<Step> {
    let pairs = pairs(rows, blocks);
    let mut names: Vec<&String> = Vec::new();
    for (name, _, _) in &pairs {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut found = Vec::new();
    for name in names {
        for (index, column) in columns.iter().enumerate() {
            let of_step = pairs.iter().filter(|(step, _, _)| step == name);
            let changes: Vec<Change> = of_step
                .filter_map(|(_, with, without)| change(with, without, index, &column.metric, blocks))
                .collect();
            found.extend(summed(name, column, &changes));
        }
    }
    found
}

/// Rows of one backbone of which the first has more components, with nothing of the table between them.
fn pairs<'a>(rows: &'a [PaperRow], blocks: &[&Block]) -> Vec<(String, &'a PaperRow, &'a PaperRow)> {
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

fn change(
    with: &PaperRow,
    without: &PaperRow,
    column: usize,
    metric: &str,
    blocks: &[&Block],
) -> Option<Change> {
    let paper = with.cells[column].paper? - without.cells[column].paper?;
    let values = |method: &str, block: &Block| -> Option<Vec<(u64, f64)>> {
        let estimate = cell(block, method)?.metrics.get(metric)?;
        Some(estimate.per_seed.iter().map(|(seed, value)| (*seed, *value)).collect())
    };
    let mut differences: Vec<Vec<f64>> = Vec::new();
    for block in blocks {
        let (large, small) = (values(&with.method, block)?, values(&without.method, block)?);
        let common = large.iter().filter_map(|(seed, value)| {
            small.iter().find(|(other, _)| other == seed).map(|(_, other)| value - other)
        });
        differences.push(common.collect());
    }
    let slices: Vec<&[f64]> = differences.iter().map(Vec::as_slice).collect();
    let contrast = paired_difference_in_blocks(&slices, LEVEL).ok()?;
    let decided = contrast.interval.low > 0.0 || contrast.interval.high < 0.0;
    Some(Change { paper, ours: contrast.difference.mean, decided })
}

fn summed(step: &str, column: &Column, changes: &[Change]) -> Option<Step> {
    let count = |is: &dyn Fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    let agrees = |change: &Change| change.paper * change.ours > 0.0;
    let mean = |value: fn(&Change) -> f64| changes.iter().map(value).sum::<f64>() / changes.len() as f64;
    (!changes.is_empty()).then(|| Step {
        step: step.to_string(),
        title: column.title.clone(),
        metric: column.metric.clone(),
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
