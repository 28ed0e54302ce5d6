//! Loops that libtorch has no fused operation for. Slices in, slices out; no tensor, no gradient.
//!
//! A loop is compiled for several instruction sets (`multiversion`). All of them do the same operations in the same order:
//! no fused multiply-add, sums in a fixed number of lanes. So numbers do not depend on the processor. What is not a number
//! stays so.

pub(crate) mod attention;
pub mod discrepancy;
pub(crate) mod elu;
pub(crate) mod embedding;
pub mod exp;
pub(crate) mod gate;
pub(crate) mod interaction;
mod lanes;
mod logistic;
pub(crate) mod mixture;
pub mod rows;
pub(crate) mod sequence;
pub mod transport;
mod vector;

pub use lanes::LANES;
