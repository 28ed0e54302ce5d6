//! One round of boosting under the zero-inflated log-normal likelihood: slopes, steps and splits.

use super::children::{ByArm, Least, apart};
use super::grow::{BinSums, Drawn, Rule};
use super::ziln::Response;
use serde::{Deserialize, Serialize};

/// Parameters of an arm: logit of the conversion, mean and log standard deviation of the log outcome of buyers.
pub const PARAMETERS: usize = 3;
/// Bounds of a logit.
pub const LOGIT: f64 = 15.0;
/// Bounds of the log of a standard deviation.
pub const LOG_SIGMA: [f64; 2] = [-3.0, 1.386_294_361_119_890_6];

/// Parameters of both arms: control, treated.
pub type Margins = [[f64; PARAMETERS]; 2];

/// What an arm's parameters say.
///
/// ```text
/// p = sigmoid(eta),   sigma = exp(s),   E = p exp(mu + sigma^2 / 2)
/// ```
///
/// `eta` counts within +-15, `s` between -3 and log 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    /// `p`.
    pub conversion: f64,
    /// `mu`.
    pub mu: f64,
    /// `sigma`.
    pub sigma: f64,
}

impl Law {
    /// Of `eta, mu, s`.
    pub fn new([eta, mu, s]: [f64; PARAMETERS]) -> Self {
        let conversion = 1.0 / (1.0 + (-eta.clamp(-LOGIT, LOGIT)).exp());
        Self { conversion, mu, sigma: s.clamp(LOG_SIGMA[0], LOG_SIGMA[1]).exp() }
    }

    /// `E`, outcome units.
    pub fn expected(&self) -> f64 {
        self.conversion * (self.mu + self.sigma * self.sigma / 2.0).exp()
    }

    /// Negative log-likelihood without constants.
    pub fn loss(&self, log: Option<f64>) -> f64 {
        match log {
            None => -(1.0 - self.conversion).ln(),
            Some(log) => {
                -self.conversion.ln() + ((log - self.mu) / self.sigma).powi(2) / 2.0 + self.sigma.ln()
            }
        }
    }

    /// Slopes of the likelihood by `eta, mu, s`, and their expected Fisher information given whether the row buys.
    ///
    /// ```text
    /// slope        1(y > 0) - p      (log y - mu) / sigma^2      ((log y - mu) / sigma)^2 - 1
    /// information  p (1 - p)         1 / sigma^2                 2                                  the last two of buyers
    /// ```
    fn slopes(&self, log: Option<f64>) -> [[f64; PARAMETERS]; 2] {
        let p = self.conversion;
        match log {
            None => [[-p, 0.0, 0.0], [p * (1.0 - p), 0.0, 0.0]],
            Some(log) => {
                let (precision, error) = (1.0 / (self.sigma * self.sigma), log - self.mu);
                [
                    [1.0 - p, error * precision, error * error * precision - 1.0],
                    [p * (1.0 - p), precision, 2.0],
                ]
            }
        }
    }

    /// Derivatives of `E` by `eta, mu, s`.
    pub fn leverage(&self) -> [f64; PARAMETERS] {
        [1.0 - self.conversion, 1.0, self.sigma * self.sigma].map(|factor| factor * self.expected())
    }
}

/// What a split of a round gains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gain {
    /// What the likelihood rises by, to second order.
    #[default]
    Likelihood,
    /// How far the children's uplifts are apart after their steps.
    Uplift,
}

/// A training row of one round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pull {
    arm: usize,
    buys: bool,
    slope: [f64; PARAMETERS],
    information: [f64; PARAMETERS],
    uplift: f64,
    leverage: Margins,
}

impl Pull {
    /// Of a row with the margins that earlier rounds gave it.
    pub(super) fn new(response: Response, margins: &Margins) -> Self {
        let laws = margins.map(Law::new);
        let arm = usize::from(response.treated);
        let [slope, information] = laws[arm].slopes(response.log);
        Self {
            arm,
            buys: response.log.is_some(),
            slope,
            information,
            uplift: laws[1].expected() - laws[0].expected(),
            leverage: laws.map(|law| law.leverage()),
        }
    }
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct PullSums {
    rows: [u64; 2],
    buyers: [u64; 2],
    slope: Margins,
    information: Margins,
    uplift: f64,
    leverage: Margins,
}

impl BinSums for PullSums {
    fn add(&mut self, other: &Self) {
        self.uplift += other.uplift;
        for arm in 0..2 {
            self.rows[arm] += other.rows[arm];
            self.buyers[arm] += other.buyers[arm];
            for parameter in 0..PARAMETERS {
                self.slope[arm][parameter] += other.slope[arm][parameter];
                self.information[arm][parameter] += other.information[arm][parameter];
                self.leverage[arm][parameter] += other.leverage[arm][parameter];
            }
        }
    }

