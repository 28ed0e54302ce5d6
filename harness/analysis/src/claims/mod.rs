//! Claims and what the evidence says of them.

mod agreement;
mod bounded;
mod differences;
mod failures;
mod family;
mod latency;
mod level;
mod needed;
mod part;
mod spread;

pub use family::{ClaimFamilies, FamilyTest};
pub use needed::{MOST_SEEDS, Needed};
pub use part::Part;

use super::comparisons::{Asker, Comparisons, Deciding};
use super::contrasts::ComparedMethods;
use super::estimate::LEVEL;
use super::linear_contrast::{DatasetCells, Place};
use super::totals::Instead;
use differences::{Draft, Judge, Margins};
use serde::Serialize;
use std::collections::BTreeMap;
use valor_runs::spec::{Claim, Experiment, Margin, Statement};
use valor_stats::metrics::{self, Defined, Direction, Undefined};
use valor_stats::stats::{Answer, Looks, POWER, Rule, rows_to_find};

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
    /// What an experimenter would have answered, where it was decided without the noise of outcomes.
    pub observed: Option<ObservedAnswer>,
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

/// The answer to the same claim in the metric of outcomes.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedAnswer {
    /// The metric.
    pub metric: String,
    /// The answer, after Holm over what is observed of all claims of the family.
    pub verdict: Answer,
    /// What it rests on.
    pub parts: Vec<Part>,
    /// Test rows of a dataset, on average.
    pub rows: Option<usize>,
    /// Test rows of a dataset with which every part would show how far the truth is from what is claimed, with probability .8; or why
    /// there is no such number.
    pub needed: Defined<u64>,
}

impl ObservedAnswer {
    /// Beside the parts of the answer that decides: their distance counts, where the two have the same unit.
    fn new(seen: Answered, deciding: &Answered) -> Self {
        let limit = metrics::find(&seen.metric).ok().and_then(metrics::Metric::without_noise);
        let same_unit = limit.is_some_and(|limit| limit == deciding.metric);
        let of_part = |part: &Part| {
            let twin = deciding.parts.iter().find(|other| same_unit && other.what == part.what);
            let distance = twin.unwrap_or(part).distance;
            let none = || {
                Undefined::new(part.reason.clone().unwrap_or_else(|| "rows are not resampled".to_string()))
            };
            let (distance, rows) = distance.zip(part.rows).ok_or_else(none)?;
            rows_to_find(distance, rows.variance, rows.of_a_dataset)
        };
        let needed: Defined<Vec<u64>> = seen.parts.iter().map(of_part).collect();
        let none = || Undefined::new("nothing to test");
        Self {
            rows: seen.parts.iter().find_map(|part| Some(part.rows?.of_a_dataset)),
            needed: needed.and_then(|needed| needed.into_iter().max().ok_or_else(none)),
            metric: seen.metric,
            verdict: seen.verdict,
            parts: seen.parts,
        }
    }
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
    /// In the metric that decides.
    decided: InMetric<'a>,
    /// In the metric that an experimenter would look at, where another decides.
    observed: Option<InMetric<'a>>,
    instead: Option<Instead>,
}

/// A claim in one metric.
#[derive(Default)]
struct InMetric<'a> {
    metric: &'a str,
    /// Why an area stands in for the share that is meant.
    warning: Option<String>,
    /// Name of its family.
    family: String,
    drafts: Vec<Draft>,
}

/// A claim in one metric, answered.
struct Answered {
    metric: String,
    verdict: Answer,
    parts: Vec<Part>,
}

/// Makes the comparisons of all claims. `datasets` holds the same methods for each dataset.
pub fn ask<'a>(
    asked: &'a Experiment,
    datasets: &'a [DatasetCells<'a>],
    deciding: &'a Deciding<'a>,
    comparisons: &mut Comparisons,
) -> Vec<Asked<'a>> {
    let found: Vec<Asked> = asked.claims.iter().map(|claim| one(asked, claim, datasets, deciding)).collect();
    for one in &found {
        for form in one.forms() {
            for draft in &form.drafts {
                if let Draft::Looked { better, than, .. } = draft {
                    let question = ComparedMethods { method: better, against: than, component: None };
                    comparisons.ask(Asker::Claim, &question, form.metric, &one.place);
                }
            }
        }
    }
    found
}

