//! A trained model alone: what it computes and with which parameters.

use super::neural::{Maps, NeuralSpec};
use super::purchases::PurchasesSpec;
use super::trees::TreesSpec;
use crate::nets::{Buckets, Inputs};
use serde::{Deserialize, Serialize};
use valor_base::question::Question;

/// One trained replicate, apart from the rows that it was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedModel {
    /// The method as it was trained.
    pub spec: TrainedSpec,
    /// Encoded columns.
    pub inputs: Inputs,
    /// Parameters by name; a network's in the order of its layout.
    pub parameters: Vec<Parameter>,
    /// What sets its conversion probabilities right, where something does.
    pub maps: Option<Maps>,
    /// The buckets of outcomes that its heads know, in the network's unit, where they know any.
    pub buckets: Option<Buckets>,
    /// Outcome units in one unit of the network's expectations; 1 for trees and laws of purchases.
    pub outcome_scale: f64,
}

/// A method as it was trained, once what is tuned has been chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "neither a network nor a forest nor a law of purchases")]
pub enum TrainedSpec {
    /// A network.
    Network(NeuralSpec),
    /// Trees.
    Trees(TreesSpec),
    /// A law of purchases.
    Purchases(PurchasesSpec),
}

impl TrainedSpec {
    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            TrainedSpec::Network(_) => "a network",
            TrainedSpec::Trees(_) => "made of trees",
            TrainedSpec::Purchases(_) => "a law of purchases",
        }
    }

    /// What it answers.
    pub fn question(&self) -> Question {
        match self {
            TrainedSpec::Network(spec) => spec.network.backbone.question(),
            TrainedSpec::Trees(spec) => spec.question(),
            TrainedSpec::Purchases(_) => Question::Value,
        }
    }

    /// A name for people.
    pub fn slug(&self) -> String {
        match self {
            TrainedSpec::Network(spec) => spec.slug(),
            TrainedSpec::Trees(spec) => spec.slug(),
            TrainedSpec::Purchases(spec) => spec.slug(),
        }
    }
}

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As the model calls it: `trunk.0.weight`.
    pub name: String,
    /// Without the replicates; a weight is `[inputs, outputs]`.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Values,
}

/// Numbers of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Of single precision.
    Single(Vec<f32>),
    /// Of double precision.
    Double(Vec<f64>),
}
