//! Latency against quality: what a better ranking costs when a single account is scored.

use valor_analysis::MetricView;
use valor_analysis::block::Cost;
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::Style;

/// Methods by median milliseconds of a single row and by a metric; nothing where fewer than two have both.
pub(crate) fn quality(metric: &MetricView, costs: &[Cost]) -> Option<Figure> {
    let legend = vec![(Style::Dot, "a method; named where none is both faster and better".to_string())];
    (costs.len() > 1).then(|| Figure { legend, panels: vec![panel(&metric.name, costs)] })
}

fn panel(metric: &str, costs: &[Cost]) -> TitledPanel {
    let point = |cost: &Cost| (cost.milliseconds, cost.value, cost.method.clone());
    let named = costs.iter().filter(|cost| cost.undominated).map(point);
    TitledPanel {
        heading: format!("Latency against {metric}"),
        panel: Panel {
            title: format!("Latency against {metric}"),
            description: "Each method's mean and its median time for a single row".to_string(),
            x: Axis {
                label: "milliseconds for one row, median".to_string(),
                range: range(costs.iter().map(|cost| cost.milliseconds).chain([0.0])),
                ticks: Ticks::Plain,
                count: 5,
            },
            y: Axis {
                label: metric.to_string(),
                range: range(costs.iter().map(|cost| cost.value)),
                ticks: Ticks::Plain,
                count: 6,
            },
            size: Size::Large,
            layers: vec![
                Layer::Labels(named.collect()),
                Layer::Named(Style::Dot, costs.iter().map(point).collect()),
            ],
        },
        remark: String::new(),
    }
}
