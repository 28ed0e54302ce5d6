//! TARNet and CFR: a shared representation and one head per arm (Shalit, Johansson, Sontag, ICML 2017).

use super::layers::Mlp;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing};
use tch::Tensor;

/// Squared lengths are not taken below this before their root.
pub(super) const SMALLEST_SQUARE: f64 = 1e-10;

/// `phi(x)`, the same for both arms; of length 1 where balance terms are to act on directions alone.
pub(super) struct Tarnet {
    trunk: Mlp,
    normalise: bool,
}

impl Tarnet {
    /// A trunk of the given widths; `normalise` divides what it puts out by its length.
    pub(super) fn new(layout: &mut Layout, inputs: i64, widths: &[usize], normalise: bool) -> Self {
        Self { trunk: Mlp::new(layout, "trunk", inputs, widths), normalise }
    }

    fn phi(&self, weights: &Weights, features: &Tensor) -> Tensor {
        let phi = self.trunk.forward(weights, features);
        match self.normalise {
            true => {
                let square = phi.square().sum_dim_intlist(-1i64, true, None);
                phi / square.clamp_min(SMALLEST_SQUARE).sqrt()
            }
            false => phi,
        }
    }
}

impl Backbone for Tarnet {
    fn sharing(&self) -> Sharing {
        Sharing::Trunk
    }

    fn width(&self) -> i64 {
        self.trunk.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        Representation::of(features.map(|features| self.phi(weights, features)))
    }
}
