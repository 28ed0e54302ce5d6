//! Pairwise ranking losses over all pairs of a batch: options.

mod pairs;

use super::unit::above_zero;
use super::{Setting, Term, TermOptions};
use crate::nets::Unit;
use pairs::Ranking;
use serde::{Deserialize, Serialize};
use valor_base::error::not_negative;
use valor_base::input_error;

/// Pairwise ranking of uplift, by default weighted by value.
///
/// ```text
/// L      = 1/|P| sum_{(i,j) in P} w_ij link(s_ij (u_i - u_j))      P = {(i,j): |z_i - z_j| > minimum gap}
/// s_ij   = sign(z_i - z_j)      u = score / unit
/// link   = log(1 + exp(-d))  (logistic)      max(0, margin - d)  (hinge)      exp(-d), d cut at -30  (exponential)
/// score  = log E_1 - log E_0, unit 1  (log-ratio)      E_1 - E_0  (uplift)      p_1 - p_0, unit 1  (conversion)
/// w_ij   = log(1 + g)  (log1p)      1  (one: RankNet)      g  (absolute)            g = |z_i - z_j| / label unit
///          g |rank_i - rank_j| / B  (rank-difference: LambdaRank for AUUC, ranks by the current score)
/// ```
///
/// The paper's `log(1 + |z_i - z_j|)` depends on the currency; it is had with `label-unit = 1.0`. Ranks are constants for
/// the gradient. Pairs with `z_i = z_j` never count. With
/// `sample`, each step looks at the pairs among that many rows drawn without replacement. Source: VALOR, section 4.2;
/// the hinge, the log-ratio score, the gap and the sample are its released code's; RankNet: Burges et al., ICML 2005;
/// LambdaRank: Burges 2010, with the change of Devriendt et al.'s area by swapping two rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RankingSpec {
    /// What is ranked.
    pub score: Score,
    /// How a pair's score difference becomes a loss.
    pub link: Link,
    /// What pairs are ordered by.
    pub label: Label,
    /// Pairs whose labels differ by no more than this are left out; 0 or more, outcome units.
    pub minimum_gap: f64,
    /// How pairs are summed up.
    pub reduction: Reduction,
    /// The unit of labels in a pair's weight.
    pub label_unit: Unit,
    /// What a pair counts.
    #[serde(skip_serializing_if = "PairWeight::is_default")]
    pub weight: PairWeight,
    /// Rows of a batch that are looked at; 0 for all.
    #[serde(skip_serializing_if = "is_zero")]
    pub sample: usize,
}

fn is_zero(rows: &usize) -> bool {
    *rows == 0
}

/// What is ranked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Score {
    /// `log E_1 - log E_0`, as in the released code.
    LogRatio,
    /// `p_1 - p_0`, as in the first release of the code.
    Conversion,
    /// `(E_1 - E_0) / unit`, as in the paper, which names no unit.
    Uplift {
        /// The unit in which uplift enters the link.
        unit: Unit,
    },
}

/// How a pair's score difference becomes a loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Link {
    /// As in the paper.
    Logistic,
    /// As in the released code, with margin .1.
    Hinge {
        /// Score difference from which a pair costs nothing; above 0.
        margin: f64,
    },
    /// As in RankBoost.
    Exponential,
}

/// What a pair counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairWeight {
    /// `log(1 + |z_i - z_j|)`, labels in units, as in the paper, which names no unit.
    #[default]
    Log1p,
    /// 1.
    One,
    /// `|z_i - z_j|` in units.
    Absolute,
    /// That times the share of the batch between the two rows' ranks.
    RankDifference,
}

impl PairWeight {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What pairs are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// `z = y (t - e) / (e (1 - e))`: its mean is the effect.
    Transformed,
    /// `z = y (2t - 1)`, as in the released code.
    Signed,
}

/// How pairs are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reduction {
    /// Over the pairs that count.
    Mean,
    /// Over all `B^2` pairs.
    MeanAll,
    /// The plain sum of the paper's equation.
    Sum,
}

impl Default for RankingSpec {
    fn default() -> Self {
        Self {
            score: Score::LogRatio,
            link: Link::Logistic,
            label: Label::Transformed,
            minimum_gap: 0.0,
            label_unit: Unit::default(),
            reduction: Reduction::Mean,
            weight: PairWeight::Log1p,
            sample: 0,
        }
    }
}

impl TermOptions for RankingSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        Ok(Box::new(Ranking::new(self, setting)?))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if let Score::Uplift { unit } = self.score {
            unit.validate("ranking.score.uplift.unit")?;
        }
        if let Link::Hinge { margin } = self.link {
            above_zero("ranking.link.hinge.margin", margin)?;
        }
        self.label_unit.validate("ranking.label-unit")?;
        not_negative("ranking.minimum-gap", self.minimum_gap)?;
        if self.sample == 1 {
            return Err(input_error!("ranking.sample: found 1; allowed are 0 for all rows, and 2 or more"));
        }
        Ok(())
    }

    fn label(&self) -> Option<Label> {
        Some(self.label)
    }
}
