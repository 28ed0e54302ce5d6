//! Verdicts: Holm over the declared family, the region of practical equivalence, what the design could have found.

use super::combination::Tested;
use super::contrasts::ContrastView;
use super::estimate::LEVEL;
use crate::metrics::{self, Direction};
use crate::spec::{Decision, Family, Scope};
use crate::stats::{POWER, Rule, Verdict, holm, sign_test};
use std::collections::BTreeMap;

/// A verdict and what it rests on. Numbers are of the gain: positive is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The word.
    pub verdict: Verdict,
    /// Why nothing else could be said; nothing where a test was made.
    pub reason: Option<String>,
    /// What the standard error holds: `seeds and test rows`, or `seeds`.
    pub over: &'static str,
    /// Two-sided p-value of no difference.
    pub p: Option<f64>,
    /// The same after Holm over the family.
    pub p_adjusted: Option<f64>,
    /// Whether the experiment declared this comparison as primary.
    pub declared: bool,
    /// Comparisons in its family: the declared one, or those of the same kind, metric and dataset.
    pub family: usize,
    /// Half width of the region of practical equivalence.
    pub margin: f64,
    /// p-value of two one-sided tests against that region.
    pub p_equivalence: Option<f64>,
    /// Probability that the method is better, under a flat prior.
    pub probability_better: Option<f64>,
    /// The smallest true difference that would be called better or worse in this family with probability .8.
    pub detectable: Option<f64>,
}

/// Decides all comparisons with the baseline and all that leave a component out; `several` datasets, or one.
pub fn decide(
    decision: &Decision,
    several: bool,
    with_baseline: &mut [ContrastView],
    left_out: &mut [ContrastView],
) {
    let mut families: BTreeMap<String, Vec<&mut ContrastView>> = BTreeMap::new();
    let kinds = [(Family::Baseline, with_baseline), (Family::LeaveOneOut, left_out)];
    for (kind, contrasts) in kinds {
        for contrast in contrasts {
            let declared = is_declared(decision, kind, contrast, several);
            let own = format!("{kind:?} {} {:?}", contrast.metric, contrast.dataset);
            families.entry(if declared { String::new() } else { own }).or_default().push(contrast);
        }
    }
    for (name, mut family) in families {
        decide_family(decision, &mut family, name.is_empty());
    }
}

fn is_declared(decision: &Decision, kind: Family, contrast: &ContrastView, several: bool) -> bool {
    let place = match decision.datasets {
        Scope::Average => contrast.dataset.is_none() || !several,
        Scope::Each => contrast.dataset.is_some(),
    };
    place && decision.contrasts.contains(&kind) && decision.metrics.contains(&contrast.metric)
}

fn decide_family(decision: &Decision, family: &mut [&mut ContrastView], declared: bool) {
    let p_values: Vec<Option<f64>> = family
        .iter()
        .map(|contrast| contrast.gain.as_ref().ok().and_then(|gain| p_value(decision, gain)))
        .collect();
    let count = family.len();
    for ((contrast, p), adjusted) in family.iter_mut().zip(&p_values).zip(holm(&p_values)) {
        let direction = metrics::find(&contrast.metric).map_or(Direction::Neither, |metric| metric.direction);
        if direction == Direction::Neither {
            continue;
        }
        let margin = decision.equivalence.of(&contrast.metric).beside(contrast.level.unwrap_or(0.0));
        let rule = Rule { level: LEVEL, power: POWER, family: count, margin };
        contrast.decided = Some(Decided { declared, ..decided(&contrast.gain, (*p, adjusted), &rule) });
    }
}

fn p_value(decision: &Decision, gain: &Tested) -> Option<f64> {
    match decision.test.signs() {
        None => gain.whole.p_value(0.0).ok(),
        Some(test) => sign_test(test, &gain.blocks).ok(),
    }
}

fn decided(
    gain: &Result<Tested, String>,
    (p, p_adjusted): (Option<f64>, Option<f64>),
    rule: &Rule,
) -> Decided {
    let none = Decided {
        verdict: Verdict::Inconclusive,
        reason: gain.as_ref().err().cloned(),
        over: "seeds",
        p,
        p_adjusted,
        declared: false,
        family: rule.family,
        margin: rule.margin,
        p_equivalence: None,
        probability_better: None,
        detectable: None,
    };
    let Ok(tested) = gain else { return none };
    let verdict = rule.verdict(&tested.whole, p_adjusted);
    let untested = p.is_none() && verdict == Verdict::Inconclusive;
    Decided {
        verdict,
        reason: untested.then(|| "no variance to test against".to_string()),
        over: tested.over(),
        p_equivalence: tested.whole.equivalence(rule.margin).ok().filter(|_| rule.margin > 0.0),
        probability_better: tested.whole.probability_above(0.0).ok(),
        detectable: tested.whole.detectable(rule.single_level(), rule.power).ok(),
        ..none
    }
}
