//! Claims on the means of single methods.

use super::bounded::{self, Bounds, FoundValue};
use super::part::Part;
use crate::linear_contrast::{LinearContrast, Orientation, Place, pooled};
use valor_stats::stats::Rule;

/// One part per method, averaged over datasets.
pub(super) fn parts(
    metric: &str,
    place: &Place,
    methods: &[String],
    limit: f64,
    rule: &Rule,
    seeds: usize,
) -> Vec<Part> {
    let part = |method: &String| {
        let cells = place.datasets.iter().filter_map(|cells| cells.find(method));
        let levels: Vec<LinearContrast> =
            cells.map(|cell| LinearContrast::of(&[(1.0, cell)], metric, Orientation::Metric)).collect();
        let level = pooled(&levels, place.looks);
        let found = level.tested.map(|tested| FoundValue {
            over: tested.over(),
            whole: tested.whole,
            count: level.pairs,
        });
        let bounds = Bounds { least: None, most: Some(limit) };
        bounded::part(format!("{metric} of {method}"), found, bounds, rule, seeds)
    };
    methods.iter().map(part).collect()
}
