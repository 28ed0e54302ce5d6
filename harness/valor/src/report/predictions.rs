//! What every model said of every test row, as CSV or Parquet, for statistics that the report does not have.

use anyhow::{Context, Result, ensure};
use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, RecordBatch, StringArray, UInt8Array, UInt32Array,
    UInt64Array,
};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use valor_analysis::evidence::{Evidence, Outcome};
use valor_base::escape::csv as escape;
use valor_base::question::{Arms, Question};
use valor_data::Treatment;
use valor_io::table::{Format, Packing, Writer};
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
                predictions.rows() == rows.row.len(),
                "run {}: {} predictions for {} rows",
                run.id,
                predictions.rows(),
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

/// Values of a column; those that are not known are missing.
enum Cells<'a> {
    Text(&'a str),
    Number(u64),
    Rows(&'a [u32]),
    Flags(&'a [bool]),
    Doubles(Option<&'a Vec<f64>>),
    Singles(Option<&'a Vec<f32>>),
}

impl Cells<'_> {
    /// So many rows of it. In CSV, which people open, no name is a formula and arms are 1 and 0.
    fn array(&self, count: usize, format: PredictionFormat) -> ArrayRef {
        match (self, format) {
            (Cells::Text(text), PredictionFormat::Csv) => {
                Arc::new(StringArray::from(vec![escape::text(text).as_ref(); count]))
            }
            (Cells::Text(text), PredictionFormat::Parquet) => Arc::new(StringArray::from(vec![*text; count])),
            (Cells::Number(number), _) => Arc::new(UInt64Array::from(vec![*number; count])),
            (Cells::Rows(rows), _) => Arc::new(UInt32Array::from(rows.to_vec())),
            (Cells::Flags(flags), PredictionFormat::Csv) => {
                Arc::new(flags.iter().map(|flag| Some(u8::from(*flag))).collect::<UInt8Array>())
            }
            (Cells::Flags(flags), PredictionFormat::Parquet) => Arc::new(BooleanArray::from(flags.to_vec())),
            (Cells::Doubles(None), _) => Arc::new(Float64Array::new_null(count)),
            (Cells::Doubles(Some(values)), _) => Arc::new(Float64Array::from((*values).clone())),
            (Cells::Singles(None), _) => Arc::new(Float32Array::new_null(count)),
            (Cells::Singles(Some(values)), _) => Arc::new(Float32Array::from((*values).clone())),
        }
    }
}

/// The columns of a run, in order: the same of every run of a question.
fn columns<'a>(run: &Run<'a>) -> Vec<(&'static str, Cells<'a>)> {
    let (rows, said) = (run.rows, run.predictions);
    let conversion = said.conversion.as_ref();
    let mut columns = vec![
        ("dataset", Cells::Text(run.dataset)),
        ("method", Cells::Text(run.method)),
        ("seed", Cells::Number(run.seed)),
        ("row", Cells::Rows(&rows.row)),
    ];
    if let Some(treatment) = &rows.treatment {
        columns.push(("treatment", Cells::Flags(&treatment.assigned)));
    }
    columns.push(("outcome", Cells::Doubles(Some(&rows.outcome))));
    match (&rows.treatment, &said.expected) {
        (Some(treatment), Arms::Two { control, treated }) => columns.extend([
            ("propensity", Cells::Doubles(treatment.propensity.as_ref())),
            ("effect", Cells::Doubles(rows.effect.as_ref())),
            (Question::Uplift.score(), Cells::Singles(Some(&said.score))),
            ("predicted_control", Cells::Singles(Some(control))),
            ("predicted_treated", Cells::Singles(Some(treated))),
            ("predicted_conversion_control", Cells::Singles(conversion.and_then(Arms::control))),
            ("predicted_conversion_treated", Cells::Singles(conversion.and_then(Arms::treated))),
        ]),
        (_, _) => {
            let conversion = conversion.and_then(|conversion| conversion.named().next());
            columns.extend([
                (Question::Value.score(), Cells::Singles(Some(&said.score))),
                ("predicted_conversion", Cells::Singles(conversion.map(|(_, column)| column))),
            ]);
        }
    }
    columns
}

fn batch(run: &Run, format: PredictionFormat) -> Result<RecordBatch> {
    let count = run.rows.row.len();
    let nullable = columns(run).into_iter().map(|(name, cells)| (name, cells.array(count, format), true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}

/// Rows and predictions of the same question as the runs, without any row: what the header is made of.
fn empty(runs: &[Run]) -> (EvaluationRows, Predictions) {
    let question = runs.first().map_or(Question::Uplift, |run| run.rows.question());
    let treatment = match question {
        Question::Uplift => Some(Treatment::default()),
        Question::Value => None,
    };
    (EvaluationRows { treatment, ..EvaluationRows::default() }, Predictions::none(question))
}

fn write(runs: &[Run], format: PredictionFormat, file: impl Write + Send) -> Result<()> {
    let (rows, predictions) = empty(runs);
    let nothing = Run { dataset: "", method: "", seed: 0, rows: &rows, predictions: &predictions };
    let stored = match format {
        PredictionFormat::Csv => Format::Csv,
        PredictionFormat::Parquet => Format::Parquet,
    };
    let mut writer = Writer::new(stored, Packing::Zstd, file, &batch(&nothing, format)?.schema())?;
    for run in runs {
        writer.write(&batch(run, format)?)?;
    }
    writer.finish().map(drop)
}
