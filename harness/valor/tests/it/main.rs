//! The integration tests: one binary.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make the files they need and may panic"
)]

mod bad_input;
mod bad_tables;
mod browser;
mod claims;
mod cli;
mod compare;
mod data;
mod decisions;
mod diverged;
mod documents;
mod evaluation;
mod explain;
mod front;
mod known_answers;
mod ltv;
mod model_files;
mod models;
mod owned;
mod reference;
mod resume;
mod same_numbers;
mod setup;
mod store;
mod tables;
mod tidy;
mod tuning;
mod until;
mod value;
mod values;
mod workspace;
