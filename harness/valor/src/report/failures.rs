//! Runs without a result as text: Markdown and HTML print these strings.

use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::cell::FailureView;
use valor_page::format;
use valor_runs::record::LastFinite;

/// A run without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FailureRow {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// Method, as the experiment names it.
    pub method: String,
    /// Its seed.
    pub seed: String,
    /// `diverged`, or the class of the crash.
    pub class: String,
    /// Epoch and step of a divergence; step 0 for a prediction after training.
    pub at: String,
    /// What was not finite.
    pub term: String,
    /// The losses of the last finite step.
    pub last: String,
    /// What happened.
    pub message: String,
}

/// What a table's failures are called.
pub(super) const COLUMNS: [&str; 8] =
    ["Dataset", "Method", "Seed", "Class", "Epoch, step", "Term", "Last finite losses", "What happened"];

impl FailureRow {
    /// Every failure of a report, in its order. What is not known is empty.
    pub(super) fn all(analysis: &Analysis) -> Vec<Self> {
        analysis.failures.iter().map(Self::new).collect()
    }

    fn new(failure: &FailureView) -> Self {
        let at = failure.epoch.zip(failure.step).map(|(epoch, step)| format!("{epoch}, {step}"));
        Self {
            dataset: failure.dataset.clone(),
            method: failure.method.clone(),
            seed: failure.seed.to_string(),
            class: failure.class.clone(),
            at: at.unwrap_or_default(),
            term: failure.term.clone().unwrap_or_default(),
            last: failure.last.as_ref().map(losses).unwrap_or_default(),
            message: failure.message.clone(),
        }
    }

    /// As `COLUMNS`.
    pub(super) fn cells(&self) -> [&str; 8] {
        let Self { dataset, method, seed, class, at, term, last, message } = self;
        [dataset, method, seed, class, at, term, last, message].map(String::as_str)
    }
}

/// `total 12.30; mse 12.00, ranking 3.000`.
fn losses(last: &LastFinite) -> String {
    let terms: Vec<String> =
        last.terms.iter().map(|(name, value)| format!("{name} {}", format::short(*value))).collect();
    format!("total {}; {}", format::short(last.total), terms.join(", "))
}
