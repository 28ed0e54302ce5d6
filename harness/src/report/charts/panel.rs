//! One panel: layers of points on two axes, drawn by plotters as themed SVG.

use super::svg::{self, Style};
use anyhow::{Result, anyhow};
use plotters::prelude::*;

/// Plotters places on whole pixels: drawing larger and scaling down keeps curves smooth.
const SCALE: u32 = 4;
const WIDTH: u32 = 440 * SCALE;
const HEIGHT: u32 = 300 * SCALE;
const FONT: f64 = 12.5 * 1.24 * SCALE as f64;

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
    /// Short horizontal strokes.
    Dashes(Style, Vec<(f64, f64)>),
    /// Vertical bars: `x, low, high`.
    Bars(Style, Vec<(f64, f64, f64)>),
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

/// Draws a panel.
pub fn draw(panel: &Panel) -> Result<String> {
    let mut text = String::new();
    paint(panel, &mut text).map_err(|error| anyhow!("cannot draw '{}': {error}", panel.title))?;
    Ok(svg::themed(&text, &panel.title, &panel.description))
}

type Failed = Box<dyn std::error::Error>;

fn paint(panel: &Panel, text: &mut String) -> Result<(), Failed> {
    let root = SVGBackend::with_string(text, (WIDTH, HEIGHT)).into_drawing_area();
    let mut chart = ChartBuilder::on(&root)
        .margin(4 * SCALE)
        .margin_right(12 * SCALE)
        .x_label_area_size(42 * SCALE)
        .y_label_area_size(58 * SCALE)
        .build_cartesian_2d(panel.x.range.0..panel.x.range.1, panel.y.range.0..panel.y.range.1)?;
    let font = |style: Style| ("sans-serif", FONT).into_font().color(&style.colour());
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(Style::Grid.colour().stroke_width(SCALE))
        .axis_style(Style::Axis.colour().stroke_width(SCALE))
        .label_style(font(Style::Text))
        .axis_desc_style(font(Style::Text))
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| tick(*value, &panel.x))
        .y_label_formatter(&|value| tick(*value, &panel.y))
        .x_desc(&panel.x.label)
        .y_desc(&panel.y.label)
        .draw()?;
    for layer in &panel.layers {
        paint_layer(&mut chart, layer, panel)?;
    }
    root.present()?;
    Ok(())
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn paint_layer(chart: &mut Chart, layer: &Layer, panel: &Panel) -> Result<(), Failed> {
    let stroke = |style: &Style| style.colour().stroke_width(style.width() * SCALE / 2);
    match layer {
        Layer::Band(style, points) => {
            let upper = points.iter().map(|(x, _, high)| (*x, *high));
            let lower = points.iter().rev().map(|(x, low, _)| (*x, *low));
            chart.draw_series([Polygon::new(
                upper.chain(lower).collect::<Vec<_>>(),
                style.colour().filled(),
            )])?;
        }
        Layer::Line(style, points) => {
            chart.draw_series([PathElement::new(points.clone(), stroke(style))])?;
        }
        Layer::Dots(style, points) => {
            let dot = |point: &(f64, f64)| Circle::new(*point, 3 * SCALE, style.colour().filled());
            chart.draw_series(points.iter().map(dot))?;
        }
        Layer::Dashes(style, points) => {
            let half = (panel.x.range.1 - panel.x.range.0) / 40.0;
            let dash =
                |(x, y): &(f64, f64)| PathElement::new(vec![(x - half, *y), (x + half, *y)], stroke(style));
            chart.draw_series(points.iter().map(dash))?;
        }
        Layer::Bars(style, points) => {
            let bar = |(x, low, high): &(f64, f64, f64)| {
                PathElement::new(vec![(*x, *low), (*x, *high)], stroke(style))
            };
            chart.draw_series(points.iter().map(bar))?;
        }
    }
    Ok(())
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
    let decimals = (1.0 - spread.log10().floor()).clamp(0.0, 9.0) as usize;
    crate::report::format::number(value, decimals).replace('-', "\u{2212}")
}
