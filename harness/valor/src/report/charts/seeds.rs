//! Every seed as a dot: one metric on one dataset, a line per method, with the references that frame it.

use super::forest::LONGEST;
use super::reference_style;
use valor_analysis::cell::{CellView, ReferenceView};
use valor_analysis::estimate::MetricEstimate;
use valor_page::figure::{Figure, TitledPanel};
use valor_page::forest::{Rows, short};
use valor_page::panel::{Axis, Layer, Panel, Ticks, range};
use valor_page::svg::Style;

/// Seeds, means and intervals over seeds in `metric`; nothing where no seed has a value.
pub(crate) fn seeds(metric: &str, cells: &[CellView], references: &[ReferenceView]) -> Option<Figure> {
    let rows: Vec<(&str, &MetricEstimate)> =
        cells.iter().filter_map(|cell| Some((cell.method.as_str(), cell.metrics.get(metric)?))).collect();
    let lines: Vec<(Style, &str, f64)> = references
        .iter()
        .filter_map(|row| {
            Some((reference_style(&row.ranker), row.ranker.as_str(), row.metrics.get(metric)?.value()?))
        })
        .collect();
    let mut legend = vec![
        (Style::Seed, "a seed".to_string()),
        (Style::Dot, "mean".to_string()),
        (Style::Span, "95 % interval over seeds".to_string()),
    ];
    legend.extend(lines.iter().map(|(style, name, _)| (*style, (*name).to_string())));
    rows.iter()
        .any(|(_, estimate)| estimate.mean.is_ok())
        .then(|| Figure { legend, panels: vec![figure(metric, &rows, &lines)] })
}

fn figure(metric: &str, rows: &[(&str, &MetricEstimate)], lines: &[(Style, &str, f64)]) -> TitledPanel {
    let ends = rows.iter().filter_map(|(_, estimate)| estimate.ci.as_ref().ok());
    let ends = ends.flat_map(|interval| [interval.low, interval.high]);
    let values = rows.iter().flat_map(|(_, estimate)| estimate.per_seed.values().copied());
    let names: Vec<String> = rows.iter().map(|(name, _)| short(name, LONGEST)).collect();
    let places = Rows(rows.len());
    TitledPanel {
        heading: format!("{metric} of every seed"),
        panel: Panel {
            title: format!("{metric} of every seed"),
            description: "Seeds, mean and interval of each method, and the reference rankings".to_string(),
            x: Axis {
                label: metric.to_string(),
                range: range(values.chain(ends).chain(lines.iter().map(|(_, _, value)| *value))),
                ticks: Ticks::Plain,
                count: 5,
            },
            y: places.axis(),
            size: places.size(&names),
            layers: layers(rows, lines, &places, names),
        },
        remark: String::new(),
    }
}

fn layers(
    rows: &[(&str, &MetricEstimate)],
    lines: &[(Style, &str, f64)],
    places: &Rows,
    names: Vec<String>,
) -> Vec<Layer> {
    let span = |(index, (_, estimate)): (usize, &(&str, &MetricEstimate))| {
        estimate.ci.as_ref().ok().map(|interval| (places.height(index), interval.low, interval.high))
    };
    let seeds = rows.iter().enumerate().flat_map(|(index, (_, estimate))| {
        estimate.per_seed.values().map(move |value| (*value, places.height(index)))
    });
    let mean = |(index, (name, estimate)): (usize, &(&str, &MetricEstimate))| {
        Some((estimate.value()?, places.height(index), (*name).to_string()))
    };
    let mut layers: Vec<Layer> =
        lines.iter().map(|(style, _, value)| places.upright(*style, *value)).collect();
    layers.push(Layer::Spans(Style::Span, rows.iter().enumerate().filter_map(span).collect()));
    layers.push(Layer::Named(Style::Dot, rows.iter().enumerate().filter_map(mean).collect()));
    layers.push(Layer::Dots(Style::Seed, seeds.collect()));
    layers.push(places.names(names));
    layers
}
