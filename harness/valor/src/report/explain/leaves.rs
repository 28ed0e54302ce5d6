//! The leaf table of a tree to decide by.

use super::branch::Names;
use super::tree_text::places;
use serde::Serialize;
use valor_learn::learner::explain::{Fact, LeafFacts, Listing};
use valor_learn::trees::Place;
use valor_page::amount::Unit;
use valor_page::format;

/// A leaf as a row of the table; pairs are control and treated.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LeafRow {
    /// What leads to it, split by split.
    pub path: Vec<String>,
    /// Rows that it was estimated on.
    pub rows: String,
    /// Rows of each arm.
    pub arms: [String; 2],
    /// Share of buyers.
    pub conversion: [String; 2],
    /// Mean spend.
    pub spend: [String; 2],
    /// Treated less control.
    pub uplift: String,
    /// Its 95 % interval.
    pub interval: Option<[String; 2]>,
}

/// All leaves, the one with the highest uplift first.
pub(super) fn table(listing: &Listing, names: &Names, unit: &Unit) -> Vec<LeafRow> {
    let mut found: Vec<(f64, LeafRow)> = Vec::new();
    let mut open = vec![(0, Vec::new())];
    while let Some((place, path)) = open.pop() {
        match listing.tree.place(place) {
            Place::Leaf(leaf) => found.extend(
                listing
                    .leaves
                    .get(leaf)
                    .map(|leaf| (leaf.uplift.unwrap_or_default(), row(leaf, path, unit, places(listing)))),
            ),
            Place::Inner(split, children) => {
                for (child, step) in children.into_iter().zip(names.steps(&split)) {
                    open.push((child, path.iter().cloned().chain([step]).collect()));
                }
            }
        }
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.path.cmp(&other.1.path)));
    found.into_iter().map(|(_, row)| row).collect()
}

fn row(leaf: &LeafFacts, path: Vec<String>, unit: &Unit, places: usize) -> LeafRow {
    let (mut arms, mut conversion, mut spend) = <([String; 2], [String; 2], [String; 2])>::default();
    for fact in &leaf.facts {
        match fact {
            Fact::Rows(pair) => arms = pair.map(|rows| format::count(rows.round() as usize)),
            Fact::Conversion(pair) => conversion = pair.map(|share| format!("{:.1} %", 100.0 * share)),
            Fact::Expected(pair) => spend = pair.map(|mean| unit.amount(mean, places)),
            Fact::Step(..) | Fact::OneStep(..) => {}
        }
    }
    LeafRow {
        path,
        rows: format::count(leaf.rows.round() as usize),
        arms,
        conversion,
        spend,
        uplift: leaf.uplift.map(|uplift| unit.signed(uplift, places)).unwrap_or_default(),
        interval: leaf.interval.map(|(low, high)| [low, high].map(|end| unit.amount(end, places))),
    }
}
