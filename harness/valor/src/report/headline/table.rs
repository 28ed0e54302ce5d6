//! The table of the headline and that of components, rounded once: the page, Markdown and LaTeX print these strings.

use super::super::metric_names::printed;
use super::words::{decimals, number, signed};
use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::contrasts::ContrastView;
use valor_analysis::headline::{Column, Grid, KindMethod, KindView, verdict};
use valor_analysis::shown::{FITTED, MEAN, ORACLE, PROGNOSTIC, RANDOM};
use valor_base::question::Question;
use valor_page::format;
use valor_stats::metrics::Direction;
use valor_stats::stats::Verdict;

/// Methods of the table that stand open on the page; the others one click away.
const OPEN_ROWS: usize = 30;

/// Grids that are shown: one per kind of datasets.
const GRIDS: usize = 2;

/// The reference rankings that the table shows, and what it calls them.
pub(in super::super) fn references(analysis: &Analysis) -> Vec<(String, String)> {
    let fixed: &[(&str, &str)] = match analysis.asks {
        Question::Uplift => &[
            (RANDOM, "random ranking"),
            (PROGNOSTIC, "expected spend alone"),
            (FITTED, "expected spend alone (fitted)"),
            (ORACLE, "oracle: the true effect"),
        ],
        Question::Value => &[
            (RANDOM, "random ranking"),
            (MEAN, "mean of the training rows"),
            (ORACLE, "oracle: the true expectation"),
        ],
    };
    let owned = |(ranker, called): &(&str, &str)| (ranker.to_string(), called.to_string());
    let column = analysis.reference.iter().map(|name| (name.clone(), format!("ranking by {name}")));
    fixed.iter().map(owned).chain(column).collect()
}

/// The table of the headline.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(in super::super) struct StandingTable {
    /// Metrics, kind by kind.
    pub columns: Vec<ColumnText>,
    /// Methods and reference rankings, the best of the first column first.
    pub rows: Vec<RowText>,
    /// The others of a long table.
    pub more: Vec<RowText>,
    /// What the numbers and marks are.
    pub remark: String,
    /// What a reader should know about the rows.
    pub notes: Vec<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in super::super) struct ColumnText {
    /// The metric as people write it.
    pub title: String,
    /// The metric as files spell it.
    pub metric: String,
    /// The kind of datasets, where there are several.
    pub under: Option<String>,
    /// What is better.
    pub better: Direction,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in super::super) struct RowText {
    /// Its name.
    pub name: String,
    /// Whether it is no method.
    pub reference: bool,
    /// Whether it is what others stand beside.
    pub baseline: bool,
    /// Which seeds are not there.
    pub seeds: Option<String>,
    /// One per column.
    pub cells: Vec<CellText>,
}

/// A cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(in super::super) struct CellText {
    /// The mean.
    pub mean: Option<String>,
    /// Its interval.
    pub ends: Option<[String; 2]>,
    /// `better`, `worse`, `equivalent`: only where it is decided.
    pub verdict: Option<&'static str>,
    /// What stands in place of the mean.
    pub instead: Option<String>,
}

