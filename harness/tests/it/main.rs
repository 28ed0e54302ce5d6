//! Integration tests: one binary, one module per subject.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests make the files they need and may panic"
)]

mod setup;
mod tidy;
