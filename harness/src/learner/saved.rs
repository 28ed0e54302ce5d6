//! A trained model alone: what it computes and with which parameters.

use super::neural::{Maps, NeuralSpec};

/// One trained replicate, apart from the rows that it was trained on.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedModel {
    /// The method as it was trained.
    pub spec: NeuralSpec,
    /// Number of encoded columns.
    pub inputs: usize,
    /// Parameters by name, in the order of the network's layout.
    pub parameters: Vec<Parameter>,
    /// What sets its conversion probabilities right, where something does.
    pub maps: Option<Maps>,
}

/// A named tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As the network calls it: `trunk.0.weight`.
    pub name: String,
    /// Without the replicates; a weight is `[inputs, outputs]`.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}
