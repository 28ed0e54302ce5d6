//! Stacked layers: every tensor carries the replicates in front.

use super::dense::{Activation, Dense};
use super::parameters::{Init, Layout, Slot, Weights};
use super::steady;
use tch::Tensor;

/// A linear layer per replicate: `x W + b`.
///
/// ```text
/// x [S, B, inputs]   W [S, inputs, outputs]   b [S, outputs]   ->  [S, B, outputs]
/// ```
#[derive(Clone, Debug)]
pub(super) struct Linear {
    weight: Slot,
    bias: Slot,
}

impl Linear {
    /// A layer with PyTorch's default initial law.
    pub(super) fn new(layout: &mut Layout, name: &str, inputs: i64, outputs: i64) -> Self {
        let bias = layout_bias(layout, name, outputs, Init::FanIn(inputs));
        Self::with_bias(layout, name, [inputs, outputs], bias)
    }

    /// A layer whose bias starts at `bias`.
    pub(super) fn starting_at(layout: &mut Layout, name: &str, inputs: i64, bias: &[f32]) -> Self {
        let outputs = bias.len() as i64;
        let bias = layout_bias(layout, name, outputs, Init::Values(bias.to_vec()));
        Self::with_bias(layout, name, [inputs, outputs], bias)
    }

    /// A layer of one input with given weights and bias to start from.
    pub(super) fn of_one(layout: &mut Layout, name: &str, weight: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len() as i64;
        let bias = layout_bias(layout, name, outputs, Init::Values(bias.to_vec()));
        let weight = layout.add(format!("{name}.weight"), &[1, outputs], Init::Values(weight.to_vec()));
        Self { weight, bias }
    }

    /// A layer whose weights start at 1/2 and whose bias starts at 0.
    pub(super) fn halves(layout: &mut Layout, name: &str, inputs: i64, outputs: usize) -> Self {
        let bias = layout_bias(layout, name, outputs as i64, Init::Values(vec![0.0; outputs]));
        let halves = Init::Values(vec![0.5; inputs as usize * outputs]);
        let weight = layout.add(format!("{name}.weight"), &[inputs, outputs as i64], halves);
        Self { weight, bias }
    }

    /// Weight and bias.
    pub(super) fn parameters<'a>(&self, weights: &'a Weights) -> (&'a Tensor, &'a Tensor) {
        (weights.get(self.weight), weights.get(self.bias))
    }

    /// Applies the layer.
    pub(super) fn forward(&self, weights: &Weights, inputs: &Tensor) -> Tensor {
        self.apply(weights, inputs, Activation::None)
    }

    /// Applies the layer and what follows. One input or output per row is no matrix product of a stack: libtorch takes another path
    /// for it that rounds differently in a stack than alone.
    fn apply(&self, weights: &Weights, inputs: &Tensor, activation: Activation) -> Tensor {
        let (weight, bias) = self.parameters(weights);
        if weights.are_fused() {
            return Dense { weight, bias, activation }.forward(weights, inputs);
        }
        let bias = bias.unsqueeze(1);
        let products = match weight.size()[1..].contains(&1) {
            true => {
                let products = inputs.unsqueeze(-1) * weight.unsqueeze(1);
                products.sum_dim_intlist(-2i64, false, None) + bias
            }
            false => bias.baddbmm(inputs, weight, 1, 1),
        };
        match activation {
            Activation::None => products,
            // In place: neither the product nor ELU needs its input for the gradient.
            Activation::Elu => steady::elu(products),
        }
    }

    fn with_bias(layout: &mut Layout, name: &str, shape: [i64; 2], bias: Slot) -> Self {
        let weight = layout.add(format!("{name}.weight"), &shape, Init::FanIn(shape[0]));
        Self { weight, bias }
    }
}

fn layout_bias(layout: &mut Layout, name: &str, outputs: i64, init: Init) -> Slot {
    layout.add(format!("{name}.bias"), &[outputs], init)
}

/// Linear layers, each followed by ELU. Without layers it is the identity.
#[derive(Clone, Debug)]
pub(super) struct Mlp {
    layers: Vec<Linear>,
    outputs: i64,
}

impl Mlp {
    /// Layers of the given widths.
    pub(super) fn new(layout: &mut Layout, name: &str, inputs: i64, widths: &[usize]) -> Self {
        let mut width = inputs;
        let mut layers = Vec::with_capacity(widths.len());
        for (index, &next) in widths.iter().enumerate() {
            layers.push(Linear::new(layout, &format!("{name}.{index}"), width, next as i64));
            width = next as i64;
        }
        Self { layers, outputs: width }
    }

    /// Width of what comes out.
    pub(super) fn outputs(&self) -> i64 {
        self.outputs
    }

    /// Its layers, in order.
    pub(super) fn layers(&self) -> &[Linear] {
        &self.layers
    }

    /// Applies all layers.
    pub(super) fn forward(&self, weights: &Weights, inputs: &Tensor) -> Tensor {
        let mut hidden = inputs.shallow_clone();
        for layer in &self.layers {
            hidden = layer.apply(weights, &hidden, Activation::Elu);
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn wave(shape: &[i64]) -> Tensor {
        let count = shape.iter().product::<i64>();
        (Tensor::arange(count, (Kind::Float, Device::Cpu)) * 0.37).sin().view(shape)
    }

    /// Output and gradient of the parameters, for the given replicates of a stack of three.
    fn pass(widths: (i64, i64), first: i64, replicates: i64) -> (Tensor, Tensor) {
        let mut layout = Layout::default();
        let layer = Linear::new(&mut layout, "layer", widths.0, widths.1);
        let part = |tensor: Tensor| tensor.narrow(0, first, replicates).contiguous();
        let flat = part(wave(&[3, layout.size()])).set_requires_grad(true);
        let output = layer.forward(&layout.views(&flat), &part(wave(&[3, 512, widths.0])));
        (&output * part(wave(&[3, 512, widths.1]))).sum(Kind::Float).backward();
        (output.detach(), flat.grad())
    }

    #[test]
    fn a_replicate_is_the_same_alone_and_in_a_stack() {
        for widths in [(128, 1), (1, 128), (1, 1), (128, 3), (100, 64)] {
            let (stack, stack_gradient) = pass(widths, 0, 3);
            for replicate in 0..3 {
                let (alone, gradient) = pass(widths, replicate, 1);
                assert_eq!(alone, stack.narrow(0, replicate, 1), "{widths:?}");
                assert_eq!(gradient, stack_gradient.narrow(0, replicate, 1), "{widths:?}");
            }
        }
    }
}
