//! Trees and forests: binned columns, bags, split search, leaves. No tensors.
//!
//! Rows come with NaN where a value is missing and with codes where a column holds levels.

mod bag;
mod bins;
mod forest;
mod grow;
#[cfg(test)]
mod tests;
mod tree;
mod ziln;

pub use bag::BagSpec;
pub use forest::{Columns, Leaf, NamedColumns, Rows, Said, ZilnForest, ZilnForestSpec, ZilnTree};
pub use tree::{FlatTree, LevelSet, Place, Side, Split, Tree};
pub use ziln::{Moments, SmoothingSpec};
