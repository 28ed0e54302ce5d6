//! The only reader that draws: from what was found to a page, tables and a summary. It never trains.

mod charts;
mod claims;
mod collect;
#[cfg(test)]
mod contrast_tests;
mod csv;
mod differences;
mod failures;
mod files;
mod format;
#[cfg(test)]
mod golden;
mod html;
mod markdown;
mod material;
mod predictions;
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
pub use material::{CellMaterial, Material, Outcome, RunMaterial};
pub use predictions::{PredictionFormat, export_predictions};

use anyhow::Result;
use differences::Differences;
use std::path::{Path, PathBuf};
use table::Table;
use view::View;

/// The files of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The summary for programs.
    pub summary: PathBuf,
    /// The main table as Markdown, LaTeX and CSV.
    pub tables: [PathBuf; 3],
    /// The differences from the baseline as CSV.
    pub contrasts: PathBuf,
}

/// Writes `index.html`, `summary.json`, `table.md`, `table.tex`, `table.csv` and `contrasts.csv` into `out`, each whole
/// or not at all.
///
/// # Errors
///
/// When the folder cannot be written, or stored predictions do not fit the rows that they belong to.
pub fn write(material: &Material, out: &Path) -> Result<Written> {
    let view = View::new(material)?;
    let table = Table::new(&view);
    let differences = Differences::new(&view, &table);
    let file = |name: &str, content: &[u8]| {
        let path = out.join(name);
        files::write(&path, content).map(|()| path)
    };
    Ok(Written {
        tables: [
            file("table.md", markdown::render(&view, &table, &differences).as_bytes())?,
            file("table.tex", tex::render(&view, &table).as_bytes())?,
            file("table.csv", &csv::render(&view)?)?,
        ],
        contrasts: file("contrasts.csv", &csv::contrasts(&view)?)?,
        summary: file("summary.json", summary::render(&view)?.as_bytes())?,
        html: file("index.html", html::render(&view, &table, &differences)?.as_bytes())?,
    })
}
