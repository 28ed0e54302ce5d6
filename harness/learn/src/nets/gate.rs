//! Treatment-gated interaction (GTI).

use super::host::{values, values_mut};
use super::layers::Linear;
use super::parameters::{Init, Layout, Slot, Weights};
use super::seen::Seen;
use super::{Sharing, steady};
use crate::kernels;
use tch::Tensor;

/// The gate of VALOR, section 4.3, on hidden units or on input features.
///
/// ```text
/// out_t = (f W_x + b_x) * sigmoid(t w_t + b_t)        f [S, B, d]   out [S, B, d]   t in {0, 1}
/// ```
///
/// `b_t` starts at 2, as in the released code, so that the gate starts open. For a binary treatment the
/// sigmoid is one constant vector per arm.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    control: Side,
    treated: Side,
    /// Whether both sides are one.
    shared: bool,
}

/// The parameters that one arm uses.
#[derive(Clone, Debug)]
struct Side {
    linear: Linear,
    weight: Slot,
    bias: Slot,
}

const OPEN: f32 = 2.0;

impl Gate {
    /// A gate of the given width. Backbones that share nothing between arms get one per arm.
    pub(super) fn new(layout: &mut Layout, name: &str, width: i64, sharing: Sharing) -> Self {
        match sharing {
            Sharing::Heads | Sharing::Parts | Sharing::Trunk => {
                let both = Side::new(layout, name, width);
                Self { control: both.clone(), treated: both, shared: true }
            }
            Sharing::Nothing | Sharing::Sum { .. } | Sharing::Scores | Sharing::Residual => {
                let control = Side::new(layout, &format!("{name}.control"), width);
                let treated = Side::new(layout, &format!("{name}.treated"), width);
                Self { control, treated, shared: false }
            }
        }
    }

    /// Gates what each arm sees.
    pub(super) fn forward(&self, weights: &Weights, features: &Seen) -> Seen {
        let arms = self.linear(weights, features);
        let open = [self.control.gate(weights, false), self.treated.gate(weights, true)];
        let [control, treated] = match arms {
            Seen::Shared(both) => gated(weights, &both, open.each_ref()),
            Seen::Apart { control, treated } => {
                let [of_control, of_treated] = open.each_ref();
                let ([control], [treated]) =
                    (gated(weights, &control, [of_control]), gated(weights, &treated, [of_treated]));
                [control, treated]
            }
        };
        Seen::Apart { control, treated }
    }

    /// How open it is in each arm, `[S, width]` in (0, 1): control, treated. The same for every row.
    pub(super) fn openness(&self, weights: &Weights) -> [Tensor; 2] {
        [self.control.gate(weights, false).squeeze_dim(1), self.treated.gate(weights, true).squeeze_dim(1)]
    }

    fn linear(&self, weights: &Weights, features: &Seen) -> Seen {
        if let (Seen::Shared(both), true) = (features, self.shared) {
            return Seen::Shared(self.control.linear.forward(weights, both));
        }
        Seen::Apart {
            control: self.control.linear.forward(weights, features.control()),
            treated: self.treated.linear.forward(weights, features.treated()),
        }
    }
}

/// Rows `[S, B, d]` times each of the gates `[S, 1, d]`.
fn gated<const N: usize>(weights: &Weights, rows: &Tensor, gates: [&Tensor; N]) -> [Tensor; N] {
    if !weights.are_fused() {
        return gates.map(|gate| rows * gate);
    }
    let gated = tch::no_grad(|| gates.map(|gate| each(rows, gate)));
    let (of_rows, of_gates) = (rows.shallow_clone(), gates.map(Tensor::shallow_clone));
    let inputs: Vec<&Tensor> = std::iter::once(rows).chain(gates).collect();
    let found =
        weights.closed_all(&inputs, gated.into(), move |gradients| back(&of_rows, &of_gates, gradients));
    let mut found = found.into_iter();
    std::array::from_fn(|_| found.next().unwrap_or_default())
}

fn each(rows: &Tensor, gate: &Tensor) -> Tensor {
    let (rows, gate) = (rows.contiguous(), gate.contiguous());
    let mut into = rows.empty_like();
    let part = values(&rows).len() / gate.size()[0].max(1) as usize;
    let parts =
        values(&rows).chunks_exact(part.max(1)).zip(values_mut(&mut into).chunks_exact_mut(part.max(1)));
    for ((rows, into), gate) in parts.zip(values(&gate).chunks_exact(gate.size()[2].max(1) as usize)) {
        kernels::gate::apply(rows, gate, into);
    }
    into
}

/// The gradients of the rows and of each gate.
fn back(rows: &Tensor, gates: &[Tensor], gradients: &[Option<Tensor>]) -> Vec<Option<Tensor>> {
    let rows = rows.contiguous();
    let (mut of_rows, part) = (rows.zeros_like(), rows.numel() / rows.size()[0].max(1) as usize);
    let mut of_gates = Vec::with_capacity(gates.len());
    for (gate, gradient) in gates.iter().zip(gradients) {
        let (gate, mut of_gate) = (gate.contiguous(), gate.contiguous().zeros_like());
        if let Some(gradient) = gradient.as_ref().map(Tensor::contiguous) {
            let width = gate.size()[2].max(1) as usize;
            let replicates = values_mut(&mut of_rows).chunks_exact_mut(part.max(1));
            let sums = values_mut(&mut of_gate).chunks_exact_mut(width);
            for (number, (into, sums)) in replicates.zip(sums).enumerate() {
                let of_replicate = number * part..(number + 1) * part;
                let gate = &values(&gate)[number * width..(number + 1) * width];
                let gradient = &values(&gradient)[of_replicate.clone()];
                kernels::gate::back(gradient, &values(&rows)[of_replicate], gate, into, sums);
            }
        }
        of_gates.push(Some(of_gate));
    }
    std::iter::once(Some(of_rows)).chain(of_gates).collect()
}

impl Side {
    fn new(layout: &mut Layout, name: &str, width: i64) -> Self {
        let linear = Linear::new(layout, &format!("{name}.features"), width, width);
        let weight = layout.add(format!("{name}.treatment.weight"), &[width], Init::FanIn(1));
        let bias = Init::Values(vec![OPEN; width as usize]);
        let bias = layout.add(format!("{name}.treatment.bias"), &[width], bias);
        Self { linear, weight, bias }
    }

    /// `[S, 1, width]`
    fn gate(&self, weights: &Weights, treated: bool) -> Tensor {
        let bias = weights.get(self.bias);
        let logits = if treated { weights.get(self.weight) + bias } else { bias.shallow_clone() };
        steady::sigmoid(&logits).unsqueeze(1)
    }
}
