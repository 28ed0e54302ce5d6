//! Every number and every verdict of a report. Reads records and predictions, draws nothing, prints nothing. Modules in the order
//! in which they may use each other.

#![warn(unreachable_pub)]

pub mod estimate;

pub mod totals;

pub mod evidence;

pub mod collect;

pub mod shown;

pub mod sample;

pub mod resample;

pub mod curve;

mod bands;

pub mod importance;

pub mod times;

pub mod learning;

pub mod cell;

mod runs;

mod cell_analysis;

pub mod references;

pub mod metric;

pub mod block;

pub mod segments;

pub mod linear_contrast;

pub mod decided;

pub mod contrasts;

pub mod comparisons;

pub mod effects;

pub mod claims;

pub mod until;

pub mod tuning;

pub mod gates;

pub mod averages;

pub mod paper;

pub mod machine;

pub mod headline;

pub mod beside;

pub mod analysis;

pub mod compare;

pub mod explain;

#[cfg(test)]
mod verdict_tests;

#[cfg(test)]
mod comparison_tests;

#[cfg(test)]
mod until_tests;

#[cfg(test)]
mod truth_tests;

pub use analysis::Analysis;
pub use block::Block;
pub use collect::collect;
pub use evidence::{CellEvidence, Evidence, Outcome, RunEvidence};
pub use metric::MetricView;
pub use totals::DatasetTotals;
