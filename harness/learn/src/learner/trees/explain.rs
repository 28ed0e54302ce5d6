//! What trees say of an account, feature by feature, and what stands in their leaves.

pub use super::facts::{Attribution, Fact, LeafFacts};

use super::{Forest, TreesSpec};
use crate::learner::{SavedModel, TrainedSpec};
use crate::trees::{Contributions, Tree};
use valor_base::question::Question;

/// Trees that explain themselves.
pub struct Explainer {
    forest: Forest,
    contributions: Contributions,
}

/// A tree with what its leaves say.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Where rows go.
    pub tree: Tree,
    /// One per leaf.
    pub leaves: Vec<LeafFacts>,
}

impl Explainer {
    /// Of a saved model; nothing where it is a network.
    ///
    /// # Errors
    ///
    /// Where trees are not whole.
    pub fn of(saved: &SavedModel) -> anyhow::Result<Option<Self>> {
        let TrainedSpec::Trees(spec) = &saved.spec else { return Ok(None) };
        spec.validate()?;
        let (grown, columns) = (super::grown(spec, saved)?, saved.inputs.columns);
        let contributions = grown.contributions(columns);
        let forest = Forest { spec: spec.clone(), inputs: columns, grown };
        Ok(Some(Self { forest, contributions }))
    }

    /// The method.
    pub fn spec(&self) -> &TreesSpec {
        &self.forest.spec
    }

    /// How contributions are computed.
    pub fn attribution(&self) -> Attribution {
        self.forest.grown.attribution()
    }

    /// What all features start from, outcome units.
    pub fn base(&self) -> f64 {
        self.contributions.base()
    }

    /// What the trees answer.
    pub fn question(&self) -> Question {
        self.forest.grown.question()
    }

    /// One number per feature; with the base they add up to the score.
    pub fn contributions(&self, row: &[f32]) -> Vec<f64> {
        self.contributions.of(row)
    }

    /// What the trees say of a row, outcome units: its uplift, or of one arm its value.
    pub fn score(&self, row: &[f32]) -> f64 {
        self.forest.grown.scores(&[row])[0]
    }

    /// Whether it is one tree to decide by.
    pub fn decides(&self) -> bool {
        self.forest.grown.decides()
    }

    /// Number of trees.
    pub fn trees(&self) -> usize {
        self.forest.grown.trees().len()
    }

    /// A tree by its number, from 0.
    pub fn listing(&self, number: usize) -> Option<Listing> {
        let tree = (*self.forest.grown.trees().get(number)?).clone();
        Some(Listing { tree, leaves: self.forest.grown.leaves(number)? })
    }
}
