//! From the view's points to panels: which curves share a panel, and what a reader is told about them.

pub mod panel;
pub mod svg;

use super::view::curve::{Band, Curves, Deciles, Line, LossCurve, Losses};
use panel::{Axis, Layer, Panel, Ticks, range};
use svg::{REFERENCES, SERIES, Style};

/// A panel with its heading and its legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it shows, above the panel.
    pub heading: String,
    /// What is drawn.
    pub panel: Panel,
    /// Names of what is drawn.
    pub legend: Vec<(Style, String)>,
    /// A remark under the panel.
    pub remark: String,
}

/// Panels of uplift or Qini curves: one per backbone, with at most six methods each, on common axes.
pub fn curves(what: &str, y_label: &str, curves: &Curves) -> Vec<Figure> {
    let methods = curves.methods.iter().flat_map(|band| band.low.iter().chain(&band.high));
    let references = curves.references.iter().flat_map(|line| &line.values);
    let y = range(methods.chain(references).copied());
    groups(&curves.methods)
        .into_iter()
        .map(|group| curve_figure((what, y_label), curves, &group, y))
        .collect()
}

fn groups(methods: &[Band]) -> Vec<Vec<&Band>> {
    let mut backbones: Vec<&str> = Vec::new();
    for band in methods {
        if !backbones.contains(&band.backbone.as_str()) {
            backbones.push(&band.backbone);
        }
    }
    if methods.len() <= SERIES {
        return if methods.is_empty() { Vec::new() } else { vec![methods.iter().collect()] };
    }
    let of = |backbone: &&str| methods.iter().filter(|band| band.backbone == *backbone).collect::<Vec<_>>();
    backbones
        .iter()
        .map(of)
        .flat_map(|group| group.chunks(SERIES).map(<[_]>::to_vec).collect::<Vec<_>>())
        .collect()
}

fn curve_figure((what, y_label): (&str, &str), curves: &Curves, group: &[&Band], y: (f64, f64)) -> Figure {
    let points =
        |values: &[f64]| curves.share.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
    let mut layers = Vec::new();
    let mut legend = Vec::new();
    for (index, band) in group.iter().enumerate() {
        let area = curves
            .share
            .iter()
            .zip(band.low.iter().zip(&band.high))
            .map(|(x, (low, high))| (*x, *low, *high));
        layers.push(Layer::Band(Style::Band(index), area.collect()));
        legend.push((Style::Series(index), band.name.clone()));
    }
    for line in &curves.references {
        layers.push(Layer::Line(reference(line), points(&line.values)));
        legend.push((reference(line), line.name.clone()));
    }
    for (index, band) in group.iter().enumerate() {
        layers.push(Layer::Line(Style::Series(index), points(&band.mean)));
    }
    let names: Vec<&str> = group.iter().map(|band| band.name.as_str()).collect();
    Figure {
        heading: what.to_string(),
        panel: Panel {
            title: what.to_string(),
            description: format!(
                "{y_label} against the share of rows treated, best first: {}",
                names.join(", ")
            ),
            x: Axis {
                label: "share of rows treated, best first".to_string(),
                range: (0.0, 1.0),
                ticks: Ticks::Percent,
            },
            y: Axis { label: y_label.to_string(), range: y, ticks: Ticks::Plain },
            layers,
        },
        legend,
        remark: String::new(),
    }
}

fn reference(line: &Line) -> Style {
    Style::Reference(REFERENCES.iter().position(|name| *name == line.name).unwrap_or(0))
}

/// Panels of uplift by decile, one per method on common axes.
pub fn deciles(methods: &[Deciles]) -> Vec<Figure> {
    let values = methods.iter().flat_map(|method| &method.points).flat_map(|point| {
        let error = point.standard_error.unwrap_or(0.0);
        let observed = point.observed.map(|value| [value - error, value + error]);
        observed.into_iter().flatten().chain([point.predicted]).chain(point.truth).collect::<Vec<_>>()
    });
    let y = range(values.chain([0.0]));
    methods.iter().map(|method| decile_figure(method, y)).collect()
}

