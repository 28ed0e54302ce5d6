//! Sinkhorn's approximation of the Wasserstein distance between the arms' representations.

use super::by_arm::{
    ByArm, MASKED, Side, Widths, both_present, centred, mean_scale, squared_distances,
    squared_distances_within, sum_pairs, usable_scale, valid_pairs,
};
use super::by_replicate::{Arm, HostArms, HostTensor, by_replicate, on_host};
use super::unit::above_zero;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::kernels::transport::{Scaling, Shape, costs, transport};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::input_error;

/// Squared distances are not taken below this before their root.
const SMALLEST_SQUARE: f64 = 1e-10;
/// The least entry of a floored kernel.
const FLOOR: f64 = 1e-6;
/// Scalings divide by no less.
const SMALLEST_SUM: f64 = 1e-30;
/// Share of the mass that each arm holds.
const SHARE: f64 = 0.5;

/// Entropic optimal transport between treated and control representations, after cfrnet.
///
/// ```text
/// M_ij   = |phi_i - phi_j| (squared: its square)          i treated, j control; rows counted per arm n_t, n_c
/// lambda = `lambda` / mean(M) where relative              dummy: a row and a column of cost max(M), corner 0
/// a = (1/2n_t, ..., dummy 1/2)    b = (1/2n_c, ..., dummy 1/2)
/// log K  = -lambda M, where floored logaddexp(-lambda M, log 1e-6), that is K = exp(-lambda M) + 1e-6
/// repeat: log v = log b - logsumexp_i(log K + log u),  log u = log a - logsumexp_j(log K + log v)
/// T = u K v,   L = 2 sum_ij T_ij M_ij,   in units of the representation, 0 where an arm is empty
/// debiased: L(t, c) - L(t, t)/2 - L(c, c)/2 with one lambda
/// ```
///
/// `lambda`, `max(M)` and, unless `through-plan`, the plan T are constants for the gradient. Source: Shalit,
/// Johansson, Sontag, ICML 2017, and their code; Cuturi 2013; debiased: Feydy et al., AISTATS 2019.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SinkhornSpec {
    /// Sharpness of the plan; above 0.
    pub lambda: f64,
    /// Whether `lambda` is divided by the mean cost.
    pub relative: bool,
    /// Iterations; 1 or more.
    pub iterations: usize,
    /// Whether costs are squared distances.
    pub squared: bool,
    /// Whether mass may go to a dummy row and column.
    pub dummy: bool,
    /// Whether the kernel is at least 1e-6.
    pub floor: bool,
    /// Whether the arms' distances to themselves are taken off.
    pub debiased: bool,
    /// Whether the gradient goes through the plan.
    pub through_plan: bool,
}

impl Default for SinkhornSpec {
    fn default() -> Self {
        Self {
            lambda: 10.0,
            relative: true,
            iterations: 10,
            squared: false,
            dummy: true,
            floor: true,
            debiased: false,
            through_plan: false,
        }
    }
}

