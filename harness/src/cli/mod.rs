//! The verbs of the `valor` binary, one file each.

pub mod data;
