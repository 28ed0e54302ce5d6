//! True AUUC by epoch, a panel per backbone: learning and overfitting in one look.

use super::{even_parts, reference_style};
use valor_analysis::cell::ReferenceView;
use valor_analysis::learning::Learning;
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::Style;

const METRIC: &str = "auuc.true";

/// One figure per backbone or part of it, on common axes; none where nothing was noted.
pub(crate) fn learning(methods: &[Learning], references: &[ReferenceView]) -> Vec<Figure> {
    let mut groups: Vec<Vec<&Learning>> = Vec::new();
    for method in methods {
        match groups.iter_mut().find(|group| group[0].backbone == method.backbone) {
            Some(group) => group.push(method),
            None => groups.push(vec![method]),
        }
    }
    // A backbone with a single method would waste a figure: those stand together.
    let (single, several): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.len() == 1);
    let single: Vec<&Learning> = single.into_iter().flatten().collect();
    let groups = several.into_iter().chain((!single.is_empty()).then_some(single));
    let lines: Vec<(Style, &str, f64)> = references
        .iter()
        .filter_map(|row| {
            Some((reference_style(&row.ranker), row.ranker.as_str(), row.metrics.get(METRIC)?.value()?))
        })
        .collect();
    let epochs = methods.iter().map(|method| method.by_epoch.len()).max().unwrap_or(1).max(2) as f64;
    let values = methods.iter().flat_map(|method| method.by_epoch.iter().copied().chain([method.kept_value]));
    let y = range(values.chain(lines.iter().map(|(_, _, value)| *value)));
    groups.flat_map(|group| even_parts(&group)).map(|group| figure(&group, &lines, epochs, y)).collect()
}

fn figure(group: &[&Learning], lines: &[(Style, &str, f64)], epochs: f64, y: (f64, f64)) -> Figure {
    let series = || group.iter().enumerate();
    let curve = |method: &Learning| -> Vec<(f64, f64)> {
        (1..).map(f64::from).zip(method.by_epoch.iter().copied()).collect()
    };
    let mut layers: Vec<Layer> = lines
        .iter()
        .map(|(style, _, value)| Layer::Line(*style, vec![(1.0, *value), (epochs, *value)]))
        .collect();
    layers.extend(series().map(|(index, method)| Layer::Line(Style::Series(index), curve(method))));
    layers.push(Layer::Named(
        Style::Dot,
        group.iter().map(|method| (method.kept_epoch, method.kept_value, method.method.clone())).collect(),
    ));
    let mut legend: Vec<(Style, String)> =
        series().map(|(index, method)| (Style::Series(index), method.method.clone())).collect();
    legend.push((Style::Dot, "the epoch kept, mean over seeds".to_string()));
    legend.extend(lines.iter().map(|(style, name, _)| (*style, (*name).to_string())));
    let names: Vec<&str> = group.iter().map(|method| method.method.as_str()).collect();
    Figure {
        legend,
        panels: vec![TitledPanel {
            heading: names
                .first()
                .map_or_else(String::new, |first| format!("{METRIC} by epoch: {first} and others")),
            panel: Panel {
                title: format!("{METRIC} by epoch"),
                description: format!("{METRIC} after every epoch, mean over seeds: {}", names.join(", ")),
                x: Axis { label: "epoch".to_string(), range: (1.0, epochs), ticks: Ticks::Whole, count: 8 },
                y: Axis { label: METRIC.to_string(), range: y, ticks: Ticks::Plain, count: 6 },
                size: Size::Large,
                layers,
            },
            remark: kept(group),
        }],
    }
}

/// Which epochs were kept.
fn kept(group: &[&Learning]) -> String {
    let one = |method: &&Learning| match method.kept_between {
        [first, last] if first == last => format!("{} {first}", method.method),
        [first, last] => format!("{} {first} to {last}", method.method),
    };
    format!("Epochs kept: {}.", group.iter().map(one).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method(name: &str, backbone: &str) -> Learning {
        Learning {
            method: name.to_string(),
            backbone: backbone.to_string(),
            by_epoch: vec![0.1, 0.3, 0.2],
            kept_epoch: 2.2,
            kept_value: 0.29,
            kept_between: [2, 3],
        }
    }

    #[test]
    fn backbones_have_figures_of_their_own_and_single_methods_share_one() {
        let methods = [
            method("T", "tarnet"),
            method("S", "s-learner"),
            method("T +ziln", "tarnet"),
            method("E", "efin"),
        ];
        let figures = learning(&methods, &[]);
        let names: Vec<Vec<&str>> = figures
            .iter()
            .map(|figure| figure.legend.iter().map(|(_, name)| name.as_str()).collect())
            .collect();
        let kept = "the epoch kept, mean over seeds";
        assert_eq!(names, [vec!["T", "T +ziln", kept], vec!["S", "E", kept]]);
        let panel = &figures[0].panels[0];
        assert_eq!(panel.remark, "Epochs kept: T 2 to 3, T +ziln 2 to 3.");
        assert_eq!(
            panel.panel.layers[0],
            Layer::Line(Style::Series(0), vec![(1.0, 0.1), (2.0, 0.3), (3.0, 0.2)])
        );
        assert_eq!(learning(&[], &[]), []);
    }
}
