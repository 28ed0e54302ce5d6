//! Verdicts and claims in summary.json.

use super::view::View;
use super::view::claims::{ClaimView, Part};
use super::view::contrasts::{ContrastView, Sources};
use serde::Serialize;
use valor_runs::spec::Decision;
use valor_stats::stats::{Answer, Interval, POWER, Verdict};

/// What verdicts rest on.
#[derive(Serialize)]
pub struct DecisionSummary<'a> {
    #[serde(flatten)]
    declared: &'a Decision,
    primary: &'a [String],
    family: usize,
    level: f64,
    power: f64,
}

impl<'a> DecisionSummary<'a> {
    /// That of a view.
    pub fn new(view: &'a View) -> Self {
        Self {
            declared: &view.decision,
            primary: &view.primary,
            family: view.declared,
            level: super::view::estimate::LEVEL,
            power: POWER,
        }
    }
}

/// What a comparison has beside its difference and intervals.
#[derive(Serialize)]
pub struct VerdictSummary<'a> {
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
            rows_reason: sources.rows.as_ref().err().map(String::as_str),
            datasets: sources.datasets,
            ci_datasets: sources.over_datasets.map(|(low, high)| [low, high]),
        }
    }
}

impl<'a> VerdictSummary<'a> {
    /// That of a comparison.
    pub fn new(contrast: &'a ContrastView) -> Self {
        let decided = contrast.decided.as_ref();
        Self {
            ci_both: contrast.ci_both.as_ref().ok(),
            ci_both_reason: contrast.ci_both.as_ref().err().map(String::as_str),
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
        }
    }
}

/// A claim with its answer.
#[derive(Serialize)]
pub struct ClaimSummary<'a> {
    id: &'a str,
    text: &'a str,
    source: Option<&'a str>,
    metric: &'a str,
    datasets: &'a [String],
    statement: &'a str,
    verdict: Answer,
    evidence: &'a str,
    needed: Option<&'a str>,
    parts: &'a [Part],
}

impl<'a> ClaimSummary<'a> {
    /// That of a view's claim.
    pub fn new(claim: &'a ClaimView) -> Self {
        Self {
            id: &claim.id,
            text: &claim.text,
            source: claim.source.as_deref(),
            metric: &claim.metric,
            datasets: &claim.datasets,
            statement: &claim.statement,
            verdict: claim.verdict,
            evidence: &claim.evidence,
            needed: claim.needed.as_deref(),
            parts: &claim.parts,
        }
    }
}
