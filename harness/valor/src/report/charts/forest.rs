//! Forests: a line per method with its difference from the baseline, or per component with its effect.

use valor_analysis::contrasts::ContrastView;
use valor_analysis::effects::{EffectView, EffectsView};
use valor_page::figure::{Figure, TitledPanel};
use valor_page::forest::{Forest, Line, short};
use valor_page::panel::Ticks;
use valor_page::svg::Style;

/// Longest name that is written out; the table beside the chart has it whole.
pub(super) const LONGEST: usize = 26;

/// Differences in the first metric, over all datasets if there are several; nothing where none is defined.
pub(crate) fn forest(contrasts: &[ContrastView]) -> Option<Figure> {
    let last = contrasts.last()?;
    let metric = &contrasts[0].metric;
    let shown =
        contrasts.iter().filter(|contrast| contrast.metric == *metric && contrast.dataset == last.dataset);
    let line = |contrast: &ContrastView| Line {
        name: contrast.method.clone(),
        value: contrast.value(),
        ends: contrast.interval().as_ref().ok().map(|interval| (interval.low, interval.high)),
    };
    let over = last.dataset.clone().unwrap_or_else(|| "average over datasets".to_string());
    let panel = Forest {
        heading: format!("{metric}: {over}"),
        title: format!("Differences in {metric}"),
        description: format!("Difference of each method from {}, {over}", last.baseline),
        label: format!("{metric}, method minus {}", short(&last.baseline, LONGEST)),
        ticks: Ticks::Plain,
        longest: LONGEST,
        named: true,
        lines: shown.map(line).collect(),
    };
    let text = "difference, with 95 % interval over paired seeds and test rows";
    Some(Figure { legend: vec![(Style::Dot, text.to_string())], panels: vec![panel.panel()?] })
}

/// Effects of components in a metric, one panel per model; nothing where none was fitted.
pub(crate) fn effects(models: &[EffectsView], metric: &str) -> Option<Figure> {
    let line = |term: &EffectView| Line {
        name: term.name.replace(':', " with "),
        value: term.estimate,
        ends: term.ci.as_ref().map(|interval| (interval.low, interval.high)),
    };
    let drawn = |model: &EffectsView| {
        let kind = if model.interactions { "components and their pairs" } else { "components" };
        let forest = Forest {
            heading: format!("{metric}: {kind}"),
            title: format!("Effects of {kind} on {metric}"),
            description: format!("Effect of each term of {}", model.formula),
            label: format!("effect on {metric}"),
            ticks: Ticks::Plain,
            longest: LONGEST,
            named: true,
            lines: model.terms.iter().map(line).collect(),
        };
        forest.panel()
    };
    let panels: Vec<TitledPanel> =
        models.iter().filter(|model| model.metric == metric).filter_map(drawn).collect();
    let text = "effect, with 95 % interval for these backbones";
    (!panels.is_empty()).then(|| Figure { legend: vec![(Style::Dot, text.to_string())], panels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_page::panel::Layer;
    use valor_stats::metrics::Undefined;
    use valor_stats::stats::Interval;

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
            difference: ends.map(|[low, high]| (low + high) / 2.0).ok_or_else(|| Undefined::new("failed")),
            ci: ends.map(interval).ok_or_else(|| Undefined::new("failed")),
            ci_rows: Err(Undefined::new("not resampled")),
            ci_both: Err(Undefined::new("not resampled")),
            share_above_zero: None,
            seeds_paired: 3,
            variance: None,
            gain: Err(Undefined::new("not resampled")),
            level: None,
            decided: None,
            undecided: None,
            instead: None,
            observed: None,
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
        let figure = forest(&all).unwrap();
        let panel = &figure.panels[0].panel;
        let dots = [(2.0, 2.0, "one"), (-1.5, 0.0, "a name that is longer than it can be")];
        let dots = dots.map(|(x, y, name)| (x, y, name.to_string())).to_vec();
        assert_eq!(panel.layers[1], Layer::Spans(Style::Span, vec![(2.0, 1.0, 3.0), (0.0, -2.0, -1.0)]));
        assert_eq!(panel.layers[2], Layer::Named(Style::Dot, dots));
        assert!(panel.x.range.0 < -2.0 && panel.x.range.1 > 3.0 && panel.x.range.1 < 7.0);
        assert_eq!(figure.panels[0].heading, "auuc: average over datasets");
    }

    #[test]
    fn effects_are_drawn_model_by_model() {
        let term = |name: &str, estimate: Option<f64>| EffectView {
            name: name.to_string(),
            estimate,
            ci: None,
            p: None,
            p_adjusted: None,
            rows_reason: None,
            verdict: None,
            margin: None,
            ci_backbones: None,
            alias_of: Vec::new(),
        };
        let model = |metric: &str, terms: Vec<EffectView>| EffectsView {
            metric: metric.to_string(),
            formula: "auuc ~ block + ziln".to_string(),
            interactions: terms.len() > 2,
            rows: 4,
            blocks: 2,
            residual: None,
            terms,
            reason: None,
        };
        let pairs = vec![term("ziln", Some(1.0)), term("wr", None), term("ziln:wr", Some(-2.0))];
        let all = [model("qini", vec![term("ziln", Some(9.0))]), model("auuc", pairs)];
        let figure = effects(&all, "auuc").unwrap();
        assert_eq!(figure.panels.len(), 1);
        let dots = [(1.0, 2.0, "ziln".to_string()), (-2.0, 0.0, "ziln with wr".to_string())].to_vec();
        assert_eq!(figure.panels[0].panel.layers[2], Layer::Named(Style::Dot, dots));
        assert_eq!(figure.panels[0].heading, "auuc: components and their pairs");
        assert_eq!(effects(&all, "krcc"), None);
        assert_eq!(effects(&[model("auuc", vec![term("wr", None)])], "auuc"), None);
    }

    #[test]
    fn nothing_to_compare_draws_nothing() {
        assert_eq!(forest(&[]), None);
        assert_eq!(forest(&[contrast("one", None, "auuc", None)]), None);
    }
}
