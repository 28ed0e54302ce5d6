//! The one door to all models.

pub mod catalog;
pub mod training;

use crate::nets::NetworkSpec;
use crate::objectives::TermSpec;
use serde::{Deserialize, Serialize};
use training::TrainingSpec;

/// A method with all its options, nothing that does not matter to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodSpec {
    /// A network trained by gradient descent.
    Neural(NeuralSpec),
}

/// What a network computes, what it is trained for, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NeuralSpec {
    /// What it computes.
    pub network: NetworkSpec,
    /// What it is trained for: the sum of these.
    pub objective: Vec<TermSpec>,
    /// How it is trained.
    pub training: TrainingSpec,
}