fn decile_figure(method: &Deciles, y: (f64, f64)) -> Figure {
    let at = |point: &super::view::curve::DecilePoint| point.decile as f64;
    let bars = method.points.iter().filter_map(|point| {
        let (value, error) = (point.observed?, point.standard_error?);
        Some((at(point), value - error, value + error))
    });
    let observed = method.points.iter().filter_map(|point| Some((at(point), point.observed?)));
    let predicted = method.points.iter().map(|point| (at(point), point.predicted));
    let truth: Vec<_> = method.points.iter().filter_map(|point| Some((at(point), point.truth?))).collect();
    let mut legend = vec![
        (Style::Series(0), "observed, with standard error".to_string()),
        (Style::Series(1), "predicted".to_string()),
    ];
    if !truth.is_empty() {
        legend.push((Style::Reference(3), "true effect".to_string()));
    }
    Figure {
        heading: method.name.clone(),
        panel: Panel {
            title: format!("Uplift by decile: {}", method.name),
            description: "Observed and predicted uplift in each tenth of the test rows, best first"
                .to_string(),
            x: Axis { label: "decile, best first".to_string(), range: (0.5, 10.5), ticks: Ticks::Whole },
            y: Axis { label: "uplift per row".to_string(), range: y, ticks: Ticks::Plain },
            layers: vec![
                Layer::Line(Style::Zero, vec![(0.5, 0.0), (10.5, 0.0)]),
                Layer::Line(Style::Reference(3), truth),
                Layer::Bars(Style::Axis, bars.collect()),
                Layer::Dots(Style::Series(0), observed.collect()),
                Layer::Dashes(Style::Series(1), predicted.collect()),
            ],
        },
        legend,
        remark: String::new(),
    }
}

/// Panels of training losses, one per method, each with its own vertical axis: losses of different objectives
/// cannot be compared.
pub fn losses(methods: &[Losses]) -> Vec<Figure> {
    methods.iter().map(loss_figure).collect()
}

fn loss_figure(method: &Losses) -> Figure {
    let seeds = || method.seeds.iter();
    let values = seeds().flat_map(|seed| seed.total.iter().chain(&seed.validation)).map(|(_, loss)| *loss);
    let last = seeds().flat_map(|seed| seed.total.last()).map(|(epoch, _)| *epoch).fold(2.0, f64::max);
    let mut layers: Vec<Layer> =
        seeds().map(|seed| Layer::Line(Style::Series(0), seed.total.clone())).collect();
    let mut legend = vec![(Style::Series(0), "training, a line per seed".to_string())];
    if seeds().any(|seed| !seed.validation.is_empty()) {
        layers.extend(seeds().map(|seed| Layer::Line(Style::Series(1), seed.validation.clone())));
        legend.push((Style::Series(1), "validation".to_string()));
    }
    let stopped = |seed: &LossCurve| seed.diverged.and_then(|_| seed.total.last().copied());
    layers.push(Layer::Dots(Style::Series(1), seeds().filter_map(stopped).collect()));
    Figure {
        heading: method.name.clone(),
        panel: Panel {
            title: format!("Training loss: {}", method.name),
            description: "Weighted total loss by epoch, one line per seed".to_string(),
            x: Axis { label: "epoch".to_string(), range: (1.0, last), ticks: Ticks::Whole },
            y: Axis { label: "total loss".to_string(), range: range(values), ticks: Ticks::Plain },
            layers,
        },
        legend,
        remark: remark(method),
    }
}

fn remark(method: &Losses) -> String {
    let terms: Vec<String> =
        method.last_terms.iter().map(|(term, value)| format!("{term} {value:.4}")).collect();
    let mut parts = Vec::new();
    if !terms.is_empty() {
        parts.push(format!("Last epoch, before weights: {}.", terms.join(", ")));
    }
    for seed in &method.seeds {
        if let Some(epoch) = seed.diverged {
            parts.push(format!("Seed {} diverged in epoch {epoch} (dot).", seed.seed));
        }
    }
    parts.join(" ")
}