impl StandingTable {
    /// That of an analysis; without rows where nothing has a value.
    pub(super) fn new(analysis: &Analysis) -> Self {
        let headline = &analysis.headline;
        let Some(first) = headline.leading() else { return Self::default() };
        let kind = |column: &Column| &headline.kinds[column.kind];
        let several = headline.kinds.len() > 1;
        let columns = headline.columns.iter().map(|column| ColumnText {
            title: printed(&column.metric),
            metric: column.metric.clone(),
            under: several.then(|| kind(column).name.clone()),
            better: direction(analysis, &column.metric),
        });
        let mut rows: Vec<(Option<f64>, RowText)> = Vec::new();
        for place in first.ranked() {
            let method = &first.methods[place];
            let cells = headline.columns.iter().map(|column| method_cell(kind(column), column, place));
            rows.push((
                method.value(&first.metric),
                RowText {
                    name: method.method.clone(),
                    reference: false,
                    baseline: method.method == analysis.baseline,
                    seeds: seeds(headline.kinds.iter().map(|kind| &kind.methods[place])),
                    cells: cells.collect(),
                },
            ));
        }
        for (ranker, called) in references(analysis) {
            if let Some(row) = reference(first, &ranker, &called, &headline.columns, kind) {
                let worse = |value: Option<f64>| {
                    let merit = |value: f64| first.direction().merit(value);
                    value.is_none_or(|value| row.0.is_some_and(|reference| merit(value) < merit(reference)))
                };
                let at = rows.iter().position(|(value, _)| worse(*value)).unwrap_or(rows.len());
                rows.insert(at, row);
            }
        }
        let mut rows: Vec<RowText> = rows.into_iter().map(|(_, row)| row).collect();
        let more = if rows.len() > OPEN_ROWS + 2 { rows.split_off(OPEN_ROWS) } else { Vec::new() };
        Self { columns: columns.collect(), rows, more, remark: remark(analysis), notes: notes(analysis) }
    }
}

/// Notes on the rows, with the kind of datasets that they are on where there are several.
fn notes(analysis: &Analysis) -> Vec<String> {
    let several = analysis.headline.kinds.len() > 1;
    let of = |kind: &KindView| {
        let name = if several { format!("{}: ", kind.name) } else { String::new() };
        kind.notes.iter().map(|note| format!("{name}{note}")).collect::<Vec<_>>()
    };
    analysis.headline.kinds.iter().flat_map(of).collect()
}

/// What is better in a metric.
pub(in super::super) fn direction(analysis: &Analysis, metric: &str) -> Direction {
    let found = analysis.metrics.iter().find(|known| known.name == metric);
    found.map_or(Direction::Neither, |metric| metric.direction)
}

fn remark(analysis: &Analysis) -> String {
    let averaged = analysis.headline.kinds.iter().any(|kind| kind.datasets.len() > 1);
    let over = if averaged {
        "Means over seeds and the datasets of a kind, each counted once"
    } else {
        "Means over seeds"
    };
    format!(
        "{over}, with 95 % intervals over seeds and test rows. \u{25b2} better, \u{25bc} worse, = no different for what \
         matters than {}, each only where it is decided (after Holm); without a mark we cannot tell.",
        analysis.baseline
    )
}

/// Seeds that are not there, over all kinds; nothing where all are.
fn seeds<'a>(methods: impl Iterator<Item = &'a KindMethod>) -> Option<String> {
    let (found, asked) = methods
        .fold((0, 0), |(found, asked), method| (found + method.seeds.found, asked + method.seeds.asked));
    (found < asked).then(|| format!("{found}/{asked} runs"))
}

fn method_cell(kind: &KindView, column: &Column, place: usize) -> CellText {
    let Some(method) = kind.methods.get(place) else { return CellText::default() };
    let Some(found) = method.metrics.get(&column.metric) else { return CellText::default() };
    let decimals = decimals(kind, &column.metric);
    let decided = method.beside.as_ref().filter(|_| column.decides);
    CellText {
        mean: found.value().map(|value| number(value, decimals)),
        ends: found
            .interval()
            .filter(|_| column.decides)
            .map(|(low, high)| [number(low, decimals), number(high, decimals)]),
        verdict: decided.and_then(mark),
        instead: found
            .mean
            .as_ref()
            .err()
            .and_then(|_| method.seeds.unconverged().filter(|_| method.seeds.found == 0)),
    }
}

/// The verdict where it is decided.
fn mark(contrast: &ContrastView) -> Option<&'static str> {
    Some(verdict(contrast)).filter(|found| *found != Verdict::Inconclusive).map(Verdict::word)
}

