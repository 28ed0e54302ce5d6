//! table: rows from a CSV (plain or .gz) or Parquet file, as an experiment declares them.

mod arrays;
mod collect;
mod columns;
mod csv;
mod dialect;
mod features;
#[cfg(test)]
mod hillstrom;
mod limits;
pub mod log;
mod parquet;
mod role;
pub mod stream;
#[cfg(test)]
mod tests;
mod time;
#[cfg(test)]
mod type_tests;
mod value;

pub use dialect::Dialect;
pub use limits::{Limits, Reading};

use super::{Dataset, validate_count};
use collect::Collector;
use columns::Columns;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use valor_base::error::{did_you_mean, shown};
use valor_base::input_error;
use valor_io::table::Format;

/// A declared file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TableSpec {
    /// A `.csv`, `.csv.gz` or `.parquet` file, relative to the experiment file. Not part of the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Names of a CSV file's columns, where it has no header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// BLAKE3 of the file's bytes, filled in when the file is found; one that is given must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The treatment column; rows without one are asked what each is worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treatment: Option<String>,
    /// Values that mean treated, compared as levels are: `1` and `1.0`, `True` and `true` are one value.
    #[serde(default, deserialize_with = "value::texts", skip_serializing_if = "Vec::is_empty")]
    pub treated: Vec<String>,
    /// Values that mean control.
    #[serde(default, deserialize_with = "value::texts", skip_serializing_if = "Vec::is_empty")]
    pub control: Vec<String>,
    /// Values whose rows are left out and counted. A value in none of the three lists is an error.
    #[serde(default, deserialize_with = "value::texts", skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// The outcome column.
    pub outcome: String,
    /// Numeric feature columns; an empty cell is a missing value.
    #[serde(default)]
    pub numeric: Vec<String>,
    /// Those of `numeric` that networks see in logs: `sign(x) log(1 + |x| / m)`, m the median of `|x|` over the training rows where x is not 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log1p: Vec<String>,
    /// Categorical feature columns; an empty cell is a missing value.
    #[serde(default)]
    pub categorical: Vec<String>,
    /// Groups of numeric columns that are one sequence each, in their order; for methods that ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequence: Vec<Vec<String>>,
    /// Column of true effects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
    /// Column of the true expected outcome under control; with `expected_treated` it gives the true effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_control: Option<String>,
    /// Column of the true expected outcome under treatment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_treated: Option<String>,
    /// Column of the true expected outcome, where there is no treatment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Known propensity: a column, or a number for all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propensity: Option<Propensity>,
    /// Column of group labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Column of times (numbers or ISO dates).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Column of the times at which outcomes were known, as `time` has them; for splits that learn from nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// Use only a fixed random sample of this many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// What stands between the cells of a CSV file; `,` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// What stands before decimals; `.` where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal: Option<char>,
    /// What stands between thousands; nothing where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// Marks before or after numbers that are left off.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub currency: Vec<String>,
    /// Texts that mean a missing value, besides an empty cell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What is too large to be a cell, a name or a table. Not part of the identity.
    #[serde(default, skip_serializing_if = "Limits::usual")]
    pub limits: Limits,
}

/// Scores and what they are judged by.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// A score per row.
    pub score: Vec<f64>,
    /// The rows, with the features that the spec names, which may be none.
    pub rows: Dataset,
}

/// Known propensity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number in (0, 1) or the name of a column")]
pub enum Propensity {
    /// The same for all rows; in (0, 1).
    Constant(f64),
    /// A column.
    Column(String),
}

