//! Turns features into the numbers that a method sees, by what the training rows alone say.

mod entry;
mod feature_summary;
mod logs;
mod names;
mod pooled;
#[cfg(test)]
mod tests;

pub use entry::{Embedded, Entry, spread};
pub use feature_summary::FeatureSummary;
pub use pooled::{MOST_CODES, pooled_levels};

use logs::Unit;

use super::{Dataset, Feature, FeatureKind, LARGEST, Matrix};
use anyhow::Context;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which numbers a method sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Standardised numbers and indicators: networks.
    #[default]
    Standard,
    /// Numbers as they are and codes of levels, NaN where missing: trees.
    Plain,
}

/// What an encoded column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Numbers, which have an order.
    Number,
    /// Codes of so many levels, which have none.
    Levels(usize),
    /// Numbers that are one step of a sequence.
    Step {
        /// Number of the sequence.
        sequence: usize,
        /// Place of the step in it.
        place: usize,
    },
}

/// How each feature is encoded, fitted on the training rows.
///
/// ```text
/// logs:         x is sign(x) log(1 + |x| / m) in what follows, for features that are asked for in logs;  m: the median of |x| over the
///               training rows where x is not 0, so that no number depends on the currency
/// numeric:      (x - mean) / sd over the training rows that have x; 0 where missing or where sd is 0
/// missing:      1 where a value is missing, one column per feature that some training rows lack and some have
/// categorical:  one column per level met in the training rows; all 0 for a level not met there
/// ```
///
/// What is the same in all training rows says nothing: its column is always 0, whatever a row to score holds. So a number that is
/// constant, and the one column of a categorical feature that has a single level and is never missing, or is always missing.
///
/// Columns: the numeric features in declared order, then the indicators of missing numbers, then the levels of
/// each categorical feature with its own indicator. Plain: the numeric features as they are, then one column per
/// categorical feature with the place of its level among those met; NaN where missing or not met. Of more than [`MOST_CODES`]
/// levels the most frequent ones come first, and the rest, whose places are that or larger, is one to trees.
///
/// An embedded categorical feature ([`Entry`]) has one column in the place of its levels' and its indicator: the place of the level,
/// one number after the last for all levels that are rare or not met, and the next one where the cell is missing and some training
/// rows lack it too.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    numeric: Vec<Standardisation>,
    categorical: Vec<Levels>,
    #[serde(default, skip_serializing_if = "is_standard")]
    encoding: Encoding,
    /// Names of the columns of each sequence, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sequences: Vec<Vec<String>>,
}

impl Encoder {
    /// The first numeric feature whose mean and standard deviation no training rows have: features are within 1e30.
    pub fn wild(&self) -> Option<&str> {
        let known = |scale: &&Standardisation| {
            let within = scale.mean.abs() <= LARGEST && (0.0..=2.0 * LARGEST).contains(&scale.sd);
            within && scale.unit.is_none_or(Unit::is_known)
        };
        self.numeric.iter().find(|scale| !known(scale)).map(|scale| scale.name.as_str())
    }
}

fn is_standard(encoding: &Encoding) -> bool {
    *encoding == Encoding::Standard
}

/// Standardisation of a numeric feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standardisation {
    name: String,
    mean: f64,
    /// 0 for a constant feature.
    sd: f64,
    /// Whether there is an indicator column.
    missing: bool,
    /// The amount of which logs are taken, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
}

/// Levels of a categorical feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Levels {
    name: String,
    levels: Vec<String>,
    /// Whether there is an indicator column.
    missing: bool,
    /// Whether the training rows are all alike, so that the feature's only column is always 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    constant: bool,
    /// Whether its only column is the number of the level.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    embedded: bool,
    /// Levels of the training rows that have no number of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    rare: Vec<String>,
}

/// Rows that one task handles; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 4096;

