//! Latency against quality: what a better ranking costs when a single account is scored.

use valor_analysis::cell::CellView;
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::Style;
use valor_stats::metrics::Direction;

/// One method: milliseconds for a row, the metric, the name.
type Point = (f64, f64, String);

/// Methods by median milliseconds of a single row and by `metric`; nothing where fewer than two have both.
pub fn quality(metric: &str, better: Direction, cells: &[CellView]) -> Option<Figure> {
    let point = |cell: &CellView| {
        let latency = cell.times.as_ref()?.single_median_ms?;
        Some((latency, cell.metrics.get(metric)?.mean?, cell.method.clone()))
    };
    let points: Vec<Point> = cells.iter().filter_map(point).collect();
    let legend = vec![(Style::Dot, "a method; named where none is both faster and better".to_string())];
    (points.len() > 1).then(|| Figure { legend, panels: vec![figure(metric, better, points)] })
}

fn figure(metric: &str, better: Direction, points: Vec<Point>) -> TitledPanel {
    TitledPanel {
        heading: format!("Latency against {metric}"),
        panel: Panel {
            title: format!("Latency against {metric}"),
            description: "Each method's mean and its median time for a single row".to_string(),
            x: Axis {
                label: "milliseconds for one row, median".to_string(),
                range: range(points.iter().map(|point| point.0).chain([0.0])),
                ticks: Ticks::Plain,
                count: 5,
            },
            y: Axis {
                label: metric.to_string(),
                range: range(points.iter().map(|point| point.1)),
                ticks: Ticks::Plain,
                count: 6,
            },
            size: Size::Large,
            layers: vec![Layer::Labels(frontier(&points, better)), Layer::Named(Style::Dot, points)],
        },
        remark: String::new(),
    }
}

/// The methods that no other beats in both.
fn frontier(points: &[Point], better: Direction) -> Vec<Point> {
    let beats = |a: &Point, b: &Point| {
        let (merit_a, merit_b) = (better.merit(a.1), better.merit(b.1));
        a.0 <= b.0 && merit_a >= merit_b && (a.0 < b.0 || merit_a > merit_b)
    };
    points.iter().filter(|point| !points.iter().any(|other| beats(other, point))).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_undominated_methods_are_named() {
        let point = |x: f64, y: f64, name: &str| (x, y, name.to_string());
        let points = [point(1.0, 0.2, "fast"), point(2.0, 0.1, "worse"), point(3.0, 0.4, "good")];
        let names = |better| -> Vec<String> {
            frontier(&points, better).into_iter().map(|(_, _, name)| name).collect()
        };
        assert_eq!(names(Direction::Higher), ["fast", "good"]);
        assert_eq!(names(Direction::Lower), ["fast", "worse"]);
    }
}
