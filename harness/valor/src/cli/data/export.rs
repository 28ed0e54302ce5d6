//! Writes a dataset as CSV or Parquet: a whole file or none.

use crate::cli::output::Staged;
use arrow::array::{Float32Array, Float64Array, RecordBatch, StringArray, UInt8Array};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use valor_base::input_error;
use valor_base::question::Arms;
use valor_data::{Dataset, FeatureKind, MISSING, Matrix};
use valor_io::table::{Columns, Format, Packing, Writer};

/// Writes a whole file or none.
pub(super) fn export(dataset: &Dataset, format: Format, path: &Path) -> anyhow::Result<()> {
    let columns = columns(dataset)?;
    let staged = Staged::new(path)?;
    let put = || -> anyhow::Result<()> {
        let mut writer =
            Writer::new(format, Packing::Snappy, staged.file(), &batch(&columns, 0..0)?.schema())?;
        let rows = dataset.rows();
        for start in (0..rows).step_by(BATCH) {
            writer.write(&batch(&columns, start..(start + BATCH).min(rows))?)?;
        }
        writer.finish().map(drop)
    };
    put().map_err(|error| staged.refuse(error))?;
    staged.publish()
}

/// Rows that are written at a time.
const BATCH: usize = 65_536;

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

/// Features, the treatment where there is one, outcome, the truth where it is known, then the days of rows that are drawn with days.
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
    if let Some(treatment) = &dataset.treatment {
        columns.push(Column { name: "treatment", cells: Cells::Treatment(&treatment.assigned) });
    }
    columns.push(Column { name: "outcome", cells: Cells::Real(&dataset.outcome) });
    if let Some(truth) = &dataset.truth {
        let expected = truth.expected.as_ref();
        let effect = ("effect", truth.effect.as_ref());
        let control = ("expected_control", expected.and_then(Arms::control));
        let treated = ("expected_treated", expected.and_then(Arms::treated));
        let known = [effect, control, treated].into_iter();
        columns.extend(known.filter_map(|(name, cells)| Some(Column { name, cells: Cells::Real(cells?) })));
        let only = [("expected", expected), ("expected_conversion", truth.conversion.as_ref())];
        columns.extend(only.into_iter().filter_map(|(name, arms)| match arms {
            Some(Arms::One(cells)) => Some(Column { name, cells: Cells::Real(cells) }),
            Some(Arms::Two { .. }) | None => None,
        }));
    }
    // Rows of a file have their own column of times, which may be dates.
    if let (Some(time), None) = (&dataset.time, &dataset.origin) {
        columns.push(Column { name: "day", cells: Cells::Real(time) });
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

fn level(levels: &[String], code: u32) -> Option<&str> {
    if code == MISSING { None } else { levels.get(code as usize).map(String::as_str) }
}

/// Some rows of the columns.
fn batch(columns: &[Column], rows: Range<usize>) -> anyhow::Result<RecordBatch> {
    let mut batch = Columns::default();
    for Column { name, cells } in columns {
        match cells {
            Cells::Numeric { matrix, column } => {
                let cells = rows.clone().map(|row| matrix.row(row)[*column]);
                let known = cells.map(|value| (!value.is_nan()).then_some(value));
                batch.add_partial(name, known.collect::<Float32Array>());
            }
            Cells::Categorical { levels, codes } => {
                let texts = codes[rows.clone()].iter().map(|code| level(levels, *code));
                batch.add_partial(name, texts.collect::<StringArray>());
            }
            Cells::Treatment(treatment) => {
                let arms = treatment[rows.clone()].iter().map(|arm| u8::from(*arm));
                batch.add(name, UInt8Array::from_iter_values(arms));
            }
            Cells::Real(values) => batch.add(name, Float64Array::from(values[rows.clone()].to_vec())),
        }
    }
    batch.batch()
}

#[cfg(test)]
mod tests;
