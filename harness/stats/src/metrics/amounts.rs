//! How far what a model says rows are worth lies from what they were worth: functions of means over rows of one arm.
//!
//! Symbols: `y` the outcome, `y_hat` what the model says, `e = y_hat - y`; positive rows are those with `y > 1e-6`; `b(v)` the bucket
//! of an amount ([`Buckets`]). All follow the weights of rows exactly.

use super::buckets::{Bucket, Buckets, STRATA, ZERO};
use super::defined::{Undefined, Value};
use super::means::Means;
use super::scored::RankedRows;

type Found = Result<Means, Undefined>;

const NO_OUTCOME: &str = "the mean outcome is not above zero";
const NO_POSITIVE: &str = "no outcome is above zero";
const NO_EXPECTED: &str = "the mean of what rows are truly worth is not above zero";
const EMPTY: &str = "no row's outcome is in this bucket";

/// Normalised mean absolute error.
///
/// ```text
/// mean |e| / mean y
/// ```
///
/// 0 at best; predicting 0 for all rows gives 1. Undefined where the mean outcome is not above 0.
pub(super) fn nmae(prepared: &RankedRows) -> Found {
    let said = Said::new(prepared)?;
    let columns = vec![said.column(|said, y| (said - y).abs()), said.outcomes];
    Ok(Means::new(columns, |means| ratio(means[0], means[1], NO_OUTCOME)))
}

/// Normalised root mean squared error.
///
/// ```text
/// sqrt(mean e^2) / mean y
/// ```
///
/// 0 at best. Undefined where the mean outcome is not above 0. Source: google/lifetime_value.
pub(super) fn nrmse(prepared: &RankedRows) -> Found {
    let said = Said::new(prepared)?;
    let columns = vec![said.column(|said, y| (said - y).powi(2)), said.outcomes];
    Ok(Means::new(columns, |means| ratio(means[0].sqrt(), means[1], NO_OUTCOME)))
}

/// Mean absolute percentage error of the positive rows.
///
/// ```text
/// mean over y > 0 of |e| / y
/// ```
///
/// A share, not in percent; 0 at best, 1 for predicting 0. Undefined where no outcome is positive.
pub(super) fn mape(prepared: &RankedRows) -> Found {
    relative(prepared, f64::abs)
}

/// Mean relative error of the positive rows.
///
/// ```text
/// |mean over y > 0 of e / y|
/// ```
///
/// 0 at best. Errors above and below cancel, so it is a bias. Undefined where no outcome is positive.
pub(super) fn mre(prepared: &RankedRows) -> Found {
    relative(prepared, |error| error)
}

/// The absolute value of the mean over positive rows of a function of `e / y`.
fn relative(prepared: &RankedRows, of: impl Fn(f64) -> f64) -> Found {
    let said = Said::new(prepared)?;
    let of = |said: f64, y: f64| if y > ZERO { of((said - y) / y) } else { 0.0 };
    let columns = vec![said.column(of), said.column(|_, y| one(y > ZERO))];
    Ok(Means::new(columns, |means| ratio(means[0].abs(), means[1], NO_POSITIVE)))
}

/// Absolute mean bias error, in outcome units.
///
/// ```text
/// |mean e|
/// ```
pub(super) fn ambe(prepared: &RankedRows) -> Found {
    let columns = vec![Said::new(prepared)?.column(|said, y| said - y)];
    Ok(Means::new(columns, |means| Ok(means[0].abs())))
}

/// The same over the rows whose outcome is in the top bucket; undefined where there are none.
pub(super) fn ambe_top(prepared: &RankedRows) -> Found {
    let (said, buckets) = (Said::new(prepared)?, buckets(prepared)?);
    let inside = |y: f64| buckets.of_amount(y) == buckets.count();
    let columns = vec![
        said.column(|said, y| if inside(y) { said - y } else { 0.0 }),
        said.column(|_, y| one(inside(y))),
    ];
    Ok(Means::new(columns, |means| ratio(means[0].abs(), means[1], EMPTY)))
}

