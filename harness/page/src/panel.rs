//! One panel: layers of points on two axes, drawn by plotters as themed SVG.

use super::svg::{ClassedSvg, Drawing, LINE_HEIGHT, Style};
use super::thin::thinned;
use anyhow::{Result, anyhow};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use valor_base::escape::html;

/// Plotters places on whole pixels: drawing larger and scaling down keeps curves smooth.
const SCALE: u32 = 4;
const FONT: f64 = 12.5 * LINE_HEIGHT * SCALE as f64;

/// How large a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Two beside each other on a wide screen.
    Large,
    /// One of many.
    Small,
    /// As high as its lines need, with names of so many letters on the left.
    Lines {
        /// Lines.
        count: u32,
        /// Length of the longest name, in letters of usual width.
        letters: u32,
    },
}

impl Size {
    fn pixels(self) -> (u32, u32) {
        match self {
            Self::Large => (440 * SCALE, 300 * SCALE),
            Self::Small => (310 * SCALE, 215 * SCALE),
            Self::Lines { count, .. } => (440 * SCALE, (24 * count + 52) * SCALE),
        }
    }

    /// Room left of the vertical axis.
    fn left(self) -> u32 {
        match self {
            Self::Large | Self::Small => 64 * SCALE,
            Self::Lines { letters, .. } => (7 * letters + 12) * SCALE,
        }
    }
}

/// What a panel shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Accessible name.
    pub title: String,
    /// Accessible description.
    pub description: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// How large it is drawn.
    pub size: Size,
    /// From back to front.
    pub layers: Vec<Layer>,
}

/// An axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// Lowest and highest value; see `range`.
    pub range: (f64, f64),
    /// How its ticks read.
    pub ticks: Ticks,
    /// About how many ticks.
    pub count: usize,
}

/// How ticks read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticks {
    /// Shares as per cent.
    Percent,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Plain,
}

/// Something drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// Between two curves: `x, low, high`.
    Band(Style, Vec<(f64, f64, f64)>),
    /// A curve.
    Line(Style, Vec<(f64, f64)>),
    /// Dots.
    Dots(Style, Vec<(f64, f64)>),
    /// Dots that say their names to those who ask.
    Named(Style, Vec<(f64, f64, String)>),
    /// Short horizontal strokes.
    Marks(Style, Vec<(f64, f64)>),
    /// Vertical bars: `x, low, high`.
    Bars(Style, Vec<(f64, f64, f64)>),
    /// Horizontal bars: `y, low, high`.
    Spans(Style, Vec<(f64, f64, f64)>),
    /// Names left of the vertical axis, by height.
    Names(Vec<(f64, String)>),
    /// Names beside points.
    Labels(Vec<(f64, f64, String)>),
}

impl Layer {
    /// Names of its dots, for those who ask: all dots of a panel have names, or none.
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Named(_, dots) => dots.iter().map(|(_, _, name)| name.as_str()).collect(),
            Self::Band(..)
            | Self::Line(..)
            | Self::Dots(..)
            | Self::Marks(..)
            | Self::Bars(..)
            | Self::Spans(..)
            | Self::Names(_)
            | Self::Labels(_) => Vec::new(),
        }
    }
}

/// A range with a little room around the finite values; a unit around a single value, 0 to 1 around none.
pub fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    let (low, high) = finite
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    match high - low {
        spread if spread > 0.0 && spread.is_finite() => (low - 0.04 * spread, high + 0.04 * spread),
        _ if low.is_finite() => (low - 0.5, low + 0.5),
        _ => (0.0, 1.0),
    }
}

/// Draws a panel as a page holds it.
///
/// # Errors
///
/// Internal: what plotters refuses.
pub fn draw(panel: &Panel) -> Result<String> {
    Ok(drawing(panel)?.on_page())
}

/// Draws a panel.
pub(crate) fn drawing(panel: &Panel) -> Result<Drawing> {
    let mut body = String::new();
    let frame = paint(panel, &mut body).map_err(|error| anyhow!("cannot draw '{}': {error}", panel.title))?;
    Ok(Drawing {
        size: panel.size.pixels(),
        title: panel.title.clone(),
        description: panel.description.clone(),
        facts: facts(panel, frame),
        body,
    })
}

/// Where the axes lie and what they mean, for the page's script.
fn facts(panel: &Panel, [left, right, top, bottom]: [i32; 4]) -> String {
    let range = |axis: &Axis| format!("{} {}", axis.range.0, axis.range.1);
    let ticks = match panel.x.ticks {
        Ticks::Percent => "percent",
        Ticks::Whole => "whole",
        Ticks::Plain => "plain",
    };
    let names: Vec<&str> = panel.layers.iter().flat_map(Layer::names).collect();
    let mut facts = format!(
        " data-frame=\"{left} {right} {top} {bottom}\" data-x=\"{}\" data-y=\"{}\" data-ticks=\"{ticks}\" data-along=\"{}\" data-up=\"{}\"",
        range(&panel.x),
        range(&panel.y),
        html::text(&panel.x.label),
        html::text(&panel.y.label)
    );
    if !names.is_empty() {
        facts += &format!(" data-names=\"{}\"", html::text(&serde_json::json!(names).to_string()));
    }
    facts
}

