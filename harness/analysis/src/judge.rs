//! From stored rows and predictions to what metrics judge.

use anyhow::{Result, ensure};
use valor_runs::record::{EvaluationRows, Predictions};
use valor_stats::metrics::{Judged, Prepared};

/// A score on rows, with whatever is known of the rows.
pub fn judged<'a>(rows: &'a EvaluationRows, score: &'a [f64]) -> Judged<'a> {
    Judged {
        propensity: rows.propensity.as_deref(),
        effect: rows.effect.as_deref(),
        expected_control: rows.expected_control.as_deref(),
        ..Judged::new(score, &rows.treatment, &rows.outcome)
    }
}

/// A model on the rows that it was judged on, ranked by its uplift.
pub fn prepare(rows: &EvaluationRows, predictions: &Predictions) -> Result<Prepared> {
    let uplift = wide(&predictions.uplift);
    let (control, treated) = (wide(&predictions.expected_control), wide(&predictions.expected_treated));
    ensure!(
        uplift.len() == rows.outcome.len(),
        "{} predictions for {} rows",
        uplift.len(),
        rows.outcome.len()
    );
    Prepared::new(&Judged {
        predicted_uplift: Some(&uplift),
        predicted_control: Some(&control),
        predicted_treated: Some(&treated),
        ..judged(rows, &uplift)
    })
}

/// As metrics count.
pub fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}
