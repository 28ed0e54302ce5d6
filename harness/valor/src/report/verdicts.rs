//! Verdicts and claims in summary.json.

use super::claim_words;
use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::claims::{ClaimView, Ended, ObservedAnswer, Part};
use valor_analysis::contrasts::{ContrastView, Observed, Sources};
use valor_analysis::estimate::{LEVEL, POWER, reason};
use valor_runs::spec::{Cell, Decision};
use valor_stats::stats::{Answer, Interval, Verdict};

/// What verdicts rest on.
#[derive(Serialize)]
pub(super) struct DecisionSummary<'a> {
    #[serde(flatten)]
    declared: &'a Decision,
    primary: &'a [String],
    family: usize,
    level: f64,
    power: f64,
}

impl<'a> DecisionSummary<'a> {
    /// That of an analysis.
    pub(super) fn new(analysis: &'a Analysis) -> Self {
        Self {
            declared: &analysis.decision,
            primary: &analysis.primary,
            family: analysis.declared,
            level: LEVEL,
            power: POWER,
        }
    }
}

/// What a comparison has beside its difference and intervals.
#[derive(Serialize)]
pub(super) struct VerdictSummary<'a> {
    ci_both: Option<&'a Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_both_reason: Option<&'a str>,
    variance: Option<SourcesSummary<'a>>,
    verdict: Option<Verdict>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict_reason: Option<&'a str>,
    verdict_over: Option<&'static str>,
    declared: bool,
    family: Option<usize>,
    family_name: Option<&'a str>,
    p: Option<f64>,
    p_adjusted: Option<f64>,
    margin: Option<f64>,
    p_equivalence: Option<f64>,
    probability_better: Option<f64>,
    smallest_detectable: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<ObservedSummary<'a>>,
}

/// The same comparison as an experimenter would have seen it.
#[derive(Serialize)]
struct ObservedSummary<'a> {
    metric: &'a str,
    difference: Option<f64>,
    interval: Option<[f64; 2]>,
    verdict: Option<Verdict>,
    p_adjusted: Option<f64>,
    test_rows: Option<usize>,
    test_rows_needed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_rows_needed_reason: Option<&'a str>,
}

impl<'a> ObservedSummary<'a> {
    fn new(seen: &'a Observed) -> Self {
        Self {
            metric: &seen.metric,
            difference: seen.difference.as_ref().ok().copied(),
            interval: seen.interval,
            verdict: seen.verdict,
            p_adjusted: seen.p_adjusted,
            test_rows: seen.rows,
            test_rows_needed: seen.needed.as_ref().ok().copied(),
            test_rows_needed_reason: reason(&seen.needed),
        }
    }
}

#[derive(Serialize)]
struct SourcesSummary<'a> {
    seeds: f64,
    rows: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    datasets: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_datasets: Option<[f64; 2]>,
}

impl<'a> SourcesSummary<'a> {
    fn new(sources: &'a Sources) -> Self {
        Self {
            seeds: sources.seeds,
            rows: sources.rows.as_ref().ok().copied(),
            rows_reason: reason(&sources.rows),
            datasets: sources.datasets,
            ci_datasets: sources.over_datasets.map(|(low, high)| [low, high]),
        }
    }
}

impl<'a> VerdictSummary<'a> {
    /// That of a comparison.
    pub(super) fn new(contrast: &'a ContrastView) -> Self {
        let decided = contrast.decided.as_ref();
        Self {
            ci_both: contrast.ci_both.as_ref().ok(),
            ci_both_reason: reason(&contrast.ci_both),
            variance: contrast.variance.as_ref().map(SourcesSummary::new),
            verdict: decided.map(|decided| decided.verdict),
            verdict_reason: decided
                .and_then(|decided| decided.reason.as_deref())
                .or(contrast.undecided.as_deref()),
            verdict_over: decided.map(|decided| decided.over),
            declared: decided.is_some_and(|decided| decided.declared),
            family: decided.map(|decided| decided.family),
            family_name: decided.map(|decided| decided.family_name.as_str()),
            p: decided.and_then(|decided| decided.p),
            p_adjusted: decided.and_then(|decided| decided.p_adjusted),
            margin: decided.map(|decided| decided.margin),
            p_equivalence: decided.and_then(|decided| decided.p_equivalence),
            probability_better: decided.and_then(|decided| decided.probability_better),
            smallest_detectable: decided.and_then(|decided| decided.detectable),
            instead: contrast.instead.as_deref(),
            observed: contrast.observed.as_deref().map(ObservedSummary::new),
        }
    }
}

