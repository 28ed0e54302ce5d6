//! Who buys when: the beta-geometric / negative-binomial law of Fader, Hardie and Lee 2005.

use super::History;
use super::hypergeometric::log_hypergeometric;
use super::maximum::maximise;
use rayon::prelude::*;
use statrs::function::gamma::ln_gamma;
use std::collections::{BTreeMap, BTreeSet};
use valor_base::input_error;

/// Groups of equal histories that one task adds up.
const CHUNK: usize = 2048;
/// Closer to 1 the closed form divides 0 by 0: `a` is taken this far off.
const APART: f64 = 1e-6;
/// Logs of `r`, `alpha` in units of the largest age, `a`, `b`: with 1,097 of a shape customers hardly differ.
const BOUNDS: [(f64, f64); 4] = [(-14.0, 7.0), (-14.0, 14.0), (-14.0, 7.0), (-14.0, 7.0)];

/// Purchases come at a rate that is Gamma distributed over customers; after each one a customer leaves for good with a chance that is
/// Beta distributed.
///
/// ```text
/// rate ~ Gamma(r, alpha)     chance of leaving ~ Beta(a, b)
/// L(x, t_x, T) = A1 A2 (A3 + 1(x > 0) A4)
/// A1 = Gamma(r + x) alpha^r / Gamma(r)     A2 = Gamma(a + b) Gamma(b + x) / (Gamma(b) Gamma(a + b + x))
/// A3 = (alpha + T)^-(r + x)                A4 = a / (b + x - 1) (alpha + t_x)^-(r + x)
/// ```
///
/// `x` counts purchases after the first, the last one at age `t_x`; `T` is the age. Source: Fader, Hardie, Lee, "Counting your
/// customers" the easy way, Marketing Science 24, 2005.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BgNbd {
    /// Shape of the rates; above 0.
    pub r: f64,
    /// Their scale, a time; above 0.
    pub alpha: f64,
    /// Of the chance of leaving; above 0.
    pub a: f64,
    /// Of the chance of staying; above 0.
    pub b: f64,
}

/// Equal histories.
struct Group {
    repeats: f64,
    last: f64,
    age: f64,
    count: f64,
}

impl BgNbd {
    /// The law under which the histories are likeliest. Neither the order of rows nor threads change a bit.
    ///
    /// # Errors
    ///
    /// Input errors where nobody buys again and where all buy equally often.
    pub fn fit(histories: &[History]) -> anyhow::Result<Self> {
        let kinds: BTreeSet<u64> = histories.iter().map(|history| history.repeats.to_bits()).collect();
        if histories.iter().all(|history| history.repeats == 0.0) {
            return Err(input_error!(
                "bg-nbd: in none of {} training rows is there a purchase after the first; allowed is at least one who buys again",
                histories.len()
            ));
        }
        if kinds.len() == 1 {
            return Err(input_error!(
                "bg-nbd: in all {} training rows there are {} purchases after the first; allowed are customers who differ",
                histories.len(),
                histories[0].repeats
            ));
        }
        let unit = histories.iter().map(|history| history.age).fold(0.0, f64::max);
        if unit <= 0.0 {
            return Err(input_error!(
                "bg-nbd: the age of all training rows is 0; allowed is at least one above 0"
            ));
        }
        let groups = groups(histories, unit);
        let likelihood = |logs: &[f64]| Self::of_logs(logs).likelihood(&groups);
        let starts = [[-1.0, -1.5, 0.0, 1.0], [0.5, 0.0, -1.0, 0.5]];
        let found = starts.map(|start| maximise(&likelihood, &start, &BOUNDS));
        let [one, other] = found;
        let best = if other.value > one.value + 1e-6 { other } else { one };
        let law = Self::of_logs(&best.at);
        Ok(Self { alpha: law.alpha * unit, ..law })
    }

    fn of_logs(logs: &[f64]) -> Self {
        Self { r: logs[0].exp(), alpha: logs[1].exp(), a: logs[2].exp(), b: logs[3].exp() }
    }

