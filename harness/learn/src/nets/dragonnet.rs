//! DragonNet: TARNet whose representation also predicts the treatment (Shi, Blei, Veitch, NeurIPS 2019).

use super::layers::{Linear, Mlp};
use super::parameters::{Init, Layout, Slot, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing};

/// `phi(x)`, the propensity logit `phi(x) w + b`, and the scalar `epsilon` of targeted regularisation.
pub(super) struct Dragonnet {
    trunk: Mlp,
    propensity: Linear,
    epsilon: Slot,
}

impl Dragonnet {
    /// A trunk of the given widths. `epsilon` starts at 0.
    pub(super) fn new(layout: &mut Layout, inputs: i64, widths: &[usize]) -> Self {
        let trunk = Mlp::new(layout, "trunk", inputs, widths);
        let propensity = Linear::new(layout, "propensity", trunk.outputs(), 1);
        let epsilon = layout.add("epsilon".into(), &[1], Init::Values(vec![0.0]));
        Self { trunk, propensity, epsilon }
    }
}

impl Backbone for Dragonnet {
    fn sharing(&self) -> Sharing {
        Sharing::Trunk
    }

    fn width(&self) -> i64 {
        self.trunk.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        let arms = features.map(|features| self.trunk.forward(weights, features));
        let propensity = self.propensity.forward(weights, arms.control()).squeeze_dim(-1);
        let epsilon = weights.get(self.epsilon).squeeze_dim(-1);
        Representation { propensity: Some(propensity), epsilon: Some(epsilon), ..Representation::of(arms) }
    }
}
