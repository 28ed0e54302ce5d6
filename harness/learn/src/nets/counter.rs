//! Random numbers during training, as a hash of where they are used: nothing is drawn, stored or uploaded.

use super::host::values_mut;
use multiversion::multiversion;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};

const STRIDE: u32 = 0x9E37_79B9;
const FIRST_FACTOR: u32 = 0x7FEB_352D;
const SECOND_FACTOR: u32 = 0x846C_A68B;
const LOW_BITS: i64 = 0xFFFF_FFFF;
const RANGE: f64 = 4_294_967_296.0;
/// The largest number of 32 bits below it.
const LARGEST: f32 = 4_294_967_040.0;

/// Who asks: one key per replicate, and the training step.
///
/// ```text
/// value(key, layer, step, element) = mix(key ^ mix(step ^ mix(layer ^ mix(element)))) / 2^32      in [0, 1)
/// mix(x): x += 0x9E3779B9;  x ^= x >> 16;  x *= 0x7FEB352D;  x ^= x >> 15;  x *= 0x846CA68B;  x ^= x >> 16
/// ```
///
/// in 32 bits. The mixing function is Wellons' `lowbias32`. On the CPU a plain loop computes it, on other
/// devices tensor operations do; both give the same bits.
#[derive(Debug)]
pub struct Counter {
    keys: Arc<[u32]>,
    /// The keys where tensors live, `[S, 1]`: sent once.
    sent: Tensor,
    step: u32,
}

impl Counter {
    /// Keys of the replicates, in order.
    pub fn new(keys: Vec<u32>, device: Device) -> Self {
        let wide: Vec<i64> = keys.iter().map(|&key| i64::from(key)).collect();
        let sent = Tensor::from_slice(&wide).unsqueeze(1).to_device(device);
        Self { keys: keys.into(), sent, step: 0 }
    }

    /// The same keys at another step.
    pub fn at(&self, step: u32) -> Self {
        Self { keys: self.keys.clone(), sent: self.sent.shallow_clone(), step }
    }

    /// `[S, count]` uniform values in `[0, 1)` of the layer with this number.
    pub fn uniform(&self, layer: u32, count: i64) -> Tensor {
        if self.sent.device() == Device::Cpu {
            let mut values = Tensor::empty([self.keys.len() as i64, count], (Kind::Float, Device::Cpu));
            let mut shared = vec![0; count as usize];
            mixed(self.step, layer, &mut shared);
            let replicates = values_mut(&mut values).chunks_exact_mut((count as usize).max(1));
            replicates.zip(self.keys.iter()).for_each(|(values, &key)| spread(key, &shared, values));
            return values;
        }
        self.hashes_on_device(layer, count).to_kind(Kind::Float).clamp_max(f64::from(LARGEST)) / RANGE
    }

    /// Dropout factors `[S, shape...]`: 0 with probability `rate`, else `1 / (1 - rate)`.
    pub fn dropout(&self, layer: u32, shape: &[i64], rate: f64) -> Tensor {
        let count = shape[1..].iter().product();
        let factor = 1.0 / (1.0 - rate);
        if self.sent.device() == Device::Cpu {
            // One less, so that it fits: a hash is kept where it is at least the bound.
            let most = ((rate * RANGE).ceil() as u64).saturating_sub(1) as u32;
            let mut shared = vec![0; count as usize];
            mixed(self.step, layer, &mut shared);
            let mut factors = Tensor::empty(shape, (Kind::Float, Device::Cpu));
            let replicates = values_mut(&mut factors).chunks_exact_mut((count as usize).max(1));
            for (factors, &key) in replicates.zip(self.keys.iter()) {
                keep(key, &shared, (most, factor as f32), factors);
            }
            return factors;
        }
        let kept = self.hashes_on_device(layer, count).ge((rate * RANGE).ceil());
        (kept.to_kind(Kind::Float) * factor).view(shape)
    }

    /// `[S, count]` standard normal values of the layers with this number and the next (Box and Muller):
    ///
    /// ```text
    /// sqrt(-2 log(1 - u)) cos(2 pi v)          u, v: uniform values of the two layers
    /// ```
    pub fn normal(&self, layer: u32, count: i64) -> Tensor {
        let (radius, angle) = (self.uniform(layer, count), self.uniform(layer + 1, count));
        let (radius, angle) = (((-radius + 1.0).log() * -2.0).sqrt(), angle * (2.0 * std::f64::consts::PI));
        radius * angle.cos()
    }

    fn hashes_on_device(&self, layer: u32, count: i64) -> Tensor {
        let elements = Tensor::arange(count, (Kind::Int64, self.sent.device()));
        let shared = mix_tensor(
            &mix_tensor(&mix_tensor(&elements).bitwise_xor(i64::from(layer)))
                .bitwise_xor(i64::from(self.step)),
        );
        mix_tensor(&self.sent.bitwise_xor_tensor(&shared.unsqueeze(0)))
    }
}

