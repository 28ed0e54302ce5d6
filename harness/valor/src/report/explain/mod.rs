//! Pages that explain trees: what raises and lowers uplift, for all accounts and for one.

pub mod account;
mod amount;
mod branch;
mod canvas;
mod dependence;
mod digest;
mod leaves;
mod page;
mod swarm;
pub mod tree_svg;
pub mod tree_text;
mod view;

pub use amount::Unit;
pub use branch::Names;
pub use digest::{Digest, Feature, Part};
pub use page::{About, render};
pub use view::{Direction, FeatureView, features};
