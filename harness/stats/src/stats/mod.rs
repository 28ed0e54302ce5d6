//! How sure we are: pure functions on slices.
//!
//! An interval says what was resampled, how many there were, and by which method.

#[cfg(test)]
mod agreements;
mod answer;
mod anytime;
mod band;
mod bootstrap;
mod distributions;
mod draws;
mod effect;
#[cfg(test)]
mod fixtures;
mod holm;
mod interval;
mod linear;
mod linearised;
#[cfg(test)]
mod optional_stopping;
mod paired;
mod resamples;
mod row_bootstrap;
#[cfg(test)]
mod row_coverage;
mod rows_needed;
mod seeds;
mod signs;
#[cfg(test)]
mod simulation;
mod spread;
mod studentised;
mod verdict;
#[cfg(test)]
mod weak_totals;

pub use answer::Answer;
pub use anytime::Looks;
pub use band::{CurveBand, curve_band};
pub use distributions::NORMAL_95;
pub use draws::{RowBootstrap, RowDraws};
pub use effect::{AverageEffect, HARDLY_THERE};
pub use holm::holm;
pub use interval::{Estimate, Interval, student_t};
pub use linear::{Alias, WithinBlocks, within_blocks};
pub use linearised::{LinearDraws, linearise_rows};
pub use paired::{Contrast, paired_difference_in_blocks, paired_interval};
pub use row_bootstrap::{BAND_POINTS, Bootstrapped, Law, Resampled, bootstrap_rows};
pub use rows_needed::rows_to_find;
pub use seeds::{SeedInterval, seed_interval};
pub use signs::{SignTest, pairs_for_signs, sign_test, smallest_sign_p};
pub use spread::{joint_interval, seeds_and_rows, spread_interval};
pub use studentised::{POWER, Studentised, Tails};
pub use verdict::{Rule, Verdict};
