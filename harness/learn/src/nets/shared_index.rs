//! Shared-index: two scores of an account, one for what it spends anyway and one for what treatment does, each a sum of
//! gated directions of the features (index models: Ichimura, Lee 1991; products of two linear forms: factorisation machines,
//! Rendle 2010).

use super::layers::Linear;
use super::parameters::{Layout, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, SharedIndexSpec, Sharing};
use tch::Tensor;

/// `s(x) = sum_r (x a_r)(b_r + x c_r)` for the control arm, `u(x)` of the same form for what treatment adds. Every output of
/// an arm, conversion and amount alike, is an offset and a multiple of its score, so all of them learn the same directions.
pub(super) struct SharedIndex {
    base: Score,
    effect: Score,
}

impl SharedIndex {
    /// Scores of so many products.
    pub(super) fn new(layout: &mut Layout, inputs: i64, spec: &SharedIndexSpec) -> Self {
        let base = Score::new(layout, "trunk.base", inputs, spec.base);
        Self { base, effect: Score::new(layout, "trunk.effect", inputs, spec.effect) }
    }
}

impl Backbone for SharedIndex {
    fn sharing(&self) -> Sharing {
        Sharing::Scores
    }

    fn width(&self) -> i64 {
        1
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        Representation::of(Seen::Apart {
            control: self.base.forward(weights, features.control()),
            treated: self.effect.forward(weights, features.treated()),
        })
    }
}

/// A sum of products of two linear forms.
struct Score {
    left: Linear,
    right: Linear,
}

impl Score {
    /// The right forms start around 1, so that the score starts as a linear one.
    fn new(layout: &mut Layout, name: &str, inputs: i64, products: usize) -> Self {
        let ones = vec![1.0; products];
        let zeros = vec![0.0; products];
        Self {
            left: Linear::starting_at(layout, &format!("{name}.left.0"), inputs, &zeros),
            right: Linear::starting_at(layout, &format!("{name}.right.0"), inputs, &ones),
        }
    }

    /// `[S, B, d]` to `[S, B, 1]`
    fn forward(&self, weights: &Weights, features: &Tensor) -> Tensor {
        let products = self.left.forward(weights, features) * self.right.forward(weights, features);
        products.sum_dim_intlist(-1i64, true, None)
    }
}
