//! Dense layers on the CPU, with their gradient: one product of libtorch's per group, and one pass over what comes out.

use super::host::{values, values_mut};
use super::parameters::Weights;
use crate::kernels::elu;
use tch::Tensor;

/// What follows the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// Nothing.
    None,
    /// ELU.
    Elu,
}

/// A layer's parameters: `[S, ..., inputs, outputs]` and `[S, ..., outputs]`. Every group of all leading dimensions has its own.
#[derive(Clone, Copy)]
pub(super) struct Dense<'a> {
    /// What multiplies.
    pub weight: &'a Tensor,
    /// What is added.
    pub bias: &'a Tensor,
    /// What follows.
    pub activation: Activation,
}

impl Dense<'_> {
    /// `activation(x W + b)` of every group, `[G, B, outputs]`, for `inputs` `[S, B, inputs]` that `G / S` groups each see, or
    /// `[G, B, inputs]`.
    pub(super) fn forward(self, weights: &Weights, inputs: &Tensor) -> Tensor {
        let (shape, of_inputs) = (Shape::new(self.weight, inputs), inputs.shallow_clone());
        let weight = self.weight.shallow_clone();
        let output = tch::no_grad(|| shape.forward(self, inputs));
        let (activation, kept) = (self.activation, output.shallow_clone());
        weights.closed(&[inputs, self.weight, self.bias], output, move |gradient| {
            shape.backward(activation, (&of_inputs, &weight, &kept), gradient)
        })
    }
}

#[derive(Clone, Copy)]
struct Shape {
    groups: i64,
    /// Groups that see the same inputs.
    sharing: i64,
    rows: i64,
    inputs: i64,
    outputs: i64,
}

impl Shape {
    fn new(weight: &Tensor, inputs: &Tensor) -> Self {
        let (weight, seen) = (weight.size(), inputs.size());
        let leading = weight.len() - 2;
        let groups: i64 = weight[..leading].iter().product();
        Self {
            groups,
            sharing: groups / seen[0],
            rows: seen[1],
            inputs: weight[leading],
            outputs: weight[leading + 1],
        }
    }

    fn forward(self, dense: Dense, inputs: &Tensor) -> Tensor {
        let weight = self.by_group(dense.weight);
        let mut output = inputs.new_empty([self.groups, self.rows, self.outputs], (inputs.kind(), inputs.device()));
        for group in 0..self.groups {
            let _ = inputs.get(group / self.sharing).mm_out(&output.get(group), &weight.get(group));
        }
        let bias = dense.bias.contiguous();
        let biases = values(&bias).chunks_exact(self.outputs as usize);
        let size = (self.rows * self.outputs) as usize;
        for (rows, bias) in values_mut(&mut output).chunks_exact_mut(size.max(1)).zip(biases) {
            match dense.activation {
                Activation::None => elu::add(rows, bias),
                Activation::Elu => elu::add_and_bend(rows, bias),
            }
        }
        output
    }

    /// The gradients of inputs (where they learn), weight and bias.
    fn backward(
        self,
        activation: Activation,
        (inputs, weight, output): (&Tensor, &Tensor, &Tensor),
        gradient: &Tensor,
    ) -> Vec<Option<Tensor>> {
        let options = (inputs.kind(), inputs.device());
        let gradient = gradient.contiguous();
        let mut of_bias = inputs.new_zeros([self.groups, self.outputs], options);
        let of_products = match activation {
            Activation::None => {
                self.each_group(&mut of_bias, |group, sums| elu::add_up(self.part(&gradient, group), sums));
                gradient
            }
            Activation::Elu => {
                let mut bent = gradient.empty_like();
                let size = (self.rows * self.outputs) as usize;
                let mut parts = values_mut(&mut bent).chunks_exact_mut(size.max(1));
                self.each_group(&mut of_bias, |group, sums| {
                    let (gradient, output) = (self.part(&gradient, group), self.part(output, group));
                    elu::unbend(gradient, output, parts.next().unwrap_or_default(), sums);
                });
                bent
            }
        };
        let grouped = self.by_group(weight);
        let of_weight = grouped.empty_like();
        let of_inputs = inputs.requires_grad().then(|| inputs.new_empty(inputs.size().as_slice(), options));
        for group in 0..self.groups {
            let (seen, product) = (group / self.sharing, of_products.get(group));
            let _ = inputs.get(seen).tr().mm_out(&of_weight.get(group), &product);
            if let Some(of_inputs) = &of_inputs {
                let transposed = grouped.get(group).tr();
                let mut place = of_inputs.get(seen);
                match group % self.sharing {
                    0 => drop(product.mm_out(&place, &transposed)),
                    _ => drop(place.addmm_(&product, &transposed)),
                }
            }
        }
        let leading = weight.size();
        let of_bias = of_bias.view([&leading[..leading.len() - 2], &[self.outputs]].concat().as_slice());
        vec![of_inputs, Some(of_weight.view(leading.as_slice())), Some(of_bias)]
    }

    /// `[S, ..., inputs, outputs]` as `[G, inputs, outputs]`.
    fn by_group(self, weight: &Tensor) -> Tensor {
        weight.detach().contiguous().view([self.groups, self.inputs, self.outputs])
    }

    /// A group's values of `[G, B, outputs]`.
    fn part(self, tensor: &Tensor, group: usize) -> &[f32] {
        let size = (self.rows * self.outputs) as usize;
        &values(tensor)[group * size..(group + 1) * size]
    }

    fn each_group(self, of_bias: &mut Tensor, mut with: impl FnMut(usize, &mut [f32])) {
        let sums = values_mut(of_bias).chunks_exact_mut(self.outputs as usize);
        sums.enumerate().for_each(|(group, sums)| with(group, sums));
    }
}
