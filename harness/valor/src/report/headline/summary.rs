//! The headline in summary.json.

use super::words;
use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::contrasts::ContrastView;
use valor_analysis::headline::{KindView, Spend, verdict};
use valor_stats::stats::{Answer, Verdict};

/// What the report says first, for programs.
#[derive(Serialize)]
pub(in super::super) struct HeadlineSummary<'a> {
    answer: Vec<String>,
    tally: Vec<TallySummary>,
    kinds: Vec<KindSummary<'a>>,
    grids: Vec<GridSummary<'a>>,
}

/// How many claims have a verdict.
#[derive(Serialize)]
struct TallySummary {
    verdict: Answer,
    count: usize,
}

/// Datasets of one kind.
#[derive(Serialize)]
struct KindSummary<'a> {
    name: &'a str,
    datasets: &'a [String],
    metric: &'a str,
    expected_spend: Option<SpendSummary>,
    methods: Vec<StandingSummary<'a>>,
}

#[derive(Serialize)]
struct SpendSummary {
    value: f64,
    fitted: bool,
    random: Option<f64>,
    oracle: Option<f64>,
    methods_worse: usize,
}

impl From<Spend> for SpendSummary {
    fn from(found: Spend) -> Self {
        let Spend { value, fitted, random, oracle, below, methods: _ } = found;
        Self { value, fitted, random, oracle, methods_worse: below }
    }
}

/// A method, the best mean first.
#[derive(Serialize)]
struct StandingSummary<'a> {
    method: &'a str,
    mean: Option<f64>,
    interval: Option<(f64, f64)>,
    /// Beside the baseline.
    verdict: Option<Verdict>,
}

#[derive(Serialize)]
struct GridSummary<'a> {
    kind: &'a str,
    backbones: Vec<BackboneSummary<'a>>,
    steps: Vec<StepSummary<'a>>,
}

#[derive(Serialize)]
struct BackboneSummary<'a> {
    alone: &'a str,
    full: &'a str,
    #[serde(flatten)]
    gain: GainSummary,
}

#[derive(Serialize)]
struct StepSummary<'a> {
    component: &'a str,
    to: &'a [String],
    /// By backbone in their order; null where the grid lacks a method.
    gains: Vec<Option<GainSummary>>,
}

#[derive(Serialize)]
struct GainSummary {
    difference: Option<f64>,
    interval: Option<(f64, f64)>,
    verdict: Verdict,
}

impl GainSummary {
    fn new(contrast: &ContrastView) -> Self {
        Self {
            difference: contrast.value(),
            interval: contrast.interval().as_ref().ok().map(|found| (found.low, found.high)),
            verdict: verdict(contrast),
        }
    }
}

impl<'a> HeadlineSummary<'a> {
    /// That of an analysis.
    pub(in super::super) fn new(analysis: &'a Analysis) -> Self {
        let headline = &analysis.headline;
        let grids = headline.grids.iter().map(|grid| GridSummary {
            kind: &headline.kinds[grid.kind].name,
            backbones: grid
                .lines
                .iter()
                .map(|line| BackboneSummary {
                    alone: &line.alone,
                    full: &line.full,
                    gain: GainSummary::new(&line.gain.contrast),
                })
                .collect(),
            steps: grid
                .steps
                .iter()
                .map(|step| StepSummary {
                    component: &step.component,
                    to: &step.to,
                    gains: step.gains.iter().map(|gain| gain.as_ref().map(GainSummary::new)).collect(),
                })
                .collect(),
        });
        Self {
            answer: words::answer(analysis),
            tally: headline
                .tally
                .iter()
                .map(|(verdict, count)| TallySummary { verdict: *verdict, count: *count })
                .collect(),
            kinds: headline.kinds.iter().map(kind).collect(),
            grids: grids.collect(),
        }
    }
}

fn kind(view: &KindView) -> KindSummary<'_> {
    let standing = |place: usize| {
        let method = &view.methods[place];
        let mean = method.metrics.get(&view.metric);
        StandingSummary {
            method: &method.method,
            mean: mean.and_then(|mean| mean.value()),
            interval: mean.and_then(|mean| mean.interval()),
            verdict: method.beside.as_ref().map(verdict),
        }
    };
    KindSummary {
        name: &view.name,
        datasets: &view.datasets,
        metric: &view.metric,
        expected_spend: view.spend().map(SpendSummary::from),
        methods: view.ranked().into_iter().map(standing).collect(),
    }
}
