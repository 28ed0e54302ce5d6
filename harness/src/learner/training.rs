//! How a network is trained: options.

use serde::{Deserialize, Serialize};

/// Adam over shuffled batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainingSpec {
    /// Passes over the training rows; 1 or more.
    pub epochs: usize,
    /// Rows per step; 2 or more, at most the training rows.
    pub batch: usize,
    /// Adam's step size; above 0.
    pub learning_rate: f64,
    /// L2 penalty added to the gradient (Adam's `weight_decay`); 0 or more.
    pub weight_decay: f64,
    /// Largest gradient norm per replicate; absent for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// Stop after this many epochs without a better validation loss; absent for never. Needs validation rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
}

impl Default for TrainingSpec {
    fn default() -> Self {
        Self { epochs: 30, batch: 512, learning_rate: 5e-4, weight_decay: 0.0, clip: Some(1.0), patience: None }
    }
}