impl Encoder {
    /// Learns means, SDs and levels from `train` only.
    pub fn fit(dataset: &Dataset, train: &[u32], encoding: Encoding) -> Self {
        let units = match encoding {
            Encoding::Standard => logs::units(dataset, train),
            // Trees look at the order of numbers, which logs keep.
            Encoding::Plain => vec![None; dataset.numeric.columns],
        };
        let moments = Moments::of(&dataset.numeric, train, units);
        let (mut numeric, mut categorical) = (Vec::new(), Vec::new());
        for feature in &dataset.features {
            let name = feature.name.clone();
            match &feature.kind {
                FeatureKind::Numeric { column } => numeric.push(moments.scale(*column, train.len(), name)),
                FeatureKind::Categorical { levels, codes } => {
                    let counts = pooled::counts(levels.len(), codes, train);
                    categorical.push(Levels::fit(name, levels, &counts, encoding));
                }
            }
        }
        Self { numeric, categorical, encoding, sequences: Vec::new() }
    }

    /// Which numbers it gives.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Names of the numeric features.
    pub fn numeric(&self) -> impl Iterator<Item = &str> {
        self.numeric.iter().map(|scale| scale.name.as_str())
    }

    /// Names of the categorical features.
    pub fn categorical(&self) -> impl Iterator<Item = &str> {
        self.categorical.iter().map(|levels| levels.name.as_str())
    }

    /// For each categorical feature the number of cells with a level that the training rows lack.
    pub fn unseen(&self, dataset: &Dataset) -> Vec<usize> {
        let count = |known: &Levels| match find(dataset, &known.name).map(|feature| &feature.kind) {
            Ok(FeatureKind::Categorical { levels, codes }) => {
                let met = |level| known.levels.contains(level) || known.rare.contains(level);
                let strange: Vec<bool> = levels.iter().map(|level| !met(level)).collect();
                codes.iter().filter(|code| strange.get(**code as usize) == Some(&true)).count()
            }
            Ok(FeatureKind::Numeric { .. }) | Err(_) => 0,
        };
        self.categorical.iter().map(count).collect()
    }

    /// What the encoded columns hold, in the order of their names.
    pub fn kinds(&self) -> Vec<ColumnKind> {
        match self.encoding {
            Encoding::Standard => {
                let indicators =
                    self.numeric.iter().filter(|scale| scale.missing).map(|_| ColumnKind::Number);
                let levels = self.categorical.iter().flat_map(|feature| match feature.embedded {
                    true => vec![ColumnKind::Levels(feature.numbers())],
                    false => vec![ColumnKind::Number; feature.levels.len() + usize::from(feature.missing)],
                });
                let numbers = self.numeric.iter().map(|scale| self.kind(&scale.name));
                numbers.chain(indicators).chain(levels).collect()
            }
            Encoding::Plain => {
                let numbers = self.numeric.iter().map(|_| ColumnKind::Number);
                let levels = |feature: &Levels| ColumnKind::Levels(feature.levels.len());
                numbers.chain(self.categorical.iter().map(levels)).collect()
            }
        }
    }

    /// What the column of a number holds.
    fn kind(&self, name: &str) -> ColumnKind {
        let places = self.sequences.iter().enumerate().flat_map(|(sequence, names)| {
            names.iter().enumerate().map(move |(place, name)| (name, ColumnKind::Step { sequence, place }))
        });
        let mut own = places.filter(|(step, _)| *step == name);
        own.next().map_or(ColumnKind::Number, |(_, kind)| kind)
    }

    /// All rows, encoded. Fails where `dataset` lacks a feature that the encoder was fitted on.
    pub fn encode(&self, dataset: &Dataset) -> anyhow::Result<Matrix> {
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        self.encode_rows(dataset, &rows)
    }

    /// The given rows in the given order, encoded.
    pub fn encode_rows(&self, dataset: &Dataset, rows: &[u32]) -> anyhow::Result<Matrix> {
        let plan = Plan::new(self, dataset)?;
        let mut values = vec![0_f32; rows.len() * plan.columns];
        values.par_chunks_mut(CHUNK * plan.columns.max(1)).zip(rows.par_chunks(CHUNK)).for_each(
            |(slab, rows)| {
                for (out, row) in slab.chunks_exact_mut(plan.columns).zip(rows) {
                    plan.encode(dataset, *row as usize, out);
                }
            },
        );
        Ok(Matrix { rows: rows.len(), columns: plan.columns, values })
    }
}

