//! S-learner: one network that sees the treatment as a feature (Kunzel et al., PNAS 2019).

use super::layers::Mlp;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing};
use tch::Tensor;

/// `phi([x, t])`, and one head for both arms.
pub(super) struct SLearner {
    trunk: Mlp,
}

impl SLearner {
    /// A trunk of the given widths.
    pub(super) fn new(layout: &mut Layout, inputs: i64, widths: &[usize]) -> Self {
        Self { trunk: Mlp::new(layout, "trunk", inputs + 1, widths) }
    }
}

impl Backbone for SLearner {
    fn sharing(&self) -> Sharing {
        Sharing::Heads
    }

    fn width(&self) -> i64 {
        self.trunk.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, pass: &Pass) -> Representation {
        let phi =
            |x: &Tensor, treatment: &Tensor| self.trunk.forward(weights, &Tensor::cat(&[x, treatment], -1));
        if let (Seen::Shared(x), Some(observed)) = (features, pass.observed) {
            return Representation::of(Seen::Shared(phi(x, &observed.unsqueeze(-1))));
        }
        let one = features.control().narrow(-1, 0, 1).ones_like();
        Representation::of(Seen::Apart {
            control: phi(features.control(), &one.zeros_like()),
            treated: phi(features.treated(), &one),
        })
    }
}
