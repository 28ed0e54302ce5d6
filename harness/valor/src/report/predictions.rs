//! What every model said of every test row, as CSV or Parquet, for statistics that the report does not have.

use anyhow::{Context, Result, ensure};
use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use valor_analysis::evidence::{Evidence, Outcome};
use valor_base::escape::csv as escape;
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
    match format {
        PredictionFormat::Csv => folder.write_with("predictions.csv", |file| write_csv(&runs, file)),
        PredictionFormat::Parquet => {
            folder.write_with("predictions.parquet", |file| write_parquet(&runs, file))
        }
    }
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

/// The columns of a run, in order. Unknown ones are null.
fn columns(run: &Run) -> Vec<(&'static str, ArrayRef)> {
    let count = run.rows.row.len();
    let text = |value: &str| Arc::new(StringArray::from(vec![value; count])) as ArrayRef;
    let known = |values: &Option<Vec<f64>>| -> ArrayRef {
        Arc::new(
            values.as_ref().map_or_else(|| Float64Array::new_null(count), |values| values.clone().into()),
        )
    };
    let said = |values: Option<&Vec<f32>>| -> ArrayRef {
        Arc::new(values.map_or_else(|| Float32Array::new_null(count), |values| values.clone().into()))
    };
    vec![
        ("dataset", text(run.dataset)),
        ("method", text(run.method)),
        ("seed", Arc::new(UInt64Array::from(vec![run.seed; count]))),
        ("row", Arc::new(UInt32Array::from(run.rows.row.clone()))),
        ("treatment", Arc::new(BooleanArray::from(run.rows.treatment.clone()))),
        ("outcome", Arc::new(Float64Array::from(run.rows.outcome.clone()))),
        ("propensity", known(&run.rows.propensity)),
        ("effect", known(&run.rows.effect)),
        ("uplift", said(Some(&run.predictions.uplift))),
        ("predicted_control", said(Some(&run.predictions.expected_control))),
        ("predicted_treated", said(Some(&run.predictions.expected_treated))),
        ("predicted_conversion_control", said(run.predictions.conversion_control.as_ref())),
        ("predicted_conversion_treated", said(run.predictions.conversion_treated.as_ref())),
    ]
}

fn batch(run: &Run) -> Result<RecordBatch> {
    let nullable = columns(run).into_iter().map(|(name, column)| (name, column, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}

fn empty() -> (EvaluationRows, Predictions) {
    (EvaluationRows::default(), Predictions::default())
}

fn write_parquet(runs: &[Run], file: &mut (dyn Write + Send)) -> Result<()> {
    let (rows, predictions) = empty();
    let nothing = Run { dataset: "", method: "", seed: 0, rows: &rows, predictions: &predictions };
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = ArrowWriter::try_new(file, batch(&nothing)?.schema(), Some(properties))?;
    for run in runs {
        writer.write(&batch(run)?)?;
    }
    writer.close()?;
    Ok(())
}

fn write_csv(runs: &[Run], file: &mut (dyn Write + Send)) -> Result<()> {
    let (rows, predictions) = empty();
    let nothing = Run { dataset: "", method: "", seed: 0, rows: &rows, predictions: &predictions };
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(columns(&nothing).iter().map(|(name, _)| *name))?;
    for run in runs {
        for index in 0..run.rows.row.len() {
            writer.write_record(line(run, index))?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// One line; what is unknown is empty.
fn line(run: &Run, index: usize) -> [String; 13] {
    let known = |values: &Option<Vec<f64>>| {
        values.as_ref().map(|values| values[index].to_string()).unwrap_or_default()
    };
    let said = |values: Option<&Vec<f32>>| values.map(|values| values[index].to_string()).unwrap_or_default();
    [
        escape::text(run.dataset).into_owned(),
        escape::text(run.method).into_owned(),
        run.seed.to_string(),
        run.rows.row[index].to_string(),
        u8::from(run.rows.treatment[index]).to_string(),
        run.rows.outcome[index].to_string(),
        known(&run.rows.propensity),
        known(&run.rows.effect),
        said(Some(&run.predictions.uplift)),
        said(Some(&run.predictions.expected_control)),
        said(Some(&run.predictions.expected_treated)),
        said(run.predictions.conversion_control.as_ref()),
        said(run.predictions.conversion_treated.as_ref()),
    ]
}
