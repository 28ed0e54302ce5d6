//! What a reader should know of a dataset before believing a table made from it.

use super::caution::cautions;
use super::encode::{self, Encoder, Encoding};
use super::{Dataset, Matrix, Treatment};
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use valor_base::input_error;
use valor_stats::stats::{AverageEffect, HARDLY_THERE};

/// A summary of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Description {
    /// Number of rows.
    pub rows: usize,
    /// Number of features.
    pub features: usize,
    /// Columns after encoding.
    pub columns: usize,
    /// Each arm.
    #[serde(flatten)]
    pub arms: ArmSummaries,
    /// Share of outcomes equal to 0, in all arms together.
    pub zeros: f64,
    /// What differs between the arms; absent where there is no treatment.
    #[serde(flatten)]
    pub contrast: Option<Contrast>,
    /// Quantiles of the outcomes above 0.
    pub positive: Vec<Quantile>,
    /// Smallest and largest known propensity.
    pub propensity: Option<[f64; 2]>,
    /// How alike the arms are; absent where there is no treatment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<Balance>,
    /// Number of groups.
    pub groups: Option<usize>,
    /// The truth, where it is known.
    pub truth: Option<TruthSummary>,
    /// What the source says of itself.
    pub notes: Vec<String>,
}

/// The rows of each arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ArmSummaries {
    /// There is no treatment.
    One {
        /// All rows.
        all: ArmSummary,
    },
    /// There is one.
    Two {
        /// The treated arm.
        treated: ArmSummary,
        /// The control arm.
        control: ArmSummary,
    },
}

/// The difference of the arms' mean outcomes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contrast {
    /// Difference of the arms' mean outcomes; the average effect where treatment is randomised.
    pub difference: f64,
    /// Standard error of `difference`; absent where an arm has one row.
    pub difference_error: Option<f64>,
    /// Its 95 % interval: Welch's t.
    pub difference_interval: Option<[f64; 2]>,
    /// `difference` over its standard error.
    pub difference_z: Option<f64>,
    /// Why shares of it (AUUC, Qini) would say nothing; nothing where they do.
    pub difference_warning: Option<String>,
}

/// Rows of one arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ArmSummary {
    /// Number of rows.
    pub rows: usize,
    /// Share of outcomes equal to 0.
    pub zeros: f64,
    /// Mean outcome.
    pub mean: f64,
}

/// A quantile: the smallest outcome with at least this share of the outcomes at or below it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// In [0, 1].
    pub share: f64,
    /// Outcome units.
    pub value: f64,
}

/// Standardised mean differences between the arms: `(mean_t - mean_c) / sqrt((var_t + var_c) / 2)`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Balance {
    /// The largest in size, largest first, by encoded column.
    pub largest: Vec<Difference>,
    /// SD of one difference if treatment is randomised: `sqrt(1/n_t + 1/n_c)`.
    pub expected_sd: f64,
    /// What the largest of all columns stays below in 95 % of randomised assignments, were columns independent.
    pub expected_largest: f64,
}

/// A standardised mean difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Encoded column.
    pub column: String,
    /// In SDs; positive where the treated have more.
    pub difference: f64,
}

/// What the true effects look like. Outcome units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TruthSummary {
    /// Mean of the true effects.
    pub average_effect: f64,
    /// SD of the true effects.
    pub effect_sd: f64,
    /// Share of true effects below 0.
    pub negative: f64,
    /// Correlation of `E[Y_0 | x]` with the effect, where the former is known and both vary.
    pub correlation: Option<f64>,
}

const SHOWN_QUANTILES: [f64; 9] = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0];
const SHOWN_DIFFERENCES: usize = 5;

/// Describes a dataset that has rows in every arm.
pub fn describe(dataset: &Dataset) -> anyhow::Result<Description> {
    let all: Vec<u32> = (0..dataset.rows() as u32).collect();
    let encoder = Encoder::fit(dataset, &all, Encoding::Standard);
    let encoded = encoder.encode(dataset)?;
    let treatment = dataset.treatment.as_ref();
    let arms = match treatment {
        Some(treatment) => ArmSummaries::Two {
            treated: summary(&outcomes(dataset, treatment, true)),
            control: summary(&outcomes(dataset, treatment, false)),
        },
        None => ArmSummaries::One { all: summary(&dataset.outcome) },
    };
    Ok(Description {
        rows: dataset.rows(),
        features: dataset.features.len(),
        columns: encoded.columns,
        arms,
        zeros: zeros(&dataset.outcome),
        contrast: treatment.map(|treatment| contrast(dataset, treatment)).transpose()?,
        positive: quantiles(dataset),
        propensity: treatment.and_then(|treatment| treatment.propensity.as_deref()).map(range),
        balance: treatment.map(|treatment| balance(&encoded, &encoder.names(), &treatment.assigned)),
        groups: dataset
            .group
            .as_ref()
            .map(|group| group.iter().collect::<std::collections::BTreeSet<_>>().len()),
        truth: truth(dataset),
        notes: notes(dataset, &all),
    })
}

