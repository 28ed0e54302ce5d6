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
        let (weight, bias) = (self.by_group(dense.weight), self.bias_by_group(dense.bias));
        let output =
            inputs.new_empty([self.groups, self.rows, self.outputs], (inputs.kind(), inputs.device()));
        for group in 0..self.groups {
            let one = One { weight: weight.get(group), bias: bias.get(group), activation: dense.activation };
            one.forward_into(&inputs.get(group / self.sharing), &mut output.get(group));
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
        let (gradient, grouped) = (gradient.contiguous(), self.by_group(weight));
        let of_inputs = inputs.requires_grad().then(|| inputs.new_empty(inputs.size().as_slice(), options));
        let of_weight = grouped.empty_like();
        let of_bias = inputs.new_zeros([self.groups, self.outputs], options);
        for group in 0..self.groups {
            let seen = group / self.sharing;
            let (gradient, output) = (gradient.get(group), output.get(group));
            let into = (&of_weight.get(group), &mut of_bias.get(group));
            let of_product = activation.back((&inputs.get(seen), &output), &gradient, into);
            if let Some(of_inputs) = &of_inputs {
                let (mut place, transposed) = (of_inputs.get(seen), grouped.get(group).tr());
                match group % self.sharing {
                    0 => drop(of_product.mm_out(&place, &transposed)),
                    _ => drop(place.addmm_(&of_product, &transposed)),
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

    /// `[S, ..., outputs]` as `[G, outputs]`.
    fn bias_by_group(self, bias: &Tensor) -> Tensor {
        bias.detach().contiguous().view([self.groups, self.outputs])
    }
}

/// One group's layer: weight `[inputs, outputs]`, bias `[outputs]`.
pub(super) struct One {
    /// What multiplies.
    pub weight: Tensor,
    /// What is added.
    pub bias: Tensor,
    /// What follows.
    pub activation: Activation,
}

impl One {
    /// `activation(x W + b)` of `[rows, inputs]`.
    pub(super) fn forward(&self, inputs: &Tensor) -> Tensor {
        let outputs = self.weight.size()[1];
        let mut output = inputs.new_empty([inputs.size()[0], outputs], (inputs.kind(), inputs.device()));
        self.forward_into(inputs, &mut output);
        output
    }

    fn forward_into(&self, inputs: &Tensor, output: &mut Tensor) {
        let _ = inputs.mm_out(output, &self.weight);
        let bias = values(&self.bias);
        match self.activation {
            Activation::None => elu::add(values_mut(output), bias),
            Activation::Elu => elu::add_and_bend(values_mut(output), bias),
        }
    }
}

impl Activation {
    /// From the gradient of a layer's output to that of its product, both `[rows, outputs]`; writes the weight's to `of_weight` and
    /// adds the bias' to `of_bias`.
    pub(super) fn back(
        self,
        (input, output): (&Tensor, &Tensor),
        gradient: &Tensor,
        (of_weight, of_bias): (&Tensor, &mut Tensor),
    ) -> Tensor {
        let of_product = match self {
            Activation::None => {
                elu::add_up(values(gradient), values_mut(of_bias));
                gradient.shallow_clone()
            }
            Activation::Elu => {
                let mut bent = gradient.empty_like();
                elu::unbend(values(gradient), values(output), values_mut(&mut bent), values_mut(of_bias));
                bent
            }
        };
        let _ = input.tr().mm_out(of_weight, &of_product);
        of_product
    }
}
