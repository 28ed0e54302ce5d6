//! Every number and every verdict of a report. Reads records and predictions, draws nothing, prints nothing.

pub mod analysis;
pub mod averages;
mod bands;
pub mod block;
pub mod cell;
mod cell_analysis;
pub mod claims;
pub mod collect;
pub mod compare;
pub mod comparisons;
pub mod contrasts;
pub mod curve;
pub mod decided;
pub mod effects;
pub mod estimate;
pub mod evidence;
pub mod explain;
pub mod importance;
pub mod linear_contrast;
pub mod machine;
pub mod metric;
pub mod paper;
pub mod references;
pub mod resample;
mod runs;
pub mod sample;
pub mod shown;
pub mod times;
pub mod totals;
pub mod tuning;

#[cfg(test)]
mod comparison_tests;
#[cfg(test)]
mod verdict_tests;

pub use analysis::Analysis;
pub use block::Block;
pub use collect::collect;
pub use evidence::{CellEvidence, Evidence, Outcome, RunEvidence};
pub use metric::MetricView;
pub use totals::DatasetTotals;
