//! Claims and what the evidence says of them.

mod agreement;
mod bounded;
mod differences;
mod failures;
mod latency;
mod level;
mod needed;
mod part;
mod spread;

pub use needed::{MOST_SEEDS, Needed};
pub use part::Part;

use super::comparisons::{Asker, ClaimFamily, Comparisons, Deciding, OwnTest};
use super::contrasts::ComparedMethods;
use super::estimate::LEVEL;
use super::linear_contrast::{DatasetCells, Place};
use differences::{Draft, Judge, Margins};
use valor_runs::spec::{Claim, Experiment, Margin, Statement};
use valor_stats::metrics::{self, Direction};
use valor_stats::stats::{Answer, POWER, Rule};

/// A claim with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimView {
    /// As declared.
    pub claim: Claim,
    /// The answer.
    pub verdict: Answer,
    /// Datasets that it is about and that the profile lacks: nothing is tested then.
    pub absent: Vec<String>,
    /// What decides in the place of the claim's metric.
    pub instead: Option<Instead>,
    /// What it rests on: one entry per comparison, method or backbone.
    pub parts: Vec<Part>,
}

/// A metric that decides in the place of another.
#[derive(Clone, Debug, PartialEq)]
pub struct Instead {
    /// The metric.
    pub metric: String,
    /// Why the other decides nothing.
    pub why: String,
}

impl ClaimView {
    /// The parts that have the claim's answer.
    pub fn decisive(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.verdict == self.verdict)
    }

    /// What would decide it: the largest demand of its open parts; nothing where it is decided or no demand is known.
    pub fn needed(&self) -> Option<&Needed> {
        let open = self.decisive().filter(|_| self.verdict == Answer::Inconclusive);
        open.filter_map(|part| part.needed.as_ref()).max()
    }
}

/// A claim whose comparisons are made and not yet decided.
pub struct Asked<'a> {
    claim: &'a Claim,
    /// Datasets that the profile lacks.
    absent: Vec<&'a str>,
    place: Place<'a>,
    /// The claim's metric, or the area that decides in its place, with the reason.
    metric: &'a str,
    warning: Option<String>,
    drafts: Vec<Draft>,
}

/// Makes the comparisons of all claims. `datasets` holds the same methods for each dataset.
pub fn ask<'a>(
    asked: &'a Experiment,
    datasets: &'a [DatasetCells<'a>],
    deciding: &'a Deciding<'a>,
    comparisons: &mut Comparisons,
) -> Vec<Asked<'a>> {
    let mut found: Vec<Asked> =
        asked.claims.iter().map(|claim| one(asked, claim, datasets, deciding)).collect();
    for one in &mut found {
        let looked = one.drafts.iter().filter_map(|draft| match draft {
            Draft::Looked { better, than, .. } => Some((better.as_str(), than.as_str())),
            Draft::Done(_) | Draft::Own(_) => None,
        });
        for (method, against) in looked {
            let question = ComparedMethods { method, against, component: None };
            comparisons.ask(Asker::Claim, &question, one.metric, &one.place);
        }
    }
    found
}

fn one<'a>(
    asked: &'a Experiment,
    claim: &'a Claim,
    datasets: &'a [DatasetCells<'a>],
    deciding: &'a Deciding<'a>,
) -> Asked<'a> {
    let known = |name: &str| asked.datasets.iter().any(|dataset| dataset.name == name);
    let absent: Vec<&str> = claim.datasets.iter().map(String::as_str).filter(|name| !known(name)).collect();
    let named = |one: &&DatasetCells| {
        claim.datasets.is_empty() || claim.datasets.iter().any(|dataset| dataset == one.dataset)
    };
    let place = Place { datasets: datasets.iter().filter(named).collect() };
    let metric = deciding.totals.deciding(&claim.metric, &place.names());
    let warning = deciding.totals.warning(&claim.metric, &place.names());
    let mut found = Asked { claim, absent, place, metric, warning, drafts: Vec::new() };
    if found.absent.is_empty() {
        found.drafts = found.drafts(deciding, asked.seeds.len());
    }
    found
}

/// For parts that an interval decides, so many of them.
fn plain(parts: usize) -> Rule {
    Rule { level: LEVEL, power: POWER, family: parts, margin: 0.0 }
}