/// What the hashes of all replicates begin with, element by element.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn mixed(step: u32, layer: u32, shared: &mut [u32]) {
    for (element, shared) in shared.iter_mut().enumerate() {
        *shared = mix(step ^ mix(layer ^ mix(element as u32)));
    }
}

/// The factor where a replicate's hash is above `most`, else 0.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn keep(key: u32, shared: &[u32], (most, factor): (u32, f32), factors: &mut [f32]) {
    for (shared, into) in shared.iter().zip(factors) {
        *into = if mix(key ^ shared) > most { factor } else { 0.0 };
    }
}

/// Uniform values of a replicate. The largest hashes would round to 1.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn spread(key: u32, shared: &[u32], values: &mut [f32]) {
    for (shared, into) in shared.iter().zip(values) {
        *into = (mix(key ^ shared) as f32).min(LARGEST) / RANGE as f32;
    }
}

#[inline(always)]
fn mix(x: u32) -> u32 {
    let mut x = x.wrapping_add(STRIDE);
    x ^= x >> 16;
    x = x.wrapping_mul(FIRST_FACTOR);
    x ^= x >> 15;
    x = x.wrapping_mul(SECOND_FACTOR);
    x ^ (x >> 16)
}

/// `mix` in 64-bit integers of which only the low 32 bits are used.
fn mix_tensor(x: &Tensor) -> Tensor {
    let low = |x: Tensor| x.bitwise_and(LOW_BITS);
    let shifted = |x: &Tensor, bits: i64| x.bitwise_xor_tensor(&x.bitwise_right_shift_tensor_scalar(bits));
    let x = shifted(&low(x + i64::from(STRIDE)), 16);
    let x = shifted(&low(x * i64::from(FIRST_FACTOR)), 15);
    shifted(&low(x * i64::from(SECOND_FACTOR)), 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the plain Python of `scripts/fixtures/terms.py`.
    #[test]
    fn hashes_are_the_documented_ones() {
        let fixtures = include_str!("../../../fixtures/terms.json");
        let fixtures: serde_json::Value = serde_json::from_str(fixtures).unwrap();
        let draws = fixtures["dropout"]["draws"].as_array().unwrap();
        assert!(draws.len() >= 40);
        for (draw, value) in draws.iter().zip(fixtures["dropout"]["value"].as_array().unwrap()) {
            let [key, layer, step, element] = [0, 1, 2, 3].map(|place| draw[place].as_u64().unwrap() as u32);
            let found = mix(key ^ mix(step ^ mix(layer ^ mix(element))));
            assert!((f64::from(found) / RANGE - value.as_f64().unwrap()).abs() < 1e-11, "{draw}");
        }
    }

    #[test]
    fn host_and_device_give_the_same_bits() {
        let counter = Counter::new(vec![7, u32::MAX, 0], Device::Cpu).at(12);
        let hashes = counter.hashes_on_device(3, 1000);
        let uniform = hashes.to_kind(Kind::Float).clamp_max(f64::from(LARGEST)) / RANGE;
        assert_eq!(counter.uniform(3, 1000), uniform);
    }

    #[test]
    fn values_depend_on_everything_that_addresses_them() {
        let counter = Counter::new(vec![7, 8], Device::Cpu);
        let values = counter.uniform(0, 500);
        assert_ne!(values.get(0), values.get(1));
        assert_ne!(values, counter.uniform(1, 500));
        assert_ne!(values, counter.at(1).uniform(0, 500));
        assert_eq!(values.get(1), Counter::new(vec![8], Device::Cpu).uniform(0, 500).get(0));
        let (low, high) = (values.min().double_value(&[]), values.max().double_value(&[]));
        assert!((0.0..0.02).contains(&low) && (0.98..1.0).contains(&high));
    }

    #[test]
    fn normal_values_are_normal_and_do_not_depend_on_the_stack() {
        let values = Counter::new(vec![3, 4], Device::Cpu).normal(9, 100_003);
        assert_eq!(values.get(1), Counter::new(vec![4], Device::Cpu).normal(9, 100_003).get(0));
        let (mean, square) = (values.mean(None), values.square().mean(None));
        assert!(mean.double_value(&[]).abs() < 0.01 && (square.double_value(&[]) - 1.0).abs() < 0.02);
        let tail = values.abs().gt(1.96).to_kind(Kind::Double).mean(None).double_value(&[]);
        assert!((tail - 0.05).abs() < 0.003, "{tail}");
    }

    #[test]
    fn dropout_keeps_its_share_and_the_mean() {
        let factors = Counter::new(vec![1], Device::Cpu).dropout(0, &[1, 200, 500], 0.3);
        let kept = factors.gt(0.0).to_kind(Kind::Double).mean(None).double_value(&[]);
        assert!((kept - 0.7).abs() < 0.005, "{kept}");
        assert!((factors.mean(None).double_value(&[]) - 1.0).abs() < 0.01);
    }
}
