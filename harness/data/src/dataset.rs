//! What every source of rows delivers: features, outcome, the treatment where there is one, and the truth where it is known.

use anyhow::{Context, bail, ensure};
use valor_base::question::{Arms, Question};

/// A row-major table of `f32`; NaN marks a missing value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// `rows * columns` values, one row after another.
    pub values: Vec<f32>,
}

impl Matrix {
    /// One row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    /// The given rows, in the given order.
    pub fn select(&self, rows: &[u32]) -> Self {
        let values = rows.iter().flat_map(|row| self.row(*row as usize)).copied().collect();
        Self { rows: rows.len(), columns: self.columns, values }
    }
}

/// The code of a missing category.
pub const MISSING: u32 = u32::MAX;

/// A feature column as declared, in declared order.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// Column name.
    pub name: String,
    /// Where its values are.
    pub kind: FeatureKind,
}

/// Where the values of a feature are stored.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureKind {
    /// A column of `Dataset::numeric`.
    Numeric {
        /// Index of the column.
        column: usize,
    },
    /// Codes into `levels`, one per row; `MISSING` where the cell is empty.
    Categorical {
        /// Level names, sorted.
        levels: Vec<String>,
        /// One code per row.
        codes: Vec<u32>,
    },
}

/// What the generator knows and no model may see. Outcome units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// `tau(x) = E[Y_1 | x] - E[Y_0 | x]`; absent where there is no treatment.
    pub effect: Option<Vec<f64>>,
    /// `E[Y | x]` of each arm, where known.
    pub expected: Option<Arms<Vec<f64>>>,
    /// `P(Y > 0 | x)` of each arm, where known.
    pub conversion: Option<Arms<Vec<f64>>>,
}

/// Who was treated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Treatment {
    /// Per row, whether it was.
    pub assigned: Vec<bool>,
    /// `P(T = 1 | x)` where it is known; inside (0, 1).
    pub propensity: Option<Vec<f64>>,
}

/// Names of the columns that say what stays together in a split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitColumns {
    /// Of groups.
    pub group: Option<String>,
    /// Of times.
    pub time: Option<String>,
    /// Of the times at which outcomes were known.
    pub known: Option<String>,
}

/// Rows to learn from and to be judged on. Every vector has one entry per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Feature columns in declared order.
    pub features: Vec<Feature>,
    /// Values of the numeric features; NaN where missing.
    pub numeric: Matrix,
    /// Names of the numeric features that networks see in logs.
    pub logs: Vec<String>,
    /// Who was treated; absent where there is no treatment, and so another question.
    pub treatment: Option<Treatment>,
    /// What they spent.
    pub outcome: Vec<f64>,
    /// The truth, where it is known.
    pub truth: Option<Truth>,
    /// Rows of one group must stand on one side of a split.
    pub group: Option<Vec<u64>>,
    /// For splits by time.
    pub time: Option<Vec<f64>>,
    /// When the outcome was known, in the unit of `time`.
    pub known: Option<Vec<f64>>,
    /// What the file calls the columns of groups and times, for messages.
    pub units: UnitColumns,
    /// Row of the file, as error messages count; absent where rows are generated.
    pub origin: Option<Vec<u64>>,
    /// Names of numeric columns that are one sequence each, in their order.
    pub sequences: Vec<Vec<String>>,
    /// What a reader of a table should know about these rows: dropped rows, stand-ins.
    pub notes: Vec<String>,
}

impl Dataset {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.outcome.len()
    }

    /// Who was treated; empty where there is no treatment.
    pub fn assigned(&self) -> &[bool] {
        self.treatment.as_ref().map_or(&[], |treatment| &treatment.assigned)
    }

    /// Known propensity.
    pub fn propensity(&self) -> Option<&[f64]> {
        self.treatment.as_ref()?.propensity.as_deref()
    }

    /// What these rows are asked.
    pub fn question(&self) -> Question {
        match self.treatment {
            Some(_) => Question::Uplift,
            None => Question::Value,
        }
    }

    /// The given rows, in the given order.
    pub fn select(&self, rows: &[u32]) -> Self {
        Self {
            features: self.features.iter().map(|feature| feature.select(rows)).collect(),
            numeric: self.numeric.select(rows),
            logs: self.logs.clone(),
            treatment: self.treatment.as_ref().map(|treatment| treatment.select(rows)),
            outcome: pick(&self.outcome, rows),
            truth: self.truth.as_ref().map(|truth| truth.select(rows)),
            group: self.group.as_ref().map(|column| pick(column, rows)),
            time: self.time.as_ref().map(|column| pick(column, rows)),
            known: self.known.as_ref().map(|column| pick(column, rows)),
            units: self.units.clone(),
            origin: self.origin.as_ref().map(|column| pick(column, rows)),
            sequences: self.sequences.clone(),
            notes: self.notes.clone(),
        }
    }
}

