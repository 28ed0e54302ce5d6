//! How good a ranking is: pure functions on slices, one model at a time.
//!
//! Rows with equal scores form a tie block. Within it the sums that a metric is made of are shared out evenly,
//! so the order of the rows in the input changes nothing, not even the last bit.

mod amounts;
mod binned;
mod buckets;
mod catalog;
mod causalml;
mod cohort;
mod concordance;
pub mod curve;
mod defined;
mod devriendt;
mod influence;
mod intervals;
mod means;
mod metric;
mod pass;
mod positions;
mod quantile;
pub mod rank;
pub mod ranking;
mod reference;
mod registry;
mod rerum;
mod resample;
mod row_intervals;
mod scored;
mod sklift;
mod stretch;
mod summary;
mod sweep;
mod truth;
mod value;
mod value_pairs;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod properties;

pub use buckets::{Bucket, Buckets, ZERO};
pub use cohort::{normal_quantile, total_interval};
pub use defined::{Defined, MetricValue, Undefined, Value};
pub use influence::{Influence, influences};
pub use metric::{Direction, Metric, Total};
pub use quantile::quantile;
pub use reference::{RandomValue, random_reference};
pub use registry::{Usual, evaluate, find, find_for, of_question, registry, usual};
pub use resample::{Resampler, Weighted, WeightedForm};
pub use row_intervals::RowIntervals;
pub use scored::{RankedRows, ScoredRows};
pub use stretch::{LANES, Lanes};
pub use summary::{Summary, summary};
