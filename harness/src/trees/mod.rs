//! Trees and forests: binned columns, bags, split search, leaves. No tensors.
//!
//! Rows come with NaN where a value is missing and with codes where a column holds levels.

mod bag;
mod bins;
mod boosting;
#[cfg(test)]
mod boosting_tests;
mod causal;
mod causal_forest;
mod causal_spec;
#[cfg(test)]
mod causal_tests;
mod columns;
mod contributions;
mod forest;
mod grow;
mod nuisance;
mod regression;
mod shap;
#[cfg(test)]
mod tests;
mod tree;
mod ziln;
mod ziln_gbdt;

pub use bag::BagSpec;
pub use boosting::{Gain, Law, Margins, PARAMETERS};
pub use causal::{Averages, Criterion, Residual};
pub use causal_forest::{CausalForest, CausalLeaf, CausalTree, Effect};
pub use causal_spec::{CausalForestSpec, NuisanceSpec, Preset};
pub use columns::{Columns, NamedColumns};
pub use contributions::Contributions;
pub use forest::{Leaf, Rows, Said, ZilnForest, ZilnForestSpec, ZilnTree};
pub use nuisance::Nuisances;
pub use regression::RegressionForest;
pub use shap::{Explained, Shap};
pub use tree::{FlatTree, LevelSet, Place, Side, Split, Tree};
pub use ziln::{Moments, SmoothingSpec};
pub use ziln_gbdt::{BoostedLeaf, BoostedTree, Rounds, ZilnGbdt, ZilnGbdtSpec};
