//! Treatment-gated interaction (GTI).

use super::layers::Linear;
use super::parameters::{Init, Layout, Slot, Weights};
use super::seen::Seen;
use super::{Sharing, steady};
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
            Sharing::Heads | Sharing::Trunk => {
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
        let (control, treated) = self.linear(weights, features);
        Seen::Apart {
            control: control * self.control.gate(weights, false),
            treated: treated * self.treated.gate(weights, true),
        }
    }

    /// How open it is in each arm, `[S, width]` in (0, 1): control, treated. The same for every row.
    pub(super) fn openness(&self, weights: &Weights) -> [Tensor; 2] {
        [self.control.gate(weights, false).squeeze_dim(1), self.treated.gate(weights, true).squeeze_dim(1)]
    }

    fn linear(&self, weights: &Weights, features: &Seen) -> (Tensor, Tensor) {
        if let (Seen::Shared(both), true) = (features, self.shared) {
            let mapped = self.control.linear.forward(weights, both);
            return (mapped.shallow_clone(), mapped);
        }
        (
            self.control.linear.forward(weights, features.control()),
            self.treated.linear.forward(weights, features.treated()),
        )
    }
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
