//! What each feature is worth to trees: by the gain of their splits, and by what the ranking loses when it is shuffled.

use super::Prepared;
use crate::record::{FeatureImportance, Importance};
use rand::seq::SliceRandom;
use valor_base::seed::Seeds;
use valor_data::Matrix;
use valor_learn::evaluation::EvaluationRows;
use valor_learn::learner::{Scorer, SplitGains};
use valor_stats::metrics;

/// Test rows that are scored anew for each feature, at least and at most.
const ROWS: [usize; 2] = [1_000, 10_000];
/// Within these bounds as many as make so many visits of a row to a tree.
const VISITS: usize = 200_000_000;

/// The importance of every feature for one forest; nothing for networks. The draws come from `seeds` alone.
///
/// ```text
/// gain  = sum over splits on the feature of what they gained, over that of all splits       in [0, 1]
/// loss  = AUUC - AUUC with the feature's values permuted among the rows                      unit of AUUC
/// ```
///
/// Source: Breiman 2001. A feature that no split asks for loses nothing.
pub(super) fn importance(scorer: &dyn Scorer, prepared: &Prepared, seeds: &Seeds) -> Option<Importance> {
    let SplitGains { shares, trees } = scorer.gains()?;
    let used = shares.iter().filter(|share| **share > 0.0).count();
    let rows = chosen(prepared.evaluation.row.len(), trees * used, seeds);
    let sample = Sample::new(prepared, &rows);
    let whole = sample.auuc(scorer, &sample.features);
    let feature = |(column, name): (usize, String)| {
        let gain = shares[column];
        let loss = match gain > 0.0 {
            true => {
                let shuffled = sample.shuffled(column, &seeds.child("columns").at(column as u64));
                whole.zip(sample.auuc(scorer, &shuffled)).map(|(whole, shuffled)| whole - shuffled)
            }
            false => whole.map(|_| 0.0),
        };
        FeatureImportance { name, gain, loss }
    };
    let names = prepared.encoder().names().into_iter().enumerate();
    Some(Importance { rows: rows.len(), auuc: whole, features: names.map(feature).collect() })
}

/// Test rows to look at, by their place among them.
fn chosen(rows: usize, visits: usize, seeds: &Seeds) -> Vec<u32> {
    let wanted = (VISITS / visits.max(1)).clamp(ROWS[0], ROWS[1]).min(rows);
    let mut places: Vec<u32> = (0..rows as u32).collect();
    let (chosen, _) = places.partial_shuffle(&mut seeds.child("rows").stream(), wanted);
    let mut chosen = chosen.to_vec();
    chosen.sort_unstable();
    chosen
}

/// The rows that are looked at.
struct Sample {
    features: Matrix,
    rows: EvaluationRows,
}

impl Sample {
    fn new(prepared: &Prepared, places: &[u32]) -> Self {
        let test = prepared.task().test;
        let rows: Vec<u32> = places.iter().map(|&place| test[place as usize]).collect();
        Self { features: prepared.features().select(&rows), rows: prepared.evaluation.observed(places) }
    }

    fn auuc(&self, scorer: &dyn Scorer, features: &Matrix) -> Option<f64> {
        let score: Vec<f64> = scorer.score(features).into_iter().map(f64::from).collect();
        let ranked = metrics::RankedRows::new(&self.rows.judged(&score)).ok()?;
        let judge = metrics::usual(self.rows.question()).importance;
        metrics::find(judge).ok()?.compute(&ranked).ok()
    }

    fn shuffled(&self, column: usize, seeds: &Seeds) -> Matrix {
        let mut features = self.features.clone();
        let places = || (0..self.features.rows).map(|row| row * self.features.columns + column);
        let mut values: Vec<f32> = places().map(|place| self.features.values[place]).collect();
        values.shuffle(&mut seeds.stream());
        places().zip(values).for_each(|(place, value)| features.values[place] = value);
        features
    }
}
