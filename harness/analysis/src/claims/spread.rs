//! Claims on standard deviations over seeds.

use super::needed::Needed;
use super::part::Part;
use crate::cell::CellView;
use crate::estimate::LEVEL;
use crate::linear_contrast::Place;
use valor_stats::stats::{Answer, Estimate, Rule, spread_interval};

/// One part per dataset and method.
pub(super) fn parts(metric: &str, place: &Place, methods: &[String], limit: f64, rule: &Rule) -> Vec<Part> {
    let chosen = place.datasets.iter().flat_map(|one| &one.cells);
    let chosen = chosen.filter(|one| methods.contains(&one.cell.method));
    chosen.map(|one| part(metric, one.cell, limit, rule)).collect()
}

fn part(metric: &str, cell: &CellView, limit: f64, rule: &Rule) -> Part {
    let what = format!("SD of {} on {}", cell.method, cell.dataset);
    let values: Vec<f64> =
        cell.metrics.get(metric).map(|found| found.per_seed.values().copied().collect()).unwrap_or_default();
    let verdict = rule.spread_at_most(&values, limit);
    let interval = spread_interval(&values, LEVEL);
    let (verdict, (low, high)) = match (verdict, interval) {
        (Ok(verdict), Ok(interval)) => (verdict, interval),
        (Err(undefined), _) | (_, Err(undefined)) => {
            let reason = cell.metrics.get(metric).and_then(|found| found.mean.clone().err());
            return Part::untested(what, reason.unwrap_or(undefined).0);
        }
    };
    Part {
        value: Estimate::of(&values).and_then(|estimate| estimate.sd),
        interval: Some([low, high]),
        verdict,
        pairs: values.len(),
        reason: None,
        needed: (verdict == Answer::Inconclusive).then(|| needed(&values, limit, rule)),
        ..Part::untested(what, String::new())
    }
}

/// Seeds with which the interval of this standard deviation would leave the limit outside.
fn needed(values: &[f64], limit: f64, rule: &Rule) -> Needed {
    let Some((sd, n)) = Estimate::of(values).and_then(|found| Some((found.sd?, found.n))) else {
        return Needed::AnotherDesign;
    };
    // As many values with the same standard deviation: half of them one apart on either side.
    let decided = |seeds: usize| {
        let unit = sd * ((seeds - 1) as f64 / seeds as f64).sqrt();
        let like: Vec<f64> = (0..seeds).map(|index| if index % 2 == 0 { unit } else { -unit }).collect();
        rule.spread_at_most(&like, limit).is_ok_and(|answer| answer != Answer::Inconclusive)
    };
    (n + 1..=1_000)
        .find(|seeds| decided(*seeds))
        .map_or(Needed::AnotherDesign, |seeds| Needed::Seeds { seeds, instead_of: n })
}
