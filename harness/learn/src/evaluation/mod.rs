//! How models are judged: what they say of rows, the rows that they are judged on, and the one function that judges.
//!
//! Nobody else turns predictions into what metrics read, gathers the rows of a split, or estimates who would have been treated.

mod inside;
mod judge;
mod law;
mod predictions;
mod rows;

pub use judge::{judge, prepare};
pub use law::{BucketEdges, Intervals, OutcomeLaw};
pub use predictions::{Predictions, ScoreColumns};
pub use rows::{Column, EvaluationRows, estimated_propensity};
