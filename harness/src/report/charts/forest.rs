//! The forest: one metric's differences from the baseline, a line per method.

use super::panel::{Axis, Layer, Panel, Size, Ticks, range};
use super::svg::Style;
use super::{Figure, Plate};
use crate::report::view::contrasts::ContrastView;

/// Longest name that is written out; the table beside the chart has it whole.
const LONGEST: usize = 26;

/// Differences in the first metric, over all datasets if there are several; nothing where none is defined.
pub fn forest(contrasts: &[ContrastView]) -> Option<Plate> {
    let last = contrasts.last()?;
    let metric = &contrasts[0].metric;
    let shown: Vec<&ContrastView> = contrasts
        .iter()
        .filter(|contrast| contrast.metric == *metric && contrast.dataset == last.dataset)
        .collect();
    shown.iter().any(|contrast| contrast.difference.is_some()).then(|| Plate {
        legend: vec![(Style::Dot, "difference, with 95 % interval over paired seeds".to_string())],
        figures: vec![figure(metric, last, &shown)],
    })
}

fn figure(metric: &str, like: &ContrastView, shown: &[&ContrastView]) -> Figure {
    let over = like.dataset.clone().unwrap_or_else(|| "average over datasets".to_string());
    let label = format!("{metric}, method minus {}", short(&like.baseline));
    let bounds = shown.iter().filter_map(|contrast| contrast.ci.as_ref().ok());
    let values = bounds.flat_map(|interval| [interval.low, interval.high]);
    let values = values.chain(shown.iter().filter_map(|contrast| contrast.difference)).chain([0.0]);
    let names: Vec<String> = shown.iter().map(|contrast| short(&contrast.method)).collect();
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    Figure {
        heading: format!("{metric}: {over}"),
        panel: Panel {
            title: format!("Differences in {metric}"),
            description: format!("Difference of each method from {}, {over}", like.baseline),
            x: Axis { label, range: range(values), ticks: Ticks::Plain, count: 5 },
            y: Axis {
                label: String::new(),
                range: (-0.5, shown.len() as f64 - 0.5),
                ticks: Ticks::Plain,
                count: 0,
            },
            size: Size::Lines { count: shown.len() as u32, letters: widest as u32 },
            layers: layers(shown, names),
        },
        remark: String::new(),
    }
}

fn layers(shown: &[&ContrastView], names: Vec<String>) -> Vec<Layer> {
    let from_top = |index: usize| (shown.len() - 1 - index) as f64;
    let span = |(index, contrast): (usize, &&ContrastView)| {
        contrast.ci.as_ref().ok().map(|interval| (from_top(index), interval.low, interval.high))
    };
    let dot = |(index, contrast): (usize, &&ContrastView)| {
        Some((contrast.difference?, from_top(index), contrast.method.clone()))
    };
    vec![
        Layer::Line(Style::Zero, vec![(0.0, -0.5), (0.0, shown.len() as f64 - 0.5)]),
        Layer::Spans(Style::Span, shown.iter().enumerate().filter_map(span).collect()),
        Layer::Named(Style::Dot, shown.iter().enumerate().filter_map(dot).collect()),
        Layer::Names(names.into_iter().enumerate().map(|(index, name)| (from_top(index), name)).collect()),
    ]
}

/// A name as far as a chart has room for it.
pub fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.to_string();
    }
    name.chars().take(LONGEST - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    fn contrast(method: &str, dataset: Option<&str>, metric: &str, ends: Option<[f64; 2]>) -> ContrastView {
        let interval = |[low, high]: [f64; 2]| Interval {
            low,
            high,
            level: 0.95,
            method: String::new(),
            over: "pairs".to_string(),
            n: 3,
            resamples: None,
            note: None,
        };
        ContrastView {
            dataset: dataset.map(str::to_string),
            method: method.to_string(),
            baseline: "B".to_string(),
            component: None,
            metric: metric.to_string(),
            difference: ends.map(|[low, high]| (low + high) / 2.0),
            reason: None,
            ci: ends.map(interval).ok_or_else(|| "failed".to_string()),
            ci_rows: Err("not resampled".to_string()),
            ci_both: Err("not resampled".to_string()),
            share_above_zero: None,
            seeds_paired: 3,
            variance: None,
            gain: Err("not resampled".to_string()),
            level: None,
            decided: None,
        }
    }

    #[test]
    fn the_average_of_the_first_metric_is_drawn_from_the_top() {
        let all = [
            contrast("one", Some("world"), "auuc", Some([8.0, 9.0])),
            contrast("one", None, "auuc", Some([1.0, 3.0])),
            contrast("one", None, "qini", Some([7.0, 7.5])),
            contrast("failed", None, "auuc", None),
            contrast("a name that is longer than it can be", None, "auuc", Some([-2.0, -1.0])),
        ];
        let plate = forest(&all).unwrap();
        let panel = &plate.figures[0].panel;
        let dots = [(2.0, 2.0, "one"), (-1.5, 0.0, "a name that is longer than it can be")];
        let dots = dots.map(|(x, y, name)| (x, y, name.to_string())).to_vec();
        assert_eq!(panel.layers[1], Layer::Spans(Style::Span, vec![(2.0, 1.0, 3.0), (0.0, -2.0, -1.0)]));
        assert_eq!(panel.layers[2], Layer::Named(Style::Dot, dots));
        let names = ["one", "failed", "a name that is longer tha\u{2026}"].map(str::to_string);
        assert_eq!(panel.layers[3], Layer::Names([2.0, 1.0, 0.0].into_iter().zip(names).collect()));
        assert!(panel.x.range.0 < -2.0 && panel.x.range.1 > 3.0 && panel.x.range.1 < 7.0);
        assert_eq!(plate.figures[0].heading, "auuc: average over datasets");
    }

    #[test]
    fn nothing_to_compare_draws_nothing() {
        assert_eq!(forest(&[]), None);
        assert_eq!(forest(&[contrast("one", None, "auuc", None)]), None);
    }
}
