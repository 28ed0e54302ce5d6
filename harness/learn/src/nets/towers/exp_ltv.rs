//! ExpLTV: a law of whales and one of the others, mixed by how likely a whale is (CIKM 2023).

use super::super::buckets::BucketSpec;
use super::super::head::{LOG_EXPECTATION_MAXIMUM, SIGMA_SQUARE, sigma_of};
use super::super::{logit_of, steady, ziln_start};
use super::{Known, Tower, Towers};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Options of ExpLTV.
///
/// ```text
/// p = sigmoid(l),   g = sigmoid(w)                                              purchase, whale
/// mu = g mu_w + (1 - g) mu_o,   sigma = g sigma_w + (1 - g) sigma_o             experts: whales, others
/// log E[y] = log p + mu + sigma^2 / 2                                           cut at 30 from above
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpLtvSpec {
    /// Whales are the last of these buckets.
    pub buckets: BucketSpec,
    /// Among whom the detector tells whales.
    pub detector: Detector,
}

/// Among whom whales are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detector {
    /// `g = P(whale | y > 0)`: the laws that it mixes are those of buyers.
    #[default]
    OfBuyers,
    /// `g = P(whale)`.
    OfAll,
}

impl Default for ExpLtvSpec {
    fn default() -> Self {
        Self {
            buckets: BucketSpec { quantiles: vec![0.75], ..BucketSpec::default() },
            detector: Detector::default(),
        }
    }
}

/// The law that is mixed, each `[S, B]`.
pub struct Routed {
    /// Logit of the purchase.
    pub logit: Tensor,
    /// Logit of a whale.
    pub whale: Tensor,
    /// Log-mean of what a buyer spends.
    pub mu: Tensor,
    /// Log-scale of it.
    pub sigma: Tensor,
}

impl Routed {
    /// Takes `[S, B, 6]` apart: purchase, whale, `mu` and raw `sigma` of whales, of others.
    pub(super) fn new(raw: &Tensor) -> Self {
        let mut parts = raw.unbind(-1).into_iter();
        let mut next = || parts.next().unwrap_or_default();
        let (logit, whale) = (next(), next());
        let mut law = || (next(), sigma_of(&next()));
        let ((mu, sigma), (other_mu, other_sigma)) = (law(), law());
        let share = steady::sigmoid(&whale);
        let mix = |whales: &Tensor, others: &Tensor| &share * whales + (-&share + 1.0) * others;
        Self { logit, mu: mix(&mu, &other_mu), sigma: mix(&sigma, &other_sigma), whale }
    }
}

impl Towers for ExpLtvSpec {
    fn validate(&self) -> anyhow::Result<()> {
        self.buckets.validate("exp-ltv")
    }

    fn towers(&self, known: Known) -> Vec<Tower> {
        let whales = known.buckets.and_then(|buckets| buckets.shares.last().copied()).unwrap_or(0.0);
        let among = match self.detector {
            Detector::OfBuyers => known.summary.positive_share.max(whales),
            Detector::OfAll => 1.0,
        };
        let share = if among > 0.0 { whales / among } else { 0.0 };
        let [purchase, law @ ..] = ziln_start(known.summary);
        let starts = [
            ("purchase", vec![purchase]),
            ("detector", vec![logit_of(share)]),
            ("whales", law.to_vec()),
            ("others", law.to_vec()),
        ];
        starts.map(|(name, start)| (name.to_string(), start)).into()
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        let said = Routed::new(raw);
        let log = said.logit.log_sigmoid() + said.mu + said.sigma.square() * SIGMA_SQUARE;
        log.clamp_max(LOG_EXPECTATION_MAXIMUM).exp()
    }

    fn conversion(&self, raw: &Tensor) -> Tensor {
        steady::sigmoid(&raw.select(-1, 0))
    }
}
