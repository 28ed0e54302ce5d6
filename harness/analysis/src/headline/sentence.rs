//! The answer as data: what is said, with its numbers. Who prints it has the words.

use super::kind::KindView;
use crate::claims::ClaimView;
use crate::contrasts::ContrastView;
use std::collections::BTreeSet;
use valor_stats::stats::{Answer, Verdict};

/// Most sentences on claims.
const OF_CLAIMS: usize = 2;

/// A sentence of the answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Sentence {
    /// Whether full models beat their backbones alone; one gain per backbone.
    Whole {
        /// Place of the kind of datasets.
        kind: usize,
        /// By backbone.
        gains: Split,
    },
    /// Whether each component helps where it is added; one gain per backbone and set that it is added to.
    Added {
        /// Place of the kind of datasets.
        kind: usize,
        /// By component.
        components: Vec<(String, Split)>,
    },
    /// Whether methods beat the baseline; one gain per method.
    Beside {
        /// Place of the kind of datasets.
        kind: usize,
        /// By method.
        gains: Split,
    },
    /// Who leads, and who cannot be told from the leader.
    Leader(Leader),
    /// The only method, and what it scores.
    Alone {
        /// Place of the kind of datasets.
        kind: usize,
        /// The method.
        method: String,
    },
    /// Claims that share a verdict, in the order of the file.
    Claims {
        /// The verdict.
        verdict: Answer,
        /// Their places among the claims.
        claims: Vec<usize>,
    },
}

/// The method with the best mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Leader {
    /// Place of the kind of datasets.
    pub kind: usize,
    /// Its name.
    pub method: String,
    /// Others that cannot be told from it, the best first.
    pub open: Vec<String>,
    /// Other methods that it was compared with.
    pub others: usize,
}

/// A difference of two methods.
#[derive(Clone, Debug, PartialEq)]
pub struct Gain {
    /// What it is of: a backbone, a method.
    pub name: String,
    /// The difference.
    pub contrast: ContrastView,
}

impl Gain {
    /// Its verdict; undecided ones are inconclusive.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.contrast)
    }
}

/// The verdict of a comparison; one that nothing decides is inconclusive.
pub fn verdict(contrast: &ContrastView) -> Verdict {
    contrast.decided.as_ref().map_or(Verdict::Inconclusive, |decided| decided.verdict)
}

/// Gains by verdict, the largest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Split {
    /// Better.
    pub better: Vec<Gain>,
    /// Worse, the worst first.
    pub worse: Vec<Gain>,
    /// Too small to matter.
    pub same: Vec<Gain>,
    /// Open.
    pub open: Vec<Gain>,
}

impl Split {
    /// Parts gains; methods that could not be compared are left out.
    pub(super) fn of(gains: impl IntoIterator<Item = Gain>) -> Self {
        let mut found = Self::default();
        for gain in gains.into_iter().filter(|gain| gain.contrast.value().is_some()) {
            match gain.verdict() {
                Verdict::Better => found.better.push(gain),
                Verdict::Worse => found.worse.push(gain),
                Verdict::Equivalent => found.same.push(gain),
                Verdict::Inconclusive => found.open.push(gain),
            }
        }
        let size = |gain: &Gain| gain.contrast.value().unwrap_or(0.0).abs();
        for part in [&mut found.better, &mut found.worse, &mut found.same, &mut found.open] {
            part.sort_by(|a, b| size(b).total_cmp(&size(a)));
        }
        found
    }

    /// All gains.
    pub fn count(&self) -> usize {
        self.better.len() + self.worse.len() + self.same.len() + self.open.len()
    }
}

/// Claims by verdict: those that hold, those that do not, and what is open where there is room. What another claim rests on is left to it.
pub(super) fn claims(claims: &[ClaimView]) -> Vec<Sentence> {
    const ORDER: [Answer; 4] = [Answer::Supported, Answer::Refuted, Answer::Inconclusive, Answer::TooSmall];
    let parts: BTreeSet<&String> = claims.iter().flat_map(|claim| claim.claim.statement.rests_on()).collect();
    let of = |verdict: Answer| {
        let whole = claims.iter().enumerate().filter(|(_, claim)| !parts.contains(&claim.claim.id));
        let same = whole.filter(|(_, claim)| claim.verdict == verdict);
        (verdict, same.map(|(place, _)| place).collect::<Vec<_>>())
    };
    let some = ORDER.into_iter().map(of).filter(|(_, claims)| !claims.is_empty());
    some.take(OF_CLAIMS).map(|(verdict, claims)| Sentence::Claims { verdict, claims }).collect()
}

/// Methods beside the baseline on a kind; nothing where there is no other.
pub(super) fn beside(kind: usize, view: &KindView) -> Option<Sentence> {
    let gain = |method: &super::KindMethod| {
        Some(Gain { name: method.method.clone(), contrast: method.beside.clone()? })
    };
    let gains = Split::of(view.methods.iter().filter_map(gain));
    (gains.count() > 0).then_some(Sentence::Beside { kind, gains })
}
