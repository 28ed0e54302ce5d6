//! Calibration: what a method predicted for its deciles against what was observed in them.

use super::DecileWords;
use valor_analysis::curve::{DecilePoint, Deciles};
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::Style;

/// A small panel per method, each with its own axes: predictions of different objectives differ in scale.
pub(crate) fn calibration(methods: &[Deciles]) -> Figure {
    let mut legend = vec![
        (Style::Dot, "observed".to_string()),
        (Style::Interval, "95 % interval".to_string()),
        (Style::Zero, "predicted as observed".to_string()),
    ];
    legend.extend(DecileWords::truth_of(methods).map(|truth| (Style::Mark, truth.to_string())));
    Figure { legend, panels: methods.iter().map(figure).collect() }
}

fn figure(method: &Deciles) -> TitledPanel {
    let words = DecileWords::of(method.asks);
    let points = || method.points.iter();
    let x = range(points().map(|point| point.predicted));
    let y = range(points().flat_map(heights).chain([0.0]));
    let dots = points().filter_map(|point| Some((point.predicted, point.observed?)));
    let truth = points().filter_map(|point| Some((point.predicted, point.truth?)));
    TitledPanel {
        heading: method.name.clone(),
        panel: Panel {
            title: format!("Calibration of {}: {}", words.what, method.name),
            description: format!("Observed against predicted {} in each tenth of the test rows", words.what),
            x: Axis { label: format!("predicted {}", words.what), range: x, ticks: Ticks::Plain, count: 5 },
            y: Axis { label: words.up.to_string(), range: y, ticks: Ticks::Plain, count: 5 },
            size: Size::Small,
            layers: vec![
                Layer::Line(Style::Zero, diagonal(x, y)),
                Layer::Bars(Style::Interval, points().filter_map(interval).collect()),
                Layer::Marks(Style::Mark, truth.collect()),
                Layer::Dots(Style::Dot, dots.collect()),
            ],
        },
        remark: String::new(),
    }
}

fn interval(point: &DecilePoint) -> Option<(f64, f64, f64)> {
    point.interval().map(|(low, high)| (point.predicted, low, high))
}

/// Everything drawn at a decile.
fn heights(point: &DecilePoint) -> Vec<f64> {
    let interval = point.interval().map(|(low, high)| [low, high]);
    interval.into_iter().flatten().chain(point.observed).chain(point.truth).collect()
}

/// The part of `y = x` inside the panel; nothing where it passes by.
fn diagonal(x: (f64, f64), y: (f64, f64)) -> Vec<(f64, f64)> {
    let (low, high) = (x.0.max(y.0), x.1.min(y.1));
    if low < high { vec![(low, low), (high, high)] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_base::question::Question;

    #[test]
    fn deciles_stand_at_their_predictions_with_intervals() {
        let point = |decile, observed, predicted| DecilePoint {
            decile,
            observed,
            standard_error: observed.map(|_| 1.0),
            predicted,
            truth: Some(0.5),
        };
        let points = vec![point(1, Some(3.0), 2.0), point(2, None, 1.0)];
        let plotted = calibration(&[Deciles { name: "A".to_string(), asks: Question::Uplift, points }]);
        let panel = &plotted.panels[0].panel;
        let Layer::Bars(Style::Interval, bars) = &panel.layers[1] else { panic!() };
        assert!(bars.len() == 1 && bars[0].0 == 2.0 && (bars[0].2 - 3.0 - 1.96).abs() < 1e-4, "{bars:?}");
        assert_eq!(panel.layers[2], Layer::Marks(Style::Mark, vec![(2.0, 0.5), (1.0, 0.5)]));
        assert_eq!(panel.layers[3], Layer::Dots(Style::Dot, vec![(2.0, 3.0)]));
        assert_eq!(plotted.legend.len(), 4);
    }

    #[test]
    fn the_diagonal_stays_inside_or_is_absent() {
        assert_eq!(diagonal((0.0, 2.0), (1.0, 5.0)), [(1.0, 1.0), (2.0, 2.0)]);
        assert_eq!(diagonal((0.0, 1.0), (2.0, 5.0)), []);
    }
}
