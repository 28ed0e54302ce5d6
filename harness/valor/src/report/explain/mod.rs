//! Pages that explain trees: what raises and lowers uplift, for all accounts and for one.

mod account;
mod branch;
mod dependence;
mod leaves;
mod page;
mod summary;
pub(crate) mod tree_svg;
pub(crate) mod tree_text;

pub(crate) use branch::Names;
pub(crate) use page::{About, render};
