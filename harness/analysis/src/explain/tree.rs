//! What a tree says beside its splits: how much lies below a place, and on which side of 0 the uplift of a leaf lies.

use valor_learn::learner::explain::{LeafFacts, Listing};
use valor_learn::trees::Place;

/// What lies below a place of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Below {
    /// Rows, possibly weighted.
    pub rows: f64,
    /// Leaves; of a leaf itself 1.
    pub leaves: usize,
}

/// Of every place of a tree.
pub fn below(listing: &Listing) -> Vec<Below> {
    let places = listing.tree.places();
    let mut below = vec![Below::default(); places];
    // Children stand after their parent.
    for place in (0..places).rev() {
        below[place] = match listing.tree.place(place) {
            Place::Leaf(leaf) => {
                Below { rows: listing.leaves.get(leaf).map_or(0.0, |leaf| leaf.rows), leaves: 1 }
            }
            Place::Inner(_, [left, right]) => Below {
                rows: below[left].rows + below[right].rows,
                leaves: below[left].leaves + below[right].leaves,
            },
        };
    }
    below
}

/// On which side of 0 an uplift lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Above.
    Raises,
    /// Below.
    Lowers,
    /// It cannot be told.
    Unclear,
}

/// By the leaf's interval; where there is none, by the uplift itself.
pub fn sign(leaf: &LeafFacts) -> Sign {
    match (leaf.uplift, leaf.interval) {
        (_, Some((low, _))) if low > 0.0 => Sign::Raises,
        (_, Some((_, high))) if high < 0.0 => Sign::Lowers,
        (Some(uplift), None) if uplift > 0.0 => Sign::Raises,
        (Some(uplift), None) if uplift < 0.0 => Sign::Lowers,
        (Some(_) | None, Some(_) | None) => Sign::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_over_zero_leaves_the_sign_open() {
        let leaf =
            |uplift, interval| LeafFacts { rows: 1.0, uplift: Some(uplift), interval, facts: Vec::new() };
        let found = [
            leaf(3.0, Some((1.0, 5.0))),
            leaf(3.0, Some((-1.0, 7.0))),
            leaf(-3.0, Some((-5.0, -1.0))),
            leaf(3.0, None),
            leaf(0.0, None),
        ];
        let expected = [Sign::Raises, Sign::Unclear, Sign::Lowers, Sign::Raises, Sign::Unclear];
        assert_eq!(found.each_ref().map(sign), expected);
    }
}
