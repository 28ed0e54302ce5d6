//! Zero-inflated log-normal moments of a node, and splits that part accounts by uplift.

use super::children::{ByArm, Least, apart};
use super::grow::{BinSums, Drawn, Rule};
use serde::{Deserialize, Serialize};
use valor_base::error::not_negative;

/// Bounds of a smoothed `sigma`.
const SIGMA: [f64; 2] = [0.1, 4.0];

/// How the moments of few rows are drawn to those of the tree's bag.
///
/// ```text
/// p     = (n_pos + alpha_p p_bag) / (n + alpha_p)
/// w     = n_pos / (n_pos + alpha_reg) where n_pos > 1, else 0
/// mu    = w mean(log y) + (1 - w) mu_bag            over rows with y > 0
/// sigma = w sd(log y) + (1 - w) sigma_bag, within [0.1, 4]          sd divides by n_pos
/// E     = p exp(mu + sigma^2 / 2),   uplift = E_1 - E_0             outcome units
/// ```
///
/// Source: the paper, appendix B, equations 9 and 10 and algorithm 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SmoothingSpec {
    /// `alpha_p`, rows that the bag's share of buyers counts for; 0 or more.
    pub conversion: f64,
    /// `alpha_reg`, buyers that the bag's moments count for; 0 or more.
    pub spend: f64,
}

impl Default for SmoothingSpec {
    fn default() -> Self {
        Self { conversion: 1.0, spend: 5.0 }
    }
}

impl SmoothingSpec {
    /// Checks the ranges; `key` is where the options stand.
    pub fn validate(&self, key: &str) -> anyhow::Result<()> {
        not_negative(&format!("{key}.conversion"), self.conversion)?;
        not_negative(&format!("{key}.spend"), self.spend)
    }
}

/// A training row as the rule sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// Who was treated.
    pub treated: bool,
    /// `log y`, where `y > 0`.
    pub log: Option<f64>,
}

impl Response {
    /// Rows with an outcome of 0 or less did not buy.
    pub fn new(treated: bool, outcome: f64) -> Self {
        Self { treated, log: (outcome > 0.0).then(|| outcome.ln()) }
    }
}

/// Sums over rows, by arm: control, treated.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    rows: [u32; 2],
    buyers: [u32; 2],
    /// Of `log y` less the bag's mean, so that squares cancel little.
    sum: [f64; 2],
    squares: [f64; 2],
}

impl BinSums for Sums {
    fn add(&mut self, other: &Self) {
        for arm in 0..2 {
            self.rows[arm] += other.rows[arm];
            self.buyers[arm] += other.buyers[arm];
            self.sum[arm] += other.sum[arm];
            self.squares[arm] += other.squares[arm];
        }
    }

    fn rows(&self) -> u64 {
        u64::from(self.rows[0]) + u64::from(self.rows[1])
    }
}

impl ByArm for Sums {
    fn arms(&self) -> [u64; 2] {
        self.rows.map(u64::from)
    }
}

/// Smoothed parameters of one arm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// Share of buyers, in [0, 1].
    pub conversion: f64,
    /// Mean of the log outcome of buyers.
    pub mu: f64,
    /// Its standard deviation.
    pub sigma: f64,
}

impl Moments {
    /// `p exp(mu + sigma^2 / 2)`, outcome units.
    pub fn expected(&self) -> f64 {
        self.conversion * (self.mu + self.sigma * self.sigma / 2.0).exp()
    }
}

/// Moments of the bag, both arms together, and what is asked of a split.
#[derive(Clone, Debug)]
pub(super) struct ZilnRule<'a> {
    responses: &'a [Response],
    smoothing: SmoothingSpec,
    /// What a child has at least.
    least: Least,
    bag: Moments,
}

impl<'a> ZilnRule<'a> {
    /// For a bag of rows. A bag without buyers has `mu = 0`, which its share of buyers, 0, makes nothing of.
    pub(super) fn new(
        responses: &'a [Response],
        bag: &[Drawn],
        smoothing: SmoothingSpec,
        least: Least,
    ) -> Self {
        let (mut rows, mut buyers, mut sum) = (0.0, 0.0, 0.0);
        for drawn in bag {
            let weight = f64::from(drawn.weight);
            rows += weight;
            if let Some(log) = responses[drawn.row as usize].log {
                buyers += weight;
                sum += weight * log;
            }
        }
        let mu = if buyers > 0.0 { sum / buyers } else { 0.0 };
        let square = |drawn: &Drawn| {
            let log = responses[drawn.row as usize].log;
            log.map_or(0.0, |log| f64::from(drawn.weight) * (log - mu).powi(2))
        };
        let variance = bag.iter().map(square).sum::<f64>() / f64::max(buyers, 1.0);
        let bag = Moments { conversion: buyers / f64::max(rows, 1.0), mu, sigma: variance.sqrt() };
        Self { responses, smoothing, least, bag }
    }