impl TableSpec {
    /// Refuses options out of range and roles that exclude each other, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        let path = self.path.as_deref().ok_or_else(|| input_error!("table: the key 'path' is missing"))?;
        format_of(path).map_err(|error| input_error!("table: path = {error}"))?;
        self.reading().validate(&format!("table {path}"))?;
        self.validate_values(path)?;
        self.validate_truth(path)?;
        self.validate_columns(path)?;
        self.validate_sequences(path)?;
        self.validate_names(path)?;
        if let (Some(known), None) = (&self.known, &self.time) {
            return Err(input_error!(
                "table {path}: known = '{}' needs 'time', the column of times that it is compared with",
                shown(known)
            ));
        }
        if let Some(Propensity::Constant(share)) = self.propensity
            && !(share > 0.0 && share < 1.0)
        {
            return Err(input_error!(
                "table {path}: propensity = {share}: allowed are numbers above 0 and below 1"
            ));
        }
        validate_count(&format!("table {path}"), "rows", self.rows.unwrap_or(1), u32::MAX as usize)
    }

    /// A spec without a file and without columns.
    pub fn read_as(reading: Reading) -> Self {
        let Dialect { separator, decimal, thousands, currency, missing } = reading.dialect;
        Self {
            path: None,
            columns: reading.names,
            content: None,
            treatment: None,
            treated: Vec::new(),
            control: Vec::new(),
            drop: Vec::new(),
            outcome: String::new(),
            numeric: Vec::new(),
            log1p: Vec::new(),
            categorical: Vec::new(),
            sequence: Vec::new(),
            effect: None,
            expected_control: None,
            expected_treated: None,
            expected: None,
            propensity: None,
            group: None,
            time: None,
            known: None,
            rows: None,
            separator: Some(separator),
            decimal: Some(decimal),
            thousands,
            currency,
            missing,
            limits: reading.limits,
        }
    }

    /// How its cells are read.
    pub fn reading(&self) -> Reading {
        let usual = Dialect::default();
        let dialect = Dialect {
            separator: self.separator.unwrap_or(usual.separator),
            decimal: self.decimal.unwrap_or(usual.decimal),
            thousands: self.thousands,
            currency: self.currency.clone(),
            missing: self.missing.clone(),
        };
        Reading { dialect, limits: self.limits, names: self.columns.clone() }
    }

    /// Fills in the content hash, or checks the one that is there.
    pub fn resolve(&mut self, root: &Path) -> anyhow::Result<()> {
        self.validate()?;
        let (path, file) = self.open(root)?;
        let found = content_hash(path, file)?;
        match &self.content {
            Some(content) if *content != found => Err(input_error!(
                "{path} is another file than the one asked for: its BLAKE3 is {found}, the key 'content' says {content}"
            )),
            _ => {
                self.content = Some(found);
                Ok(())
            }
        }
    }

    /// What says something of a treatment needs its column.
    fn validate_treatment(&self, path: &str) -> anyhow::Result<()> {
        let lists = self.value_lists().map(|(key, list)| (key, !list.is_empty()));
        let columns = [
            ("effect", self.effect.is_some()),
            ("expected-control", self.expected_control.is_some()),
            ("expected-treated", self.expected_treated.is_some()),
            ("propensity", self.propensity.is_some()),
        ];
        match lists.into_iter().chain(columns).find(|(_, given)| *given) {
            Some((key, _)) => Err(input_error!(
                "table {path}: '{key}' speaks of a treatment; name its column in 'treatment', or leave '{key}' out where there is \
                 none"
            )),
            None => Ok(()),
        }
    }

    fn validate_values(&self, path: &str) -> anyhow::Result<()> {
        if self.treatment.is_none() {
            return self.validate_treatment(path);
        }
        if self.expected.is_some() {
            return Err(input_error!(
                "table {path}: 'expected' speaks of rows without a treatment; of those with one allowed are 'expected-control' and \
                 'expected-treated'"
            ));
        }
        let mut seen = BTreeMap::new();
        for (key, list) in self.value_lists() {
            if list.is_empty() && key != "drop" {
                return Err(input_error!("table {path}: {key} = []: name at least one value"));
            }
            for value in list {
                if let Some(other) = seen.insert(collect::level(value), key).filter(|other| *other != key) {
                    return Err(input_error!(
                        "table {path}: the value '{}' stands in both '{other}' and '{key}'; allowed is one of them",
                        shown(value)
                    ));
                }
                if self.missing.iter().any(|mark| mark.trim() == value.trim()) {
                    return Err(input_error!(
                        "table {path}: the value '{}' stands in both '{key}' and 'missing'; allowed is one of them",
                        shown(value)
                    ));
                }
            }
        }
        Ok(())
    }

    fn validate_columns(&self, path: &str) -> anyhow::Result<()> {
        let treatment = self.treatment.iter().map(|name| (name.as_str(), "treatment"));
        let mut roles: BTreeMap<&str, &str> = treatment.collect();
        let outcome = [(&self.outcome, "outcome")].into_iter();
        let effect = self.effect.iter().map(|name| (name, "effect"));
        let expected = [
            (&self.expected_control, "expected-control"),
            (&self.expected_treated, "expected-treated"),
            (&self.expected, "expected"),
        ];
        let truth = expected.into_iter().filter_map(|(name, role)| Some((name.as_ref()?, role)));
        let numeric = self.numeric.iter().map(|name| (name, "numeric"));
        let categorical = self.categorical.iter().map(|name| (name, "categorical"));
        for (name, role) in outcome.chain(effect).chain(truth).chain(numeric).chain(categorical) {
            if let Some(other) = roles.insert(name, role) {
                let twice = if other == role { "twice in".into() } else { format!("in both '{other}' and") };
                return Err(input_error!(
                    "table {path}: the column '{}' stands {twice} '{role}'; allowed is once",
                    shown(name)
                ));
            }
        }
        for (place, name) in self.log1p.iter().enumerate() {
            if !self.numeric.contains(name) {
                return Err(input_error!(
                    "table {path}: log1p names the column '{}', which is not in 'numeric'; allowed are columns that are",
                    shown(name)
                ));
            }
            if self.log1p[..place].contains(name) {
                return Err(input_error!(
                    "table {path}: the column '{}' stands twice in 'log1p'; allowed is once",
                    shown(name)
                ));
            }
        }
        if self.numeric.is_empty() && self.categorical.is_empty() {
            return Err(input_error!(
                "table {path}: no features; name columns in 'numeric' or 'categorical'"
            ));
        }
        Ok(())
    }

    /// Refuses sequences of columns that are no numeric features, or of which another has a column.
    fn validate_sequences(&self, path: &str) -> anyhow::Result<()> {
        if let Some(group) = self.sequence.iter().find(|group| group.len() < 2) {
            return Err(input_error!(
                "table {path}: sequence: found a group of {} columns; allowed are 2 or more",
                group.len()
            ));
        }
        let mut seen = BTreeSet::new();
        for name in self.sequence.iter().flatten() {
            if !self.numeric.contains(name) {
                let is = match self.categorical.contains(name) {
                    true => "is categorical",
                    false => "is not among the columns of 'numeric'",
                };
                let hint = did_you_mean(name, self.numeric.iter().map(String::as_str));
                let name = shown(name);
                return Err(input_error!(
                    "table {path}: sequence: the column '{name}' {is}; allowed are columns of 'numeric'{hint}"
                ));
            }
            if !seen.insert(name) {
                return Err(input_error!(
                    "table {path}: sequence: the column '{}' stands there twice; allowed is once, in one group",
                    shown(name)
                ));
            }
        }
        Ok(())
    }

    /// Refuses names that a file without a header cannot have.
    fn validate_names(&self, path: &str) -> anyhow::Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        if format_of(path)? == Format::Parquet {
            return Err(input_error!(
                "table {path}: columns: a Parquet file names its columns; allowed for CSV files without a header"
            ));
        }
        let mut seen = BTreeSet::new();
        match self.columns.iter().find(|name| name.trim().is_empty() || !seen.insert(name.trim())) {
            Some(name) => Err(input_error!(
                "table {path}: columns: '{name}' stands there twice or is empty; allowed is a name for each column"
            )),
            None => Ok(()),
        }
    }

    /// The true effect is a column, or the difference of two.
    fn validate_truth(&self, path: &str) -> anyhow::Result<()> {
        match (&self.effect, &self.expected_control, &self.expected_treated) {
            (_, None, None) | (None, Some(_), Some(_)) => Ok(()),
            (Some(_), Some(_), Some(_)) => Err(input_error!(
                "table {path}: the effect is expected-treated less expected-control; give these two or 'effect'"
            )),
            (_, Some(_), None) | (_, None, Some(_)) => Err(input_error!(
                "table {path}: expected-control and expected-treated go together; found one of them"
            )),
        }
    }

    fn value_lists(&self) -> [(&'static str, &Vec<String>); 3] {
        [("treated", &self.treated), ("control", &self.control), ("drop", &self.drop)]
    }

    /// The path as it was written, and the open file.
    fn open(&self, root: &Path) -> anyhow::Result<(&str, File)> {
        let path = self.path.as_deref().ok_or_else(|| input_error!("table: the key 'path' is missing"))?;
        let full = root.join(path);
        let looked = format!(" (looked for {}); key 'path'", full.display());
        Ok((path, open(path, &full, &looked)?))
    }
}

