//! How good a ranking is and how sure we are. Knows no model, no file and no experiment.

#![warn(unreachable_pub)]

pub mod metrics;
pub mod stats;
