//! Cross-entropy of the predicted propensity.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// How well a network tells who was treated.
///
/// ```text
/// L = 1/B sum_i -[ t_i log e_i + (1 - t_i) log(1 - e_i) ]        e = sigmoid(logit), in [0, inf)
/// ```
///
/// Source: DragonNet (Shi, Blei, Veitch, NeurIPS 2019); UniTE; with the label turned round, EFIN's intervention
/// constraint, which is the same loss.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropensitySpec {}

impl TermOptions for PropensitySpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_propensity("propensity")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for PropensitySpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let logit = prediction.propensity_logit();
        let toward = logit * (&batch.treatment * 2.0 - 1.0);
        -toward.log_sigmoid().mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
