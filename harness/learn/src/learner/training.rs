//! How a network is trained: options.

use serde::{Deserialize, Serialize};
use valor_base::error::{at_least, not_negative, within};
use valor_base::input_error;

/// How the step size changes while epochs pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Not at all.
    #[default]
    Constant,
    /// It rises over the first steps and falls to 0 at the end of all epochs along half a cosine (Loshchilov, Hutter 2017).
    Cosine,
}

/// Steps over which a cosine's rate rises.
const RISE: f64 = 50.0;

impl Schedule {
    /// What step number `step` (from 0) of so many takes of the learning rate; in [0, 1].
    ///
    /// ```text
    /// constant  1          cosine  min(1, (k + 1) / 50) (1 + cos(pi k / n)) / 2
    /// ```
    pub fn share(self, step: usize, of: usize) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => {
                let passed = step as f64 / of.max(1) as f64;
                ((step + 1) as f64 / RISE).min(1.0) * (1.0 + (std::f64::consts::PI * passed).cos()) / 2.0
            }
        }
    }

    fn is_constant(&self) -> bool {
        *self == Schedule::Constant
    }
}

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
    /// How the step size changes while epochs pass.
    #[serde(skip_serializing_if = "Schedule::is_constant")]
    pub schedule: Schedule,
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
            schedule: Schedule::Constant,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_rises_falls_to_0_and_leaves_identities_alone() {
        let share = |step| Schedule::Cosine.share(step, 1000);
        assert!((share(0) - 0.02).abs() < 1e-5 && share(49) > 0.99 && (share(500) - 0.5).abs() < 1e-12);
        assert!(share(999) < 1e-5 && Schedule::Constant.share(999, 1000) == 1.0);
        let plain = serde_json::to_string(&TrainingSpec::default()).unwrap();
        assert!(["schedule", "members", "l1"].iter().all(|key| !plain.contains(key)), "{plain}");
        let read: TrainingSpec =
            serde_json::from_str(r#"{"schedule": "cosine", "members": 3, "l1": 0.1}"#).unwrap();
        assert_eq!((read.schedule, read.members, read.l1), (Schedule::Cosine, 3, 0.1));
    }
}
