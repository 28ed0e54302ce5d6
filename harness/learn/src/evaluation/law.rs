//! The law of an outcome, as heads have it: what is known of a row beyond its expectation.

use super::inside::Inside;
use valor_stats::metrics::normal_quantile;

/// The law of each row's outcome in one arm, a column per parameter. Outcome units.
#[derive(Clone, Debug, PartialEq)]
pub enum OutcomeLaw {
    /// Zero, or log-normal. How likely it is above zero stands beside it, in the predictions' conversion.
    ZeroInflated {
        /// Mean of the log of outcomes above zero.
        mu: Vec<f32>,
        /// Standard deviation of that log; above 0.
        sigma: Vec<f32>,
    },
    /// In buckets.
    Buckets {
        /// Where they end.
        edges: BucketEdges,
        /// `P(y in bucket k)`, a column per bucket: at least 0, a row's sum to 1.
        shares: Vec<Vec<f32>>,
        /// The mean within each bucket, a column per bucket.
        means: Vec<Vec<f32>>,
    },
}

/// Where buckets of outcomes end. Outcome units.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketEdges {
    /// Upper ends of all buckets but the last, which is open; they increase.
    pub upper: Vec<f64>,
    /// Whether the first bucket is that of the zeros.
    pub zeros: bool,
}

impl BucketEdges {
    /// Number of buckets.
    pub fn count(&self) -> usize {
        self.upper.len() + 1
    }

    /// Lower and upper end of a bucket, from 0; the last one has no upper end.
    pub fn ends(&self, bucket: usize) -> (f64, Option<f64>) {
        let lower = bucket.checked_sub(1).map_or(0.0, |before| self.upper[before]);
        (lower, self.upper.get(bucket).copied())
    }
}

/// Prediction intervals of rows, and what the interval of their total needs. Outcome units; one entry per row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intervals {
    /// Probability that the law gives an interval, in (0, 1).
    pub level: f64,
    /// The quantile at `(1 - level) / 2`.
    pub low: Vec<f32>,
    /// The quantile at `(1 + level) / 2`.
    pub high: Vec<f32>,
    /// Mean of the law.
    pub mean: Vec<f32>,
    /// Standard deviation of the law.
    pub sd: Vec<f32>,
}

impl Intervals {
    /// Names of the columns as they are kept with a run.
    pub const NAMES: [&'static str; 4] = ["low", "high", "law_mean", "law_sd"];

    /// The columns in the order of [`Intervals::NAMES`].
    pub fn columns(&self) -> [&[f32]; 4] {
        [&self.low, &self.high, &self.mean, &self.sd]
    }

    /// Those of some rows, by their place.
    pub(super) fn select(&self, places: &[u32]) -> Self {
        let take = |values: &[f32]| places.iter().map(|place| values[*place as usize]).collect::<Vec<f32>>();
        let [low, high, mean, sd] = self.columns().map(take);
        Self { level: self.level, low, high, mean, sd }
    }

    /// Those of more rows.
    pub(super) fn append(&mut self, more: Self) {
        self.low.extend(more.low);
        self.high.extend(more.high);
        self.mean.extend(more.mean);
        self.sd.extend(more.sd);
    }
}

/// The law of one row.
enum RowLaw {
    ZeroInflated { bought: f64, mu: f64, sigma: f64 },
    Buckets(Vec<(f64, Inside)>),
}

impl OutcomeLaw {
    /// How likely each bucket is, of laws of buckets.
    pub fn shares(&self) -> &[Vec<f32>] {
        match self {
            OutcomeLaw::ZeroInflated { .. } => &[],
            OutcomeLaw::Buckets { shares, .. } => shares,
        }
    }

    /// The columns of all parameters.
    pub(super) fn columns(&self) -> Vec<&[f32]> {
        match self {
            OutcomeLaw::ZeroInflated { mu, sigma } => vec![mu, sigma],
            OutcomeLaw::Buckets { shares, means, .. } => {
                shares.iter().chain(means).map(Vec::as_slice).collect()
            }
        }
    }

