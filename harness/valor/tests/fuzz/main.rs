//! Files that were altered at random: every one gives a result or an error that names the file, never a panic, an abort,
//! a hang, or memory without end.
//!
//! The inputs are a function of the committed seeds in this folder, so that a failure comes again. `VALOR_FUZZ=100000 cargo test
//! --release --test fuzz` alters each kind of file so often; without it each kind is altered for a few seconds.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test, which says how often it tried")]
#![expect(clippy::disallowed_methods, reason = "altered files are written, and what takes too long is timed")]

mod alter;
mod experiments;
mod models;
mod run_folders;
mod survive;
mod tables;
