//! Heads: from an arm's representation to what is known about its outcome.

use super::dense::Activation;
use super::layers::{Linear, Mlp};
use super::parameters::{Layout, Weights};
use super::{Pass, steady};
use tch::Tensor;

/// Smallest scale of a log-normal head.
pub const SIGMA_MINIMUM: f64 = 1e-4;
/// Largest scale of a log-normal head.
pub const SIGMA_MAXIMUM: f64 = 3.0;
/// Log-expectations are cut here (1e13 training standard deviations), so that a wild start gives a number, not an infinity.
pub(super) const LOG_EXPECTATION_MAXIMUM: f64 = 30.0;
/// Factor of `sigma^2` in a log-normal's log-mean.
pub(super) const SIGMA_SQUARE: f64 = 0.5;
/// A log of a mean starts at no mean below this.
pub(super) const SMALLEST_MEAN: f64 = 1e-6;
/// Where the multiples of a score start: conversion logit or a single output, log-mean, log-scale.
const OF_SCORE: [f32; 3] = [1.0, 0.7, 0.0];

/// What makes the raw outputs of an arm of its representation.
pub(super) trait ArmHead: Send {
    /// Raw outputs `[S, B, k]` of a representation `[S, B, width]`.
    fn forward(&self, weights: &Weights, representation: &Tensor, pass: &Pass) -> Tensor;

    /// Itself, where hidden layers and an output layer are all there is.
    fn plain(&self) -> Option<&Head> {
        None
    }
}

/// Hidden layers and an output layer for one arm.
#[derive(Clone, Debug)]
pub struct Head {
    hidden: Mlp,
    output: Linear,
}

impl Head {
    /// A head on a representation of the given width. Its outputs start at the training rows' summary.
    pub fn new(layout: &mut Layout, name: &str, shape: (i64, &[usize]), start: &[f32]) -> Self {
        let hidden = Mlp::new(layout, name, shape.0, shape.1);
        let output = Linear::starting_at(layout, &format!("{name}.output"), hidden.outputs(), start);
        Self { hidden, output }
    }

    /// A head on a score: an offset, and a multiple of the score, for each output. A score starts as one of conversion and of
    /// amount, of the amount a little less; the scale of amounts starts the same for all.
    pub fn of_score(layout: &mut Layout, name: &str, start: &[f32]) -> Self {
        let multiples = &OF_SCORE[..start.len().min(OF_SCORE.len())];
        let hidden = Mlp::new(layout, name, 1, &[]);
        Self { hidden, output: Linear::of_one(layout, &format!("{name}.output"), multiples, start) }
    }

    /// A weighted sum of so many parts, which start at what is expected, for each output: with weights of 1/2 two of them make up the sum.
    pub fn of_parts(layout: &mut Layout, name: &str, parts: i64, outputs: usize) -> Self {
        let hidden = Mlp::new(layout, name, parts, &[]);
        Self { hidden, output: Linear::halves(layout, &format!("{name}.output"), parts, outputs) }
    }

    /// Its layers, in order, and what follows each.
    pub(super) fn layers(&self) -> impl Iterator<Item = (&Linear, Activation)> {
        let hidden = self.hidden.layers().iter().map(|layer| (layer, Activation::Elu));
        hidden.chain([(&self.output, Activation::None)])
    }

    /// Raw outputs `[S, B, k]`.
    pub fn forward(&self, weights: &Weights, representation: &Tensor) -> Tensor {
        self.output.forward(weights, &self.hidden.forward(weights, representation))
    }
}

impl ArmHead for Head {
    fn forward(&self, weights: &Weights, representation: &Tensor, _pass: &Pass) -> Tensor {
        Head::forward(self, weights, representation)
    }

    fn plain(&self) -> Option<&Head> {
        Some(self)
    }
}

/// The three outputs of a zero-inflated log-normal head, each `[S, B]`.
pub struct Ziln {
    /// Conversion logit `l`.
    pub logit: Tensor,
    /// Log-mean `mu`.
    pub mu: Tensor,
    raw_sigma: Tensor,
}

impl Ziln {
    /// Takes `[S, B, 3]` apart.
    pub fn new(raw: &Tensor) -> Self {
        let mut parts = raw.unbind(-1).into_iter();
        let mut next = || parts.next().unwrap_or_default();
        Self { logit: next(), mu: next(), raw_sigma: next() }
    }

    /// `sigma = clamp(softplus(raw) + 1e-4, 1e-4, 3)`
    pub fn sigma(&self) -> Tensor {
        sigma_of(&self.raw_sigma)
    }
}

/// The scale that a raw output means.
pub(super) fn sigma_of(raw: &Tensor) -> Tensor {
    (steady::softplus(raw) + SIGMA_MINIMUM).clamp(SIGMA_MINIMUM, SIGMA_MAXIMUM)
}

/// `log E[y]` of the raw outputs `[S, B, 3]` of a zero-inflated log-normal law.
pub(super) fn log_of_ziln(raw: &Tensor, sigma_term: bool) -> Tensor {
    let parts = Ziln::new(raw);
    let mut log_mean = parts.logit.log_sigmoid() + &parts.mu;
    if sigma_term {
        log_mean += parts.sigma().square() * SIGMA_SQUARE;
    }
    log_mean.clamp_max(LOG_EXPECTATION_MAXIMUM)
}