/// The tests of all claims, by family.
pub fn families(
    asked: &[Asked],
    deciding: &Deciding,
    comparisons: &Comparisons,
    seeds: usize,
) -> ClaimFamilies {
    let tests = asked.iter().flat_map(|claim| claim.tests(deciding, seeds, comparisons));
    ClaimFamilies::of(tests)
}

/// Answers the claims of an experiment by themselves, apart from its tables. `settled` are the tests of claims that were decided at
/// earlier looks: they count in their families with the p that they had, unless one of these claims makes the same test anew.
///
/// Holm over always-valid p-values, each at whatever look, keeps the error rate of the family over all looks: the first true null
/// hypothesis that is rejected at any look has a p of at most alpha over the number of true ones.
pub fn look(
    asked: &Experiment,
    datasets: &[DatasetCells],
    deciding: &Deciding,
    seeds: usize,
    settled: &[FamilyTest],
) -> Vec<Looked> {
    let mut comparisons = Comparisons::default();
    let claims = ask(asked, datasets, deciding, &mut comparisons);
    let tests: Vec<Vec<FamilyTest>> =
        claims.iter().map(|claim| claim.tests(deciding, seeds, &comparisons)).collect();
    let families = ClaimFamilies::of(settled.iter().chain(tests.iter().flatten()).cloned());
    let answered = claims.into_iter().map(|claim| claim.answer(deciding, seeds, &comparisons, &families));
    answered.zip(tests).map(|(view, tests)| Looked { view, tests }).collect()
}

/// Answers the claims that hold when others do: supported where all of those are, refuted where one is. No p-value is corrected anew,
/// because all have to hold at once (an intersection-union test).
pub fn conclude(claims: &mut [ClaimView]) {
    let known: BTreeMap<String, Answer> =
        claims.iter().map(|view| (view.claim.id.clone(), view.verdict)).collect();
    for view in claims {
        let ids = view.claim.statement.rests_on();
        if ids.is_empty() {
            continue;
        }
        let part = |id: &String| Part {
            verdict: known.get(id).copied().unwrap_or(Answer::Inconclusive),
            ..Part::untested(id.clone(), String::new())
        };
        view.parts = ids.iter().map(|id| Part { reason: None, over: "claims", ..part(id) }).collect();
        view.verdict = Answer::of_all(view.parts.iter().map(|part| part.verdict));
        view.ended = None;
    }
}

/// A claim at a look.
pub struct Looked {
    /// With its answer.
    pub view: ClaimView,
    /// What it added to its families.
    pub tests: Vec<FamilyTest>,
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
    // What is judged once is judged as where all is.
    let looks = if claim.statement.compared().is_empty() { Looks::Once } else { deciding.looks };
    let place = Place { datasets: datasets.iter().filter(named).collect(), looks };
    let (totals, names) = (deciding.totals, place.names());
    let form = |metric: &'a str, meant: &str, family: String| InMetric {
        metric,
        warning: totals.warning(meant, &names),
        family,
        drafts: Vec::new(),
    };
    let family = claim.family.clone();
    let metric = totals.deciding(&claim.metric, &names);
    let seen = totals.observed(&claim.metric, &names).filter(|seen| *seen != metric);
    let share = |metric: &'a str| {
        let observed = metrics::find(metric).ok().and_then(metrics::Metric::with_noise);
        observed.unwrap_or(metric)
    };
    let mut found = Asked {
        decided: form(metric, totals.without_noise(&claim.metric, &names), family.clone()),
        observed: seen.map(|seen| form(seen, share(&claim.metric), format!("{family}, observed"))),
        instead: totals.instead(&claim.metric, &names),
        claim,
        absent,
        place,
    };
    if found.absent.is_empty() {
        let seeds = asked.seeds.len();
        found.decided.drafts = found.drafts(&found.decided, deciding, seeds);
        let drafts = found.observed.as_ref().map(|observed| found.drafts(observed, deciding, seeds));
        if let (Some(observed), Some(drafts)) = (&mut found.observed, drafts) {
            observed.drafts = drafts;
        }
    }
    found
}

/// For parts that an interval decides, so many of them.
fn plain(parts: usize) -> Rule {
    Rule { level: LEVEL, power: POWER, family: parts, margin: 0.0 }
}

