//! Experts: several small networks on the same features, computed as one.

use super::parameters::{Init, Layout, Slot, Weights};
use super::{Pass, UniteSpec, steady};
use tch::Tensor;

/// Linear layers of all experts, each followed by ELU, and by dropout except after the last.
///
/// ```text
/// x [S, B, d]   W [S, E, inputs, outputs]   b [S, E, outputs]   ->  [S, E, B, width]
/// ```
pub(super) struct Experts {
    layers: Vec<(Slot, Slot)>,
    count: i64,
    width: i64,
    dropout: f64,
}

impl Experts {
    /// As many experts, of such widths, as `spec` says.
    pub(super) fn new(layout: &mut Layout, inputs: i64, spec: &UniteSpec) -> Self {
        let (count, mut width) = (spec.experts as i64, inputs);
        let mut layers = Vec::with_capacity(spec.widths.len());
        for (index, &next) in spec.widths.iter().enumerate() {
            let (law, next) = (Init::FanIn(width), next as i64);
            let weight = layout.add(format!("experts.{index}.weight"), &[count, width, next], law.clone());
            let bias = layout.add(format!("experts.{index}.bias"), &[count, next], law);
            layers.push((weight, bias));
            width = next;
        }
        Self { layers, count, width, dropout: spec.dropout }
    }

    /// Width of what comes out of an expert.
    pub(super) fn outputs(&self) -> i64 {
        self.width
    }

    /// Features `[S, B, d]` to `[S, E, B, width]`.
    pub(super) fn forward(&self, weights: &Weights, features: &Tensor, pass: &Pass) -> Tensor {
        let shape = features.size();
        let (replicates, rows, inputs) = (shape[0], shape[1], shape[2]);
        let stacked = [replicates * self.count, rows, inputs];
        let mut hidden = features
            .unsqueeze(1)
            .expand([replicates, self.count, rows, inputs], false)
            .reshape(stacked.as_slice());
        for (index, (weight, bias)) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            hidden = steady::elu(bias_of(weights, *bias).baddbmm(&hidden, &flat(weights, *weight), 1, 1));
            if let (Some(counter), true) = (pass.counter, !last && self.dropout > 0.0) {
                let shape = hidden.size();
                let of_replicate = [replicates, self.count * rows, shape[2]];
                let factors = counter.dropout(index as u32, &of_replicate, self.dropout);
                hidden = factors.view(shape.as_slice()) * hidden;
            }
        }
        hidden.view([replicates, self.count, rows, self.width])
    }
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
