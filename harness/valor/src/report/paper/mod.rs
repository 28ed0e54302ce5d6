//! The paper's tables beside ours: what agrees, what does not, and what cannot be compared.

mod compare;
mod orderings;
mod source;
mod steps;
#[cfg(test)]
mod tests;
mod tex;
mod text;

pub use compare::{Comparison, PaperVerdict};
pub use orderings::Ordering;
pub use steps::Step;
pub use tex::render as tex;
pub use text::{CellText, PaperText};

use super::view::Block;
use super::view::cell::CellView;
use super::view::combination::Side;
use super::view::comparisons::{Asker, Comparisons};
use super::view::estimate::Estimate;
use crate::report::material::Material;
use compare::{Ours, compare};
use serde::Serialize;
use source::{Column, Flag, Printed, Sheet};
use valor_data::DataSpec;
use valor_runs::spec::PaperTable;

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
    #[serde(skip)]
    pairs: Vec<steps::StepPair>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaperColumn {
    /// As the paper heads it.
    pub title: String,
    /// Our metric beside it; `latency` is the median time of a single row.
    pub metric: String,
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
    /// Our time, which depends on the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// Ours minus the paper's, where they are compared.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// What speaks against the paper's figure, apart from ours.
    pub flags: Vec<String>,
}

impl PaperCell {
    /// Our figure, measured or not.
    fn figure(&self) -> Option<f64> {
        self.ours.or(self.measured)
    }
}

impl PaperView {
    /// The table that the experiment names; nothing if it names none.
    ///
    /// # Errors
    ///
    /// Internal: a broken file of the paper's figures.
    pub fn new(material: &Material, blocks: &[Block]) -> anyhow::Result<Option<Self>> {
        let Some(table) = material.experiment.paper else { return Ok(None) };
        let sheet = Sheet::read(table)?;
        let halves = sheet.sources.iter().filter_map(|source| {
            let asked = material.experiment.datasets.iter().zip(blocks);
            let blocks: Vec<&Block> =
                asked.filter(|(data, _)| name(&data.spec) == source.source).map(|(_, block)| block).collect();
            (!blocks.is_empty()).then(|| sheet.half(source, &blocks))
        });
        Ok(Some(Self { table, halves: halves.collect() }))
    }

    /// Asks for the comparisons that steps are.
    pub fn ask(&self, sides: &[Vec<Side>], comparisons: &mut Comparisons) {
        for half in &self.halves {
            let named = |sides: &&Vec<Side>| {
                sides.first().is_some_and(|side| half.datasets.contains(&side.cell.dataset))
            };
            let place: Vec<&Vec<Side>> = sides.iter().filter(named).collect();
            for pair in &half.pairs {
                comparisons.ask(Asker::Step, &pair.question(), &pair.metric, &place);
            }
        }
    }

    /// Counts the steps by what the comparisons say.
    pub fn look_up(&mut self, comparisons: &Comparisons) {
        for half in &mut self.halves {
            half.steps = steps::steps(half, comparisons);
        }
    }
}

/// A source of rows as `sources.csv` calls it.
fn name(data: &DataSpec) -> &'static str {
    match data {
        DataSpec::B2bMimic(_) => "b2b-mimic",
        DataSpec::ProductionSim(_) => "production-sim",
        DataSpec::ValorRelease(_) => "valor-release",
        DataSpec::Table(_) => "table",
    }
}

impl Sheet {
    fn half(&self, source: &source::Source, blocks: &[&Block]) -> Half {
        let columns: Vec<&Column> = self
            .columns
            .iter()
            .filter(|column| column.source == source.source && self.prints(column))
            .collect();
        let rows: Vec<PaperRow> = self.rows.iter().map(|row| self.row(row, &columns, blocks)).collect();
        Half {
            half: source.half.clone(),
            source: source.source.clone(),
            datasets: blocks.iter().map(|block| block.dataset.clone()).collect(),
            note: source.note.clone(),
            orderings: orderings::orderings(&columns, &rows),
            pairs: steps::pairs(&columns, &rows, blocks),
            steps: Vec::new(),
            columns: columns.iter().map(|column| column.into()).collect(),
            rows,
        }
    }

    fn row(&self, row: &Printed, columns: &[&Column], blocks: &[&Block]) -> PaperRow {
        let cells: Option<Vec<&CellView>> = blocks.iter().map(|block| cell(block, &row.ours)).collect();
        let cell = |column: &&Column| {
            let ours = Ours::new(cells.as_deref(), &column.metric);
            let mean = ours.as_ref().ok().map(|ours| ours.mean);
            let timed = column.metric == LATENCY;
            let printed = row.figure(column);
            let paper = printed.and_then(|text| text.parse().ok());
            let weak = blocks.iter().find_map(|block| block.totals.warning(&column.metric));
            let differs = [&row.differs, &column.differs].into_iter().find(|reason| !reason.is_empty());
            let differs = differs.or(weak.as_ref());
            let flagged = self.flags.iter().filter(|flag| flag.is_of(row, column));
            let mut flags: Vec<String> = flagged.map(|flag: &Flag| flag.why.clone()).collect();
            flags.extend(paper.and_then(|paper| above_oracle(paper, column, blocks)));
            PaperCell {
                printed: printed.map(str::to_string),
                paper,
                ours: mean.filter(|_| !timed),
                measured: mean.filter(|_| timed),
                comparison: compare(paper, ours, differs.map(String::as_str)),
                flags,
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
fn above_oracle(paper: f64, column: &Column, blocks: &[&Block]) -> Option<String> {
    let oracle = |block: &&Block| -> Option<f64> {
        let row = block.references.iter().find(|row| row.ranker == "oracle")?;
        row.metrics.get(&column.metric)?.mean
    };
    let highest = blocks.iter().filter_map(oracle).reduce(f64::max).filter(|_| column.differs.is_empty())?;
    (paper > highest).then(|| {
        format!("above the oracle's ranking of our rows ({highest:.4}): no method can reach it here")
    })
}

/// What an estimate must have to be compared: the seeds' values and, where there is one, the interval over rows.
impl<'a> From<&'a Estimate> for compare::Part {
    fn from(estimate: &'a Estimate) -> Self {
        let seeds: Vec<f64> = estimate.per_seed.values().copied().collect();
        let rows = estimate.ci_rows.as_ref().ok().zip(estimate.mean);
        Self { seeds, rows: rows.map(|(interval, mean)| compare::Reach::new(mean, interval)) }
    }
}
