//! The main table as text, rounded once: Markdown, LaTeX and HTML print these strings.

use serde::Serialize;
use valor_analysis::cell::{CellStatus, CellView, ReferenceView, SeedCounts};
use valor_analysis::estimate::{MetricEstimate, reason};
use valor_analysis::{Analysis, Block, MetricView};
use valor_page::format;
use valor_runs::spec::Cell;
use valor_stats::metrics::{Defined, Direction};
use valor_stats::stats::Interval;

/// All blocks with the notes that their marks refer to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Table {
    /// Metrics.
    pub columns: Vec<Column>,
    /// Datasets.
    pub blocks: Vec<TableBlock>,
    /// Why a number or an interval is absent, in order of their marks `a`, `b`, ...
    pub notes: Vec<Note>,
    /// Metrics without an interval over rows: `metric (reason)`.
    pub row_notes: Vec<String>,
    /// What the numbers of a cell are.
    pub legend: String,
}

/// A metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Column {
    /// Name.
    pub name: String,
    /// Unit.
    pub unit: String,
    /// What is better.
    pub better: Direction,
    /// Decimals of every number in the column.
    pub decimals: usize,
}

/// A remark on absent numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Note {
    /// `a`, `b`, ...
    pub mark: String,
    /// The reason.
    pub text: String,
}

/// A dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct TableBlock {
    /// Its name.
    pub dataset: String,
    /// The average effect on the test rows; and where it is hardly there, what to read instead of shares of it.
    pub totals: Vec<String>,
    /// What a reader should know about the rows.
    pub notes: Vec<String>,
    /// Methods.
    pub methods: Vec<Row>,
    /// References.
    pub references: Vec<Row>,
}

/// A method or a reference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Its name.
    pub name: String,
    /// `found/asked`, with what became of the others; empty for a reference.
    pub seeds: String,
    /// Whether the means are over fewer seeds than asked.
    pub incomplete: bool,
    /// One per column.
    pub cells: Vec<TableCell>,
}

/// A rounded estimate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct TableCell {
    /// Mean; absent if undefined.
    pub mean: Option<String>,
    /// Standard deviation over seeds.
    pub sd: Option<String>,
    /// Interval over seeds.
    pub ci: Option<[String; 2]>,
    /// Interval over test rows.
    pub ci_rows: Option<[String; 2]>,
    /// `n/found` if some finished seeds have no value.
    pub of: Option<String>,
    /// Best complete method of its block.
    pub best: bool,
    /// What stands in place of the mean where no seed finished because seeds diverged.
    pub instead: Option<String>,
    /// What stands beside the mean where other seeds diverged.
    pub beside: Option<String>,
    /// Mark of the note that says why something is absent.
    pub mark: Option<String>,
}

impl Table {
    /// Rounds an analysis.
    pub(super) fn new(analysis: &Analysis) -> Self {
        let shown: Vec<&MetricView> = analysis.metrics.iter().filter(|metric| metric.in_table).collect();
        let columns: Vec<Column> = shown.iter().map(|metric| column(analysis, metric)).collect();
        let mut notes = Notes::default();
        let blocks = analysis
            .blocks
            .iter()
            .map(|block| (block, shown.iter().map(|metric| block.best(metric)).collect::<Vec<_>>()))
            .map(|(block, best)| TableBlock {
                dataset: block.dataset.clone(),
                totals: totals(block, &columns),
                notes: block.notes.clone(),
                methods: block
                    .cells
                    .iter()
                    .map(|cell| method_row(analysis, cell, &best, &columns, &mut notes))
                    .collect(),
                references: block
                    .references
                    .iter()
                    .map(|row| reference_row(row, &columns, &mut notes))
                    .collect(),
            })
            .collect();
        Self {
            blocks,
            row_notes: row_notes(analysis, &columns),
            columns,
            notes: notes.numbered(),
            legend: legend(analysis),
        }
    }
}

/// Names the methods behind the numbers, as the estimates carry them.
fn legend(analysis: &Analysis) -> String {
    let estimates =
        || analysis.blocks.iter().flat_map(|block| &block.cells).flat_map(|cell| cell.metrics.values());
    let over_seeds = estimates().find_map(|estimate| estimate.ci.as_ref().ok());
    let mut text = "Mean \u{b1} standard deviation over seeds".to_string();
    if let Some(interval) = over_seeds {
        text += &format!(" [95 % interval of the mean over seeds: {}]", interval.method);
    }
    text + "; for random, over permutations. Bold: best mean among methods whose seeds all finished."
}

fn column(analysis: &Analysis, metric: &MetricView) -> Column {
    let cells = analysis.blocks.iter().flat_map(|block| &block.cells).map(|cell| &cell.metrics);
    let references = analysis.blocks.iter().flat_map(|block| &block.references).map(|row| &row.metrics);
    let means = cells.chain(references).filter_map(|metrics| metrics.get(&metric.name)?.value());
    Column {
        name: metric.name.clone(),
        unit: metric.unit.clone(),
        better: metric.direction,
        decimals: format::decimals(means),
    }
}

