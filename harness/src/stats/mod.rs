//! How sure we are: pure functions on slices.
//!
//! An interval says what was resampled, how many there were, and by which method.

mod interval;
mod paired;
mod rows;
mod seeds;

pub use interval::{Estimate, Interval, student_t};
pub use paired::{Contrast, paired_difference, paired_difference_in_blocks};
pub use rows::{Resampled, RowBootstrap, bootstrap_rows};
pub use seeds::{SeedInterval, seed_interval};
