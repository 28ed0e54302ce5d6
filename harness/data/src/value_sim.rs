//! value-sim: what customers of three domains will be worth, one number per customer, with the truth known.
//!
//! The law is a mixture of occasional buyers, subscribers with fixed price points and whales, whose shares and parameters depend on
//! features, levels, a weekly sequence and the day. No method's assumption is the truth.

mod law;
#[cfg(test)]
mod tests;
mod world;

use super::draw::Accounts;
use super::{Dataset, Feature, FeatureKind, Matrix, Truth, UnitColumns, validate_count};
use rand::Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use valor_base::question::Arms;
use valor_base::seed::{Seeds, Stream};
use world::{CONTINUOUS, Customer, LEVELS, World};

/// Options of value-sim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ValueSimSpec {
    /// Customers; 1 or more.
    pub rows: usize,
    /// 1, 2 or 3: shares of zeros of .336, .646 and .458, and prices of its own.
    pub domain: u64,
    /// Draws the weights of the indices and the effects of levels: the market.
    pub world: u64,
    /// Draws customers and what they spend.
    pub seed: u64,
    /// How far parameters move over the period, in units of the usual; in [0, 2].
    pub drift: f64,
}

impl Default for ValueSimSpec {
    fn default() -> Self {
        Self { rows: 200_000, domain: 1, world: 1, seed: 1, drift: 1.0 }
    }
}

/// Days on which customers to learn from are looked at: 0 to below this.
const PERIOD: u32 = 730;

/// Days after them on which fresh ones are.
const LATER: u32 = 90;

/// Days after a customer's day over which the outcome is counted: from then on it is known.
const HORIZON: f64 = 180.0;

/// Weeks of the sequence.
const WEEKS: usize = 26;

/// Numeric columns: continuous ones, tenure, recent spend, then the weeks.
const TENURE: usize = CONTINUOUS;
const SPEND: usize = CONTINUOUS + 1;
const FIRST_WEEK: usize = CONTINUOUS + 2;
const COLUMNS: usize = FIRST_WEEK + WEEKS;

/// Customers that share a stream: row i is the same whatever `rows` is.
const CHUNK: usize = 1024;

/// Customers of the reference sample that the share of zeros is solved on: its error moves the share by an SD below .002.
const REFERENCE: usize = 64 * CHUNK;

/// Bytes of a row while it is drawn, at least: its features, its label, and the columns that both become.
pub(super) const ROW: u64 = (4 * (COLUMNS + LEVELS.len()) + 2 * size_of::<Label>()) as u64;

impl ValueSimSpec {
    /// Refuses options out of range, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        validate_count("value-sim", "rows", self.rows, u32::MAX as usize)?;
        if !(1..=3).contains(&self.domain) {
            return Err(valor_base::input_error!(
                "value-sim: domain = {}: allowed are 1, 2 and 3",
                self.domain
            ));
        }
        if !(0.0..=2.0).contains(&self.drift) {
            return Err(valor_base::input_error!(
                "value-sim: drift = {}: allowed are numbers from 0 to 2",
                self.drift
            ));
        }
        Ok(())
    }

    /// The domain's streams below a root seed.
    fn seeds(&self, root: u64) -> Seeds {
        Seeds::new(root).child("value-sim").at(self.domain)
    }
}

/// Draws the customers of a valid spec.
pub(super) fn generate(spec: &ValueSimSpec) -> Dataset {
    draw(spec, Accounts::Known, spec.rows)
}

/// Draws so many fresh customers of the same market, of the days after the period.
pub(super) fn fresh(spec: &ValueSimSpec, rows: usize) -> Dataset {
    draw(spec, Accounts::Fresh, rows)
}

/// What is drawn for, and true of, one customer.
struct Label {
    levels: [u32; LEVELS.len()],
    day: f64,
    outcome: f64,
    expected: f64,
    conversion: f64,
}

fn draw(spec: &ValueSimSpec, accounts: Accounts, rows: usize) -> Dataset {
    let world = World::new(spec, spec.seeds(spec.world).child("world"), &reference(spec));
    let seeds = accounts.streams(spec.seeds(spec.seed)).child("rows");
    let days = match accounts {
        Accounts::Known => 0..PERIOD,
        Accounts::Fresh => PERIOD..PERIOD + LATER,
    };
    let mut values = vec![0_f32; rows * COLUMNS];
    let chunk = |(chunk, slab): (usize, &mut [f32])| {
        let seeds = seeds.at(chunk as u64);
        let (mut features, mut labels) = (seeds.child("features").stream(), seeds.child("labels").stream());
        let label = |numbers: &mut [f32]| {
            let day = f64::from(features.random_range(days.clone()));
            let levels = draw_features(spec, day, numbers, &mut features);
            let law = world.law(&Customer { numbers, levels, day });
            let outcome = law.draw(&mut labels);
            Label { levels, day, outcome, expected: law.expected(), conversion: law.conversion() }
        };
        slab.chunks_exact_mut(COLUMNS).map(label).collect::<Vec<Label>>()
    };
    let labels: Vec<Vec<Label>> = values.par_chunks_mut(CHUNK * COLUMNS).enumerate().map(chunk).collect();
    gather(&labels, Matrix { rows, columns: COLUMNS, values })
}

/// A customer of the reference sample.
struct Sampled {
    numbers: Vec<f32>,
    levels: [u32; LEVELS.len()],
    day: f64,
}

impl Sampled {
    fn customer(&self) -> Customer<'_> {
        Customer { numbers: &self.numbers, levels: self.levels, day: self.day }
    }
}

