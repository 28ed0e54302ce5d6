//! What a model of trees says of raw rows, feature by feature.

use super::Model;
use crate::learner::catalog;
use crate::learner::explain::Explainer;
use anyhow::ensure;
use rayon::prelude::*;
use valor_base::input_error;
use valor_data::encode::{Encoder, FeatureSummary};
use valor_data::{Dataset, FeatureKind, Matrix};

/// A model of trees with the names of what it sees.
pub struct Explained<'a> {
    encoder: &'a Encoder,
    /// The trees.
    pub trees: Explainer,
}

/// What was found of some rows.
pub struct Explanations {
    /// `tau_hat(x)`, or of one arm the value, outcome units; what `valor score` rounds.
    pub score: Vec<f64>,
    /// Rows by features; with the base a row adds up to its score.
    pub contributions: Vec<f64>,
    /// The rows as the trees see them, one column per feature: NaN where missing, codes of levels.
    pub rows: Matrix,
}

/// A raw cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number.
    Number(f32),
    /// A level that the training rows have, by its place among them.
    Level(usize),
    /// A level that they lack.
    Unmet(String),
    /// Nothing.
    Missing,
}

impl Model {
    /// The trees of the model, ready to explain.
    ///
    /// # Errors
    ///
    /// An input error for a network; an error where its parts do not fit each other.
    pub fn explained(&self) -> anyhow::Result<Explained<'_>> {
        let (saved, encoder) = (self.saved()?, &self.about.encoder);
        let trees = Explainer::of(&saved)?.ok_or_else(|| {
            input_error!(
                "the model is {} ({}), whose {} has no contributions of features; allowed are models of trees: {}",
                self.about.model.kind(),
                self.about.model.slug(),
                self.about.model.question().score(),
                catalog::TREES.iter().chain(&catalog::ONE_ARM_TREES).map(|row| row.key).collect::<Vec<_>>().join(", ")
            )
        })?;
        ensure!(encoder.kinds().len() == encoder.features().count(), "the encoder is not one of trees");
        Ok(Explained { encoder, trees })
    }
}

impl Explained<'_> {
    /// Names of the features with what the training rows say of them.
    pub fn features(&self) -> impl Iterator<Item = (&str, FeatureSummary<'_>)> {
        self.encoder.features()
    }

    /// For each categorical column the number of cells with a level that the training rows lack.
    pub fn unseen(&self, rows: &Dataset) -> impl Iterator<Item = (&str, usize)> {
        self.encoder.categorical().zip(self.encoder.unseen(rows))
    }

    /// Scores and contributions of raw rows. Of the dataset it looks at the features alone.
    ///
    /// # Errors
    ///
    /// Where the rows lack a feature.
    pub fn explain(&self, rows: &Dataset) -> anyhow::Result<Explanations> {
        let all: Vec<u32> = (0..rows.numeric.rows as u32).collect();
        let rows = self.encoder.encode_rows(rows, &all)?;
        let one = |row: usize| {
            let row = rows.row(row);
            (self.trees.score(row), self.trees.contributions(row))
        };
        let (score, contributions): (Vec<f64>, Vec<Vec<f64>>) =
            (0..rows.rows).into_par_iter().map(one).unzip();
        Ok(Explanations { score, contributions: contributions.concat(), rows })
    }

    /// The cells of a raw row, feature by feature.
    pub fn cells(&self, raw: &Dataset, row: usize) -> Vec<Cell> {
        self.features().map(|(name, known)| cell(raw, row, name, known)).collect()
    }
}

fn cell(raw: &Dataset, row: usize, name: &str, known: FeatureSummary) -> Cell {
    let feature = raw.features.iter().find(|feature| feature.name == name);
    match (feature.map(|feature| &feature.kind), known) {
        (Some(FeatureKind::Numeric { column }), _) => match raw.numeric.row(row)[*column] {
            value if value.is_nan() => Cell::Missing,
            value => Cell::Number(value),
        },
        (Some(FeatureKind::Categorical { levels, codes }), FeatureSummary::Levels(met)) => {
            match levels.get(codes[row] as usize) {
                Some(level) => met
                    .iter()
                    .position(|known| known == level)
                    .map_or_else(|| Cell::Unmet(level.clone()), Cell::Level),
                None => Cell::Missing,
            }
        }
        (Some(FeatureKind::Categorical { .. }), FeatureSummary::Number { .. }) | (None, _) => Cell::Missing,
    }
}
