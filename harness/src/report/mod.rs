//! The only reader that draws: from what was found to a page, tables and a summary. It never trains.

mod charts;
mod claims;
mod collect;
mod compare;
#[cfg(test)]
mod comparison_tests;
#[cfg(test)]
mod contrast_tests;
mod csv;
mod differences;
pub mod explain;
mod failures;
mod figures;
mod files;
mod format;
#[cfg(test)]
mod golden;
mod html;
mod importance;
mod index;
mod markdown;
mod material;
mod paper;
mod predictions;
#[cfg(test)]
mod robust;
#[cfg(test)]
mod sample;
mod summary;
mod table;
mod templates;
#[cfg(test)]
mod tests;
mod tex;
mod tuning;
#[cfg(test)]
mod verdict_tests;
mod verdicts;
pub mod view;

pub use collect::collect;
pub use compare::{Compared, Difference, MetricDifference, Side, common_rows};
pub use index::IndexLine;
pub use material::{CellMaterial, Material, Outcome, RunMaterial};
pub use predictions::{PredictionFormat, export_predictions};
pub use view::totals::DatasetTotals;

use anyhow::Result;
use differences::Differences;
use std::path::{Path, PathBuf};
use table::Table;
use view::View;

/// The files of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The summary for programs.
    pub summary: PathBuf,
    /// The main table as Markdown, LaTeX and CSV.
    pub tables: [PathBuf; 3],
    /// The differences from the baseline as CSV.
    pub contrasts: PathBuf,
    /// Our figures in the layout of the paper's table as LaTeX, where the experiment names one.
    pub paper: Option<PathBuf>,
    /// What an index says of it.
    pub line: IndexLine,
}

/// Writes `index.html`, `summary.json`, `table.md`, `table.tex`, `table.csv`, `contrasts.csv` and, where the experiment
/// names a table of the paper, `paper.tex` into `out`, each whole or not at all; with `figures` also every figure as SVG and
/// PNG into `out/figures`.
///
/// # Errors
///
/// When the folder cannot be written, or stored predictions do not fit the rows that they belong to.
pub fn write(material: &Material, out: &Path, figures: bool) -> Result<Written> {
    let view = View::new(material)?;
    if figures {
        figures::write_figures(&view, &out.join("figures"))?;
    }
    let table = Table::new(&view);
    let differences = Differences::new(&view, &table);
    let file = |name: &str, content: &[u8]| {
        let path = out.join(name);
        files::write(&path, content).map(|()| path)
    };
    Ok(Written {
        line: IndexLine::new(&view),
        tables: [
            file("table.md", markdown::render(&view, &table, &differences).as_bytes())?,
            file("table.tex", tex::render(&view, &table).as_bytes())?,
            file("table.csv", &csv::render(&view)?)?,
        ],
        contrasts: file("contrasts.csv", &csv::contrasts(&view)?)?,
        paper: view
            .paper
            .as_ref()
            .map(|paper| file("paper.tex", paper::tex(&view, paper).as_bytes()))
            .transpose()?,
        summary: file("summary.json", summary::render(&view)?.as_bytes())?,
        html: file("index.html", html::render(&view, &table, &differences)?.as_bytes())?,
    })
}

/// Writes `index.html` above several reports, whole or not at all.
///
/// # Errors
///
/// When the folder cannot be written.
pub fn write_index(lines: &[IndexLine], out: &Path) -> Result<PathBuf> {
    let path = out.join("index.html");
    files::write(&path, index::render(lines)?.as_bytes()).map(|()| path)
}
