//! What one customer may spend: a mixture with closed moments.

use rand::Rng;
use rand_distr::{Distribution, Exp1, Gamma};
use valor_base::seed::Stream;

/// Plans of subscribers.
pub(super) const PLANS: usize = 4;

/// Payments that a subscriber can make within the horizon.
pub(super) const PAYMENTS: i32 = 6;

/// Size of the negative binomial count of purchases.
const SIZE: f64 = 1.5;

/// Least amount of a purchase, of its mean; the rest is exponential.
const LEAST: f64 = 0.25;

/// Exponent of the bounded Pareto of a whale's spend, and how often its least spend is the most.
const EXPONENT: f64 = 1.3;
const REACH: f64 = 40.0;

/// The law of one customer's spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Law {
    /// Probabilities of being an occasional buyer, a subscriber, a whale; they sum to 1.
    pub(super) shares: [f64; 3],
    /// Expected number of purchases of an occasional buyer.
    pub(super) purchases: f64,
    /// Expected amount of one of them.
    pub(super) amount: f64,
    /// Probability of each plan of a subscriber; they sum to 1.
    pub(super) plans: [f64; PLANS],
    /// Price of each plan, a payment.
    pub(super) prices: [f64; PLANS],
    /// Probability that a subscriber makes the next payment, the first one included.
    pub(super) stay: f64,
    /// Probability that a whale spends at all.
    pub(super) back: f64,
    /// Least spend of one that does.
    pub(super) least: f64,
}

impl Law {
    /// `P(Y = 0)` of an occasional buyer with so many expected purchases: `(1 + purchases / r)^-r`.
    pub(super) fn none(purchases: f64) -> f64 {
        (1.0 + purchases / SIZE).powf(-SIZE)
    }

    /// `P(Y > 0)`.
    pub(super) fn conversion(&self) -> f64 {
        let [occasional, subscriber, whale] = self.shares;
        occasional * (1.0 - Self::none(self.purchases)) + subscriber * self.stay + whale * self.back
    }

    /// `E[Y]`.
    ///
    /// ```text
    /// occasional   purchases * amount
    /// subscriber   sum_j plan_j price_j * sum_{k=1..6} stay^k
    /// whale        back * least * a / (a - 1) * (1 - R^(1 - a)) / (1 - R^-a)      a = 1.3, R = 40
    /// ```
    pub(super) fn expected(&self) -> f64 {
        let [occasional, subscriber, whale] = self.shares;
        let price: f64 = self.plans.iter().zip(self.prices).map(|(share, price)| share * price).sum();
        let payments: f64 = (1..=PAYMENTS).map(|payment| self.stay.powi(payment)).sum();
        let bounded = (1.0 - REACH.powf(1.0 - EXPONENT)) / (1.0 - REACH.powf(-EXPONENT));
        let pareto = self.least * EXPONENT / (EXPONENT - 1.0) * bounded;
        occasional * self.purchases * self.amount + subscriber * price * payments + whale * self.back * pareto
    }

    /// Draws what is spent.
    pub(super) fn draw(&self, stream: &mut Stream) -> f64 {
        match chosen(&self.shares, stream) {
            0 => self.occasional(stream),
            1 => self.subscriber(stream),
            _ => self.whale(stream),
        }
    }

    /// A negative binomial number of purchases, each of a least amount and an exponential rest.
    fn occasional(&self, stream: &mut Stream) -> f64 {
        let rate = gamma(SIZE, stream) * self.purchases / SIZE;
        let count = super::poisson(rate, stream);
        if count == 0.0 {
            return 0.0;
        }
        self.amount * (LEAST * count + (1.0 - LEAST) * gamma(count, stream))
    }

    /// Payments of a plan's price until one is not made.
    fn subscriber(&self, stream: &mut Stream) -> f64 {
        let price = self.prices[chosen(&self.plans, stream)];
        let made = (0..PAYMENTS).take_while(|_| stream.random::<f64>() < self.stay).count();
        price * made as f64
    }

    /// By the inverse of its distribution function: `least (1 - U (1 - R^-a))^(-1/a)`.
    fn whale(&self, stream: &mut Stream) -> f64 {
        if stream.random::<f64>() >= self.back {
            return 0.0;
        }
        let place = stream.random::<f64>() * (1.0 - REACH.powf(-EXPONENT));
        self.least * (1.0 - place).powf(-1.0 / EXPONENT)
    }
}

/// A Gamma number with this shape and scale 1.
fn gamma(shape: f64, stream: &mut Stream) -> f64 {
    match Gamma::new(shape, 1.0) {
        Ok(law) => law.sample(stream),
        Err(_) => Exp1.sample(stream),
    }
}

/// The place of a share that is drawn by its size.
fn chosen(shares: &[f64], stream: &mut Stream) -> usize {
    let mut left = stream.random::<f64>();
    let drawn = shares.iter().position(|share| {
        left -= share;
        left < 0.0
    });
    drawn.unwrap_or(shares.len() - 1)
}
