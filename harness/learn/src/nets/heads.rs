//! The heads of a network, and how they make the arms' outputs.

use super::head::{ArmHead, Head};
use super::parameters::{Layout, Weights};
use super::readout::Readout;
use super::seen::Seen;
use super::{OutcomeSummary, Outputs, Pass, Sharing, own_rows, steady};
use tch::Tensor;

/// Heads by what the arms share.
pub(super) enum Heads {
    /// One head, whichever arm.
    One(Box<dyn ArmHead>),
    /// One head per arm: control, treated.
    PerArm(Box<dyn ArmHead>, Box<dyn ArmHead>),
    /// Control, and what treatment adds to each raw output.
    Sum { control: Head, uplift: Head, stop_gradient: bool },
    /// Marginal outcome `m` and uplift `tau`: `E_0 = m - e tau`, `E_1 = m + (1 - e) tau`.
    Residual { marginal: Head, uplift: Head },
}

impl Heads {
    /// Heads with hidden layers of these widths on a representation of this width, starting at what `said` makes of the training
    /// rows; what is added starts at 0.
    pub(super) fn new(
        layout: &mut Layout,
        sharing: Sharing,
        shape: (i64, &[usize]),
        (said, summary): (&Readout, &OutcomeSummary),
    ) -> Self {
        let place = |name: &str| format!("head.{name}");
        let start = said.start(summary);
        let zero = vec![0.0; start.len()];
        match sharing {
            Sharing::Heads => Heads::One(said.head(layout, &place("both"), shape, summary)),
            Sharing::Parts => {
                Heads::One(Box::new(Head::of_parts(layout, &place("both"), shape.0, start.len())))
            }
            Sharing::Trunk | Sharing::Nothing => {
                let mut head = |name: &str| said.head(layout, &place(name), shape, summary);
                Heads::PerArm(head("control"), head("treated"))
            }
            Sharing::Sum { stop_gradient } => {
                let mut head = |name: &str, start: &[f32]| Head::new(layout, &place(name), shape, start);
                let (control, uplift) = (head("control", &start), head("uplift", &zero));
                Heads::Sum { control, uplift, stop_gradient }
            }
            Sharing::Scores => {
                let mut of_score = |name: &str, start: &[f32]| Head::of_score(layout, &place(name), start);
                let (control, uplift) = (of_score("control", &start), of_score("uplift", &zero));
                Heads::Sum { control, uplift, stop_gradient: false }
            }
            Sharing::Residual => {
                let mut head = |name: &str, start: &[f32]| Head::new(layout, &place(name), shape, start);
                Heads::Residual { marginal: head("marginal", &start), uplift: head("uplift", &zero) }
            }
        }
    }

    /// Raw outputs of both arms. `propensity` is the logit `[S, B]` that residual heads need; `pass` says who was treated where
    /// only the observed arm's outputs are asked for.
    pub(super) fn forward(
        &self,
        weights: &Weights,
        arms: &Seen,
        propensity: Option<&Tensor>,
        pass: &Pass,
    ) -> Outputs {
        match self {
            Heads::One(head) => of(arms.map(|arm| head.forward(weights, arm, pass))),
            Heads::PerArm(control, treated) => {
                let plain = control.plain().zip(treated.plain());
                if let (Some(observed), Some((control, treated)), true) =
                    (pass.observed, plain, weights.are_fused())
                {
                    let [control, treated] = own_rows::forward(weights, [control, treated], arms, observed);
                    return Outputs::new(control, treated);
                }
                of(Seen::Apart {
                    control: control.forward(weights, arms.control(), pass),
                    treated: treated.forward(weights, arms.treated(), pass),
                })
            }
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
