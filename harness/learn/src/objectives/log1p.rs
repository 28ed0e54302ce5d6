//! Squared error in the scale of logs.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Mean squared error of the log of the observed arm's outcome.
///
/// ```text
/// L = 1/B sum_i (log(1 + y_i / u) - f_i)^2                              squared logs, in [0, inf)
/// with smearing:  + 1/B sum_i [ w_i exp(-s_i) + s_i ],   w_i = (1 + y_i / u) exp(-sg[f_i])
/// ```
///
/// `f`, `s`, `u`: outputs and unit of a log1p head. The second part is least where `exp(s)` is the mean of `w`, and teaches `f` nothing.
/// Source: the common transform of long-tailed outcomes; smearing after Duan, JASA 1983.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log1pErrorSpec {}

impl TermOptions for Log1pErrorSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_log1p("log1p")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for Log1pErrorSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let (raw, head) = (prediction.observed(batch), prediction.log1p());
        let squared = (head.log_of(&batch.outcome) - head.log(&raw)).square();
        let all = match head.smear(&raw, &batch.outcome) {
            Some((excess, factor)) => squared + (excess - &factor).exp() + factor,
            None => squared,
        };
        all.mean_dim(-1i64, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
