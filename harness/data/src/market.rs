//! The construction behind b2b-mimic and production-sim: a world's weights, and accounts drawn row by row.

mod index;
mod world;

pub(super) use index::Block;
pub(super) use world::{BLOCKS, Market};

use super::draw::Accounts;
use super::{Dataset, Feature, FeatureKind, Matrix, Treatment, Truth};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use valor_base::question::Arms;
use valor_base::seed::{Seeds, Stream};
use world::Account;

/// Feature columns.
pub(super) const COLUMNS: usize = 100;

/// Rows that share a stream: row i is the same whatever `rows` is.
pub(super) const CHUNK: usize = 1024;

/// Bytes of a row while it is drawn, at least: its features, its label, and the columns that the label becomes.
pub(super) const ROW: u64 = (4 * COLUMNS + 2 * size_of::<Label>()) as u64;

/// How treatment is assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// A fair coin.
    Randomised,
    /// Big spenders are treated more often.
    Confounded,
}

/// What distinguishes one population of the construction from another.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// Name of the source and of its streams.
    pub name: &'static str,
    /// Which accounts.
    pub accounts: Accounts,
    /// How many.
    pub rows: usize,
    /// Draws the weights.
    pub world: u64,
    /// Draws the accounts.
    pub seed: u64,
    /// Correlation of prognosis and effect index.
    pub rho: f64,
    /// Keep probability of the hurdle mask.
    pub keep: f64,
    /// How treatment is assigned.
    pub propensity: Assignment,
    /// Log-mean of the average account's purchase without treatment.
    pub log_mean: f64,
    /// Log-scale of a purchase: its centre and how far `tanh(V)` moves it.
    pub log_scale: [f64; 2],
}

impl Setting {
    /// The source's streams below a root seed.
    pub(super) fn seeds(&self, root: u64) -> Seeds {
        Seeds::new(root).child(self.name)
    }

    /// The streams of its accounts, chunk by chunk.
    pub(super) fn chunks(&self) -> Seeds {
        self.accounts.streams(self.seeds(self.seed)).child("rows")
    }

    /// The same population with so many accounts that are in no other draw of it.
    pub(super) fn fresh(self, rows: usize) -> Self {
        Self { accounts: Accounts::Fresh, rows, ..self }
    }
}

/// Draws the accounts of a setting.
pub(super) fn generate(setting: &Setting) -> Dataset {
    let market = Market::new(setting);
    let seeds = setting.chunks();
    let mut values = vec![0_f32; setting.rows * COLUMNS];
    let labels: Vec<Vec<Label>> = values
        .par_chunks_mut(CHUNK * COLUMNS)
        .enumerate()
        .map(|(chunk, slab)| draw_chunk(&market, slab, seeds.at(chunk as u64)))
        .collect();
    let mut dataset = gather(labels, setting.rows);
    dataset.numeric = Matrix { rows: setting.rows, columns: COLUMNS, values };
    dataset
}

/// Expected share of accounts that buy in their assigned arm, by a fixed reference sample of so many accounts, which
/// the world draws: it depends on no row at hand.
pub(super) fn buyers(setting: &Setting, accounts: usize) -> f64 {
    let market = Market::new(setting);
    let seeds = setting.seeds(setting.world).child("reference");
    let chunk = |chunk: usize| {
        let mut stream = seeds.at(chunk as u64).stream();
        let mut row = [0_f32; COLUMNS];
        let account = |_| {
            draw_features(&mut row, &mut stream);
            let Account { propensity, conversion: [control, treated], .. } = market.account(&row);
            control + propensity * (treated - control)
        };
        (0..CHUNK).map(account).sum::<f64>()
    };
    let chunks: Vec<f64> = (0..accounts.div_ceil(CHUNK)).into_par_iter().map(chunk).collect();
    chunks.iter().sum::<f64>() / (chunks.len() * CHUNK) as f64
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
        treatment: Some(Treatment {
            assigned: labels.iter().flatten().map(|label| label.treatment).collect(),
            propensity: Some(column(|label| label.propensity)),
        }),
        outcome: column(|label| label.outcome),
        truth: Some(Truth {
            effect: Some(column(|label| label.expected[1] - label.expected[0])),
            expected: Some(Arms::Two {
                control: column(|label| label.expected[0]),
                treated: column(|label| label.expected[1]),
            }),
            conversion: Some(Arms::Two {
                control: column(|label| label.conversion[0]),
                treated: column(|label| label.conversion[1]),
            }),
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
