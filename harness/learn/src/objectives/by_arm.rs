//! The rows of a batch by arm, for terms that compare rows within or between arms.

use super::{Batch, Setting};
use tch::{Kind, Tensor};

/// Stands for minus infinity, which gives gradients that are not numbers.
pub(super) const MASKED: f64 = -1e30;

/// Scales of no more than this count as 0: their reciprocals overflow.
const SMALLEST_SCALE: f64 = 1e-30;

/// How many standard deviations a batch's count of an arm may lie above its mean.
const SPREAD: f64 = 4.0;

/// How many rows of each arm are looked at.
///
/// Fixed, so that a replicate's sums do not depend on its neighbours: 4 SD above the expected number of the arm's
/// rows, at most the batch. A batch with more (one in 16,000) leaves the surplus out: a row or two of three hundred.
#[derive(Clone, Copy, Debug)]
pub(super) struct Widths {
    treated: i64,
    control: i64,
}

impl Widths {
    /// For batches of the training rows.
    pub(super) fn new(setting: &Setting) -> Self {
        let (batch, share) = (setting.batch as f64, setting.summary.treated_share);
        let spread = SPREAD * (batch * share * (1.0 - share)).sqrt();
        let width = |share: f64| ((batch * share + spread) / 8.0).ceil() as i64 * 8;
        let limit = |width: i64| width.clamp(1, setting.batch.max(1) as i64);
        Self { treated: limit(width(share)), control: limit(width(1.0 - share)) }
    }
}

impl Widths {
    /// Places of the rows that are looked at, treated and control, where `treatment` is 1 for treated rows of a batch.
    pub(super) fn places(self, treatment: &[f32]) -> [Vec<usize>; 2] {
        [(true, self.treated), (false, self.control)].map(|(arm, width)| {
            let rows = (0..treatment.len()).filter(|&row| (treatment[row] > 0.5) == arm);
            rows.take(width as usize).collect()
        })
    }
}

/// The rows of one arm, padded to a fixed width.
pub(super) struct Side {
    /// Where each row stands in the batch, `[S, W]`.
    order: Tensor,
    /// 1 for rows of the arm, 0 for padding, `[S, W]`.
    pub valid: Tensor,
    /// Rows of the arm, `[S]`.
    pub count: Tensor,
}

/// The rows of a batch by arm.
pub(super) struct ByArm {
    /// Treated rows.
    pub treated: Side,
    /// Control rows.
    pub control: Side,
}

impl ByArm {
    /// Rows in their order within the batch, arm by arm.
    pub(super) fn new(batch: &Batch, widths: Widths) -> Self {
        Self {
            treated: Side::new(&batch.treatment, widths.treated),
            control: Side::new(&batch.control(), widths.control),
        }
    }

    /// Pairs of a treated and a control row, `[S]`.
    pub(super) fn pairs(&self) -> Tensor {
        &self.treated.count * &self.control.count
    }
}

impl Side {
    fn new(member: &Tensor, width: i64) -> Self {
        let width = width.min(member.size()[1]);
        let order = member.argsort_stable(true, 1, true).narrow(1, 0, width);
        let valid = member.gather(1, &order, false);
        let count = valid.sum_dim_intlist(1i64, false, None);
        Self { order, valid, count }
    }

    /// Values `[S, B]` of the arm's rows, `[S, W]`.
    pub(super) fn values(&self, values: &Tensor) -> Tensor {
        values.gather(1, &self.order, false)
    }

    /// Vectors `[S, B, k]` of the arm's rows, `[S, W, k]`. Whole rows are taken, which is much faster than one value at a
    /// time, there and back.
    pub(super) fn vectors(&self, vectors: &Tensor) -> Tensor {
        let shape = vectors.size();
        let first = Tensor::arange(shape[0], (Kind::Int64, vectors.device())) * shape[1];
        let rows = (&self.order + first.unsqueeze(1)).view([-1]);
        vectors.reshape([-1, shape[2]]).index_select(0, &rows).view([shape[0], -1, shape[2]])
    }
}

/// 1 for pairs of two rows that are there, `[S, W, V]`.
pub(super) fn valid_pairs(rows: &Side, columns: &Side) -> Tensor {
    rows.valid.unsqueeze(2) * columns.valid.unsqueeze(1)
}

/// Squared distances of two sets of vectors, `[S, W, k]` and `[S, V, k]` to `[S, W, V]`: one product, no `[W, V, k]`.
pub(super) fn squared_distances(rows: &Tensor, columns: &Tensor) -> Tensor {
    let norms = |vectors: &Tensor| vectors.square().sum_dim_intlist(2i64, false, None);
    let norms = norms(rows).unsqueeze(2) + norms(columns).unsqueeze(1);
    norms.baddbmm(rows, &columns.transpose(1, 2), 1, -2)
}

/// Squared distances within one set of vectors: exactly 0 from a vector to itself, whatever the product rounds to.
pub(super) fn squared_distances_within(vectors: &Tensor) -> Tensor {
    let width = vectors.size()[1];
    let itself = Tensor::eye(width, (Kind::Bool, vectors.device()));
    squared_distances(vectors, vectors).masked_fill(&itself, 0.0)
}

/// Vectors less their mean over the batch: distances stay, and rounding of large vectors does not eat small ones.
pub(super) fn centred(vectors: &Tensor) -> Tensor {
    vectors - vectors.detach().mean_dim(1i64, true, None)
}

/// 1 where both arms have rows, `[S]`.
pub(super) fn both_present(arms: &ByArm) -> Tensor {
    arms.pairs().gt(0.0).to_kind(arms.treated.count.kind())
}

/// The mean of `[S, W, V]` over valid pairs, by which a term scales its distances, `[S]`: 1 where there are no pairs, or all
/// of them are 0, so that a scale over nothing scales nothing.
pub(super) fn mean_scale(values: &Tensor, valid: &Tensor) -> Tensor {
    let mean = sum_pairs(&(values.detach() * valid)) / sum_pairs(valid).clamp_min(1.0);
    let usable = mean.gt(SMALLEST_SCALE);
    mean.where_self(&usable, &mean.ones_like())
}

/// The mean by which a term scales distances, of one replicate.
pub(super) fn usable_scale(mean: f64) -> f64 {
    if mean > SMALLEST_SCALE { mean } else { 1.0 }
}

/// Sums of `[S, W, V]` per replicate.
pub(super) fn sum_pairs(values: &Tensor) -> Tensor {
    values.sum_dim_intlist([1i64, 2].as_slice(), false, None)
}