type Failed = Box<dyn std::error::Error>;

/// Draws and says where the axes lie: left, right, top, bottom.
fn paint(panel: &Panel, body: &mut String) -> Result<[i32; 4], Failed> {
    let root = ClassedSvg::new(panel.size.pixels(), body).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(4 * SCALE)
        .margin_top(9 * SCALE)
        .margin_right(22 * SCALE)
        .x_label_area_size(38 * SCALE)
        .y_label_area_size(panel.size.left())
        .build_cartesian_2d(panel.x.range.0..panel.x.range.1, panel.y.range.0..panel.y.range.1)?;
    let font = |style: Style| ("sans-serif", FONT).into_font().color(&style.colour());
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(Style::Grid.colour().stroke_width(SCALE))
        .axis_style(Style::Axis.colour().stroke_width(SCALE))
        .label_style(font(Style::Text))
        .axis_desc_style(font(Style::Text))
        .set_all_tick_mark_size(4 * SCALE)
        .x_labels(panel.x.count)
        .y_labels(panel.y.count)
        .x_label_formatter(&|value| tick(*value, &panel.x))
        .y_label_formatter(&|value| tick(*value, &panel.y))
        .x_desc(html::visible(&panel.x.label))
        .y_desc(html::visible(&panel.y.label))
        .draw()?;
    for layer in &panel.layers {
        paint_layer(&mut chart, layer, panel)?;
    }
    let (across, down) = chart.plotting_area().get_pixel_range();
    drop(chart);
    root.present()?;
    Ok([across.start, across.end, down.start, down.end])
}

type Chart<'a, 'b> = ChartContext<
    'a,
    ClassedSvg<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn paint_layer(chart: &mut Chart, layer: &Layer, panel: &Panel) -> Result<(), Failed> {
    let stroke = |style: &Style| style.colour().stroke_width(style.width() * SCALE / 2);
    match layer {
        Layer::Band(style, points) => {
            let mut upper = thin(points.iter().map(|(x, _, high)| (*x, *high)).collect(), panel);
            let lower = thin(points.iter().map(|(x, low, _)| (*x, *low)).collect(), panel);
            upper.extend(lower.into_iter().rev());
            chart.draw_series([Polygon::new(upper, style.colour().filled())])?;
        }
        Layer::Line(style, points) => {
            chart.draw_series([PathElement::new(thin(points.clone(), panel), stroke(style))])?;
        }
        Layer::Dots(style, points) => {
            let dot = |point: &(f64, f64)| Circle::new(*point, radius(*style), style.colour().filled());
            chart.draw_series(points.iter().map(dot))?;
        }
        Layer::Named(style, points) => {
            let dot = |(x, y, _): &(f64, f64, String)| {
                Circle::new((*x, *y), radius(*style), style.colour().filled())
            };
            chart.draw_series(points.iter().map(dot))?;
        }
        Layer::Marks(style, points) => {
            let half = (panel.x.range.1 - panel.x.range.0) / 36.0;
            let mark =
                |(x, y): &(f64, f64)| PathElement::new(vec![(x - half, *y), (x + half, *y)], stroke(style));
            chart.draw_series(points.iter().map(mark))?;
        }
        Layer::Bars(style, points) => {
            let bar = |(x, low, high): &(f64, f64, f64)| {
                PathElement::new(vec![(*x, *low), (*x, *high)], stroke(style))
            };
            chart.draw_series(points.iter().map(bar))?;
        }
        Layer::Spans(style, points) => {
            let span = |(y, low, high): &(f64, f64, f64)| {
                PathElement::new(vec![(*low, *y), (*high, *y)], stroke(style))
            };
            chart.draw_series(points.iter().map(span))?;
        }
        Layer::Names(names) => {
            let left = panel.x.range.0;
            write(chart, names.iter().map(|(y, name)| ((left, *y), -8, name.clone())))?;
        }
        Layer::Labels(labels) => {
            let middle = (panel.x.range.0 + panel.x.range.1) / 2.0;
            let shift = |x: f64| if x > middle { -7 } else { 7 };
            write(chart, labels.iter().map(|(x, y, name)| ((*x, *y), shift(*x), name.clone())))?;
        }
    }
    Ok(())
}

/// Text beside a point, so many pixels to its right; left of it where negative.
fn write(chart: &mut Chart, labels: impl Iterator<Item = ((f64, f64), i32, String)>) -> Result<(), Failed> {
    chart.draw_series(labels.map(|(at, shift, text)| {
        let side = if shift < 0 { HPos::Right } else { HPos::Left };
        let font = ("sans-serif", FONT).into_font().color(&Style::Text.colour());
        let font = font.pos(Pos::new(side, VPos::Center));
        EmptyElement::at(at) + Text::new(html::visible(&text), (shift * SCALE as i32, 0), font)
    }))?;
    Ok(())
}

