//! A tree as a drawing: the root on the left, leaves on the right.

use super::branch::{Names, facts, rows};
use super::tree_text::{places, uplift};
use valor_analysis::explain::{Below, Sign, below, sign};
use valor_learn::learner::explain::{LeafFacts, Listing};
use valor_learn::trees::Place;
use valor_page::amount::Unit;
use valor_page::canvas::{Anchor, Canvas};
use valor_page::templates::{EXPLAIN_STYLE, STYLE};

const BOX: f64 = 172.0;
const GAP: f64 = 190.0;
const LEAF: f64 = 200.0;
const MARGIN: f64 = 6.0;
const LINE: f64 = 15.0;
/// Letters of a leaf's longest line stand about so wide.
const LETTER: f64 = 6.2;

/// A tree, its splits down to `depth` levels.
pub fn draw(listing: &Listing, names: &Names, unit: &Unit, depth: usize) -> String {
    let drawing = Drawing {
        listing,
        names,
        unit,
        depth,
        places: places(listing),
        below: below(listing),
        canvas: Canvas::new(0.0, 0.0),
        bottom: MARGIN,
    };
    drawing.all()
}

/// The same as a file of its own, with the colours of a page.
pub fn standalone(svg: &str) -> String {
    let style = format!("<style>{STYLE}{EXPLAIN_STYLE}</style>");
    svg.replacen("<title>", &format!("{style}<title>"), 1).replacen(
        "class=\"chart drawn\"",
        "class=\"drawn\"",
        1,
    )
}

struct Drawing<'a> {
    listing: &'a Listing,
    names: &'a Names<'a>,
    unit: &'a Unit,
    depth: usize,
    places: usize,
    below: Vec<Below>,
    canvas: Canvas,
    /// Where the next leaf begins.
    bottom: f64,
}

impl Drawing<'_> {
    fn all(mut self) -> String {
        let deepest = self.deepest(0, 0);
        let leaf = self.leaf_width();
        self.place(0, 0);
        let width = 2.0 * MARGIN + deepest as f64 * (BOX + GAP) + leaf;
        let description = format!("{}, {} leaves", rows(self.below[0].rows), self.below[0].leaves);
        self.canvas.sized(width, self.bottom).finish("Tree", &description)
    }

    fn shown(&self, place: usize, depth: usize) -> Place {
        match self.listing.tree.place(place) {
            Place::Inner(..) if depth == self.depth => Place::Leaf(usize::MAX),
            other => other,
        }
    }

    fn deepest(&self, place: usize, depth: usize) -> usize {
        match self.shown(place, depth) {
            Place::Leaf(_) => depth,
            Place::Inner(_, children) => {
                children.into_iter().map(|child| self.deepest(child, depth + 1)).max().unwrap_or(depth)
            }
        }
    }

    fn leaf_width(&self) -> f64 {
        let lines = self.listing.leaves.iter().flat_map(|leaf| self.lines(leaf));
        let longest = lines.map(|line| line.chars().count()).max().unwrap_or(0);
        (longest as f64 * LETTER + 20.0).max(LEAF)
    }

    /// What stands in a leaf below its uplift.
    fn lines(&self, leaf: &LeafFacts) -> Vec<String> {
        let amount = |value: f64| self.unit.amount(value, self.places);
        let found = facts(leaf, &amount);
        if found.is_empty() { vec![rows(leaf.rows)] } else { found }
    }

    /// Draws a place and what is below it; returns the height of its middle.
    fn place(&mut self, place: usize, depth: usize) -> f64 {
        let left = MARGIN + depth as f64 * (BOX + GAP);
        match self.shown(place, depth) {
            Place::Leaf(leaf) => self.leaf(place, leaf, left),
            Place::Inner(split, children) => {
                let middles = children.map(|child| self.place(child, depth + 1));
                let middle = f64::midpoint(middles[0], middles[1]);
                for (side, end) in self.names.sides(&split).iter().zip(middles) {
                    let (from, to) = (left + BOX, left + BOX + GAP);
                    let bend = from + 14.0;
                    self.canvas.path("branch", &format!("M{from:.1} {middle:.1}H{bend:.1}V{end:.1}H{to:.1}"));
                    self.canvas.text("side", (bend + 6.0, end - 5.0), Anchor::Start, (side, GAP - 22.0));
                }
                self.canvas.rectangle("node", (left, middle - 20.0), (BOX, 40.0));
                let (x, feature) = (left + 10.0, self.names.feature(&split));
                self.canvas.text("feature", (x, middle - 3.0), Anchor::Start, (&feature, BOX - 16.0));
                let count = rows(self.below[place].rows);
                self.canvas.text("c-text", (x, middle + 13.0), Anchor::Start, (&count, BOX - 16.0));
                middle
            }
        }
    }

    fn leaf(&mut self, place: usize, leaf: usize, left: f64) -> f64 {
        let (head, lines, class) = match self.listing.leaves.get(leaf) {
            Some(leaf) => (uplift(leaf, self.unit, self.places), self.lines(leaf), class(leaf)),
            None => {
                let Below { rows: count, leaves } = self.below[place];
                (None, vec![rows(count), format!("{leaves} leaves, not shown")], "leaf unclear")
            }
        };
        let count = lines.len() + usize::from(head.is_some());
        let (top, height) = (self.bottom, count as f64 * LINE + 14.0);
        let width = self.leaf_width();
        self.canvas.rectangle(class, (left, top), (width, height));
        let mut y = top + LINE + 3.0;
        if let Some(head) = head {
            let head = format!("uplift {head}");
            self.canvas.text("feature", (left + 10.0, y), Anchor::Start, (&head, width + 40.0));
            y += LINE;
        }
        for line in lines {
            self.canvas.text("c-text", (left + 10.0, y), Anchor::Start, (&line, width + 40.0));
            y += LINE;
        }
        self.bottom += height + 14.0;
        top + height / 2.0
    }
}

/// How a leaf is drawn.
fn class(leaf: &LeafFacts) -> &'static str {
    match sign(leaf) {
        Sign::Raises => "leaf raises",
        Sign::Lowers => "leaf lowers",
        Sign::Unclear => "leaf unclear",
    }
}
