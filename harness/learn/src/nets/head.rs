//! Heads: from an arm's representation to what is known about its outcome.

use super::dense::Activation;
use super::layers::{Linear, Mlp};
use super::parameters::{Layout, Weights};
use super::{HeadSpec, OutcomeSummary, steady};
use tch::Tensor;

/// Smallest scale of a log-normal head.
pub const SIGMA_MINIMUM: f64 = 1e-4;
/// Largest scale of a log-normal head.
pub const SIGMA_MAXIMUM: f64 = 3.0;
/// Log-expectations are cut here (1e13 training standard deviations), so that a wild start gives a number, not an infinity.
pub(super) const LOG_EXPECTATION_MAXIMUM: f64 = 30.0;
/// Factor of `sigma^2` in a log-normal's log-mean.
pub(super) const SIGMA_SQUARE: f64 = 0.5;
/// Where the multiples of a score start: conversion logit or a single output, log-mean, log-scale.
const OF_SCORE: [f32; 3] = [1.0, 0.7, 0.0];
/// A log head starts at no mean below this.
const SMALLEST_MEAN: f64 = 1e-6;

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

impl HeadSpec {
    /// Where the raw outputs start: the pooled training outcome, so that no head starts with an advantage.
    pub fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        match self {
            HeadSpec::Point => vec![summary.mean as f32],
            HeadSpec::Log => vec![summary.mean.max(SMALLEST_MEAN).ln() as f32],
            HeadSpec::Ziln { .. } => {
                let share = summary.positive_share.clamp(1e-4, 1.0 - 1e-4);
                let sigma = summary.log_sd.clamp(0.05, SIGMA_MAXIMUM);
                let raw = sigma.exp_m1().ln();
                vec![(share / (1.0 - share)).ln() as f32, summary.log_mean as f32, raw as f32]
            }
        }
    }

    /// `E[y]` of raw outputs: `[S, B, k] -> [S, B]`, in the network's unit of outcomes.
    ///
    /// ```text
    /// point:  the output itself
    /// log:    exp(output)
    /// ziln:   sigmoid(l) exp(mu + sigma^2 / 2)      without sigma_term: sigmoid(l) exp(mu)
    /// ```
    pub fn expectation(&self, raw: &Tensor) -> Tensor {
        match self {
            HeadSpec::Point => raw.squeeze_dim(-1),
            HeadSpec::Log | HeadSpec::Ziln { .. } => {
                self.log_expectation(raw).unwrap_or_else(|| raw.shallow_clone()).exp()
            }
        }
    }

    /// `log E[y]` of raw outputs, from heads that put out a positive expectation.
    pub fn log_expectation(&self, raw: &Tensor) -> Option<Tensor> {
        match self {
            HeadSpec::Point => None,
            HeadSpec::Log => Some(raw.squeeze_dim(-1).clamp_max(LOG_EXPECTATION_MAXIMUM)),
            HeadSpec::Ziln { sigma_term } => {
                let parts = Ziln::new(raw);
                let mut log_mean = parts.logit.log_sigmoid() + &parts.mu;
                if *sigma_term {
                    log_mean += parts.sigma().square() * SIGMA_SQUARE;
                }
                Some(log_mean.clamp_max(LOG_EXPECTATION_MAXIMUM))
            }
        }
    }

    /// `P(y > 0)` of raw outputs, from heads that have it.
    pub fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        match self {
            HeadSpec::Point | HeadSpec::Log => None,
            HeadSpec::Ziln { .. } => Some(steady::sigmoid(&Ziln::new(raw).logit)),
        }
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
        (steady::softplus(&self.raw_sigma) + SIGMA_MINIMUM).clamp(SIGMA_MINIMUM, SIGMA_MAXIMUM)
    }
}