fn radius(style: Style) -> u32 {
    if style == Style::Seed { 2 * SCALE } else { 3 * SCALE }
}

fn thin(points: Vec<(f64, f64)>, panel: &Panel) -> Vec<(f64, f64)> {
    let (width, height) = panel.size.pixels();
    let scale = |range: (f64, f64), pixels: u32| f64::from(pixels) / (range.1 - range.0);
    thinned(&points, [scale(panel.x.range, width), scale(panel.y.range, height)])
}

fn tick(value: f64, axis: &Axis) -> String {
    match axis.ticks {
        Ticks::Percent => format!("{:.0} %", value * 100.0),
        Ticks::Whole if value.fract().abs() > 1e-9 => String::new(),
        Ticks::Whole => format!("{value:.0}"),
        Ticks::Plain => plain(value, axis.range.1 - axis.range.0),
    }
}

/// Enough decimals to tell neighbouring ticks apart.
fn plain(value: f64, spread: f64) -> String {
    if spread >= 1e6 {
        return format!("{value:.0e}").replace('-', "\u{2212}");
    }
    let decimals = (1.0 - spread.log10().floor()).clamp(0.0, 9.0) as usize;
    crate::format::number(value, decimals).replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What means something in XML, letters, and anything at all.
    fn any_name() -> impl Strategy<Value = String> {
        let meaning =
            prop::sample::select("<>&\"'-]![;#/ \t\r\n\0\u{1b}\u{202e}".chars().collect::<Vec<char>>());
        let character = prop_oneof![4 => meaning, 2 => prop::char::range('a', 'z'), 1 => prop::char::any()];
        prop::collection::vec(character, 0..24).prop_map(|characters| characters.into_iter().collect())
    }

    #[test]
    fn a_range_has_room_and_survives_nothing_and_one_value() {
        assert_eq!(range([0.0, 1.0, f64::NAN]), (-0.04, 1.04));
        assert_eq!(range([2.0, 2.0]), (1.5, 2.5));
        assert_eq!(range([f64::INFINITY]), (0.0, 1.0));
    }

    #[test]
    fn ticks_tell_neighbours_apart() {
        let axis = |ticks, high| Axis { label: String::new(), range: (0.0, high), ticks, count: 5 };
        assert_eq!(tick(0.2, &axis(Ticks::Percent, 1.0)), "20 %");
        assert_eq!(tick(2.5, &axis(Ticks::Whole, 10.0)), "");
        assert_eq!(tick(-0.002, &axis(Ticks::Plain, 0.01)), "\u{2212}0.002");
        assert_eq!(tick(1500.0, &axis(Ticks::Plain, 5000.0)), "1500");
    }

    #[test]
    fn a_panel_is_drawn_in_classes_and_names_itself() {
        let axis = || Axis { label: "x < y".to_string(), range: (0.0, 1.0), ticks: Ticks::Plain, count: 4 };
        let layers = vec![
            Layer::Band(Style::Band(1), vec![(0.0, 0.0, 0.5), (1.0, 0.5, 1.0)]),
            Layer::Line(Style::Series(1), vec![(0.0, 0.0), (1.0, 1.0)]),
        ];
        let panel = Panel {
            title: "A & \"B\"".to_string(),
            description: "d".to_string(),
            x: axis(),
            y: axis(),
            size: Size::Small,
            layers,
        };
        let svg = draw(&panel).unwrap();
        assert!(svg.starts_with("<svg class=\"chart\" viewBox=\"0 0 1240 860\" role=\"img\" aria-label=\"A &amp; &quot;B&quot;. d\" data-frame=\""));
        for part in ["class=\"c-b1\"", "class=\"c-s1\"", "class=\"c-grid\"", "x &lt; y"] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(!svg.contains("#01") && !svg.contains("NaN"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_drawing_with_any_names_is_read(name in any_name()) {
            let axis = || Axis { label: name.clone(), range: (0.0, 1.0), ticks: Ticks::Plain, count: 4 };
            let layers = vec![
                Layer::Names(vec![(0.5, name.clone())]),
                Layer::Labels(vec![(0.5, 0.5, name.clone())]),
                Layer::Named(Style::Dot, vec![(0.1, 0.1, name.clone())]),
            ];
            let (title, description) = (name.clone(), name.clone());
            let panel = Panel { title, description, x: axis(), y: axis(), size: Size::Small, layers };
            let svg = draw(&panel).unwrap().replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1);
            let tree = resvg::usvg::Tree::from_str(&svg, &Default::default());
            prop_assert!(tree.is_ok(), "{:?}: {svg}", tree.err());
        }
    }
}
