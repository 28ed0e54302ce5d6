//! valor: a research harness for revenue uplift models. Reports and the command line.

pub mod report;

pub mod cli;