    /// Those of more rows of the same model.
    pub(super) fn append(&mut self, more: Self) {
        let extend = |to: &mut Vec<Vec<f32>>, more: Vec<Vec<f32>>| {
            to.iter_mut().zip(more).for_each(|(to, more)| to.extend(more));
        };
        match (self, more) {
            (OutcomeLaw::ZeroInflated { mu, sigma }, OutcomeLaw::ZeroInflated { mu: more, sigma: wider }) => {
                mu.extend(more);
                sigma.extend(wider);
            }
            (
                OutcomeLaw::Buckets { shares, means, .. },
                OutcomeLaw::Buckets { shares: more, means: others, .. },
            ) => {
                extend(shares, more);
                extend(means, others);
            }
            // One model has one kind of law.
            (OutcomeLaw::ZeroInflated { .. }, OutcomeLaw::Buckets { .. })
            | (OutcomeLaw::Buckets { .. }, OutcomeLaw::ZeroInflated { .. }) => {}
        }
    }

    /// The central interval of each row at a level in (0, 1). `conversion` is `P(y > 0)` of each row.
    ///
    /// ```text
    /// zero-inflated   q(u) = 0 for u <= 1 - p, else exp(mu + sigma z((u - 1 + p) / p))        z: quantile of the standard normal law
    /// buckets         q(u): the quantile within the bucket that u falls into (`Inside`)
    /// ```
    pub fn intervals(&self, conversion: &[f32], level: f64) -> Intervals {
        let mut found = Intervals { level, ..Intervals::default() };
        let single = |value: f64| value.clamp(0.0, f64::from(f32::MAX)) as f32;
        for (row, bought) in conversion.iter().enumerate() {
            let law = self.row(row, f64::from(*bought));
            let (mean, variance) = law.moments();
            found.low.push(single(law.quantile(0.5 - 0.5 * level)));
            found.high.push(single(law.quantile(0.5 + 0.5 * level)));
            found.mean.push(single(mean));
            found.sd.push(single(variance.max(0.0).sqrt()));
        }
        found
    }

    fn row(&self, row: usize, bought: f64) -> RowLaw {
        match self {
            OutcomeLaw::ZeroInflated { mu, sigma } => {
                RowLaw::ZeroInflated { bought, mu: f64::from(mu[row]), sigma: f64::from(sigma[row]) }
            }
            OutcomeLaw::Buckets { edges, shares, means } => {
                let bucket = |(bucket, (shares, means)): (usize, (&Vec<f32>, &Vec<f32>))| {
                    let inside = match (bucket, edges.zeros, edges.ends(bucket)) {
                        (0, true, _) => Inside::Zeros,
                        (_, _, (lower, upper)) => Inside::new(lower, upper, f64::from(means[row])),
                    };
                    (f64::from(shares[row]), inside)
                };
                RowLaw::Buckets(shares.iter().zip(means).enumerate().map(bucket).collect())
            }
        }
    }
}

impl RowLaw {
    fn quantile(&self, share: f64) -> f64 {
        match self {
            RowLaw::ZeroInflated { bought, mu, sigma } => {
                let above = share - (1.0 - bought);
                if above <= 0.0 {
                    return 0.0;
                }
                (mu + sigma * normal_quantile((above / bought).min(1.0 - f64::EPSILON))).exp()
            }
            RowLaw::Buckets(buckets) => {
                let whole: f64 = buckets.iter().map(|(share, _)| share).sum();
                let (mut left, mut last) = (share * whole, 0.0);
                for (share, inside) in buckets.iter().filter(|(share, _)| *share > 0.0) {
                    if left <= *share {
                        return inside.quantile(left / share);
                    }
                    left -= share;
                    last = inside.quantile(1.0 - f64::EPSILON);
                }
                last
            }
        }
    }

