//! One network for rows of one arm: there is no treatment to see.

use super::layers::Mlp;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing};

/// `phi(x)`, and one head.
pub(super) struct OneArm {
    trunk: Mlp,
}

impl OneArm {
    /// A trunk of the given widths.
    pub(super) fn new(layout: &mut Layout, inputs: i64, widths: &[usize]) -> Self {
        Self { trunk: Mlp::new(layout, "trunk", inputs, widths) }
    }
}

impl Backbone for OneArm {
    fn sharing(&self) -> Sharing {
        Sharing::Heads
    }

    fn width(&self) -> i64 {
        self.trunk.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        Representation::of(features.map(|features| self.trunk.forward(weights, features)))
    }
}