/// Customers of the period that the world draws: what is solved on them depends on no row at hand.
fn reference(spec: &ValueSimSpec) -> Vec<Sampled> {
    let seeds = spec.seeds(spec.world).child("reference");
    let chunk = |chunk: usize| {
        let mut stream = seeds.at(chunk as u64).stream();
        let sampled = |_| {
            let mut numbers = vec![0_f32; COLUMNS];
            let day = f64::from(stream.random_range(0..PERIOD));
            let levels = draw_features(spec, day, &mut numbers, &mut stream);
            Sampled { numbers, levels, day }
        };
        (0..CHUNK).map(sampled).collect::<Vec<Sampled>>()
    };
    (0..REFERENCE / CHUNK).into_par_iter().flat_map_iter(chunk).collect()
}

/// Draws a customer's features. How they depend on each other is nothing that the truth needs: what is spent depends on what a
/// table shows, and on nothing else.
///
/// ```text
/// c_j ~ N(0, 1)                              u, v ~ N(0, 1)
/// tenure = round(exp(5.5 + N)), 1 to 3000 days
/// rate of week k = exp(-0.6 + 0.5 (c01 + c02) / sqrt(2) + 0.6 u + 0.3 v (k - 13) / 13),  0 before the tenure began
/// w_k ~ Poisson(rate), of one customer in five 2 more in every fourth week
/// recent spend = K exp(2.8 + 0.35 c03 + 0.5 N),  K ~ Poisson(0.3 sum of w_k)
/// ```
fn draw_features(
    spec: &ValueSimSpec,
    day: f64,
    numbers: &mut [f32],
    stream: &mut Stream,
) -> [u32; LEVELS.len()] {
    let mut normal = || -> f64 { StandardNormal.sample(stream) };
    numbers[..CONTINUOUS].fill_with(|| normal() as f32);
    let (level, trend, spread, length) = (normal(), normal(), normal(), normal());
    let tenure = (5.5 + length).exp().round().clamp(1.0, 3000.0);
    numbers[TENURE] = tenure as f32;
    let regular = stream.random::<f64>() < 0.2;
    let phase = stream.random_range(0..4_usize);
    let drive = f64::from(numbers[0] + numbers[1]) / 2_f64.sqrt();
    let mut visits = 0.0;
    for week in 0..WEEKS {
        let before = (7 * (WEEKS - 1 - week)) as f64;
        let rate = (-0.6 + 0.5 * drive + 0.6 * level + 0.3 * trend * (week as f64 - 12.0) / 13.0).exp();
        let extra = if regular && week % 4 == phase { 2.0 } else { 0.0 };
        let count = if tenure > before { poisson(rate, stream) + extra } else { 0.0 };
        numbers[FIRST_WEEK + week] = count as f32;
        visits += count;
    }
    let size = (2.8 + 0.35 * f64::from(numbers[2]) + 0.5 * spread).exp();
    numbers[SPEND] = (poisson(0.3 * visits, stream) * size) as f32;
    // Levels are the rarer the higher their number; the last hundred items come up late.
    let ranked = |levels: u32, stream: &mut Stream| {
        let rank = (stream.random::<f64>() * f64::from(levels + 1).ln()).exp() as u32;
        rank.clamp(1, levels) - 1
    };
    let (channel, region) = (ranked(10, stream), ranked(100, stream));
    let late = 0.2 * spec.drift.min(1.0) * ((day - 300.0) / 430.0).max(0.0);
    let known = ranked(900, stream);
    let (is_late, new) = (stream.random::<f64>() < late, stream.random_range(900..1_000));
    [channel, region, if is_late { new } else { known }]
}

/// A Poisson number; 0 where the rate is 0.
fn poisson(rate: f64, stream: &mut Stream) -> f64 {
    Poisson::new(rate).map_or(0.0, |law| law.sample(stream))
}

fn gather(labels: &[Vec<Label>], numeric: Matrix) -> Dataset {
    let column = |value: fn(&Label) -> f64| -> Vec<f64> { labels.iter().flatten().map(value).collect() };
    let categorical = LEVELS.iter().enumerate().map(|(place, kind)| Feature {
        name: kind.name.to_string(),
        kind: FeatureKind::Categorical {
            levels: kind.names(),
            codes: labels.iter().flatten().map(|label| label.levels[place]).collect(),
        },
    });
    let numbers = names().into_iter().enumerate();
    let numbers = numbers.map(|(column, name)| Feature { name, kind: FeatureKind::Numeric { column } });
    Dataset {
        features: numbers.chain(categorical).collect(),
        numeric,
        treatment: None,
        outcome: column(|label| label.outcome),
        truth: Some(Truth {
            effect: None,
            expected: Some(Arms::One(column(|label| label.expected))),
            conversion: Some(Arms::One(column(|label| label.conversion))),
        }),
        time: Some(column(|label| label.day)),
        known: Some(column(|label| label.day + HORIZON)),
        units: UnitColumns { time: Some("day".to_string()), ..UnitColumns::default() },
        sequences: vec![names()[FIRST_WEEK..].to_vec()],
        ..Dataset::default()
    }
}

/// Names of the numeric columns.
fn names() -> Vec<String> {
    let continuous = (1..=CONTINUOUS).map(|number| format!("c{number:02}"));
    let weeks = (1..=WEEKS).map(|number| format!("w{number:02}"));
    continuous.chain(["tenure".to_string(), "recent_spend".to_string()]).chain(weeks).collect()
}
