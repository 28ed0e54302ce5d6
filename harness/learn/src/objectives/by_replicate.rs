//! Rows by arm on the CPU, replicate by replicate: as many as there are, without padding to a fixed width.
//!
//! The large products are libtorch's, everything between them is a loop over slices ([`crate::kernels`]). A replicate's numbers
//! depend on its own rows only.

use super::Batch;
use super::by_arm::Widths;
use super::closed_form::with_gradient;
use crate::kernels::discrepancy::Arms;
use crate::kernels::rows::{Pulled, give, mean, take};
use crate::nets::host::{values, values_mut};
use tch::{Device, Kind, Tensor};

/// Whether the kernels on slices can read it.
pub(super) fn on_host(tensor: &Tensor) -> bool {
    tensor.device() == Device::Cpu && tensor.kind() == Kind::Float
}

/// A loss of the arms' rows `phi`, `[S, B, k]`, with its gradient: `loss` gives the value of one replicate and adds to its
/// gradient `[B, k]` where there is one to add to. 0 where an arm is empty, not a number where `phi` is none.
pub(super) fn by_replicate(
    batch: &Batch,
    phi: &Tensor,
    widths: Widths,
    loss: impl Fn(&HostArms, Option<&mut [f32]>) -> f64,
) -> Tensor {
    with_gradient(phi, |wanted| {
        let size = phi.size();
        let (rows, width) = (size[1] as usize, size[2] as usize);
        let (phi, treatment) = (phi.contiguous(), batch.treatment.contiguous());
        let (phi, treatment) = (values(&phi), values(&treatment));
        let mut gradient = wanted.then(|| HostTensor::zeros(&size));
        let each = |replicate: usize| {
            let treatment = &treatment[replicate * rows..][..rows];
            let part = replicate * rows * width..(replicate + 1) * rows * width;
            let arms = HostArms::new(&phi[part.clone()], width, widths.places(treatment));
            let mut gradient = gradient.as_mut().map(|gradient| &mut gradient.values_mut()[part]);
            if arms.places.iter().all(|places| !places.is_empty()) {
                return loss(&arms, gradient) as f32;
            }
            let nothing = if arms.finite { 0.0 } else { f32::NAN };
            if let Some(gradient) = &mut gradient {
                gradient.fill(nothing);
            }
            nothing
        };
        let losses: Vec<f32> = (0..size[0] as usize).map(each).collect();
        (Tensor::from_slice(&losses), gradient.map(|gradient| gradient.0))
    })
}

/// A tensor that only its owner has, so that it can be written as a slice.
pub(super) struct HostTensor(Tensor);

impl HostTensor {
    fn zeros(shape: &[i64]) -> Self {
        Self(Tensor::zeros(shape, (Kind::Float, Device::Cpu)))
    }

    /// For whatever is written before it is read.
    pub(super) fn uninitialised(rows: usize, width: usize) -> Self {
        Self(Tensor::empty([rows as i64, width as i64], (Kind::Float, Device::Cpu)))
    }

    /// Its numbers.
    pub(super) fn values(&self) -> &[f32] {
        values(&self.0)
    }

    /// Its numbers, to be written.
    pub(super) fn values_mut(&mut self) -> &mut [f32] {
        values_mut(&mut self.0)
    }

    /// Its first rows and columns.
    fn part(&self, top: usize, rows: usize, columns: usize) -> Tensor {
        self.0.narrow(0, top as i64, rows as i64).narrow(1, 0, columns as i64)
    }
}

/// One arm of a replicate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    Treated,
    Control,
}

/// The rows of a replicate that are looked at.
pub(super) struct HostArms {
    /// In the batch, treated and control.
    places: [Vec<usize>; 2],
    /// `x_i`: rows less the batch's mean, treated, then control, each followed by rows of 0 to a multiple of the lanes.
    rows: HostTensor,
    /// `|x_i|^2`
    squares: Vec<f32>,
    width: usize,
    finite: bool,
}

