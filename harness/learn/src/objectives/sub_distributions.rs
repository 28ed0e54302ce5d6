//! MDME's losses of the sub-distribution and the bucket of an outcome.

use super::unit::above_zero;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::Scores;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::not_negative;

/// Shares are not taken below this before their log.
const LEAST: f64 = 1e-12;

/// Losses of the sub-distribution, and of each sub-distribution's buckets on its own rows.
///
/// ```text
/// L      = C(all rows, sub-distributions) + sum_d [ C(M_d, buckets of d) + within 1/max(1, |M_d|) sum_{i in M_d} (sigmoid(w_ib) - v_i)^2 ]
/// C(M,.) = 1/max(1, |M|) sum_{i in M} [ -log softmax(c_i)_{g_i} + order sum_j CE(o_ij, 1[g_i > j]) + distillation KL(t_i || softmax(c_i / T)) ]
/// t_i    = sg[q_i]^{1/T} / sum sg[q_i]^{1/T}           q: the law that the exceedances o mean, so that order reaches the classes
/// v_i    = (y_i - l_b) / (u_b - l_b)                   b: the row's own bucket, l and u its ends
/// ```
///
/// `M_d`: rows whose outcome is of sub-distribution d, in their own bucket whatever the law says. Source: MDME, Li et al., CIKM 2022, as the
/// authors of CC-OR-Net (arXiv 2601.10176) put it: cross-entropy, order, distillation, and a squared error of the place within.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubDistributionsSpec {
    /// `T`, above 0.
    pub temperature: f64,
    /// Weight of the exceedances, 0 or more.
    pub order: f64,
    /// Weight of their distillation into the classes, 0 or more.
    pub distillation: f64,
    /// Weight of the place within the bucket, 0 or more.
    pub within: f64,
}

impl Default for SubDistributionsSpec {
    fn default() -> Self {
        Self { temperature: 0.2, order: 1.0, distillation: 1.0, within: 1.0 }
    }
}

impl TermOptions for SubDistributionsSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_mdme("sub-distributions")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        above_zero("sub-distributions.temperature", self.temperature)?;
        not_negative("sub-distributions.order", self.order)?;
        not_negative("sub-distributions.distillation", self.distillation)?;
        not_negative("sub-distributions.within", self.within)
    }
}

impl Term for SubDistributionsSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let raw = prediction.observed(batch);
        let (said, buckets) = (prediction.mdme(&raw), prediction.buckets());
        let members = buckets.members(&batch.outcome).unbind(-1);
        let rows: Vec<Tensor> = said.groups().iter().map(|group| total(&members[group.clone()])).collect();
        let all = batch.outcome.ones_like();
        let mut loss = self.classes(&said.segments(), &rows, &all);
        for (place, (group, own)) in said.groups().iter().zip(&rows).enumerate() {
            let Some((scores, within)) = said.distribution(place) else { continue };
            let members = &members[group.clone()];
            loss += self.classes(&scores, members, own);
            let ends = &buckets.ends()[group.clone()];
            let error = |((logit, member), (lower, upper)): ((&Tensor, &Tensor), &(f64, f64))| {
                let place = ((&batch.outcome - *lower) / (upper - lower)).clamp(0.0, 1.0);
                member * (logit.log_sigmoid().exp() - place).square()
            };
            let errors: Vec<Tensor> = within.unbind(-1).iter().zip(members).zip(ends).map(error).collect();
            loss += mean(&total(&errors), own) * self.within;
        }
        loss
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

impl SubDistributionsSpec {
    /// The losses of so many classes, of which each row is of the one where `members` is 1, over the rows where `rows` is 1.
    fn classes(&self, scores: &Scores, members: &[Tensor], rows: &Tensor) -> Tensor {
        let logs = scores.classes.log_softmax(-1, None).unbind(-1);
        let likelihood: Vec<Tensor> = members.iter().zip(&logs).map(|(member, log)| -member * log).collect();
        let mut errors = total(&likelihood);
        if let (Some(order), Some(law)) = (&scores.order, scores.ordered()) {
            let exceeded = |(place, logit): (usize, &Tensor)| {
                let above = total(&members[place + 1..]);
                -(logit * (above * 2.0 - 1.0)).log_sigmoid()
            };
            let logits = order.unbind(-1);
            let exceedances: Vec<Tensor> = logits.iter().enumerate().map(exceeded).collect();
            errors += total(&exceedances) * self.order;
            let softened = |scores: &Tensor| (scores / self.temperature).log_softmax(-1, None);
            let teacher = softened(&law.logs().detach()).exp();
            let ratio = teacher.clamp_min(LEAST).log() - softened(&scores.classes);
            errors += (teacher * ratio).sum_dim_intlist(-1i64, false, None) * self.distillation;
        }
        mean(&(rows * errors), rows)
    }
}

/// The sum of tensors; there is at least one.
fn total(parts: &[Tensor]) -> Tensor {
    parts.iter().skip(1).fold(parts[0].shallow_clone(), |sum, part| sum + part)
}

/// The mean over rows that are counted.
fn mean(errors: &Tensor, counted: &Tensor) -> Tensor {
    let rows = counted.sum_dim_intlist(-1i64, false, None);
    errors.sum_dim_intlist(-1i64, false, None) / rows.clamp_min(1.0)
}