impl Levels {
    fn fit(name: String, levels: &[String], counts: &pooled::Counts, encoding: Encoding) -> Self {
        let codes = match encoding {
            Encoding::Standard => counts.met(),
            Encoding::Plain => counts.pooled_last(),
        };
        let levels: Vec<String> = codes.into_iter().map(|code| levels[code].clone()).collect();
        let missing = counts.missing > 0;
        let constant = encoding == Encoding::Standard && levels.len() + usize::from(missing) == 1;
        Self { name, levels, missing, constant, embedded: false, rare: Vec::new() }
    }
}

/// Per numeric column over the training rows: count of values, mean, sum of squared deviations, range.
struct Moments {
    count: Vec<f64>,
    mean: Vec<f64>,
    squares: Vec<f64>,
    constant: Vec<bool>,
    units: Vec<Option<Unit>>,
}

impl Moments {
    fn of(numeric: &Matrix, train: &[u32], units: Vec<Option<Unit>>) -> Self {
        let sums = accumulate(numeric, train, |sums, row| {
            for (column, value) in row.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                sums[2 * column] += 1.0;
                sums[2 * column + 1] += logs::seen(units[column], *value);
            }
        });
        let (count, sum): (Vec<f64>, Vec<f64>) = sums.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
        let mean: Vec<f64> = sum.iter().zip(&count).map(|(sum, count)| sum / count.max(1.0)).collect();
        let squares = accumulate(numeric, train, |sums, row| {
            for (column, value) in row.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                sums[2 * column] += (logs::seen(units[column], *value) - mean[column]).powi(2);
            }
        });
        let squares = squares.chunks_exact(2).map(|pair| pair[0]).collect();
        Self { count, mean, squares, constant: constant_columns(numeric, train), units }
    }

    fn scale(&self, column: usize, rows: usize, name: String) -> Standardisation {
        let count = self.count[column];
        let sd = if self.constant[column] { 0.0 } else { (self.squares[column] / count).sqrt() };
        let missing = 0.0 < count && count < rows as f64;
        Standardisation { name, mean: self.mean[column], sd, missing, unit: self.units[column] }
    }
}

/// Two sums per column over the rows: chunks in parallel, then added up in order.
fn accumulate(numeric: &Matrix, rows: &[u32], add: impl Fn(&mut [f64], &[f32]) + Sync) -> Vec<f64> {
    let chunk_sums = |rows: &[u32]| {
        let mut sums = vec![0.0; 2 * numeric.columns];
        rows.iter().for_each(|row| add(&mut sums, numeric.row(*row as usize)));
        sums
    };
    let chunks: Vec<Vec<f64>> = rows.par_chunks(CHUNK).map(chunk_sums).collect();
    let mut total = vec![0.0; 2 * numeric.columns];
    for chunk in chunks {
        total.iter_mut().zip(chunk).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// Columns with at most one value: the rounding of their mean must not be taken for spread.
fn constant_columns(numeric: &Matrix, rows: &[u32]) -> Vec<bool> {
    let mut first = vec![f32::NAN; numeric.columns];
    let mut constant = vec![true; numeric.columns];
    for row in rows {
        let cells = numeric.row(*row as usize).iter().zip(&mut first).zip(&mut constant);
        for ((value, first), constant) in cells.filter(|((value, _), _)| !value.is_nan()) {
            if first.is_nan() {
                *first = *value;
            }
            *constant &= value == first;
        }
    }
    constant
}

/// An encoder matched with the columns and codes of one dataset.
struct Plan<'a> {
    columns: usize,
    /// What stands for a missing number or level.
    missing: f32,
    numeric: Vec<NumericPlan>,
    /// Source columns with an indicator.
    indicators: Vec<usize>,
    categorical: Vec<CategoricalPlan<'a>>,
}

struct NumericPlan {
    column: usize,
    mean: f64,
    /// 1 / sd, or 0 for a constant feature.
    factor: f64,
    unit: Option<Unit>,
}

struct CategoricalPlan<'a> {
    codes: &'a [u32],
    /// For each code of the dataset the encoded column and what it gets, if any.
    targets: Vec<Option<(usize, f32)>>,
    /// The same for missing cells.
    missing: Option<(usize, f32)>,
}