    fn rows(&self) -> u64 {
        self.rows[0] + self.rows[1]
    }
}

impl ByArm for PullSums {
    fn arms(&self) -> [u64; 2] {
        self.rows
    }
}

/// Splits of one round, and the steps of its leaves.
///
/// ```text
/// step       sum of slopes / (sum of information + penalty), per arm and parameter; 0 for an arm without buyers
/// likelihood gain = 1/2 sum over arms and parameters of  G_L^2/(H_L + penalty) + G_R^2/(H_R + penalty) - G^2/(H + penalty)
/// uplift     gain = N_L N_R / (N_L + N_R)^2 (u_L - u_R)^2,   u_c = mean tau + mean dE_1/d. step_1 - mean dE_0/d. step_0
/// ```
///
/// Source: Friedman 2001; Duan et al., NGBoost, 2020 (steps by Fisher information); the likelihood is the paper's.
pub(super) struct BoostingRule<'a> {
    /// One per training row.
    pub pulls: &'a [Pull],
    /// Added to the information; 0 or more.
    pub penalty: f64,
    /// Rows of each arm that a child has at least.
    pub arm_rows: u64,
    /// What a split gains.
    pub gain: Gain,
}

impl BoostingRule<'_> {
    /// Adds a row to sums.
    pub(super) fn count(&self, sums: &mut PullSums, drawn: Drawn) {
        let (pull, weight) = (&self.pulls[drawn.row as usize], f64::from(drawn.weight));
        sums.rows[pull.arm] += u64::from(drawn.weight);
        sums.buyers[pull.arm] += u64::from(drawn.weight) * u64::from(pull.buys);
        for parameter in 0..PARAMETERS {
            sums.slope[pull.arm][parameter] += weight * pull.slope[parameter];
            sums.information[pull.arm][parameter] += weight * pull.information[parameter];
        }
        if self.gain == Gain::Uplift {
            sums.uplift += weight * pull.uplift;
            for arm in 0..2 {
                for parameter in 0..PARAMETERS {
                    sums.leverage[arm][parameter] += weight * pull.leverage[arm][parameter];
                }
            }
        }
    }

    /// What a leaf adds before shrinkage.
    pub(super) fn step(&self, sums: &PullSums) -> Margins {
        let step = |arm: usize, parameter: usize| {
            let information = sums.information[arm][parameter] + self.penalty;
            let stands = sums.buyers[arm] > 0 && information > 0.0;
            if stands { sums.slope[arm][parameter] / information } else { 0.0 }
        };
        std::array::from_fn(|arm| std::array::from_fn(|parameter| step(arm, parameter)))
    }

    fn likelihood(&self, sums: &PullSums) -> f64 {
        let steps = self.step(sums);
        let pairs = steps.iter().flatten().zip(sums.slope.iter().flatten());
        pairs.map(|(step, slope)| step * slope / 2.0).sum()
    }

    fn uplift(&self, sums: &PullSums) -> f64 {
        let steps = self.step(sums);
        let moved = |arm: usize| -> f64 {
            steps[arm].iter().zip(&sums.leverage[arm]).map(|(step, leverage)| step * leverage).sum()
        };
        (sums.uplift + moved(1) - moved(0)) / sums.rows().max(1) as f64
    }
}

/// The rows of a node and what they gain together.
pub(super) struct BoostingNode {
    drawn: Vec<Drawn>,
    likelihood: f64,
}

impl Rule for BoostingRule<'_> {
    type Sums = PullSums;
    type Node = BoostingNode;

    fn node(&self, drawn: &[Drawn]) -> BoostingNode {
        let mut sums = PullSums::default();
        drawn.iter().for_each(|&drawn| self.count(&mut sums, drawn));
        BoostingNode { drawn: drawn.to_vec(), likelihood: self.likelihood(&sums) }
    }

    fn fill(&self, node: &BoostingNode, codes: &[u8], cells: &mut [PullSums]) {
        for &drawn in &node.drawn {
            self.count(&mut cells[usize::from(codes[drawn.row as usize])], drawn);
        }
    }

    fn gain(&self, node: &BoostingNode, left: &PullSums, right: &PullSums) -> Option<f64> {
        let gain = || match self.gain {
            Gain::Likelihood => self.likelihood(left) + self.likelihood(right) - node.likelihood,
            Gain::Uplift => apart(left.rows(), right.rows(), self.uplift(left) - self.uplift(right)),
        };
        Least { arm_rows: self.arm_rows, rows: 0 }.allows(left, right).then(gain)
    }

    /// A likelihood is a sum over rows already.
    fn worth(&self, gain: f64, rows: u64) -> f64 {
        match self.gain {
            Gain::Likelihood => gain,
            Gain::Uplift => gain * rows as f64,
        }
    }

    fn order(&self, _node: &BoostingNode, cell: &PullSums) -> f64 {
        match self.gain {
            // The conversion's step of both arms together: one order for several parameters.
            Gain::Likelihood => {
                let sum = |margins: &Margins| margins[0][0] + margins[1][0];
                sum(&cell.slope) / (sum(&cell.information) + self.penalty).max(f64::MIN_POSITIVE)
            }
            Gain::Uplift => self.uplift(cell),
        }
    }
}
