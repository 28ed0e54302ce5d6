//! From what the analysis says to a page, tables and a summary. It computes no statistic and never trains.

mod averages;
mod beside;
mod charts;
mod claim_words;
mod claims;
#[cfg(test)]
mod contrast_tests;
mod csv;
mod differences;
pub(crate) mod explain;
mod failures;
mod figures;
#[cfg(test)]
mod golden;
mod headline;
mod html;
mod importance;
mod index;
mod markdown;
mod metric_names;
mod paper;
mod predictions;
#[cfg(test)]
mod robust;
mod segments;
mod summary;
mod table;
#[cfg(test)]
mod tests;
mod tex;
#[cfg(test)]
mod tex_tests;
mod tuning;
mod verdicts;

pub(crate) use index::IndexLine;
pub(crate) use predictions::PredictionFormat;
pub(crate) use tex::{TexIntervals, TexOptions};

use anyhow::Result;
use differences::Differences;
use std::io::Write;
use std::path::{Path, PathBuf};
use table::Table;
use valor_analysis::{Analysis, Evidence};
use valor_base::error::cannot_write;
use valor_runs::store::{Folder, replace_file};

/// The files of a report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    /// The page.
    pub html: PathBuf,
    /// The summary for programs.
    pub summary: PathBuf,
    /// The main table as Markdown, LaTeX and CSV.
    pub tables: [PathBuf; 3],
    /// The differences from the baseline as CSV.
    pub contrasts: PathBuf,
    /// Methods on groups of test rows as CSV, where the experiment asks for any.
    pub segments: Option<PathBuf>,
    /// Our figures in the layout of the paper's table as LaTeX, where the experiment names one.
    pub paper: Option<PathBuf>,
    /// What every model said of every test row, where that was asked for.
    pub predictions: Option<PathBuf>,
    /// What an index says of it.
    pub line: IndexLine,
}

/// What a report holds beside its page, tables and summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    /// Every figure as SVG and PNG, in `figures/`.
    pub figures: bool,
    /// What every model said of every test row.
    pub predictions: Option<PredictionFormat>,
    /// What table.tex shows.
    pub tex: TexOptions,
}

/// Writes `index.html`, `summary.json`, `table.md`, `table.tex`, `table.csv`, `contrasts.csv` and, where the experiment
/// names a table of the paper, `paper.tex`, where it names groups of rows, `segments.csv` into `out`, with what `extras` asks for: all of it or nothing. A report that was there
/// is replaced whole.
///
/// # Errors
///
/// When the folder cannot be written, stored predictions do not fit the rows that they belong to, or `extras` names a metric that
/// no run has.
pub(crate) fn write(evidence: &Evidence, out: &Path, extras: &Extras) -> Result<Written> {
    let analysis = Analysis::new(evidence)?;
    let folder = Folder::new(out)?;
    if extras.figures {
        figures::write_figures(&analysis, &folder)?;
    }
    let table = Table::new(&analysis);
    let differences = Differences::new(&analysis, &table);
    let written = Written {
        line: IndexLine::new(&analysis),
        tables: [
            folder.write("table.md", markdown::render(&analysis, &table, &differences).as_bytes())?,
            folder.write("table.tex", tex::render(&analysis, &extras.tex)?.as_bytes())?,
            folder.write("table.csv", &csv::render(&analysis)?)?,
        ],
        contrasts: folder.write("contrasts.csv", &csv::contrasts(&analysis)?)?,
        segments: (!analysis.segmentations.is_empty())
            .then(|| folder.write("segments.csv", &csv::segments(&analysis)?))
            .transpose()?,
        paper: analysis
            .paper
            .as_ref()
            .map(|paper| folder.write("paper.tex", paper::tex(&analysis, paper).as_bytes()))
            .transpose()?,
        predictions: extras
            .predictions
            .map(|format| predictions::export(evidence, &folder, format))
            .transpose()?,
        summary: folder.write("summary.json", summary::render(&analysis)?.as_bytes())?,
        html: folder.write("index.html", html::render(&analysis, &table, &differences)?.as_bytes())?,
    };
    folder.publish()?;
    Ok(written)
}

/// Writes `index.html` above several reports, whole or not at all.
///
/// # Errors
///
/// When the folder cannot be written.
pub(crate) fn write_index(lines: &[IndexLine], out: &Path) -> Result<PathBuf> {
    let path = out.join("index.html");
    let page = index::render(lines)?;
    std::fs::create_dir_all(out)
        .map_err(anyhow::Error::from)
        .and_then(|()| replace_file(&path, |mut file| Ok(file.write_all(page.as_bytes())?)))
        .map_err(|error| cannot_write(path.display(), error))?;
    Ok(path)
}
