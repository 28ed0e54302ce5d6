//! OptDist's losses: the likelihood of the law that is chosen, what teaches the choice, and what keeps laws apart.

use super::ziln::likelihood;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::nets::head::Ziln;
use crate::nets::{BucketLaw, Choice, chosen};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::not_negative;

/// Shares are not taken below this before their log.
const LEAST: f64 = 1e-30;

/// Negative log-likelihood of the observed arm under the law that is chosen.
///
/// ```text
/// L = 1/B sum_i sum_j w_ij l_ij          l_ij: that of row i under law j, as of `ziln`
/// ```
///
/// `w`: the weights of the head's `selection`; with noise of Gumbel's law while training. Source: OptDist, CIKM 2024.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChosenZilnSpec {}

/// Teaches the choice which law fits.
///
/// ```text
/// L = 1/B sum_i [ -(1 - pi_ic)^gamma log pi_ic + divergence sum_j pi_ij log(pi_ij / t_ij) ]
/// c = argmin_j l_ij,   t_i = softmax(-l_i), both constants
/// ```
///
/// `pi`: the law of the choice while training, with the noise that `chosen-ziln` sees. Source: OptDist, CIKM 2024.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlignmentSpec {
    /// How much easy rows are discounted; 0 or more.
    pub gamma: f64,
    /// Weight of the divergence from the soft label; 0 or more.
    pub divergence: f64,
}

impl Default for AlignmentSpec {
    fn default() -> Self {
        Self { gamma: 2.0, divergence: 1.0 }
    }
}

/// Keeps laws apart.
///
/// ```text
/// L = 1/B sum_i 1/(L (L - 1)) sum_{j != k} exp(-KL(law_ij || law_ik))
/// KL = KL(p_j || p_k) + p_j [ log(sigma_k / sigma_j) + (sigma_j^2 + (mu_j - mu_k)^2) / (2 sigma_k^2) - 1/2 ]
/// ```
///
/// In (0, 1]; 1 where all laws are the same. Source: CC-OR-Net's authors, arXiv 2601.10176, name a divergence between pairs of experts; a
/// divergence itself has no upper end, so that a network could earn any amount of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiversitySpec {}

impl TermOptions for ChosenZilnSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_opt_dist("chosen-ziln")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for ChosenZilnSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let raw = prediction.observed(batch);
        let choice = prediction.choice(&raw);
        choice.weighted(&likelihoods(&choice, batch), batch.counter.as_ref()).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

impl TermOptions for AlignmentSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_opt_dist("alignment")?;
        Ok(Box::new(self.clone()))
    }

    fn validate(&self) -> anyhow::Result<()> {
        not_negative("alignment.gamma", self.gamma)?;
        not_negative("alignment.divergence", self.divergence)
    }
}

impl Term for AlignmentSpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let raw = prediction.observed(batch);
        let choice = prediction.choice(&raw);
        let fits: Vec<Tensor> = likelihoods(&choice, batch).iter().map(|fit| -fit.detach()).collect();
        let target = BucketLaw::of_scores(&Tensor::stack(&fits, -1));
        let found = choice.selection(batch.counter.as_ref());
        let logs: Vec<Tensor> = found.each().iter().map(|log| log.clamp_min(LEAST.ln())).collect();
        let best = chosen(&target.most_likely(), &logs);
        let easy = ((-best.exp() + 1.0).clamp_min(LEAST).log() * self.gamma).exp();
        let parts = logs.iter().zip(target.each());
        let parts = parts.map(|(log, target)| log.exp() * (log - target.clamp_min(LEAST.ln())));
        let errors = parts.fold(-easy * best, |sum, part| sum + part * self.divergence);
        errors.mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

impl TermOptions for DiversitySpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_opt_dist("diversity")?;
        Ok(Box::new(self.clone()))
    }
}

impl Term for DiversitySpec {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let raw = prediction.observed(batch);
        let choice = prediction.choice(&raw);
        let laws: Vec<Law> = choice.laws.iter().map(Law::new).collect();
        let mut sum = batch.outcome.zeros_like();
        for (place, one) in laws.iter().enumerate() {
            for (_, other) in laws.iter().enumerate().filter(|(other, _)| *other != place) {
                sum += (-one.divergence(other)).exp();
            }
        }
        let pairs = (laws.len() * (laws.len() - 1)).max(1) as f64;
        (sum / pairs).mean_dim(-1, false, None)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}

/// The negative log-likelihood of each row under each law, `[S, B]` each.
fn likelihoods(choice: &Choice, batch: &Batch) -> Vec<Tensor> {
    choice.laws.iter().map(|law| likelihood(law, batch)).collect()
}

/// A zero-inflated log-normal law.
struct Law {
    /// `log p`, `log(1 - p)`
    logs: [Tensor; 2],
    mu: Tensor,
    sigma: Tensor,
}

impl Law {
    fn new(said: &Ziln) -> Self {
        let logs = [said.logit.log_sigmoid(), (-&said.logit).log_sigmoid()];
        Self { logs, mu: said.mu.shallow_clone(), sigma: said.sigma() }
    }

    /// `KL(self || other)`
    fn divergence(&self, other: &Self) -> Tensor {
        let [p, none] = self.logs.each_ref().map(Tensor::exp);
        let conversion = &p * (&self.logs[0] - &other.logs[0]) + none * (&self.logs[1] - &other.logs[1]);
        let off = (&self.mu - &other.mu) / &other.sigma;
        let ratio = &self.sigma / &other.sigma;
        let amount = (ratio.square() + off.square()) * 0.5 - ratio.log() - 0.5;
        conversion + p * amount
    }
}
