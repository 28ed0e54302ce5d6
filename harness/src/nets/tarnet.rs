//! TARNet: a shared representation and one head per arm (Shalit, Johansson, Sontag, ICML 2017).

use super::arms::Arms;
use super::layers::Mlp;
use super::parameters::{Layout, Weights};
use super::{Backbone, Pass, Representation, Sharing};

/// `phi(x)`, the same for both arms.
pub struct Tarnet {
    trunk: Mlp,
}

impl Tarnet {
    /// A trunk of the given widths.
    pub fn new(layout: &mut Layout, inputs: i64, widths: &[usize]) -> Self {
        Self { trunk: Mlp::new(layout, "trunk", inputs, widths) }
    }
}

impl Backbone for Tarnet {
    fn sharing(&self) -> Sharing {
        Sharing::Trunk
    }

    fn width(&self) -> i64 {
        self.trunk.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Arms, _pass: &Pass) -> Representation {
        Representation::of(features.map(|features| self.trunk.forward(weights, features)))
    }
}