fn contrast(dataset: &Dataset, treatment: &Treatment) -> anyhow::Result<Contrast> {
    let average = AverageEffect::of(&treatment.assigned, &dataset.outcome)
        .map_err(|undefined| input_error!("the average effect is not defined: {undefined}"))?;
    Ok(Contrast {
        difference: average.effect,
        difference_error: average.standard_error,
        difference_interval: average.interval,
        difference_z: average.z,
        difference_warning: average.is_hardly_there().then(|| warning(&average)),
    })
}

/// What loading noted, what was pooled, and what a reader should beware of.
fn notes(dataset: &Dataset, rows: &[u32]) -> Vec<String> {
    let noted = dataset.notes.iter().cloned();
    noted.chain(encode::pooled_levels(dataset, rows)).chain(cautions(dataset)).collect()
}

fn warning(average: &AverageEffect) -> String {
    format!(
        "hardly there: {}, less than {HARDLY_THERE:.0} even on all rows; AUUC and Qini are shares of it and would say nothing; \
         read auuc.area and qini.area, in outcome units",
        average.distance()
    )
}

fn outcomes(dataset: &Dataset, treatment: &Treatment, arm: bool) -> Vec<f64> {
    let rows = dataset.outcome.iter().zip(&treatment.assigned);
    rows.filter(|(_, treated)| **treated == arm).map(|(outcome, _)| *outcome).collect()
}

fn summary(outcomes: &[f64]) -> ArmSummary {
    ArmSummary { rows: outcomes.len(), zeros: zeros(outcomes), mean: moments(outcomes).0 }
}

fn zeros(outcomes: &[f64]) -> f64 {
    outcomes.iter().filter(|outcome| **outcome == 0.0).count() as f64 / outcomes.len() as f64
}

/// Mean and sample variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, squares / (count - 1.0).max(1.0))
}

fn quantiles(dataset: &Dataset) -> Vec<Quantile> {
    let mut positive: Vec<f64> = dataset.outcome.iter().copied().filter(|outcome| *outcome > 0.0).collect();
    positive.sort_by(f64::total_cmp);
    let rank = |share: f64| ((share * positive.len() as f64).ceil() as usize).max(1) - 1;
    let quantile = |share| positive.get(rank(share)).map(|value| Quantile { share, value: *value });
    SHOWN_QUANTILES.into_iter().filter_map(quantile).collect()
}

fn range(values: &[f64]) -> [f64; 2] {
    values
        .iter()
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(*value), high.max(*value)])
}

fn balance(encoded: &Matrix, names: &[String], treatment: &[bool]) -> Balance {
    let mut largest: Vec<Difference> = standardised_differences(encoded, treatment)
        .into_iter()
        .zip(names)
        .map(|(difference, column)| Difference { column: column.clone(), difference })
        .collect();
    largest.sort_by(|a, b| b.difference.abs().total_cmp(&a.difference.abs()));
    largest.truncate(SHOWN_DIFFERENCES);
    let treated = treatment.iter().filter(|treated| **treated).count() as f64;
    let expected_sd = (1.0 / treated + 1.0 / (treatment.len() as f64 - treated)).sqrt();
    // P(max |Z| < z) = (2 Phi(z) - 1)^columns = 0.95
    let each = 0.95_f64.powf(1.0 / encoded.columns.max(1) as f64);
    let quantile = Normal::standard().inverse_cdf(0.5 * (1.0 + each));
    Balance { largest, expected_sd, expected_largest: quantile * expected_sd }
}

/// Per column; 0 where a column does not vary within the arms. The columns are standardised, so plain sums of
/// squares lose no digits that matter.
fn standardised_differences(encoded: &Matrix, treatment: &[bool]) -> Vec<f64> {
    let mut sums = [vec![0.0; encoded.columns], vec![0.0; encoded.columns]];
    let mut squares = sums.clone();
    let mut counts = [0.0; 2];
    for (row, treated) in treatment.iter().enumerate() {
        let arm = usize::from(*treated);
        counts[arm] += 1.0;
        for (column, value) in encoded.row(row).iter().enumerate() {
            sums[arm][column] += f64::from(*value);
            squares[arm][column] += f64::from(*value).powi(2);
        }
    }
    let mean = |arm: usize, column: usize| sums[arm][column] / counts[arm];
    let variance = |arm: usize, column: usize| squares[arm][column] / counts[arm] - mean(arm, column).powi(2);
    (0..encoded.columns)
        .map(|column| {
            let spread = (0.5 * (variance(0, column) + variance(1, column))).max(0.0).sqrt();
            if spread > 1e-9 { (mean(1, column) - mean(0, column)) / spread } else { 0.0 }
        })
        .collect()
}

