//! What each component does, over backbones: least squares with a level for every backbone, dataset and seed.

use super::combination::Side;
use super::estimate::LEVEL;
use crate::spec::groups::{backbones, by_components};
use crate::spec::{Experiment, NamedMethod};
use crate::stats::{Interval, Studentised, WithinBlocks, holm, within_blocks};
use serde::Serialize;
use std::collections::BTreeMap;

/// A fitted model of one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EffectsView {
    /// Metric.
    pub metric: String,
    /// What was fitted, e.g. `auuc ~ backbone:dataset:seed + ziln + wr + ziln:wr`.
    pub formula: String,
    /// Whether pairs of components have effects of their own.
    pub interactions: bool,
    /// Values fitted.
    pub rows: usize,
    /// Backbones times datasets times seeds.
    pub blocks: usize,
    /// Residual standard deviation.
    pub residual: Option<f64>,
    /// Effects, in the order of the formula; empty with a reason.
    pub terms: Vec<EffectView>,
    /// Why there are none.
    pub reason: Option<String>,
}

/// An effect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EffectView {
    /// Component, or two joined by a colon; components that only occur together joined by a plus.
    pub name: String,
    /// In units of the metric; null where it cannot be told apart.
    pub estimate: Option<f64>,
    /// For these backbones, datasets and component sets.
    pub ci: Option<Interval>,
    /// Two-sided p-value of no effect.
    pub p: Option<f64>,
    /// The same after Holm over the terms of the model.
    pub p_adjusted: Option<f64>,
    /// For backbones at large: Student t over the estimates of each backbone alone.
    pub ci_backbones: Option<Interval>,
    /// The terms that it cannot be told apart from.
    pub alias_of: Vec<String>,
}

/// A value with what it is a value of.
struct Row<'a> {
    backbone: usize,
    block: usize,
    components: &'a [String],
    value: f64,
}

/// For every metric of the table two models: components alone, and with their pairs. Nothing where fewer than three sets
/// of components were run.
pub fn effects(asked: &Experiment, datasets: &[Vec<Side>]) -> Vec<EffectsView> {
    let rows = |metric: &str| rows(asked, datasets, metric);
    let models = |metric: &String| {
        let rows = rows(metric);
        let switches = switches(&rows);
        let pairs = pairs(&switches, &rows);
        if switches.len() < 2 {
            return Vec::new();
        }
        let additive = model(metric, &switches, &rows, false);
        let both: Vec<Switch> = switches.iter().chain(&pairs).cloned().collect();
        let joint = (!pairs.is_empty()).then(|| model(metric, &both, &rows, true));
        std::iter::once(additive).chain(joint).collect()
    };
    asked.metrics.iter().flat_map(models).collect()
}

fn rows<'a>(asked: &'a Experiment, datasets: &[Vec<Side>], metric: &str) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let mut blocks: BTreeMap<(usize, usize, u64), usize> = BTreeMap::new();
    for (backbone, name) in backbones(&asked.methods).into_iter().enumerate() {
        let methods: Vec<&NamedMethod> = by_components(&asked.methods, name);
        for (dataset, sides) in datasets.iter().enumerate() {
            for method in methods.iter().filter(|_| methods.len() > 1) {
                let cell = sides.iter().find(|side| side.cell.method == method.name).map(|side| side.cell);
                let found = cell.and_then(|cell| cell.metrics.get(metric));
                for (seed, value) in found.into_iter().flat_map(|found| &found.per_seed) {
                    let next = blocks.len();
                    let block = *blocks.entry((backbone, dataset, *seed)).or_insert(next);
                    rows.push(Row { backbone, block, components: &method.components, value: *value });
                }
            }
        }
    }
    rows
}

/// What is switched on together: a name, and the components that all have to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Switch {
    name: String,
    components: Vec<String>,
}

impl Switch {
    fn is_on(&self, row: &Row) -> bool {
        self.components.iter().all(|component| row.components.contains(component))
    }

    fn column(&self, rows: &[Row]) -> Vec<bool> {
        rows.iter().map(|row| self.is_on(row)).collect()
    }
}

/// Components in the order in which they appear; those that only occur together are one switch.
fn switches(rows: &[Row]) -> Vec<Switch> {
    let mut found: Vec<(Switch, Vec<bool>)> = Vec::new();
    for component in rows.iter().flat_map(|row| row.components) {
        if found.iter().any(|(switch, _)| switch.components.contains(component)) {
            continue;
        }
        let own = Switch { name: component.clone(), components: vec![component.clone()] };
        let column = own.column(rows);
        match found.iter_mut().find(|(_, other)| *other == column) {
            Some((switch, _)) => {
                switch.name += &format!("+{component}");
                switch.components.push(component.clone());
            }
            None => found.push((own, column)),
        }
    }
    found.into_iter().map(|(switch, _)| switch).collect()
}

