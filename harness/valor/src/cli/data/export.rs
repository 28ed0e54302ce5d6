//! Writes a dataset as CSV or Parquet: a whole file or none.

use crate::cli::output::{Format, Staged};
use arrow::array::{ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, UInt8Array};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression as ParquetCompression;
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use valor_base::input_error;
use valor_data::{Dataset, FeatureKind, MISSING, Matrix};

/// Writes a whole file or none.
pub(super) fn export(dataset: &Dataset, format: Format, path: &Path) -> anyhow::Result<()> {
    let columns = columns(dataset)?;
    let staged = Staged::new(path)?;
    let rows = dataset.rows();
    match format {
        Format::Csv => write_csv(&columns, rows, BufWriter::new(staged.file())).map(drop),
        Format::CsvGz => write_gzip(&columns, rows, BufWriter::new(staged.file())),
        Format::Parquet => write_parquet(&columns, rows, staged.file()),
    }
    .map_err(|error| staged.refuse(error))?;
    staged.publish()
}

/// A named column of the file.
struct Column<'a> {
    name: &'a str,
    cells: Cells<'a>,
}

enum Cells<'a> {
    Numeric { matrix: &'a Matrix, column: usize },
    Categorical { levels: &'a [String], codes: &'a [u32] },
    Treatment(&'a [bool]),
    Real(&'a [f64]),
}

/// Features, treatment, outcome, then the truth where it is known.
fn columns(dataset: &Dataset) -> anyhow::Result<Vec<Column<'_>>> {
    let mut columns: Vec<Column> = dataset
        .features
        .iter()
        .map(|feature| {
            let cells = match &feature.kind {
                FeatureKind::Numeric { column } => {
                    Cells::Numeric { matrix: &dataset.numeric, column: *column }
                }
                FeatureKind::Categorical { levels, codes } => Cells::Categorical { levels, codes },
            };
            Column { name: &feature.name, cells }
        })
        .collect();
    columns.push(Column { name: "treatment", cells: Cells::Treatment(&dataset.treatment) });
    columns.push(Column { name: "outcome", cells: Cells::Real(&dataset.outcome) });
    if let Some(truth) = &dataset.truth {
        let effect = ("effect", Some(&truth.effect));
        let control = ("expected_control", truth.expected_control.as_ref());
        let treated = ("expected_treated", truth.expected_treated.as_ref());
        let known = [effect, control, treated].into_iter();
        columns.extend(known.filter_map(|(name, cells)| Some(Column { name, cells: Cells::Real(cells?) })));
    }
    let mut seen = BTreeSet::new();
    match columns.iter().find(|column| !seen.insert(column.name)) {
        Some(column) => Err(input_error!(
            "a feature is called '{0}', as is the exported column '{0}'; rename it",
            column.name
        )),
        None => Ok(columns),
    }
}

/// Rows that are formatted at a time.
const CHUNK: usize = 4096;

fn write_csv<W: Write>(columns: &[Column], rows: usize, mut out: W) -> anyhow::Result<W> {
    let mut header = csv::Writer::from_writer(Vec::new());
    header.write_record(columns.iter().map(|column| column.name))?;
    out.write_all(&header.into_inner()?)?;
    let chunks: Vec<Range<usize>> =
        (0..rows).step_by(CHUNK).map(|start| start..(start + CHUNK).min(rows)).collect();
    for batch in chunks.chunks(16) {
        let texts: Vec<anyhow::Result<Vec<u8>>> =
            batch.par_iter().map(|rows| csv_rows(columns, rows.clone())).collect();
        for text in texts {
            out.write_all(&text?)?;
        }
    }
    out.flush()?;
    Ok(out)
}

fn write_gzip(columns: &[Column], rows: usize, out: impl Write) -> anyhow::Result<()> {
    write_csv(columns, rows, GzEncoder::new(out, Compression::default()))?.finish()?.flush()?;
    Ok(())
}

/// The shortest text that reads back as the same number; nothing for a missing value.
fn csv_rows(columns: &[Column], rows: Range<usize>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut cell = Vec::new();
    for row in rows {
        for column in columns {
            cell.clear();
            match &column.cells {
                Cells::Numeric { matrix, column } => match matrix.row(row)[*column] {
                    value if value.is_nan() => {}
                    value => write!(cell, "{value}")?,
                },
                Cells::Categorical { levels, codes } => {
                    cell.extend(level(levels, codes[row]).unwrap_or_default().bytes());
                }
                Cells::Treatment(treatment) => write!(cell, "{}", u8::from(treatment[row]))?,
                Cells::Real(values) => write!(cell, "{}", values[row])?,
            }
            writer.write_field(&cell)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(writer.into_inner()?)
}

fn level(levels: &[String], code: u32) -> Option<&str> {
    if code == MISSING { None } else { levels.get(code as usize).map(String::as_str) }
}

fn write_parquet(columns: &[Column], rows: usize, out: impl Write + Send) -> anyhow::Result<()> {
    let properties = WriterProperties::builder().set_compression(ParquetCompression::SNAPPY).build();
    let first = batch(columns, 0..rows.min(CHUNK))?;
    let mut writer = ArrowWriter::try_new(out, first.schema(), Some(properties))?;
    writer.write(&first)?;
    for start in (CHUNK..rows).step_by(CHUNK) {
        writer.write(&batch(columns, start..(start + CHUNK).min(rows))?)?;
    }
    writer.close()?;
    Ok(())
}

fn batch(columns: &[Column], rows: Range<usize>) -> anyhow::Result<RecordBatch> {
    let arrays = columns.iter().map(|column| {
        let array: ArrayRef = match &column.cells {
            Cells::Numeric { matrix, column } => {
                let cells = rows.clone().map(|row| matrix.row(row)[*column]);
                Arc::new(cells.map(|value| (!value.is_nan()).then_some(value)).collect::<Float32Array>())
            }
            Cells::Categorical { levels, codes } => {
                Arc::new(codes[rows.clone()].iter().map(|code| level(levels, *code)).collect::<StringArray>())
            }
            Cells::Treatment(treatment) => Arc::new(UInt8Array::from_iter_values(
                treatment[rows.clone()].iter().map(|arm| u8::from(*arm)),
            )),
            Cells::Real(values) => {
                Arc::new(Float64Array::from_iter_values(values[rows.clone()].iter().copied()))
            }
        };
        (column.name, array, matches!(column.cells, Cells::Numeric { .. } | Cells::Categorical { .. }))
    });
    Ok(RecordBatch::try_from_iter_with_nullable(arrays)?)
}

#[cfg(test)]
mod tests;
