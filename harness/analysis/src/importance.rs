//! What features are worth to the trees of a cell, over seeds.

use serde::Serialize;
use std::collections::BTreeMap;
use valor_runs::record::{Importance, Record};
use valor_stats::stats::Estimate;

/// The importance of features in one cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportanceView {
    /// Seeds that it is known of.
    pub seeds: usize,
    /// Test rows that each seed looked at, at least.
    pub rows: usize,
    /// The feature without which the ranking loses most first.
    pub features: Vec<FeatureImportanceView>,
}

/// One feature.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureImportanceView {
    /// Name of the column.
    pub name: String,
    /// Share of what all splits gained.
    pub gain: Spread,
    /// What AUUC loses when the feature's values are permuted; nothing where it is undefined for some seed.
    pub loss: Option<Spread>,
}

/// Values of several seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Standard deviation; nothing for one seed.
    pub sd: Option<f64>,
}

impl Spread {
    /// One standard deviation to either side; nothing for one seed.
    pub fn ends(&self) -> Option<(f64, f64)> {
        self.sd.map(|sd| (self.mean - sd, self.mean + sd))
    }

    fn of(values: &[f64]) -> Option<Self> {
        Estimate::of(values).map(|Estimate { mean, sd, .. }| Self { mean, sd })
    }
}

impl ImportanceView {
    /// Over the records of a cell; nothing where none knows.
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Option<Self> {
        let found: Vec<&Importance> = records.filter_map(|record| record.importance.as_ref()).collect();
        let rows = found.iter().map(|importance| importance.rows).min()?;
        // Seeds with splits of their own may not have met the same columns.
        let mut names: Vec<&str> = Vec::new();
        let mut values: BTreeMap<&str, (Vec<f64>, Vec<Option<f64>>)> = BTreeMap::new();
        for feature in found.iter().flat_map(|importance| &importance.features) {
            let (gains, losses) = values.entry(&feature.name).or_insert_with(|| {
                names.push(&feature.name);
                (Vec::new(), Vec::new())
            });
            gains.push(feature.gain);
            losses.push(feature.loss);
        }
        let feature = |name: &&str| {
            let (gains, losses) = &values[name];
            let losses: Option<Vec<f64>> = losses.iter().copied().collect();
            Some(FeatureImportanceView {
                name: (*name).to_string(),
                gain: Spread::of(gains)?,
                loss: losses.and_then(|losses| Spread::of(&losses)),
            })
        };
        let mut features: Vec<FeatureImportanceView> = names.iter().filter_map(feature).collect();
        let loss = |view: &FeatureImportanceView| view.loss.map_or(0.0, |loss| loss.mean);
        features.sort_by(|one, other| {
            loss(other).total_cmp(&loss(one)).then(other.gain.mean.total_cmp(&one.gain.mean))
        });
        Some(Self { seeds: found.len(), rows, features })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Outcome;
    use crate::sample::Sample;
    use valor_runs::record::FeatureImportance;

    fn importance(features: [(&str, f64, Option<f64>); 2]) -> Importance {
        let feature = |(name, gain, loss): (&str, f64, Option<f64>)| FeatureImportance {
            name: name.to_string(),
            gain,
            loss,
        };
        Importance { rows: 100, auuc: Some(0.4), features: features.map(feature).to_vec() }
    }

    /// Three seeds of one method.
    fn records() -> Vec<Record> {
        let cell = Sample::default().evidence().cells.remove(0);
        let record = |run: crate::evidence::RunEvidence| match run.outcome {
            Outcome::Found { record, .. } => Some(*record),
            Outcome::Failed(_) | Outcome::Missing => None,
        };
        cell.runs.into_iter().filter_map(record).collect()
    }

    #[test]
    fn seeds_are_averaged_and_the_largest_loss_stands_first() {
        let mut records = records();
        assert_eq!(ImportanceView::of(records.iter()), None);
        records[0].importance = Some(importance([("x", 0.9, Some(0.01)), ("y", 0.1, Some(0.05))]));
        records[1].importance = Some(importance([("x", 0.7, Some(0.03)), ("y", 0.3, Some(0.05))]));
        let found = ImportanceView::of(records.iter()).unwrap();
        assert_eq!((found.seeds, found.rows), (2, 100));
        let names: Vec<&str> = found.features.iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!(names, ["y", "x"]);
        assert!((found.features[1].gain.mean - 0.8).abs() < 1e-12);
        assert_eq!(found.features[0].loss, Some(Spread { mean: 0.05, sd: Some(0.0) }));
        records[1].importance = Some(importance([("x", 0.7, None), ("y", 0.3, None)]));
        let found = ImportanceView::of(records.iter()).unwrap();
        assert_eq!((found.features[0].name.as_str(), found.features[0].loss), ("x", None));
    }
}