impl<'a> CategoricalPlan<'a> {
    /// The number of each level in `column`: after the last of those that have one, that of all others, then of missing cells.
    fn embedded(feature: &Levels, (levels, codes): (&[String], &'a [u32]), column: usize) -> Self {
        let others = feature.levels.len();
        let number = |level| feature.levels.iter().position(|known| known == level).unwrap_or(others);
        let target = |number: usize| (!feature.constant).then_some((column, number as f32));
        Self {
            codes,
            targets: levels.iter().map(|level| target(number(level))).collect(),
            missing: target(others + usize::from(feature.missing)),
        }
    }
}

impl<'a> Plan<'a> {
    fn new(encoder: &Encoder, dataset: &'a Dataset) -> anyhow::Result<Self> {
        let plain = encoder.encoding == Encoding::Plain;
        let (mut numeric, mut indicators) = (Vec::new(), Vec::new());
        for scale in &encoder.numeric {
            let FeatureKind::Numeric { column } = &find(dataset, &scale.name)?.kind else {
                anyhow::bail!("the feature '{}' was numeric when the encoder was fitted", scale.name);
            };
            let factor = if scale.sd > 0.0 { 1.0 / scale.sd } else { 0.0 };
            let (mean, factor) = if plain { (0.0, 1.0) } else { (scale.mean, factor) };
            numeric.push(NumericPlan { column: *column, mean, factor, unit: scale.unit });
            indicators.extend((scale.missing && !plain).then_some(*column));
        }
        let mut columns = numeric.len() + indicators.len();
        let mut categorical = Vec::new();
        for feature in &encoder.categorical {
            let FeatureKind::Categorical { levels, codes } = &find(dataset, &feature.name)?.kind else {
                anyhow::bail!("the feature '{}' was categorical when the encoder was fitted", feature.name);
            };
            if feature.embedded {
                categorical.push(CategoricalPlan::embedded(feature, (levels, codes), columns));
                columns += 1;
                continue;
            }
            let target = |level| {
                let place = feature.levels.iter().position(|known| known == level)?;
                Some(if plain { (columns, place as f32) } else { (columns + place, 1.0) })
            };
            let targets = levels.iter().map(|level| target(level).filter(|_| !feature.constant)).collect();
            let indicator = feature.missing && !plain;
            columns += if plain { 1 } else { feature.levels.len() };
            let missing = (indicator && !feature.constant).then_some((columns, 1.0));
            columns += usize::from(indicator);
            categorical.push(CategoricalPlan { codes, targets, missing });
        }
        let missing = if plain { f32::NAN } else { 0.0 };
        Ok(Self { columns, missing, numeric, indicators, categorical })
    }

    /// Fills a row.
    fn encode(&self, dataset: &Dataset, row: usize, out: &mut [f32]) {
        out.fill(self.missing);
        let cells = dataset.numeric.row(row);
        for (plan, out) in self.numeric.iter().zip(out.iter_mut()) {
            let value = (logs::seen(plan.unit, cells[plan.column]) - plan.mean) * plan.factor;
            *out = match value.is_nan() {
                true => self.missing,
                // Not -0, whatever the row holds.
                false if plan.factor == 0.0 => 0.0,
                false => value as f32,
            };
        }
        for (column, out) in self.indicators.iter().zip(&mut out[self.numeric.len()..]) {
            *out = f32::from(u8::from(cells[*column].is_nan()));
        }
        for plan in &self.categorical {
            let target = match plan.targets.get(plan.codes[row] as usize) {
                Some(target) => *target,
                None => plan.missing,
            };
            if let Some((target, value)) = target {
                out[target] = value;
            }
        }
    }
}

fn find<'a>(dataset: &'a Dataset, name: &str) -> anyhow::Result<&'a Feature> {
    let feature = dataset.features.iter().find(|feature| feature.name == name);
    feature
        .with_context(|| format!("the encoder was fitted with the feature '{name}', which these rows lack"))
}
