//! Per-row values as Parquet.

use super::pages;
use anyhow::{Context, ensure};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, RecordBatch, UInt32Array,
};
use arrow::datatypes::{Float32Type, Float64Type, UInt32Type};
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use std::sync::Arc;
use valor_base::error::caught;
use valor_base::question::{Arms, Question};
use valor_data::Treatment;
use valor_learn::evaluation::{Column, EvaluationRows, Predictions};

/// Encodes predictions.
pub fn encode_predictions(found: &Predictions) -> anyhow::Result<Vec<u8>> {
    let column = |values: &[f32]| Arc::new(Float32Array::from(values.to_vec())) as ArrayRef;
    encode(found.columns().into_iter().map(|(name, values)| (name, column(values))).collect())
}

/// Decodes predictions for so many rows. `level` is that of their intervals, where they were asked for.
///
/// # Errors
///
/// Where the bytes are not what was written: another number of rows, missing values or values that are not finite included.
pub fn decode_predictions(bytes: Vec<u8>, rows: usize, level: Option<f64>) -> anyhow::Result<Predictions> {
    guarded(|| {
        let table = Table::decode(bytes, |found| {
            ensure!(found == rows, "it has {found} predictions for {rows} rows");
            Ok(())
        })?;
        let [uplift, value] = [Question::Uplift, Question::Value];
        let question = if table.has(value.score()) { value } else { uplift };
        Predictions::from_columns(question, level, |name| table.optional(name, Table::singles))
    })
}

/// Encodes the rows that models are judged on.
pub fn encode_evaluation(rows: &EvaluationRows) -> anyhow::Result<Vec<u8>> {
    let array = |column: Column| -> ArrayRef {
        match column {
            Column::Rows(values) => Arc::new(UInt32Array::from(values.to_vec())),
            Column::Flags(values) => Arc::new(BooleanArray::from(values.to_vec())),
            Column::Doubles(values) => Arc::new(Float64Array::from(values.to_vec())),
        }
    };
    encode(rows.columns().into_iter().map(|(name, column)| (name, array(column))).collect())
}

/// Decodes the rows that models are judged on.
///
/// # Errors
///
/// Where the bytes are not what was written: rows out of order, missing values or values that are not finite included.
pub fn decode_evaluation(bytes: Vec<u8>) -> anyhow::Result<EvaluationRows> {
    guarded(|| {
        // No two row numbers are equal, so each takes its four bytes.
        let most = bytes.len() / 4;
        let table = Table::decode(bytes, |found| {
            ensure!(found <= most, "it says that it has {found} rows, more than it has room for");
            Ok(())
        })?;
        let known = |name: &str| table.optional(name, Table::doubles);
        let assigned = table.optional("treatment", Table::flags)?;
        let propensity = known("propensity")?;
        let two = Arms::Two { control: known("expected_control")?, treated: known("expected_treated")? };
        let rows = EvaluationRows {
            row: table.numbers()?,
            treatment: assigned.map(|assigned| Treatment { assigned, propensity }),
            outcome: table.doubles("outcome")?,
            effect: known("effect")?,
            expected: two.transpose().or(known("expected")?.map(Arms::One)),
        };
        ensure!(rows.row.is_sorted_by(|a, b| a < b), "its rows are not in order");
        Ok(rows)
    })
}

/// The decoder panics on some damaged files.
fn guarded<T>(decode: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    caught(decode).unwrap_or_else(|panic| Err(anyhow::anyhow!("its pages cannot be decoded: {panic}")))
}

fn encode(columns: Vec<(&str, ArrayRef)>) -> anyhow::Result<Vec<u8>> {
    let mut named = valor_io::table::Columns::default();
    for (name, cells) in columns {
        let partial = cells.null_count() > 0;
        named.push(name, cells, partial);
    }
    // Plain: what is stored is looked through by `pages` before it is decoded.
    valor_io::table::parquet(named, valor_io::table::Packing::Plain)
}

/// A decoded file.
struct Table(RecordBatch);

impl Table {
    /// `check` sees the number of rows before memory is asked for.
    fn decode(bytes: Vec<u8>, check: impl FnOnce(usize) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let rows = pages::check(&bytes)?;
        check(rows)?;
        // Types are those of the columns, not what a hint in the footer makes of them.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let bytes = bytes::Bytes::from(bytes);
        let reader = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?;
        let schema = reader.schema().clone();
        let needed = rows.saturating_mul(16 * schema.fields().len());
        Vec::<u8>::new()
            .try_reserve_exact(needed)
            .ok()
            .with_context(|| format!("it needs {needed} bytes of memory"))?;
        let mut reader = reader.with_batch_size(rows.max(1)).build()?;
        let batch = reader.next().transpose()?.unwrap_or_else(|| RecordBatch::new_empty(schema));
        ensure!(batch.num_rows() == rows, "it has {} rows of {rows}", batch.num_rows());
        let missing = batch.columns().iter().any(|column| column.null_count() > 0);
        ensure!(!missing, "it has missing values");
        Ok(Self(batch))
    }

    fn column(&self, name: &str) -> anyhow::Result<&ArrayRef> {
        self.0.column_by_name(name).with_context(|| format!("column '{name}' is missing"))
    }

    fn numbers(&self) -> anyhow::Result<Vec<u32>> {
        let column = self.column("row")?.as_primitive_opt::<UInt32Type>();
        Ok(column.context("column 'row' is not u32")?.values().to_vec())
    }

    fn has(&self, name: &str) -> bool {
        self.0.column_by_name(name).is_some()
    }

