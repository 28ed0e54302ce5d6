//! How results look: numbers as text, drawings, pages. Takes plain data and gives text and pictures; knows no experiment, and of
//! no number what it means. Modules in the order in which they may use each other.

#![warn(unreachable_pub)]

pub mod format;

pub mod amount;

pub mod svg;

mod thin;

pub mod panel;

pub mod figure;

pub mod forest;

pub mod standing;

pub mod canvas;

pub mod swarm;

pub mod templates;

pub mod standalone;