impl TermOptions for SinkhornSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_representation("sinkhorn")?;
        Ok(Box::new(Sinkhorn { spec: self.clone(), widths: Widths::new(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        above_zero("sinkhorn.lambda", self.lambda)?;
        if self.iterations == 0 || self.iterations > 1000 {
            return Err(input_error!(
                "sinkhorn.iterations: found {}; allowed are 1 to 1000",
                self.iterations
            ));
        }
        if self.debiased && self.dummy {
            return Err(input_error!(
                "sinkhorn.debiased: a dummy row has no counterpart in an arm's distance to itself: set sinkhorn.dummy \
                 = false"
            ));
        }
        Ok(())
    }
}

struct Sinkhorn {
    spec: SinkhornSpec,
    widths: Widths,
}

impl Sinkhorn {
    /// On any device, in any precision.
    fn loss_of_tensors(&self, batch: &Batch, phi: &Tensor) -> Tensor {
        let arms = ByArm::new(batch, self.widths);
        let phi = centred(phi);
        let (treated, control) = (arms.treated.vectors(&phi), arms.control.vectors(&phi));
        let costs = self.costs(squared_distances(&treated, &control));
        let sharpness = self.sharpness(&costs, &valid_pairs(&arms.treated, &arms.control));
        let mut loss = self.transport(&costs, (&arms.treated, &arms.control), &sharpness);
        if self.spec.debiased {
            for (side, vectors) in [(&arms.treated, &treated), (&arms.control, &control)] {
                let within =
                    self.transport(&self.costs(squared_distances_within(vectors)), (side, side), &sharpness);
                loss -= within * 0.5;
            }
        }
        loss * both_present(&arms)
    }

    fn costs(&self, squares: Tensor) -> Tensor {
        match self.spec.squared {
            true => squares.clamp_min(0.0),
            false => squares.clamp_min(SMALLEST_SQUARE).sqrt(),
        }
    }

    /// The loss of one replicate on the CPU; adds its gradient to `gradient`. Of a plan that is a constant for the gradient,
    /// with a floor.
    fn loss_on_host(&self, arms: &HostArms, mut gradient: Option<&mut [f32]>) -> f64 {
        let across = [Arm::Treated, Arm::Control];
        let (loss, sharpness) = self.transport_on_host(arms, across, None, 1.0, gradient.as_deref_mut());
        if !self.spec.debiased {
            return loss;
        }
        let within = across.map(|arm| {
            let sides = [arm, arm];
            self.transport_on_host(arms, sides, Some(sharpness), -0.5, gradient.as_deref_mut()).0
        });
        within.iter().fold(loss, |loss, within| loss - 0.5 * within)
    }

    /// `2 sum T M` and `lambda`; adds `factor` times the gradient.
    fn transport_on_host(
        &self,
        arms: &HostArms,
        sides: [Arm; 2],
        sharpness: Option<f64>,
        factor: f32,
        gradient: Option<&mut [f32]>,
    ) -> (f64, f64) {
        let [rows, columns] = sides.map(|arm| arms.count(arm));
        let SinkhornSpec { lambda, relative, iterations, squared, dummy, .. } = self.spec;
        let shape = Shape { rows, columns, dummy, squared, within: sides[0] == sides[1] };
        let mut table = arms.products_of(sides, shape.height(), shape.width());
        let all = costs(table.values_mut(), sides.map(|arm| arms.squares_of(arm)), shape);
        let own = || if relative { lambda / usable_scale(all / (rows * columns) as f64) } else { lambda };
        let sharpness = sharpness.unwrap_or_else(own);
        let scaling =
            Scaling { sharpness: sharpness as f32, floor: FLOOR as f32, iterations, mass: SHARE as f32 };
        let mut slopes = HostTensor::uninitialised(shape.height(), shape.width());
        let found = transport(table.values(), slopes.values_mut(), shape, &scaling);
        if let Some(gradient) = gradient {
            // d_ij moves by 2 (x_i - x_j).
            arms.pull(sides, &slopes, [&found.rows, &found.columns], 2.0 * factor, gradient);
        }
        (found.cost, sharpness)
    }

    /// `lambda` of each replicate, `[S, 1, 1]`.
    fn sharpness(&self, costs: &Tensor, valid: &Tensor) -> Tensor {
        let lambda = match self.spec.relative {
            true => mean_scale(costs, valid).reciprocal() * self.spec.lambda,
            false => sum_pairs(valid).full_like(self.spec.lambda),
        };
        lambda.unsqueeze(-1).unsqueeze(-1)
    }

    /// `2 sum T M`, `[S]`.
    fn transport(&self, costs: &Tensor, sides: (&Side, &Side), sharpness: &Tensor) -> Tensor {
        let valid = valid_pairs(sides.0, sides.1);
        let (costs, valid) = match self.spec.dummy {
            true => with_dummy(costs, &valid),
            false => (costs.shallow_clone(), valid),
        };
        let masses = [self.masses(sides.0), self.masses(sides.1)];
        let plan = || match self.spec.floor {
            true => self.plan(&costs, &masses, sharpness) * &valid,
            false => self.log_plan(&costs, &masses, sharpness).masked_fill(&valid.eq(0.0), MASKED).exp(),
        };
        let plan = if self.spec.through_plan { plan() } else { tch::no_grad(plan) };
        sum_pairs(&(plan * costs)) * 2.0
    }

    /// Masses `[S, W]`, dummy included; 0 for padding.
    fn masses(&self, side: &Side) -> Tensor {
        let masses = &side.valid * (side.count.clamp_min(1.0) / SHARE).reciprocal().unsqueeze(1);
        match self.spec.dummy {
            true => Tensor::cat(&[&masses, &masses.narrow(1, 0, 1).full_like(SHARE)], 1),
            false => masses,
        }
    }

    /// The plan where no entry of the kernel is below 1e-6: scalings stay within what a float holds, so plain products
    /// give what logs would, in a quarter of the time.
    fn plan(&self, costs: &Tensor, [rows, columns]: &[Tensor; 2], sharpness: &Tensor) -> Tensor {
        let kernel = (costs * -sharpness).exp() + FLOOR;
        let sum = |values: Tensor, dimension: i64| {
            // An empty arm has no mass; its scalings stay finite.
            values.sum_dim_intlist(dimension, false, None).clamp_min(SMALLEST_SUM)
        };
        let column_scale = |scale: &Tensor| columns / sum(&kernel * scale.unsqueeze(2), 1);
        let mut scale = rows.shallow_clone();
        for _ in 0..self.spec.iterations {
            scale = rows / sum(&kernel * column_scale(&scale).unsqueeze(1), 2);
        }
        let last = column_scale(&scale);
        &kernel * scale.unsqueeze(2) * last.unsqueeze(1)
    }

    /// The log of the plan.
    fn log_plan(&self, costs: &Tensor, masses: &[Tensor; 2], sharpness: &Tensor) -> Tensor {
        let kernel = costs * -sharpness;
        let [rows, columns] = masses.each_ref().map(|mass| mass.log().clamp_min(MASKED));
        let column_scale = |scale: &Tensor| &columns - (&kernel + scale.unsqueeze(2)).logsumexp(1, false);
        let mut scale = rows.shallow_clone();
        for _ in 0..self.spec.iterations {
            scale = &rows - (&kernel + column_scale(&scale).unsqueeze(1)).logsumexp(2, false);
        }
        &kernel + scale.unsqueeze(2) + column_scale(&scale).unsqueeze(1)
    }
}

/// Costs and valid pairs with a row and a column more: mass that goes there costs as much as the dearest pair.
fn with_dummy(costs: &Tensor, valid: &Tensor) -> (Tensor, Tensor) {
    let dearest = (costs.detach() * valid).amax([1i64, 2].as_slice(), true);
    let widened = |values: &Tensor, border: f64| values.pad([0, 1, 0, 1], "constant", border);
    let edge = widened(&valid.narrow(0, 0, 1).zeros_like(), 1.0);
    let (height, width) = (valid.size()[1], valid.size()[2]);
    let _ = edge.narrow(1, height, 1).narrow(2, width, 1).fill_(0.0);
    (widened(costs, 0.0) + edge * dearest, widened(valid, 1.0))
}

impl Term for Sinkhorn {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let phi = prediction.representation();
        let closed = self.spec.floor && !self.spec.through_plan;
        if closed && on_host(phi) {
            let loss = |arms: &HostArms, gradient: Option<&mut [f32]>| self.loss_on_host(arms, gradient);
            return by_replicate(batch, phi, self.widths, loss);
        }
        self.loss_of_tensors(batch, phi)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