    /// Log-likelihood of all groups, which come by rising `x`: what depends on `x` alone is computed once for each.
    fn likelihood(&self, groups: &[Group]) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let whole = r * alpha.ln() - ln_gamma(r) + ln_gamma(a + b) - ln_gamma(b);
        let sums = |groups: &[Group]| {
            let mut sum = 0.0;
            for equal in groups.chunk_by(|one, other| one.repeats == other.repeats) {
                let x = equal[0].repeats;
                let of_x = whole + ln_gamma(r + x) + ln_gamma(b + x) - ln_gamma(a + b + x);
                let leaves = (a / (b + x - 1.0)).ln();
                for group in equal {
                    let stays = -(r + x) * (alpha + group.age).ln();
                    let either = match x > 0.0 {
                        true => add_logs(stays, leaves - (r + x) * (alpha + group.last).ln()),
                        false => stays,
                    };
                    sum += group.count * (of_x + either);
                }
            }
            sum
        };
        let parts: Vec<f64> = groups.par_chunks(CHUNK).map(sums).collect();
        parts.into_iter().sum()
    }

    /// Log-likelihood of histories.
    pub fn log_likelihood(&self, histories: &[History]) -> f64 {
        self.likelihood(&groups(histories, 1.0))
    }

    /// The chance that a customer has not left.
    ///
    /// ```text
    /// P(alive) = 1 / (1 + 1(x > 0) a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x))
    /// ```
    pub fn alive(&self, history: &History) -> f64 {
        let Self { r, alpha, a, b } = *self;
        let History { repeats: x, last, age, .. } = *history;
        if x == 0.0 {
            return 1.0;
        }
        let odds = (a / (b + x - 1.0)).ln() + (r + x) * ((alpha + age) / (alpha + last)).ln();
        1.0 / (1.0 + odds.exp())
    }

    /// Expected purchases in the time `t` from now on.
    ///
    /// ```text
    /// P(alive) (a + b + x - 1) / (a - 1) [1 - (1 - z)^(r + x) 2F1(r + x, b + x; a + b + x - 1; z)],   z = t / (alpha + T + t)
    /// ```
    ///
    /// The terms of 2F1 are positive, so that nothing cancels; it is computed as a log. Source: Fader, Hardie, Lee 2005, equation 10.
    pub fn purchases(&self, history: &History, time: f64) -> f64 {
        let Self { r, alpha, b, .. } = *self;
        let apart = |value: f64, from: f64| {
            if (value - from).abs() < APART { from + APART } else { value }
        };
        let a = apart(self.a, 1.0);
        let c = apart(a + b + history.repeats - 1.0, 0.0);
        let z = time / (alpha + history.age + time);
        let shape = r + history.repeats;
        let (sign, log) = log_hypergeometric(shape, b + history.repeats, c, z);
        let none = sign * (shape * (-z).ln_1p() + log).exp();
        (self.alive(history) * c / (a - 1.0) * (1.0 - none)).max(0.0)
    }

    /// The chance of at least one purchase in the time `t` from now on.
    ///
    /// ```text
    /// P(alive) (1 - ((alpha + T) / (alpha + T + t))^(r + x))
    /// ```
    ///
    /// Of who has not left, the rate is Gamma(r + x, alpha + T): with the first purchase the chance of leaving begins.
    pub fn buys(&self, history: &History, time: f64) -> f64 {
        let since = self.alpha + history.age;
        self.alive(history) * -((self.r + history.repeats) * (since / (since + time)).ln()).exp_m1()
    }
}

/// `log(exp(one) + exp(other))`.
fn add_logs(one: f64, other: f64) -> f64 {
    let (high, low) = if one > other { (one, other) } else { (other, one) };
    high + (low - high).exp().ln_1p()
}

/// Equal histories together, by rising `x`, `t_x` and `T`; times in the given unit.
fn groups(histories: &[History], unit: f64) -> Vec<Group> {
    let mut found: BTreeMap<[u64; 3], f64> = BTreeMap::new();
    for history in histories {
        // Of who never came back, no last purchase is asked for. Bits of numbers from 0 on are in the order of the numbers.
        let last = if history.repeats > 0.0 { history.last.min(history.age) } else { 0.0 };
        *found.entry([history.repeats, last, history.age].map(|part| part.abs().to_bits())).or_default() +=
            1.0;
    }
    let group = |(key, count): ([u64; 3], f64)| {
        let [repeats, last, age] = key.map(f64::from_bits);
        Group { repeats, last: last / unit, age: age / unit, count }
    };
    found.into_iter().map(group).collect()
}
