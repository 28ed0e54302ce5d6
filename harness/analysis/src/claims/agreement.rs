//! Claims that one metric orders methods as another does.

use super::bounded::{self, Bounds, FoundValue};
use super::part::Part;
use crate::cell::CellView;
use crate::linear_contrast::{DatasetCells, Place};
use std::collections::BTreeSet;
use valor_stats::metrics::rank::kendall;
use valor_stats::metrics::{self, Defined, Undefined};
use valor_stats::stats::{Rule, Studentised};

/// An order needs so many methods.
const LEAST_METHODS: usize = 3;

/// The one part: Kendall's tau-b over the methods of how good each is by either metric, per seed; the mean over seeds, then
/// over datasets.
pub(super) fn part(
    (metric, other): (&str, &str),
    place: &Place,
    (methods, tau_above): (&[String], f64),
    rule: &Rule,
    seeds: usize,
) -> Part {
    let blocks: Vec<Defined<Vec<Order>>> =
        place.datasets.iter().map(|cells| orders((metric, other), cells, methods)).collect();
    let least = blocks.iter().flatten().flatten().map(|order| order.methods).min();
    let counted = match least {
        Some(least) if least < methods.len() => format!("{least} of {} methods", methods.len()),
        Some(_) | None => format!("{} methods", methods.len()),
    };
    let what = format!("tau-b of {metric} and {other} over {counted}");
    let found = blocks.into_iter().collect::<Defined<Vec<_>>>().and_then(|blocks| found(&blocks));
    bounded::part(what, found, Bounds { least: Some(tau_above), most: None }, rule, seeds)
}

/// How far two metrics agree at one seed.
struct Order {
    tau: f64,
    /// Methods that have a value of both.
    methods: usize,
}

fn orders((metric, other): (&str, &str), cells: &DatasetCells, methods: &[String]) -> Defined<Vec<Order>> {
    let chosen: Vec<&CellView> =
        methods.iter().filter_map(|method| cells.find(method)).map(|one| one.cell).collect();
    let value = |cell: &CellView, name: &str, seed: u64| -> Option<f64> {
        let direction = metrics::find(name).ok()?.direction;
        cell.metrics.get(name)?.per_seed.get(&seed).map(|value| direction.merit(*value))
    };
    let estimates = chosen.iter().filter_map(|cell| cell.metrics.get(metric));
    let seeds: BTreeSet<u64> = estimates.flat_map(|found| found.per_seed.keys().copied()).collect();
    let order = |seed: u64| {
        let both = chosen.iter().filter_map(|cell| value(cell, metric, seed).zip(value(cell, other, seed)));
        let (first, second): (Vec<f64>, Vec<f64>) = both.unzip();
        let enough = first.len() >= LEAST_METHODS;
        enough.then(|| kendall(&first, &second).map(|tau| Order { tau, methods: first.len() }))
    };
    let found: Vec<Order> = seeds.into_iter().filter_map(order).collect::<Defined<_>>()?;
    if found.is_empty() {
        return Err(Undefined(format!(
            "no seed has {LEAST_METHODS} methods with both metrics on {}",
            cells.dataset
        )));
    }
    Ok(found)
}

fn found(blocks: &[Vec<Order>]) -> Defined<FoundValue> {
    let factor = 1.0 / blocks.len().max(1) as f64;
    let mean = |block: &Vec<Order>| {
        let values: Vec<f64> = block.iter().map(|order| order.tau).collect();
        Studentised::of(&values).map(|mean| (factor, mean))
    };
    let parts = blocks.iter().map(mean).collect::<Defined<Vec<_>>>()?;
    let whole = Studentised::sum(&parts)?;
    Ok(FoundValue { whole, over: "seeds", count: blocks.iter().map(Vec::len).sum() })
}
