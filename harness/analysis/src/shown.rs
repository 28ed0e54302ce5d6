//! What frames the metrics of a ranking: the curves that are drawn, and the rankings that no method made. All of both is chosen
//! here.

use super::estimate::mean;
use anyhow::Result;
use std::collections::BTreeMap;
use valor_base::question::{Arms, Question};
use valor_runs::record::{EvaluationRows, Predictions};
use valor_stats::metrics::curve::{CurvePoint, gain_curve, qini_curve, uplift_curve};
use valor_stats::metrics::{Buckets, RankedRows, ScoredRows};

/// A curve of a ranking.
pub struct CurveKind {
    /// For the reader.
    pub title: &'static str,
    /// What its axes say.
    pub axes: Axes,
    /// Its points in so many steps.
    pub of: fn(&RankedRows, usize) -> Vec<CurvePoint>,
}

/// What the axes of a curve say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Axes {
    /// The one across: how many rows.
    pub across: &'static str,
    /// The other: what they have brought.
    pub up: &'static str,
}

const TREATED: Axes = Axes { across: "share of rows treated, best first", up: "gain per row of the list" };

/// In the order of the page, which is that of resampled curves.
pub const CURVES: [CurveKind; 2] = [
    CurveKind { title: "Uplift curve", axes: TREATED, of: uplift_curve },
    CurveKind { title: "Qini curve", axes: TREATED, of: qini_curve },
];

/// Of rows without a treatment.
const GAIN: [CurveKind; 1] = [CurveKind {
    title: "Gain curve",
    axes: Axes { across: "share of rows, best first", up: "share of the outcome" },
    of: gain_curve,
}];

/// Those of a question: curves of a gain by a treatment need one.
pub fn curve_kinds(question: Question) -> &'static [CurveKind] {
    match question {
        Question::Uplift => &CURVES,
        Question::Value => &GAIN,
    }
}

/// A ranking that knows nothing.
pub const RANDOM: &str = "random";
/// The mean outcome of the training rows said of every row: no ranking, but the right total.
pub const MEAN: &str = "mean";
/// The ranking by the expected outcome without treatment.
pub const PROGNOSTIC: &str = "prognostic";
/// The same as the baseline method expects it, where the truth is not known.
pub const FITTED: &str = "prognostic (fitted)";
const LOG_RATIO: &str = "log-ratio";
/// The ranking by the column that the experiment names, such as what was spent last; the page calls it as the column is called.
pub const COLUMN: &str = "column";
/// The ranking by the true effect; of rows without a treatment by what they are truly worth.
pub const ORACLE: &str = "oracle";

/// In the order of the table: from knowing nothing to knowing everything.
pub const RANKERS: [&str; 7] = [RANDOM, MEAN, COLUMN, PROGNOSTIC, FITTED, LOG_RATIO, ORACLE];

/// Those whose curves are drawn: that of [`MEAN`] is that of [`RANDOM`], and that of a column stands in the table alone.
pub const DRAWN: [&str; 5] = [RANDOM, PROGNOSTIC, FITTED, LOG_RATIO, ORACLE];

/// Test rows of a dataset with what the baseline method said of them, a prediction per seed.
pub struct Judgement<'a> {
    /// The rows.
    pub rows: &'a EvaluationRows,
    /// Where outcomes of the training rows are parted, and their mean, where that is recorded.
    pub buckets: Option<&'a Buckets>,
    /// The baseline method's predictions.
    pub baseline: Vec<&'a Predictions>,
    /// Numbers of the column that the experiment names, a missing one as 0.
    pub column: Option<Vec<f64>>,
}

impl Judgement<'_> {
    /// A ranking of the rows by any score.
    fn judged<'s>(&'s self, score: &'s [f64]) -> ScoredRows<'s> {
        ScoredRows { buckets: self.buckets, ..self.rows.judged(score) }
    }
}

/// Scores by name; the constant score of `random` has the curve of its expectation.
pub fn rankers(split: &Judgement) -> Result<BTreeMap<&'static str, RankedRows>> {
    let rows = split.rows;
    let plain = |score: &[f64]| RankedRows::new(&split.judged(score));
    // What is said of a row without a treatment is what it is ranked by.
    let said =
        |score: &[f64]| RankedRows::new(&ScoredRows { predicted_value: Some(score), ..split.judged(score) });
    let mut found = BTreeMap::from([(RANDOM, plain(&vec![0.0; rows.outcome.len()])?)]);
    match &rows.expected {
        Some(Arms::Two { control, .. }) => drop(found.insert(PROGNOSTIC, plain(control)?)),
        Some(Arms::One(expected)) => drop(found.insert(ORACLE, said(expected)?)),
        None => {
            if let Some(control) = fitted(&split.baseline) {
                found.insert(FITTED, plain(&control)?);
            }
        }
    }
    if let Some(buckets) = split.buckets {
        found.insert(MEAN, said(&vec![buckets.mean; rows.outcome.len()])?);
    }
    if let Some(column) = &split.column {
        let ranked = match rows.question() {
            Question::Value => said(column)?,
            Question::Uplift => plain(column)?,
        };
        found.insert(COLUMN, ranked);
    }
    let two = rows.expected.as_ref().and_then(Arms::two);
    if let Some((control, treated)) = two {
        let ratio = |(control, treated): (&f64, &f64)| floor(*treated).ln() - floor(*control).ln();
        found.insert(LOG_RATIO, plain(&control.iter().zip(treated).map(ratio).collect::<Vec<_>>())?);
    }
    if let Some(effect) = &rows.effect {
        let oracle = ScoredRows {
            predicted_uplift: Some(effect),
            predicted_control: two.map(|(control, _)| control.as_slice()),
            predicted_treated: two.map(|(_, treated)| treated.as_slice()),
            ..split.judged(effect)
        };
        found.insert(ORACLE, RankedRows::new(&oracle)?);
    }
    Ok(found)
}

/// An expectation of zero has no logarithm: it counts as the smallest positive number.
fn floor(expectation: f64) -> f64 {
    expectation.max(f64::MIN_POSITIVE)
}

/// The outcome that the baseline method expects without treatment, averaged over its seeds; nothing where there is no treatment.
fn fitted(baseline: &[&Predictions]) -> Option<Vec<f64>> {
    let wide = |values: &Vec<f32>| values.iter().map(|value| f64::from(*value)).collect();
    let seeds: Vec<Vec<f64>> =
        baseline.iter().filter_map(|predictions| predictions.expected.control().map(wide)).collect();
    let rows = seeds.first()?.len();
    let score: Vec<f64> =
        (0..rows).filter_map(|row| mean(seeds.iter().filter_map(|seed| seed.get(row).copied()))).collect();
    score.iter().all(|value| value.is_finite()).then_some(score)
}
