//! Whoever looks at models while they train, without a word to them.

use super::Scorer;
use crate::evaluation::Predictions;

/// Looks at models while they train. Nothing that it finds reaches training: it may know the truth.
pub trait Examiner {
    /// Rows that networks are asked about after every epoch; none: networks are not asked.
    fn watched(&self) -> &[u32];

    /// What is noted of an epoch, from what a network says of the watched rows (before its conversion probabilities are set
    /// right); nothing where that is undefined.
    fn judge(&self, said: &Predictions) -> Option<f64>;

    /// Sees each seed's trees before they are gone, in the order of the seeds.
    fn grown(&mut self, trees: &dyn Scorer);
}

/// Nobody looks.
pub struct Nobody;

impl Examiner for Nobody {
    fn watched(&self) -> &[u32] {
        &[]
    }

    fn judge(&self, _: &Predictions) -> Option<f64> {
        None
    }

    fn grown(&mut self, _: &dyn Scorer) {}
}
