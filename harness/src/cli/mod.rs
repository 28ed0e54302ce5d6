//! One file per verb; the only module that prints.

mod columns;
pub mod metrics;
