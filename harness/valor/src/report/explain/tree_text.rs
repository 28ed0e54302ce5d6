//! A tree as text.

use super::branch::{Names, facts, rows};
use valor_analysis::explain::{Below, below};
use valor_base::escape::terminal;
use valor_learn::learner::explain::{LeafFacts, Listing};
use valor_learn::trees::Place;
use valor_page::amount::{Unit, decimals};

/// A tree as lines of text, its splits down to `depth` levels.
pub fn draw(listing: &Listing, names: &Names, unit: &Unit, depth: usize) -> String {
    let printer = Printer::new(listing, names, unit, depth);
    let mut text = format!("all accounts: {}\n", printer.what(0, 0));
    printer.children(0, 0, "", &mut text);
    text
}

/// What a leaf says of uplift: `uplift +$13 [8, 18]`.
pub fn uplift(leaf: &LeafFacts, unit: &Unit, places: usize) -> Option<String> {
    let uplift = unit.signed(leaf.uplift?, places);
    Some(match leaf.interval {
        Some((low, high)) => {
            format!("{uplift} [{}, {}]", unit.amount(low, places), unit.amount(high, places))
        }
        None => uplift,
    })
}

/// Decimals of the amounts of a tree.
pub fn places(listing: &Listing) -> usize {
    decimals(listing.leaves.iter().filter_map(|leaf| leaf.uplift))
}

struct Printer<'a> {
    listing: &'a Listing,
    names: &'a Names<'a>,
    unit: &'a Unit,
    depth: usize,
    places: usize,
    below: Vec<Below>,
}

impl<'a> Printer<'a> {
    fn new(listing: &'a Listing, names: &'a Names<'a>, unit: &'a Unit, depth: usize) -> Self {
        Self { listing, names, unit, depth, places: places(listing), below: below(listing) }
    }

    /// What stands at a place.
    fn what(&self, place: usize, depth: usize) -> String {
        let Below { rows: count, leaves } = self.below[place];
        match self.listing.tree.place(place) {
            Place::Leaf(leaf) => match self.listing.leaves.get(leaf) {
                Some(leaf) => self.leaf(leaf),
                None => rows(count),
            },
            Place::Inner(..) if depth == self.depth => {
                format!("{}, {leaves} leaves below are not shown", rows(count))
            }
            Place::Inner(..) => rows(count),
        }
    }

    fn leaf(&self, leaf: &LeafFacts) -> String {
        let uplift = uplift(leaf, self.unit, self.places).map(|uplift| format!("uplift {uplift}"));
        let amount = |value: f64| self.unit.amount(value, self.places);
        let parts = [rows(leaf.rows)].into_iter().chain(uplift).chain(facts(leaf, &amount));
        parts.collect::<Vec<_>>().join("; ")
    }

    fn children(&self, place: usize, depth: usize, indent: &str, text: &mut String) {
        let Place::Inner(split, children) = self.listing.tree.place(place) else { return };
        if depth == self.depth {
            return;
        }
        let steps = self.names.steps(&split);
        for ((child, step), last) in children.into_iter().zip(steps).zip([false, true]) {
            let (branch, below) =
                if last { ("\u{2514}\u{2500} ", "   ") } else { ("\u{251c}\u{2500} ", "\u{2502}  ") };
            // A level may hold a line break, which would forge a branch.
            let step = terminal::line(&step);
            text.push_str(&format!("{indent}{branch}{step}: {}\n", self.what(child, depth + 1)));
            self.children(child, depth + 1, &format!("{indent}{below}"), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_analysis::explain::Feature;
    use valor_data::encode::FeatureSummary;
    use valor_learn::learner::explain::Fact;
    use valor_learn::trees::{Predicate, Split, Tree};

    pub fn example() -> (Listing, Vec<Feature>) {
        let mut tree = Tree::new();
        let split = |column, threshold, missing_left| Split {
            column,
            left: Predicate::UpTo(threshold),
            missing_left,
        };
        let [_, right] = tree.split(0, &split(0, 2.0, true));
        tree.split(right, &split(1, f32::INFINITY, false));
        let leaf = |rows: f64, uplift: f64, interval| LeafFacts {
            rows,
            uplift: Some(uplift),
            interval,
            facts: vec![Fact::Rows([rows / 2.0; 2]), Fact::Conversion([0.041, 0.06])],
        };
        let leaves = vec![
            leaf(2000.0, -1.0, Some((-2.0, 0.0))),
            leaf(600.0, 13.0, Some((8.0, 18.0))),
            leaf(1.0, 0.0, None),
        ];
        let number = FeatureSummary::Number { mean: 0.0, sd: 1.0 };
        (Listing { tree, leaves }, ["compute_usage", "age"].map(|name| Feature::new(name, number)).to_vec())
    }

    #[test]
    fn a_tree_prints_with_names_and_directions() {
        let (listing, features) = example();
        let text = draw(&listing, &Names(&features), &Unit::new("$"), 6);
        let expected = "all accounts: 2,601 rows\n\
            \u{251c}\u{2500} compute usage \u{2264} 2 or missing: 2,000 rows; uplift \u{2212}$1 [\u{2212}$2, $0]; 1,000 control, 1,000 treated; conversion 4.1 % \u{2192} 6.0 %\n\
            \u{2514}\u{2500} compute usage > 2: 601 rows\n   \u{251c}\u{2500} age not missing: 600 rows; uplift +$13 [$8, $18]; 300 control, 300 treated; conversion 4.1 % \u{2192} 6.0 %\n   \
            \u{2514}\u{2500} age missing: 1 row; uplift $0; 1 control, 1 treated; conversion 4.1 % \u{2192} 6.0 %\n";
        assert_eq!(text, expected);
        let short = draw(&listing, &Names(&features), &Unit::default(), 1);
        assert!(short.ends_with("compute usage > 2: 601 rows, 2 leaves below are not shown\n"), "{short}");
    }
}
