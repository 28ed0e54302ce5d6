//! Claims that are looked at after every seed: what verbs say of them, and what they ask for next.

use serde_json::json;
use valor_analysis::claims::{ClaimView, Ended, Ending};
use valor_analysis::until::{Numbers, Sequence, looked};
use valor_base::escape::terminal::line as shown;
use valor_runs::spec::Experiment;
use valor_runs::store::Store;

/// Looks at the claims of an experiment again and again.
pub(super) struct Looker<'a> {
    declared: &'a Experiment,
    numbers: Numbers,
}

/// What a look has found.
pub(super) struct Found {
    claims: Vec<ClaimView>,
    sequence: Sequence,
}

impl<'a> Looker<'a> {
    /// Nothing where the experiment looks at its claims once.
    pub(super) fn of(declared: &'a Experiment) -> Option<Self> {
        declared.decision.max_seeds.map(|_| Self { declared, numbers: Numbers::default() })
    }

    /// What is known now.
    pub(super) fn look(&mut self, store: &Store) -> anyhow::Result<Found> {
        let evidence = valor_analysis::collect(self.declared, store, "")?;
        let (claims, sequence) = looked(&evidence, &mut self.numbers).unwrap_or_default();
        Ok(Found { claims, sequence })
    }

    /// The experiment with the seeds that are asked for now.
    pub(super) fn asked(&self, found: &Found) -> Experiment {
        self.declared.with(found.sequence.asked.clone())
    }
}

/// The experiment with all seeds that are asked for: those declared, and those that open claims ask for.
pub(super) fn extended(experiment: Experiment, store: &Store) -> anyhow::Result<(Experiment, Option<Found>)> {
    let Some(mut looker) = Looker::of(&experiment) else { return Ok((experiment, None)) };
    let found = looker.look(store)?;
    Ok((looker.asked(&found), Some(found)))
}

impl Found {
    /// Whether the next look needs runs that are not recorded.
    pub(super) fn lacks(&self) -> bool {
        !self.sequence.missing.is_empty()
    }

    /// Before the next seeds are trained.
    pub(super) fn before(&self) -> String {
        let Sequence { seeds, open, missing, .. } = &self.sequence;
        let runs = missing.len();
        format!("{seeds} seeds: {open} of {} claims open, {runs} cells get a further seed", self.claims.len())
    }

    /// A line per claim, and one for all.
    pub(super) fn lines(&self) -> Vec<String> {
        if self.claims.is_empty() {
            return vec!["no claims: there is nothing to decide".to_string()];
        }
        let open = |claim: &&ClaimView| !matches!(claim.ended, Some(Ended { why: Ending::Decided, .. }));
        let of = self.claims.iter().filter(open).count();
        let all = match of {
            0 => format!("all {} claims are decided", self.claims.len()),
            1 => format!("1 of {} claims is not decided", self.claims.len()),
            open => format!("{open} of {} claims are not decided", self.claims.len()),
        };
        self.claims.iter().map(line).chain([all]).collect()
    }

    /// For programs.
    pub(super) fn as_json(&self) -> serde_json::Value {
        let claim = |claim: &ClaimView| {
            json!({
                "id": claim.claim.id,
                "verdict": claim.verdict,
                "seeds": claim.ended.map(|ended| ended.seeds),
                "why": claim.ended.map(|ended| ended.why),
            })
        };
        json!({
            "max_seeds": self.sequence.max_seeds,
            "seeds": self.sequence.seeds,
            "open": self.sequence.open,
            "claims": self.claims.iter().map(claim).collect::<Vec<_>>(),
        })
    }
}

fn line(claim: &ClaimView) -> String {
    let why = claim.ended.map_or(String::new(), |Ended { seeds, why }| {
        let why = match why {
            Ending::Decided => String::new(),
            Ending::SeedsDoNotDecide => {
                ": no number of seeds decides it, the report says what would".to_string()
            }
            Ending::MostSeeds => ": the most that are allowed".to_string(),
            Ending::Missing => ": further ones are not recorded".to_string(),
        };
        format!(" with {seeds} seeds{why}")
    });
    format!("claim {}: {}{why}", shown(&claim.claim.id), claim.verdict.word())
}
