//! Maximum mean discrepancy between the arms' representations.

use super::by_arm::{
    ByArm, Side, Widths, both_present, centred, mean_scale, squared_distances, squared_distances_within,
    sum_pairs, usable_scale, valid_pairs,
};
use super::by_replicate::{HostArms, by_replicate, on_host};
use super::unit::above_zero;
use super::{Batch, Prediction, Setting, Term, TermOptions};
use crate::kernels::discrepancy::{Pairs, distances, kernels, row_sums};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::input_error;

const SMALLEST_SQUARE: f64 = 1e-10;

/// How far the laws of treated and control representations are apart, seen through kernels.
///
/// ```text
/// rbf:         sum over scales s of  mean k_s(t, t') + mean k_s(c, c') - 2 mean k_s(t, c)
///              k_s(a, b) = exp(-|a - b|^2 / (s^2 h))       h = mean |t - c|^2, or `bandwidth`
/// linear:      |mean_t - mean_c|^2            linear-root: its square root
/// ```
///
/// In [0, inf) if `biased`, where means go over all pairs; otherwise pairs of a row with itself are left out. `h` is a
/// constant for the gradient. 0 where an arm is empty. Source: Gretton et al., JMLR 2012; Shalit, Johansson, Sontag,
/// ICML 2017, whose code has one scale .1 with h = 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MmdSpec {
    /// What is compared.
    pub kernel: Kernel,
    /// Scales of the rbf kernel; above 0, at least one.
    pub scales: Vec<f64>,
    /// `h`.
    pub bandwidth: Bandwidth,
    /// Whether pairs of a row with itself count.
    pub biased: bool,
}

/// What a discrepancy compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// Gaussian kernels at several scales.
    Rbf,
    /// Means, squared distance.
    Linear,
    /// Means, distance.
    LinearRoot,
}

/// The squared distance that counts as 1 at scale 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "mmd.bandwidth: allowed are a number above 0 or \"mean-distance\"")]
pub enum Bandwidth {
    /// This one; above 0.
    Amount(f64),
    /// By name.
    Named(NamedBandwidth),
}

/// Bandwidths that the batch decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedBandwidth {
    /// The mean squared distance of a treated and a control row.
    MeanDistance,
}

impl Default for MmdSpec {
    fn default() -> Self {
        Self {
            kernel: Kernel::Rbf,
            scales: vec![0.5, 1.0, 2.0],
            bandwidth: Bandwidth::Named(NamedBandwidth::MeanDistance),
            biased: true,
        }
    }
}

impl TermOptions for MmdSpec {
    fn build(&self, setting: &Setting) -> anyhow::Result<Box<dyn Term>> {
        setting.needs_representation("mmd")?;
        Ok(Box::new(Mmd { spec: self.clone(), widths: Widths::new(setting) }))
    }

    fn validate(&self) -> anyhow::Result<()> {
        if self.scales.is_empty() {
            return Err(input_error!("mmd.scales: the list is empty; name at least one"));
        }
        self.scales.iter().try_for_each(|&scale| above_zero("mmd.scales", scale))?;
        match self.bandwidth {
            Bandwidth::Amount(amount) => above_zero("mmd.bandwidth", amount),
            Bandwidth::Named(NamedBandwidth::MeanDistance) => Ok(()),
        }
    }
}

struct Mmd {
    spec: MmdSpec,
    widths: Widths,
}

impl Mmd {
    /// On any device, in any precision.
    fn loss_of_tensors(&self, batch: &Batch, phi: &Tensor) -> Tensor {
        let arms = ByArm::new(batch, self.widths);
        let phi = centred(phi);
        let loss = match self.spec.kernel {
            Kernel::Rbf => self.rbf(&arms, &phi),
            Kernel::Linear | Kernel::LinearRoot => self.linear(batch, &phi),
        };
        loss * both_present(&arms)
    }

    /// `h` of each replicate, `[S, 1, 1]`.
    fn bandwidth(&self, squares: &Tensor, valid: &Tensor) -> Tensor {
        let bandwidth = match self.spec.bandwidth {
            Bandwidth::Amount(amount) => sum_pairs(valid).full_like(amount),
            Bandwidth::Named(NamedBandwidth::MeanDistance) => {
                mean_scale(squares, valid).clamp_min(SMALLEST_SQUARE)
            }
        };
        bandwidth.unsqueeze(-1).unsqueeze(-1)
    }