/// A reference ranking with its value in the first column; nothing where it has none there.
fn reference<'a>(
    first: &KindView,
    ranker: &str,
    called: &str,
    columns: &[Column],
    kind: impl Fn(&Column) -> &'a KindView,
) -> Option<(Option<f64>, RowText)> {
    let value = |kind: &KindView, metric: &str| {
        kind.references.iter().find(|row| row.ranker == ranker)?.metrics.get(metric).copied()
    };
    let own = value(first, &first.metric)?;
    let cell = |column: &Column| {
        let kind = kind(column);
        let decimals = decimals(kind, &column.metric);
        CellText {
            mean: value(kind, &column.metric).map(|value| number(value, decimals)),
            ..CellText::default()
        }
    };
    let row = RowText {
        name: called.to_string(),
        reference: true,
        baseline: false,
        seeds: None,
        cells: columns.iter().map(cell).collect(),
    };
    Some((Some(own), row))
}

/// What components add, backbone by backbone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in super::super) struct StepTable {
    /// What it shows.
    pub title: String,
    /// Backbones.
    pub columns: Vec<String>,
    /// The full model, then components.
    pub rows: Vec<StepRow>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(in super::super) struct StepRow {
    /// What is added.
    pub name: String,
    /// What to.
    pub to: String,
    /// Whether it is all of VALOR.
    pub all: bool,
    /// One per backbone.
    pub cells: Vec<StepCell>,
}

/// What a step adds on a backbone.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(in super::super) struct StepCell {
    /// The difference; nothing where there is none.
    pub text: Option<String>,
    /// `better`, `worse`, `equivalent`: only where it is decided.
    pub verdict: Option<&'static str>,
}

impl StepTable {
    /// Of all grids together; nothing where there is none.
    pub(super) fn new(analysis: &Analysis) -> Option<Self> {
        let headline = &analysis.headline;
        let first = headline.grids.first()?;
        let grids = headline.grids.iter().take(GRIDS);
        let steps = grids.clone().any(|grid| !grid.steps.is_empty());
        Some(Self {
            title: format!(
                "What VALOR{} adds{}",
                if steps { ", and each of its steps," } else { "" },
                in_metric(analysis)
            ),
            columns: first.lines.iter().map(|line| line.alone.clone()).collect(),
            rows: grids.flat_map(|grid| rows(analysis, grid)).collect(),
        })
    }
}

/// ` in AUUC` where all kinds that are shown are compared in the same metric.
fn in_metric(analysis: &Analysis) -> String {
    let metrics = analysis.headline.kinds.iter().take(GRIDS).map(|kind| kind.metric.as_str());
    let metrics: Vec<&str> = metrics.collect();
    match metrics.as_slice() {
        [first, others @ ..] if others.iter().all(|other| other == first) => {
            format!(" in {}", printed(first))
        }
        _ => String::new(),
    }
}

/// The full model, then every step.
fn rows(analysis: &Analysis, grid: &Grid) -> Vec<StepRow> {
    let contrasts = || {
        let steps = grid.steps.iter().flat_map(|step| step.gains.iter().flatten());
        grid.lines.iter().map(|line| &line.gain.contrast).chain(steps)
    };
    let decimals = format::decimals(contrasts().filter_map(ContrastView::value)).saturating_sub(1).min(3);
    let cell = |contrast: Option<&ContrastView>| StepCell {
        text: contrast.and_then(ContrastView::value).map(|value| signed(value, decimals)),
        verdict: contrast.and_then(mark),
    };
    let kind = &analysis.headline.kinds[grid.kind];
    let place = match (analysis.headline.kinds.len(), in_metric(analysis).is_empty()) {
        (1, _) => "all four".to_string(),
        (_, false) => format!("on {}", kind.name),
        (_, true) => format!("{} on {}", printed(&kind.metric), kind.name),
    };
    let full = StepRow {
        name: "VALOR".to_string(),
        to: place,
        all: true,
        cells: grid.lines.iter().map(|line| cell(Some(&line.gain.contrast))).collect(),
    };
    let steps = grid.steps.iter().map(|step| StepRow {
        name: format!("+{}", step.component),
        to: if step.to.is_empty() { "alone".to_string() } else { format!("to {}", step.to.join(" + ")) },
        all: false,
        cells: step.gains.iter().map(|gain| cell(gain.as_ref())).collect(),
    });
    std::iter::once(full).chain(steps).collect()
}
