//! Claims and what the evidence says of them.

mod differences;
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
use serde::Serialize;
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
    /// Where looking at it ended, if it is looked at after every seed.
    pub ended: Option<Ended>,
}

/// Where looking at a claim ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Seeds of each of its cells.
    pub seeds: usize,
    /// Why.
    pub why: Ending,
}

/// Why looking at a claim ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It is decided.
    Decided,
    /// No number of seeds decides it: test rows do, or it cannot be tested, or it is judged once.
    SeedsDoNotDecide,
    /// It has the most seeds that the design allows.
    MostSeeds,
    /// Runs that the next look needs are not recorded.
    Missing,
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

/// Answers the claims of an experiment by themselves, apart from its tables. `settled` are the tests of claims that were decided at
/// earlier looks: they count in the family with the p that they had, unless one of these claims makes the same test anew.
///
/// Holm over always-valid p-values, each at whatever look, keeps the error rate of the family over all looks: the first true null
/// hypothesis that is rejected at any look has a p of at most alpha over the number of true ones.
pub fn look(
    asked: &Experiment,
    datasets: &[DatasetCells],
    deciding: &Deciding,
    seeds: usize,
    settled: &[OwnTest],
) -> Vec<Looked> {
    let mut comparisons = Comparisons::default();
    let claims = ask(asked, datasets, deciding, &mut comparisons);
    let tests: Vec<Vec<OwnTest>> =
        claims.iter().map(|claim| claim.tests(deciding, seeds, &comparisons)).collect();
    let anew = |test: &&OwnTest| !tests.iter().flatten().any(|other| other.id == test.id);
    let own = claims.iter().flat_map(Asked::own);
    let own: Vec<OwnTest> = own.chain(settled.iter().filter(anew).cloned()).collect();
    let family = comparisons.decide(deciding, &own);
    let answered = claims.into_iter().map(|claim| claim.answer(deciding, seeds, &comparisons, &family));
    answered.zip(tests).map(|(view, tests)| Looked { view, tests }).collect()
}

/// A claim at a look.
pub struct Looked {
    /// With its answer.
    pub view: ClaimView,
    /// What it added to its family.
    pub tests: Vec<OwnTest>,
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
    let place = Place { datasets: datasets.iter().filter(named).collect(), looks: deciding.looks };
    let metric = deciding.totals.deciding(&claim.metric, &place.names());
    let warning = deciding.totals.warning(&claim.metric, &place.names());
    let mut found = Asked { claim, absent, place, metric, warning, drafts: Vec::new() };
    if found.absent.is_empty() {
        found.drafts = found.drafts(deciding, asked.seeds.len());
    }
    found
}

impl<'a> Asked<'a> {
    /// Tests that are no comparison of two methods.
    pub fn own(&self) -> impl Iterator<Item = OwnTest> {
        self.drafts.iter().filter_map(|draft| match draft {
            Draft::Own(own) => Some(own.test()),
            Draft::Done(_) | Draft::Looked { .. } => None,
        })
    }

    /// What it adds to its family.
    fn tests(&self, deciding: &Deciding, seeds: usize, comparisons: &Comparisons) -> Vec<OwnTest> {
        let judge = self.judge(deciding, seeds);
        self.drafts.iter().filter_map(|draft| judge.tested(draft, comparisons)).collect()
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
                let family = methods.len() * self.place.datasets.len();
                let rule = Rule { level: LEVEL, power: POWER, family, margin: 0.0 };
                let parts = spread::parts(self.metric, &self.place, methods, *limit, &rule);
                parts.into_iter().map(Draft::Done).collect()
            }
        }
    }

    /// Whether a number of the claim means something for the share alone.
    fn in_units_of_the_share(&self) -> bool {
        let absolute = |margin: &Margin| matches!(margin, Margin::Absolute(number) if *number != 0.0);
        match &self.claim.statement {
            Statement::Better { by, at_most, .. } => absolute(by) || at_most.as_ref().is_some_and(absolute),
            Statement::SpreadAtMost { .. } => true,
            Statement::LargestStep(_) | Statement::EveryBestHas { .. } => false,
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
            ended: None,
        }
    }
}
