//! The value-weighted ranking loss over all pairs of a batch.

use super::{Batch, Prediction, Setting, Term};
use crate::input_error;
use crate::nets::HeadSpec;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Value-weighted pairwise ranking.
///
/// ```text
/// L      = 1/|P| sum_{(i,j) in P} w_ij link(s_ij (u_i - u_j))      P = {(i,j): |z_i - z_j| > minimum gap}
/// w_ij   = log(1 + |z_i - z_j|)      s_ij = sign(z_i - z_j)      u = score / unit
/// link   = log(1 + exp(-d))  (logistic)      max(0, margin - d)  (hinge)
/// score  = log E_1 - log E_0, unit 1  (log-ratio)      E_1 - E_0  (uplift)
/// ```
///
/// Pairs with `z_i = z_j` never count. Source: VALOR, section 4.2; the hinge, the log-ratio score and the gap
/// are its released code's.
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
}

/// What is ranked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Score {
    /// `log E_1 - log E_0`, as in the released code.
    LogRatio,
    /// `(E_1 - E_0) / unit`, as in the paper, which names no unit.
    Uplift {
        /// The unit in which uplift enters the link.
        unit: Unit,
    },
}

/// The unit in which the score enters the link.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "unit: allowed are a number above 0 or \"training-sd\"")]
pub enum Unit {
    /// So many outcome units; above 0.
    Amount(f64),
    /// By name.
    Named(NamedUnit),
}

/// Units that the training rows decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedUnit {
    /// The standard deviation of the training outcomes.
    TrainingSd,
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
            reduction: Reduction::Mean,
        }
    }
}

impl RankingSpec {
    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        let above_zero = |key: &str, value: f64| {
            if value > 0.0 && value.is_finite() {
                return Ok(());
            }
            Err(input_error!("model.ranking.{key}: found {value}; must be above 0"))
        };
        if let Score::Uplift { unit: Unit::Amount(amount) } = self.score {
            above_zero("score.uplift.unit", amount)?;
        }
        if let Link::Hinge { margin } = self.link {
            above_zero("link.hinge.margin", margin)?;
        }
        if !(self.minimum_gap >= 0.0 && self.minimum_gap.is_finite()) {
            return Err(input_error!(
                "model.ranking.minimum-gap: found {}; must be 0 or more",
                self.minimum_gap
            ));
        }
        Ok(())
    }
}

/// The term, ready for one training set.
pub(super) struct Ranking {
    spec: RankingSpec,
    unit: f64,
    width: usize,
}

/// Sums over the pairs of each replicate.
struct Pairs {
    /// `[S]`
    loss: Tensor,
    /// `[S]`
    count: Tensor,
    /// Derivative of the loss by each row's scaled score, `[S, B]`.
    slope: Tensor,
}

impl Ranking {
    /// Fixes the unit and the padded width from the training rows.
    pub fn new(spec: &RankingSpec, setting: &Setting) -> anyhow::Result<Self> {
        if spec.score == Score::LogRatio && setting.head == HeadSpec::Point {
            return Err(input_error!(
                "ranking score 'log-ratio' needs a ziln head; found a point head: add the component 'ziln' or set \
                 model.ranking.score = {{ uplift = {{ unit = \"training-sd\" }} }}"
            ));
        }
        let unit = match spec.score {
            Score::LogRatio => 1.0,
            Score::Uplift { unit: Unit::Named(NamedUnit::TrainingSd) } => {
                setting.summary.sd.max(f64::MIN_POSITIVE)
            }
            Score::Uplift { unit: Unit::Amount(amount) } => amount,
        };
        Ok(Self { spec: spec.clone(), unit, width: padded_width(setting) })
    }

    fn scaled_score(&self, prediction: &Prediction) -> Tensor {
        let score = match self.spec.score {
            Score::Uplift { .. } => prediction.uplift(),
            Score::LogRatio => prediction.log_ratio().unwrap_or_else(|| prediction.uplift()),
        };
        score / self.unit
    }

