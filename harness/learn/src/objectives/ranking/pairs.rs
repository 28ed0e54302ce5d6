//! Pairwise ranking losses over all pairs of a batch: the computation.

use super::{Link, PairWeight, RankingSpec, Reduction, Score};
use crate::nets::HeadSpec;
use crate::objectives::closed_form::with_slope;
use crate::objectives::{Batch, Prediction, Setting, Term};
use tch::{Kind, Tensor};
use valor_base::input_error;

/// Exponential links are cut here.
const SMALLEST_DISTANCE: f64 = -30.0;
/// The layer number under which rows are sampled: far from any network's.
const SAMPLE_LAYER: u32 = 1 << 16;

/// The term, ready for one training set.
pub(super) struct Ranking {
    spec: RankingSpec,
    unit: f64,
    label_unit: f64,
    minimum_gap: f64,
    width: usize,
}

/// What every row brings to its pairs, each `[S, B]`.
struct Rows {
    score: Tensor,
    label: Tensor,
    /// How often a pair with a row of a block counts: rows with label 0 stand in no block.
    sides: Tensor,
    /// Rank by the current score, where pairs are weighted by it.
    rank: Option<Tensor>,
    /// 1 for rows that are looked at, where rows are sampled.
    sampled: Option<Tensor>,
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
    /// Fixes units and the padded width from the training rows.
    pub(super) fn new(spec: &RankingSpec, setting: &Setting) -> anyhow::Result<Self> {
        let instead = "set ranking.score = { uplift = { unit = \"training-sd\" } }";
        match (spec.score, &setting.head) {
            (
                Score::LogRatio,
                HeadSpec::Point
                | HeadSpec::Log1p(_)
                | HeadSpec::Mdme(_)
                | HeadSpec::Ordinal(_)
                | HeadSpec::CcOr(_)
                | HeadSpec::Towers(_),
            ) => Err(input_error!(
                "ranking score 'log-ratio' needs a ziln or log head; found a {} head: add the component 'ziln' or {instead}",
                setting.head.name()
            )),
            (Score::Conversion, HeadSpec::Point | HeadSpec::Log | HeadSpec::Log1p(_)) => Err(input_error!(
                "ranking score 'conversion' needs a ziln head: add the component 'ziln' or {instead}"
            )),
            (Score::LogRatio | Score::Conversion | Score::Uplift { .. }, _) => Ok(()),
        }?;
        let unit = match spec.score {
            Score::LogRatio | Score::Conversion => 1.0,
            Score::Uplift { unit } => unit.amount(setting),
        };
        Ok(Self {
            spec: spec.clone(),
            unit,
            label_unit: spec.label_unit.amount(setting),
            minimum_gap: spec.minimum_gap / setting.summary.scale,
            width: padded_width(setting),
        })
    }

    fn scaled_score(&self, prediction: &Prediction) -> Tensor {
        match self.spec.score {
            Score::Uplift { .. } => prediction.uplift() / self.unit,
            Score::LogRatio => prediction.log_ratio(),
            Score::Conversion => prediction.conversion_uplift(),
        }
    }

    fn rows(&self, batch: &Batch, score: &Tensor) -> Rows {
        let label = batch.ranking.shallow_clone();
        let ranked = self.spec.weight == PairWeight::RankDifference;
        Rows {
            score: score.shallow_clone(),
            sides: label.eq(0.0).to_kind(label.kind()) + 1.0,
            rank: ranked.then(|| ranks(score)),
            sampled: self.sample(batch),
            label,
        }
    }

    /// Which rows this step looks at; all of them outside training.
    fn sample(&self, batch: &Batch) -> Option<Tensor> {
        let counter = batch.counter.as_ref().filter(|_| self.spec.sample > 0)?;
        let draws = counter.uniform(SAMPLE_LAYER, batch.ranking.size()[1]);
        Some(ranks(&draws).lt(self.spec.sample as f64).to_kind(batch.ranking.kind()))
    }

