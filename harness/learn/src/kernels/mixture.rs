//! Mixtures of experts, row by row, there and back.

use multiversion::multiversion;

/// Partial sums of a product of two rows: as many whatever the processor.
const LANES: usize = 16;

/// `sum_e share_e expert_e` of every row: `experts` each `[rows, width]`, `shares` `[rows, experts]`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn mix(experts: &[&[f32]], shares: &[f32], width: usize, into: &mut [f32]) {
    for (row, into) in into.chunks_exact_mut(width.max(1)).enumerate() {
        into.fill(0.0);
        for (number, expert) in experts.iter().enumerate() {
            let share = shares[row * experts.len() + number];
            for (into, value) in into.iter_mut().zip(&expert[row * width..(row + 1) * width]) {
                *into += share * value;
            }
        }
    }
}

/// From the gradient of a mixture: adds to `of_experts`, experts one after another, and writes those of the shares.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn back(
    gradient: &[f32],
    experts: &[&[f32]],
    shares: &[f32],
    width: usize,
    of_experts: &mut [f32],
    of_shares: &mut [f32],
) {
    let size = gradient.len();
    for (row, gradient) in gradient.chunks_exact(width.max(1)).enumerate() {
        for (number, expert) in experts.iter().enumerate() {
            let (share, start) = (shares[row * experts.len() + number], row * width);
            let values = &expert[start..start + width];
            let into = &mut of_experts[number * size + start..number * size + start + width];
            for (into, gradient) in into.iter_mut().zip(gradient) {
                *into += share * gradient;
            }
            of_shares[row * experts.len() + number] = product(gradient, values);
        }
    }
}

#[inline(always)]
fn product(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    for ((sum, a), b) in sums.iter_mut().zip(rest_a).zip(rest_b) {
        *sum += a * b;
    }
    sums.iter().sum()
}
