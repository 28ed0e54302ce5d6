//! Per-row values as Parquet.

use crate::record::{EvaluationRows, Predictions};
use anyhow::Context;
use arrow::array::{ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, RecordBatch, UInt32Array};
use arrow::datatypes::{Float32Type, Float64Type, UInt32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::sync::Arc;

/// Encodes predictions.
pub fn encode_predictions(found: &Predictions) -> anyhow::Result<Vec<u8>> {
    let column = |values: &[f32]| Arc::new(Float32Array::from(values.to_vec())) as ArrayRef;
    let mut columns = vec![
        ("uplift", column(&found.uplift)),
        ("expected_control", column(&found.expected_control)),
        ("expected_treated", column(&found.expected_treated)),
    ];
    let optional = [
        ("conversion_control", &found.conversion_control),
        ("conversion_treated", &found.conversion_treated),
    ];
    columns.extend(optional.iter().filter_map(|(name, values)| Some((*name, column(values.as_ref()?)))));
    encode(columns)
}

/// Decodes predictions.
pub fn decode_predictions(bytes: Vec<u8>) -> anyhow::Result<Predictions> {
    let table = Table::decode(bytes)?;
    Ok(Predictions {
        uplift: table.singles("uplift")?,
        expected_control: table.singles("expected_control")?,
        expected_treated: table.singles("expected_treated")?,
        conversion_control: table.optional("conversion_control", Table::singles)?,
        conversion_treated: table.optional("conversion_treated", Table::singles)?,
    })
}

/// Encodes the rows that models are judged on.
pub fn encode_evaluation(rows: &EvaluationRows) -> anyhow::Result<Vec<u8>> {
    let column = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("row", Arc::new(UInt32Array::from(rows.row.clone()))),
        ("treatment", Arc::new(BooleanArray::from(rows.treatment.clone()))),
        ("outcome", column(&rows.outcome)),
    ];
    let optional = [
        ("propensity", &rows.propensity),
        ("effect", &rows.effect),
        ("expected_control", &rows.expected_control),
        ("expected_treated", &rows.expected_treated),
    ];
    columns.extend(optional.iter().filter_map(|(name, values)| Some((*name, column(values.as_ref()?)))));
    encode(columns)
}

/// Decodes the rows that models are judged on.
pub fn decode_evaluation(bytes: Vec<u8>) -> anyhow::Result<EvaluationRows> {
    let table = Table::decode(bytes)?;
    Ok(EvaluationRows {
        row: table.column("row")?.as_primitive::<UInt32Type>().values().to_vec(),
        treatment: table.column("treatment")?.as_boolean().values().iter().collect(),
        outcome: table.doubles("outcome")?,
        propensity: table.optional("propensity", Table::doubles)?,
        effect: table.optional("effect", Table::doubles)?,
        expected_control: table.optional("expected_control", Table::doubles)?,
        expected_treated: table.optional("expected_treated", Table::doubles)?,
    })
}

fn encode(columns: Vec<(&str, ArrayRef)>) -> anyhow::Result<Vec<u8>> {
    let batch = RecordBatch::try_from_iter(columns)?;
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}

/// A decoded file.
struct Table(RecordBatch);

impl Table {
    fn decode(bytes: Vec<u8>) -> anyhow::Result<Self> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))?;
        let rows = reader.metadata().file_metadata().num_rows().max(1) as usize;
        let schema = reader.schema().clone();
        let batch = reader.with_batch_size(rows).build()?.next();
        Ok(Self(batch.transpose()?.unwrap_or_else(|| RecordBatch::new_empty(schema))))
    }

    fn column(&self, name: &str) -> anyhow::Result<&ArrayRef> {
        self.0.column_by_name(name).with_context(|| format!("column '{name}' is missing"))
    }

    fn singles(&self, name: &str) -> anyhow::Result<Vec<f32>> {
        let column = self.column(name)?.as_primitive_opt::<Float32Type>();
        Ok(column.with_context(|| format!("column '{name}' is not f32"))?.values().to_vec())
    }

    fn doubles(&self, name: &str) -> anyhow::Result<Vec<f64>> {
        let column = self.column(name)?.as_primitive_opt::<Float64Type>();
        Ok(column.with_context(|| format!("column '{name}' is not f64"))?.values().to_vec())
    }

    fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&Self, &str) -> anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        self.0.column_by_name(name).is_some().then(|| read(self, name)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_survive_the_file() {
        let found = Predictions {
            uplift: vec![1.5, -2.0],
            expected_control: vec![3.0, 4.0],
            expected_treated: vec![4.5, 2.0],
            conversion_control: Some(vec![0.25, 0.5]),
            conversion_treated: None,
        };
        assert_eq!(decode_predictions(encode_predictions(&found).unwrap()).unwrap(), found);
    }

    #[test]
    fn rows_survive_the_file_and_garbage_is_an_error() {
        let rows = EvaluationRows {
            row: vec![3, 9],
            treatment: vec![true, false],
            outcome: vec![0.1, 0.0],
            effect: Some(vec![-1.0, 2.0]),
            ..EvaluationRows::default()
        };
        assert_eq!(decode_evaluation(encode_evaluation(&rows).unwrap()).unwrap(), rows);
        assert!(decode_evaluation(b"garbage".to_vec()).is_err());
    }
}
