//! How far the gates of trained networks are closed.

use crate::estimate::mean;
use crate::evidence::{CellEvidence, Evidence};
use serde::Serialize;
use std::collections::BTreeMap;
use valor_learn::learner::neural::GateFact;
use valor_runs::record::Status;

/// The gates of one method on one dataset, over its finished seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateView {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// Method, as the experiment names it.
    pub method: String,
    /// Finished seeds.
    pub seeds: usize,
    /// Means over the seeds, by the name that records have.
    pub values: BTreeMap<String, f64>,
}

impl GateView {
    /// Of every cell whose records say something of a gate, in the order of the table.
    pub fn all(evidence: &Evidence) -> Vec<Self> {
        evidence.cells.iter().filter_map(|cell| Self::of(evidence, cell)).collect()
    }

    fn of(evidence: &Evidence, cell: &CellEvidence) -> Option<Self> {
        let records: Vec<_> = cell
            .records()
            .map(|(_, record)| record)
            .filter(|record| matches!(record.status, Status::Finished { .. }))
            .collect();
        let value = |name: String| {
            let found = records.iter().filter_map(|record| record.fitted.get(&name).copied());
            Some((name.clone(), mean(found)?))
        };
        let names = [false, true].into_iter().flat_map(|arm| GateFact::ALL.map(|fact| fact.noted(arm)));
        let values: BTreeMap<String, f64> = names.filter_map(value).collect();
        (!values.is_empty()).then(|| Self {
            dataset: evidence.experiment.datasets[cell.dataset].name.clone(),
            method: evidence.experiment.methods[cell.method].name.clone(),
            seeds: records.len(),
            values,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Outcome;
    use crate::sample::{Sample, diverge};

    #[test]
    fn gates_are_averaged_over_finished_seeds_and_others_have_none() {
        let mut evidence = Sample::default().evidence();
        assert!(GateView::all(&evidence).is_empty());
        let name = GateFact::Mean.noted(true);
        for (run, value) in evidence.cells[1].runs.iter_mut().zip([0.2, 0.4, 0.9]) {
            if let Outcome::Found { record, .. } = &mut run.outcome {
                record.fitted.insert(name.clone(), value);
            }
        }
        diverge(&mut evidence.cells[1].runs[2]);
        let found = GateView::all(&evidence);
        assert_eq!((found.len(), found[0].method.as_str(), found[0].seeds), (1, "TARNet +ziln", 2));
        assert!((found[0].values[&name] - 0.3).abs() < 1e-12, "{found:?}");
    }
}
