//! The weights of a world: how the law of a customer's spend follows from what a table shows.

use super::law::{Law, PLANS};
use super::{FIRST_WEEK, PERIOD, SPEND, Sampled, TENURE, ValueSimSpec, WEEKS};
use crate::draw::choose;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use valor_base::seed::Seeds;

/// Continuous columns without a meaning of their own.
pub(super) const CONTINUOUS: usize = 16;

/// A categorical column.
pub(super) struct Levels {
    pub(super) name: &'static str,
    /// Stands before the numbers of its levels.
    letter: char,
    count: usize,
}

impl Levels {
    /// Names of all levels, in the order of their numbers and of the alphabet.
    pub(super) fn names(&self) -> Vec<String> {
        let digits = (self.count - 1).to_string().len();
        (0..self.count).map(|number| format!("{}{number:0digits$}", self.letter)).collect()
    }
}

/// The categorical columns.
pub(super) const LEVELS: [Levels; 3] = [
    Levels { name: "channel", letter: 'c', count: 10 },
    Levels { name: "region", letter: 'r', count: 100 },
    Levels { name: "item", letter: 'i', count: 1_000 },
];

/// One customer as a table shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Customer<'a> {
    /// Numeric columns.
    pub(super) numbers: &'a [f32],
    /// Codes of the categorical ones.
    pub(super) levels: [u32; LEVELS.len()],
    /// When it is looked at.
    pub(super) day: f64,
}

/// What one domain has of its own.
struct Domain {
    /// Share of customers who spend nothing.
    zeros: f64,
    /// Log odds of a subscriber and of a whale to an occasional buyer, of the average customer.
    odds: [f64; 2],
    /// Logarithms of a purchase's mean amount and of a whale's least spend.
    amount: f64,
    least: f64,
    prices: [f64; PLANS],
}

const DOMAINS: [Domain; 3] = [
    Domain { zeros: 0.336, odds: [-2.2, -5.2], amount: 2.5, least: 5.6, prices: [4.99, 9.99, 19.99, 49.99] },
    Domain { zeros: 0.646, odds: [-3.2, -6.1], amount: 3.4, least: 5.7, prices: [9.9, 19.9, 39.9, 79.9] },
    Domain { zeros: 0.458, odds: [-1.7, -5.4], amount: 3.0, least: 5.4, prices: [2.99, 5.99, 11.99, 29.99] },
];

/// When prices of plans are raised, by a tenth.
const RAISE: f64 = 400.0;

/// Most purchases that are expected of a customer.
const MOST: f64 = 60.0;

/// The weights of a world, and the intercept that gives it its share of zeros.
pub(super) struct World {
    domain: &'static Domain,
    drift: f64,
    /// Where the first index points at the start of the period, and where it turns to.
    activity: [[f64; CONTINUOUS]; 2],
    amount: [f64; CONTINUOUS],
    habit: [f64; CONTINUOUS],
    /// Effects of levels.
    effects: [Vec<f64>; LEVELS.len()],
    /// Intercept of the logarithm of expected purchases.
    intercept: f64,
}

/// What drives a customer's law.
struct Drivers {
    /// Share of the period that has passed.
    time: f64,
    activity: f64,
    amount: f64,
    habit: f64,
    channel: f64,
    region: f64,
    item: f64,
    sequence: Sequence,
    spend: f64,
    newness: f64,
}

/// What a weekly sequence says.
struct Sequence {
    /// Recent activity, about standardised.
    recent: f64,
    /// Whether it rises, in about [-1, 2].
    trend: f64,
    /// Whether it comes every fourth week, in [0, 0.75].
    rhythm: f64,
}

impl World {
    /// Draws the world. The intercept is solved by bisection on the reference sample.
    pub(super) fn new(spec: &ValueSimSpec, seeds: Seeds, reference: &[Sampled]) -> Self {
        let mut effects = [const { Vec::new() }; LEVELS.len()];
        for (place, kind) in LEVELS.iter().enumerate() {
            let mut stream = seeds.child(kind.name).stream();
            effects[place] = (0..kind.count).map(|_| StandardNormal.sample(&mut stream)).collect();
        }
        let activity = direction(seeds.child("activity"));
        let later = direction(seeds.child("later"));
        let mut world = Self {
            domain: &DOMAINS[(spec.domain as usize - 1).min(DOMAINS.len() - 1)],
            drift: spec.drift,
            activity: [activity, apart(later, activity)],
            amount: direction(seeds.child("amount")),
            habit: direction(seeds.child("habit")),
            effects,
            intercept: 0.0,
        };
        world.intercept = world.solve(reference);
        world
    }

