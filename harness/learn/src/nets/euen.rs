//! EUEN: a control network and an explicit uplift network (Ke et al., ICDM 2021).

use super::layers::Mlp;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing};

/// `phi_c(x)` for the outcome under control, `phi_u(x)` for what treatment adds. No parameter in common.
pub(super) struct Euen {
    control: Mlp,
    uplift: Mlp,
    stop_gradient: bool,
}

impl Euen {
    /// Two trunks of the given widths.
    pub(super) fn new(layout: &mut Layout, inputs: i64, widths: &[usize], stop_gradient: bool) -> Self {
        Self {
            control: Mlp::new(layout, "trunk.control", inputs, widths),
            uplift: Mlp::new(layout, "trunk.uplift", inputs, widths),
            stop_gradient,
        }
    }
}

impl Backbone for Euen {
    fn sharing(&self) -> Sharing {
        Sharing::Sum { stop_gradient: self.stop_gradient }
    }

    fn width(&self) -> i64 {
        self.control.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        Representation::of(Seen::Apart {
            control: self.control.forward(weights, features.control()),
            treated: self.uplift.forward(weights, features.treated()),
        })
    }
}