    /// Smoothed moments of one arm.
    pub(super) fn moments(&self, sums: &Sums, arm: usize) -> Moments {
        let (rows, buyers) = (f64::from(sums.rows[arm]), f64::from(sums.buyers[arm]));
        let SmoothingSpec { conversion, spend } = self.smoothing;
        let conversion = match rows + conversion > 0.0 {
            true => (buyers + conversion * self.bag.conversion) / (rows + conversion),
            false => self.bag.conversion,
        };
        let (share, mean, sd) = match sums.buyers[arm] {
            0 | 1 => (0.0, 0.0, 0.0),
            _ => {
                let mean = sums.sum[arm] / buyers;
                let sd = (sums.squares[arm] / buyers - mean * mean).max(0.0).sqrt();
                (buyers / (buyers + spend), mean, sd)
            }
        };
        let sigma = (share * sd + (1.0 - share) * self.bag.sigma).clamp(SIGMA[0], SIGMA[1]);
        Moments { conversion, mu: self.bag.mu + share * mean, sigma }
    }

    /// Treated less control, outcome units.
    pub(super) fn uplift(&self, sums: &Sums) -> f64 {
        self.moments(sums, 1).expected() - self.moments(sums, 0).expected()
    }

    /// Adds a row to sums.
    pub(super) fn count(&self, sums: &mut Sums, drawn: Drawn) {
        let response = self.responses[drawn.row as usize];
        let arm = usize::from(response.treated);
        sums.rows[arm] += drawn.weight;
        if let Some(log) = response.log {
            let (weight, centred) = (f64::from(drawn.weight), log - self.bag.mu);
            sums.buyers[arm] += drawn.weight;
            sums.sum[arm] += weight * centred;
            sums.squares[arm] += weight * centred * centred;
        }
    }
}

/// The rows of a node by arm; buyers once more with what they spent.
pub(super) struct ZilnNode {
    arms: [Vec<Drawn>; 2],
    buyers: Vec<Buyer>,
}

#[derive(Clone, Copy)]
struct Buyer {
    drawn: Drawn,
    arm: usize,
    /// `log y` less the bag's mean.
    log: f64,
}

impl Rule for ZilnRule<'_> {
    type Sums = Sums;
    type Node = ZilnNode;

    fn node(&self, drawn: &[Drawn]) -> ZilnNode {
        let mut node = ZilnNode { arms: Default::default(), buyers: Vec::new() };
        for &drawn in drawn {
            let Response { treated, log } = self.responses[drawn.row as usize];
            let arm = usize::from(treated);
            node.arms[arm].push(drawn);
            node.buyers.extend(log.map(|log| Buyer { drawn, arm, log: log - self.bag.mu }));
        }
        node
    }

    fn fill(&self, node: &ZilnNode, codes: &[u8], cells: &mut [Sums]) {
        for (arm, rows) in node.arms.iter().enumerate() {
            for drawn in rows {
                cells[usize::from(codes[drawn.row as usize])].rows[arm] += drawn.weight;
            }
        }
        for Buyer { drawn, arm, log } in &node.buyers {
            let cell = &mut cells[usize::from(codes[drawn.row as usize])];
            let weight = f64::from(drawn.weight);
            cell.buyers[*arm] += drawn.weight;
            cell.sum[*arm] += weight * log;
            cell.squares[*arm] += weight * log * log;
        }
    }

    fn gain(&self, _node: &ZilnNode, left: &Sums, right: &Sums) -> Option<f64> {
        let gain = || apart(left.rows(), right.rows(), self.uplift(left) - self.uplift(right));
        self.least.allows(left, right).then(gain)
    }

    fn order(&self, _node: &ZilnNode, cell: &Sums) -> f64 {
        self.uplift(cell)
    }
}
