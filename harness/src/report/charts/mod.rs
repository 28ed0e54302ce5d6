//! From the view's points to panels: which curves share a panel, and what a reader is told about them.

pub mod panel;
pub mod svg;

use super::view::curve::{Band, Curves, DecilePoint, Deciles, Line, LossCurve, Losses};
use super::view::references::RANKERS;
use panel::{Axis, Layer, Panel, Size, Ticks, range};
use svg::{SERIES, Style};

/// Panels that share a legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Plate {
    /// Names of what is drawn.
    pub legend: Vec<(Style, String)>,
    /// Panels.
    pub figures: Vec<Figure>,
}

/// A panel with its heading.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Above the panel.
    pub heading: String,
    /// What is drawn.
    pub panel: Panel,
    /// Under the panel.
    pub remark: String,
}

/// As the oracle's curve is drawn.
const TRUTH: Style = Style::Reference(RANKERS.len() - 1);

/// Uplift beside Qini curves: all methods if a panel can hold them, else one plate per backbone or part of it,
/// on common axes.
pub fn curves(uplift: &Curves, qini: &Curves) -> Vec<Plate> {
    let plate = |(uplift_group, qini_group): (Vec<&Band>, Vec<&Band>)| Plate {
        legend: curve_legend(&uplift_group, &uplift.references),
        figures: vec![
            curve_figure("Uplift curve", uplift, &uplift_group),
            curve_figure("Qini curve", qini, &qini_group),
        ],
    };
    groups(&uplift.methods).into_iter().zip(groups(&qini.methods)).map(plate).collect()
}

/// All methods if they fit, else those of each backbone, in even parts.
fn groups(methods: &[Band]) -> Vec<Vec<&Band>> {
    let mut groups: Vec<Vec<&Band>> = Vec::new();
    for band in methods {
        match groups.iter_mut().find(|group| group[0].backbone == band.backbone || methods.len() <= SERIES) {
            Some(group) => group.push(band),
            None => groups.push(vec![band]),
        }
    }
    groups.iter().flat_map(even_parts).collect()
}

fn even_parts<'a>(group: &Vec<&'a Band>) -> Vec<Vec<&'a Band>> {
    let parts = group.len().div_ceil(SERIES);
    group.chunks(group.len().div_ceil(parts)).map(<[_]>::to_vec).collect()
}

fn curve_legend(group: &[&Band], references: &[Line]) -> Vec<(Style, String)> {
    let methods = group.iter().enumerate().map(|(index, band)| (Style::Series(index), band.name.clone()));
    methods.chain(references.iter().map(|line| (reference(line), line.name.clone()))).collect()
}

fn reference(line: &Line) -> Style {
    Style::Reference(RANKERS.iter().position(|name| *name == line.name).unwrap_or(0))
}

fn curve_figure(what: &str, curves: &Curves, group: &[&Band]) -> Figure {
    let names: Vec<&str> = group.iter().map(|band| band.name.as_str()).collect();
    let methods = curves.methods.iter().flat_map(|band| band.low.iter().chain(&band.high));
    let references = curves.references.iter().flat_map(|line| &line.values);
    let label = "gain per row of the list";
    Figure {
        heading: what.to_string(),
        panel: Panel {
            title: what.to_string(),
            description: format!(
                "{label} against the share of rows treated, best first: {}",
                names.join(", ")
            ),
            x: Axis {
                label: "share of rows treated, best first".to_string(),
                range: (0.0, 1.0),
                ticks: Ticks::Percent,
                count: 6,
            },
            y: Axis {
                label: label.to_string(),
                range: range(methods.chain(references).copied()),
                ticks: Ticks::Plain,
                count: 6,
            },
            size: Size::Large,
            layers: curve_layers(curves, group),
        },
        remark: String::new(),
    }
}

fn curve_layers(curves: &Curves, group: &[&Band]) -> Vec<Layer> {
    let points =
        |values: &[f64]| curves.share.iter().copied().zip(values.iter().copied()).collect::<Vec<_>>();
    let area = |band: &Band| {
        let bounds = band.low.iter().zip(&band.high);
        curves.share.iter().zip(bounds).map(|(x, (low, high))| (*x, *low, *high)).collect()
    };
    let bands = group.iter().enumerate().map(|(index, band)| Layer::Band(Style::Band(index), area(band)));
    let references = curves.references.iter().map(|line| Layer::Line(reference(line), points(&line.values)));
    let means =
        group.iter().enumerate().map(|(index, band)| Layer::Line(Style::Series(index), points(&band.mean)));
    bands.chain(references).chain(means).collect()
}

