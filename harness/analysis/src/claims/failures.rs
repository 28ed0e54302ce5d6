//! Claims on seeds that fail to converge: counts, so exact.

use super::part::Part;
use crate::cell::CellView;
use crate::linear_contrast::Place;
use valor_runs::spec::FailingSeeds;
use valor_stats::stats::Answer;

/// One part per dataset and method.
pub(super) fn parts(place: &Place, methods: &[String], seeds: FailingSeeds) -> Vec<Part> {
    let chosen = place.datasets.iter().flat_map(|one| &one.cells);
    let chosen = chosen.filter(|one| methods.contains(&one.cell.method));
    chosen.map(|one| part(one.cell, seeds)).collect()
}

/// A crash is no failure to converge; it leaves open what the seed would have done, as does a run that is missing.
fn part(cell: &CellView, seeds: FailingSeeds) -> Part {
    let counts = cell.seeds;
    let what =
        format!("seeds of {} on {} that failed to converge, of {}", cell.method, cell.dataset, counts.asked);
    let least = seeds.least(counts.asked);
    let open = counts.missing() + counts.failed - counts.diverged;
    let verdict = match (counts.diverged >= least, counts.diverged + open < least) {
        (true, _) => Answer::Supported,
        (false, true) => Answer::Refuted,
        (false, false) => Answer::Inconclusive,
    };
    let reason = (open > 0).then(|| format!("{open} crashed or are missing"));
    Part {
        verdict,
        value: Some(counts.diverged as f64),
        pairs: counts.asked,
        reason,
        ..Part::untested(what, String::new())
    }
}
