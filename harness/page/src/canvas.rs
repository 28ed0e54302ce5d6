//! SVG by hand, for thousands of dots and for boxes of text: classes, no colours, so that it follows the page.

use std::fmt::Write;
use valor_base::escape::html::text as escape;

/// Where text stands from its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Right of it.
    Start,
    /// Around it.
    Middle,
    /// Left of it.
    End,
}

/// A drawing under way.
pub struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

impl Canvas {
    /// An empty one; pixels at full size.
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    /// A line of a class.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.put(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    /// Dots of a class as one path of points without length, which round ends make dots.
    pub fn dots(&mut self, class: &str, points: &[(f64, f64)]) {
        if points.is_empty() {
            return;
        }
        let mut path = String::new();
        for (x, y) in points {
            self::put(&mut path, format_args!("M{x:.1} {y:.1}h0"));
        }
        self.put(format_args!("<path class=\"dots {class}\" d=\"{path}\"/>"));
    }

    /// A path of a class.
    pub fn path(&mut self, class: &str, path: &str) {
        self.put(format_args!("<path class=\"{class}\" d=\"{path}\"/>"));
    }

    /// A box with round corners.
    pub fn rectangle(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.put(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"4\"/>"
        ));
    }

    /// Text, cut to about so many pixels; whoever points at it sees all of it.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: Anchor, (text, room): (&str, f64)) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let (shown, full) = (cut(text, room), escape(text));
        let title = if shown == text { String::new() } else { format!("<title>{full}</title>") };
        let shown = escape(&shown);
        self.put(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{shown}{title}</text>"
        ));
    }

    /// The same on paper of another size.
    pub fn sized(self, width: f64, height: f64) -> Self {
        Self { width, height, ..self }
    }

    /// The whole drawing with its name.
    pub fn finish(self, title: &str, description: &str) -> String {
        let (title, description) = (escape(title), escape(description));
        format!(
            "<svg class=\"chart drawn\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"{title}. {description}\"><title>{title}</title>{}</svg>",
            self.width, self.height, self.body
        )
    }

    fn put(&mut self, text: std::fmt::Arguments) {
        put(&mut self.body, text);
    }
}

/// Writing to a string cannot fail.
fn put(text: &mut String, more: std::fmt::Arguments) {
    let _ = text.write_fmt(more);
}

/// Letters that fit into so many pixels, with an ellipsis where some do not.
fn cut(text: &str, room: f64) -> String {
    const LETTER: f64 = 6.6;
    let fit = (room / LETTER).max(1.0) as usize;
    match text.chars().count() > fit {
        true => text.chars().take(fit.saturating_sub(1)).chain(['\u{2026}']).collect(),
        false => text.to_string(),
    }
}

/// From values to pixels; what lies outside stands at the edge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Lowest and highest value.
    pub values: (f64, f64),
    /// Their pixels.
    pub pixels: (f64, f64),
}

impl Span {
    /// Around these values but for a share at each end, with a little room.
    pub fn around(values: impl Iterator<Item = f64>, share: f64, pixels: (f64, f64)) -> Self {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let count = values.len();
        let ends = match count {
            0 => (0.0, 1.0),
            _ => {
                let skipped = (count as f64 * share) as usize;
                (values[skipped], values[count - 1 - skipped])
            }
        };
        let room = match ends.1 - ends.0 {
            spread if spread > 0.0 => 0.04 * spread,
            _ => 0.5 * ends.0.abs().max(1.0),
        };
        Self { values: (ends.0 - room, ends.1 + room), pixels }
    }

    /// The same with room for a value.
    pub fn with(mut self, value: f64) -> Self {
        self.values = (self.values.0.min(value), self.values.1.max(value));
        self
    }

    /// The pixel of a value.
    pub fn at(&self, value: f64) -> f64 {
        let share = (value - self.values.0) / (self.values.1 - self.values.0);
        self.pixels.0 + share.clamp(0.0, 1.0) * (self.pixels.1 - self.pixels.0)
    }

    /// Whether a value lies outside.
    pub fn misses(&self, value: f64) -> bool {
        value < self.values.0 || value > self.values.1
    }

    /// About so many round values.
    pub fn ticks(&self, count: usize) -> Vec<f64> {
        let (low, high) = self.values;
        let rough = (high - low) / count.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);
        let first = (low / step).ceil() as i64;
        (0..).map(|place| (first + place) as f64 * step).take_while(|tick| *tick <= high).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let span = |low, high| Span { values: (low, high), pixels: (0.0, 100.0) };
        assert_eq!(span(-0.9, 10.3).ticks(5), [0.0, 5.0, 10.0]);
        assert_eq!(span(-31.0, 12.0).ticks(4), [-20.0, 0.0]);
        assert_eq!(Span::around([3.0].into_iter(), 0.0, (0.0, 1.0)).values, (1.5, 4.5));
        assert_eq!(Span::around(std::iter::empty(), 0.1, (0.0, 1.0)).ticks(2).len(), 2);
    }

    #[test]
    fn what_lies_outside_stands_at_the_edge() {
        let values = (0..=100).map(f64::from).chain([1e9]);
        let span = Span::around(values, 0.01, (10.0, 110.0));
        assert!(span.misses(1e9) && span.values.1 < 110.0);
        assert_eq!((span.at(1e9), span.at(-1e9)), (110.0, 10.0));
    }

    #[test]
    fn long_text_is_cut_and_kept() {
        let mut canvas = Canvas::new(100.0, 20.0);
        canvas.text("c-text", (0.0, 10.0), Anchor::End, ("a & b, which is long", 40.0));
        canvas.dots("v3", &[(1.0, 2.0), (3.04, 4.0)]);
        let svg = canvas.finish("t", "d");
        assert!(svg.contains(">a &amp; b\u{2026}<title>a &amp; b, which is long</title></text>"), "{svg}");
        assert!(svg.contains("d=\"M1.0 2.0h0M3.0 4.0h0\""), "{svg}");
    }
}
