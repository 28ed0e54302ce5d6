//! Focal cross-entropy.

use tch::Tensor;

/// Focal cross-entropy of each row, `[S, B]`.
///
/// ```text
/// -alpha (1 - p)^gamma log p              where `is_one` is 1
/// -(1 - alpha) p^gamma log(1 - p)         where it is 0
/// ```
///
/// `toward` is the logit of what was observed: that of `p` where `is_one` is 1, that of `1 - p` where it is 0.
pub(super) fn focal(toward: &Tensor, is_one: &Tensor, alpha: f64, gamma: f64) -> Tensor {
    let balance = is_one * (2.0 * alpha - 1.0) + (1.0 - alpha);
    let easy = ((-toward).log_sigmoid() * gamma).exp();
    -balance * easy * toward.log_sigmoid()
}
