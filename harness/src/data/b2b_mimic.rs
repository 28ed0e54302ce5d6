//! b2b-mimic: the paper's synthetic benchmark, made exact.
//!
//! 100 features in three blocks drive how much an account spends (prognosis) and how much more it spends when
//! called (effect); `rho` says how far the first predicts the second.

mod index;
mod market;
#[cfg(test)]
mod tests;

use super::{Dataset, Feature, FeatureKind, Matrix, Truth, validate_count};
use crate::seed::{Seeds, Stream};
use market::{BLOCKS, Market};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Options of b2b-mimic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct B2bMimicSpec {
    /// Accounts; 1 or more.
    pub rows: usize,
    /// Draws the fixed weights of the indices: the market.
    pub world: u64,
    /// Draws accounts, treatment and outcomes.
    pub seed: u64,
    /// Correlation of prognosis and effect index; in [-1, 1].
    pub rho: f64,
    /// Keep probability of the hurdle mask; in (0, 1].
    pub keep: f64,
    /// How treatment is assigned.
    pub propensity: Assignment,
}

/// How treatment is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// A fair coin.
    Randomised,
    /// Big spenders are treated more often.
    Confounded,
}

impl Default for B2bMimicSpec {
    fn default() -> Self {
        Self { rows: 236_421, world: 1, seed: 1, rho: 0.3, keep: 0.45, propensity: Assignment::Randomised }
    }
}

impl B2bMimicSpec {
    /// Refuses options out of range, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        validate_count("b2b-mimic", "rows", self.rows, u32::MAX as usize)?;
        if !(-1.0..=1.0).contains(&self.rho) {
            return Err(crate::input_error!(
                "b2b-mimic: rho = {}: allowed are numbers from -1 to 1",
                self.rho
            ));
        }
        if !(self.keep > 0.0 && self.keep <= 1.0) {
            return Err(crate::input_error!(
                "b2b-mimic: keep = {}: allowed are numbers above 0 up to 1",
                self.keep
            ));
        }
        Ok(())
    }
}

const COLUMNS: usize = 100;

/// Rows that share a stream: row i is the same whatever `rows` is.
const CHUNK: usize = 1024;

/// Draws the accounts of a valid spec.
pub(super) fn generate(spec: &B2bMimicSpec) -> Dataset {
    let market = Market::new(spec);
    let seeds = Seeds::new(spec.seed).child("b2b-mimic").child("rows");
    let mut values = vec![0_f32; spec.rows * COLUMNS];
    let labels: Vec<Vec<Label>> = values
        .par_chunks_mut(CHUNK * COLUMNS)
        .enumerate()
        .map(|(chunk, slab)| draw_chunk(&market, slab, seeds.at(chunk as u64)))
        .collect();
    let mut dataset = gather(labels, spec.rows);
    dataset.numeric = Matrix { rows: spec.rows, columns: COLUMNS, values };
    dataset
}

/// What is drawn for, and true of, one account.
struct Label {
    treatment: bool,
    outcome: f64,
    propensity: f64,
    expected: [f64; 2],
    conversion: [f64; 2],
}

fn draw_chunk(market: &Market, slab: &mut [f32], seeds: Seeds) -> Vec<Label> {
    let (mut features, mut labels) = (seeds.child("features").stream(), seeds.child("labels").stream());
    slab.chunks_exact_mut(COLUMNS)
        .map(|row| {
            draw_features(row, &mut features);
            draw_label(market, row, &mut labels)
        })
        .collect()
}

fn draw_features(row: &mut [f32], stream: &mut Stream) {
    let mut coins: u64 = stream.random();
    for block in BLOCKS {
        let (binary, rest) = row[block.start..].split_at_mut(block.binary);
        for cell in binary {
            *cell = (coins & 1) as f32;
            coins >>= 1;
        }
        for cell in &mut rest[..block.continuous] {
            *cell = StandardNormal.sample(stream);
        }
    }
}

/// Draws the same numbers whatever the options are, so that settings differ by their effect alone.
fn draw_label(market: &Market, row: &[f32], stream: &mut Stream) -> Label {
    let account = market.account(row);
    let (assignment, hurdle): (f64, f64) = (stream.random(), stream.random());
    let size: f64 = StandardNormal.sample(stream);
    let treatment = assignment < account.propensity;
    let arm = usize::from(treatment);
    let spends = hurdle < account.conversion[arm];
    Label {
        treatment,
        outcome: if spends { (account.log_mean[arm] + account.log_scale * size).exp() } else { 0.0 },
        propensity: account.propensity,
        expected: [account.expected(0), account.expected(1)],
        conversion: account.conversion,
    }
}

fn gather(labels: Vec<Vec<Label>>, rows: usize) -> Dataset {
    let column = |value: fn(&Label) -> f64| -> Vec<f64> {
        let mut column = Vec::with_capacity(rows);
        column.extend(labels.iter().flatten().map(value));
        column
    };
    Dataset {
        features: features(),
        treatment: labels.iter().flatten().map(|label| label.treatment).collect(),
        outcome: column(|label| label.outcome),
        propensity: Some(column(|label| label.propensity)),
        truth: Some(Truth {
            effect: column(|label| label.expected[1] - label.expected[0]),
            expected_control: Some(column(|label| label.expected[0])),
            expected_treated: Some(column(|label| label.expected[1])),
            conversion_control: Some(column(|label| label.conversion[0])),
            conversion_treated: Some(column(|label| label.conversion[1])),
        }),
        ..Dataset::default()
    }
}

fn features() -> Vec<Feature> {
    let names = BLOCKS.into_iter().flat_map(|block| {
        let binary = (1..=block.binary).map(move |number| format!("{}_b{number:02}", block.name));
        binary.chain((1..=block.continuous).map(move |number| format!("{}_c{number:02}", block.name)))
    });
    names.enumerate().map(|(column, name)| Feature { name, kind: FeatureKind::Numeric { column } }).collect()
}
