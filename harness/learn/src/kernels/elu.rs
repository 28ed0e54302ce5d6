//! Bias and ELU of a dense layer's products, there and back, in one pass each.

use super::exp::expm1;
use multiversion::multiversion;

/// Rows whose gradients are summed before they are added to the whole, so that a sum of many rows rounds as little as one of few.
const BLOCK: usize = 32;

/// `x + b` in every row of `values`, which are `bias.len()` wide.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn add(values: &mut [f32], bias: &[f32]) {
    for row in values.chunks_exact_mut(bias.len().max(1)) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += bias;
        }
    }
}

/// `elu(x + b)` in every row of `values`: `z` above 0, `exp(z) - 1` below.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn add_and_bend(values: &mut [f32], bias: &[f32]) {
    for row in values.chunks_exact_mut(bias.len().max(1)) {
        for (value, bias) in row.iter_mut().zip(bias) {
            let z = *value + bias;
            // What is not a number stays what it is: it is not above 0.
            let below = expm1(if z > 0.0 { 0.0 } else { z });
            *value = if z > 0.0 { z } else { below };
        }
    }
}

/// Adds the sums over the rows of `gradient` to `sums`.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn add_up(gradient: &[f32], sums: &mut [f32]) {
    let width = sums.len().max(1);
    let mut block = vec![0.0f32; width];
    for rows in gradient.chunks(BLOCK * width) {
        block.fill(0.0);
        for row in rows.chunks_exact(width) {
            for (sum, gradient) in block.iter_mut().zip(row) {
                *sum += gradient;
            }
        }
        for (sum, block) in sums.iter_mut().zip(&block) {
            *sum += block;
        }
    }
}

/// From the gradient of ELU's `output` to that of what it was applied to, `into`; adds its sums over rows to `sums`. The slope is 1
/// above 0 and `output + 1` below.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
pub(crate) fn unbend(gradient: &[f32], output: &[f32], into: &mut [f32], sums: &mut [f32]) {
    let width = sums.len().max(1);
    let mut block = vec![0.0f32; width];
    let blocks = gradient.chunks(BLOCK * width).zip(output.chunks(BLOCK * width));
    for ((gradient, output), into) in blocks.zip(into.chunks_mut(BLOCK * width)) {
        block.fill(0.0);
        let rows = gradient.chunks_exact(width).zip(output.chunks_exact(width));
        for ((gradient, output), into) in rows.zip(into.chunks_exact_mut(width)) {
            for (((sum, gradient), output), into) in block.iter_mut().zip(gradient).zip(output).zip(into) {
                let slope = if *output > 0.0 { 1.0 } else { *output + 1.0 };
                let bent = gradient * slope;
                *into = bent;
                *sum += bent;
            }
        }
        for (sum, block) in sums.iter_mut().zip(&block) {
            *sum += block;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 37;
    const ROWS: usize = 70;

    fn wave(count: usize, by: f32) -> Vec<f32> {
        (0..count).map(|place| (place as f32 * by).sin() * 3.0).collect()
    }

    #[test]
    fn bias_and_elu_are_what_they_are_called() {
        let (start, bias) = (wave(ROWS * WIDTH, 0.37), wave(WIDTH, 0.11));
        let mut added = start.clone();
        add(&mut added, &bias);
        let mut bent = start;
        add_and_bend(&mut bent, &bias);
        for (z, bent) in added.iter().zip(bent) {
            let expected = if *z > 0.0 { f64::from(*z) } else { f64::from(*z).exp_m1() };
            assert!((f64::from(bent) - expected).abs() <= 2e-7 * expected.abs(), "{z}: {bent}, {expected}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_elu() {
        let (output, gradient) = (wave(ROWS * WIDTH, 0.37), wave(ROWS * WIDTH, 0.23));
        let output: Vec<f32> = output.into_iter().map(|value| value.max(-0.999)).collect();
        let (mut into, mut sums, mut again) = (vec![0.0; ROWS * WIDTH], vec![1.0; WIDTH], vec![1.0; WIDTH]);
        unbend(&gradient, &output, &mut into, &mut sums);
        for (place, bent) in into.iter().enumerate() {
            let slope = if output[place] > 0.0 { 1.0 } else { output[place] + 1.0 };
            assert_eq!(*bent, gradient[place] * slope);
        }
        add_up(&into, &mut again);
        for (column, (sum, again)) in sums.iter().zip(again).enumerate() {
            let expected: f64 = (0..ROWS).map(|row| f64::from(into[row * WIDTH + column])).sum();
            assert!((f64::from(*sum) - 1.0 - expected).abs() < 1e-4);
            assert_eq!(*sum, again);
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        let mut values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -200.0];
        add_and_bend(&mut values, &[0.0]);
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [f32::INFINITY, -1.0, -1.0]);
    }
}
