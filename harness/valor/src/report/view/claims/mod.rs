//! Claims and what the evidence says of them.

mod differences;
mod needed;
mod part;
mod spread;
mod statement;

pub use part::{Part, p_text};

use super::combination::Side;
use super::comparisons::{Asker, ClaimFamily, Comparisons, Deciding, OwnTest};
use super::contrasts::Question;
use super::estimate::LEVEL;
use differences::{Draft, Judge};
use valor_runs::spec::{Claim, Experiment, Margin, Statement};
use valor_stats::metrics::{self, Direction};
use valor_stats::stats::{Answer, POWER, Rule};

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

/// A claim whose comparisons are made and not yet decided.
pub struct Asked<'a> {
    claim: &'a Claim,
    /// Datasets that the profile lacks.
    absent: Vec<&'a str>,
    datasets: Vec<&'a Vec<Side<'a>>>,
    /// The claim's metric, or the area that decides in its place, with the reason.
    metric: &'a str,
    warning: Option<String>,
    drafts: Vec<Draft>,
}

/// Makes the comparisons of all claims. `datasets` holds the same methods for each dataset.
pub fn ask<'a>(
    asked: &'a Experiment,
    datasets: &'a [Vec<Side<'a>>],
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
            let question = Question { method, against, component: None };
            comparisons.ask(Asker::Claim, &question, one.metric, &one.datasets);
        }
    }
    found
}

fn one<'a>(
    asked: &'a Experiment,
    claim: &'a Claim,
    datasets: &'a [Vec<Side<'a>>],
    deciding: &'a Deciding<'a>,
) -> Asked<'a> {
    let known = |name: &str| asked.datasets.iter().any(|dataset| dataset.name == name);
    let absent: Vec<&str> = claim.datasets.iter().map(String::as_str).filter(|name| !known(name)).collect();
    let named = |sides: &&Vec<Side>| {
        let name = sides.first().map_or("", |side| side.cell.dataset.as_str());
        claim.datasets.is_empty() || claim.datasets.iter().any(|dataset| dataset == name)
    };
    let chosen: Vec<&Vec<Side>> = datasets.iter().filter(named).collect();
    let place = super::comparisons::names(&chosen);
    let metric = deciding.totals.deciding(&claim.metric, &place);
    let warning = deciding.totals.warning(&claim.metric, &place);
    let mut found = Asked { claim, absent, datasets: chosen, metric, warning, drafts: Vec::new() };
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

    fn judge(&'a self, deciding: &'a Deciding<'a>, seeds: usize) -> Judge<'a> {
        let direction = metrics::find(self.metric).map_or(Direction::Neither, |metric| metric.direction);
        Judge { metric: self.metric, direction, datasets: &self.datasets, deciding, seeds }
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
            Statement::Better { pairs, over, by, at_most } => judge.better(pairs, *over, (*by, *at_most)),
            Statement::LargestStep(chains) => judge.largest_step(chains),
            Statement::EveryBestHas { component, groups } => judge.every_best(component, groups),
            Statement::SpreadAtMost { limit, methods } => {
                let family = methods.len() * self.datasets.len();
                let rule = Rule { level: LEVEL, power: POWER, family, margin: 0.0 };
                let parts = spread::parts(self.metric, &self.datasets, (methods, *limit), rule);
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
        (comparisons, family): (&Comparisons, &ClaimFamily),
    ) -> ClaimView {
        let drafts = std::mem::take(&mut self.drafts);
        let judge = self.judge(deciding, seeds);
        let parts: Vec<Part> =
            drafts.into_iter().map(|draft| judge.part(draft, comparisons, family)).collect();
        let verdict = Answer::of_all(parts.iter().map(|part| part.verdict));
        let (evidence, needed) = if self.absent.is_empty() {
            let warning = self.warning.as_ref().map(|warning| format!("In {}: {warning}. ", self.metric));
            (warning.unwrap_or_default() + &part::evidence(&parts, verdict), part::needed(&parts, verdict))
        } else {
            let datasets = self.absent.join(", ");
            (format!("Not in this profile: {datasets}."), Some(format!("A profile with {datasets}.")))
        };
        let claim = self.claim;
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
}
