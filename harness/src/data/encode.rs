//! Turns features into the numbers that a method sees, by what the training rows alone say.

mod known;

pub use known::Known;

use super::{Dataset, Feature, FeatureKind, Matrix};
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
}

/// How each feature is encoded, fitted on the training rows.
///
/// ```text
/// numeric:      (x - mean) / sd over the training rows that have x; 0 where missing or where sd is 0
/// missing:      1 where a value is missing, one column per feature that lacks values in the training rows
/// categorical:  one column per level met in the training rows; all 0 for a level not met there
/// ```
///
/// Columns: the numeric features in declared order, then the indicators of missing numbers, then the levels of
/// each categorical feature with its own indicator. Plain: the numeric features as they are, then one column per
/// categorical feature with the place of its level among those met; NaN where missing or not met.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    numeric: Vec<Scale>,
    categorical: Vec<Levels>,
    #[serde(default, skip_serializing_if = "is_standard")]
    encoding: Encoding,
}

fn is_standard(encoding: &Encoding) -> bool {
    *encoding == Encoding::Standard
}

/// Standardisation of a numeric feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scale {
    name: String,
    mean: f64,
    /// 0 for a constant feature.
    sd: f64,
    /// Whether there is an indicator column.
    missing: bool,
}

/// Levels of a categorical feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Levels {
    name: String,
    levels: Vec<String>,
    /// Whether there is an indicator column.
    missing: bool,
}

/// Rows that one task handles; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 4096;

impl Encoder {
    /// Learns means, SDs and levels from `train` only.
    pub fn fit(dataset: &Dataset, train: &[u32], encoding: Encoding) -> Self {
        let moments = Moments::of(&dataset.numeric, train);
        let (mut numeric, mut categorical) = (Vec::new(), Vec::new());
        for feature in &dataset.features {
            let name = feature.name.clone();
            match &feature.kind {
                FeatureKind::Numeric { column } => numeric.push(moments.scale(*column, train.len(), name)),
                FeatureKind::Categorical { levels, codes } => {
                    categorical.push(Levels::fit(name, levels, codes, train))
                }
            }
        }
        Self { numeric, categorical, encoding }
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
                let strange: Vec<bool> = levels.iter().map(|level| !known.levels.contains(level)).collect();
                codes.iter().filter(|code| strange.get(**code as usize) == Some(&true)).count()
            }
            Ok(FeatureKind::Numeric { .. }) | Err(_) => 0,
        };
        self.categorical.iter().map(count).collect()
    }

    /// What the encoded columns hold, in the order of their names.
    pub fn kinds(&self) -> Vec<ColumnKind> {
        match self.encoding {
            Encoding::Standard => vec![ColumnKind::Number; self.names().len()],
            Encoding::Plain => {
                let numbers = self.numeric.iter().map(|_| ColumnKind::Number);
                let levels = |feature: &Levels| ColumnKind::Levels(feature.levels.len());
                numbers.chain(self.categorical.iter().map(levels)).collect()
            }
        }
    }

    /// Names of the encoded columns: `x` for a number, `x?` for its indicator, `x=level` for a level. Plain: of the
    /// features.
    pub fn names(&self) -> Vec<String> {
        if self.encoding == Encoding::Plain {
            return self.numeric().chain(self.categorical()).map(str::to_string).collect();
        }
        let mut names: Vec<String> = self.numeric.iter().map(|scale| scale.name.clone()).collect();
        names.extend(
            self.numeric.iter().filter(|scale| scale.missing).map(|scale| format!("{}?", scale.name)),
        );
        for feature in &self.categorical {
            names.extend(feature.levels.iter().map(|level| format!("{}={level}", feature.name)));
            names.extend(feature.missing.then(|| format!("{}?", feature.name)));
        }
        names
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
    fn fit(name: String, levels: &[String], codes: &[u32], train: &[u32]) -> Self {
        let mut met = vec![false; levels.len()];
        let mut missing = false;
        for row in train {
            match met.get_mut(codes[*row as usize] as usize) {
                Some(met) => *met = true,
                None => missing = true,
            }
        }
        let levels = levels.iter().zip(met).filter(|(_, met)| *met).map(|(level, _)| level.clone()).collect();
        Self { name, levels, missing }
    }
}

/// Per numeric column over the training rows: count of values, mean, sum of squared deviations, range.
struct Moments {
    count: Vec<f64>,
    mean: Vec<f64>,
    squares: Vec<f64>,
    constant: Vec<bool>,
}

