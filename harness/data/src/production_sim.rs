//! production-sim: a stand-in for the paper's production table, which is proprietary and cannot be reproduced.
//!
//! The construction of b2b-mimic with rarer and larger purchases, confounded assignment, columns of noise, and
//! accounts that lack a whole block of telemetry.

#[cfg(test)]
mod tests;

pub use super::market::Assignment;

use super::draw::Accounts;
use super::market::{self, BLOCKS, Block, CHUNK, COLUMNS, Setting};
use super::{Dataset, Feature, FeatureKind, Matrix, validate_count, validate_rho};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use valor_base::seed::Seeds;

/// What a reader of any table of these rows is told.
pub const STAND_IN: &str = "production-sim is a stand-in: the paper's production data is proprietary";

/// Options of production-sim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProductionSimSpec {
    /// Accounts; 1 or more.
    pub rows: usize,
    /// Draws the fixed weights of the indices: the market.
    pub world: u64,
    /// Draws accounts, treatment and outcomes.
    pub seed: u64,
    /// Correlation of prognosis and effect index; in [-1, 1].
    pub rho: f64,
    /// Share of outcomes that are 0 in the world, over the assigned arms; in [0.7, 1).
    pub zeros: f64,
    /// How treatment is assigned.
    pub propensity: Assignment,
}

impl Default for ProductionSimSpec {
    fn default() -> Self {
        Self { rows: 80_000, world: 1, seed: 1, rho: 0.5, zeros: 0.93, propensity: Assignment::Confounded }
    }
}

/// The hurdle alone leaves at most 62 % zeros whatever the world and `rho`, so every share from here on has a keep
/// probability below 1.
const FEWEST_ZEROS: f64 = 0.7;

/// Accounts of the reference sample that the keep probability is solved on: its error moves the share of zeros
/// by an SD below 0.0002.
const REFERENCE: usize = 128 * CHUNK;

/// Columns of N(0, 1) that nothing depends on.
const NOISE: usize = 40;

/// Bytes of a row while it is drawn, at least: what the account is, and what a table shows of it.
pub(super) const ROW: u64 = market::ROW + (4 * (COLUMNS + NOISE)) as u64;

/// The blocks that an account may lack, and the share of accounts that do.
const TELEMETRY: [Block; 2] = [BLOCKS[1], BLOCKS[2]];
const MISSING_SHARE: f64 = 0.1;

impl ProductionSimSpec {
    /// Refuses options out of range, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        validate_count("production-sim", "rows", self.rows, u32::MAX as usize)?;
        validate_rho("production-sim", self.rho)?;
        if !(FEWEST_ZEROS..1.0).contains(&self.zeros) {
            return Err(valor_base::input_error!(
                "production-sim: zeros = {}: allowed are numbers from {FEWEST_ZEROS} to below 1",
                self.zeros
            ));
        }
        Ok(())
    }

    /// The setting with its keep probability `q = (1 - zeros) / E[sigmoid(l_T)]`, T as assigned.
    fn setting(&self) -> Setting {
        let unmasked = Setting {
            name: "production-sim",
            accounts: Accounts::Known,
            rows: self.rows,
            world: self.world,
            seed: self.seed,
            rho: self.rho,
            keep: 1.0,
            propensity: self.propensity,
            log_mean: 6.2,
            log_scale: [1.3, 0.3],
        };
        let keep = (1.0 - self.zeros) / market::buyers(&unmasked, REFERENCE);
        Setting { keep, ..unmasked }
    }
}

/// Draws the accounts of a valid spec.
pub(super) fn generate(spec: &ProductionSimSpec) -> Dataset {
    draw(&spec.setting())
}

/// Draws so many fresh accounts of the same market.
pub(super) fn fresh(spec: &ProductionSimSpec, rows: usize) -> Dataset {
    draw(&spec.setting().fresh(rows))
}

fn draw(setting: &Setting) -> Dataset {
    let mut dataset = market::generate(setting);
    let columns = COLUMNS + NOISE;
    let mut values = vec![0_f32; setting.rows * columns];
    let seeds = setting.chunks();
    let chunks =
        values.par_chunks_mut(CHUNK * columns).zip(dataset.numeric.values.par_chunks(CHUNK * COLUMNS));
    chunks.enumerate().for_each(|(chunk, (seen, known))| observe(seen, known, &seeds.at(chunk as u64)));
    dataset.numeric = Matrix { rows: setting.rows, columns, values };
    dataset.features.extend((0..NOISE).map(|number| Feature {
        name: format!("noise_c{:02}", number + 1),
        kind: FeatureKind::Numeric { column: COLUMNS + number },
    }));
    dataset.notes.push(STAND_IN.to_string());
    dataset
}

/// What a table shows of accounts: their features, less the blocks that they lack, and the noise. The truth depends
/// on the features whether or not they are shown.
fn observe(seen: &mut [f32], known: &[f32], seeds: &Seeds) {
    let (mut noise, mut missing) = (seeds.child("noise").stream(), seeds.child("missing").stream());
    for (seen, known) in seen.chunks_exact_mut(COLUMNS + NOISE).zip(known.chunks_exact(COLUMNS)) {
        let (features, extra) = seen.split_at_mut(COLUMNS);
        features.copy_from_slice(known);
        extra.fill_with(|| StandardNormal.sample(&mut noise));
        for block in TELEMETRY {
            if missing.random::<f64>() < MISSING_SHARE {
                features[block.columns()].fill(f32::NAN);
            }
        }
    }
}