    fn solve(&self, reference: &[Sampled]) -> f64 {
        let laws: Vec<Law> = reference.par_iter().map(|sampled| self.law(&sampled.customer())).collect();
        let zeros = |intercept: f64| {
            let of = |law: &Law| {
                let purchases = law.purchases.ln() + intercept;
                1.0 - Law { purchases: purchases.exp().min(MOST), ..*law }.conversion()
            };
            laws.iter().map(of).sum::<f64>() / laws.len() as f64
        };
        let (mut low, mut high) = (-10.0, 10.0);
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if zeros(middle) > self.domain.zeros { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    /// The law of a customer's spend.
    ///
    /// ```text
    /// t  day / 730        d  drift
    /// A_t = cos(0.6 d t) A + sin(0.6 d t) A'
    /// purchases   exp(b + 0.55 A_t + 0.6 R + 0.4 T + 0.2 channel + 0.25 region + 0.3 item - 0.5 d t), at most 60
    /// amount      exp(m + 0.4 B + 0.2 S + 0.25 item + 0.4 d t)
    /// subscriber  log odds  s + 5 P + 0.5 C + 0.4 channel + 0.4 d t
    /// plan j      proportional to exp(j (0.5 B + 0.2 S - 0.6)), j = 0..3; prices a tenth of d higher from day 400 on
    /// stay        sigmoid(2 + 0.4 R + 0.5 T - 0.6 N)
    /// whale       log odds  w + 1.1 S + 0.8 A_t + 0.5 item
    /// back        sigmoid(1.5 + 0.6 R)
    /// least       exp(l + 0.3 B + 0.2 S + 0.25 d t)
    /// ```
    pub(super) fn law(&self, customer: &Customer) -> Law {
        let drivers = self.drivers(customer);
        let Drivers { time, activity, amount, habit, channel, region, item, sequence, spend, newness } =
            drivers;
        let Sequence { recent, trend, rhythm } = sequence;
        let (moved, domain) = (self.drift * time, self.domain);
        let purchases = self.intercept + 0.55 * activity + 0.6 * recent + 0.4 * trend;
        let purchases = purchases + 0.2 * channel + 0.25 * region + 0.3 * item - 0.5 * moved;
        let subscriber = domain.odds[0] + 5.0 * rhythm + 0.5 * habit + 0.4 * channel + 0.4 * moved;
        let whale = domain.odds[1] + 1.1 * spend + 0.8 * activity + 0.5 * item;
        let plan = 0.5 * amount + 0.2 * spend - 0.6;
        let raise = if customer.day < RAISE { 1.0 } else { 1.0 + 0.1 * self.drift };
        Law {
            shares: softmax([0.0, subscriber, whale]),
            purchases: purchases.exp().min(MOST),
            amount: (domain.amount + 0.4 * amount + 0.2 * spend + 0.25 * item + 0.4 * moved).exp(),
            plans: softmax([0.0, plan, 2.0 * plan, 3.0 * plan]),
            prices: domain.prices.map(|price| price * raise),
            stay: sigmoid(2.0 + 0.4 * recent + 0.5 * trend - 0.6 * newness),
            back: sigmoid(1.5 + 0.6 * recent),
            least: (domain.least + 0.3 * amount + 0.2 * spend + 0.25 * moved).exp(),
        }
    }

    fn drivers(&self, customer: &Customer) -> Drivers {
        let Customer { numbers, levels, day } = *customer;
        let time = day / f64::from(PERIOD);
        let along = |weights: &[f64; CONTINUOUS]| -> f64 {
            weights.iter().zip(numbers).map(|(weight, number)| weight * f64::from(*number)).sum()
        };
        let effect = |place: usize| self.effects[place][levels[place] as usize];
        let (sine, cosine) = (0.6 * self.drift * time).sin_cos();
        Drivers {
            time,
            activity: cosine * along(&self.activity[0]) + sine * along(&self.activity[1]),
            amount: along(&self.amount),
            habit: along(&self.habit),
            channel: effect(0),
            region: effect(1),
            item: effect(2),
            sequence: Sequence::of(&numbers[FIRST_WEEK..FIRST_WEEK + WEEKS]),
            spend: (f64::from(numbers[SPEND]).ln_1p() - 3.6) / 1.6,
            newness: (-f64::from(numbers[TENURE]) / 180.0).exp(),
        }
    }
}

impl Sequence {
    /// ```text
    /// R = (ln(1 + sum_k 0.9^(26 - k) w_k) - 1.7) / 0.8
    /// T = 3 (sum of the last 8 weeks - 8/26 of all) / (1 + all)
    /// P = (largest share of all that lies in every fourth week - 1/4) all / (all + 2)
    /// ```
    fn of(weeks: &[f32]) -> Self {
        let discounted = weeks.iter().fold(0.0, |sum, week| 0.9 * sum + f64::from(*week));
        let sum = |weeks: &[f32]| -> f64 { weeks.iter().map(|week| f64::from(*week)).sum() };
        let (all, last) = (sum(weeks), sum(&weeks[WEEKS - 8..]));
        let phase =
            |phase: usize| -> f64 { weeks.iter().skip(phase).step_by(4).map(|week| f64::from(*week)).sum() };
        let largest = (0..4).map(phase).fold(0.0, f64::max);
        Self {
            recent: (discounted.ln_1p() - 1.7) / 0.8,
            trend: 3.0 * (last - 8.0 / 26.0 * all) / (1.0 + all),
            rhythm: (largest - 0.25 * all) / (all + 2.0),
        }
    }
}

/// Eight of the continuous columns with weights of random sign and like size, of length 1.
fn direction(seeds: Seeds) -> [f64; CONTINUOUS] {
    let mut stream = seeds.stream();
    let mut weights = [0.0; CONTINUOUS];
    for column in choose(CONTINUOUS, 8, &mut stream) {
        let sign = if stream.random::<bool>() { 1.0 } else { -1.0 };
        weights[column as usize] = sign * stream.random_range(0.5..=1.0);
    }
    unit(weights)
}

/// What of a direction is at right angles to another one, of length 1.
fn apart(weights: [f64; CONTINUOUS], other: [f64; CONTINUOUS]) -> [f64; CONTINUOUS] {
    let shared: f64 = weights.iter().zip(other).map(|(weight, other)| weight * other).sum();
    let mut rest = weights;
    rest.iter_mut().zip(other).for_each(|(weight, other)| *weight -= shared * other);
    unit(rest)
}

fn unit(weights: [f64; CONTINUOUS]) -> [f64; CONTINUOUS] {
    let length = weights.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    weights.map(|weight| weight / length)
}

fn softmax<const N: usize>(logits: [f64; N]) -> [f64; N] {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sizes = logits.map(|logit| (logit - largest).exp());
    let sum: f64 = sizes.iter().sum();
    sizes.map(|size| size / sum)
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
