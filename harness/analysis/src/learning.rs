//! Learning and overfitting: what a ranking is worth after every epoch, and which epoch was kept.

use super::estimate::mean;
use crate::evidence::CellEvidence;
use serde::Serialize;
use valor_runs::record::{Record, Status};
use valor_runs::spec::NamedMethod;

/// A network's true AUUC by epoch, averaged over its finished seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Learning {
    /// Method, as the experiment names it.
    pub method: String,
    /// `tarnet`, `dragonnet`, ...
    pub backbone: String,
    /// Mean of `auuc.true` on the watched rows after epoch 1, 2, ..., as far as every finished seed trained.
    pub by_epoch: Vec<f64>,
    /// Mean over seeds of the epoch that was kept.
    pub kept_epoch: f64,
    /// Mean over seeds of its value.
    pub kept_value: f64,
    /// First and last epoch that a seed kept.
    pub kept_between: [usize; 2],
}

impl Learning {
    /// Of a cell; nothing where its runs noted nothing: no network, no known truth, or records of versions before 5.
    pub fn of(method: &NamedMethod, cell: &CellEvidence) -> Option<Self> {
        let seeds: Vec<Watched> = cell.records().filter_map(|(_, record)| Watched::of(record)).collect();
        let shortest = seeds.iter().map(|seed| seed.values.len()).min()?;
        let at = |epoch: usize| mean(seeds.iter().map(|seed| seed.values[epoch]));
        let kept = |value: fn(&Watched) -> f64| mean(seeds.iter().map(value));
        Some(Self {
            method: method.name.clone(),
            backbone: method.backbone.clone(),
            by_epoch: (0..shortest).map_while(at).collect(),
            kept_epoch: kept(|seed| seed.kept as f64)?,
            kept_value: kept(|seed| seed.values[seed.kept - 1])?,
            kept_between: [
                seeds.iter().map(|seed| seed.kept).min()?,
                seeds.iter().map(|seed| seed.kept).max()?,
            ],
        })
    }
}

/// What a finished run noted.
struct Watched {
    /// After epoch 1, 2, ...
    values: Vec<f64>,
    /// The epoch that was kept.
    kept: usize,
}

impl Watched {
    fn of(record: &Record) -> Option<Self> {
        let Status::Finished { kept_epoch, .. } = record.status else { return None };
        let values: Vec<f64> = record.epochs.iter().map_while(|epoch| epoch.watched).collect();
        (1..=values.len()).contains(&kept_epoch).then_some(Self { values, kept: kept_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Outcome;
    use crate::sample::{Sample, diverge};

    #[test]
    fn epochs_are_averaged_over_finished_seeds_as_far_as_all_trained() {
        let mut evidence = Sample::default().evidence();
        let cell = &mut evidence.cells[0];
        diverge(&mut cell.runs[2]);
        if let Outcome::Found { record, .. } = &mut cell.runs[0].outcome {
            record.status = Status::Finished { epochs: 3, kept_epoch: 2 };
            record.epochs.truncate(3);
            record.epochs[1].watched = Some(0.1);
        }
        let found = Learning::of(&evidence.experiment.methods[0], &evidence.cells[0]).unwrap();
        let by_epoch = [0.3, (0.1 + 0.35) / 2.0, 0.4 - 0.1 / 3.0];
        assert!(found.by_epoch.iter().zip(by_epoch).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!((found.by_epoch.len(), found.kept_between), (3, [2, 5]));
        assert!((found.kept_epoch - 3.5).abs() < 1e-12);
        assert!((found.kept_value - (0.1 + 0.38) / 2.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn a_cell_that_noted_nothing_shows_nothing() {
        let mut evidence = Sample::default().evidence();
        for run in &mut evidence.cells[0].runs {
            if let Outcome::Found { record, .. } = &mut run.outcome {
                record.epochs.iter_mut().for_each(|epoch| epoch.watched = None);
            }
        }
        assert_eq!(Learning::of(&evidence.experiment.methods[0], &evidence.cells[0]), None);
    }
}
