//! Sixteen numbers that are worked on together.
//!
//! Values that are added and multiplied whole are what the compiler turns into one register each; of loops over arrays it
//! makes other things, some of them slow.

use super::lanes::LANES;
use std::ops::{Add, AddAssign, Mul, Sub};

/// Stands where no cache line ends within it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Vector(pub(super) [f32; LANES]);

impl Vector {
    pub(super) const ZERO: Self = Self([0.0; LANES]);

    /// The same number everywhere.
    #[inline(always)]
    pub(super) fn of(value: f32) -> Self {
        Self([value; LANES])
    }

    /// Each number by itself.
    #[inline(always)]
    pub(super) fn map(self, function: impl Fn(f32) -> f32) -> Self {
        let mut out = Self::ZERO;
        for lane in 0..LANES {
            out.0[lane] = function(self.0[lane]);
        }
        out
    }

    /// Pairs of numbers.
    #[inline(always)]
    fn with(self, other: Self, function: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = Self::ZERO;
        for lane in 0..LANES {
            out.0[lane] = function(self.0[lane], other.0[lane]);
        }
        out
    }

    /// The product of two rows.
    #[inline(always)]
    pub(super) fn sum_of_products(a: &[f32], b: &[f32]) -> f32 {
        let (wide, others) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest: f32 = wide.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
        let mut sums = Self::ZERO;
        for (a, b) in wide.zip(others) {
            if let (Some(a), Some(b)) = (a.first_chunk(), b.first_chunk()) {
                sums += Self(*a) * Self(*b);
            }
        }
        sums.sum() + rest
    }

    /// The sum of all, the two halves first.
    #[inline(always)]
    pub(super) fn sum(mut self) -> f32 {
        for half in [LANES / 2, LANES / 4, LANES / 8, LANES / 16] {
            for lane in 0..half {
                self.0[lane] += self.0[lane + half];
            }
        }
        self.0[0]
    }
}

impl Add for Vector {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
}

impl AddAssign for Vector {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Vector {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
}

impl Mul for Vector {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
}

impl Mul<f32> for Vector {
    type Output = Self;

    #[inline(always)]
    fn mul(self, factor: f32) -> Self {
        self.map(|value| value * factor)
    }
}

/// The numbers of vectors, one after another.
#[inline(always)]
pub(super) fn flat(vectors: &[Vector]) -> &[f32] {
    // SAFETY: a vector is its numbers and nothing else.
    unsafe { std::slice::from_raw_parts(vectors.as_ptr().cast(), vectors.len() * LANES) }
}

/// The numbers of vectors, one after another.
#[inline(always)]
pub(super) fn flat_mut(vectors: &mut [Vector]) -> &mut [f32] {
    // SAFETY: a vector is its numbers and nothing else, and these are borrowed with it.
    unsafe { std::slice::from_raw_parts_mut(vectors.as_mut_ptr().cast(), vectors.len() * LANES) }
}

/// The sum of vectors.
#[inline(always)]
pub(super) fn total(vectors: &[Vector]) -> Vector {
    vectors.iter().fold(Vector::ZERO, |sum, &vector| sum + vector)
}