    /// Sum over scales of the mean kernel of two sides, `[S]`.
    fn mean_kernel(
        &self,
        squares: &Tensor,
        sides: (&Side, &Side),
        bandwidth: &Tensor,
        itself: bool,
    ) -> Tensor {
        let valid = valid_pairs(sides.0, sides.1);
        let mut kernel = squares.zeros_like();
        for scale in &self.spec.scales {
            kernel += (squares / (bandwidth * -(scale * scale))).exp();
        }
        let (mut sum, mut pairs) = (sum_pairs(&(kernel * valid)), &sides.0.count * &sides.1.count);
        if itself && !self.spec.biased {
            // A row's kernel with itself is 1 at every scale.
            sum -= &sides.0.count * self.spec.scales.len() as f64;
            pairs -= &sides.0.count;
        }
        sum / pairs.clamp_min(1.0)
    }

    fn rbf(&self, arms: &ByArm, phi: &Tensor) -> Tensor {
        let (treated, control) = (arms.treated.vectors(phi), arms.control.vectors(phi));
        let within = |vectors: &Tensor| squared_distances_within(vectors).clamp_min(0.0);
        let cross = squared_distances(&treated, &control).clamp_min(0.0);
        let bandwidth = self.bandwidth(&cross, &valid_pairs(&arms.treated, &arms.control));
        let mean = |squares: &Tensor, sides: (&Side, &Side), itself| {
            self.mean_kernel(squares, sides, &bandwidth, itself)
        };
        mean(&within(&treated), (&arms.treated, &arms.treated), true)
            + mean(&within(&control), (&arms.control, &arms.control), true)
            - mean(&cross, (&arms.treated, &arms.control), false) * 2.0
    }

    /// The same for one replicate on the CPU; adds its gradient to `gradient`.
    fn rbf_on_host(&self, arms: &HostArms, gradient: Option<&mut [f32]>) -> f64 {
        let sizes = arms.sizes();
        let (treated, control) = (sizes.treated as f64, sizes.control as f64);
        let mut table = arms.products();
        let bandwidth = match self.spec.bandwidth {
            Bandwidth::Amount(amount) => amount,
            Bandwidth::Named(NamedBandwidth::MeanDistance) => {
                let mean = distances(table.values(), arms.squares(), sizes) / (treated * control);
                usable_scale(mean).max(SMALLEST_SQUARE)
            }
        };
        let rate = |scale: &f64| (-1.0 / (scale * scale * bandwidth)) as f32;
        let rates: Vec<f32> = self.spec.scales.iter().map(rate).collect();
        let itself = if self.spec.biased { 0.0 } else { 1.0 };
        let pairs = |count: f64| (count * (count - itself)).max(1.0);
        let weights = Pairs {
            treated: 1.0 / pairs(treated),
            control: 1.0 / pairs(control),
            cross: -1.0 / (treated * control),
        };
        let slopes = gradient.is_some().then_some(weights);
        let sums = kernels(table.values_mut(), arms.squares(), sizes, &rates, slopes);
        if let Some(gradient) = gradient {
            // d_ij moves with both ends, and C_ij is half of what it weighs.
            arms.pull_all(&table, &row_sums(table.values(), sizes.padded()), 4.0, gradient);
        }
        // A row's kernel with itself is 1 at every scale.
        let mean = |sum: f64, count: f64, weight: f64| {
            weight * (sum - itself * count * self.spec.scales.len() as f64)
        };
        mean(sums.treated, treated, weights.treated)
            + mean(sums.control, control, weights.control)
            + 2.0 * weights.cross * sums.cross
    }

    fn linear(&self, batch: &Batch, phi: &Tensor) -> Tensor {
        let mean = |arm: &Tensor| {
            let count = arm.sum_dim_intlist(1i64, true, None).clamp_min(1.0);
            (arm / count).unsqueeze(1).bmm(phi).squeeze_dim(1)
        };
        let gap = mean(&batch.treatment) - mean(&batch.control());
        let square = gap.square().sum_dim_intlist(-1i64, false, None);
        match self.spec.kernel {
            Kernel::Rbf | Kernel::Linear => square,
            Kernel::LinearRoot => square.clamp_min(SMALLEST_SQUARE).sqrt(),
        }
    }
}

impl Term for Mmd {
    fn loss(&self, batch: &Batch, prediction: &Prediction) -> Tensor {
        let phi = prediction.representation();
        if self.spec.kernel == Kernel::Rbf && on_host(phi) {
            let loss = |arms: &HostArms, gradient: Option<&mut [f32]>| self.rbf_on_host(arms, gradient);
            return by_replicate(batch, phi, self.widths, loss);
        }
        self.loss_of_tensors(batch, phi)
    }

    fn needs_both_arms(&self) -> bool {
        false
    }
}