/// Total relative error.
///
/// ```text
/// |sum e / sum y|
/// ```
///
/// 0 at best. Undefined where the total outcome is not above 0. Source: TranSUN, with the outcome for the prediction below the line.
pub(super) fn tre(prepared: &RankedRows) -> Found {
    let said = Said::new(prepared)?;
    let columns = vec![said.column(|said, y| said - y), said.outcomes];
    Ok(Means::new(columns, |means| ratio(means[0].abs(), means[1], NO_OUTCOME)))
}

/// Mean predicted over mean observed outcome; 1 at best.
pub(super) fn calibration(prepared: &RankedRows) -> Found {
    let said = Said::new(prepared)?;
    let columns = vec![said.predicted.to_vec(), said.outcomes];
    Ok(Means::new(columns, |means| ratio(means[0], means[1], NO_OUTCOME)))
}

/// Share of rows that are predicted into the bucket that they are in.
///
/// ```text
/// mean 1[b(y_hat) = b(y)]
/// ```
pub(super) fn bucket_accuracy(prepared: &RankedRows) -> Found {
    let (said, buckets) = (Said::new(prepared)?, buckets(prepared)?);
    let hits = said.column(|said, y| one(buckets.of_amount(said) == buckets.of_amount(y)));
    Ok(Means::new(vec![hits], |means| Ok(means[0])))
}

/// F1 of the top bucket.
///
/// ```text
/// 2 TP / (2 TP + FP + FN)         a row is positive where its bucket is the last one
/// ```
///
/// In [0, 1]; 0 where no row is rightly predicted into it. Undefined where no row's outcome is in it.
pub(super) fn f1_top(prepared: &RankedRows) -> Found {
    let (said, buckets) = (Said::new(prepared)?, buckets(prepared)?);
    let top = |amount: f64| one(buckets.of_amount(amount) == buckets.count());
    let columns = vec![
        said.column(|said, y| top(said) * top(y)),
        said.column(|said, _| top(said)),
        said.column(|_, y| top(y)),
    ];
    Ok(Means::new(columns, |means| match means[2] > 0.0 {
        true => Ok(2.0 * means[0] / (means[1] + means[2])),
        false => Err(Undefined::new(EMPTY)),
    }))
}

/// Stratified value accuracy: share of rows that are predicted into the stratum that they are in.
///
/// ```text
/// mean 1[s(y_hat) = s(y)]         s: zero, up to the median of positive outcomes, above it
/// ```
///
/// The median is that of the rows that were learned from. Source: CC-OR-Net (arXiv 2601.10176) in words; the formula is ours.
pub(super) fn sva(prepared: &RankedRows) -> Found {
    let (said, buckets) = (Said::new(prepared)?, buckets(prepared)?);
    let hits = said.column(|said, y| one(buckets.stratum(said) == buckets.stratum(y)));
    Ok(Means::new(vec![hits], |means| Ok(means[0])))
}

/// The same averaged over the strata that have rows, each by its own rows.
pub(super) fn sva_macro(prepared: &RankedRows) -> Found {
    let (said, buckets) = (Said::new(prepared)?, buckets(prepared)?);
    let hits = (0..STRATA).map(|stratum| {
        said.column(|said, y| one(buckets.stratum(y) == stratum && buckets.stratum(said) == stratum))
    });
    let sizes = (0..STRATA).map(|stratum| said.column(|_, y| one(buckets.stratum(y) == stratum)));
    Ok(Means::new(hits.chain(sizes).collect(), |means| {
        let (hits, sizes) = means.split_at(STRATA);
        let there = hits.iter().zip(sizes).filter(|(_, size)| **size > 0.0);
        let shares: Vec<f64> = there.map(|(hits, size)| hits / size).collect();
        Ok(shares.iter().sum::<f64>() / shares.len() as f64)
    }))
}

