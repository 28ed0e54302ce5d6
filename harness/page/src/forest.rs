//! Forests: names below each other, each with its value and how far it reaches.

use crate::figure::TitledPanel;
use crate::panel::{Axis, Layer, Panel, Size, Ticks, range};
use crate::svg::Style;

/// A line of a forest.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What stands left of it.
    pub name: String,
    /// Its value; a line without one keeps its place.
    pub value: Option<f64>,
    /// Ends of what is drawn around the value.
    pub ends: Option<(f64, f64)>,
}

/// A forest.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    /// Above the panel.
    pub heading: String,
    /// Accessible name.
    pub title: String,
    /// Accessible description.
    pub description: String,
    /// What values are.
    pub label: String,
    /// How the axis of values reads.
    pub ticks: Ticks,
    /// Letters that a name has room for; a longer one is cut.
    pub longest: usize,
    /// Whether dots say their names to those who ask.
    pub named: bool,
    /// From the top.
    pub lines: Vec<Line>,
}

impl Forest {
    /// As a panel with a zero line; nothing where no line has a value.
    pub fn panel(self) -> Option<TitledPanel> {
        self.lines.iter().any(|line| line.value.is_some()).then(|| self.drawn())
    }

    fn drawn(self) -> TitledPanel {
        let ends = self.lines.iter().filter_map(|line| line.ends).flat_map(|(low, high)| [low, high]);
        let values = ends.chain(self.lines.iter().filter_map(|line| line.value)).chain([0.0]);
        let x = range(values);
        let names: Vec<String> = self.lines.iter().map(|line| short(&line.name, self.longest)).collect();
        let rows = Rows(self.lines.len());
        TitledPanel {
            panel: Panel {
                x: Axis { label: self.label.clone(), range: x, ticks: self.ticks, count: 5 },
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
        let placed = || self.lines.iter().enumerate().map(|(place, line)| (rows.height(place), line));
        let span = |(y, line): (f64, &Line)| line.ends.map(|(low, high)| (y, low, high));
        let dots = placed().filter_map(|(y, line)| Some((line.value?, y, line.name.clone())));
        let dots = match self.named {
            true => Layer::Named(Style::Dot, dots.collect()),
            false => Layer::Dots(Style::Dot, dots.map(|(x, y, _)| (x, y)).collect()),
        };
        let spans = Layer::Spans(Style::Span, placed().filter_map(span).collect());
        vec![rows.upright(Style::Zero, 0.0), spans, dots, rows.names(names)]
    }
}

/// So many lines below each other, the first on top.
pub struct Rows(pub usize);

impl Rows {
    /// Where a line stands.
    pub fn height(&self, place: usize) -> f64 {
        (self.0 - 1 - place) as f64
    }

    fn ends(&self) -> (f64, f64) {
        (-0.5, self.0 as f64 - 0.5)
    }

    /// The axis of the lines, which has names in the place of ticks.
    pub fn axis(&self) -> Axis {
        Axis { label: String::new(), range: self.ends(), ticks: Ticks::Plain, count: 0 }
    }

    /// As high as the lines need, with room for their names.
    pub fn size(&self, names: &[String]) -> Size {
        let widest = names.iter().map(|name| letters(name)).max().unwrap_or(0);
        Size::Lines { count: self.0 as u32, letters: widest }
    }

    /// A line from top to bottom.
    pub fn upright(&self, style: Style, at: f64) -> Layer {
        let (low, high) = self.ends();
        Layer::Line(style, vec![(at, low), (at, high)])
    }

    /// Names left of the lines.
    pub fn names(&self, names: Vec<String>) -> Layer {
        let at = |(place, name)| (self.height(place), name);
        Layer::Names(names.into_iter().enumerate().map(at).collect())
    }
}

/// How long a name is, in letters of usual width: capitals and signs are wider, so that a name in them keeps its first letter.
fn letters(name: &str) -> u32 {
    let width = |letter: char| match letter {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | '.' | ',' | ' ' | '(' | ')' | '-' => 0.65,
        'm' | 'w' | 'M' | 'W' | '+' | '&' | '%' | '\u{2026}' => 1.5,
        letter if letter.is_uppercase() => 1.2,
        _ => 1.06,
    };
    name.chars().map(width).sum::<f64>().ceil() as u32
}

/// A name as far as there is room for so many letters.
pub fn short(name: &str, longest: usize) -> String {
    if name.chars().count() <= longest {
        return name.to_string();
    }
    name.chars().take(longest - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forest(lines: Vec<Line>, named: bool) -> Option<TitledPanel> {
        let text = || "t".to_string();
        let (heading, title, description, label) = (text(), text(), text(), text());
        Forest { heading, title, description, label, ticks: Ticks::Plain, longest: 12, named, lines }.panel()
    }

    fn line(name: &str, value: Option<f64>, reach: f64) -> Line {
        Line { name: name.to_string(), value, ends: value.map(|value| (value - reach, value + reach)) }
    }

    #[test]
    fn lines_stand_from_the_top_and_one_without_a_value_keeps_its_place() {
        let lines = vec![
            line("one", Some(2.0), 1.0),
            line("failed", None, 0.0),
            line("a name that is too long", Some(-1.5), 0.5),
        ];
        let panel = forest(lines.clone(), true).unwrap().panel;
        assert_eq!(panel.layers[1], Layer::Spans(Style::Span, vec![(2.0, 1.0, 3.0), (0.0, -2.0, -1.0)]));
        let dots = [(2.0, 2.0, "one"), (-1.5, 0.0, "a name that is too long")];
        let dots = dots.map(|(x, y, name)| (x, y, name.to_string())).to_vec();
        assert_eq!(panel.layers[2], Layer::Named(Style::Dot, dots));
        let names = ["one", "failed", "a name that\u{2026}"].map(str::to_string);
        assert_eq!(panel.layers[3], Layer::Names([2.0, 1.0, 0.0].into_iter().zip(names).collect()));
        assert_eq!(panel.size, Size::Lines { count: 3, letters: 12 });
        assert!(panel.x.range.0 < -2.0 && panel.x.range.1 > 3.0 && panel.x.range.1 < 7.0);
        let panel = forest(lines, false).unwrap().panel;
        assert_eq!(panel.layers[2], Layer::Dots(Style::Dot, vec![(2.0, 2.0), (-1.5, 0.0)]));
    }

    #[test]
    fn nothing_to_show_draws_nothing() {
        assert_eq!(forest(Vec::new(), true), None);
        assert_eq!(forest(vec![line("one", None, 0.0)], true), None);
    }
}
