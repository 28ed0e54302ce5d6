//! Trees and forests: binned columns, bags, split search, leaves. No tensors.
//!
//! Rows come with NaN where a value is missing and with codes where a column holds levels.

#![warn(unreachable_pub)]

mod bag;
mod bins;
mod boosting;
mod causal;
mod causal_forest;
#[cfg(test)]
mod causal_forest_tests;
mod causal_spec;
mod children;
mod columns;
mod contributions;
#[cfg(test)]
mod fixtures;
mod gbdt;
#[cfg(test)]
mod gbdt_tests;
mod grow;
mod histogram;
mod nuisance;
#[cfg(test)]
mod python_shap_tests;
mod regression;
mod rows;
mod shap;
mod slopes;
mod tree;
mod uplift_tree;
#[cfg(test)]
mod uplift_tree_tests;
mod welch;
mod ziln;
mod ziln_forest;
#[cfg(test)]
mod ziln_forest_tests;
mod ziln_gbdt;
#[cfg(test)]
mod ziln_gbdt_tests;

pub use bag::BagSpec;
pub use bins::MOST_BINS;
pub use boosting::{Gain, LOG_SIGMA, LOGIT, Law, Margins, PARAMETERS};
pub use causal::{Averages, Criterion, ROUNDING, Residual};
pub use causal_forest::{CausalForest, CausalLeaf, CausalTree, Effect};
pub use causal_spec::{CausalForestSpec, NuisanceSpec, Preset};
pub use columns::{Columns, NamedColumns};
pub use contributions::Contributions;
pub use gbdt::{
    GbdtSpec, GbdtTweedieSpec, SaidValue, Stage, ValueGbdt, ValueGbdtSpec, ValueLeaf, ValueLoss, ValueTree,
};
pub use grow::Cuts;
pub use histogram::LEAST_INFORMATION;
pub use nuisance::{Nuisances, OVERLAP};
pub use regression::RegressionForest;
pub use rows::{Rows, Said};
pub use shap::{Explained, Shap};
pub use slopes::{Link, MARGIN};
pub use tree::{FlatTree, LevelSet, Place, Predicate, Split, Tree};
pub use uplift_tree::{UpliftLeaf, UpliftTree, UpliftTreeSpec};
pub use welch::Arm;
pub use ziln::{Moments, SmoothingSpec};
pub use ziln_forest::{Leaf, ZilnForest, ZilnForestSpec, ZilnTree};
pub use ziln_gbdt::{BoostedLeaf, BoostedTree, Rounds, ZilnGbdt, ZilnGbdtSpec};