    /// All pairs, exactly. Rows with label 0 tie with each other, so only the first rows, those with another
    /// label, need to meet all others. Two such rows meet twice, a mixed pair once, so mixed pairs count
    /// double. Blocks have a fixed width, and beyond a replicate's own rows they add exact zeros: a
    /// replicate's sums do not depend on its neighbours.
    fn pairs(&self, batch: &Batch, score: &Tensor) -> Pairs {
        let rows = self.rows(batch, score);
        let (replicates, count) = (rows.label.size()[0], rows.label.size()[1]);
        let options = (rows.label.kind(), rows.label.device());
        let mut pairs = Pairs {
            loss: Tensor::zeros([replicates], options),
            count: Tensor::zeros([replicates], options),
            slope: rows.label.zeros_like(),
        };
        for start in (0..batch.ranked_rows as i64).step_by(self.width) {
            let width = (self.width as i64).min(count - start);
            self.add_block(&mut pairs, &rows, (start, width));
        }
        pairs
    }

    fn add_block(&self, pairs: &mut Pairs, rows: &Rows, block: (i64, i64)) {
        let narrow = |tensor: &Tensor| tensor.narrow(1, block.0, block.1).unsqueeze(2);
        let kind = rows.label.kind();
        let own_label = narrow(&rows.label);
        let gap = &own_label - rows.label.unsqueeze(1);
        let sign = gap.sign();
        let size = gap.abs();
        let own = own_label.ne(0.0).to_kind(kind);
        let mut counted = size.gt(self.minimum_gap).to_kind(kind) * &own * rows.sides.unsqueeze(1);
        if let Some(sampled) = &rows.sampled {
            counted = counted * narrow(sampled) * sampled.unsqueeze(1);
        }
        let between = rows.rank.as_ref().map(|rank| (narrow(rank) - rank.unsqueeze(1)).abs());
        let weight = self.weight(size, between) * &counted;
        let distance = (narrow(&rows.score) - rows.score.unsqueeze(1)) * &sign;
        let (loss, slope) = self.link(&distance);
        let slope = slope * &weight * sign;
        pairs.loss += (loss * weight).sum_dim_intlist([1i64, 2].as_slice(), false, None);
        pairs.count += counted.sum_dim_intlist([1i64, 2].as_slice(), false, None);
        pairs.slope -= slope.sum_dim_intlist(1i64, false, None);
        let mut own_slope = pairs.slope.narrow(1, block.0, block.1);
        own_slope += slope.sum_dim_intlist(2i64, false, None);
    }

    /// What pairs count whose labels are `size` apart and whose ranks are `between` apart.
    fn weight(&self, size: Tensor, between: Option<Tensor>) -> Tensor {
        match self.spec.weight {
            PairWeight::Log1p => (size / self.label_unit).log1p(),
            PairWeight::One => size.ones_like(),
            PairWeight::Absolute | PairWeight::RankDifference => {
                let value = size / self.label_unit;
                match between {
                    Some(between) => value * &between / between.size()[2] as f64,
                    None => value,
                }
            }
        }
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
            Link::Exponential => {
                let loss = (-distance.clamp_min(SMALLEST_DISTANCE)).exp();
                let slope = -&loss * distance.gt(SMALLEST_DISTANCE).to_kind(distance.kind());
                (loss, slope)
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
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let score = self.scaled_score(prediction);
        with_slope(&score, || {
            let pairs = self.pairs(batch, &score);
            let divisor = self.divisor(&pairs, score.size()[1]);
            (&pairs.loss / &divisor, pairs.slope / divisor.unsqueeze(1))
        })
    }
}

/// Rank of each value within its replicate, from 0; ties in the order of rows.
fn ranks(values: &Tensor) -> Tensor {
    let order = values.argsort_stable(true, 1, false);
    order.argsort_stable(true, 1, false).to_kind(match values.kind() {
        Kind::Double => Kind::Double,
        _ => Kind::Float,
    })
}

/// How many rows with a non-zero label a batch has, with few exceptions.
fn padded_width(setting: &Setting) -> usize {
    let share = setting.summary.nonzero_share;
    let expected = setting.batch as f64 * share;
    let deviation = (expected * (1.0 - share)).sqrt();
    (((expected + 4.0 * deviation) / 8.0).ceil() as usize * 8).clamp(8, setting.batch.max(8))
}