/// Opens a file that is called `name`; `looked` is said of one that is not there.
fn open(name: &str, path: &Path, looked: &str) -> anyhow::Result<File> {
    if path.is_dir() {
        return Err(input_error!("{name} is a folder; allowed is a .csv, .csv.gz or .parquet file"));
    }
    let file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => input_error!("{name}: no such file{looked}"),
        _ => input_error!("{name} cannot be read: {error}"),
    })?;
    if file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return Err(input_error!("{name} is empty (0 bytes)"));
    }
    Ok(file)
}

/// The rows of a valid spec. A file that is not the one whose hash the spec holds is refused.
pub(super) fn load(spec: &TableSpec, root: &Path) -> anyhow::Result<Dataset> {
    if spec.content.is_some() {
        spec.clone().resolve(root)?;
    }
    let (path, file) = spec.open(root)?;
    let columns = Columns::new(spec);
    let collector = |place| Collector::new(spec, columns.clone(), place);
    read(path, file, &columns, &spec.reading(), collector)?.finish()
}

/// A file of scores, which the column `score` of it is, and what they are judged by. The spec needs no features.
///
/// # Errors
///
/// Input errors of the file, its columns and cells, and of arms that are empty.
pub fn load_scored(spec: &TableSpec, score: &str) -> anyhow::Result<Scored> {
    let path = spec.path.as_deref().unwrap_or_default();
    spec.reading().validate(path)?;
    spec.validate_values(path)?;
    let file = open(path, Path::new(path), "")?;
    let columns = Columns::with_score(spec, Some(score));
    let collector = |place| Collector::new(spec, columns.clone(), place);
    read(path, file, &columns, &spec.reading(), collector)?.finish_scored()
}

