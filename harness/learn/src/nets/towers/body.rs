//! What makes the raw outputs.

use super::super::experts::Experts;
use super::super::head::{ArmHead, Head};
use super::super::layers::{Linear, Mlp};
use super::super::parameters::{Layout, Weights};
use super::super::unite::mixtures;
use super::super::{Pass, UniteSpec};
use super::{MmoeSpec, Tower};
use tch::Tensor;

/// Towers side by side, on the representation or on mixtures of experts.
pub(super) struct Body {
    experts: Option<Mixing>,
    towers: Vec<Head>,
}

/// Experts, and a gate per tower.
struct Mixing {
    experts: Experts,
    gates: Vec<(Mlp, Linear)>,
}

impl Body {
    /// On a representation of the given width, each tower with hidden layers of the given widths.
    pub(super) fn new(
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        (towers, experts): (&[Tower], Option<&MmoeSpec>),
    ) -> Self {
        let experts = experts.map(|spec| Mixing::new(layout, name, shape.0, (spec, towers)));
        let width = experts.as_ref().map_or(shape.0, |mixing| mixing.experts.outputs());
        let towers = towers
            .iter()
            .map(|(tower, start)| Head::new(layout, &format!("{name}.{tower}"), (width, shape.1), start))
            .collect();
        Self { experts, towers }
    }
}

impl ArmHead for Body {
    fn forward(&self, weights: &Weights, representation: &Tensor, pass: &Pass) -> Tensor {
        let raw: Vec<Tensor> = match &self.experts {
            Some(mixing) => {
                let seen = mixing.forward(weights, representation, pass);
                self.towers.iter().zip(&seen).map(|(tower, seen)| tower.forward(weights, seen)).collect()
            }
            None => self.towers.iter().map(|tower| tower.forward(weights, representation)).collect(),
        };
        Tensor::cat(&raw, -1)
    }
}

impl Mixing {
    fn new(layout: &mut Layout, name: &str, width: i64, (spec, towers): (&MmoeSpec, &[Tower])) -> Self {
        let (count, widths) = (spec.experts, spec.widths.clone());
        let experts = UniteSpec { experts: count, widths, dropout: 0.0 };
        let experts = Experts::new(layout, &format!("{name}.experts"), width, &experts);
        let mut gate = |tower: &str| {
            let name = format!("{name}.gate.{tower}");
            let hidden = Mlp::new(layout, &name, width, &spec.gates);
            let shares = Linear::new(layout, &format!("{name}.shares"), hidden.outputs(), count as i64);
            (hidden, shares)
        };
        let gates = towers.iter().map(|(tower, _)| gate(tower)).collect();
        Self { experts, gates }
    }

    /// What each tower sees.
    fn forward(&self, weights: &Weights, representation: &Tensor, pass: &Pass) -> Vec<Tensor> {
        let experts = self.experts.forward(weights, representation, pass);
        let shares = |(hidden, shares): &(Mlp, Linear)| {
            shares.forward(weights, &hidden.forward(weights, representation)).softmax(-1, None)
        };
        mixtures(weights, &experts, &self.gates.iter().map(shares).collect::<Vec<_>>())
    }
}