/// Pairs of switches that occur together, and that are not one of the two alone.
fn pairs(switches: &[Switch], rows: &[Row]) -> Vec<Switch> {
    let mut found = Vec::new();
    for (index, first) in switches.iter().enumerate() {
        for second in &switches[index + 1..] {
            let components = [first.components.clone(), second.components.clone()].concat();
            let both = Switch { name: format!("{}:{}", first.name, second.name), components };
            let column = both.column(rows);
            let new = column.contains(&true) && column != first.column(rows) && column != second.column(rows);
            found.extend(new.then_some(both));
        }
    }
    found
}

fn fit(switches: &[Switch], rows: &[&Row]) -> Result<WithinBlocks, String> {
    let blocks: Vec<usize> = rows.iter().map(|row| row.block).collect();
    let on = |row: &&Row| switches.iter().map(|switch| f64::from(u8::from(switch.is_on(row)))).collect();
    let columns: Vec<Vec<f64>> = rows.iter().map(on).collect();
    let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
    within_blocks(&blocks, &columns, &values).map_err(|undefined| undefined.to_string())
}

fn model(metric: &str, switches: &[Switch], rows: &[Row], interactions: bool) -> EffectsView {
    let names: Vec<&str> = switches.iter().map(|switch| switch.name.as_str()).collect();
    let all: Vec<&Row> = rows.iter().collect();
    let empty = EffectsView {
        metric: metric.to_string(),
        formula: format!("{metric} ~ backbone:dataset:seed + {}", names.join(" + ")),
        interactions,
        rows: rows.len(),
        blocks: 0,
        residual: None,
        terms: Vec::new(),
        reason: None,
    };
    let found = match fit(switches, &all) {
        Ok(found) => found,
        Err(reason) => return EffectsView { reason: Some(reason), ..empty },
    };
    let alone = of_each_backbone(switches, rows);
    let p_values: Vec<Option<f64>> = found
        .coefficients
        .iter()
        .map(|one| one.as_ref().ok().and_then(|tested| tested.p_value(0.0).ok()))
        .collect();
    let terms =
        found.coefficients.iter().zip(holm(&p_values)).enumerate().map(|(index, (coefficient, adjusted))| {
            let tested = coefficient.as_ref().ok();
            let alias = coefficient.as_ref().err().map(|alias| alias.0.clone()).unwrap_or_default();
            let of_backbones: Vec<f64> = alone.iter().filter_map(|backbone| backbone[index]).collect();
            EffectView {
                name: names[index].to_string(),
                estimate: tested.map(|tested| tested.mean),
                ci: tested.and_then(|tested| {
                    interval(tested, "Student t, least squares within blocks", ("seeds", found.rows))
                }),
                p: p_values[index],
                p_adjusted: adjusted,
                ci_backbones: tested.and_then(|_| Studentised::of(&of_backbones).ok()).and_then(|tested| {
                    interval(
                        &tested,
                        "Student t of the estimates of each backbone",
                        ("backbones", of_backbones.len()),
                    )
                }),
                alias_of: alias.into_iter().map(|index| names[index].to_string()).collect(),
            }
        });
    EffectsView { blocks: found.blocks, residual: Some(found.residual), terms: terms.collect(), ..empty }
}

/// The effects in each backbone alone, where it tells them apart.
fn of_each_backbone(switches: &[Switch], rows: &[Row]) -> Vec<Vec<Option<f64>>> {
    let count = rows.iter().map(|row| row.backbone + 1).max().unwrap_or(0);
    let estimates = |backbone: usize| {
        let own: Vec<&Row> = rows.iter().filter(|row| row.backbone == backbone).collect();
        let found = fit(switches, &own).ok()?;
        Some(found.coefficients.into_iter().map(|one| one.ok().map(|tested| tested.mean)).collect())
    };
    (0..count).filter_map(estimates).collect()
}

fn interval(tested: &Studentised, method: &str, (over, n): (&str, usize)) -> Option<Interval> {
    let (low, high) = tested.interval(LEVEL).ok()?;
    let (method, over) = (method.to_string(), over.to_string());
    Some(Interval { low, high, level: LEVEL, method, over, n, resamples: None, note: None })
}
