//! What every model said of every test row, as CSV or Parquet, for statistics that the report does not have.

use anyhow::{Context, Result, ensure};
use arrow::array::{
    BooleanArray, Float32Array, Float64Array, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array,
};
use std::io::Write;
use std::path::PathBuf;
use valor_analysis::evidence::{Evidence, Outcome};
use valor_base::escape::csv as escape;
use valor_io::table::{Columns, Format, Packing, Writer};
use valor_runs::record::{EvaluationRows, Predictions};
use valor_runs::store::Folder;

/// How predictions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictionFormat {
    /// `predictions.csv`.
    Csv,
    /// `predictions.parquet`.
    Parquet,
}

/// One finished run with its rows.
struct Run<'a> {
    dataset: &'a str,
    method: &'a str,
    seed: u64,
    rows: &'a EvaluationRows,
    predictions: &'a Predictions,
}

/// Writes the predictions of every finished run, one line per run and test row, and says where they will be.
///
/// # Errors
///
/// When the folder cannot be written, or stored predictions do not fit the rows that they belong to.
pub fn export(evidence: &Evidence, folder: &Folder, format: PredictionFormat) -> Result<PathBuf> {
    let runs = runs(evidence)?;
    let name = match format {
        PredictionFormat::Csv => "predictions.csv",
        PredictionFormat::Parquet => "predictions.parquet",
    };
    folder.write_with(name, |file| write(&runs, format, file))
}

fn runs(evidence: &Evidence) -> Result<Vec<Run<'_>>> {
    let mut runs = Vec::new();
    for cell in &evidence.cells {
        for run in &cell.runs {
            let Outcome::Found { record, predictions: Some(predictions) } = &run.outcome else { continue };
            let rows = evidence.evaluations.get(&record.evaluation).with_context(|| {
                format!("run {}: its evaluation rows {} are not in the store", run.id, record.evaluation)
            })?;
            ensure!(
                predictions.uplift.len() == rows.row.len(),
                "run {}: {} predictions for {} rows",
                run.id,
                predictions.uplift.len(),
                rows.row.len()
            );
            runs.push(Run {
                dataset: &evidence.experiment.datasets[cell.dataset].name,
                method: &evidence.experiment.methods[cell.method].name,
                seed: run.seed,
                rows,
                predictions,
            });
        }
    }
    Ok(runs)
}

/// The columns of a run, in order. Unknown ones are null. In CSV, which people open, no name is a formula and arms are 1 and 0.
fn columns(run: &Run, format: PredictionFormat) -> Result<RecordBatch> {
    let count = run.rows.row.len();
    let text = |value: &str| StringArray::from(vec![value; count]);
    let known = |values: &Option<Vec<f64>>| match values {
        Some(values) => Float64Array::from(values.clone()),
        None => Float64Array::new_null(count),
    };
    let said = |values: Option<&Vec<f32>>| match values {
        Some(values) => Float32Array::from(values.clone()),
        None => Float32Array::new_null(count),
    };
    let Run { rows, predictions, .. } = run;
    let mut columns = Columns::default();
    match format {
        PredictionFormat::Csv => {
            columns.add_partial("dataset", text(&escape::text(run.dataset)));
            columns.add_partial("method", text(&escape::text(run.method)));
        }
        PredictionFormat::Parquet => {
            columns.add_partial("dataset", text(run.dataset));
            columns.add_partial("method", text(run.method));
        }
    }
    columns.add_partial("seed", UInt64Array::from(vec![run.seed; count]));
    columns.add_partial("row", UInt32Array::from(rows.row.clone()));
    let arms = rows.treatment.iter();
    match format {
        PredictionFormat::Csv => {
            columns.add_partial("treatment", arms.map(|arm| Some(u8::from(*arm))).collect::<UInt8Array>());
        }
        PredictionFormat::Parquet => {
            columns.add_partial("treatment", arms.map(|arm| Some(*arm)).collect::<BooleanArray>());
        }
    }
    columns.add_partial("outcome", Float64Array::from(rows.outcome.clone()));
    columns.add_partial("propensity", known(&rows.propensity));
    columns.add_partial("effect", known(&rows.effect));
    columns.add_partial("uplift", said(Some(&predictions.uplift)));
    columns.add_partial("predicted_control", said(Some(&predictions.expected_control)));
    columns.add_partial("predicted_treated", said(Some(&predictions.expected_treated)));
    columns.add_partial("predicted_conversion_control", said(predictions.conversion_control.as_ref()));
    columns.add_partial("predicted_conversion_treated", said(predictions.conversion_treated.as_ref()));
    columns.batch()
}

fn write(runs: &[Run], format: PredictionFormat, file: impl Write + Send) -> Result<()> {
    let (rows, predictions) = (EvaluationRows::default(), Predictions::default());
    let nothing = Run { dataset: "", method: "", seed: 0, rows: &rows, predictions: &predictions };
    let kind = match format {
        PredictionFormat::Csv => Format::Csv,
        PredictionFormat::Parquet => Format::Parquet,
    };
    let mut writer = Writer::new(kind, Packing::Zstd, file, &columns(&nothing, format)?.schema())?;
    for run in runs {
        writer.write(&columns(run, format)?)?;
    }
    writer.finish().map(drop)
}
