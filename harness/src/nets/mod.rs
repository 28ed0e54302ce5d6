//! What a network computes: stacked layers, backbones, gate, heads.
//!
//! Every tensor carries the replicates in front: parameters `[S, ...]`, features `[S, B, d]`.

mod arms;
mod gate;
pub mod head;
mod layers;
mod network;
mod parameters;
pub mod steady;
mod t_learner;
mod tarnet;

pub use network::{Network, Outputs};
pub use parameters::{Layout, Weights};

use arms::Arms;
use serde::{Deserialize, Serialize};

/// Which parts the arms share, and how a representation is made of features.
///
/// A backbone is one file that implements this and one row of `network::build`.
trait Backbone {
    /// What the arms have in common.
    fn sharing(&self) -> Sharing;

    /// Width of the representation.
    fn width(&self) -> i64;

    /// Features per arm `[S, B, d]` to representation per arm `[S, B, width]`.
    fn represent(&self, weights: &Weights, features: &Arms) -> Arms;
}

/// What the arms of a backbone have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The representation's layers.
    Trunk,
    /// Nothing at all.
    Nothing,
}

/// A backbone with its gate and heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetworkSpec {
    /// Which parts the arms share.
    pub backbone: BackboneKind,
    /// Widths of the representation's layers.
    pub trunk: Vec<usize>,
    /// Widths of each arm's hidden layers.
    pub heads: Vec<usize>,
    /// What a head puts out.
    pub head: HeadSpec,
    /// Treatment-gated interaction, where used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<GatePosition>,
}

/// The registered backbones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackboneKind {
    /// Two disjoint networks.
    TLearner,
    /// A shared representation and one head per arm.
    Tarnet,
}

/// What a head puts out per arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum HeadSpec {
    /// The expected outcome itself.
    Point,
    /// Zero-inflated log-normal: conversion logit, log-mean, log-scale.
    Ziln {
        /// Whether `E[y] = pi exp(mu + sigma^2/2)` (the paper) or `pi exp(mu)` (the released code).
        sigma_term: bool,
    },
}

/// Where the gate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatePosition {
    /// Between representation and heads, as in the released code.
    Representation,
    /// On the input features, as the paper's text reads.
    Features,
}

/// What heads start from: the outcomes of the training rows, both arms together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OutcomeSummary {
    /// Mean outcome.
    pub mean: f64,
    /// Standard deviation of the outcome.
    pub sd: f64,
    /// Share of outcomes that are not zero.
    pub nonzero_share: f64,
    /// Share of outcomes above zero.
    pub positive_share: f64,
    /// Mean of the log of positive outcomes.
    pub log_mean: f64,
    /// Standard deviation of the log of positive outcomes.
    pub log_sd: f64,
}
