//! The weights of a world: what is true of an account, given its features.

use super::index::{Block, Index, TanhMoments};
use super::{Assignment, Setting};

/// The feature blocks, in column order.
pub(crate) const BLOCKS: [Block; 3] = [
    Block { name: "profile", start: 0, binary: 14, continuous: 26 },
    Block { name: "compute", start: 40, binary: 10, continuous: 20 },
    Block { name: "ai", start: 70, binary: 10, continuous: 20 },
];

/// Mean and variance of the raw prognosis `A + 0.6 P1 + 0.5 A P1`: A and P1 are independent with mean 0 and
/// variance 1, so the mean is 0 and the variance 1 + 0.36 + 0.25.
const PROGNOSIS_VARIANCE: f64 = 1.61;

/// What is true of one account. Arrays hold control, then treated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) propensity: f64,
    pub(crate) conversion: [f64; 2],
    pub(super) log_mean: [f64; 2],
    pub(super) log_scale: f64,
}

impl Account {
    /// `E[Y_t | x]` of one arm.
    pub(crate) fn expected(&self, arm: usize) -> f64 {
        self.conversion[arm] * (self.log_mean[arm] + 0.5 * self.log_scale * self.log_scale).exp()
    }
}

/// The weights of a world and the constants that standardise its indices.
#[derive(Clone, Debug)]
pub(crate) struct Market<'a> {
    setting: &'a Setting,
    account: Index,
    account_effect: Index,
    compute: Index,
    ai: Index,
    scale: Index,
    /// Covariance of the raw effect with the prognosis.
    overlap: f64,
    /// SD of the raw effect once the prognosis is taken out.
    spread: f64,
}

impl<'a> Market<'a> {
    /// Draws the world. The standardising constants are exact, from the distribution of the features.
    ///
    /// ```text
    /// raw effect r = 0.8 P2 + 0.8 A2 P2 + 0.3 tanh(A2):  mean 0,  Var r = 0.64 + 0.64 + 0.09 E[tanh(A2)^2]
    /// Cov(r, g) = 0.3 E[A tanh(A2)] / sqrt(1.61)          (P1 and P2 are independent of A, A2, and have mean 0)
    /// ```
    pub(crate) fn new(setting: &'a Setting) -> Self {
        let seeds = setting.seeds(setting.world).child("world");
        let [profile, compute, ai] = BLOCKS;
        let account = Index::draw(profile, 20, seeds.child("A"));
        let account_effect = Index::draw(profile, 8, seeds.child("A2"));
        let moments = TanhMoments::new(&account_effect, &account);
        let overlap = 0.3 * moments.product / PROGNOSIS_VARIANCE.sqrt();
        Self {
            setting,
            account,
            account_effect,
            compute: Index::draw(compute, 12, seeds.child("P1")),
            ai: Index::draw(ai, 12, seeds.child("P2")),
            scale: Index::draw(compute, 6, seeds.child("V")),
            overlap,
            spread: (1.28 + 0.09 * moments.square - overlap * overlap).sqrt(),
        }
    }

    /// Prognosis g and effect direction e: uncorrelated, with mean 0 and variance 1 over the market.
    pub(crate) fn indices(&self, row: &[f32]) -> (f64, f64) {
        let (a, p1) = (self.account.value(row), self.compute.value(row));
        let prognosis = (a + 0.6 * p1 + 0.5 * a * p1) / PROGNOSIS_VARIANCE.sqrt();
        let (a2, p2) = (self.account_effect.value(row), self.ai.value(row));
        let raw = 0.8 * p2 + 0.8 * a2 * p2 + 0.3 * a2.tanh();
        (prognosis, (raw - self.overlap * prognosis) / self.spread)
    }

    /// The account with these features.
    ///
    /// ```text
    /// h = rho g + sqrt(1 - rho^2) e                 s = log_scale[0] + log_scale[1] tanh(V)
    /// l0 = -0.6 + 0.9 g,  l1 = l0 + 0.25 + 0.6 h    P(Y_t > 0) = keep sigmoid(l_t)
    /// m0 = log_mean + 0.5 g,  m1 = m0 + 0.10 + 0.3 h    Y_t | Y_t > 0 ~ LogNormal(m_t, s^2)
    /// ```
    pub(crate) fn account(&self, row: &[f32]) -> Account {
        let Setting { rho, keep, log_mean, log_scale, .. } = *self.setting;
        let (prognosis, effect) = self.indices(row);
        let index = rho * prognosis + (1.0 - rho * rho).sqrt() * effect;
        let logit = -0.6 + 0.9 * prognosis;
        let log_mean = log_mean + 0.5 * prognosis;
        let conversion = |logit: f64| keep * sigmoid(logit);
        Account {
            propensity: match self.setting.propensity {
                Assignment::Randomised => 0.5,
                Assignment::Confounded => sigmoid(0.8 * prognosis).clamp(0.05, 0.95),
            },
            conversion: [conversion(logit), conversion(logit + 0.25 + 0.6 * index)],
            log_mean: [log_mean, log_mean + 0.10 + 0.3 * index],
            log_scale: log_scale[0] + log_scale[1] * self.scale.value(row).tanh(),
        }
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
