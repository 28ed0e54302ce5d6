//! The paper's figures, and what stands beside them, as they lie in `reports/paper/`.

use super::PaperColumn;
use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use valor_runs::spec::PaperTable;

const TABLE_1: &str = include_str!("../../../../reports/paper/table1.csv");
const TABLE_2: &str = include_str!("../../../../reports/paper/table2.csv");
const SOURCES: &str = include_str!("../../../../reports/paper/sources.csv");
const COLUMNS: &str = include_str!("../../../../reports/paper/columns.csv");
const FLAGS: &str = include_str!("../../../../reports/paper/flags.csv");

/// A table with all that is said of its cells.
pub(super) struct Sheet {
    /// Its rows.
    pub rows: Vec<Printed>,
    /// Sources of rows that stand beside a half.
    pub sources: Vec<Source>,
    /// Our metric beside each column, by source.
    pub columns: Vec<Column>,
    /// Remarks on single figures.
    pub flags: Vec<Flag>,
}

/// A row as printed.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub(super) struct Printed {
    /// Heading above it.
    pub group: String,
    /// Its name.
    pub row: String,
    /// Our method.
    pub ours: String,
    /// Why the two methods cannot be compared; empty if they can.
    pub differs: String,
    /// Figures by `half_column`, as printed; empty where the paper has a dash.
    pub figures: BTreeMap<String, String>,
}

/// What stands beside a half.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Source {
    /// Our source of rows.
    pub source: String,
    /// The half.
    pub half: String,
    /// What the two have in common.
    pub note: String,
}

/// What stands beside a column.
#[derive(Clone, Debug, Deserialize)]
pub struct Column {
    /// Our source of rows.
    pub source: String,
    /// The half.
    pub half: String,
    /// The column of `table1.csv` and `table2.csv`, without the half.
    pub column: String,
    /// As the paper heads it.
    pub title: String,
    /// Our metric.
    pub metric: String,
    /// Why the two cannot be compared; empty if they can.
    pub differs: String,
    /// Our metric without the noise of outcomes, where our true effects are known; else the same.
    #[serde(skip)]
    pub decides: String,
}

/// A remark on figures of the paper.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Flag {
    /// `table1` or `table2`.
    pub table: PaperTable,
    /// Our name of the row.
    pub method: String,
    /// The half.
    pub half: String,
    /// Columns, separated by spaces.
    pub columns: String,
    /// The remark.
    pub why: String,
}

impl Sheet {
    /// The files of `table`.
    ///
    /// # Errors
    ///
    /// Internal: a broken file.
    pub(super) fn read(table: PaperTable) -> anyhow::Result<Self> {
        let rows = match table {
            PaperTable::Table1 => TABLE_1,
            PaperTable::Table2 => TABLE_2,
        };
        let mut flags: Vec<Flag> = lines(FLAGS, "flags.csv")?;
        flags.retain(|flag| flag.table == table);
        Ok(Self {
            rows: lines(rows, "the paper's table")?,
            sources: lines(SOURCES, "sources.csv")?,
            columns: lines(COLUMNS, "columns.csv")?,
            flags,
        })
    }

    /// Whether the table has the column at all.
    pub(super) fn prints(&self, column: &Column) -> bool {
        self.rows.iter().any(|row| row.figures.contains_key(&column.key()))
    }
}

fn lines<T: DeserializeOwned>(text: &str, what: &str) -> anyhow::Result<Vec<T>> {
    let lines = csv::Reader::from_reader(text.as_bytes()).into_deserialize();
    lines.collect::<Result<_, _>>().with_context(|| format!("{what} is broken"))
}

impl From<BTreeMap<String, String>> for Printed {
    fn from(mut fields: BTreeMap<String, String>) -> Self {
        let mut take = |name: &str| fields.remove(name).unwrap_or_default();
        let [group, row, ours, differs] = ["group", "row", "ours", "differs"].map(&mut take);
        Self { group, row, ours, differs, figures: fields }
    }
}

impl Printed {
    /// The figure in a column, as printed.
    pub(super) fn figure(&self, column: &Column) -> Option<&str> {
        self.figures.get(&column.key()).map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl Column {
    fn key(&self) -> String {
        format!("{}_{}", self.half, self.column)
    }
}

impl Flag {
    /// Whether it is about this figure.
    pub(super) fn is_of(&self, row: &Printed, column: &Column) -> bool {
        let of_column = || self.columns.split(' ').any(|name| name == column.column);
        self.method == row.ours && self.half == column.half && of_column()
    }
}

impl From<&&Column> for PaperColumn {
    fn from(column: &&Column) -> Self {
        let instead = Some(column.decides.clone()).filter(|decides| *decides != column.metric);
        Self { title: column.title.clone(), metric: column.metric.clone(), instead }
    }
}