impl<'a> Asked<'a> {
    /// Tests that are no comparison of two methods.
    pub fn own(&self) -> impl Iterator<Item = OwnTest> {
        self.drafts.iter().filter_map(|draft| match draft {
            Draft::Own(own) => Some(own.test()),
            Draft::Done(_) | Draft::Looked { .. } => None,
        })
    }

    fn judge(&'a self, deciding: &'a Deciding<'a>, seeds: usize) -> Judge<'a> {
        let direction = metrics::find(self.metric).map_or(Direction::Neither, |metric| metric.direction);
        Judge { metric: self.metric, direction, place: &self.place, deciding, seeds }
    }

    fn drafts(&self, deciding: &Deciding, seeds: usize) -> Vec<Draft> {
        let judge = self.judge(deciding, seeds);
        if let Some(warning) = self.warning.as_ref().filter(|_| self.in_units_of_the_share()) {
            let untested = part::Part::untested(
                self.claim.id.clone(),
                format!("{warning}; the claim is in units of the share"),
            );
            return vec![Draft::Done(untested)];
        }
        match &self.claim.statement {
            Statement::Better { pairs, over, by, at_most } => {
                judge.better(pairs, *over, &Margins { by: *by, at_most: *at_most })
            }
            Statement::LargestStep(chains) => judge.largest_step(chains),
            Statement::EveryBestHas { component, groups } => judge.every_best(component, groups),
            Statement::SpreadAtMost { limit, methods } => {
                let rule = plain(methods.len() * self.place.datasets.len());
                let parts = spread::parts(self.metric, &self.place, methods, *limit, &rule);
                parts.into_iter().map(Draft::Done).collect()
            }
            Statement::MeanAtMost { limit, methods } => {
                let rule = plain(methods.len());
                let parts = level::parts(self.metric, &self.place, methods, *limit, &rule, seeds);
                parts.into_iter().map(Draft::Done).collect()
            }
            Statement::OrdersAs { other, tau_above, methods } => {
                let (metrics, asked) = ((self.metric, other.as_str()), (methods.as_slice(), *tau_above));
                vec![Draft::Done(agreement::part(metrics, &self.place, asked, &plain(1), seeds))]
            }
            Statement::Faster { faster, than, latency, times, at_most } => {
                let race = latency::Race { faster, than, latency: *latency };
                vec![Draft::Done(race.part(&self.place, (*times, *at_most), &plain(1), seeds))]
            }
            Statement::Fails { methods, seeds } => {
                failures::parts(&self.place, methods, *seeds).into_iter().map(Draft::Done).collect()
            }
        }
    }

    /// Whether a number of the claim means something for the share alone.
    fn in_units_of_the_share(&self) -> bool {
        let absolute = |margin: &Margin| matches!(margin, Margin::Absolute(number) if *number != 0.0);
        match &self.claim.statement {
            Statement::Better { by, at_most, .. } => absolute(by) || at_most.as_ref().is_some_and(absolute),
            Statement::SpreadAtMost { .. } | Statement::MeanAtMost { .. } => true,
            Statement::LargestStep(_)
            | Statement::EveryBestHas { .. }
            | Statement::OrdersAs { .. }
            | Statement::Faster { .. }
            | Statement::Fails { .. } => false,
        }
    }

    /// The answer, once every family is corrected.
    pub fn answer(
        mut self,
        deciding: &Deciding,
        seeds: usize,
        comparisons: &Comparisons,
        family: &ClaimFamily,
    ) -> ClaimView {
        let drafts = std::mem::take(&mut self.drafts);
        let judge = self.judge(deciding, seeds);
        let parts: Vec<Part> =
            drafts.into_iter().map(|draft| judge.part(draft, comparisons, family)).collect();
        let verdict = Answer::of_all(parts.iter().map(|part| part.verdict));
        let absent: Vec<String> = self.absent.iter().map(ToString::to_string).collect();
        let instead = self.warning.clone().map(|why| Instead { metric: self.metric.to_string(), why });
        ClaimView {
            claim: self.claim.clone(),
            verdict,
            instead: instead.filter(|_| absent.is_empty()),
            absent,
            parts,
        }
    }
}
