//! Adam over the flat parameters of a stack.

use super::super::TrainingSpec;
use tch::Tensor;

const FIRST_DECAY: f64 = 0.9;
const SECOND_DECAY: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Adam with clipping per replicate, as in PyTorch's `clip_grad_norm_` and `Adam`.
///
/// ```text
/// g <- g min(1, clip / (|g| + 1e-6)) + weight_decay theta
/// m <- .9 m + .1 g       v <- .999 v + .001 g^2
/// theta <- theta - rate (m / (1 - .9^k)) / (sqrt(v / (1 - .999^k)) + 1e-8)
/// ```
///
/// Every quantity is `[S, P]`; a replicate that is not live keeps its parameters.
pub struct Adam {
    first: Tensor,
    second: Tensor,
    steps: i32,
    learning_rate: f64,
    weight_decay: f64,
    clip: f64,
}

impl Adam {
    /// For parameters `[S, P]`.
    pub fn new(parameters: &Tensor, spec: &TrainingSpec) -> Self {
        Self {
            first: parameters.zeros_like(),
            second: parameters.zeros_like(),
            steps: 0,
            learning_rate: spec.learning_rate,
            weight_decay: spec.weight_decay,
            clip: spec.clip,
        }
    }

    /// One step. Returns which replicates are still live: those that were, and whose gradient is finite.
    pub fn step(&mut self, parameters: &mut Tensor, gradient: &Tensor, live: &Tensor) -> Tensor {
        self.steps += 1;
        let norm = gradient.norm_scalaropt_dim(2, [1i64].as_slice(), true);
        let live = live.logical_and(&norm.isfinite().squeeze_dim(1));
        let column = live.unsqueeze(1);
        let mut gradient = gradient.where_self(&column, &gradient.zeros_like());
        if self.clip > 0.0 {
            let factor = ((&norm + 1e-6).reciprocal() * self.clip).clamp_max(1.0);
            gradient *= factor.where_self(&column, &norm.zeros_like());
        }
        if self.weight_decay > 0.0 {
            gradient += &*parameters * self.weight_decay;
        }
        let _ = self.first.lerp_(&gradient, 1.0 - FIRST_DECAY);
        self.second *= SECOND_DECAY;
        self.second += gradient.square() * (1.0 - SECOND_DECAY);
        let rate = self.learning_rate / (1.0 - FIRST_DECAY.powi(self.steps));
        let correction = (1.0 - SECOND_DECAY.powi(self.steps)).sqrt();
        let step = &self.first / (self.second.sqrt() / correction + EPSILON);
        *parameters -= step * (column.to_kind(gradient.kind()) * rate);
        live
    }
}
