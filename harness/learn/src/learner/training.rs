//! How a network is trained: options.

use serde::{Deserialize, Serialize};
use valor_base::error::{at_least, not_negative, within};
use valor_base::input_error;

/// Most networks of one model.
pub(crate) const MOST_MEMBERS: usize = 64;

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
    /// L1 penalty of the weights that multiply features: its subgradient is added as that of `weight_decay`; 0 or more.
    #[serde(skip_serializing_if = "is_none")]
    pub l1: f64,
    /// Largest gradient norm per replicate; 0 for no clipping.
    pub clip: f64,
    /// Stop after this many epochs without a better validation loss; 0 for never. Needs validation rows.
    pub patience: usize,
    /// Networks that make up one model, 1 or more: each starts and shuffles its rows anew, and what they expect is averaged.
    #[serde(skip_serializing_if = "is_one")]
    pub members: usize,
}

/// Whether a penalty is absent, and so from the identity of a run.
fn is_none(penalty: &f64) -> bool {
    *penalty == 0.0
}

/// Whether a model is one network, and their number absent from the identity of a run.
fn is_one(members: &usize) -> bool {
    *members == 1
}

impl Default for TrainingSpec {
    fn default() -> Self {
        Self {
            epochs: 30,
            batch: 512,
            learning_rate: 5e-4,
            weight_decay: 0.0,
            l1: 0.0,
            clip: 1.0,
            patience: 0,
            members: 1,
        }
    }
}

impl TrainingSpec {
    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        at_least("training.epochs", self.epochs, 1)?;
        at_least("training.batch", self.batch, 2)?;
        within("training.members", self.members, 1, MOST_MEMBERS)?;
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(input_error!(
                "training.learning-rate: found {}; must be above 0",
                self.learning_rate
            ));
        }
        for (key, value) in [("weight-decay", self.weight_decay), ("l1", self.l1), ("clip", self.clip)] {
            not_negative(&format!("training.{key}"), value)?;
        }
        Ok(())
    }
}
