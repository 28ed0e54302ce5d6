//! Losses of a purchase and of what a buyer spends: two-stage and MMOE, and the purchase of ExpLTV.

use super::focal::focal;
use super::unit::above_zero;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::not_negative;
use valor_base::input_error;

/// Cross-entropy of the purchase of the observed arm.
///
/// ```text
/// L = 1/B sum_i CE_i          CE_i = -log p where y_i > 0, else -log(1 - p)
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurchaseSpec {}

/// Focal cross-entropy of the purchase of the observed arm.
///
/// ```text
/// L = 1/B sum_i FL_i          FL_i = -alpha (1 - p)^gamma log p where y_i > 0, else -(1 - alpha) p^gamma log(1 - p)
/// ```
///
/// Not a proper scoring rule. Source: Lin et al., ICCV 2017; alpha and gamma of CC-OR-Net's authors, arXiv 2601.10176.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FocalPurchaseSpec {
    /// Weight of buyers; in (0, 1).
    pub alpha: f64,
    /// How much easy rows are discounted; 0 or more.
    pub gamma: f64,
}

impl Default for FocalPurchaseSpec {
    fn default() -> Self {
        Self { alpha: 0.35, gamma: 2.0 }
    }
}

/// Error of what buyers of the observed arm spend.
///
/// ```text
/// L = 1/max(1, n) sum_{y_i > 0} l(v_i - y_i)        n: such rows;  outcomes in the network's unit
/// squared: l(d) = d^2       huber: l(d) = d^2/2 where |d| <= delta, else delta (|d| - delta/2)
/// ```
///
/// The minimiser of `squared` is the mean of buyers, that of `huber` is not: large outcomes count less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuyersSpec {
    /// How an error counts.
    pub error: BuyersError,
    /// Error, in training standard deviations, from which `huber` is linear; above 0.
    pub delta: f64,
}

/// How an error of what a buyer spends counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuyersError {
    /// Squared.
    #[default]
    Squared,
    /// Squared, and linear where it is large.
    Huber,
}

impl Default for BuyersSpec {
    fn default() -> Self {
        Self { error: BuyersError::Squared, delta: 1.0 }
    }
}

impl TermOptions for PurchaseSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_purchase("purchase")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for PurchaseSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        (-toward_label(batch, prediction).log_sigmoid()).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

impl TermOptions for FocalPurchaseSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_purchase("focal-purchase")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(input_error!("focal-purchase.alpha: found {}; must be inside (0, 1)", self.alpha));
        }
        not_negative("focal-purchase.gamma", self.gamma)
    }
}

impl Term for FocalPurchaseSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let toward = toward_label(batch, prediction);
        focal(&toward, &batch.positive, self.alpha, self.gamma).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

/// The logit of what was observed.
fn toward_label(batch: &Batch, prediction: &Prediction) -> Tensor {
    prediction.purchase(batch) * (&batch.positive * 2.0 - 1.0)
}

impl TermOptions for BuyersSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_hurdle("buyers")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        above_zero("buyers.delta", self.delta)
    }
}

impl Term for BuyersSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let off = prediction.hurdle(batch).amount - &batch.outcome;
        let errors = match self.error {
            BuyersError::Squared => off.square(),
            BuyersError::Huber => {
                let size = off.abs();
                let near = size.clamp_max(self.delta);
                // delta |d| - delta^2/2 beyond delta, d^2/2 before it.
                &near * (size - &near * 0.5)
            }
        };
        let rows = batch.positive.sum_dim_intlist(-1i64, false, None);
        (&batch.positive * errors).sum_dim_intlist(-1i64, false, None) / rows.clamp_min(1.0)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
