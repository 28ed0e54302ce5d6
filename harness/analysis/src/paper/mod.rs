//! The paper's tables beside ours: what agrees, what does not, and what cannot be compared.

mod compare;
mod orderings;
mod source;
mod steps;
#[cfg(test)]
mod tests;

pub use compare::{Comparison, PaperVerdict};
pub use orderings::Ordering;
pub use steps::Step;

use crate::block::Block;
use crate::cell::CellView;
use crate::comparisons::{Asker, Comparisons};
use crate::evidence::Evidence;
use crate::linear_contrast::{DatasetCells, Place, ResampledCell};
use crate::shown::ORACLE;
use crate::totals::Totals;
use compare::{Ours, compare};
use serde::Serialize;
use source::{Column, Flag, Printed, Sheet};
use valor_data::DataSpec;
use valor_runs::spec::PaperTable;
use valor_stats::stats::Looks;

/// The metric that stands for the time of a single row.
const LATENCY: &str = "latency";

/// A table of the paper beside the report's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaperView {
    /// Which.
    pub table: PaperTable,
    /// Its halves that the experiment has something to set beside.
    pub halves: Vec<Half>,
}

/// Half a table: one kind of data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Half {
    /// `synthetic` or `production`.
    pub half: String,
    /// Our source of rows.
    pub source: String,
    /// Our datasets of this source; several are averaged.
    pub datasets: Vec<String>,
    /// What the two sets of data have in common and what not.
    pub note: String,
    /// Columns of the paper.
    pub columns: Vec<PaperColumn>,
    /// Rows of the paper.
    pub rows: Vec<PaperRow>,
    /// How far the order of the rows agrees, by column.
    pub orderings: Vec<Ordering>,
    /// Signs of what each component adds, by column.
    pub steps: Vec<Step>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaperColumn {
    /// As the paper heads it.
    pub title: String,
    /// Our metric beside it; `latency` is the median time of a single row.
    pub metric: String,
    /// What stands in its place because our true effects are known: the metric without the noise of outcomes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaperRow {
    /// Group of rows in the paper.
    pub group: String,
    /// As the paper calls it.
    pub row: String,
    /// Our method beside it.
    pub method: String,
    /// One per column.
    pub cells: Vec<PaperCell>,
}

/// A cell of the paper with ours beside it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaperCell {
    /// As printed in the paper; absent where it prints none.
    pub printed: Option<String>,
    /// The same as a number.
    pub paper: Option<f64>,
    /// Our mean, over datasets if there are several; absent for a time.
    pub ours: Option<f64>,
    /// Ours in the metric of outcomes, where `ours` is without their noise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// Our time, which depends on the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// Ours minus the paper's, where they are compared.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What speaks against the paper's figure, apart from ours.
    pub flags: Vec<String>,
    /// Whether no other figure of ours in its group and column is better.
    #[serde(skip)]
    pub best: bool,
}

impl PaperCell {
    /// Our figure, measured or not.
    pub fn figure(&self) -> Option<f64> {
        self.ours.or(self.measured)
    }
}

/// A table of the paper beside ours, before the comparisons that its steps are have been decided.
pub struct Draft {
    table: PaperTable,
    halves: Vec<HalfDraft>,
}

/// Half of it.
struct HalfDraft {
    source: source::Source,
    datasets: Vec<String>,
    columns: Vec<PaperColumn>,
    rows: Vec<PaperRow>,
    orderings: Vec<Ordering>,
    pairs: Vec<steps::StepPair>,
}

impl Draft {
    /// The table that the experiment names; nothing if it names none.
    ///
    /// # Errors
    ///
    /// Internal: a broken file of the paper's figures.
    pub fn new(
        evidence: &Evidence,
        blocks: &[Block],
        cells: &[DatasetCells],
    ) -> anyhow::Result<Option<Self>> {
        let Some(table) = evidence.experiment.paper else { return Ok(None) };
        let sheet = Sheet::read(table)?;
        let halves = sheet.sources.iter().filter_map(|source| {
            let asked = evidence.experiment.datasets.iter().zip(blocks.iter().zip(cells));
            let of_source = asked.filter(|(data, _)| name(&data.spec) == source.source);
            let datasets: Vec<(&Block, &DatasetCells)> = of_source.map(|(_, found)| found).collect();
            (!datasets.is_empty()).then(|| sheet.half(source, &datasets))
        });
        Ok(Some(Self { table, halves: halves.collect() }))
    }

    /// Asks for the comparisons that steps are.
    pub fn ask(&self, cells: &[DatasetCells], comparisons: &mut Comparisons) {
        for half in &self.halves {
            let named = |one: &&DatasetCells| half.datasets.iter().any(|name| name == one.dataset);
            let place = Place { datasets: cells.iter().filter(named).collect(), looks: Looks::Once };
            for pair in &half.pairs {
                comparisons.ask(Asker::Step, &pair.question(), &pair.metric, &place);
            }
        }
    }

