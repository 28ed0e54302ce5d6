//! OptDist: several zero-inflated log-normal laws, of which a selector chooses one (Weng et al., CIKM 2024).

use super::super::head::{Ziln, log_of_ziln};
use super::super::law::{BucketLaw, chosen};
use super::super::ordinal::Decoding;
use super::super::{Counter, steady, ziln_start};
use super::{Known, Tower, Towers};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::within;
use valor_base::input_error;

/// The layer that asks the counter for the noise of the selection.
const SELECTION_LAYER: u32 = 96;
/// Uniform values are not taken below this before their log.
const LEAST_UNIFORM: f64 = 1e-9;
/// Raw outputs of a law.
const OUTPUTS: i64 = 3;

/// Options of OptDist.
///
/// ```text
/// p_j, mu_j, sigma_j,   j = 1 ... L                  each law a tower, as a ziln head
/// a = selector(phi)                                  L scores
/// hard:   E[y] of law argmax a                       soft:  sum_j softmax(a)_j E_j[y]
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptDistSpec {
    /// `L`: number of laws; 2 or more.
    pub laws: usize,
    /// How the weights of the laws are made while training.
    pub selection: Selection,
    /// `tau`: what scores are divided by while training; above 0.
    pub temperature: f64,
    /// What is said: of the chosen law, or of all in their shares.
    pub decoding: Decoding,
}

/// How the weights of the laws are made while training.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// `softmax((a + G) / tau)`, `G` standard Gumbel noise; without noise where nothing is trained.
    Gumbel,
    /// `softmax(a / tau)`
    Softmax,
    /// 1 of the largest score; the alignment sees `softmax(a / tau)`.
    Argmax,
}

impl Default for OptDistSpec {
    fn default() -> Self {
        Self { laws: 4, selection: Selection::Gumbel, temperature: 1.0, decoding: Decoding::Hard }
    }
}

/// The laws of a head and the scores that choose among them.
pub struct Choice<'a> {
    spec: &'a OptDistSpec,
    /// One per law.
    pub laws: Vec<Ziln>,
    raw: Vec<Tensor>,
    scores: Tensor,
}

impl<'a> Choice<'a> {
    /// Takes `[S, B, 4 L]` apart.
    pub(super) fn new(spec: &'a OptDistSpec, raw: &Tensor) -> Self {
        let count = spec.laws as i64;
        let parts: Vec<Tensor> = (0..count).map(|law| raw.narrow(-1, OUTPUTS * law, OUTPUTS)).collect();
        let scores = raw.narrow(-1, OUTPUTS * count, count);
        Self { spec, laws: parts.iter().map(Ziln::new).collect(), raw: parts, scores }
    }

    /// The law of the choice without noise and temperature.
    fn shares(&self) -> BucketLaw {
        BucketLaw::of_scores(&self.scores)
    }

    /// The law of the choice while training, `pi`; `counter` is asked for the noise.
    pub fn selection(&self, counter: Option<&Counter>) -> BucketLaw {
        let scores = match (self.spec.selection, counter) {
            (Selection::Gumbel, Some(counter)) => {
                let shape = self.scores.size();
                let uniform = counter.uniform(SELECTION_LAYER, shape[1] * shape[2]);
                let noise = -(-uniform.clamp_min(LEAST_UNIFORM).log()).log();
                &self.scores + noise.view(shape.as_slice()).to_kind(self.scores.kind())
            }
            (Selection::Gumbel, None) | (Selection::Softmax | Selection::Argmax, _) => {
                self.scores.shallow_clone()
            }
        };
        BucketLaw::of_scores(&(scores / self.spec.temperature))
    }

    /// `sum_j w_j v_j` with a value per law, each `[S, B]`: the weights of training.
    pub fn weighted(&self, values: &[Tensor], counter: Option<&Counter>) -> Tensor {
        match self.spec.selection {
            Selection::Gumbel | Selection::Softmax => self.selection(counter).expectation(values.iter()),
            Selection::Argmax => chosen(&self.shares().most_likely(), values),
        }
    }

    fn decoded(&self, values: &[Tensor]) -> Tensor {
        match self.spec.decoding {
            Decoding::Hard => chosen(&self.shares().most_likely(), values),
            Decoding::Soft => self.shares().expectation(values.iter()),
        }
    }
}

impl Towers for OptDistSpec {
    fn validate(&self) -> anyhow::Result<()> {
        within("opt-dist.laws", self.laws, 2, 64)?;
        if self.temperature > 0.0 && self.temperature.is_finite() {
            return Ok(());
        }
        Err(input_error!("opt-dist.temperature: found {}; must be above 0", self.temperature))
    }

    fn towers(&self, known: Known) -> Vec<Tower> {
        let start = ziln_start(known.summary).to_vec();
        let laws = (0..self.laws).map(|law| (format!("law.{law}"), start.clone()));
        laws.chain([("selector".to_string(), vec![0.0; self.laws])]).collect()
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        let said = Choice::new(self, raw);
        let values: Vec<Tensor> = said.raw.iter().map(|law| log_of_ziln(law, true).exp()).collect();
        said.decoded(&values)
    }

    fn conversion(&self, raw: &Tensor) -> Tensor {
        let said = Choice::new(self, raw);
        let values: Vec<Tensor> = said.laws.iter().map(|law| steady::sigmoid(&law.logit)).collect();
        said.decoded(&values).clamp_max(1.0)
    }
}
