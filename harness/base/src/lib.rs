//! What every crate stands on: errors that a user can mend, text from outside written safely, randomness by name.

#![warn(unreachable_pub)]

pub mod error;
pub mod escape;
pub mod question;
pub mod seed;
