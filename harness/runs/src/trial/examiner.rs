//! What is looked at while a cell trains, for the record alone.

use super::{Prepared, importance};
use crate::record::Importance;
use rand::seq::SliceRandom;
use std::time::Duration;
use valor_base::question::Question;
use valor_base::seed::Seeds;
use valor_learn::evaluation::{self, EvaluationRows, Predictions};
use valor_learn::learner::{self, Scorer};
use valor_stats::metrics;

/// Test rows that networks are asked about after every epoch, at most.
const WATCHED: usize = 10_000;

/// What is noted of an epoch: the ranking without the noise of outcomes.
const NOTED: &str = "auuc.true";

/// Sees every epoch of networks in `auuc.true` on up to 10,000 test rows where the truth is known, and what every feature is
/// worth to trees.
pub(super) struct Examiner<'a> {
    prepared: &'a Prepared,
    seeds: &'a [u64],
    watched: Vec<u32>,
    rows: EvaluationRows,
    /// By seed, in their order; nothing for networks.
    pub(super) importance: Vec<Option<Importance>>,
    /// What it took to look at trees.
    pub(super) took: Duration,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(prepared: &'a Prepared, seeds: &'a [u64]) -> Self {
        let test = &prepared.evaluation;
        let known = test.effect.is_some() && test.question() == Question::Uplift;
        let places = if known { chosen(test.row.len()) } else { Vec::new() };
        Self {
            prepared,
            seeds,
            // Fresh rows are numbered by themselves: their places among all features are the task's.
            watched: places.iter().map(|&place| prepared.task().test[place as usize]).collect(),
            rows: test.select(&places),
            importance: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

/// The same places for every method and seed, ascending.
fn chosen(rows: usize) -> Vec<u32> {
    let mut places: Vec<u32> = (0..rows as u32).collect();
    let mut stream = Seeds::new(0).child("watched").stream();
    let (chosen, _) = places.partial_shuffle(&mut stream, WATCHED.min(rows));
    let mut chosen = chosen.to_vec();
    chosen.sort_unstable();
    chosen
}

impl learner::Examiner for Examiner<'_> {
    fn watched(&self) -> &[u32] {
        &self.watched
    }

    fn judge(&self, said: &Predictions) -> Option<f64> {
        let prepared = evaluation::prepare(said, &self.rows, None).ok()?;
        metrics::find(NOTED).ok()?.compute(&prepared).ok()
    }

    fn grown(&mut self, trees: &dyn Scorer) {
        let start = super::now();
        let seed = self.seeds.get(self.importance.len()).copied().unwrap_or_default();
        let seeds = Seeds::new(seed).child("importance");
        self.importance.push(importance::importance(trees, self.prepared, &seeds));
        self.took += start.elapsed();
    }
}
