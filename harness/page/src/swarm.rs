//! Swarms: rows of dots over one axis of amounts.

use crate::amount::{Unit, tick_decimals};
use crate::canvas::{Anchor, Canvas, Span};

/// Colours between low and high values.
pub const SHADES: usize = 7;
/// Share of dots beyond each end of the axis.
const BEYOND: f64 = 0.005;
const RIGHT: f64 = 12.0;
const ROW: f64 = 30.0;
const TOP: f64 = 6.0;
const BOTTOM: f64 = 40.0;
/// Dots of one column of a swarm stand so far apart.
const STEP: f64 = 3.2;

/// Room of a drawing, and of the names on its left.
#[derive(Clone, Copy)]
pub struct Frame {
    width: f64,
    left: f64,
}

/// As wide as the page.
pub const WIDE: Frame = Frame { width: 720.0, left: 170.0 };
/// One among others.
pub const NARROW: Frame = Frame { width: 440.0, left: 104.0 };

/// A row of dots.
pub struct Row<'a> {
    /// What stands left of it.
    pub label: String,
    /// Amount and class of each dot.
    pub dots: Vec<(f64, &'a str)>,
}

/// What is written about a swarm.
pub struct Caption<'a> {
    /// Accessible name.
    pub title: &'a str,
    /// Accessible description.
    pub description: &'a str,
    /// Under the axis.
    pub axis: &'a str,
}

/// Rows of dots over one axis, and how many dots lie beyond it.
pub fn draw(rows: &[Row], unit: &Unit, frame: Frame, caption: &Caption) -> (String, usize) {
    let Frame { width, left } = frame;
    let height = TOP + ROW * rows.len() as f64 + BOTTOM;
    let values = || rows.iter().flat_map(|row| row.dots.iter().map(|(value, _)| *value));
    let span = Span::around(values(), BEYOND, (left, width - RIGHT)).with(0.0);
    let mut canvas = Canvas::new(width, height);
    axis(&mut canvas, span, (TOP, height - BOTTOM), unit, caption.axis);
    for (place, row) in rows.iter().enumerate() {
        let middle = TOP + ROW * (place as f64 + 0.5);
        canvas.text("c-text", (left - 10.0, middle + 4.0), Anchor::End, (&row.label, left - 14.0));
        swarm(&mut canvas, row, span, middle);
    }
    let beyond = values().filter(|value| span.misses(*value)).count();
    (canvas.finish(caption.title, caption.description), beyond)
}

/// The horizontal axis with its lines.
fn axis(canvas: &mut Canvas, span: Span, (top, bottom): (f64, f64), unit: &Unit, label: &str) {
    let ticks = span.ticks(((span.pixels.1 - span.pixels.0) / 80.0) as usize);
    let step = ticks.get(1).zip(ticks.first()).map_or(1.0, |(next, first)| next - first);
    let places = tick_decimals(step);
    for tick in ticks {
        let (x, zero) = (span.at(tick), tick == 0.0);
        canvas.line(if zero { "c-zero" } else { "c-grid" }, (x, top), (x, bottom));
        let label = unit.signed(tick, places);
        canvas.text("c-text", (x, bottom + 16.0), Anchor::Middle, (&label, 90.0));
    }
    let middle = f64::midpoint(span.pixels.0, span.pixels.1);
    canvas.text("c-text", (middle, bottom + 34.0), Anchor::Middle, (label, 400.0));
}

/// Dots of one column stand alternately above and below the middle.
fn swarm(canvas: &mut Canvas, row: &Row, span: Span, middle: f64) {
    let mut heights = vec![0_usize; span.pixels.1 as usize];
    let mut classes: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    let most = (ROW / STEP) as usize - 1;
    for (value, class) in &row.dots {
        let x = span.at(*value);
        let column = &mut heights[(x / STEP) as usize];
        let level = *column % most;
        *column += 1;
        let away = level.div_ceil(2) as f64 * STEP;
        let y = if level.is_multiple_of(2) { middle - away } else { middle + away };
        match classes.iter_mut().find(|(known, _)| known == class) {
            Some((_, points)) => points.push((x, y)),
            None => classes.push((*class, vec![(x, y)])),
        }
    }
    classes.sort_by_key(|(class, _)| *class);
    classes.iter().for_each(|(class, points)| canvas.dots(class, points));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dot_is_drawn_once() {
        let caption = Caption { title: "t", description: "d", axis: "less \u{2190} \u{2192} more" };
        let dots = (0..500).map(|place| (f64::from(place % 7), "v1")).chain([(1e6, "gap")]).collect();
        let row = Row { label: "a < b".to_string(), dots };
        let (svg, beyond) = draw(&[row], &Unit::new("$"), WIDE, &caption);
        assert_eq!((svg.matches("h0").count(), beyond), (501, 1));
        assert!(svg.contains("a &lt; b") && svg.contains("+$4<") && svg.contains("more</text>"), "{svg}");
        let (empty, _) = draw(&[], &Unit::default(), NARROW, &caption);
        assert!(!empty.contains("NaN"));
    }
}
