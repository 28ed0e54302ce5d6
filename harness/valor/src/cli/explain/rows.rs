//! All rows of a file, a chunk at a time, into two tables and a digest.

use super::column;
use crate::cli::output::{Staged, writer};
use crate::cli::progress::Rows;
use anyhow::Context;
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, RecordBatch, UInt64Array};
use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use valor_analysis::explain::{Digest, Feature, Part};
use valor_base::input_error;
use valor_base::question::Question;
use valor_data::table::stream::{Chunk, Stream};
use valor_io::table::{Format, as_text};
use valor_learn::model::{Explained, Explanations};

/// What is written.
pub(super) const FILES: [&str; 3] = ["contributions.csv", "contributions.parquet", "index.html"];
const BASE: &str = "base";
const ROW: &str = "row";

/// What accounts are called.
pub(super) struct Ids {
    /// Column of the file; none where rows are counted.
    place: Option<usize>,
    field: Field,
}

impl Ids {
    /// The column of that name, or the rows' numbers.
    pub(super) fn find(name: Option<&str>, data: &Path, schema: &SchemaRef) -> anyhow::Result<Self> {
        let Some(name) = name else {
            return Ok(Self { place: None, field: Field::new(ROW, DataType::UInt64, false) });
        };
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().trim()).collect();
        let place = column(name, data, &names)?;
        let field = schema.field(place).clone().with_name(name);
        let kind = field.data_type();
        if !can_cast_types(kind, &DataType::Utf8) || kind.is_nested() {
            return Err(input_error!("--id {name}: the column is of type {kind}, which names no account"));
        }
        Ok(Self { place: Some(place), field })
    }

    /// What they are, in words.
    pub(super) fn words(&self) -> String {
        match self.place {
            Some(_) => format!("the column '{}'", self.field.name()),
            None => "row, counted from 1 without the header".to_string(),
        }
    }

    /// The ids of a chunk whose first row has this number, as a column and as text.
    fn of(&self, chunk: &Chunk, first: u64) -> anyhow::Result<(ArrayRef, ArrayRef)> {
        let column: ArrayRef = match self.place {
            Some(place) => chunk.columns.column(place).clone(),
            None => Arc::new(UInt64Array::from_iter_values((first..).take(chunk.columns.num_rows()))),
        };
        let text = as_text(&column)?;
        Ok((column, text))
    }
}

/// The columns of the tables. Refuses names that would stand twice.
pub(super) fn schema(
    ids: &Ids,
    question: Question,
    prefix: &str,
    features: &[Feature],
) -> anyhow::Result<SchemaRef> {
    let number = |name: String| Field::new(name, DataType::Float64, false);
    let id = ids.field.name();
    if id == question.score() || id == BASE {
        return Err(input_error!("--id {id}: the table has a column '{id}' of its own"));
    }
    let mut fields = vec![ids.field.clone(), number(question.score().to_string()), number(BASE.to_string())];
    for feature in features {
        let name = format!("{prefix}{}", feature.name);
        if fields.iter().any(|field| *field.name() == name) {
            return Err(input_error!(
                "the table would have two columns '{name}'; --prefix TEXT gives those of the features other names"
            ));
        }
        fields.push(number(name));
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// Explaining under way.
pub(super) struct Work<'a> {
    explained: &'a Explained<'a>,
    stream: Stream<'a>,
    /// What accounts are called.
    pub(super) ids: Ids,
    schema: SchemaRef,
    /// What the page needs.
    pub(super) digest: Digest,
    /// Per categorical column the cells with a level that the training rows lack.
    pub(super) unseen: BTreeMap<String, usize>,
    /// How far it is.
    pub(super) progress: Rows,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        explained: &'a Explained<'a>,
        stream: Stream<'a>,
        ids: Ids,
        schema: SchemaRef,
        digest: Digest,
    ) -> Self {
        let (unseen, progress) = (BTreeMap::new(), Rows::new());
        Self { explained, stream, ids, schema, digest, unseen, progress }
    }

    /// Chunk by chunk to the end; false if it was interrupted.
    pub(super) fn all(
        &mut self,
        [csv, parquet]: [&Staged; 2],
        stop: &dyn Fn() -> bool,
    ) -> anyhow::Result<bool> {
        let mut text = writer(Format::Csv, csv, &self.schema)?;
        let mut packed = writer(Format::Parquet, parquet, &self.schema)?;
        while let Some(chunk) = self.stream.next_chunk()? {
            if stop() {
                return Ok(false);
            }
            let table = self.explain(&chunk)?;
            text.write(&table).map_err(|error| csv.refuse(error))?;
            packed.write(&table).map_err(|error| parquet.refuse(error))?;
            self.progress.add(table.num_rows(), self.stream.share());
        }
        text.finish().map_err(|error| csv.refuse(error))?;
        packed.finish().map_err(|error| parquet.refuse(error))?;
        Ok(!stop())
    }

    fn explain(&mut self, chunk: &Chunk) -> anyhow::Result<RecordBatch> {
        let found = self.explained.explain(&chunk.features)?;
        for (name, count) in self.explained.unseen(&chunk.features) {
            *self.unseen.entry(name.to_string()).or_default() += count;
        }
        let (ids, names) = self.ids.of(chunk, self.progress.count() as u64 + 1)?;
        let names = names.as_string::<i32>();
        let name = |row: usize| match names.is_valid(row) {
            true => names.value(row).trim().to_string(),
            false => String::new(),
        };
        let cells = |row: usize| self.explained.cells(&chunk.features, row);
        self.digest.add(&Part { ids: &name, cells: &cells, found: &found })?;
        self.table(ids, found)
    }

    fn table(&self, ids: ArrayRef, found: Explanations) -> anyhow::Result<RecordBatch> {
        let (rows, features) = (found.rows.rows, found.rows.columns);
        let base = Float64Array::from(vec![self.explained.trees.base(); rows]);
        let column = |feature: usize| {
            let values = (0..rows).map(|row| found.contributions[row * features + feature]);
            Arc::new(Float64Array::from_iter_values(values)) as ArrayRef
        };
        let columns = (0..features).map(column);
        let score = Arc::new(Float64Array::from(found.score.clone())) as ArrayRef;
        let columns = [ids, score, Arc::new(base)].into_iter().chain(columns).collect();
        RecordBatch::try_new(self.schema.clone(), columns).context("the contributions do not fit the rows")
    }
}