impl Dataset {
    /// Adds the rows of a dataset with the same columns. What both say of themselves stays as these rows say it.
    ///
    /// # Errors
    ///
    /// A column that one has and the other has not, or with other levels.
    pub fn append(&mut self, more: Self) -> anyhow::Result<()> {
        ensure!(self.features.len() == more.features.len(), "the rows have other features");
        for (feature, more) in self.features.iter_mut().zip(more.features) {
            feature.append(more)?;
        }
        ensure!(self.numeric.columns == more.numeric.columns, "the rows have other numeric features");
        self.numeric.rows += more.numeric.rows;
        self.numeric.values.extend(more.numeric.values);
        self.outcome.extend(more.outcome);
        append(&mut self.treatment, more.treatment, |known, more| {
            known.assigned.extend(more.assigned);
            append(&mut known.propensity, more.propensity, extend)
        })?;
        append(&mut self.truth, more.truth, |known, more| {
            append(&mut known.effect, more.effect, extend)?;
            append(&mut known.expected, more.expected, extend_arms)?;
            append(&mut known.conversion, more.conversion, extend_arms)
        })?;
        append(&mut self.group, more.group, extend)?;
        append(&mut self.time, more.time, extend)?;
        append(&mut self.known, more.known, extend)?;
        append(&mut self.origin, more.origin, extend)
    }
}

/// Adds what both have.
fn append<T>(
    known: &mut Option<T>,
    more: Option<T>,
    add: impl Fn(&mut T, T) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    match (known, more) {
        (Some(known), Some(more)) => add(known, more),
        (None, None) => Ok(()),
        (Some(_), None) | (None, Some(_)) => bail!("the rows have other columns"),
    }
}

fn extend<T>(known: &mut Vec<T>, more: Vec<T>) -> anyhow::Result<()> {
    known.extend(more);
    Ok(())
}

fn extend_arms(known: &mut Arms<Vec<f64>>, more: Arms<Vec<f64>>) -> anyhow::Result<()> {
    let pairs = known.as_mut().zip(more).context("the rows have other arms")?;
    pairs.map(|(known, more)| known.extend(more));
    Ok(())
}

impl Feature {
    fn append(&mut self, more: Self) -> anyhow::Result<()> {
        ensure!(self.name == more.name, "the rows have a feature '{}' for '{}'", more.name, self.name);
        match (&mut self.kind, more.kind) {
            (FeatureKind::Numeric { column }, FeatureKind::Numeric { column: other }) if *column == other => {
                Ok(())
            }
            (
                FeatureKind::Categorical { levels, codes },
                FeatureKind::Categorical { levels: others, codes: more },
            ) if *levels == others => extend(codes, more),
            (FeatureKind::Numeric { .. } | FeatureKind::Categorical { .. }, _) => {
                bail!("the feature '{}' is another one", self.name)
            }
        }
    }

    fn select(&self, rows: &[u32]) -> Self {
        let kind = match &self.kind {
            FeatureKind::Numeric { column } => FeatureKind::Numeric { column: *column },
            FeatureKind::Categorical { levels, codes } => {
                FeatureKind::Categorical { levels: levels.clone(), codes: pick(codes, rows) }
            }
        };
        Self { name: self.name.clone(), kind }
    }
}

impl Truth {
    fn select(&self, rows: &[u32]) -> Self {
        let arms = |known: &Option<Arms<Vec<f64>>>| {
            known.as_ref().map(|arms| arms.as_ref().map(|column| pick(column, rows)))
        };
        Self {
            effect: self.effect.as_ref().map(|column| pick(column, rows)),
            expected: arms(&self.expected),
            conversion: arms(&self.conversion),
        }
    }
}

/// Of which no propensity is known.
impl From<Vec<bool>> for Treatment {
    fn from(assigned: Vec<bool>) -> Self {
        Self { assigned, propensity: None }
    }
}

impl Treatment {
    /// The given rows, in the given order.
    pub fn select(&self, rows: &[u32]) -> Self {
        Self {
            assigned: pick(&self.assigned, rows),
            propensity: self.propensity.as_ref().map(|column| pick(column, rows)),
        }
    }

    /// Number of treated rows.
    pub fn treated(&self) -> usize {
        self.assigned.iter().filter(|treated| **treated).count()
    }
}

fn pick<T: Copy>(column: &[T], rows: &[u32]) -> Vec<T> {
    rows.iter().map(|row| column[*row as usize]).collect()
}
