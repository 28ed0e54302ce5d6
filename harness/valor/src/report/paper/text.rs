//! The paper beside us as text, rounded as the paper rounds: the page, Markdown and LaTeX print these strings.

use crate::report::table::{Note, Notes};
use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::paper::{Half, Ordering, PaperCell, PaperVerdict, Step};
use valor_page::format;
use valor_runs::spec::PaperTable;

/// A table of the paper beside ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PaperText {
    /// `Table 1`.
    pub title: String,
    /// Its halves.
    pub halves: Vec<HalfText>,
    /// Reasons and remarks, in order of their marks.
    pub notes: Vec<Note>,
}

/// Half a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct HalfText {
    /// `Synthetic`, or `Production: proprietary, not reproducible`.
    pub heading: String,
    /// What the data have in common, and how large they are.
    pub note: String,
    /// How many cells have which verdict.
    pub counts: String,
    /// Column headings of the paper with our metric.
    pub columns: Vec<[String; 2]>,
    /// Rows under their groups.
    pub groups: Vec<GroupText>,
    /// Sentences on the order of the rows.
    pub orderings: Vec<[String; 4]>,
    /// Signs of steps, a line per step and column.
    pub steps: Vec<[String; 8]>,
}

/// Rows under one heading of the paper.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GroupText {
    /// The heading.
    pub name: String,
    /// Its rows.
    pub rows: Vec<RowText>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RowText {
    /// As the paper calls it.
    pub name: String,
    /// Our method, where it is called otherwise.
    pub method: Option<String>,
    /// One per column.
    pub cells: Vec<CellText>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CellText {
    /// As printed, a dash where the paper has none.
    pub paper: String,
    /// Mark of a remark on the paper's figure.
    pub flags: Vec<String>,
    /// Ours, with the paper's decimals; a dash where there is none.
    pub ours: String,
    /// The verdict.
    pub verdict: PaperVerdict,
    /// In words.
    pub words: String,
    /// Mark of the reason, where nothing is compared.
    pub mark: Option<String>,
    /// Difference with its interval.
    pub difference: Option<String>,
    /// The smallest detectable difference.
    pub detectable: Option<String>,
}

impl PaperText {
    /// Rounds what an analysis has of the paper; nothing if the experiment names no table.
    pub(crate) fn new(analysis: &Analysis) -> Option<Self> {
        let paper = analysis.paper.as_ref()?;
        let mut notes = Notes::default();
        let halves = paper.halves.iter().map(|half| half_text(analysis, half, &mut notes)).collect();
        Some(Self { title: title(paper.table).to_string(), halves, notes: notes.numbered() })
    }
}

/// As the paper calls a table.
pub(super) fn title(table: PaperTable) -> &'static str {
    match table {
        PaperTable::Table1 => "Table 1",
        PaperTable::Table2 => "Table 2",
    }
}

fn half_text(analysis: &Analysis, half: &Half, notes: &mut Notes) -> HalfText {
    let decimals: Vec<usize> = (0..half.columns.len()).map(|column| decimals(half, column)).collect();
    let mut groups: Vec<GroupText> = Vec::new();
    for row in &half.rows {
        let cells = row.cells.iter().zip(&decimals).map(|(cell, decimals)| cell_text(cell, *decimals, notes));
        let text = RowText {
            name: row.row.clone(),
            method: (row.method != row.row).then(|| row.method.clone()),
            cells: cells.collect(),
        };
        match groups.last_mut().filter(|group| group.name == row.group) {
            Some(group) => group.rows.push(text),
            None => groups.push(GroupText { name: row.group.clone(), rows: vec![text] }),
        }
    }
    let compared =
        half.rows.iter().flat_map(|row| &row.cells).any(|cell| cell.comparison.difference.is_some());
    HalfText {
        heading: heading(half, compared),
        note: format!("{} {}", half.note, size(analysis, half)),
        counts: counts(half),
        columns: half
            .columns
            .iter()
            .map(|column| {
                [column.title.clone(), column.instead.clone().unwrap_or_else(|| column.metric.clone())]
            })
            .collect(),
        groups,
        orderings: half.orderings.iter().map(ordering).collect(),
        steps: half.steps.iter().map(step).collect(),
    }
}

