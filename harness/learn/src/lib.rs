//! What can be trained, and what a trained model keeps. Knows no experiment. Arrows point up this list only.

#![warn(unreachable_pub)]

pub mod kernels;
pub mod nets;
pub mod objectives;
pub mod trees;

pub mod purchases;

pub mod evaluation;

pub mod learner;

pub mod model;
