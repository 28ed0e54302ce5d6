//! valor: a research harness for revenue uplift models.
//!
//! The modules in dependency order; arrows point up this list only.

pub mod error;
pub mod escape;
pub mod seed;

pub mod metrics;
pub mod stats;

pub mod data;

pub mod nets;
pub mod objectives;
pub mod trees;

pub mod learner;
pub mod spec;

pub mod record;

pub mod model;

pub mod trial;

pub mod store;

pub mod executor;
pub mod report;

pub mod cli;
