//! Pages that explain trees: what raises and lowers uplift, for all accounts and for one.

mod account;
mod branch;
mod dependence;
mod leaves;
mod page;
mod summary;
pub mod tree_svg;
pub mod tree_text;

pub use branch::Names;
pub use page::{About, render};