    /// All pairs, exactly. Rows with label 0 tie with each other, so only the first rows, those with another
    /// label, need to meet all others. Two such rows meet twice, a mixed pair once, so mixed pairs count
    /// double. Blocks have a fixed width, and beyond a replicate's own rows they add exact zeros: a
    /// replicate's sums do not depend on its neighbours.
    fn pairs(&self, batch: &Batch, score: &Tensor) -> Pairs {
        let label = &batch.ranking;
        let (replicates, rows) = (label.size()[0], label.size()[1]);
        let sides = (label.eq(0.0).to_kind(label.kind()) + 1.0).unsqueeze(1);
        let options = (label.kind(), label.device());
        let mut pairs = Pairs {
            loss: Tensor::zeros([replicates], options),
            count: Tensor::zeros([replicates], options),
            slope: label.zeros_like(),
        };
        for start in (0..batch.ranked_rows as i64).step_by(self.width) {
            let width = (self.width as i64).min(rows - start);
            self.add_block(&mut pairs, (label, score, &sides), (start, width));
        }
        pairs
    }

    fn add_block(&self, pairs: &mut Pairs, rows: (&Tensor, &Tensor, &Tensor), block: (i64, i64)) {
        let (label, score, sides) = rows;
        let narrow = |tensor: &Tensor| tensor.narrow(1, block.0, block.1).unsqueeze(2);
        let (own_label, own_score) = (narrow(label), narrow(score));
        let gap = &own_label - label.unsqueeze(1);
        let sign = gap.sign();
        let size = gap.abs();
        let own = own_label.ne(0.0).to_kind(label.kind());
        let counted = size.gt(self.spec.minimum_gap).to_kind(label.kind()) * &own * sides;
        let weight = size.log1p() * &counted;
        let distance = (own_score - score.unsqueeze(1)) * &sign;
        let (loss, slope) = self.link(&distance);
        let slope = slope * &weight * sign;
        pairs.loss += (loss * weight).sum_dim_intlist([1i64, 2].as_slice(), false, None);
        pairs.count += counted.sum_dim_intlist([1i64, 2].as_slice(), false, None);
        pairs.slope -= slope.sum_dim_intlist(1i64, false, None);
        let mut own_slope = pairs.slope.narrow(1, block.0, block.1);
        own_slope += slope.sum_dim_intlist(2i64, false, None);
    }

    /// The link and its derivative.
    fn link(&self, distance: &Tensor) -> (Tensor, Tensor) {
        match self.spec.link {
            Link::Logistic => {
                let log_share = distance.log_sigmoid();
                let slope = log_share.expm1();
                (-log_share, slope)
            }
            Link::Hinge { margin } => {
                let short = margin - distance;
                (short.relu(), -short.gt(0.0).to_kind(distance.kind()))
            }
        }
    }

    fn divisor(&self, pairs: &Pairs, rows: i64) -> Tensor {
        match self.spec.reduction {
            Reduction::Mean => pairs.count.clamp_min(1.0),
            Reduction::MeanAll => pairs.count.full_like((rows * rows) as f64),
            Reduction::Sum => pairs.count.ones_like(),
        }
    }
}

impl Term for Ranking {
    /// The gradient has a closed form, so no pair matrix is kept for the backward pass: a linear stand-in
    /// carries it, and its own value is taken off again.
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let score = self.scaled_score(prediction);
        let (loss, slope) = tch::no_grad(|| {
            let pairs = self.pairs(batch, &score);
            let divisor = self.divisor(&pairs, score.size()[1]);
            (&pairs.loss / &divisor, pairs.slope / divisor.unsqueeze(1))
        });
        let linear = (slope * score).sum_dim_intlist(-1i64, false, None);
        loss + (&linear - linear.detach())
    }
}

/// How many rows with a non-zero label a batch has, with few exceptions.
fn padded_width(setting: &Setting) -> usize {
    let share = setting.summary.nonzero_share;
    let expected = setting.batch as f64 * share;
    let deviation = (expected * (1.0 - share)).sqrt();
    (((expected + 4.0 * deviation) / 8.0).ceil() as usize * 8).clamp(8, setting.batch.max(8))
}