fn heading(half: &Half, compared: bool) -> String {
    let mut name = half.half.clone();
    name[..1].make_ascii_uppercase();
    if compared {
        format!("{name} data beside {}", half.source)
    } else {
        format!("{name} data: not comparable with {}", half.source)
    }
}

/// How much was trained on, here and there.
fn size(analysis: &Analysis, half: &Half) -> String {
    let rows = analysis.blocks.iter().filter(|block| half.datasets.contains(&block.dataset));
    let train = rows.filter_map(|block| Some(block.rows?.train)).max();
    let over = match half.datasets.len() {
        0 | 1 => String::new(),
        several => format!(", averaged over {several} datasets"),
    };
    let ours = train.map_or_else(String::new, |rows| format!("; ours on {} rows{over}", format::count(rows)));
    format!("The paper trained on four fifths of 236,421 rows for 30 epochs{ours}.")
}

fn counts(half: &Half) -> String {
    let verdicts =
        [PaperVerdict::Reproduced, PaperVerdict::WithinNoise, PaperVerdict::Off, PaperVerdict::NotComparable];
    let cells = || half.rows.iter().flat_map(|row| &row.cells).map(|cell| cell.comparison.verdict);
    let count = |verdict: PaperVerdict| {
        format!("{} {}", cells().filter(|found| *found == verdict).count(), verdict.words())
    };
    verdicts.map(count).join(", ")
}

/// Decimals of the paper's figures in a column.
pub(super) fn decimals(half: &Half, column: usize) -> usize {
    let printed = half.rows.iter().filter_map(|row| row.cells[column].printed.as_ref());
    printed.filter_map(|text| Some(text.split_once('.')?.1.len())).max().unwrap_or(4)
}

fn cell_text(cell: &PaperCell, decimals: usize, notes: &mut Notes) -> CellText {
    let number = |value: f64| format::number(value, decimals);
    let found = &cell.comparison;
    let silent = found.verdict == PaperVerdict::NotComparable && cell.printed.is_some();
    let interval = found.difference.zip(found.interval);
    CellText {
        paper: cell.printed.clone().unwrap_or_else(|| "\u{2013}".to_string()),
        flags: cell.flags.iter().map(|flag| notes.mark(flag)).collect(),
        ours: cell.figure().map_or_else(|| "\u{2013}".to_string(), number),
        verdict: found.verdict,
        words: found.verdict.words().to_string(),
        mark: silent.then(|| notes.mark(&found.reason)),
        difference: interval.map(|(difference, [low, high])| {
            format!("{} [{}, {}]", format::signed(&number(difference)), number(low), number(high))
        }),
        detectable: found.detectable.map(number),
    }
}

/// Column, tau, pairs, rows.
fn ordering(ordering: &Ordering) -> [String; 4] {
    [
        format!("{} ({})", ordering.title, ordering.metric),
        ordering.tau.map_or_else(|| "\u{2013}".to_string(), |tau| format!("{tau:+.2}")),
        format!("{} of {}", ordering.agreeing, ordering.pairs),
        ordering.rows.to_string(),
    ]
}

/// Step, column, mean changes, how often each rises, how often they agree.
fn step(step: &Step) -> [String; 8] {
    [
        step.step.clone(),
        format!("{} ({})", step.title, step.metric),
        format!("{:+.4}", step.paper_mean),
        format!("{:+.4}", step.ours_mean),
        format!("{} of {}", step.paper_up, step.pairs),
        format!("{} of {}", step.ours_up, step.pairs),
        format!("{} of {}", step.agreeing, step.pairs),
        format!("{} of {}", step.decided_agreeing, step.decided),
    ]
}