impl<'a> Asked<'a> {
    /// In each of its metrics.
    fn forms(&self) -> impl Iterator<Item = &InMetric<'a>> {
        std::iter::once(&self.decided).chain(&self.observed)
    }

    /// What it adds to its families.
    fn tests(&self, deciding: &Deciding, seeds: usize, comparisons: &Comparisons) -> Vec<FamilyTest> {
        let of_form = |form: &InMetric| {
            let judge = self.judge(form.metric, deciding, seeds);
            let tests = form.drafts.iter().filter_map(|draft| judge.tested(draft, comparisons));
            tests.map(|test| FamilyTest { family: form.family.clone(), test }).collect::<Vec<_>>()
        };
        self.forms().flat_map(of_form).collect()
    }

    fn judge<'b>(&'b self, metric: &'b str, deciding: &'b Deciding<'b>, seeds: usize) -> Judge<'b> {
        let direction = metrics::find(metric).map_or(Direction::Neither, |metric| metric.direction);
        Judge { metric, direction, place: &self.place, deciding, seeds }
    }

    fn drafts(&self, form: &InMetric, deciding: &Deciding, seeds: usize) -> Vec<Draft> {
        let judge = self.judge(form.metric, deciding, seeds);
        if let Some(warning) = form.warning.as_ref().filter(|_| self.in_units_of_the_share()) {
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
                let parts = spread::parts(form.metric, &self.place, methods, *limit, &rule);
                parts.into_iter().map(Draft::Done).collect()
            }
            Statement::MeanAtMost { limit, methods } => {
                let rule = plain(methods.len());
                let parts = level::parts(form.metric, &self.place, methods, *limit, &rule, seeds);
                parts.into_iter().map(Draft::Done).collect()
            }
            Statement::OrdersAs { other, tau_above, methods } => {
                let (metrics, asked) = ((form.metric, other.as_str()), (methods.as_slice(), *tau_above));
                vec![Draft::Done(agreement::part(metrics, &self.place, asked, &plain(1), seeds))]
            }
            Statement::Faster { faster, than, latency, times, at_most } => {
                let race = latency::Race { faster, than, latency: *latency };
                vec![Draft::Done(race.part(&self.place, (*times, *at_most), &plain(1), seeds))]
            }
            Statement::Fails { methods, seeds } => {
                failures::parts(&self.place, methods, *seeds).into_iter().map(Draft::Done).collect()
            }
            // Answered by `conclude`, when the others are.
            Statement::AllOf(_) => Vec::new(),
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
            | Statement::Fails { .. }
            | Statement::AllOf(_) => false,
        }
    }

    fn answered(
        &self,
        form: &mut InMetric,
        deciding: &Deciding,
        seeds: usize,
        comparisons: &Comparisons,
        families: &ClaimFamilies,
    ) -> Answered {
        let drafts = std::mem::take(&mut form.drafts);
        let (judge, family) = (self.judge(form.metric, deciding, seeds), families.corrected(&form.family));
        let parts: Vec<Part> =
            drafts.into_iter().map(|draft| judge.part(draft, comparisons, &family)).collect();
        let verdict = Answer::of_all(parts.iter().map(|part| part.verdict));
        Answered { metric: form.metric.to_string(), verdict, parts }
    }

    /// The answer, once every family is corrected.
    pub fn answer(
        mut self,
        deciding: &Deciding,
        seeds: usize,
        comparisons: &Comparisons,
        families: &ClaimFamilies,
    ) -> ClaimView {
        let (mut decided, observed) = (std::mem::take(&mut self.decided), self.observed.take());
        let found = self.answered(&mut decided, deciding, seeds, comparisons, families);
        let seen = observed
            .filter(|_| self.absent.is_empty())
            .map(|mut form| self.answered(&mut form, deciding, seeds, comparisons, families));
        let absent: Vec<String> = self.absent.iter().map(ToString::to_string).collect();
        ClaimView {
            claim: self.claim.clone(),
            observed: seen.map(|seen| ObservedAnswer::new(seen, &found)),
            verdict: found.verdict,
            instead: self.instead.filter(|_| absent.is_empty()),
            absent,
            parts: found.parts,
            ended: None,
        }
    }
}
