//! Experts: several small networks on the same features, computed as one.

use super::dense::{Activation, Dense};
use super::parameters::{Init, Layout, Slot, Weights};
use super::{Pass, UniteSpec, steady};
use tch::Tensor;

/// Linear layers of all experts, each followed by ELU, and by dropout except after the last.
///
/// ```text
/// x [S, B, d]   W [S, E, inputs, outputs]   b [S, E, outputs]   ->  [S E, B, width]
/// ```
pub(super) struct Experts {
    layers: Vec<(Slot, Slot)>,
    count: i64,
    width: i64,
    dropout: f64,
}

impl Experts {
    /// As many experts, of such widths, as `spec` says, called `name`.
    pub(super) fn new(layout: &mut Layout, name: &str, inputs: i64, spec: &UniteSpec) -> Self {
        let (count, mut width) = (spec.experts as i64, inputs);
        let mut layers = Vec::with_capacity(spec.widths.len());
        for (index, &next) in spec.widths.iter().enumerate() {
            let (law, next) = (Init::FanIn(width), next as i64);
            let weight = layout.add(format!("{name}.{index}.weight"), &[count, width, next], law.clone());
            let bias = layout.add(format!("{name}.{index}.bias"), &[count, next], law);
            layers.push((weight, bias));
            width = next;
        }
        Self { layers, count, width, dropout: spec.dropout }
    }

    /// Width of what comes out of an expert.
    pub(super) fn outputs(&self) -> i64 {
        self.width
    }

    /// Features `[S, B, d]` to `[S E, B, width]`.
    pub(super) fn forward(&self, weights: &Weights, features: &Tensor, pass: &Pass) -> Tensor {
        let mut hidden = features.shallow_clone();
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = self.layer(weights, *layer, &hidden);
            let last = index + 1 == self.layers.len();
            if let (Some(counter), true) = (pass.counter, !last && self.dropout > 0.0) {
                let shape = hidden.size();
                let replicates = shape[0] / self.count;
                let of_replicate = [replicates, self.count * shape[1], shape[2]];
                let factors = counter.dropout(index as u32, &of_replicate, self.dropout);
                hidden = drop_out(weights, &hidden, factors.view(shape.as_slice()));
            }
        }
        hidden
    }

    /// One layer of all experts: `[S, B, inputs]` that they share, or `[S E, B, inputs]`, to `[S E, B, outputs]`.
    fn layer(&self, weights: &Weights, (weight, bias): (Slot, Slot), inputs: &Tensor) -> Tensor {
        if weights.are_fused() {
            let (weight, bias) = (weights.get(weight), weights.get(bias));
            return Dense { weight, bias, activation: Activation::Elu }.forward(weights, inputs);
        }
        let (weight, shape) = (flat(weights, weight), inputs.size());
        let all = match shape[0] == weight.size()[0] {
            true => inputs.shallow_clone(),
            false => inputs
                .unsqueeze(1)
                .expand([shape[0], self.count, shape[1], shape[2]], false)
                .reshape([-1, shape[1], shape[2]]),
        };
        steady::elu(bias_of(weights, bias).baddbmm(&all, &weight, 1, 1))
    }
}

/// Values times the factors of dropout.
fn drop_out(weights: &Weights, values: &Tensor, factors: Tensor) -> Tensor {
    if !weights.are_fused() {
        return factors * values;
    }
    let left = tch::no_grad(|| values * &factors);
    weights.closed(&[values], left, move |gradient| vec![Some(gradient * factors)])
}

/// `[S, E, a, b]` as `[S E, a, b]`.
fn flat(weights: &Weights, slot: Slot) -> Tensor {
    let weight = weights.get(slot);
    weight.flatten(0, 1)
}

/// `[S, E, b]` as `[S E, 1, b]`.
fn bias_of(weights: &Weights, slot: Slot) -> Tensor {
    flat(weights, slot).unsqueeze(1)
}