    /// The table, its steps counted by what the comparisons say.
    pub fn answer(self, comparisons: &Comparisons) -> PaperView {
        let half = |half: HalfDraft| Half {
            steps: steps::steps(&half.pairs, &half.datasets, comparisons),
            half: half.source.half,
            source: half.source.source,
            datasets: half.datasets,
            note: half.source.note,
            columns: half.columns,
            rows: half.rows,
            orderings: half.orderings,
        };
        PaperView { table: self.table, halves: self.halves.into_iter().map(half).collect() }
    }
}

/// A source of rows as `sources.csv` calls it.
fn name(data: &DataSpec) -> &'static str {
    match data {
        DataSpec::B2bMimic(_) => "b2b-mimic",
        DataSpec::ProductionSim(_) => "production-sim",
        DataSpec::ValorRelease(_) => "valor-release",
        DataSpec::ValueSim(_) => "value-sim",
        DataSpec::Table(_) => "table",
    }
}

impl Sheet {
    fn half(&self, source: &source::Source, datasets: &[(&Block, &DatasetCells)]) -> HalfDraft {
        let blocks: Vec<&Block> = datasets.iter().map(|(block, _)| *block).collect();
        let totals = Totals::new(blocks.iter().map(|block| block.totals.clone()).collect());
        let names: Vec<&str> = blocks.iter().map(|block| block.dataset.as_str()).collect();
        let decides = |column: &Column| Column {
            decides: totals.without_noise(&column.metric, &names).to_string(),
            ..column.clone()
        };
        let columns =
            self.columns.iter().filter(|column| column.source == source.source && self.prints(column));
        let columns: Vec<Column> = columns.map(decides).collect();
        let columns: Vec<&Column> = columns.iter().collect();
        let mut rows: Vec<PaperRow> = self.rows.iter().map(|row| self.row(row, &columns, datasets)).collect();
        for (index, column) in columns.iter().enumerate() {
            let merit = |value: f64| if column.metric == LATENCY { -value } else { value };
            for group in rows.chunk_by_mut(|a, b| a.group == b.group) {
                let figures = group.iter().filter_map(|row| row.cells[index].figure()).map(merit);
                let best = figures.fold(f64::MIN, f64::max);
                for cell in group.iter_mut().map(|row| &mut row.cells[index]) {
                    cell.best = cell.figure().is_some_and(|figure| merit(figure) == best);
                }
            }
        }
        HalfDraft {
            source: source.clone(),
            datasets: blocks.iter().map(|block| block.dataset.clone()).collect(),
            orderings: orderings::orderings(&columns, &rows),
            pairs: steps::pairs(&columns, &rows, &blocks),
            columns: columns.iter().map(|column| column.into()).collect(),
            rows,
        }
    }

    fn row(&self, row: &Printed, columns: &[&Column], datasets: &[(&Block, &DatasetCells)]) -> PaperRow {
        let cells: Option<Vec<&ResampledCell>> =
            datasets.iter().map(|(_, cells)| cells.find(&row.ours)).collect();
        let blocks = || datasets.iter().map(|(block, _)| *block);
        let cell = |column: &&Column| {
            let ours = Ours::new(cells.as_deref(), column);
            let seen = || Ours::observed(cells.as_deref()?, &column.metric);
            let mean = ours.as_ref().ok().map(|ours| ours.mean);
            let timed = column.metric == LATENCY;
            let printed = row.figure(column);
            let paper = printed.and_then(|text| text.parse().ok());
            let weak = blocks().find_map(|block| block.totals.warning(&column.decides));
            let differs = [&row.differs, &column.differs].into_iter().find(|reason| !reason.is_empty());
            let differs = differs.or(weak.as_ref());
            let flagged = self.flags.iter().filter(|flag| flag.is_of(row, column));
            let mut flags: Vec<String> = flagged.map(|flag: &Flag| flag.why.clone()).collect();
            flags.extend(paper.and_then(|paper| above_oracle(paper, column, blocks())));
            PaperCell {
                printed: printed.map(str::to_string),
                paper,
                ours: mean.filter(|_| !timed),
                observed: (column.decides != column.metric).then(seen).flatten(),
                measured: mean.filter(|_| timed),
                comparison: compare(paper, ours, differs.map(String::as_str)),
                flags,
                best: false,
            }
        };
        PaperRow {
            group: row.group.clone(),
            row: row.row.clone(),
            method: row.ours.clone(),
            cells: columns.iter().map(cell).collect(),
        }
    }
}

fn cell<'a>(block: &'a Block, method: &str) -> Option<&'a CellView> {
    block.cells.iter().find(|cell| cell.method == method)
}

/// A figure that no ranking of our rows reaches, where the two could be compared.
fn above_oracle<'a>(paper: f64, column: &Column, blocks: impl Iterator<Item = &'a Block>) -> Option<String> {
    let oracle = |block: &Block| -> Option<f64> {
        let row = block.references.iter().find(|row| row.ranker == ORACLE)?;
        row.metrics.get(&column.decides)?.value()
    };
    let highest = blocks.filter_map(oracle).reduce(f64::max).filter(|_| column.differs.is_empty())?;
    (paper > highest).then(|| {
        format!("above the oracle's ranking of our rows ({highest:.4}): no method can reach it here")
    })
}
