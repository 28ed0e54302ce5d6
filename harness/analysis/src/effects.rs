//! What each component does, over backbones: least squares with a level for every backbone, dataset and seed.

use super::comparisons::Deciding;
use super::estimate::{LEVEL, mean};
use super::linear_contrast::{DatasetCells, ResampledCell};
use serde::Serialize;
use std::collections::BTreeMap;
use valor_runs::spec::groups::{backbones, by_components};
use valor_runs::spec::{Experiment, NamedMethod};
use valor_stats::metrics::{self, Defined, Direction, Undefined};
use valor_stats::stats::{
    Interval, Law, POWER, Resampled, Rule, Studentised, Verdict, WithinBlocks, holm, seeds_and_rows,
    within_blocks,
};

const DIFFERENT_SEEDS: &str = "methods of a backbone finished different seeds";

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
    /// For these backbones, datasets and component sets: over seeds and test rows together, over seeds where rows have none.
    pub ci: Option<Interval>,
    /// Why test rows are not in it.
    pub rows_reason: Option<String>,
    /// Two-sided p-value of no effect.
    pub p: Option<f64>,
    /// The same after Holm over the terms of the model.
    pub p_adjusted: Option<f64>,
    /// By the rule of all comparisons, Holm over the terms of the model; nothing where no value of the metric is better.
    pub verdict: Option<Verdict>,
    /// Half width of the region of practical equivalence.
    pub margin: Option<f64>,
    /// For backbones at large: Student t over the estimates of each backbone alone.
    pub ci_backbones: Option<Interval>,
    /// The terms that it cannot be told apart from.
    pub alias_of: Vec<String>,
}

/// A value with what it is a value of.
struct Row<'a> {
    backbone: usize,
    block: usize,
    /// Place of its dataset.
    dataset: usize,
    /// Its cell: the rows of all seeds of a cell are resampled together.
    cell: &'a ResampledCell<'a>,
    components: &'a [String],
    value: f64,
}

/// For every metric of the table two models: components alone, and with their pairs. Nothing where fewer than three sets
/// of components were run.
pub fn effects(asked: &Experiment, datasets: &[DatasetCells], deciding: &Deciding) -> Vec<EffectsView> {
    let everywhere: Vec<&str> = datasets.iter().map(|one| one.dataset).collect();
    let models = |metric: &String| {
        let rows = rows(asked, datasets, metric);
        let switches = switches(&rows);
        let pairs = pairs(&switches, &rows);
        if switches.len() < 2 {
            return Vec::new();
        }
        let warning = deciding.totals.warning(metric, &everywhere);
        let court = Court { deciding, level: level(asked, datasets, metric), warning };
        let additive = model(metric, &switches, &rows, false, &court);
        let both: Vec<Switch> = switches.iter().chain(&pairs).cloned().collect();
        let joint = (!pairs.is_empty()).then(|| model(metric, &both, &rows, true, &court));
        std::iter::once(additive).chain(joint).collect()
    };
    asked.metrics.iter().flat_map(models).collect()
}

/// What verdicts of effects rest on.
struct Court<'a> {
    deciding: &'a Deciding<'a>,
    /// What shares of the region of practical equivalence refer to: the baseline.
    level: f64,
    /// Why the metric decides nothing.
    warning: Option<String>,
}

/// Mean over datasets of the absolute mean of the baseline.
fn level(asked: &Experiment, datasets: &[DatasetCells], metric: &str) -> f64 {
    let baseline =
        |cells: &DatasetCells| Some(cells.find(&asked.baseline)?.cell.metrics.get(metric)?.value()?.abs());
    mean(datasets.iter().filter_map(baseline)).unwrap_or(0.0)
}

fn rows<'a>(asked: &'a Experiment, datasets: &'a [DatasetCells<'a>], metric: &str) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let mut blocks: BTreeMap<(usize, usize, u64), usize> = BTreeMap::new();
    for (backbone, name) in backbones(&asked.methods).into_iter().enumerate() {
        let methods: Vec<&NamedMethod> = by_components(&asked.methods, name);
        for (dataset, cells) in datasets.iter().enumerate() {
            for method in methods.iter().filter(|_| methods.len() > 1) {
                let Some(one) = cells.find(&method.name) else { continue };
                let found = one.cell.metrics.get(metric);
                for (seed, value) in found.into_iter().flat_map(|found| &found.per_seed) {
                    let next = blocks.len();
                    let block = *blocks.entry((backbone, dataset, *seed)).or_insert(next);
                    let components = method.components.as_slice();
                    rows.push(Row { backbone, block, dataset, cell: one, components, value: *value });
                }
            }
        }
    }
    rows
}

