//! A purchase and what a buyer spends: two stages, and MMOE.

use super::super::head::LOG_EXPECTATION_MAXIMUM;
use super::super::ordinal::Decoding;
use super::super::{steady, widths};
use super::{Known, Tower, Towers};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::within;
use valor_base::input_error;

/// Options of the two-stage head.
///
/// ```text
/// p = sigmoid(l),   v = amount(r),   E[y] = p v          l, r: one tower each
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TwoStageSpec {
    /// How the raw output is what a buyer spends.
    pub amount: Amount,
}

/// Options of MMOE: the towers of a two-stage head, each on experts that a gate of its own mixes (Ma et al., KDD 2018).
///
/// ```text
/// s_t = softmax(gate_t(phi)),   z_t = sum_e s_te expert_e(phi),   l = tower_1(z_1),   r = tower_2(z_2)
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MmoeSpec {
    /// Number of experts; 1 or more.
    pub experts: usize,
    /// Widths of an expert's layers; at least one.
    pub widths: Vec<usize>,
    /// Widths of a gate's hidden layers.
    pub gates: Vec<usize>,
    /// How the raw output is what a buyer spends.
    pub amount: Amount,
    /// Soft: `E[y] = p v`. Hard: `v` where `p > 1/2`, else 0.
    pub decoding: Decoding,
}

impl Default for MmoeSpec {
    fn default() -> Self {
        Self {
            experts: 6,
            widths: vec![128],
            gates: Vec::new(),
            amount: Amount::default(),
            decoding: Decoding::Soft,
        }
    }
}

/// How a raw output is an amount, in the network's unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// `log(1 + exp(r))`
    #[default]
    Softplus,
    /// `exp(r)`, `r` cut at 30.
    Exp,
    /// `max(0, r)`, which learns nothing more where it is 0.
    Relu,
}

impl Amount {
    fn of(self, raw: &Tensor) -> Tensor {
        match self {
            Amount::Softplus => steady::softplus(raw),
            Amount::Exp => raw.clamp_max(LOG_EXPECTATION_MAXIMUM).exp(),
            Amount::Relu => raw.clamp_min(0.0),
        }
    }

    /// The raw output of an amount above 0.
    fn start(self, amount: f64) -> f32 {
        let raw = match self {
            // log(exp(a) - 1), which does not overflow.
            Amount::Softplus => amount + (-(-amount).exp_m1()).ln(),
            Amount::Exp => amount.ln(),
            Amount::Relu => amount,
        };
        raw as f32
    }
}

/// What a two-stage or MMOE head says, each `[S, B]`.
pub struct Hurdle {
    /// Logit of the purchase.
    pub logit: Tensor,
    /// What a buyer spends.
    pub amount: Tensor,
}

impl Hurdle {
    /// Takes `[S, B, 2]` apart.
    pub(super) fn new(amount: Amount, raw: &Tensor) -> Self {
        Self { logit: raw.select(-1, 0), amount: amount.of(&raw.select(-1, 1)) }
    }

    fn conversion(&self) -> Tensor {
        steady::sigmoid(&self.logit)
    }

    fn expectation(&self, decoding: Decoding) -> Tensor {
        match decoding {
            Decoding::Soft => self.conversion() * &self.amount,
            Decoding::Hard => self.logit.gt(0.0).to_kind(self.amount.kind()) * &self.amount,
        }
    }
}

fn towers(amount: Amount, known: Known) -> Vec<Tower> {
    let start = amount.start(known.summary.of_buyers());
    vec![("purchase".to_string(), vec![known.summary.purchase()]), ("amount".to_string(), vec![start])]
}

impl Towers for TwoStageSpec {
    fn towers(&self, known: Known) -> Vec<Tower> {
        towers(self.amount, known)
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        Hurdle::new(self.amount, raw).expectation(Decoding::Soft)
    }

    fn conversion(&self, raw: &Tensor) -> Tensor {
        Hurdle::new(self.amount, raw).conversion()
    }
}

impl Towers for MmoeSpec {
    fn validate(&self) -> anyhow::Result<()> {
        within("mmoe.experts", self.experts, 1, 256)?;
        widths("mmoe.widths", &self.widths)?;
        if self.widths.is_empty() {
            return Err(input_error!("mmoe.widths: the list is empty; name at least one width"));
        }
        widths("mmoe.gates", &self.gates)
    }

    fn towers(&self, known: Known) -> Vec<Tower> {
        towers(self.amount, known)
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        Hurdle::new(self.amount, raw).expectation(self.decoding)
    }

    fn conversion(&self, raw: &Tensor) -> Tensor {
        Hurdle::new(self.amount, raw).conversion()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets::OutcomeSummary;

    /// The mean of buyers, times their share, is the training mean.
    #[test]
    fn towers_start_at_the_training_mean() {
        for mean in [1e-4, 0.3, 7.0, 900.0] {
            let summary =
                OutcomeSummary { mean: mean * 0.2, positive_share: 0.2, ..OutcomeSummary::default() };
            for amount in [Amount::Softplus, Amount::Exp, Amount::Relu] {
                let spec = TwoStageSpec { amount };
                let start = spec.towers(Known { summary: &summary, buckets: None });
                let raw: Vec<f32> = start.into_iter().flat_map(|(_, start)| start).collect();
                let said = spec.expectation(&Tensor::from_slice(&raw).view([1, 1, 2])).double_value(&[0, 0]);
                assert!((said / summary.mean - 1.0).abs() < 1e-3, "{amount:?} {mean}: {said}");
            }
        }
    }
}
