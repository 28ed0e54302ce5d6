//! Losses whose gradient is known: no matrix of pairs is kept for the backward pass.

use tch::Tensor;

/// A loss `[S]` with its slope by `input`, `[S, B]`, as `compute` gives them.
///
/// A linear stand-in carries the gradient, and its own value is taken off again.
pub(super) fn with_slope(input: &Tensor, compute: impl FnOnce() -> (Tensor, Tensor)) -> Tensor {
    let (loss, slope) = tch::no_grad(compute);
    let linear = (slope * input).sum_dim_intlist(-1i64, false, None);
    loss + (&linear - linear.detach())
}

/// A loss `[S]` with its gradient by `input`, `[S, ...]`, which `compute` gives where it is asked for it.
pub(super) fn with_gradient(
    input: &Tensor,
    compute: impl FnOnce(bool) -> (Tensor, Option<Tensor>),
) -> Tensor {
    let (loss, gradient) = tch::no_grad(|| compute(input.requires_grad()));
    let Some(gradient) = gradient else { return loss };
    let linear = (gradient * input).flatten(1, -1).sum_dim_intlist(-1i64, false, None);
    loss + (&linear - linear.detach())
}
