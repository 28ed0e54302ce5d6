//! The only reader that draws: from what was found to a page, tables and a summary. It never trains.

mod averages;
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
pub use predictions::PredictionFormat;
pub use view::totals::DatasetTotals;

use anyhow::Result;
use differences::Differences;
use std::io::Write;
use std::path::{Path, PathBuf};
use table::Table;
use valor_base::error::cannot_write;
use valor_runs::store::{Folder, replace_file};
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
    /// What every model said of every test row, where that was asked for.
    pub predictions: Option<PathBuf>,
    /// What an index says of it.
    pub line: IndexLine,
}

/// What a report holds beside its page, tables and summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// Every figure as SVG and PNG, in `figures/`.
    pub figures: bool,
    /// What every model said of every test row.
    pub predictions: Option<PredictionFormat>,
}

/// Writes `index.html`, `summary.json`, `table.md`, `table.tex`, `table.csv`, `contrasts.csv` and, where the experiment
/// names a table of the paper, `paper.tex` into `out`, with what `extras` asks for: all of it or nothing. A report that was there
/// is replaced whole.
///
/// # Errors
///
/// When the folder cannot be written, or stored predictions do not fit the rows that they belong to.
pub fn write(material: &Material, out: &Path, extras: Extras) -> Result<Written> {
    let view = View::new(material)?;
    let folder = Folder::new(out)?;
    if extras.figures {
        figures::write_figures(&view, &folder)?;
    }
    let table = Table::new(&view);
    let differences = Differences::new(&view, &table);
    let written = Written {
        line: IndexLine::new(&view),
        tables: [
            folder.write("table.md", markdown::render(&view, &table, &differences).as_bytes())?,
            folder.write("table.tex", tex::render(&view, &table).as_bytes())?,
            folder.write("table.csv", &csv::render(&view)?)?,
        ],
        contrasts: folder.write("contrasts.csv", &csv::contrasts(&view)?)?,
        paper: view
            .paper
            .as_ref()
            .map(|paper| folder.write("paper.tex", paper::tex(&view, paper).as_bytes()))
            .transpose()?,
        predictions: extras
            .predictions
            .map(|format| predictions::export(material, &folder, format))
            .transpose()?,
        summary: folder.write("summary.json", summary::render(&view)?.as_bytes())?,
        html: folder.write("index.html", html::render(&view, &table, &differences)?.as_bytes())?,
    };
    folder.publish()?;
    Ok(written)
}

/// Writes `index.html` above several reports, whole or not at all.
///
/// # Errors
///
/// When the folder cannot be written.
pub fn write_index(lines: &[IndexLine], out: &Path) -> Result<PathBuf> {
    let path = out.join("index.html");
    let page = index::render(lines)?;
    std::fs::create_dir_all(out)
        .map_err(anyhow::Error::from)
        .and_then(|()| replace_file(&path, |mut file| Ok(file.write_all(page.as_bytes())?)))
        .map_err(|error| cannot_write(path.display(), error))?;
    Ok(path)
}