/// `best` is the best mean of each column, where one is marked.
fn method_row(
    analysis: &Analysis,
    cell: &CellView,
    best: &[Option<f64>],
    columns: &[Column],
    notes: &mut Notes,
) -> Row {
    let cells = columns.iter().zip(best).map(|(column, best)| {
        let Some(estimate) = cell.metrics.get(&column.name) else { return TableCell::default() };
        let (instead, beside) = match cell.seeds.found {
            0 => (cell.seeds.unconverged(), None),
            _ => (None, cell.seeds.unconverged()),
        };
        let absent = reason(&estimate.mean).or(reason(&estimate.ci)).filter(|_| instead.is_none());
        TableCell {
            instead,
            beside,
            of: (estimate.mean.is_ok() && estimate.per_seed.len() < cell.seeds.found)
                .then(|| format!("{}/{}", estimate.per_seed.len(), cell.seeds.found)),
            best: best.as_ref().is_some_and(|best| estimate.value() == Some(*best))
                && cell.seeds.status() == CellStatus::Complete,
            mark: absent.map(|reason| notes.mark(reason)),
            ..rounded(estimate, column.decimals)
        }
    });
    Row {
        name: cell.method.clone(),
        seeds: seeds(cell.seeds) + &further(analysis, cell),
        incomplete: cell.seeds.found < cell.seeds.asked,
        cells: cells.collect(),
    }
}

fn reference_row(row: &ReferenceView, columns: &[Column], notes: &mut Notes) -> Row {
    let cells = columns.iter().map(|column| {
        let Some(estimate) = row.metrics.get(&column.name) else { return TableCell::default() };
        TableCell {
            mark: reason(&estimate.mean).map(|reason| notes.mark(reason)),
            ..rounded(estimate, column.decimals)
        }
    });
    Row { name: row.ranker.clone(), seeds: String::new(), incomplete: false, cells: cells.collect() }
}

fn rounded(estimate: &MetricEstimate, decimals: usize) -> TableCell {
    let text = |value: f64| format::number(value, decimals);
    let bounds = |bounds: &Defined<Interval>| {
        bounds.as_ref().ok().map(|interval| [text(interval.low), text(interval.high)])
    };
    TableCell {
        mean: estimate.value().map(text),
        sd: estimate.sd.map(text),
        ci: bounds(&estimate.ci),
        ci_rows: bounds(&estimate.ci_rows),
        ..TableCell::default()
    }
}

/// `4/5 (1 failed)`.
fn seeds(counts: SeedCounts) -> String {
    let others: Vec<String> = [(counts.failed, "failed"), (counts.missing(), "missing")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let base = format!("{}/{}", counts.found, counts.asked);
    if others.is_empty() { base } else { format!("{base} ({})", others.join(", ")) }
}

/// `, 7 more for claims`.
fn further(analysis: &Analysis, cell: &CellView) -> String {
    let dataset = analysis.blocks.iter().position(|block| block.dataset == cell.dataset);
    let place = dataset.and_then(|dataset| {
        let method = analysis.blocks[dataset].cells.iter().position(|other| other.method == cell.method)?;
        Some(Cell { dataset, method })
    });
    let more = analysis.sequence.as_ref().zip(place).map_or(0, |(sequence, cell)| sequence.looked.of(cell));
    if more > 0 { format!(", {more} more for claims") } else { String::new() }
}

/// The average effect with its interval, and a warning for every share of the table that decides nothing here.
fn totals(block: &Block, columns: &[Column]) -> Vec<String> {
    let Some(observed) = block.test.and_then(|test| test.observed) else { return Vec::new() };
    let ends = observed.interval.unwrap_or([observed.effect; 2]);
    let decimals = format::decimals([observed.effect, ends[0], ends[1]]).min(6);
    let number = |value: f64| format::number(value, decimals);
    let interval = observed
        .interval
        .map(|[low, high]| format!(" [{}, {}], 95 % (Welch's t)", number(low), number(high)))
        .unwrap_or_default();
    let average = format!(
        "Average effect on the test rows: {}{interval}, {}.",
        number(observed.effect),
        observed.distance()
    );
    let warnings = columns.iter().filter_map(|column| block.totals.warning(&column.name));
    std::iter::once(average).chain(warnings.map(|warning| format!("Read with care: {warning}."))).collect()
}

fn row_notes(analysis: &Analysis, columns: &[Column]) -> Vec<String> {
    let mut notes = Vec::new();
    for column in columns {
        let estimates = analysis
            .blocks
            .iter()
            .flat_map(|block| &block.cells)
            .filter_map(|cell| cell.metrics.get(&column.name));
        for reason in estimates
            .filter(|estimate| estimate.mean.is_ok())
            .filter_map(|estimate| estimate.ci_rows.as_ref().err())
        {
            let note = format!("{} ({reason})", column.name);
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// Distinct reasons in the order in which they were met.
#[derive(Default)]
pub(super) struct Notes(Vec<String>);

impl Notes {
    /// The mark of a reason.
    pub(super) fn mark(&mut self, reason: &str) -> String {
        let index = self.0.iter().position(|known| known == reason).unwrap_or_else(|| {
            self.0.push(reason.to_string());
            self.0.len() - 1
        });
        letters(index)
    }

    /// All reasons with their marks.
    pub(super) fn numbered(self) -> Vec<Note> {
        self.0.into_iter().enumerate().map(|(index, text)| Note { mark: letters(index), text }).collect()
    }
}

/// `a` to `z`, then `aa`, `ab`, ...
fn letters(index: usize) -> String {
    let last = char::from(b'a' + (index % 26) as u8).to_string();
    if index < 26 { last } else { letters(index / 26 - 1) + &last }
}