/// How claims were looked at after every seed.
#[derive(Serialize)]
pub(super) struct SequenceSummary<'a> {
    max_seeds: usize,
    seeds: usize,
    open: usize,
    further: Vec<FurtherSeeds<'a>>,
    missing: Vec<MissingRun<'a>>,
}

/// Seeds of a cell beyond the declared ones that claims were looked at with.
#[derive(Serialize)]
struct FurtherSeeds<'a> {
    dataset: &'a str,
    method: &'a str,
    seeds: usize,
}

/// A run that the next look needs.
#[derive(Serialize)]
struct MissingRun<'a> {
    dataset: &'a str,
    method: &'a str,
    seed: u64,
}

impl<'a> SequenceSummary<'a> {
    /// That of an analysis; nothing where claims are looked at once.
    pub(super) fn new(analysis: &'a Analysis) -> Option<Self> {
        let sequence = analysis.sequence.as_ref()?;
        let names = |cell: Cell| {
            let block = analysis.blocks.get(cell.dataset);
            let method = block.and_then(|block| block.cells.get(cell.method));
            let dataset = block.map_or("", |block| block.dataset.as_str());
            (dataset, method.map_or("", |method| method.method.as_str()))
        };
        let further = sequence.looked.cells().map(|(cell, seeds)| {
            let (dataset, method) = names(cell);
            FurtherSeeds { dataset, method, seeds }
        });
        let missing = sequence.missing.iter().map(|(cell, seed)| {
            let (dataset, method) = names(*cell);
            MissingRun { dataset, method, seed: *seed }
        });
        Some(Self {
            max_seeds: sequence.max_seeds,
            seeds: sequence.seeds,
            open: sequence.open,
            further: further.collect(),
            missing: missing.collect(),
        })
    }
}

/// A claim with its answer.
#[derive(Serialize)]
pub(super) struct ClaimSummary<'a> {
    id: &'a str,
    text: &'a str,
    source: Option<&'a str>,
    family: &'a str,
    metric: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<&'a str>,
    datasets: &'a [String],
    statement: String,
    verdict: Answer,
    evidence: String,
    needed: Option<String>,
    parts: &'a [Part],
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed: Option<ObservedClaim<'a>>,
}

/// The answer that an experimenter would have given.
#[derive(Serialize)]
struct ObservedClaim<'a> {
    metric: &'a str,
    verdict: Answer,
    test_rows: Option<usize>,
    test_rows_needed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_rows_needed_reason: Option<&'a str>,
    parts: &'a [Part],
}

impl<'a> ObservedClaim<'a> {
    fn new(seen: &'a ObservedAnswer) -> Self {
        Self {
            metric: &seen.metric,
            verdict: seen.verdict,
            test_rows: seen.rows,
            test_rows_needed: seen.needed.as_ref().ok().copied(),
            test_rows_needed_reason: reason(&seen.needed),
            parts: &seen.parts,
        }
    }
}

impl<'a> ClaimSummary<'a> {
    /// That of a claim.
    pub(super) fn new(claim: &'a ClaimView) -> Self {
        Self {
            id: &claim.claim.id,
            text: &claim.claim.text,
            source: claim.claim.source.as_deref(),
            family: &claim.claim.family,
            metric: &claim.claim.metric,
            instead: claim.instead.as_ref().map(|instead| instead.metric.as_str()),
            datasets: &claim.claim.datasets,
            statement: claim_words::sentence(&claim.claim),
            verdict: claim.verdict,
            evidence: claim_words::evidence(claim),
            needed: claim_words::needed(claim),
            parts: &claim.parts,
            ended: claim.ended,
            observed: claim.observed.as_ref().map(ObservedClaim::new),
        }
    }
}
