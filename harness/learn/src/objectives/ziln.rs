//! Zero-inflated log-normal losses, with and without a focal conversion part.

use super::focal::focal;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::head::Ziln;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::not_negative;
use valor_base::input_error;

const LOG_SQRT_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// Negative log-likelihood of the observed arm.
///
/// ```text
/// L      = 1/B sum_i [ conversion_i + 1(y_i > 0) revenue_i ]
/// conversion = -log p where y > 0, -log(1 - p) where y = 0          p = sigmoid(l)
/// revenue    = 1/2 ((log y - mu) / sigma)^2 + log(sigma sqrt(2 pi))
/// ```
///
/// The Jacobian `log y` is left out: it is constant in the parameters. Source: Wang, Liu, Miao,
/// arXiv 1912.07753; VALOR, equation 2.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZilnSpec {}

impl TermOptions for ZilnSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_ziln("ziln")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for ZilnSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let parts = Ziln::new(&prediction.observed(batch));
        likelihood(&parts, batch).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

/// The same with VALOR's focal conversion part.
///
/// ```text
/// conversion = -alpha (1 - p)^gamma log p            where y > 0
///              -(1 - alpha) p^gamma log(1 - p)       where y = 0
/// ```
///
/// Not a proper scoring rule: `p` is pulled away from the conversion probability. Source: VALOR, equations 1
/// and 2; alpha and gamma from its released code, as the paper names none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FocalZilnSpec {
    /// Weight of buyers; in (0, 1).
    pub alpha: f64,
    /// How much easy rows are discounted; 0 or more.
    pub gamma: f64,
}

impl Default for FocalZilnSpec {
    fn default() -> Self {
        Self { alpha: 0.75, gamma: 2.0 }
    }
}

impl TermOptions for FocalZilnSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_ziln("focal-ziln")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(input_error!("focal-ziln.alpha: found {}; must be inside (0, 1)", self.alpha));
        }
        not_negative("focal-ziln.gamma", self.gamma)
    }
}

impl Term for FocalZilnSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let parts = Ziln::new(&prediction.observed(batch));
        let toward = toward_label(&parts, batch);
        let conversion = focal(&toward, &batch.positive, self.alpha, self.gamma);
        (conversion + revenue(&parts, batch)).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

/// The logit of what was observed: `l` for buyers, `-l` for the others, so that
/// `-log_sigmoid(toward)` is the cross-entropy.
fn toward_label(parts: &Ziln, batch: &Batch) -> Tensor {
    &parts.logit * (&batch.positive * 2.0 - 1.0)
}

/// The negative log-likelihood of each row, `[S, B]`.
pub(super) fn likelihood(parts: &Ziln, batch: &Batch) -> Tensor {
    let conversion = -toward_label(parts, batch).log_sigmoid();
    conversion + revenue(parts, batch)
}

fn revenue(parts: &Ziln, batch: &Batch) -> Tensor {
    log_normal(&parts.mu, &parts.sigma(), batch)
}

/// The part of buyers, `[S, B]`: 0 of others.
pub(super) fn log_normal(mu: &Tensor, sigma: &Tensor, batch: &Batch) -> Tensor {
    let standardised = (&batch.log_outcome - mu) / sigma;
    &batch.positive * (standardised.square() * 0.5 + sigma.log() + LOG_SQRT_TWO_PI)
}