impl HostArms {
    fn new(phi: &[f32], width: usize, places: [Vec<usize>; 2]) -> Self {
        let sizes = Arms { treated: places[0].len(), control: places[1].len() };
        let mut rows = HostTensor::uninitialised(sizes.padded(), width);
        let mut squares = vec![0.0; sizes.padded()];
        let mean = mean(phi, width);
        let ends = [(0, sizes.start()), (sizes.start(), sizes.padded())];
        for ((start, end), places) in ends.into_iter().zip(&places) {
            let rows = &mut rows.values_mut()[start * width..end * width];
            let (there, padding) = rows.split_at_mut(places.len() * width);
            take(phi, &mean, places, there, &mut squares[start..]);
            padding.fill(0.0);
        }
        let finite = mean.iter().all(|mean| mean.is_finite());
        Self { places, rows, squares, width, finite }
    }

    /// Rows of each arm.
    pub(super) fn sizes(&self) -> Arms {
        Arms { treated: self.places[0].len(), control: self.places[1].len() }
    }

    /// `|x_i|^2`, in the order of the rows.
    pub(super) fn squares(&self) -> &[f32] {
        &self.squares
    }

    /// `x_i x_j` of all rows, on and above the diagonal.
    pub(super) fn products(&self) -> HostTensor {
        /// So many rows by so many columns are worth a product of their own.
        const BLOCK: usize = 128;
        let rows = self.sizes().padded();
        let table = HostTensor::uninitialised(rows, rows);
        for top in (0..rows).step_by(BLOCK) {
            let (height, columns) = (BLOCK.min(rows - top), rows - top);
            let out = table.0.narrow(0, top as i64, height as i64).narrow(1, top as i64, columns as i64);
            let others = self.rows.part(top, columns, self.width).transpose(0, 1);
            let _ = self.rows.part(top, height, self.width).mm_out(&out, &others);
        }
        table
    }

    /// Adds `factor sum_j C_ij (x_i - x_j)` over all rows `j` to each row's gradient. `sums` are `sum_j C_ij`.
    pub(super) fn pull_all(&self, slopes: &HostTensor, sums: &[f32], factor: f32, gradient: &mut [f32]) {
        let products = HostTensor(slopes.0.mm(&self.rows.0));
        for arm in [Arm::Treated, Arm::Control] {
            let from = self.start(arm);
            let products = &products.values()[from * self.width..];
            self.give(arm, &sums[from..], products, factor, gradient);
        }
    }

    /// Of a part of the rows and their number.
    pub(super) fn count(&self, arm: Arm) -> usize {
        self.places[arm as usize].len()
    }

    fn start(&self, arm: Arm) -> usize {
        match arm {
            Arm::Treated => 0,
            Arm::Control => self.sizes().start(),
        }
    }

    /// `|x_i|^2` of an arm.
    pub(super) fn squares_of(&self, arm: Arm) -> &[f32] {
        &self.squares[self.start(arm)..][..self.count(arm)]
    }

    fn part(&self, arm: Arm) -> Tensor {
        self.rows.part(self.start(arm), self.count(arm), self.width)
    }

    /// `x_i x_j` of the rows of two arms, in the corner of a table.
    pub(super) fn products_of(&self, [rows, columns]: [Arm; 2], height: usize, width: usize) -> HostTensor {
        let table = HostTensor::uninitialised(height, width);
        let out = table.part(0, self.count(rows), self.count(columns));
        let _ = self.part(rows).mm_out(&out, &self.part(columns).transpose(0, 1));
        table
    }