/// A coefficient under every resample of the test rows: it is a sum over cells of their seed-averaged values.
fn resampled(rows: &[Row], weights: &[f64], metric: &str) -> Defined<Resampled> {
    let mut datasets: BTreeMap<usize, Vec<(f64, &ResampledCell)>> = BTreeMap::new();
    for (row, weight) in rows.iter().zip(weights) {
        let cells = datasets.entry(row.dataset).or_default();
        match cells.iter_mut().find(|(_, one)| one.cell.method == row.cell.cell.method) {
            Some((sum, _)) => *sum += weight,
            None => cells.push((*weight, row.cell)),
        }
    }
    let seeds = |row: &Row| {
        let found = row.cell.cell.metrics.get(metric);
        found.map(|found| found.per_seed.keys().copied().collect::<Vec<_>>())
    };
    let mut finished: BTreeMap<(usize, usize), Option<Vec<u64>>> = BTreeMap::new();
    for row in rows {
        let seeds = seeds(row);
        if *finished.entry((row.backbone, row.dataset)).or_insert_with(|| seeds.clone()) != seeds {
            return Err(Undefined::new(DIFFERENT_SEEDS));
        }
    }
    let mut parts = Vec::new();
    for cells in datasets.values() {
        let of_cell = |(weight, one): &(f64, &ResampledCell)| {
            let found = one.resamples.metrics.get(metric).cloned();
            found.unwrap_or_else(|| Err(Undefined::new("not resampled"))).map(|found| (*weight, found))
        };
        let found: Vec<(f64, Resampled)> = cells.iter().map(of_cell).collect::<Result<_, _>>()?;
        let terms: Vec<(f64, &Resampled)> = found.iter().map(|(weight, found)| (*weight, found)).collect();
        parts.push(Resampled::sum(&terms).map_err(|error| Undefined(format!("{error:#}")))?);
    }
    let mean = Resampled::mean(&parts).map_err(|error| Undefined(format!("{error:#}")))?;
    Resampled::sum(&[(parts.len() as f64, &mean)]).map_err(|error| Undefined(format!("{error:#}")))
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

fn fit(switches: &[Switch], rows: &[&Row]) -> Defined<WithinBlocks> {
    let blocks: Vec<usize> = rows.iter().map(|row| row.block).collect();
    let on = |row: &&Row| switches.iter().map(|switch| f64::from(u8::from(switch.is_on(row)))).collect();
    let columns: Vec<Vec<f64>> = rows.iter().map(on).collect();
    let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
    within_blocks(&blocks, &columns, &values)
}

fn model(metric: &str, switches: &[Switch], rows: &[Row], interactions: bool, court: &Court) -> EffectsView {
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
    let found = match (&court.warning, fit(switches, &all)) {
        (Some(reason), _) => return EffectsView { reason: Some(reason.clone()), ..empty },
        (None, Err(reason)) => return EffectsView { reason: Some(reason.0), ..empty },
        (None, Ok(found)) => found,
    };
    let alone = of_each_backbone(switches, rows);
    let tested: Vec<Option<Term>> = (0..names.len()).map(|index| term(&found, index, rows, metric)).collect();
    let p_values: Vec<Option<f64>> =
        tested.iter().map(|term| term.as_ref().and_then(|term| term.whole.p_value(0.0).ok())).collect();
    let terms = tested.iter().zip(holm(&p_values)).enumerate().map(|(index, (term, adjusted))| {
        let alias = found.coefficients[index].as_ref().err().map(|alias| alias.0.clone()).unwrap_or_default();
        let of_backbones: Vec<f64> = alone.iter().filter_map(|backbone| backbone[index]).collect();
        let at_large = term.as_ref().and_then(|term| {
            Some(Studentised { rows: term.whole.rows, ..Studentised::of(&of_backbones).ok()? })
        });
        let verdict = term.as_ref().and_then(|term| court.verdict(metric, term, adjusted, names.len()));
        EffectView {
            name: names[index].to_string(),
            estimate: term.as_ref().map(|term| term.whole.mean),
            ci: term.as_ref().and_then(|term| {
                term.interval(&term.whole, "Student t, least squares within blocks", "seeds", found.rows)
            }),
            rows_reason: term.as_ref().and_then(|term| term.rows.clone().err().map(|undefined| undefined.0)),
            p: p_values[index],
            p_adjusted: adjusted,
            verdict: verdict.map(|(verdict, _)| verdict),
            margin: verdict.map(|(_, margin)| margin),
            ci_backbones: term.as_ref().zip(at_large).and_then(|(term, at_large)| {
                let method = "Student t of the estimates of each backbone";
                term.interval(&at_large, method, "backbones", of_backbones.len())
            }),
            alias_of: alias.into_iter().map(|index| names[index].to_string()).collect(),
        }
    });
    EffectsView { blocks: found.blocks, residual: Some(found.residual), terms: terms.collect(), ..empty }
}

/// A coefficient that can be told apart.
struct Term {
    whole: Studentised,
    /// How test rows are in it, or why not.
    rows: Defined<Law>,
}

fn term(found: &WithinBlocks, index: usize, rows: &[Row], metric: &str) -> Option<Term> {
    let seeds = *found.coefficients[index].as_ref().ok()?;
    let both = resampled(rows, &found.weights[index], metric)
        .and_then(|rows| Ok((seeds_and_rows(&seeds, &rows)?, rows.law)));
    Some(match both {
        Ok((whole, law)) => Term { whole, rows: Ok(law) },
        Err(reason) => Term { whole: seeds, rows: Err(reason) },
    })
}

impl Term {
    fn interval(&self, tested: &Studentised, method: &str, over: &str, n: usize) -> Option<Interval> {
        let (low, high) = tested.interval(LEVEL).ok()?;
        let (method, over) = match self.rows {
            Ok(law) => (
                format!("half-widths in quadrature: {method}, {} of test rows", law.method()),
                format!("{over} and test rows"),
            ),
            Err(_) => (method.to_string(), over.to_string()),
        };
        Some(Interval { low, high, level: LEVEL, method, over, n, resamples: None, note: None })
    }
}

impl Court<'_> {
    /// The word, with the region of practical equivalence.
    fn verdict(
        &self,
        metric: &str,
        term: &Term,
        adjusted: Option<f64>,
        family: usize,
    ) -> Option<(Verdict, f64)> {
        let gain = match metrics::find(metric).map_or(Direction::Neither, |metric| metric.direction) {
            Direction::Higher => term.whole,
            Direction::Lower => term.whole.negative(),
            Direction::Zero | Direction::One | Direction::Neither => return None,
        };
        let margin = self.deciding.margin(metric, self.level);
        let rule = Rule { level: LEVEL, power: POWER, family, margin };
        Some((rule.verdict(&gain, adjusted), margin))
    }
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
