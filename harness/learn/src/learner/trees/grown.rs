//! What the door asks of trees that have been grown, whichever they are.

use super::facts::{Attribution, LeafFacts};
use crate::learner::Parameter;
use crate::trees::{Contributions, Said, Tree};
use valor_base::question::{Arms, Question};

/// Grown trees. Each kind stands in a file of its own, with how it is saved and restored.
pub(super) trait Grown: Send + Sync {
    /// What it answers.
    fn question(&self) -> Question {
        Question::Uplift
    }

    /// The trees that decide the score.
    fn trees(&self) -> Vec<&Tree>;

    /// What is said of rows. A row's values depend neither on its place nor on the other rows.
    fn answers(&self, rows: &[&[f32]]) -> Vec<Answer>;

    /// The scores alone, where they can be had for less. The same bits.
    fn scores(&self, rows: &[&[f32]]) -> Vec<f64> {
        self.answers(rows).iter().map(|answer| answer.score).collect()
    }

    /// Whether answers have conversions.
    fn converts(&self) -> bool {
        true
    }

    /// Rounds of boosting that were kept.
    fn rounds(&self) -> usize {
        0
    }

    /// Whether it is one tree to decide by.
    fn decides(&self) -> bool {
        false
    }

    /// All that is needed to make it again.
    fn parameters(&self) -> Vec<Parameter>;

    /// What features contribute on rows of so many columns.
    fn contributions(&self, columns: usize) -> Contributions;

    /// How these are computed.
    fn attribution(&self) -> Attribution;

    /// What stands in the leaves of a tree by its number; nothing where there is no such tree.
    fn leaves(&self, number: usize) -> Option<Vec<LeafFacts>>;
}

/// What is said of a row, outcome units.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    /// Uplift, or what a row of one arm is worth.
    pub(super) score: f64,
    pub(super) expected: Arms<f64>,
    /// 0 where there is none.
    pub(super) conversion: Arms<f64>,
}

/// Of control and treated.
pub(super) fn two([control, treated]: [f64; 2]) -> Arms<f64> {
    Arms::Two { control, treated }
}

impl From<Said> for Answer {
    fn from(said: Said) -> Self {
        Self { score: said.uplift(), expected: two(said.expected), conversion: two(said.conversion) }
    }
}