    /// Adds `factor sum_j C_ij (x_i - x_j)` to the gradient of each row `i`, and the same to that of each column `j`, where
    /// `C_ij` stands in the corner of a table and `sums` are `sum_j C_ij` and `sum_i C_ij`.
    pub(super) fn pull(
        &self,
        arms: [Arm; 2],
        slopes: &HostTensor,
        sums: [&[f32]; 2],
        factor: f32,
        gradient: &mut [f32],
    ) {
        let [rows, columns] = arms;
        let slopes = slopes.part(0, self.count(rows), self.count(columns));
        let products = HostTensor(slopes.mm(&self.part(columns)));
        self.give(rows, sums[0], products.values(), factor, gradient);
        let products = HostTensor(slopes.transpose(0, 1).mm(&self.part(rows)));
        self.give(columns, sums[1], products.values(), factor, gradient);
    }

    fn give(&self, arm: Arm, sums: &[f32], products: &[f32], factor: f32, gradient: &mut [f32]) {
        let rows = &self.rows.values()[self.start(arm) * self.width..];
        let pulled = Pulled { rows, places: &self.places[arm as usize], sums, products };
        give(gradient, self.width, factor, &pulled);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{common, value};
    use super::super::{Batch, Labels, Setting, Term, TermKind};
    use super::*;
    use rand::Rng;
    use valor_base::seed::Seeds;

    /// Both terms with every option that the kernels know.
    const OPTIONS: [&str; 10] = [
        r#"{"sinkhorn": {}}"#,
        r#"{"sinkhorn": {"dummy": false}}"#,
        r#"{"sinkhorn": {"squared": true}}"#,
        r#"{"sinkhorn": {"relative": false, "lambda": 0.5, "iterations": 1}}"#,
        r#"{"sinkhorn": {"dummy": false, "debiased": true}}"#,
        r#"{"sinkhorn": {"dummy": false, "debiased": true, "lambda": 1.0, "squared": true}}"#,
        r#"{"mmd": {}}"#,
        r#"{"mmd": {"biased": false}}"#,
        r#"{"mmd": {"bandwidth": 4.0}}"#,
        r#"{"mmd": {"scales": [1.5]}}"#,
    ];

    /// A batch, and what a network says of it.
    #[derive(Clone, Copy, Debug)]
    struct Rows {
        rows: i64,
        /// Every so many rows, one is treated; 0: none.
        every: i64,
        /// Share treated of the training rows.
        share: f64,
        width: i64,
        size: f64,
    }

    const ROWS: [Rows; 9] = [
        Rows { rows: 70, every: 2, share: 0.5, width: 6, size: 1.0 },
        Rows { rows: 300, every: 3, share: 0.33, width: 37, size: 30.0 },
        Rows { rows: 512, every: 2, share: 0.5, width: 200, size: 0.05 },
        // One treated row, one control row, one of each.
        Rows { rows: 9, every: 9, share: 0.1, width: 5, size: 1.0 },
        Rows { rows: 2, every: 2, share: 0.5, width: 17, size: 1.0 },
        // Arms that are empty; one row.
        Rows { rows: 33, every: 1, share: 0.5, width: 8, size: 1.0 },
        Rows { rows: 33, every: 0, share: 0.5, width: 8, size: 1.0 },
        Rows { rows: 1, every: 1, share: 0.5, width: 4, size: 1.0 },
        // More treated rows than are looked at.
        Rows { rows: 70, every: 2, share: 0.1, width: 16, size: 2.0 },
    ];

    impl Rows {
        fn batch(self, kind: Kind) -> Batch {
            let treated = |row: i64| self.every > 0 && row % self.every == 0;
            let rows = (0..self.rows).flat_map(|row| Labels::row(treated(row), 0.0, 0.0));
            let table = Tensor::from_slice(&rows.collect::<Vec<f32>>()).view([1, self.rows, -1]);
            Batch::new(&table.to_kind(kind), 0)
        }

        fn phi(self) -> Tensor {
            let mut stream = Seeds::new(self.rows as u64).stream();
            let numbers = (0..self.rows * self.width).map(|_| stream.random_range(2.0..4.0));
            let phi = Tensor::from_slice(&numbers.collect::<Vec<f64>>());
            (phi * self.size).view([1, self.rows, self.width]).to_kind(Kind::Float)
        }

        fn term(self, options: &str) -> Box<dyn Term> {
            let kind: TermKind = serde_json::from_str(options).unwrap();
            let mut case = common();
            case.summary.treated_share = self.share;
            kind.build(&Setting { batch: self.rows as usize, ..case.setting() }).unwrap()
        }
    }

    /// Value `[S]` and gradient by the representation.
    fn pass(term: &dyn Term, batch: &Batch, phi: &Tensor) -> (Tensor, Tensor) {
        let case = common();
        let mut inputs = case.inputs;
        inputs[2] = phi.copy().set_requires_grad(true);
        let loss = value(term, batch, &case.head, &inputs);
        loss.sum(None).backward();
        (loss.detach(), inputs[2].grad())
    }

    /// Double precision goes by tensor operations.
    #[test]
    fn kernels_give_what_tensor_operations_give() {
        for options in OPTIONS {
            for rows in ROWS {
                let term = rows.term(options);
                let phi = rows.phi();
                let (found, gradient) = pass(term.as_ref(), &rows.batch(Kind::Float), &phi);
                let (truth, slopes) =
                    pass(term.as_ref(), &rows.batch(Kind::Double), &phi.to_kind(Kind::Double));
                let (found, truth) = (found.double_value(&[0]), truth.double_value(&[0]));
                let error = (found - truth).abs();
                assert!(error <= 1e-5 * truth.abs() + 2e-6, "{options}, {rows:?}: {found}, not {truth}");
                let most = slopes.abs().max().double_value(&[]);
                let error = (gradient.to_kind(Kind::Double) - slopes).abs().max().double_value(&[]);
                assert!(
                    error <= 1e-4 * most + 1e-30,
                    "{options}, {rows:?}: gradient off by {error} of {most}"
                );
            }
        }
    }

    #[test]
    fn a_value_alone_is_the_value_with_a_gradient() {
        for options in OPTIONS {
            let rows = ROWS[0];
            let (term, batch, case) = (rows.term(options), rows.batch(Kind::Float), common());
            let mut inputs = case.inputs;
            inputs[2] = rows.phi();
            let loss = value(term.as_ref(), &batch, &case.head, &inputs);
            assert!(!loss.requires_grad());
            assert_eq!(loss, pass(term.as_ref(), &batch, &rows.phi()).0, "{options}");
        }
    }

    /// With other numbers of treated rows, beside one whose representation is no number.
    #[test]
    fn a_replicate_has_the_same_bits_beside_others_and_one_that_diverged_is_seen() {
        let rows = Rows { rows: 512, every: 2, share: 0.4, width: 200, size: 1.0 };
        let others = [2, 3, 5, 0].map(|every| Rows { every, ..rows });
        let batches = others.map(|rows| rows.batch(Kind::Float).treatment);
        let mut batch = rows.batch(Kind::Float);
        batch.treatment = Tensor::cat(&batches, 0);
        let wrong = |phi: Tensor| {
            let _ = phi.get(0).get(7).narrow(0, 3, 1).fill_(f64::NAN);
            phi
        };
        let phis = [rows.phi(), rows.phi() * 0.3, wrong(rows.phi()), wrong(rows.phi())];
        for options in OPTIONS {
            let term = rows.term(options);
            let (losses, gradients) = pass(term.as_ref(), &batch, &Tensor::cat(&phis, 0));
            for replicate in 0..2 {
                let alone = others[replicate].batch(Kind::Float);
                let (loss, gradient) = pass(term.as_ref(), &alone, &phis[replicate]);
                let at = replicate as i64;
                assert_eq!(loss.get(0), losses.get(at), "{options}");
                assert_eq!(gradient.get(0), gradients.get(at), "{options}");
            }
            for replicate in 2..4 {
                assert!(losses.double_value(&[replicate]).is_nan(), "{options}: {replicate}");
                let gradient = gradients.get(replicate).isfinite().all().int64_value(&[]);
                assert_eq!(gradient, 0, "{options}: {replicate}");
            }
        }
    }
}
