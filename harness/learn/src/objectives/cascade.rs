//! Losses of the bucket of an outcome: conditional exceedances, exceedances by themselves, the likelihood of the bucket.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Cross-entropy of the conditional exceedances of the observed arm, each over its risk set.
///
/// ```text
/// M_1 = all rows,  M_k = rows with y > tau_{k-1}           CE_ik = -log sigmoid(f_k) where y_i > tau_k, else -log sigmoid(-f_k)
/// risk-sets:  L = sum_k 1/max(1, |M_k|) sum_{i in M_k} CE_ik
/// pooled:     L = sum_k sum_{i in M_k} CE_ik / sum_k |M_k|
/// rows:       L = 1/B sum_k sum_{i in M_k} CE_ik  = -1/B sum_i log P(b_i)
/// ```
///
/// Source: CC-OR-Net, arXiv 2601.10176 (its equation is not public; `risk-sets` is the reading of those who re-implemented it);
/// `pooled` is CORN's, Shi, Cao, Raschka 2021.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CascadeSpec {
    /// What the sum is divided by.
    pub reduction: RiskSets,
}

/// What a sum over risk sets is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskSets {
    /// Each set's part by its own rows.
    #[default]
    RiskSets,
    /// All by the rows of all sets.
    Pooled,
    /// All by the rows of the batch.
    Rows,
}

impl TermOptions for CascadeSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_conditionals("cascade")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for CascadeSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let logits = prediction.observed_logits(batch);
        let exceeded = prediction.buckets().exceeded(&batch.outcome);
        let (mut at_risk, mut sums, mut sizes) = (batch.outcome.ones_like(), Vec::new(), Vec::new());
        for (logit, exceeded) in logits.unbind(-1).iter().zip(exceeded.unbind(-1)) {
            let error = -(logit * (&exceeded * 2.0 - 1.0)).log_sigmoid();
            sums.push((&at_risk * error).sum_dim_intlist(-1i64, false, None));
            sizes.push(at_risk.sum_dim_intlist(-1i64, false, None));
            at_risk = exceeded;
        }
        let total =
            |parts: &[Tensor]| parts.iter().skip(1).fold(parts[0].shallow_clone(), |sum, part| sum + part);
        match self.reduction {
            RiskSets::RiskSets => {
                let parts: Vec<Tensor> =
                    sums.iter().zip(&sizes).map(|(sum, size)| sum / size.clamp_min(1.0)).collect();
                total(&parts)
            }
            RiskSets::Pooled => total(&sums) / total(&sizes),
            RiskSets::Rows => total(&sums) / batch.outcome.size()[1] as f64,
        }
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

/// Cross-entropy of the exceedances of the observed arm, each by itself, over all rows.
///
/// ```text
/// L = 1/B sum_i sum_k CE_ik          CE_ik = -log sigmoid(f_k) where y_i > tau_k, else -log sigmoid(-f_k)
/// ```
///
/// Source: CORAL, Cao, Mirjalili, Raschka 2020, with weights of 1; OR-CNN, Niu et al., CVPR 2016.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExceedanceSpec {}

impl TermOptions for ExceedanceSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_exceedances("exceedance")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for ExceedanceSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let toward = prediction.buckets().exceeded(&batch.outcome) * 2.0 - 1.0;
        let errors = -(prediction.observed_logits(batch) * toward).log_sigmoid();
        errors.sum_dim_intlist(-1i64, false, None).mean_dim(-1i64, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

/// Negative log-likelihood of the bucket of the observed arm.
///
/// ```text
/// L = -1/B sum_i log P(b_i)
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketLikelihoodSpec {}

impl TermOptions for BucketLikelihoodSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_log_law("bucket-likelihood")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for BucketLikelihoodSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let members = prediction.buckets().members(&batch.outcome);
        let logs = prediction.observed_law(batch).logs();
        -(members * logs).sum_dim_intlist(-1i64, false, None).mean_dim(-1i64, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
