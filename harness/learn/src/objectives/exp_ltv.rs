//! ExpLTV's losses: the likelihood of the law that it mixes, and whether a whale is told.

use super::ziln::log_normal;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Detector;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Negative log-likelihood of the observed arm under the mixed zero-inflated log-normal law.
///
/// ```text
/// L = 1/B sum_i [ CE_i + 1(y_i > 0) (1/2 ((log y_i - mu_i) / sigma_i)^2 + log(sigma_i sqrt(2 pi))) ]
/// ```
///
/// `CE` as of `purchase`, `mu` and `sigma` those that the detector mixes. Source: ExpLTV, CIKM 2023.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixedZilnSpec {}

impl TermOptions for MixedZilnSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_exp_ltv("mixed-ziln")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for MixedZilnSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let (said, _) = prediction.routed(batch);
        let conversion = -(said.logit * (&batch.positive * 2.0 - 1.0)).log_sigmoid();
        (conversion + log_normal(&said.mu, &said.sigma, batch)).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

/// Cross-entropy of the detector of whales.
///
/// ```text
/// L = 1/max(1, |M|) sum_{i in M} CE_i          CE_i = -log g where y_i > tau_{K-1}, else -log(1 - g)
/// ```
///
/// `M`: buyers, or all rows, as the head's `detector` says; whales are the top bucket of the head. Source: ExpLTV, CIKM 2023, as CC-OR-Net's authors
/// describe it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhaleDetectionSpec {}

impl TermOptions for WhaleDetectionSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_exp_ltv("whale-detection")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for WhaleDetectionSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let (said, detector) = prediction.routed(batch);
        let buckets = prediction.buckets();
        let is_whale = buckets.exceeded(&batch.outcome).select(-1, buckets.count() as i64 - 2);
        let errors = -(said.whale * (is_whale * 2.0 - 1.0)).log_sigmoid();
        match detector {
            Detector::OfBuyers => {
                let rows = batch.positive.sum_dim_intlist(-1i64, false, None);
                (&batch.positive * errors).sum_dim_intlist(-1i64, false, None) / rows.clamp_min(1.0)
            }
            Detector::OfAll => errors.mean_dim(-1, false, None),
        }
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
