//! From an analysis' points to panels: which curves share a panel, and what a reader is told about them.

mod calibration;
mod forest;
mod headline;
pub(super) mod importance;
mod learning;
mod quality;
mod seeds;

pub(super) use calibration::calibration;
pub(super) use forest::{effects, forest};
pub(super) use headline::headline;
pub(super) use learning::{Protocol, learning};
pub(super) use quality::quality;
pub(super) use seeds::seeds;

use valor_analysis::curve::{Band, Curves, DecilePoint, Deciles, Line, LossCurve, Losses};
use valor_analysis::shown::DRAWN;
use valor_base::question::Question;
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::{SERIES, Style};

/// As the oracle's curve is drawn.
const TRUTH: Style = Style::Reference(DRAWN.len() - 1);

/// The kinds of curves beside each other: all methods if a panel can hold them, else one figure per backbone or part of it, on
/// common axes.
pub(super) fn curves(kinds: &[Curves]) -> Vec<Figure> {
    let parted: Vec<(&Curves, Vec<Vec<&Band>>)> =
        kinds.iter().map(|curves| (curves, groups(&curves.methods))).collect();
    let count = parted.iter().map(|(_, groups)| groups.len()).min().unwrap_or(0);
    let figure = |index: usize| Figure {
        legend: parted
            .first()
            .map_or_else(Vec::new, |(curves, groups)| curve_legend(&groups[index], &curves.references)),
        panels: parted
            .iter()
            .map(|(curves, groups)| curve_figure(curves.title, curves, &groups[index]))
            .collect(),
    };
    (0..count).map(figure).collect()
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
    groups.iter().flat_map(|group| even_parts(group)).collect()
}

fn even_parts<T: Copy>(group: &[T]) -> Vec<Vec<T>> {
    let parts = group.len().div_ceil(SERIES);
    group.chunks(group.len().div_ceil(parts)).map(<[_]>::to_vec).collect()
}

fn curve_legend(group: &[&Band], references: &[Line]) -> Vec<(Style, String)> {
    let methods = group.iter().enumerate().map(|(index, band)| (Style::Series(index), band.name.clone()));
    methods.chain(references.iter().map(|line| (reference(line), line.name.clone()))).collect()
}

fn reference(line: &Line) -> Style {
    reference_style(&line.name)
}

/// As a reference ranking is drawn.
fn reference_style(ranker: &str) -> Style {
    Style::Reference(DRAWN.iter().position(|name| *name == ranker).unwrap_or(0))
}

/// What is shaded behind a method's curve: rows resampled, or the span of its seeds where that cannot be.
fn shaded(curves: &Curves, band: &Band, index: usize) -> Vec<Layer> {
    match &band.rows {
        Some(rows) => vec![
            Layer::Band(Style::Outer(index), rows.simultaneous()),
            Layer::Band(Style::Band(index), rows.pointwise()),
        ],
        None => {
            let bounds = band.low.iter().zip(&band.high);
            let span = curves.share.iter().zip(bounds).map(|(x, (low, high))| (*x, *low, *high));
            vec![Layer::Band(Style::Band(index), span.collect())]
        }
    }
}

/// The lowest and highest points of everything that is shaded.
fn extent(curves: &Curves) -> impl Iterator<Item = f64> {
    curves.methods.iter().flat_map(|band| match &band.rows {
        Some(rows) => rows.simultaneous().into_iter().flat_map(|(_, low, high)| [low, high]).collect(),
        None => band.low.iter().chain(&band.high).copied().collect::<Vec<f64>>(),
    })
}

