//! What the training rows say of each feature, for those who name and explain.

use super::{Encoder, Standardisation};

/// What the training rows say of a feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FeatureSummary<'a> {
    /// Of a number.
    Number {
        /// Mean of the values that are there.
        mean: f64,
        /// Their standard deviation; 0 for a constant feature.
        sd: f64,
    },
    /// The levels met, in the order of their codes.
    Levels(&'a [String]),
}

impl Encoder {
    /// All features: numbers, then categories. Plain columns stand in this order.
    pub fn features(&self) -> impl Iterator<Item = (&str, FeatureSummary<'_>)> {
        let number = |scale: &Standardisation| FeatureSummary::Number { mean: scale.mean, sd: scale.sd };
        let numbers = self.numeric.iter().map(move |scale| (scale.name.as_str(), number(scale)));
        let categories = self.categorical.iter();
        numbers
            .chain(categories.map(|feature| (feature.name.as_str(), FeatureSummary::Levels(&feature.levels))))
    }
}
