//! The summary plot: a row of dots per feature, where each dot is an account.

use valor_analysis::explain::{Account, Feature, FeatureView};
use valor_data::encode::FeatureSummary;
use valor_learn::model::Cell;
use valor_page::amount::{Unit, tick_decimals};
use valor_page::canvas::{Anchor, Canvas, Span};

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

/// Of the summary.
const WIDE: Frame = Frame { width: 720.0, left: 170.0 };
/// Of one among others.
pub const NARROW: Frame = Frame { width: 440.0, left: 104.0 };

/// A row of dots: contributions with the class of each.
pub struct Row<'a> {
    /// What stands left of it.
    pub label: String,
    /// Contribution and class of each account.
    pub dots: Vec<(f64, &'a str)>,
}

/// The plot of the leading features, and how many dots lie beyond its axis.
pub fn summary(
    views: &[FeatureView],
    features: &[Feature],
    sample: &[Account],
    unit: &Unit,
) -> (String, usize) {
    let rows = views.iter().map(|view| {
        let feature = &features[view.place];
        let classes = classes(feature, sample, view.place);
        let dots = sample.iter().zip(classes);
        let dots = dots.map(|(account, class)| (account.contributions[view.place], class)).collect();
        Row { label: feature.readable(), dots }
    });
    let rows: Vec<Row> = rows.collect();
    let title = "Contributions of the leading features";
    let description = format!("One dot per account of a sample of {}, one row per feature.", sample.len());
    draw(&rows, unit, WIDE, (title, &description))
}

/// Rows of dots over one axis of contributions.
pub fn draw(rows: &[Row], unit: &Unit, frame: Frame, (title, description): (&str, &str)) -> (String, usize) {
    let Frame { width, left } = frame;
    let height = TOP + ROW * rows.len() as f64 + BOTTOM;
    let values = || rows.iter().flat_map(|row| row.dots.iter().map(|(value, _)| *value));
    let span = Span::around(values(), BEYOND, (left, width - RIGHT)).with(0.0);
    let mut canvas = Canvas::new(width, height);
    axis(&mut canvas, span, (TOP, height - BOTTOM), unit);
    for (place, row) in rows.iter().enumerate() {
        let middle = TOP + ROW * (place as f64 + 0.5);
        canvas.text("c-text", (left - 10.0, middle + 4.0), Anchor::End, (&row.label, left - 14.0));
        swarm(&mut canvas, row, span, middle);
    }
    let beyond = values().filter(|value| span.misses(*value)).count();
    (canvas.finish(title, description), beyond)
}

/// The horizontal axis with its lines.
fn axis(canvas: &mut Canvas, span: Span, (top, bottom): (f64, f64), unit: &Unit) {
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
    let label = "lowers uplift \u{2190} \u{2192} raises uplift";
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

/// What colours the dots of a feature: where its value stands among those of the sample.
pub fn classes(feature: &Feature, sample: &[Account], place: usize) -> Vec<&'static str> {
    const NAMES: [&str; SHADES] = ["v0", "v1", "v2", "v3", "v4", "v5", "v6"];
    if let FeatureSummary::Levels(_) = feature.known() {
        let class = |account: &Account| match account.cells[place] {
            Cell::Number(_) | Cell::Level(_) => "level",
            Cell::Unmet(_) | Cell::Missing => "gap",
        };
        return sample.iter().map(class).collect();
    }
    let value = |account: &Account| match account.cells[place] {
        Cell::Number(value) => Some(value),
        Cell::Level(_) | Cell::Unmet(_) | Cell::Missing => None,
    };
    let mut sorted: Vec<f32> = sample.iter().filter_map(value).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let class = |account: &Account| {
        let Some(value) = value(account) else { return "gap" };
        let below = sorted.partition_point(|other| *other < value);
        let up_to = sorted.partition_point(|other| *other <= value);
        let rank = f64::midpoint(below as f64, up_to as f64) / sorted.len() as f64;
        NAMES[((rank * SHADES as f64) as usize).min(SHADES - 1)]
    };
    sample.iter().map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(cell: Cell, contribution: f64) -> Account {
        Account { id: String::new(), uplift: 0.0, cells: vec![cell], contributions: vec![contribution] }
    }

    #[test]
    fn colours_follow_values_and_gaps_have_their_own() {
        let feature = Feature::new("x", FeatureSummary::Number { mean: 0.0, sd: 1.0 });
        let mut sample: Vec<Account> =
            (0..70).map(|value| account(Cell::Number(value as f32), f64::from(value))).collect();
        sample.push(account(Cell::Missing, 0.0));
        let found = classes(&feature, &sample, 0);
        assert_eq!((found[0], found[35], found[69], found[70]), ("v0", "v3", "v6", "gap"));
    }

    #[test]
    fn every_dot_is_drawn_once() {
        let dots = (0..500).map(|place| (f64::from(place % 7), "v1")).chain([(1e6, "gap")]).collect();
        let row = Row { label: "a < b".to_string(), dots };
        let (svg, beyond) = draw(&[row], &Unit::new("$"), WIDE, ("t", "d"));
        assert_eq!((svg.matches("h0").count(), beyond), (501, 1));
        assert!(svg.contains("a &lt; b") && svg.contains("+$4<"), "{svg}");
        let (empty, _) = draw(&[], &Unit::default(), NARROW, ("t", "d"));
        assert!(!empty.contains("NaN"));
    }
}
