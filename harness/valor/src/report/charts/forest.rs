//! Forests: a line per method with its difference from the baseline, or per component with its effect.

use valor_analysis::contrasts::ContrastView;
use valor_analysis::effects::{EffectView, EffectsView};
use valor_page::figure::{Figure, TitledPanel};
use valor_page::panel::{Axis, Layer, Panel, Size, Ticks, range};
use valor_page::svg::Style;

/// Longest name that is written out; the table beside the chart has it whole.
const LONGEST: usize = 26;

/// Differences in the first metric, over all datasets if there are several; nothing where none is defined.
pub fn forest(contrasts: &[ContrastView]) -> Option<Figure> {
    let last = contrasts.last()?;
    let metric = &contrasts[0].metric;
    let shown =
        contrasts.iter().filter(|contrast| contrast.metric == *metric && contrast.dataset == last.dataset);
    let lines: Vec<Line> = shown
        .map(|contrast| Line {
            name: contrast.method.clone(),
            value: contrast.difference,
            ends: contrast.interval().as_ref().ok().map(|interval| (interval.low, interval.high)),
        })
        .collect();
    let over = last.dataset.clone().unwrap_or_else(|| "average over datasets".to_string());
    let text = Text {
        heading: format!("{metric}: {over}"),
        title: format!("Differences in {metric}"),
        description: format!("Difference of each method from {}, {over}", last.baseline),
        label: format!("{metric}, method minus {}", short(&last.baseline)),
    };
    lines.iter().any(|line| line.value.is_some()).then(|| Figure {
        legend: vec![(
            Style::Dot,
            "difference, with 95 % interval over paired seeds and test rows".to_string(),
        )],
        panels: vec![figure(text, &lines)],
    })
}

/// Effects of components in a metric, one figure per model; nothing where none was fitted.
pub fn effects(models: &[EffectsView], metric: &str) -> Option<Figure> {
    let drawn = |model: &EffectsView| {
        let line = |term: &EffectView| Line {
            name: term.name.replace(':', " with "),
            value: term.estimate,
            ends: term.ci.as_ref().map(|interval| (interval.low, interval.high)),
        };
        let lines: Vec<Line> = model.terms.iter().map(line).collect();
        let kind = if model.interactions { "components and their pairs" } else { "components" };
        let text = Text {
            heading: format!("{metric}: {kind}"),
            title: format!("Effects of {kind} on {metric}"),
            description: format!("Effect of each term of {}", model.formula),
            label: format!("effect on {metric}"),
        };
        lines.iter().any(|line| line.value.is_some()).then(|| figure(text, &lines))
    };
    let figures: Vec<TitledPanel> =
        models.iter().filter(|model| model.metric == metric).filter_map(drawn).collect();
    (!figures.is_empty()).then(|| Figure {
        legend: vec![(Style::Dot, "effect, with 95 % interval for these backbones".to_string())],
        panels: figures,
    })
}

/// A line of a forest.
struct Line {
    name: String,
    value: Option<f64>,
    ends: Option<(f64, f64)>,
}

/// What is written about a forest.
struct Text {
    heading: String,
    title: String,
    description: String,
    label: String,
}

fn figure(text: Text, lines: &[Line]) -> TitledPanel {
    let ends = lines.iter().filter_map(|line| line.ends).flat_map(|(low, high)| [low, high]);
    let values = ends.chain(lines.iter().filter_map(|line| line.value)).chain([0.0]);
    let names: Vec<String> = lines.iter().map(|line| short(&line.name)).collect();
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    TitledPanel {
        heading: text.heading,
        panel: Panel {
            title: text.title,
            description: text.description,
            x: Axis { label: text.label, range: range(values), ticks: Ticks::Plain, count: 5 },
            y: Axis {
                label: String::new(),
                range: (-0.5, lines.len() as f64 - 0.5),
                ticks: Ticks::Plain,
                count: 0,
            },
            size: Size::Lines { count: lines.len() as u32, letters: widest as u32 },
            layers: layers(lines, names),
        },
        remark: String::new(),
    }
}

fn layers(lines: &[Line], names: Vec<String>) -> Vec<Layer> {
    let from_top = |index: usize| (lines.len() - 1 - index) as f64;
    let span = |(index, line): (usize, &Line)| line.ends.map(|(low, high)| (from_top(index), low, high));
    let dot = |(index, line): (usize, &Line)| Some((line.value?, from_top(index), line.name.clone()));
    vec![
        Layer::Line(Style::Zero, vec![(0.0, -0.5), (0.0, lines.len() as f64 - 0.5)]),
        Layer::Spans(Style::Span, lines.iter().enumerate().filter_map(span).collect()),
        Layer::Named(Style::Dot, lines.iter().enumerate().filter_map(dot).collect()),
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
            undecided: None,
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
        let panel = &plate.panels[0].panel;
        let dots = [(2.0, 2.0, "one"), (-1.5, 0.0, "a name that is longer than it can be")];
        let dots = dots.map(|(x, y, name)| (x, y, name.to_string())).to_vec();
        assert_eq!(panel.layers[1], Layer::Spans(Style::Span, vec![(2.0, 1.0, 3.0), (0.0, -2.0, -1.0)]));
        assert_eq!(panel.layers[2], Layer::Named(Style::Dot, dots));
        let names = ["one", "failed", "a name that is longer tha\u{2026}"].map(str::to_string);
        assert_eq!(panel.layers[3], Layer::Names([2.0, 1.0, 0.0].into_iter().zip(names).collect()));
        assert!(panel.x.range.0 < -2.0 && panel.x.range.1 > 3.0 && panel.x.range.1 < 7.0);
        assert_eq!(plate.panels[0].heading, "auuc: average over datasets");
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
        let plate = effects(&all, "auuc").unwrap();
        assert_eq!(plate.panels.len(), 1);
        let dots = [(1.0, 2.0, "ziln".to_string()), (-2.0, 0.0, "ziln with wr".to_string())].to_vec();
        assert_eq!(plate.panels[0].panel.layers[2], Layer::Named(Style::Dot, dots));
        assert_eq!(plate.panels[0].heading, "auuc: components and their pairs");
        assert_eq!(effects(&all, "krcc"), None);
        assert_eq!(effects(&[model("auuc", vec![term("wr", None)])], "auuc"), None);
    }

    #[test]
    fn nothing_to_compare_draws_nothing() {
        assert_eq!(forest(&[]), None);
        assert_eq!(forest(&[contrast("one", None, "auuc", None)]), None);
    }
}
