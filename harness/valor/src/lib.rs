//! valor: a research harness for revenue uplift models. Reports and the command line.

#![warn(unreachable_pub)]

mod report;

pub mod cli;
