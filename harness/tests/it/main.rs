//! The integration tests: one binary.

mod setup;
mod tidy;