fn curve_figure(what: &str, curves: &Curves, group: &[&Band]) -> TitledPanel {
    let names: Vec<&str> = group.iter().map(|band| band.name.as_str()).collect();
    let references = curves.references.iter().flat_map(|line| line.values.iter().copied());
    let (label, across) = (curves.axes.up, curves.axes.across);
    TitledPanel {
        heading: what.to_string(),
        panel: Panel {
            title: what.to_string(),
            description: format!("{label} against the {across}: {}", names.join(", ")),
            x: Axis { label: across.to_string(), range: (0.0, 1.0), ticks: Ticks::Percent, count: 6 },
            y: Axis {
                label: label.to_string(),
                range: range(extent(curves).chain(references)),
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
    let bands = group.iter().enumerate().flat_map(|(index, band)| shaded(curves, band, index));
    let references = curves.references.iter().map(|line| Layer::Line(reference(line), points(&line.values)));
    let means =
        group.iter().enumerate().map(|(index, band)| Layer::Line(Style::Series(index), points(&band.mean)));
    bands.chain(references).chain(means).collect()
}

/// What deciles are of, for a reader.
struct DecileWords {
    /// What is predicted.
    what: &'static str,
    /// The same at the start of a title.
    title: &'static str,
    /// What is observed of a row.
    up: &'static str,
    /// What is known of it.
    truth: &'static str,
}

impl DecileWords {
    fn of(asks: Question) -> Self {
        match asks {
            Question::Uplift => {
                Self { what: "uplift", title: "Uplift", up: "uplift per row", truth: "true effect" }
            }
            Question::Value => {
                Self { what: "value", title: "Value", up: "outcome per row", truth: "true expectation" }
            }
        }
    }

    /// What the mark of the truth is called; nothing where it is not known.
    fn truth_of(methods: &[Deciles]) -> Option<&'static str> {
        let known = |method: &&Deciles| method.points.iter().any(|point| point.truth.is_some());
        methods.iter().find(known).map(|method| Self::of(method.asks).truth)
    }
}

/// Uplift or value by decile, a small panel per method, on common axes.
pub(super) fn deciles(methods: &[Deciles]) -> Figure {
    let points = || methods.iter().flat_map(|method| &method.points);
    let y = range(points().flat_map(heights).chain([0.0]));
    let mut legend = vec![
        (Style::Dot, "observed".to_string()),
        (Style::Interval, "one standard error".to_string()),
        (Style::Mark, "predicted".to_string()),
    ];
    legend.extend(DecileWords::truth_of(methods).map(|truth| (TRUTH, truth.to_string())));
    Figure { legend, panels: methods.iter().map(|method| decile_figure(method, y)).collect() }
}

/// Everything drawn at a decile.
fn heights(point: &DecilePoint) -> Vec<f64> {
    let observed = point.error().or(point.observed.map(|value| (value, value)));
    observed
        .map(|(low, high)| [low, high])
        .into_iter()
        .flatten()
        .chain([point.predicted])
        .chain(point.truth)
        .collect()
}

fn decile_figure(method: &Deciles, y: (f64, f64)) -> TitledPanel {
    let words = DecileWords::of(method.asks);
    let points = || method.points.iter().map(|point| (point.decile as f64, point));
    let bars = points().filter_map(|(x, point)| point.error().map(|(low, high)| (x, low, high)));
    TitledPanel {
        heading: method.name.clone(),
        panel: Panel {
            title: format!("{} by decile: {}", words.title, method.name),
            description: format!(
                "Observed and predicted {} in each tenth of the test rows, best first",
                words.what
            ),
            x: Axis {
                label: "decile, best first".to_string(),
                range: (0.5, 10.5),
                ticks: Ticks::Whole,
                count: 11,
            },
            y: Axis { label: words.up.to_string(), range: y, ticks: Ticks::Plain, count: 5 },
            size: Size::Small,
            layers: vec![
                Layer::Line(Style::Zero, vec![(0.5, 0.0), (10.5, 0.0)]),
                Layer::Line(TRUTH, points().filter_map(|(x, point)| Some((x, point.truth?))).collect()),
                Layer::Bars(Style::Interval, bars.collect()),
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
pub(super) fn losses(methods: &[Losses]) -> Figure {
    let mut legend = vec![(Style::Training, "training, a line per seed".to_string())];
    if methods.iter().flat_map(|method| &method.seeds).any(|seed| !seed.validation.is_empty()) {
        legend.push((Style::Validation, "validation".to_string()));
    }
    if methods.iter().flat_map(|method| &method.seeds).any(|seed| seed.diverged.is_some()) {
        legend.push((Style::Dot, "last epoch before divergence".to_string()));
    }
    Figure { legend, panels: methods.iter().map(loss_figure).collect() }
}

fn loss_figure(method: &Losses) -> TitledPanel {
    let seeds = || method.seeds.iter();
    let values = seeds().flat_map(|seed| seed.total.iter().chain(&seed.validation)).map(|(_, loss)| *loss);
    let last = seeds().flat_map(|seed| seed.total.last()).map(|(epoch, _)| *epoch).fold(2.0, f64::max);
    let stopped = |seed: &LossCurve| seed.diverged.and_then(|_| seed.total.last().copied());
    let mut layers: Vec<Layer> =
        seeds().map(|seed| Layer::Line(Style::Training, seed.total.clone())).collect();
    layers.extend(seeds().map(|seed| Layer::Line(Style::Validation, seed.validation.clone())));
    layers.push(Layer::Dots(Style::Dot, seeds().filter_map(stopped).collect()));
    TitledPanel {
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

#[cfg(test)]
mod tests {
    use super::*;
    use valor_analysis::curve::RowBand;

    fn band(name: &str, backbone: &str, height: f64) -> Band {
        let line = |offset: f64| vec![0.0, height + offset];
        Band {
            name: name.to_string(),
            backbone: backbone.to_string(),
            mean: line(0.0),
            low: line(-0.1),
            high: line(0.1),
            rows: None,
        }
    }

    fn some(methods: Vec<Band>) -> Curves {
        let references = vec![Line { name: "random".to_string(), values: vec![0.0, 1.0] }];
        Curves { title: "Qini curve", share: vec![0.0, 1.0], methods, references, ..Curves::default() }
    }

    fn names(figure: &Figure) -> Vec<&str> {
        figure.legend.iter().map(|(_, name)| name.as_str()).collect()
    }

    #[test]
    fn few_methods_share_a_panel_and_many_are_parted_evenly_by_backbone() {
        let few = some(vec![band("A", "tarnet", 1.0), band("B", "t-learner", 2.0)]);
        assert_eq!(curves(&[few.clone(), few]).iter().map(names).collect::<Vec<_>>(), [["A", "B", "random"]]);
        let many = ["a", "b", "c", "d", "e", "f"].map(|name| band(name, "tarnet", 1.0));
        let many = some(many.into_iter().chain([band("z", "t-learner", 3.0)]).collect());
        let figures = curves(&[many.clone(), many]);
        let parts: Vec<_> = figures.iter().map(names).collect();
        assert_eq!(
            parts,
            [vec!["a", "b", "c", "random"], vec!["d", "e", "f", "random"], vec!["z", "random"]]
        );
        let ranges: Vec<_> = figures.iter().map(|figure| figure.panels[0].panel.y.range).collect();
        assert!(ranges.iter().all(|range| *range == ranges[0] && range.1 > 3.1), "{ranges:?}");
    }

    #[test]
    fn a_curve_panel_holds_bands_references_and_means() {
        let data = some(vec![band("A", "tarnet", 1.0)]);
        let panel = &curves(&[data.clone(), data])[0].panels[1].panel;
        let layers = [
            Layer::Band(Style::Band(0), vec![(0.0, 0.0, 0.0), (1.0, 0.9, 1.1)]),
            Layer::Line(Style::Reference(0), vec![(0.0, 0.0), (1.0, 1.0)]),
            Layer::Line(Style::Series(0), vec![(0.0, 0.0), (1.0, 1.0)]),
        ];
        assert_eq!(panel.layers, layers);
        assert_eq!((panel.title.as_str(), panel.x.range), ("Qini curve", (0.0, 1.0)));
    }

    #[test]
    fn resampled_rows_replace_the_span_of_the_seeds() {
        let rows = RowBand {
            share: vec![0.0, 1.0],
            mean: vec![0.0, 1.0],
            sd: vec![0.0, 0.5],
            pointwise: 2.0,
            simultaneous: 3.0,
        };
        let data = some(vec![Band { rows: Some(rows), ..band("A", "tarnet", 1.0) }]);
        let panel = &curves(&[data.clone(), data])[0].panels[0].panel;
        let outer = Layer::Band(Style::Outer(0), vec![(0.0, 0.0, 0.0), (1.0, -0.5, 2.5)]);
        let inner = Layer::Band(Style::Band(0), vec![(0.0, 0.0, 0.0), (1.0, 0.0, 2.0)]);
        assert_eq!(panel.layers[..2], [outer, inner]);
        assert!(panel.y.range.1 > 2.5);
    }

    #[test]
    fn a_decile_without_an_arm_has_a_prediction_but_no_observation() {
        let point = |decile, observed: Option<f64>| DecilePoint {
            decile,
            observed,
            standard_error: observed.map(|_| 0.5),
            predicted: -2.0,
            truth: None,
        };
        let figure = deciles(&[Deciles {
            name: "A".to_string(),
            asks: Question::Uplift,
            points: vec![point(1, Some(3.0)), point(2, None)],
        }]);
        let panel = &figure.panels[0].panel;
        assert_eq!(panel.layers[2], Layer::Bars(Style::Interval, vec![(1.0, 2.5, 3.5)]));
        assert_eq!(panel.layers[3], Layer::Dots(Style::Dot, vec![(1.0, 3.0)]));
        assert_eq!(panel.layers[4], Layer::Marks(Style::Mark, vec![(1.0, -2.0), (2.0, -2.0)]));
        assert!(panel.y.range.0 < -2.0 && panel.y.range.1 > 3.5);
        assert_eq!(names(&figure), ["observed", "one standard error", "predicted"]);
    }

    #[test]
    fn a_diverged_seed_ends_in_a_dot_and_is_named() {
        let curve = |seed, diverged| LossCurve {
            seed,
            total: vec![(1.0, 2.0), (2.0, 1.0)],
            validation: Vec::new(),
            diverged,
        };
        let seeds = vec![curve(1, None), curve(2, Some(3))];
        let figure =
            losses(&[Losses { name: "A".to_string(), seeds, last_terms: vec![("mse".to_string(), 1.0)] }]);
        let figure = &figure.panels[0];
        assert_eq!(figure.panel.layers.last(), Some(&Layer::Dots(Style::Dot, vec![(2.0, 1.0)])));
        assert_eq!(figure.remark, "Last epoch, before weights: mse 1.0000. Diverged: seed 2 in epoch 3.");
    }
}
