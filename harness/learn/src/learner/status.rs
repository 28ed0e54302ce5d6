//! How a replicate's training ended.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How training ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Status {
    /// All asked epochs, or stopped early on the validation rows.
    Finished {
        /// Epochs trained.
        epochs: usize,
        /// The epoch whose parameters were kept.
        kept_epoch: usize,
    },
    /// The loss, its gradient or a prediction was not finite.
    Diverged(Divergence),
}

/// Where training ended early, and by what. A result: nothing is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Divergence {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Step within the epoch, from 1; 0 for a prediction after training.
    pub step: usize,
    /// For the reader.
    pub message: String,
    /// The first term whose value was not finite at that step, else `total` (the weighted sum), `gradient` or
    /// `prediction`. Absent in records of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// The losses before; absent if the first step of all fell, and in records of version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastFinite>,
}

/// Losses on the batch of the last step at which losses and gradient were finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastFinite {
    /// Weighted total.
    pub total: f64,
    /// Each term before its weight.
    pub terms: BTreeMap<String, f64>,
}

/// The weighted sum of finite terms.
pub(super) const TOTAL: &str = "total";
/// Of finite losses.
pub(super) const GRADIENT: &str = "gradient";
/// Of a trained network.
pub(super) const PREDICTION: &str = "prediction";

impl Divergence {
    /// At an epoch and step, by a term or one of the names above.
    pub(super) fn new(at: (usize, usize), term: &str, last: Option<LastFinite>) -> Self {
        let message = match term {
            TOTAL => "the weighted total is not finite".to_string(),
            GRADIENT => "the gradient is not finite".to_string(),
            PREDICTION => "a prediction is not finite".to_string(),
            _ => format!("the term '{term}' is not finite"),
        };
        Self { epoch: at.0, step: at.1, message, term: Some(term.to_string()), last }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_read_back_and_those_of_version_1_still_load() {
        let last = LastFinite { total: 1.5, terms: BTreeMap::from([("mse".to_string(), 3.0)]) };
        let status = Status::Diverged(Divergence::new((2, 7), "mse", Some(last)));
        let text = serde_json::to_string(&status).unwrap();
        assert!(text.contains(r#""term":"mse","last":{"total":1.5,"terms":{"mse":3.0}}"#), "{text}");
        assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
        let old = r#"{"diverged":{"epoch":3,"step":17,"message":"the loss or its gradient is not finite"}}"#;
        let Status::Diverged(old) = serde_json::from_str(old).unwrap() else { panic!() };
        assert_eq!((old.epoch, old.step, old.term, old.last), (3, 17, None, None));
        assert!(
            serde_json::from_str::<Status>(r#"{"diverged":{"epoch":3,"step":1,"message":"","x":1}}"#)
                .is_err()
        );
    }
}
