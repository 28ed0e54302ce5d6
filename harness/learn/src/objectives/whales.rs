//! The second look at the top bucket.

use super::focal::focal;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::not_negative;
use valor_base::input_error;

/// Added to outcomes that errors are divided by, in the network's unit.
const LEAST: f64 = 1e-6;

/// Relative error of a whale's value, and focal loss of the confidence that it is one.
///
/// ```text
/// M   = rows that the law puts into the top bucket, and those that are in it                 t_i = 1[b_i = K]
/// L   = 1/max(1, |M|) sum_{i in M} [ t_i |v_i - y_i| / (y_i + 1e-6) + c FL(q_i, t_i) ]
/// FL  = -a (1-q)^gamma log q where t = 1,  -(1-a) q^gamma log(1-q) where t = 0               q: confidence
/// ```
///
/// Rows that are put there and are no whales are what the confidence learns from. Source: CC-OR-Net, arXiv 2601.10176, whose equation
/// is not public; a and gamma from its authors' settings of another method's focal loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhalesSpec {
    /// `c`, 0 or more.
    pub confidence: f64,
    /// `a`, in (0, 1).
    pub alpha: f64,
    /// How much easy rows are discounted; 0 or more.
    pub gamma: f64,
    /// Whether rows of the top bucket count that the law does not put there; else the first epochs have none.
    pub missed: bool,
}

impl Default for WhalesSpec {
    fn default() -> Self {
        Self { confidence: 1.0, alpha: 0.35, gamma: 2.0, missed: true }
    }
}

impl TermOptions for WhalesSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_whales("whales")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if !(self.alpha > 0.0 && self.alpha < 1.0) {
            return Err(input_error!("whales.alpha: found {}; must be inside (0, 1)", self.alpha));
        }
        not_negative("whales.confidence", self.confidence)?;
        not_negative("whales.gamma", self.gamma)
    }
}

impl Term for WhalesSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let raw = prediction.observed(batch);
        let (said, buckets) = (prediction.cc_or(&raw), prediction.buckets());
        let top = buckets.count() as i64 - 1;
        let kind = batch.outcome.kind();
        let is_whale = buckets.exceeded(&batch.outcome).select(-1, top - 1);
        let put = said.law().most_likely().eq(top).to_kind(kind);
        let counted = if self.missed { put.maximum(&is_whale) } else { put };
        let (Some(value), Some(logit)) = (said.whale_value(), said.whale_logit()) else {
            return counted.zeros_like().sum_dim_intlist(-1i64, false, None);
        };
        let relative = (value - &batch.outcome).abs() / (&batch.outcome + LEAST);
        let toward = logit * (&is_whale * 2.0 - 1.0);
        let focal = focal(&toward, &is_whale, self.alpha, self.gamma);
        let errors = is_whale * relative + focal * self.confidence;
        let rows = counted.sum_dim_intlist(-1i64, false, None);
        (counted * errors).sum_dim_intlist(-1i64, false, None) / rows.clamp_min(1.0)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
