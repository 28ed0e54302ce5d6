//! The integration tests: one binary.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make the files they need and may panic"
)]

mod setup;
mod tidy;