/// Normalised mean absolute error over the rows whose outcome is in a bucket.
///
/// ```text
/// sum over b(y) = k of |e| / sum over b(y) = k of y
/// ```
pub(super) fn nmae_within(prepared: &RankedRows, bucket: Bucket) -> Found {
    let (said, buckets) = (Said::new(prepared)?, buckets(prepared)?);
    let number = buckets.number(bucket)?;
    let inside = |y: f64| buckets.of_amount(y) == number;
    let columns = vec![
        said.column(|said, y| if inside(y) { (said - y).abs() } else { 0.0 }),
        said.column(|_, y| if inside(y) { y } else { 0.0 }),
    ];
    Ok(Means::new(columns, |means| ratio(means[0], means[1], EMPTY)))
}

/// Root mean squared error against what rows are truly worth, in outcome units.
///
/// ```text
/// sqrt(mean (y_hat - E[Y | x])^2)
/// ```
pub(super) fn rmse_true(prepared: &RankedRows) -> Found {
    let said = Said::of(prepared, expected(prepared)?.to_vec())?;
    Ok(Means::new(vec![said.column(|said, truth| (said - truth).powi(2))], |means| Ok(means[0].sqrt())))
}

/// Normalised mean absolute error against what rows are truly worth.
///
/// ```text
/// mean |y_hat - E[Y | x]| / mean E[Y | x]
/// ```
pub(super) fn nmae_true(prepared: &RankedRows) -> Found {
    let said = Said::of(prepared, expected(prepared)?.to_vec())?;
    let columns = vec![said.column(|said, truth| (said - truth).abs()), said.outcomes];
    Ok(Means::new(columns, |means| ratio(means[0], means[1], NO_EXPECTED)))
}

/// Mean predicted over mean true worth; 1 at best.
pub(super) fn calibration_true(prepared: &RankedRows) -> Found {
    let said = Said::of(prepared, expected(prepared)?.to_vec())?;
    let columns = vec![said.predicted.to_vec(), said.outcomes];
    Ok(Means::new(columns, |means| ratio(means[0], means[1], NO_EXPECTED)))
}

/// What rows are truly worth.
pub(super) fn expected(prepared: &RankedRows) -> Result<&[f64], Undefined> {
    prepared.expected.as_deref().ok_or_else(unknown_worth)
}

/// Why there is no such value.
pub(super) fn unknown_worth() -> Undefined {
    Undefined::new("what rows are truly worth is not known")
}

/// Where outcomes are parted.
pub(super) fn buckets(prepared: &RankedRows) -> Result<&Buckets, Undefined> {
    let reason =
        || Undefined::new("the thresholds of buckets, of the rows that were learned from, are not known");
    prepared.buckets.as_ref().ok_or_else(reason)
}

/// What the model says rows are worth.
pub(super) fn predicted(prepared: &RankedRows) -> Result<&[f64], Undefined> {
    prepared.predicted_value.as_deref().ok_or_else(|| Undefined::new("the model predicts no outcome"))
}

/// What the model says beside what it is judged by, by rank.
struct Said<'a> {
    predicted: &'a [f64],
    outcomes: Vec<f64>,
}

impl<'a> Said<'a> {
    fn new(prepared: &'a RankedRows) -> Result<Self, Undefined> {
        Self::of(prepared, prepared.outcomes().collect())
    }

    fn of(prepared: &'a RankedRows, outcomes: Vec<f64>) -> Result<Self, Undefined> {
        Ok(Self { predicted: predicted(prepared)?, outcomes })
    }

    fn column(&self, of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        self.predicted.iter().zip(&self.outcomes).map(|(said, outcome)| of(*said, *outcome)).collect()
    }
}

fn one(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// A quotient by what must be above 0.
fn ratio(above: f64, below: f64, reason: &str) -> Value {
    if below > 0.0 { Ok(above / below) } else { Err(Undefined::new(reason)) }
}
