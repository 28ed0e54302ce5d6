//! The heads of a network, and how they make the arms' outputs.

use super::head::Head;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Outputs, Sharing, own_rows, steady};
use tch::Tensor;

/// Heads by what the arms share.
pub(super) enum Heads {
    /// One head, whichever arm.
    One(Head),
    /// One head per arm: control, treated.
    PerArm(Head, Head),
    /// Control, and what treatment adds to each raw output.
    Sum { control: Head, uplift: Head, stop_gradient: bool },
    /// Marginal outcome `m` and uplift `tau`: `E_0 = m - e tau`, `E_1 = m + (1 - e) tau`.
    Residual { marginal: Head, uplift: Head },
}

impl Heads {
    /// Heads with hidden layers of these widths on a representation of this width, starting at `start`; what is
    /// added starts at 0.
    pub(super) fn new(layout: &mut Layout, sharing: Sharing, shape: (i64, &[usize]), start: &[f32]) -> Self {
        let zero = vec![0.0; start.len()];
        let mut head = |name: &str, start: &[f32]| Head::new(layout, &format!("head.{name}"), shape, start);
        match sharing {
            Sharing::Heads => Heads::One(head("both", start)),
            Sharing::Trunk | Sharing::Nothing => {
                Heads::PerArm(head("control", start), head("treated", start))
            }
            Sharing::Sum { stop_gradient } => {
                let (control, uplift) = (head("control", start), head("uplift", &zero));
                Heads::Sum { control, uplift, stop_gradient }
            }
            Sharing::Scores => {
                let mut of_score =
                    |name: &str, start: &[f32]| Head::of_score(layout, &format!("head.{name}"), start);
                let (control, uplift) = (of_score("control", start), of_score("uplift", &zero));
                Heads::Sum { control, uplift, stop_gradient: false }
            }
            Sharing::Residual => {
                Heads::Residual { marginal: head("marginal", start), uplift: head("uplift", &zero) }
            }
        }
    }

    /// Raw outputs of both arms. `propensity` is the logit `[S, B]` that residual heads need; `observed` says who was treated where
    /// only the observed arm's outputs are asked for.
    pub(super) fn forward(
        &self,
        weights: &Weights,
        arms: &Seen,
        propensity: Option<&Tensor>,
        observed: Option<&Tensor>,
    ) -> Outputs {
        match (self, observed) {
            (Heads::PerArm(control, treated), Some(observed)) if weights.are_fused() => {
                let [control, treated] = own_rows::forward(weights, [control, treated], arms, observed);
                Outputs::new(control, treated)
            }
            _ => self.on_all_rows(weights, arms, propensity),
        }
    }

    fn on_all_rows(&self, weights: &Weights, arms: &Seen, propensity: Option<&Tensor>) -> Outputs {
        match self {
            Heads::One(head) => of(arms.map(|arm| head.forward(weights, arm))),
            Heads::PerArm(control, treated) => of(Seen::Apart {
                control: control.forward(weights, arms.control()),
                treated: treated.forward(weights, arms.treated()),
            }),
            Heads::Sum { control, uplift, stop_gradient } => {
                let control = control.forward(weights, arms.control());
                let added = uplift.forward(weights, arms.treated());
                let reference = if *stop_gradient { control.detach() } else { control.shallow_clone() };
                Outputs { reference: reference.shallow_clone(), ..Outputs::new(control, reference + added) }
            }
            Heads::Residual { marginal, uplift } => {
                let marginal = marginal.forward(weights, arms.control());
                let uplift = uplift.forward(weights, arms.treated());
                let share = match propensity {
                    Some(logit) => steady::sigmoid(logit).unsqueeze(-1),
                    None => marginal.zeros_like(),
                };
                let control = marginal - share * &uplift;
                of(Seen::Apart { treated: &control + uplift, control })
            }
        }
    }
}

fn of(arms: Seen) -> Outputs {
    Outputs::new(arms.control().shallow_clone(), arms.treated().shallow_clone())
}
