//! What every crate stands on: errors that a user can mend, text from outside written safely, randomness by name.

pub mod error;
pub mod escape;
pub mod seed;
