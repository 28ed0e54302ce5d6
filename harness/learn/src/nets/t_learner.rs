//! T-learner: two disjoint networks, one per arm (Kunzel et al., PNAS 2019).

use super::layers::Mlp;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing};

/// `phi_0(x)` and `phi_1(x)`, with no parameter in common.
pub(super) struct TLearner {
    control: Mlp,
    treated: Mlp,
}

impl TLearner {
    /// Two trunks of the given widths.
    pub(super) fn new(layout: &mut Layout, inputs: i64, widths: &[usize]) -> Self {
        Self {
            control: Mlp::new(layout, "trunk.control", inputs, widths),
            treated: Mlp::new(layout, "trunk.treated", inputs, widths),
        }
    }
}

impl Backbone for TLearner {
    fn sharing(&self) -> Sharing {
        Sharing::Nothing
    }

    fn width(&self) -> i64 {
        self.control.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        Representation::of(Seen::Apart {
            control: self.control.forward(weights, features.control()),
            treated: self.treated.forward(weights, features.treated()),
        })
    }
}
