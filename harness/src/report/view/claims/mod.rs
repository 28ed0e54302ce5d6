//! Claims and what the evidence says of them.

mod differences;
mod needed;
mod part;
mod spread;
mod statement;

pub use part::{Part, p_text};

use super::combination::Side;
use super::estimate::LEVEL;
use crate::metrics::{self, Direction};
use crate::spec::{Claim, Experiment, Statement};
use crate::stats::{Answer, POWER, Standard};
use differences::Judge;

/// A claim with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimView {
    /// Unique name.
    pub id: String,
    /// In prose, as declared.
    pub text: String,
    /// Whose claim it is; nothing: the experiment's own.
    pub source: Option<String>,
    /// Metric.
    pub metric: String,
    /// Datasets that it is about; all of the experiment when empty.
    pub datasets: Vec<String>,
    /// What was tested, in words.
    pub statement: String,
    /// The answer.
    pub verdict: Answer,
    /// Why, in numbers.
    pub evidence: String,
    /// What would decide it; nothing where it is decided.
    pub needed: Option<String>,
    /// What it rests on: one entry per comparison, method or backbone.
    pub parts: Vec<Part>,
}

/// Answers all claims of an experiment. `datasets` holds the same methods for each dataset.
pub fn answers(asked: &Experiment, datasets: &[Vec<Side>]) -> Vec<ClaimView> {
    asked.claims.iter().map(|claim| answer(asked, claim, datasets)).collect()
}

fn answer(asked: &Experiment, claim: &Claim, datasets: &[Vec<Side>]) -> ClaimView {
    let absent: Vec<&str> = claim
        .datasets
        .iter()
        .map(String::as_str)
        .filter(|name| !asked.datasets.iter().any(|dataset| dataset.name == *name))
        .collect();
    let named = |sides: &&Vec<Side>| {
        let name = sides.first().map_or("", |side| side.cell.dataset.as_str());
        claim.datasets.is_empty() || claim.datasets.iter().any(|dataset| dataset == name)
    };
    let chosen: Vec<&Vec<Side>> = datasets.iter().filter(named).collect();
    let parts = if absent.is_empty() { parts(asked, claim, &chosen) } else { Vec::new() };
    let verdict = Answer::of_all(parts.iter().map(|part| part.verdict));
    let (evidence, needed) = if absent.is_empty() {
        (part::evidence(&parts, verdict), part::needed(&parts, verdict))
    } else {
        let datasets = absent.join(", ");
        (format!("Not in this profile: {datasets}."), Some(format!("A profile with {datasets}.")))
    };
    ClaimView {
        id: claim.id.clone(),
        text: claim.text.clone(),
        source: claim.source.clone(),
        metric: claim.metric.clone(),
        datasets: claim.datasets.clone(),
        statement: statement::sentence(claim),
        verdict,
        evidence,
        needed,
        parts,
    }
}

fn parts(asked: &Experiment, claim: &Claim, datasets: &[&Vec<Side>]) -> Vec<Part> {
    let direction = metrics::find(&claim.metric).map_or(Direction::Neither, |metric| metric.direction);
    let standard = |parts: usize| Standard { level: LEVEL, power: POWER, parts };
    let judge = |parts: usize| Judge {
        metric: &claim.metric,
        direction,
        datasets,
        equivalence: asked.decision.equivalence.of(&claim.metric),
        seeds: asked.seeds.len(),
        standard: standard(parts),
    };
    match &claim.statement {
        Statement::Better { pairs, over, by, at_most } => judge(1).better(pairs, *over, (*by, *at_most)),
        Statement::LargestStep(chains) => judge(1).largest_step(chains),
        Statement::EveryBestHas { component, groups } => judge(groups.len()).every_best(component, groups),
        Statement::SpreadAtMost { limit, methods } => spread::parts(
            &claim.metric,
            datasets,
            (methods, *limit),
            standard(methods.len() * datasets.len()),
        ),
    }
}
