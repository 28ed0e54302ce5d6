//! Importance of features: a line per feature, one panel per measure.

use valor_analysis::importance::{FeatureImportanceView, ImportanceView, Spread};
use valor_page::figure::{Figure, TitledPanel};
use valor_page::forest::{Forest, Line};
use valor_page::panel::Ticks;
use valor_page::svg::Style;

/// Features that are drawn.
pub(crate) const DRAWN: usize = 15;
/// Longest name that is written out; the table has it whole.
const LONGEST: usize = 22;

/// Both measures for the leading features of a method.
pub(crate) fn importance(method: &str, found: &ImportanceView) -> Figure {
    let panels = [
        panel(method, "Loss of AUUC when permuted", Ticks::Plain, found, |feature| feature.loss),
        panel(method, "Share of the splits' gain", Ticks::Percent, found, |feature| Some(feature.gain)),
    ];
    Figure {
        legend: vec![(Style::Dot, "mean over seeds, with one SD to each side".to_string())],
        panels: panels.into_iter().flatten().collect(),
    }
}

fn panel(
    method: &str,
    measure: &str,
    ticks: Ticks,
    found: &ImportanceView,
    value: fn(&FeatureImportanceView) -> Option<Spread>,
) -> Option<TitledPanel> {
    let line = |feature: &FeatureImportanceView| Line {
        name: feature.name.clone(),
        value: value(feature).map(|spread| spread.mean),
        ends: value(feature).and_then(|spread| spread.ends()),
    };
    let forest = Forest {
        heading: measure.to_string(),
        title: format!("{measure}, {method}"),
        description: format!("{measure} of the leading features of {method}"),
        label: measure.to_string(),
        ticks,
        longest: LONGEST,
        named: false,
        lines: found.features.iter().take(DRAWN).map(line).collect(),
    };
    forest.panel()
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_page::panel::{Layer, Size};

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
        let figure = importance("ZILN-Tree", &view(30, Some(Spread { mean: 0.02, sd: None })));
        assert_eq!(figure.panels.len(), 2);
        let panel = &figure.panels[0].panel;
        assert_eq!(panel.size, Size::Lines { count: DRAWN as u32, letters: 21 });
        assert_eq!(panel.layers[1], Layer::Spans(Style::Span, Vec::new()), "one seed has no spread");
        let Layer::Dots(_, dots) = &panel.layers[2] else { panic!() };
        assert_eq!((dots.len(), dots[0]), (DRAWN, (0.02, 14.0)));
    }

    #[test]
    fn an_undefined_measure_is_not_drawn() {
        let figure = importance("Causal Forest", &view(2, None));
        assert_eq!(figure.panels.len(), 1);
        assert_eq!(figure.panels[0].heading, "Share of the splits' gain");
    }
}