    /// Mean and variance.
    fn moments(&self) -> (f64, f64) {
        match self {
            RowLaw::ZeroInflated { bought, mu, sigma } => {
                let mean = bought * (mu + 0.5 * sigma * sigma).exp();
                (mean, bought * (2.0 * (mu + sigma * sigma)).exp() - mean * mean)
            }
            RowLaw::Buckets(buckets) => {
                let whole: f64 = buckets.iter().map(|(share, _)| share).sum();
                let (mut mean, mut square) = (0.0, 0.0);
                for (share, inside) in buckets {
                    let (own, variance) = inside.moments();
                    mean += share / whole * own;
                    square += share / whole * (variance + own * own);
                }
                (mean, square - mean * mean)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use valor_base::seed::Seeds;
    use valor_stats::metrics::total_interval;

    const ROWS: usize = 40_000;

    fn ziln() -> (OutcomeLaw, Vec<f32>) {
        let mu = (0..ROWS).map(|row| 1.0 + (row % 7) as f32 * 0.3).collect();
        let law = OutcomeLaw::ZeroInflated { mu, sigma: vec![0.8; ROWS] };
        (law, (0..ROWS).map(|row| 0.2 + 0.1 * (row % 5) as f32).collect())
    }

    fn buckets() -> (OutcomeLaw, Vec<f32>) {
        let edges = BucketEdges { upper: vec![1e-6, 5.0, 20.0], zeros: true };
        let columns = |values: [f32; 4]| values.map(|value| vec![value; ROWS]).to_vec();
        let law = OutcomeLaw::Buckets {
            edges,
            shares: columns([0.4, 0.3, 0.2, 0.1]),
            means: columns([0.0, 1.5, 14.0, 60.0]),
        };
        (law, vec![0.6; ROWS])
    }

    /// A draw of every row's law.
    fn drawn(law: &OutcomeLaw, conversion: &[f32], seed: u64) -> Vec<f64> {
        let mut stream = Seeds::new(seed).child("law").stream();
        let row = |(row, bought): (usize, &f32)| law.row(row, f64::from(*bought)).quantile(stream.random());
        conversion.iter().enumerate().map(row).collect()
    }

    #[test]
    fn intervals_hold_their_share_of_what_the_law_draws() {
        for (law, conversion) in [ziln(), buckets()] {
            let outcomes = drawn(&law, &conversion, 1);
            for level in [0.5, 0.9] {
                let found = law.intervals(&conversion, level);
                let inside = |(outcome, (low, high)): (&f64, (&f32, &f32))| {
                    (f64::from(*low)..=f64::from(*high) * (1.0 + 1e-6)).contains(outcome)
                };
                let rows = outcomes.iter().zip(found.low.iter().zip(&found.high));
                let share = rows.filter(|row| inside(*row)).count() as f64 / ROWS as f64;
                // Zeros are one point, which holds as much as it does: where the lower end is 0 there is more.
                let least = level - 0.01;
                assert!((least..level + 0.36).contains(&share), "{level}: {share}");
            }
            let (mean, sd) = (
                f64::from(law.intervals(&conversion[..1], 0.5).mean[0]),
                &law.intervals(&conversion, 0.5).sd,
            );
            let average = outcomes.iter().sum::<f64>() / ROWS as f64;
            let expected =
                law.intervals(&conversion, 0.5).mean.iter().map(|mean| f64::from(*mean)).sum::<f64>()
                    / ROWS as f64;
            assert!((average / expected - 1.0).abs() < 0.03, "{average} {expected} {mean}");
            let square = |outcome: &f64| outcome * outcome;
            let spread = outcomes.iter().map(square).sum::<f64>() / ROWS as f64;
            let means = law.intervals(&conversion, 0.5).mean;
            let of_law =
                sd.iter().zip(&means).map(|(sd, mean)| f64::from(*sd).powi(2) + f64::from(*mean).powi(2));
            let of_law = of_law.sum::<f64>() / ROWS as f64;
            assert!((spread / of_law - 1.0).abs() < 0.2, "{spread} {of_law}");
        }
    }

    #[test]
    fn totals_lie_in_their_interval_as_often_as_it_says() {
        for (law, conversion) in [ziln(), buckets()] {
            let found = law.intervals(&conversion, 0.9);
            let (size, mut inside, mut cohorts) = (400, 0, 0);
            for seed in 0..3 {
                let outcomes = drawn(&law, &conversion, seed);
                for start in (0..ROWS).step_by(size) {
                    let rows = start..start + size;
                    let mean = found.mean[rows.clone()].iter().map(|mean| f64::from(*mean)).sum();
                    let variance = found.sd[rows.clone()].iter().map(|sd| f64::from(*sd).powi(2)).sum();
                    let [low, high] = total_interval(mean, variance, 0.9);
                    inside += usize::from((low..=high).contains(&outcomes[rows].iter().sum::<f64>()));
                    cohorts += 1;
                }
            }
            let share = inside as f64 / f64::from(cohorts);
            assert!((0.85..0.95).contains(&share), "{share} of {cohorts}");
        }
    }

    #[test]
    fn rows_that_never_buy_have_no_width() {
        let law = OutcomeLaw::ZeroInflated { mu: vec![2.0, 2.0], sigma: vec![1.0, 1.0] };
        let found = law.intervals(&[0.0, 1.0], 0.8);
        assert_eq!((found.low[0], found.high[0], found.sd[0]), (0.0, 0.0, 0.0));
        let ratio = f64::from(found.high[1] / found.low[1]).ln() / 2.0;
        assert!((ratio - 1.281_551_6).abs() < 1e-5, "{ratio}");
    }
}