    fn flags(&self, name: &str) -> anyhow::Result<Vec<bool>> {
        let column = self.column(name)?.as_boolean_opt();
        Ok(column.with_context(|| format!("column '{name}' is not boolean"))?.values().iter().collect())
    }

    fn singles(&self, name: &str) -> anyhow::Result<Vec<f32>> {
        let column = self.column(name)?.as_primitive_opt::<Float32Type>();
        let values = column.with_context(|| format!("column '{name}' is not f32"))?.values();
        ensure!(
            values.iter().all(|value| value.is_finite()),
            "column '{name}' has values that are not finite"
        );
        Ok(values.to_vec())
    }

    fn doubles(&self, name: &str) -> anyhow::Result<Vec<f64>> {
        let column = self.column(name)?.as_primitive_opt::<Float64Type>();
        let values = column.with_context(|| format!("column '{name}' is not f64"))?.values();
        ensure!(
            values.iter().all(|value| value.is_finite()),
            "column '{name}' has values that are not finite"
        );
        Ok(values.to_vec())
    }

    fn optional<T>(
        &self,
        name: &str,
        read: impl Fn(&Self, &str) -> anyhow::Result<T>,
    ) -> anyhow::Result<Option<T>> {
        self.has(name).then(|| read(self, name)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn predictions(count: usize) -> Predictions {
        let column =
            |shift: f32| (0..count).map(|row| (row as f32 * 1.7).sin() + shift).collect::<Vec<f32>>();
        Predictions {
            score: column(0.0),
            expected: Arms::Two { control: column(3.0), treated: column(4.5) },
            conversion: Some(Arms::Two { control: vec![0.25; count], treated: vec![0.5; count] }),
            ..Predictions::none(Question::Uplift)
        }
    }

    fn rows(count: u32) -> EvaluationRows {
        EvaluationRows {
            row: (0..count).map(|row| 3 * row).collect(),
            treatment: Some(Treatment {
                assigned: (0..count).map(|row| row % 3 == 0).collect(),
                propensity: Some(vec![0.5; count as usize]),
            }),
            outcome: (0..count).map(|row| f64::from(row % 7)).collect(),
            effect: Some((0..count).map(f64::from).collect()),
            ..EvaluationRows::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for count in [0, 1, 2, 50, 30_000] {
            let found = predictions(count);
            assert_eq!(decode_predictions(encode_predictions(&found).unwrap(), count, None).unwrap(), found);
            let two = rows(count as u32);
            let one = EvaluationRows { treatment: None, effect: None, ..two.clone() };
            for rows in [two, one] {
                assert_eq!(decode_evaluation(encode_evaluation(&rows).unwrap()).unwrap(), rows);
            }
            let value = Predictions::new(Arms::One(vec![1.5; count]), Some(Arms::One(vec![0.5; count])));
            assert_eq!(decode_predictions(encode_predictions(&value).unwrap(), count, None).unwrap(), value);
        }
    }

    #[test]
    fn what_was_not_written_is_refused_by_what_is_wrong_with_it() {
        let refused = |found: &Predictions, count: usize| {
            format!("{:#}", decode_predictions(encode_predictions(found).unwrap(), count, None).unwrap_err())
        };
        assert!(refused(&predictions(3), 4).contains("3 predictions for 4 rows"));
        let mut wild = predictions(3);
        wild.expected.as_mut().map(|column| column[1] = f32::NAN);
        assert!(refused(&wild, 3).contains("'expected_control' has values that are not finite"));
        let mut disorder = rows(3);
        disorder.row.reverse();
        let error = decode_evaluation(encode_evaluation(&disorder).unwrap()).unwrap_err();
        assert!(error.to_string().contains("not in order"), "{error:#}");
        let null: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.0), None]));
        let file = encode(vec![
            ("uplift", null.clone()),
            ("expected_control", null.clone()),
            ("expected_treated", null),
        ]);
        assert!(
            format!("{:#}", decode_predictions(file.unwrap(), 2, None).unwrap_err())
                .contains("missing values")
        );
        assert!(decode_evaluation(b"garbage".to_vec()).is_err());
        let other = decode_predictions(encode_evaluation(&rows(3)).unwrap(), 3, None).unwrap_err();
        assert!(format!("{other:#}").contains("'uplift' is missing"));
    }

    /// Bytes after change: nothing in a file of 4 KiB may ask for more memory than a few times its size.
    fn survives(mut file: Vec<u8>, changes: &[(usize, u8)]) {
        for (place, byte) in changes {
            let place = place % file.len();
            file[place] = *byte;
        }
        let count = pages::check(&file).unwrap_or(0);
        assert!(count <= 8 * file.len(), "{count} rows in {} bytes", file.len());
        let _ = decode_predictions(file.clone(), 50, Some(0.9));
        let _ = decode_evaluation(file);
    }

    #[test]
    fn any_one_byte_that_is_changed_does_no_harm() {
        for file in [encode_predictions(&predictions(50)).unwrap(), encode_evaluation(&rows(50)).unwrap()] {
            for place in 0..file.len() {
                for byte in [0x00, 0x01, 0x7f, 0x80, 0xfa, 0xff, file[place] ^ 0x10, file[place] ^ 0x02] {
                    survives(file.clone(), &[(place, byte)]);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn bytes_that_are_changed_or_missing_do_no_harm(
            changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..12),
            kept in any::<usize>(),
            whole in any::<bool>(),
        ) {
            for file in [encode_predictions(&predictions(50)).unwrap(), encode_evaluation(&rows(50)).unwrap()] {
                let kept = if whole { file.len() } else { 1 + kept % file.len() };
                survives(file[..kept].to_vec(), &changes);
            }
        }
    }
}
