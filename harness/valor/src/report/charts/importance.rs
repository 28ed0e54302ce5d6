//! Importance of features: a line per feature, one panel per measure.

use valor_analysis::importance::{FeatureImportanceView, ImportanceView, Spread};
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::Style;

/// Features that are drawn.
pub const DRAWN: usize = 15;
/// Longest name that is written out; the table has it whole.
const LONGEST: usize = 22;

/// Both measures for the leading features of a method.
pub fn importance(method: &str, view: &ImportanceView) -> Figure {
    let shown: Vec<&FeatureImportanceView> = view.features.iter().take(DRAWN).collect();
    let loss = |feature: &FeatureImportanceView| feature.loss;
    let gain = |feature: &FeatureImportanceView| Some(feature.gain);
    let figures = [
        figure(method, ("Loss of AUUC when permuted", Ticks::Plain), &shown, &loss),
        figure(method, ("Share of the splits' gain", Ticks::Percent), &shown, &gain),
    ];
    Figure {
        legend: vec![(Style::Dot, "mean over seeds, with one SD to each side".to_string())],
        panels: figures.into_iter().flatten().collect(),
    }
}

fn figure(
    method: &str,
    (measure, ticks): (&str, Ticks),
    shown: &[&FeatureImportanceView],
    value: &dyn Fn(&FeatureImportanceView) -> Option<Spread>,
) -> Option<TitledPanel> {
    let from_top = |place: usize| (shown.len() - 1 - place) as f64;
    let known = shown.iter().enumerate().filter_map(|(place, feature)| Some((place, value(feature)?)));
    let known: Vec<(usize, Spread)> = known.collect();
    let ends = |spread: &Spread| spread.sd.map(|sd| (spread.mean - sd, spread.mean + sd));
    let spans = known
        .iter()
        .filter_map(|(place, spread)| ends(spread).map(|(low, high)| (from_top(*place), low, high)));
    let spans: Vec<(f64, f64, f64)> = spans.collect();
    let dots: Vec<(f64, f64)> = known.iter().map(|(place, spread)| (spread.mean, from_top(*place))).collect();
    let values = spans.iter().flat_map(|(_, low, high)| [*low, *high]).chain(dots.iter().map(|dot| dot.0));
    let names: Vec<String> = shown.iter().map(|feature| short(&feature.name)).collect();
    let letters = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as u32;
    let names = names.into_iter().enumerate().map(|(place, name)| (from_top(place), name)).collect();
    let y = (-0.5, shown.len() as f64 - 0.5);
    let panel = Panel {
        title: format!("{measure}, {method}"),
        description: format!("{measure} of the leading features of {method}"),
        x: Axis { label: measure.to_string(), range: range(values.chain([0.0])), ticks, count: 5 },
        y: Axis { label: String::new(), range: y, ticks: Ticks::Plain, count: 0 },
        size: Size::Lines { count: shown.len() as u32, letters },
        layers: vec![
            Layer::Line(Style::Zero, vec![(0.0, y.0), (0.0, y.1)]),
            Layer::Spans(Style::Span, spans),
            Layer::Dots(Style::Dot, dots),
            Layer::Names(names),
        ],
    };
    (!known.is_empty()).then(|| TitledPanel { heading: measure.to_string(), panel, remark: String::new() })
}

fn short(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.to_string();
    }
    name.chars().take(LONGEST - 1).chain(['\u{2026}']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(count: usize, loss: Option<Spread>) -> ImportanceView {
        let feature = |place: usize| FeatureImportanceView {
            name: format!("a feature with a long name {place}"),
            gain: Spread { mean: 0.5, sd: Some(0.1) },
            loss,
        };
        ImportanceView { seeds: 2, rows: 100, features: (0..count).map(feature).collect() }
    }

    #[test]
    fn the_leading_features_are_drawn_from_the_top() {
        let plate = importance("ZILN-Tree", &view(30, Some(Spread { mean: 0.02, sd: None })));
        assert_eq!(plate.panels.len(), 2);
        let panel = &plate.panels[0].panel;
        assert_eq!(panel.size, Size::Lines { count: DRAWN as u32, letters: LONGEST as u32 });
        assert_eq!(panel.layers[1], Layer::Spans(Style::Span, Vec::new()), "one seed has no spread");
        let Layer::Dots(_, dots) = &panel.layers[2] else { panic!() };
        assert_eq!((dots.len(), dots[0]), (DRAWN, (0.02, 14.0)));
    }

    #[test]
    fn an_undefined_measure_is_not_drawn() {
        let plate = importance("Causal Forest", &view(2, None));
        assert_eq!(plate.panels.len(), 1);
        assert_eq!(plate.panels[0].heading, "Share of the splits' gain");
    }
}
