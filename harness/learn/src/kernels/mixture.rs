//! Mixtures of experts, row by row, there and back.

use super::lanes::product;
use multiversion::multiversion;

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
