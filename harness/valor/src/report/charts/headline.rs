//! The figure of the headline: a dumbbell per backbone, or methods below each other, against the reference rankings.

use super::forest::LONGEST;
use valor_analysis::Analysis;
use valor_analysis::headline::{Grid, Headline, KindMethod, KindView, SPELLED_KINDS, verdict};
use valor_analysis::shown::{DRAWN, FITTED, ORACLE, PROGNOSTIC, RANDOM};
use valor_page::figure::{Figure, TitledPanel};
use valor_page::standing::{Dot, Line, Standings};
use valor_page::svg::Style;
use valor_stats::stats::Verdict;

/// Most lines of a panel of methods: the best ones.
const LINES: usize = 30;
/// Most panels.
const PANELS: usize = 2;

/// What a reference line is called.
const UPRIGHTS: [(&str, &str); 4] = [
    (RANDOM, "random"),
    (PROGNOSTIC, "expected spend alone"),
    (FITTED, "expected spend alone (fitted)"),
    (ORACLE, "oracle"),
];

/// The figure; nothing where no method has a value. `printed` is what a metric is called.
pub(crate) fn headline(analysis: &Analysis, printed: fn(&str) -> String) -> Option<Figure> {
    let headline = &analysis.headline;
    let panels: Vec<Standings> = if headline.grids.is_empty() {
        let count = PANELS.min(SPELLED_KINDS);
        headline.kinds.iter().take(count).map(|kind| methods(analysis, kind, printed)).collect()
    } else {
        headline.grids.iter().take(PANELS).map(|grid| dumbbells(headline, grid, printed)).collect()
    };
    let styles: Vec<Style> = panels.iter().flat_map(drawn).collect();
    let panels: Vec<TitledPanel> = panels.into_iter().filter_map(Standings::panel).collect();
    (!panels.is_empty()).then(|| Figure { legend: legend(analysis, &styles), panels })
}

fn drawn(panel: &Standings) -> Vec<Style> {
    let uprights = panel.uprights.iter().map(|(style, _)| *style);
    panel.lines.iter().flat_map(|line| &line.dots).map(|dot| dot.style).chain(uprights).collect()
}

fn dumbbells(headline: &Headline, grid: &Grid, printed: fn(&str) -> String) -> Standings {
    let kind = &headline.kinds[grid.kind];
    let line = |line: &valor_analysis::headline::GridLine| {
        let style = style(verdict(&line.gain.contrast));
        let alone = dot(kind, &line.alone, Style::Ring);
        Line {
            name: line.alone.clone(),
            dots: alone.into_iter().chain(dot(kind, &line.full, style)).collect(),
        }
    };
    Standings {
        heading: heading(headline, kind, printed),
        title: format!("Backbones alone and with VALOR in {}, {}", printed(&kind.metric), kind.name),
        description: "A ring is the backbone alone, a dot the full VALOR on it, each with its 95 % interval"
            .to_string(),
        label: printed(&kind.metric),
        longest: LONGEST,
        lines: grid.lines.iter().map(line).collect(),
        uprights: uprights(kind),
    }
}

fn methods(analysis: &Analysis, kind: &KindView, printed: fn(&str) -> String) -> Standings {
    let ranked = kind.ranked().into_iter().map(|place| &kind.methods[place]);
    let line = |method: &KindMethod| {
        let style = method.beside.as_ref().map_or(Style::Open, |contrast| style(verdict(contrast)));
        let style = if method.method == analysis.baseline { Style::Ring } else { style };
        Line { name: method.method.clone(), dots: dot(kind, &method.method, style).into_iter().collect() }
    };
    Standings {
        heading: heading(&analysis.headline, kind, printed),
        title: format!("Methods in {}, {}", printed(&kind.metric), kind.name),
        description: "Means with 95 % intervals over seeds and test rows, the best first".to_string(),
        label: printed(&kind.metric),
        longest: LONGEST,
        lines: ranked.filter(|method| method.value(&kind.metric).is_some()).take(LINES).map(line).collect(),
        uprights: uprights(kind),
    }
}

fn heading(headline: &Headline, kind: &KindView, printed: fn(&str) -> String) -> String {
    match headline.kinds.len() {
        1 => printed(&kind.metric),
        _ => format!("{}: {}", printed(&kind.metric), kind.name),
    }
}

fn dot(kind: &KindView, method: &str, style: Style) -> Option<Dot> {
    let found = kind.methods.iter().find(|one| one.method == method)?;
    let mean = found.metrics.get(&kind.metric)?;
    Some(Dot { style, name: method.to_string(), value: mean.value()?, ends: mean.interval() })
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Better => Style::Better,
        Verdict::Worse => Style::Worse,
        Verdict::Equivalent => Style::Same,
        Verdict::Inconclusive => Style::Open,
    }
}

fn uprights(kind: &KindView) -> Vec<(Style, f64)> {
    let line = |(ranker, _): &(&str, &str)| {
        let row = kind.references.iter().find(|row| row.ranker == *ranker)?;
        let place = DRAWN.iter().position(|known| known == ranker)?;
        Some((Style::Reference(place), *row.metrics.get(&kind.metric)?))
    };
    UPRIGHTS.iter().filter_map(line).collect()
}

/// Names of what is drawn and of nothing else.
fn legend(analysis: &Analysis, styles: &[Style]) -> Vec<(Style, String)> {
    let grid = !analysis.headline.grids.is_empty();
    let (than, ring) = match grid {
        true => ("its backbone alone".to_string(), "the backbone alone".to_string()),
        false => (analysis.baseline.clone(), format!("{}, the baseline", analysis.baseline)),
    };
    let what = if grid { "VALOR, " } else { "" };
    let named = [
        (Style::Ring, ring),
        (Style::Better, format!("{what}better than {than}")),
        (Style::Worse, format!("{what}worse than {than}")),
        (Style::Same, format!("{what}no different for what matters")),
        (Style::Open, format!("{what}we cannot tell")),
    ];
    let uprights = UPRIGHTS.iter().filter_map(|(ranker, called)| {
        let place = DRAWN.iter().position(|known| known == ranker)?;
        Some((Style::Reference(place), called.to_string()))
    });
    named.into_iter().chain(uprights).filter(|(style, _)| styles.contains(style)).collect()
}
