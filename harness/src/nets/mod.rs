//! What a network computes.

use serde::{Deserialize, Serialize};

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
    pub gate: Option<GateSpec>,
}

/// Which parts the arms share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackboneKind {
    /// Two disjoint networks.
    TLearner,
    /// A shared representation and one head per arm.
    Tarnet,
}

/// What a head puts out per arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadSpec {
    /// The expected outcome itself.
    Point,
    /// Zero-inflated log-normal: conversion logit, log-mean, log-scale.
    Ziln {
        /// Whether `E[y] = pi exp(mu + sigma^2/2)` (the paper) or `pi exp(mu)` (the released code).
        sigma_term: bool,
    },
}

/// Treatment-gated interaction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GateSpec {
    /// Where the gate stands.
    pub position: GatePosition,
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
