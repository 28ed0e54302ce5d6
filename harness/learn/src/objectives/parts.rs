//! Errors of the parts of a DeepFM.

use super::{Batch, Prediction, Setting, Term, TermOptions};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::not_negative;

/// Squared errors of the parts by themselves, what keeps the parts of one size, and a penalty of their weights.
///
/// ```text
/// L = interactions 1/B sum_i (y_i - a_i)^2 + deep 1/B sum_i (y_i - d_i)^2 + balance B + penalty (|a|^2 + |V|^2)
/// means:  B = (1/B sum_i a_i - 1/B sum_i d_i)^2          rows:  B = 1/B sum_i (a_i - d_i)^2
/// ```
///
/// `a`: linear form and products together, `d`: the deep tower, each as what it says alone. Source: the DeepFM of CC-OR-Net's table of
/// baselines (arXiv 2601.10176): squared errors of both, a balance term that it does not write down, an L2 penalty of .01.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PartsSpec {
    /// Weight of the error of linear form and products, 0 or more.
    pub interactions: f64,
    /// Weight of the error of the deep tower, 0 or more.
    pub deep: f64,
    /// Weight of the balance, 0 or more.
    pub balance: f64,
    /// What is balanced.
    pub balanced: Balanced,
    /// Weight of the squares of the weights of linear form and products, 0 or more.
    pub penalty: f64,
}

/// What is kept of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balanced {
    /// What both parts say on average over the batch.
    Means,
    /// What both parts say of each row.
    Rows,
}

impl Default for PartsSpec {
    fn default() -> Self {
        Self { interactions: 1.0, deep: 1.0, balance: 1.0, balanced: Balanced::Means, penalty: 0.01 }
    }
}

impl TermOptions for PartsSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_parts("parts")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        not_negative("parts.interactions", self.interactions)?;
        not_negative("parts.deep", self.deep)?;
        not_negative("parts.balance", self.balance)?;
        not_negative("parts.penalty", self.penalty)
    }
}

impl Term for PartsSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let parts = prediction.parts();
        let mean = |values: &Tensor| values.mean_dim(-1i64, false, None);
        let error = |said: &Tensor| mean(&(&batch.outcome - said).square());
        let balance = match self.balanced {
            Balanced::Means => (mean(&parts.interactions) - mean(&parts.deep)).square(),
            Balanced::Rows => mean(&(&parts.interactions - &parts.deep).square()),
        };
        error(&parts.interactions) * self.interactions
            + error(&parts.deep) * self.deep
            + balance * self.balance
            + &parts.penalty * self.penalty
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
