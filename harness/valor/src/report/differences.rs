//! Differences from the baseline as text, rounded once: Markdown and HTML print these strings.

use super::table::{Note, Notes, Table};
use serde::Serialize;
use std::collections::BTreeSet;
use valor_analysis::Analysis;
use valor_analysis::contrasts::ContrastView;
use valor_analysis::estimate::reason;
use valor_page::format;
use valor_page::format::p_text;
use valor_stats::metrics::Direction;

/// Metrics that stand in the foreground: the first of the table.
pub const PRIMARY: usize = 4;

/// Name of the column that averages over datasets.
const AVERAGE: &str = "average";

/// All metrics with the notes that their marks refer to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differences {
    /// In the order of the table; none if the baseline is the only method.
    pub metrics: Vec<MetricDifferences>,
    /// Why a difference or its interval is absent, in order of their marks.
    pub notes: Vec<Note>,
}

/// Differences in one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricDifferences {
    /// Metric.
    pub name: String,
    /// What is better.
    pub better: Direction,
    /// Decimals of every number.
    pub decimals: usize,
    /// Datasets, then `average` if there are several.
    pub columns: Vec<String>,
    /// Methods without the baseline.
    pub rows: Vec<DifferenceRow>,
}

/// A method.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DifferenceRow {
    /// Its name.
    pub name: String,
    /// One per column.
    pub cells: Vec<Difference>,
}

/// A rounded contrast.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// With its sign; absent if undefined.
    pub value: Option<String>,
    /// Interval over seeds and test rows, or over seeds where rows have none.
    pub ci: Option<[String; 2]>,
    /// `better`, `worse`, `equivalent`, `inconclusive`; absent where no value is better.
    pub verdict: Option<&'static str>,
    /// What the verdict rests on: the p-value after Holm.
    pub p: Option<String>,
    /// `paired/asked` where a seed has no pair.
    pub of: Option<String>,
    /// Mark of the note that says why something is absent.
    pub mark: Option<String>,
}

impl Differences {
    /// Rounds the contrasts of an analysis, with the decimals of its table.
    pub fn new(analysis: &Analysis, table: &Table) -> Self {
        let mut notes = Notes::default();
        let mut metrics = Vec::new();
        for column in &table.columns {
            let of_metric = || analysis.contrasts.iter().filter(|contrast| contrast.metric == column.name);
            let mut rows: Vec<DifferenceRow> = Vec::new();
            for contrast in of_metric() {
                let cell = rounded(contrast, column.decimals, asked(analysis, contrast), &mut notes);
                match rows.iter_mut().find(|row| row.name == contrast.method) {
                    Some(row) => row.cells.push(cell),
                    None => rows.push(DifferenceRow { name: contrast.method.clone(), cells: vec![cell] }),
                }
            }
            if !rows.is_empty() {
                metrics.push(MetricDifferences {
                    name: column.name.clone(),
                    better: column.better,
                    decimals: column.decimals,
                    columns: columns(analysis),
                    rows,
                });
            }
        }
        Self { metrics, notes: notes.numbered() }
    }

    /// The notes that the last column of the first `PRIMARY` metrics refers to.
    pub fn primary_notes(&self) -> impl Iterator<Item = &Note> {
        let rows = self.metrics.iter().take(PRIMARY).flat_map(|metric| &metric.rows);
        let marks: BTreeSet<&String> =
            rows.filter_map(|row| row.cells.last()).filter_map(|cell| cell.mark.as_ref()).collect();
        self.notes.iter().filter(move |note| marks.contains(&note.mark))
    }
}

fn columns(analysis: &Analysis) -> Vec<String> {
    let mut columns: Vec<String> = analysis.blocks.iter().map(|block| block.dataset.clone()).collect();
    if columns.len() > 1 {
        columns.push(AVERAGE.to_string());
    }
    columns
}

fn asked(analysis: &Analysis, contrast: &ContrastView) -> usize {
    analysis.seeds.len() * if contrast.dataset.is_some() { 1 } else { analysis.blocks.len() }
}

fn rounded(contrast: &ContrastView, decimals: usize, asked: usize, notes: &mut Notes) -> Difference {
    let text = |value: f64| format::number(value, decimals);
    let absent = reason(&contrast.difference).or(reason(contrast.interval()));
    let absent = absent.or(contrast.undecided.as_deref());
    let p = contrast.decided.as_ref().and_then(|decided| decided.p_adjusted);
    let short = contrast.difference.is_ok() && contrast.seeds_paired < asked;
    Difference {
        value: contrast.value().map(|value| format::signed(&text(value))),
        ci: contrast.interval().as_ref().ok().map(|interval| [text(interval.low), text(interval.high)]),
        verdict: contrast.decided.as_ref().map(|decided| decided.verdict.word()),
        p: p.map(p_text),
        of: short.then(|| format!("{}/{asked}", contrast.seeds_paired)),
        mark: absent.map(|reason| notes.mark(reason)),
    }
}
