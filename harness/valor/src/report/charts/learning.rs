//! True AUUC by epoch, a panel per backbone: learning and overfitting in one look.

use super::{even_parts, reference_style};
use valor_analysis::cell::ReferenceView;
use valor_analysis::learning::Learning;
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::Style;

const METRIC: &str = "auuc.true";

/// Networks of one protocol.
pub(crate) struct Protocol<'a> {
    /// What it is called.
    pub(crate) name: &'a str,
    /// Its networks.
    pub(crate) methods: &'a [Learning],
}

/// One figure per backbone or part of it, a panel per protocol, all on common axes; none where nothing was noted.
pub(crate) fn learning(protocols: &[Protocol], references: &[ReferenceView]) -> Vec<Figure> {
    let methods: Vec<&Learning> = protocols.iter().flat_map(|protocol| protocol.methods).collect();
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for method in &methods {
        let name = method.method.as_str();
        match groups.iter_mut().find(|(backbone, _)| *backbone == method.backbone) {
            Some((_, group)) if group.contains(&name) => {}
            Some((_, group)) => group.push(name),
            None => groups.push((&method.backbone, vec![name])),
        }
    }
    // A backbone with a single method would waste a figure: those stand together.
    let (single, several): (Vec<_>, Vec<_>) =
        groups.into_iter().map(|(_, group)| group).partition(|group| group.len() == 1);
    let single: Vec<&str> = single.into_iter().flatten().collect();
    let groups = several.into_iter().chain((!single.is_empty()).then_some(single));
    let lines: Vec<(Style, &str, f64)> = references
        .iter()
        .filter_map(|row| {
            Some((reference_style(&row.ranker), row.ranker.as_str(), row.metrics.get(METRIC)?.value()?))
        })
        .collect();
    let epochs = methods.iter().map(|method| method.by_epoch.len()).max().unwrap_or(1).max(2) as f64;
    let values = methods.iter().flat_map(|method| method.by_epoch.iter().copied().chain([method.kept_value]));
    let axes = Axes { epochs, y: range(values.chain(lines.iter().map(|(_, _, value)| *value))), lines };
    groups.flat_map(|group| even_parts(&group)).map(|group| figure(&group, protocols, &axes)).collect()
}

/// What all panels share.
struct Axes<'a> {
    epochs: f64,
    y: (f64, f64),
    lines: Vec<(Style, &'a str, f64)>,
}

fn figure(group: &[&str], protocols: &[Protocol], axes: &Axes) -> Figure {
    let series = group.iter().enumerate().map(|(index, name)| (Style::Series(index), (*name).to_string()));
    let mut legend: Vec<(Style, String)> = series.collect();
    legend.push((Style::Dot, "the epoch kept, mean over seeds".to_string()));
    legend.extend(axes.lines.iter().map(|(style, name, _)| (*style, (*name).to_string())));
    Figure { legend, panels: protocols.iter().map(|protocol| panel(group, protocol, axes)).collect() }
}

fn panel(group: &[&str], protocol: &Protocol, axes: &Axes) -> TitledPanel {
    let found = |name: &&str| protocol.methods.iter().find(|method| method.method == **name);
    let shown: Vec<(usize, &Learning)> =
        group.iter().enumerate().filter_map(|(index, name)| Some((index, found(name)?))).collect();
    let curve = |method: &Learning| -> Vec<(f64, f64)> {
        (1..).map(f64::from).zip(method.by_epoch.iter().copied()).collect()
    };
    let line = |(style, _, value): &(Style, &str, f64)| {
        Layer::Line(*style, vec![(1.0, *value), (axes.epochs, *value)])
    };
    let mut layers: Vec<Layer> = axes.lines.iter().map(line).collect();
    layers.extend(shown.iter().map(|(index, method)| Layer::Line(Style::Series(*index), curve(method))));
    let kept = shown.iter().map(|(_, method)| (method.kept_epoch, method.kept_value, method.method.clone()));
    layers.push(Layer::Named(Style::Dot, kept.collect()));
    let title = match protocol.name {
        "" => format!("{METRIC} by epoch"),
        name => format!("{METRIC} by epoch, {name}"),
    };
    TitledPanel {
        heading: title.clone(),
        panel: Panel {
            description: format!("{METRIC} after every epoch, mean over seeds: {}", group.join(", ")),
            title,
            x: Axis { label: "epoch".to_string(), range: (1.0, axes.epochs), ticks: Ticks::Whole, count: 8 },
            y: Axis { label: METRIC.to_string(), range: axes.y, ticks: Ticks::Plain, count: 6 },
            size: Size::Large,
            layers,
        },
        remark: remark(&shown),
    }
}

/// Which epochs were kept.
fn remark(shown: &[(usize, &Learning)]) -> String {
    let one = |(_, method): &(usize, &Learning)| match method.kept_between {
        [first, last] if first == last => format!("{} {first}", method.method),
        [first, last] => format!("{} {first} to {last}", method.method),
    };
    match shown {
        [] => "No network of these noted its epochs.".to_string(),
        _ => format!("Epochs kept: {}.", shown.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
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
        let long = [Learning { by_epoch: vec![0.1, 0.2, 0.3, 0.4], ..method("T", "tarnet") }];
        let protocols = [
            Protocol { name: "selected", methods: &methods },
            Protocol { name: "to the letter", methods: &long },
        ];
        let figures = learning(&protocols, &[]);
        let names: Vec<Vec<&str>> = figures
            .iter()
            .map(|figure| figure.legend.iter().map(|(_, name)| name.as_str()).collect())
            .collect();
        let kept = "the epoch kept, mean over seeds";
        assert_eq!(names, [vec!["T", "T +ziln", kept], vec!["S", "E", kept]]);
        let [here, there] = figures[0].panels.as_slice() else { panic!() };
        assert_eq!((here.heading.as_str(), here.panel.x.range), ("auuc.true by epoch, selected", (1.0, 4.0)));
        assert_eq!(here.remark, "Epochs kept: T 2 to 3, T +ziln 2 to 3.");
        let curve = Layer::Line(Style::Series(0), vec![(1.0, 0.1), (2.0, 0.3), (3.0, 0.2)]);
        assert_eq!(here.panel.layers[0], curve);
        assert_eq!((there.panel.layers.len(), there.remark.as_str()), (2, "Epochs kept: T 2 to 3."));
        assert_eq!(figures[1].panels[1].remark, "No network of these noted its epochs.");
        assert_eq!(learning(&[], &[]), []);
    }
}
