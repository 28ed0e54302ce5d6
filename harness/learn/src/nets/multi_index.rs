//! Multi-index: the features themselves beside a few directions of them, each bent once, and an effect that is what
//! treatment adds (index models: Ichimura, Lee 1991; skip connections beside a hidden layer: LassoNet, Lemhadri et al. 2021).

use super::layers::Linear;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing, steady};
use tch::Tensor;

/// `phi(x) = [x, tanh(... tanh(x A_1 + a_1) ...)]`, the same for both arms; `phi(x) = x` without layers. With heads without hidden
/// layers every output is a linear function of the features and of the indices. The second head puts out what treatment
/// adds to each output of the first, so that a penalty shrinks effects towards none.
pub(super) struct MultiIndex {
    layers: Vec<Linear>,
    inputs: i64,
    width: i64,
}

impl MultiIndex {
    /// Layers of the given widths.
    pub(super) fn new(layout: &mut Layout, inputs: i64, widths: &[usize]) -> Self {
        let mut from = inputs;
        let mut layers = Vec::with_capacity(widths.len());
        for (number, &width) in widths.iter().enumerate() {
            layers.push(Linear::new(layout, &format!("trunk.{number}"), from, width as i64));
            from = width as i64;
        }
        Self { layers, inputs, width: inputs + widths.last().map_or(0, |&width| width as i64) }
    }

    fn phi(&self, weights: &Weights, features: &Tensor) -> Tensor {
        let mut bent = features.shallow_clone();
        for layer in &self.layers {
            bent = steady::tanh(&layer.forward(weights, &bent));
        }
        match self.layers.is_empty() {
            true => bent,
            false => Tensor::cat(&[features, &bent], -1),
        }
    }
}

impl Backbone for MultiIndex {
    fn sharing(&self) -> Sharing {
        Sharing::Sum { stop_gradient: false }
    }

    fn width(&self) -> i64 {
        self.width
    }

    fn shown_features(&self) -> i64 {
        self.inputs
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        Representation::of(features.map(|features| self.phi(weights, features)))
    }
}
