//! Columns that are multiplied by a factor each, there and back.

use multiversion::multiversion;

/// `x g` in every row of `values`, which are `gate.len()` wide.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn apply(values: &[f32], gate: &[f32], into: &mut [f32]) {
    let width = gate.len().max(1);
    for (row, into) in values.chunks_exact(width).zip(into.chunks_exact_mut(width)) {
        for ((value, gate), into) in row.iter().zip(gate).zip(into) {
            *into = value * gate;
        }
    }
}

/// Adds to `into` the gradient of the values, and to `sums` that of the gate.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn back(gradient: &[f32], values: &[f32], gate: &[f32], into: &mut [f32], sums: &mut [f32]) {
    let width = gate.len().max(1);
    let rows = gradient.chunks_exact(width).zip(values.chunks_exact(width));
    for ((gradient, row), into) in rows.zip(into.chunks_exact_mut(width)) {
        let columns = gradient.iter().zip(row).zip(gate).zip(into).zip(&mut *sums);
        for ((((gradient, value), gate), into), sum) in columns {
            *into += gradient * gate;
            *sum += gradient * value;
        }
    }
}
