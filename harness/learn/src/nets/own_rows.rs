//! Heads on the rows of their own arm, where the other arm's outputs are not asked for: half the work.

use super::dense::{Activation, One};
use super::head::Head;
use super::host::values;
use super::layers::Linear;
use super::parameters::Weights;
use super::seen::Seen;
use tch::Tensor;

/// Raw outputs `[S, B, k]` of both heads, control first, 0 in rows of the other arm. `observed` `[S, B]` is 1 for treated rows.
pub(super) fn forward(weights: &Weights, heads: [&Head; 2], arms: &Seen, observed: &Tensor) -> [Tensor; 2] {
    let rows = rows(observed);
    let of_arm = |arm: usize| Own {
        head: Layers::new(weights, heads[arm]),
        rows: rows.iter().map(|arms| arms[arm].shallow_clone()).collect(),
    };
    let [of_control, of_treated] = [0, 1].map(of_arm);
    let outputs = match arms {
        Seen::Shared(both) => together(weights, both, vec![of_control, of_treated]),
        Seen::Apart { control, treated } => {
            let mut outputs = together(weights, control, vec![of_control]);
            outputs.extend(together(weights, treated, vec![of_treated]));
            outputs
        }
    };
    let mut outputs = outputs.into_iter();
    std::array::from_fn(|_| outputs.next().unwrap_or_default())
}

/// Numbers of each replicate's control and treated rows.
fn rows(observed: &Tensor) -> Vec<[Tensor; 2]> {
    let observed = observed.contiguous();
    let of_replicate = |flags: &[f32]| {
        let of_arm = |treated: bool| {
            let rows = (0i64..).zip(flags).filter(|(_, flag)| (**flag > 0.5) == treated);
            Tensor::from_slice(&rows.map(|(row, _)| row).collect::<Vec<i64>>())
        };
        [of_arm(false), of_arm(true)]
    };
    values(&observed).chunks_exact(observed.size()[1].max(1) as usize).map(of_replicate).collect()
}

/// The parameters of a head's layers, `[S, ...]` each.
struct Layers(Vec<(Tensor, Tensor, Activation)>);

impl Layers {
    fn new(weights: &Weights, head: &Head) -> Self {
        let layer = |(layer, activation): (&Linear, Activation)| {
            let (weight, bias) = layer.parameters(weights);
            (weight.shallow_clone(), bias.shallow_clone(), activation)
        };
        Self(head.layers().map(layer).collect())
    }

    /// Those of a replicate.
    fn of(&self, replicate: i64) -> Vec<One> {
        let one = |(weight, bias, activation): &(Tensor, Tensor, Activation)| One {
            weight: weight.get(replicate),
            bias: bias.get(replicate),
            activation: *activation,
        };
        self.0.iter().map(one).collect()
    }
}

/// A head and the rows that are its own, by replicate.
struct Own {
    head: Layers,
    rows: Vec<Tensor>,
}

/// What a head's layers saw and put out for a replicate's rows: each layer's input, and the last one's output.
type Passed = Vec<Tensor>;

/// Heads that see the same representation, as one operation.
fn together(weights: &Weights, representation: &Tensor, owns: Vec<Own>) -> Vec<Tensor> {
    let seen = representation.shallow_clone();
    let (outputs, passed): (Vec<Tensor>, Vec<Vec<Passed>>) =
        tch::no_grad(|| owns.iter().map(|own| own.forward(&seen)).unzip());
    let parameters = |own: &Own| -> Vec<Tensor> {
        own.head
            .0
            .iter()
            .flat_map(|(weight, bias, _)| [weight.shallow_clone(), bias.shallow_clone()])
            .collect()
    };
    let parameters: Vec<Tensor> = owns.iter().flat_map(parameters).collect();
    let inputs: Vec<&Tensor> = std::iter::once(representation).chain(&parameters).collect();
    weights.closed_all(&inputs, outputs, move |gradients| {
        let of_representation = seen.requires_grad().then(|| seen.detach().zeros_like());
        let mut found = Vec::new();
        for ((own, passed), gradient) in owns.iter().zip(&passed).zip(gradients) {
            found.extend(own.backward(passed, gradient.as_ref(), of_representation.as_ref()));
        }
        std::iter::once(of_representation).chain(found).collect()
    })
}

impl Own {
    /// Outputs `[S, B, k]`, and what is kept of every replicate.
    fn forward(&self, representation: &Tensor) -> (Tensor, Vec<Passed>) {
        let (replicates, options) =
            (self.rows.len() as i64, (representation.kind(), representation.device()));
        let outputs = self.head.0.last().map_or(0, |(_, bias, _)| bias.size()[1]);
        let all = representation.new_zeros([replicates, representation.size()[1], outputs], options);
        let of_replicate = |(replicate, rows): (i64, &Tensor)| {
            let mut passed = vec![representation.get(replicate).index_select(0, rows)];
            for layer in self.head.of(replicate) {
                let next = layer.forward(&passed[passed.len() - 1]);
                passed.push(next);
            }
            let _ = all.get(replicate).index_copy_(0, rows, &passed[passed.len() - 1]);
            passed
        };
        let passed = (0..).zip(&self.rows).map(of_replicate).collect();
        (all, passed)
    }

    /// Gradients of weight and bias of each layer, in order; adds the representation's.
    fn backward(
        &self,
        passed: &[Passed],
        gradient: Option<&Tensor>,
        of_representation: Option<&Tensor>,
    ) -> Vec<Option<Tensor>> {
        let Some(gradient) = gradient else { return self.head.0.iter().flat_map(|_| [None, None]).collect() };
        let found: Vec<[Tensor; 2]> = self
            .head
            .0
            .iter()
            .map(|(weight, bias, _)| [weight.detach().zeros_like(), bias.detach().zeros_like()])
            .collect();
        for ((replicate, rows), passed) in (0..).zip(&self.rows).zip(passed) {
            let mut gradient = gradient.get(replicate).index_select(0, rows);
            for (number, layer) in self.head.of(replicate).iter().enumerate().rev() {
                let (input, output) = (&passed[number], &passed[number + 1]);
                let [of_weight, of_bias] = &found[number];
                let into = (&of_weight.get(replicate), &mut of_bias.get(replicate));
                let of_product = layer.activation.back((input, output), &gradient, into);
                if number > 0 || of_representation.is_some() {
                    gradient = of_product.mm(&layer.weight.tr());
                }
            }
            if let Some(whole) = of_representation {
                let _ = whole.get(replicate).index_copy_(0, rows, &gradient);
            }
        }
        found.into_iter().flatten().map(Some).collect()
    }
}