/// All rows of a file, in the collector that `collector` makes for its place.
fn read<'a>(
    path: &'a str,
    file: File,
    columns: &Columns,
    reading: &Reading,
    collector: impl FnOnce(Place<'a>) -> Collector<'a>,
) -> anyhow::Result<Collector<'a>> {
    match format_of(path)? {
        Format::Csv => csv::read(path, file, columns, reading, collector),
        Format::CsvGz => {
            csv::read(path, flate2::read::MultiGzDecoder::new(file), columns, reading, collector)
        }
        Format::Parquet => parquet::read(path, file, columns, reading, collector),
    }
}

/// How the rows of a file are stored, by the ending of its path.
fn format_of(path: &str) -> anyhow::Result<Format> {
    Format::of(format_args!("'{path}'"), path)
}

/// Where a cell stands, for error messages. Rows count from 1, blank lines too, as in a spreadsheet; in a CSV file the header is
/// row 1, if no blank line stands above it.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    file: &'a str,
    /// Row of the header; 0 where there is none.
    header: u64,
}

impl Place<'_> {
    fn row(&self, row: u64) -> String {
        match self.header {
            0 => format!("{}: row {row} (counted from 1)", self.file),
            header => format!("{}: row {row} (the header is row {header})", self.file),
        }
    }
}

fn content_hash(path: &str, file: File) -> anyhow::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(|error| input_error!("{path} cannot be read: {error}"))?;
    Ok(hasher.finalize().to_hex().to_string())
}