impl Moments {
    fn of(numeric: &Matrix, train: &[u32]) -> Self {
        let sums = accumulate(numeric, train, |sums, row| {
            for (column, value) in row.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                sums[2 * column] += 1.0;
                sums[2 * column + 1] += f64::from(*value);
            }
        });
        let (count, sum): (Vec<f64>, Vec<f64>) = sums.chunks_exact(2).map(|pair| (pair[0], pair[1])).unzip();
        let mean: Vec<f64> = sum.iter().zip(&count).map(|(sum, count)| sum / count.max(1.0)).collect();
        let squares = accumulate(numeric, train, |sums, row| {
            for (column, value) in row.iter().enumerate().filter(|(_, value)| !value.is_nan()) {
                sums[2 * column] += (f64::from(*value) - mean[column]).powi(2);
            }
        });
        let squares = squares.chunks_exact(2).map(|pair| pair[0]).collect();
        Self { count, mean, squares, constant: constant_columns(numeric, train) }
    }

    fn scale(&self, column: usize, rows: usize, name: String) -> Scale {
        let count = self.count[column];
        let sd = if self.constant[column] { 0.0 } else { (self.squares[column] / count).sqrt() };
        Scale { name, mean: self.mean[column], sd, missing: count < rows as f64 }
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
}