/// Uplift by decile, a small panel per method, on common axes.
pub fn deciles(methods: &[Deciles]) -> Plate {
    let points = || methods.iter().flat_map(|method| &method.points);
    let y = range(points().flat_map(heights).chain([0.0]));
    let mut legend = vec![
        (Style::Dot, "observed, with standard error".to_string()),
        (Style::Mark, "predicted".to_string()),
    ];
    if points().any(|point| point.truth.is_some()) {
        legend.push((TRUTH, "true effect".to_string()));
    }
    Plate { legend, figures: methods.iter().map(|method| decile_figure(method, y)).collect() }
}

/// Everything drawn at a decile.
fn heights(point: &DecilePoint) -> Vec<f64> {
    let error = point.standard_error.unwrap_or(0.0);
    let observed = point.observed.map(|value| [value - error, value + error]);
    observed.into_iter().flatten().chain([point.predicted]).chain(point.truth).collect()
}

fn decile_figure(method: &Deciles, y: (f64, f64)) -> Figure {
    let points = || method.points.iter().map(|point| (point.decile as f64, point));
    let bars = points().filter_map(|(x, point)| {
        let (value, error) = (point.observed?, point.standard_error?);
        Some((x, value - error, value + error))
    });
    Figure {
        heading: method.name.clone(),
        panel: Panel {
            title: format!("Uplift by decile: {}", method.name),
            description: "Observed and predicted uplift in each tenth of the test rows, best first"
                .to_string(),
            x: Axis {
                label: "decile, best first".to_string(),
                range: (0.5, 10.5),
                ticks: Ticks::Whole,
                count: 11,
            },
            y: Axis { label: "uplift per row".to_string(), range: y, ticks: Ticks::Plain, count: 5 },
            size: Size::Small,
            layers: vec![
                Layer::Line(Style::Zero, vec![(0.5, 0.0), (10.5, 0.0)]),
                Layer::Line(TRUTH, points().filter_map(|(x, point)| Some((x, point.truth?))).collect()),
                Layer::Bars(Style::Axis, bars.collect()),
                Layer::Dots(
                    Style::Dot,
                    points().filter_map(|(x, point)| Some((x, point.observed?))).collect(),
                ),
                Layer::Marks(Style::Mark, points().map(|(x, point)| (x, point.predicted)).collect()),
            ],
        },
        remark: String::new(),
    }
}

/// Training losses, a small panel per method, each with its own vertical axis: losses of different objectives
/// cannot be compared.
pub fn losses(methods: &[Losses]) -> Plate {
    let mut legend = vec![(Style::Training, "training, a line per seed".to_string())];
    if methods.iter().flat_map(|method| &method.seeds).any(|seed| !seed.validation.is_empty()) {
        legend.push((Style::Validation, "validation".to_string()));
    }
    if methods.iter().flat_map(|method| &method.seeds).any(|seed| seed.diverged.is_some()) {
        legend.push((Style::Dot, "last epoch before divergence".to_string()));
    }
    Plate { legend, figures: methods.iter().map(loss_figure).collect() }
}

fn loss_figure(method: &Losses) -> Figure {
    let seeds = || method.seeds.iter();
    let values = seeds().flat_map(|seed| seed.total.iter().chain(&seed.validation)).map(|(_, loss)| *loss);
    let last = seeds().flat_map(|seed| seed.total.last()).map(|(epoch, _)| *epoch).fold(2.0, f64::max);
    let stopped = |seed: &LossCurve| seed.diverged.and_then(|_| seed.total.last().copied());
    let mut layers: Vec<Layer> =
        seeds().map(|seed| Layer::Line(Style::Training, seed.total.clone())).collect();
    layers.extend(seeds().map(|seed| Layer::Line(Style::Validation, seed.validation.clone())));
    layers.push(Layer::Dots(Style::Dot, seeds().filter_map(stopped).collect()));
    Figure {
        heading: method.name.clone(),
        panel: Panel {
            title: format!("Training loss: {}", method.name),
            description: "Weighted total loss by epoch, one line per seed".to_string(),
            x: Axis { label: "epoch".to_string(), range: (1.0, last), ticks: Ticks::Whole, count: 6 },
            y: Axis { label: "total loss".to_string(), range: range(values), ticks: Ticks::Plain, count: 5 },
            size: Size::Small,
            layers,
        },
        remark: remark(method),
    }
}

fn remark(method: &Losses) -> String {
    let terms: Vec<String> =
        method.last_terms.iter().map(|(term, value)| format!("{term} {value:.4}")).collect();
    let last = (!terms.is_empty()).then(|| format!("Last epoch, before weights: {}.", terms.join(", ")));
    let diverged = method
        .seeds
        .iter()
        .filter_map(|seed| Some(format!("seed {} in epoch {}", seed.seed, seed.diverged?)));
    let diverged: Vec<String> = diverged.collect();
    let diverged = (!diverged.is_empty()).then(|| format!("Diverged: {}.", diverged.join(", ")));
    last.into_iter().chain(diverged).collect::<Vec<_>>().join(" ")
}
