//! Claims that a value lies on one side of a bound, or between two: decided by its interval.

use super::needed::Needed;
use super::part::Part;
use valor_stats::metrics::Defined;
use valor_stats::stats::{Answer, Rule, Studentised};

/// Where a value is said to lie.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// At or above this.
    pub least: Option<f64>,
    /// At or below this.
    pub most: Option<f64>,
}

/// What was found of a value.
pub(super) struct FoundValue {
    /// Its mean with what is known of it.
    pub whole: Studentised,
    /// What varies in that.
    pub over: &'static str,
    /// Values that entered.
    pub count: usize,
}

/// The part, its figures in the unit of the value; `seeds` have been asked for.
pub(super) fn part(
    what: String,
    found: Defined<FoundValue>,
    bounds: Bounds,
    rule: &Rule,
    seeds: usize,
) -> Part {
    let decided = found.and_then(|found| {
        let interval = found.whole.interval(rule.level)?;
        let answer = rule.between(&found.whole, bounds.least, bounds.most)?;
        Ok((found, interval, answer))
    });
    let (found, (low, high), verdict) = match decided {
        Ok(decided) => decided,
        Err(reason) => return Part::untested(what, reason.0),
    };
    let distance = |bound: Option<f64>| bound.map(|bound| found.whole.less(bound));
    let nearest = distance(bounds.least)
        .into_iter()
        .chain(distance(bounds.most))
        .min_by(|a, b| a.mean.abs().total_cmp(&b.mean.abs()));
    let open = nearest.filter(|_| verdict == Answer::Inconclusive);
    Part {
        verdict,
        value: Some(found.whole.mean),
        interval: Some([low, high]),
        over: found.over,
        pairs: found.count,
        reason: None,
        needed: open.map(|nearest| Needed::of(&nearest, None, rule, seeds)),
        ..Part::untested(what, String::new())
    }
}
