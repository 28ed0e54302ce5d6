//! How good a ranking is and how sure we are. Knows no model, no file and no experiment.

pub mod metrics;
pub mod stats;