struct CategoricalPlan<'a> {
    codes: &'a [u32],
    /// For each code of the dataset the encoded column and what it gets, if any.
    targets: Vec<Option<(usize, f32)>>,
    /// The same for missing cells.
    missing: Option<(usize, f32)>,
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
            numeric.push(NumericPlan { column: *column, mean, factor });
            indicators.extend((scale.missing && !plain).then_some(*column));
        }
        let mut columns = numeric.len() + indicators.len();
        let mut categorical = Vec::new();
        for feature in &encoder.categorical {
            let FeatureKind::Categorical { levels, codes } = &find(dataset, &feature.name)?.kind else {
                anyhow::bail!("the feature '{}' was categorical when the encoder was fitted", feature.name);
            };
            let target = |level| {
                let place = feature.levels.iter().position(|known| known == level)?;
                Some(if plain { (columns, place as f32) } else { (columns + place, 1.0) })
            };
            let targets = levels.iter().map(target).collect();
            let indicator = feature.missing && !plain;
            columns += if plain { 1 } else { feature.levels.len() };
            let missing = indicator.then_some((columns, 1.0));
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
            let value = (f64::from(cells[plan.column]) - plan.mean) * plan.factor;
            *out = if value.is_nan() { self.missing } else { value as f32 };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::MISSING;

    /// Columns: a (one value missing), b (constant), c (missing only in the last row); colour, size.
    fn dataset() -> Dataset {
        let nan = f32::NAN;
        let values = vec![1.0, 0.1, 5.0, 3.0, 0.1, 7.0, nan, 0.1, 9.0, 5.0, 0.1, 3.0, 100.0, 7.0, nan];
        let numeric =
            |name: &str, column| Feature { name: name.into(), kind: FeatureKind::Numeric { column } };
        let categorical = |name: &str, levels: &[&str], codes: [u32; 5]| Feature {
            name: name.into(),
            kind: FeatureKind::Categorical {
                levels: levels.iter().map(ToString::to_string).collect(),
                codes: codes.to_vec(),
            },
        };
        Dataset {
            features: vec![
                categorical("colour", &["blue", "green", "red"], [2, 0, 0, MISSING, 1]),
                numeric("a", 0),
                numeric("b", 1),
                numeric("c", 2),
                categorical("size", &["L", "S"], [0, 1, 0, 1, MISSING]),
            ],
            numeric: Matrix { rows: 5, columns: 3, values },
            treatment: vec![true, false, true, false, true],
            outcome: vec![0.0; 5],
            ..Dataset::default()
        }
    }

    #[test]
    fn rows_are_encoded_as_the_training_rows_say() {
        let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
        let names = ["a", "b", "c", "a?", "colour=blue", "colour=red", "colour?", "size=L", "size=S"];
        assert_eq!(encoder.names(), names);
        let encoded = encoder.encode(&dataset()).unwrap();
        let sd_a = (8.0_f64 / 3.0).sqrt();
        let sd_c = 5.0_f64.sqrt();
        assert_eq!(
            encoded.row(0),
            [(-2.0 / sd_a) as f32, 0.0, (-1.0 / sd_c) as f32, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]
        );
        assert_eq!(encoded.row(2), [0.0, 0.0, (3.0 / sd_c) as f32, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        assert_eq!(encoded.row(3)[4..], [0.0, 0.0, 1.0, 0.0, 1.0]);
        let strange = [(97.0 / sd_a) as f32, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(encoded.row(4), strange, "constant, unseen and newly missing values say nothing");
    }

    #[test]
    fn plain_rows_keep_their_numbers_and_lack_what_they_lack() {
        let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Plain);
        assert_eq!(encoder.names(), ["a", "b", "c", "colour", "size"]);
        let (number, levels) = (ColumnKind::Number, ColumnKind::Levels);
        assert_eq!(encoder.kinds(), [number, number, number, levels(2), levels(2)]);
        let encoded = encoder.encode(&dataset()).unwrap();
        assert_eq!(encoded.row(0), [1.0, 0.1, 5.0, 1.0, 0.0]);
        assert_eq!(encoded.row(1), [3.0, 0.1, 7.0, 0.0, 1.0]);
        assert!(encoded.row(2)[0].is_nan() && encoded.row(3)[3].is_nan());
        assert!(encoded.row(4)[2..].iter().all(|value| value.is_nan()), "green was not met; size is missing");
        let json = serde_json::to_string(&encoder).unwrap();
        assert_eq!(serde_json::from_str::<Encoder>(&json).unwrap(), encoder);
    }

    #[test]
    fn no_other_row_has_influence() {
        let mut changed = dataset();
        changed.numeric.values[12..].copy_from_slice(&[-4.0, f32::NAN, 2e9]);
        if let FeatureKind::Categorical { codes, .. } = &mut changed.features[0].kind {
            codes[4] = MISSING;
        }
        assert_eq!(
            Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard),
            Encoder::fit(&changed, &[0, 1, 2, 3], Encoding::Standard)
        );
        assert_ne!(
            Encoder::fit(&dataset(), &[0, 1, 2, 4], Encoding::Standard),
            Encoder::fit(&changed, &[0, 1, 2, 4], Encoding::Standard)
        );
    }

    #[test]
    fn chosen_rows_come_in_the_order_asked() {
        let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
        let (all, some) =
            (encoder.encode(&dataset()).unwrap(), encoder.encode_rows(&dataset(), &[3, 0]).unwrap());
        assert_eq!((some.row(0), some.row(1)), (all.row(3), all.row(0)));
    }

    #[test]
    fn an_encoder_survives_json_and_meets_other_level_codes() {
        let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
        let json = serde_json::to_string(&encoder).unwrap();
        let encoder: Encoder = serde_json::from_str(&json).unwrap();
        let mut other = dataset();
        if let FeatureKind::Categorical { levels, codes } = &mut other.features[0].kind {
            *levels = vec!["amber".into(), "red".into()];
            *codes = vec![1, 0, 1, 1, 1];
        }
        let encoded = encoder.encode(&other).unwrap();
        assert_eq!(encoded.row(0)[4..7], [0.0, 1.0, 0.0]);
        assert_eq!(encoded.row(1)[4..7], [0.0, 0.0, 0.0]);
        other.features.remove(0);
        assert!(encoder.encode(&other).unwrap_err().to_string().contains("'colour'"));
    }

    #[test]
    fn levels_that_are_not_known_are_counted() {
        let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
        assert_eq!(encoder.unseen(&dataset()), [1, 0], "green in the last row; missing is no level");
        assert_eq!(encoder.categorical().collect::<Vec<_>>(), ["colour", "size"]);
        assert_eq!(encoder.numeric().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn threads_change_nothing() {
        let dataset = crate::data::b2b_mimic::generate(&crate::data::b2b_mimic::B2bMimicSpec {
            rows: 20_000,
            ..Default::default()
        });
        let train: Vec<u32> = (0..16_000).collect();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                (
                    Encoder::fit(&dataset, &train, Encoding::Standard),
                    Encoder::fit(&dataset, &train, Encoding::Standard).encode(&dataset).unwrap(),
                )
            })
        };
        assert_eq!(with(1), with(3));
    }

    #[test]
    fn a_large_offset_does_not_drown_the_spread() {
        let mut shifted = dataset();
        shifted.numeric.values.iter_mut().for_each(|value| *value += 4_000_000.0);
        let encoded =
            Encoder::fit(&shifted, &[0, 1, 3], Encoding::Standard).encode_rows(&shifted, &[0, 1, 3]).unwrap();
        assert!((encoded.row(0)[0] + 1.224_745).abs() < 1e-5, "{}", encoded.row(0)[0]);
        assert_eq!(encoded.row(0)[1], 0.0);
    }
}
