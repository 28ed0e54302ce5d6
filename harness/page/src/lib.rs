//! How results look: numbers as text, drawings, pages. Takes plain data and gives text and pictures; knows no experiment, and of
//! no number what it means.

pub mod amount;
pub mod canvas;
pub mod figure;
pub mod forest;
pub mod format;
pub mod panel;
pub mod standalone;
pub mod svg;
pub mod swarm;
pub mod templates;
mod thin;
