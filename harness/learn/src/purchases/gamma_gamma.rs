//! How much a purchase brings: the Gamma-Gamma law of Fader, Hardie and Lee 2005.

use super::History;
use super::maximum::maximise;
use rayon::prelude::*;
use statrs::function::gamma::ln_gamma;
use std::collections::BTreeMap;
use valor_base::input_error;

/// Logs of `p`, `q - 1`, `gamma` in units of the mean: with q near 1 the mean of who has not bought again has no bound.
const BOUNDS: [(f64, f64); 3] = [(-14.0, 7.0), (-3.0, 7.0), (-14.0, 14.0)];

/// Amounts are Gamma distributed around a mean that differs between customers by a law of its own, whatever their rate of purchases.
///
/// ```text
/// amount ~ Gamma(p, nu'),   nu' ~ Gamma(q, gamma)
/// L(z | x) = Gamma(p x + q) / (Gamma(p x) Gamma(q)) gamma^q z^(p x - 1) x^(p x) / (gamma + x z)^(p x + q)
/// E[M | x, z] = p (gamma + x z) / (p x + q - 1)
/// ```
///
/// `z` is the mean of `x` amounts. `q` is 1.05 at least, so that there is a mean. Source: Fader, Hardie, "The Gamma-Gamma model of monetary value", 2013;
/// Fader, Hardie, Lee, RFM and CLV, 2005.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GammaGamma {
    /// Shape of the amounts; above 0.
    pub p: f64,
    /// Shape of what customers differ by; above 1.
    pub q: f64,
    /// Its scale, money; above 0.
    pub gamma: f64,
}

/// Customers with equally many amounts.
struct Group {
    repeats: f64,
    means: Vec<f64>,
    /// Sum of the logs of the means.
    logs: f64,
}

impl GammaGamma {
    /// The law under which the means are likeliest, of the histories with a purchase after the first and a mean above 0.
    ///
    /// # Errors
    ///
    /// Input errors where there is no such history and where all means are equal.
    pub fn fit(histories: &[History]) -> anyhow::Result<Self> {
        let known = || histories.iter().filter(|history| history.repeats > 0.0 && history.spend > 0.0);
        let count = known().count();
        let Some(first) = known().next() else {
            return Err(input_error!(
                "bg-nbd: nobody of {} training rows spent anything after the first purchase; allowed is spend above 0",
                histories.len()
            ));
        };
        if known().all(|history| history.spend == first.spend) {
            return Err(input_error!(
                "bg-nbd: all {count} customers who bought again spent {} each time; allowed are amounts that differ",
                first.spend
            ));
        }
        let mut amounts: Vec<f64> = known().map(|history| history.spend).collect();
        amounts.sort_unstable_by(f64::total_cmp);
        let unit = amounts.iter().sum::<f64>() / count as f64;
        let groups = groups(known(), unit);
        let likelihood = |logs: &[f64]| Self::of_logs(logs).likelihood(&groups);
        let best = maximise(&likelihood, &[1.0, 0.5, 0.5], &BOUNDS);
        let law = Self::of_logs(&best.at);
        Ok(Self { gamma: law.gamma * unit, ..law })
    }

    fn of_logs(logs: &[f64]) -> Self {
        Self { p: logs[0].exp(), q: 1.0 + logs[1].exp(), gamma: logs[2].exp() }
    }

    fn likelihood(&self, groups: &[Group]) -> f64 {
        let Self { p, q, gamma } = *self;
        let whole = q * gamma.ln() - ln_gamma(q);
        let of_group = |group: &Group| {
            let (x, count) = (group.repeats, group.means.len() as f64);
            let of_x = ln_gamma(p * x + q) - ln_gamma(p * x) + p * x * x.ln() + whole;
            let spread: f64 = group.means.iter().map(|z| (gamma + x * z).ln()).sum();
            count * of_x + (p * x - 1.0) * group.logs - (p * x + q) * spread
        };
        let parts: Vec<f64> = groups.par_iter().map(of_group).collect();
        parts.into_iter().sum()
    }

    /// Log-likelihood of the means of histories that have one.
    pub fn log_likelihood(&self, histories: &[History]) -> f64 {
        self.likelihood(&groups(histories.iter().filter(|one| one.repeats > 0.0 && one.spend > 0.0), 1.0))
    }

    /// What a purchase of a customer is expected to bring.
    pub fn mean(&self, history: &History) -> f64 {
        let Self { p, q, gamma } = *self;
        let History { repeats: x, spend, .. } = *history;
        p * (gamma + x * spend) / (p * x + q - 1.0)
    }
}

/// By rising `x`, means ascending, in the given unit.
fn groups<'a>(histories: impl Iterator<Item = &'a History>, unit: f64) -> Vec<Group> {
    let mut found: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for history in histories {
        found.entry(history.repeats.to_bits()).or_default().push(history.spend / unit);
    }
    let group = |(repeats, mut means): (u64, Vec<f64>)| {
        means.sort_unstable_by(f64::total_cmp);
        Group { repeats: f64::from_bits(repeats), logs: means.iter().map(|mean| mean.ln()).sum(), means }
    };
    found.into_iter().map(group).collect()
}