fn truth(dataset: &Dataset) -> Option<TruthSummary> {
    let truth = dataset.truth.as_ref()?;
    let effect = truth.effect.as_ref()?;
    let (average_effect, variance) = moments(effect);
    let negative = effect.iter().filter(|effect| **effect < 0.0).count();
    Some(TruthSummary {
        average_effect,
        effect_sd: variance.sqrt(),
        negative: negative as f64 / effect.len() as f64,
        correlation: truth.expected.as_ref().and_then(|expected| correlation(expected.control()?, effect)),
    })
}

fn correlation(left: &[f64], right: &[f64]) -> Option<f64> {
    let ((left_mean, left_variance), (right_mean, right_variance)) = (moments(left), moments(right));
    let products = left.iter().zip(right).map(|(left, right)| (left - left_mean) * (right - right_mean));
    let covariance = products.sum::<f64>() / (left.len() as f64 - 1.0);
    let correlation = covariance / (left_variance * right_variance).sqrt();
    correlation.is_finite().then_some(correlation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::b2b_mimic::{Assignment, B2bMimicSpec, generate};
    use crate::{Feature, FeatureKind, Truth};
    use valor_base::question::Arms;

    #[test]
    fn rows_without_a_treatment_are_described_without_one() {
        let found = describe(&Dataset { treatment: None, truth: None, ..small() }).unwrap();
        let all = ArmSummary { rows: 6, zeros: 0.5, mean: 2.5 };
        assert_eq!((found.arms, found.contrast.is_none()), (ArmSummaries::One { all }, true));
        let json = serde_json::to_value(describe(&small()).unwrap()).unwrap();
        let single = serde_json::to_value(&found).unwrap();
        assert!(
            json.get("treated").is_some() && json.get("difference").is_some() && json.get("all").is_none()
        );
        assert!(single.get("all").is_some() && single.get("difference").is_none());
    }

    fn small() -> Dataset {
        Dataset {
            features: vec![Feature { name: "x".into(), kind: FeatureKind::Numeric { column: 0 } }],
            numeric: Matrix { rows: 6, columns: 1, values: vec![1.0, 2.0, 3.0, 3.0, 4.0, 5.0] },
            treatment: Some(Treatment {
                assigned: vec![false, false, false, true, true, true],
                propensity: None,
            }),
            outcome: vec![0.0, 0.0, 3.0, 0.0, 4.0, 8.0],
            truth: Some(Truth {
                effect: Some(vec![1.0, 2.0, 3.0, -1.0, 0.0, 1.0]),
                expected: Some(Arms::Two {
                    control: vec![2.0, 4.0, 6.0, -2.0, 0.0, 2.0],
                    treated: vec![3.0, 6.0, 9.0, -3.0, 0.0, 3.0],
                }),
                conversion: None,
            }),
            ..Dataset::default()
        }
    }

    #[test]
    fn six_rows_by_hand() {
        let found = describe(&small()).unwrap();
        assert_eq!((found.rows, found.features, found.columns), (6, 1, 1));
        let ArmSummaries::Two { control, .. } = found.arms else { panic!() };
        assert_eq!(control, ArmSummary { rows: 3, zeros: 2.0 / 3.0, mean: 1.0 });
        let contrast = found.contrast.unwrap();
        assert_eq!((found.zeros, contrast.difference), (0.5, 3.0));
        assert!((contrast.difference_error.unwrap() - (16.0_f64 / 3.0 + 1.0).sqrt()).abs() < 1e-12);
        let z = contrast.difference / contrast.difference_error.unwrap();
        assert!(z < 3.0 && contrast.difference_z == Some(z), "{z}");
        assert!(contrast.difference_warning.unwrap().contains("read auuc.area and qini.area"));
        let median = found.positive.iter().find(|quantile| quantile.share == 0.5).unwrap();
        assert_eq!((found.positive[0].value, median.value, found.positive[8].value), (3.0, 4.0, 8.0));
        // Means 2 and 4, population variances 2/3 in both arms.
        let balance = found.balance.unwrap();
        assert!((balance.largest[0].difference - 2.0 / (2.0_f64 / 3.0).sqrt()).abs() < 1e-6);
        assert!((balance.expected_largest - 1.959_964 * (2.0_f64 / 3.0).sqrt()).abs() < 1e-5);
        let truth = found.truth.unwrap();
        assert_eq!((truth.average_effect, truth.negative), (1.0, 1.0 / 6.0));
        assert!((truth.correlation.unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn randomised_arms_are_alike_and_confounded_ones_are_not() {
        let largest = |propensity| {
            let spec = B2bMimicSpec { propensity, rows: 20_000, ..B2bMimicSpec::default() };
            let balance = describe(&generate(&spec)).unwrap().balance.unwrap();
            balance.largest[0].difference.abs() / balance.expected_largest
        };
        assert!(largest(Assignment::Randomised) < 1.2);
        assert!(largest(Assignment::Confounded) > 3.0);
    }
}
