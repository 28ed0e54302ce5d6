//! Standings: names below each other, each with one value or with two that belong together (a dumbbell), and upright lines that
//! all of them are read against.

use crate::figure::TitledPanel;
use crate::forest::{Rows, short};
use crate::panel::{Axis, Layer, Panel, Ticks, range};
use crate::svg::Style;

/// How far the intervals of two values of a line stand apart, in lines.
const APART: f64 = 0.19;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// How it is drawn.
    pub style: Style,
    /// Its name, for those who ask.
    pub name: String,
    /// Where it stands.
    pub value: f64,
    /// Ends of what is drawn around it.
    pub ends: Option<(f64, f64)>,
}

/// A line of the standings.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What stands left of it.
    pub name: String,
    /// Its values, at most two; the link between two is drawn as the second.
    pub dots: Vec<Dot>,
}

/// A panel of standings.
#[derive(Clone, Debug, PartialEq)]
pub struct Standings {
    /// Above the panel.
    pub heading: String,
    /// Accessible name.
    pub title: String,
    /// Accessible description.
    pub description: String,
    /// What values are.
    pub label: String,
    /// Letters that a name has room for; a longer one is cut.
    pub longest: usize,
    /// From the top.
    pub lines: Vec<Line>,
    /// Upright lines.
    pub uprights: Vec<(Style, f64)>,
}

impl Standings {
    /// As a panel; nothing where no line has a value.
    pub fn panel(self) -> Option<TitledPanel> {
        self.lines.iter().any(|line| !line.dots.is_empty()).then(|| self.drawn())
    }

    fn drawn(self) -> TitledPanel {
        let dots = || self.lines.iter().flat_map(|line| &line.dots);
        let ends = dots().filter_map(|dot| dot.ends).flat_map(|(low, high)| [low, high]);
        let uprights = self.uprights.iter().map(|(_, at)| *at);
        let x = range(ends.chain(dots().map(|dot| dot.value)).chain(uprights));
        let names: Vec<String> = self.lines.iter().map(|line| short(&line.name, self.longest)).collect();
        let rows = Rows(self.lines.len());
        TitledPanel {
            panel: Panel {
                x: Axis { label: self.label.clone(), range: x, ticks: Ticks::Plain, count: 5 },
                y: rows.axis(),
                size: rows.size(&names),
                layers: self.layers(&rows, names),
                title: self.title,
                description: self.description,
            },
            heading: self.heading,
            remark: String::new(),
        }
    }

    fn layers(&self, rows: &Rows, names: Vec<String>) -> Vec<Layer> {
        let mut layers: Vec<Layer> =
            self.uprights.iter().map(|(style, at)| rows.upright(*style, *at)).collect();
        let mut dots = Vec::new();
        for (place, line) in self.lines.iter().enumerate() {
            let y = rows.height(place);
            let apart = if line.dots.len() > 1 { APART } else { 0.0 };
            for (dot, side) in line.dots.iter().zip([1.0, -1.0]) {
                let span = dot.ends.map(|(low, high)| (y + side * apart, low, high));
                let style = if dot.style == Style::Ring { Style::Open } else { dot.style };
                layers.extend(span.map(|span| Layer::Spans(style, vec![span])));
                dots.push(Layer::Named(dot.style, vec![(dot.value, y, dot.name.clone())]));
            }
            if let [from, to] = line.dots.as_slice() {
                layers.push(Layer::Spans(to.style, vec![(y, from.value, to.value)]));
            }
        }
        layers.extend(dots);
        layers.push(rows.names(names));
        layers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(style: Style, value: f64) -> Dot {
        Dot { style, name: format!("{value}"), value, ends: Some((value - 0.5, value + 0.5)) }
    }

    fn standings(lines: Vec<Line>, uprights: Vec<(Style, f64)>) -> Option<TitledPanel> {
        let text = || "t".to_string();
        let (heading, title, description, label) = (text(), text(), text(), text());
        Standings { heading, title, description, label, longest: 12, lines, uprights }.panel()
    }

    #[test]
    fn a_dumbbell_links_two_values_and_keeps_their_intervals_apart() {
        let lines = vec![
            Line { name: "pair".to_string(), dots: vec![dot(Style::Ring, 1.0), dot(Style::Better, 3.0)] },
            Line { name: "failed".to_string(), dots: Vec::new() },
        ];
        let panel = standings(lines, vec![(Style::Reference(0), -2.0)]).unwrap().panel;
        assert_eq!(panel.layers[0], Layer::Line(Style::Reference(0), vec![(-2.0, -0.5), (-2.0, 1.5)]));
        assert_eq!(panel.layers[1], Layer::Spans(Style::Open, vec![(1.0 + APART, 0.5, 1.5)]));
        assert_eq!(panel.layers[2], Layer::Spans(Style::Better, vec![(1.0 - APART, 2.5, 3.5)]));
        assert_eq!(panel.layers[3], Layer::Spans(Style::Better, vec![(1.0, 1.0, 3.0)]));
        assert_eq!(panel.layers[4], Layer::Named(Style::Ring, vec![(1.0, 1.0, "1".to_string())]));
        assert!(panel.x.range.0 < -2.0 && panel.x.range.1 > 3.5, "{:?}", panel.x.range);
        let drawn = crate::panel::draw(&panel).unwrap();
        assert!(drawn.contains("data-names=\"[&quot;1&quot;,&quot;3&quot;]\""), "{drawn}");
    }

    #[test]
    fn one_value_stands_on_its_line_and_nothing_draws_nothing() {
        let lines = vec![Line { name: "one".to_string(), dots: vec![dot(Style::Open, 1.0)] }];
        let panel = standings(lines, Vec::new()).unwrap().panel;
        assert_eq!(panel.layers[0], Layer::Spans(Style::Open, vec![(0.0, 0.5, 1.5)]));
        assert_eq!(standings(vec![Line { name: "none".to_string(), dots: Vec::new() }], Vec::new()), None);
    }
}
