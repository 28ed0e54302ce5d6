//! Conversion probabilities set right after training.
//!
//! The focal loss is not a proper scoring rule: its minimiser is not the probability, and expectations made of it are not
//! expectations.

use crate::input_error;
use crate::learner::Predictions;
use crate::objectives::{FocalZilnSpec, TermKind, TermSpec};
use serde::{Deserialize, Serialize};

/// How conversion probabilities are set right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recalibration {
    /// The focal loss's minimiser, inverted.
    ClosedForm,
    /// A monotone map per arm, fitted on the training rows.
    Isotonic,
}

impl Recalibration {
    /// Refuses what has nothing to invert.
    pub fn check(self, terms: &[TermSpec]) -> anyhow::Result<()> {
        match (self, focal(terms)) {
            (Recalibration::ClosedForm, None) => Err(input_error!(
                "recalibration \"closed-form\" inverts the focal loss, which this method does not have: use \"isotonic\""
            )),
            (Recalibration::ClosedForm, Some(_)) | (Recalibration::Isotonic, _) => Ok(()),
        }
    }
}

/// Options of the focal term among `terms`.
pub fn focal(terms: &[TermSpec]) -> Option<&FocalZilnSpec> {
    terms.iter().find_map(|spec| if let TermKind::FocalZiln(focal) = &spec.term { Some(focal) } else { None })
}

/// The conversion probability at which the focal loss is least in `p`.
///
/// ```text
/// eta = B'(p) / (B'(p) - A'(p))
/// A(p) = -alpha (1-p)^gamma log p            B(p) = -(1-alpha) p^gamma log(1-p)
/// ```
///
/// since `eta A + (1 - eta) B` is stationary in `p`. Increasing in `p`, from 0 to 1.
pub fn invert_focal(focal: &FocalZilnSpec, p: f64) -> f64 {
    let (alpha, gamma) = (focal.alpha, focal.gamma);
    if p <= 0.0 || p >= 1.0 {
        return p.clamp(0.0, 1.0);
    }
    let q = 1.0 - p;
    // d/dp of A and B, where p^gamma gamma / p is 0 for gamma = 0.
    let slope = |base: f64, log: f64| if gamma == 0.0 { 0.0 } else { gamma * base.powf(gamma - 1.0) * log };
    let rise = alpha * (slope(q, p.ln()) - q.powf(gamma) / p);
    let fall = (1.0 - alpha) * (p.powf(gamma) / q - slope(p, q.ln()));
    fall / (fall - rise)
}

/// What sets one replicate's conversion probabilities right, per arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Maps {
    /// For the control arm.
    pub control: Map,
    /// For the treated arm.
    pub treated: Map,
}

/// An increasing function from [0, 1] to [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Map {
    /// `invert_focal`.
    Focal(FocalZilnSpec),
    /// Linear between knots, constant outside.
    Knots {
        /// Where, increasing.
        from: Vec<f64>,
        /// To what, not decreasing.
        to: Vec<f64>,
    },
}

/// Isotonic regression of 0 and 1 on probabilities.
///
/// ```text
/// minimise sum_i (b_i - m(p_i))^2 over m that do not decrease
/// ```
///
/// Rows with equal probabilities count as one; a block of equal values keeps its two ends as knots, as in
/// scikit-learn's `IsotonicRegression(out_of_bounds="clip")`. Without rows it is the identity.
pub fn isotonic(mut rows: Vec<(f64, f64)>) -> Map {
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut blocks: Vec<Block> = Vec::new();
    for (p, b) in rows {
        match blocks.last_mut() {
            Some(last) if last.last == p => last.add(b),
            Some(_) | None => blocks.push(Block { first: p, last: p, sum: b, count: 1.0 }),
        }
    }
    let mut pooled: Vec<Block> = Vec::new();
    for mut block in blocks {
        while let Some(before) = pooled.pop_if(|before| before.mean() >= block.mean()) {
            block = before.with(&block);
        }
        pooled.push(block);
    }
    if pooled.is_empty() {
        return Map::Knots { from: vec![0.0, 1.0], to: vec![0.0, 1.0] };
    }
    let (mut from, mut to) = (Vec::new(), Vec::new());
    for block in pooled {
        from.push(block.first);
        to.push(block.mean());
        if block.last > block.first {
            from.push(block.last);
            to.push(block.mean());
        }
    }
    Map::Knots { from, to }
}

/// Neighbouring probabilities with one value.
struct Block {
    first: f64,
    last: f64,
    sum: f64,
    count: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.count
    }

    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    fn with(self, next: &Block) -> Self {
        Self { last: next.last, sum: self.sum + next.sum, count: self.count + next.count, ..self }
    }
}

impl Map {
    /// The corrected probability.
    pub fn apply(&self, p: f64) -> f64 {
        match self {
            Map::Focal(focal) => invert_focal(focal, p),
            Map::Knots { from, to } => interpolate(from, to, p),
        }
    }
}

fn interpolate(from: &[f64], to: &[f64], p: f64) -> f64 {
    let above = from.partition_point(|&knot| knot < p);
    if above == 0 || above == from.len() {
        return to[above.min(to.len() - 1)];
    }
    let (left, right) = (above - 1, above);
    let share = (p - from[left]) / (from[right] - from[left]);
    to[left] + share * (to[right] - to[left])
}

impl Maps {
    /// Corrects conversions, the expectations made of them, and so uplift.
    pub fn apply(&self, predictions: &mut Predictions) {
        let Predictions { conversion_control, conversion_treated, .. } = predictions;
        let arms = [
            (&self.control, conversion_control, &mut predictions.expected_control),
            (&self.treated, conversion_treated, &mut predictions.expected_treated),
        ];
        for (map, conversions, expectations) in arms {
            for (p, expected) in conversions.iter_mut().flatten().zip(expectations) {
                let right = map.apply(f64::from(*p));
                if *p > 0.0 {
                    *expected = (f64::from(*expected) * right / f64::from(*p)) as f32;
                }
                *p = right as f32;
            }
        }
        let arms = predictions.expected_treated.iter().zip(&predictions.expected_control);
        predictions.uplift = arms.map(|(treated, control)| treated - control).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_focal_minimiser_is_inverted() {
        for (alpha, gamma) in [(0.75, 2.0), (0.5, 0.0), (0.25, 1.0), (0.9, 3.5)] {
            let focal = FocalZilnSpec { alpha, gamma };
            for eta in [0.02, 0.18, 0.5, 0.9] {
                let loss = |p: f64| {
                    -eta * alpha * (1.0 - p).powf(gamma) * p.ln()
                        - (1.0 - eta) * (1.0 - alpha) * p.powf(gamma) * (1.0 - p).ln()
                };
                let (mut low, mut high) = (1e-9, 1.0 - 1e-9);
                for _ in 0..200 {
                    let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
                    if loss(left) < loss(right) { high = right } else { low = left }
                }
                let found = invert_focal(&focal, 0.5 * (low + high));
                assert!((found - eta).abs() < 1e-6, "{alpha} {gamma} {eta}: {found}");
            }
        }
        assert_eq!(invert_focal(&FocalZilnSpec::default(), 0.0), 0.0);
    }

    fn fixtures() -> serde_json::Value {
        let text = include_str!("../../../tests/fixtures/terms.json");
        serde_json::from_str::<serde_json::Value>(text).unwrap()["recalibration"].clone()
    }

    fn numbers(value: &serde_json::Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
    }

    /// Derivatives by automatic differentiation.
    #[test]
    fn the_closed_form_is_that_of_pytorch() {
        for case in fixtures()["focal"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let focal = FocalZilnSpec { alpha: number("alpha"), gamma: number("gamma") };
            for (p, eta) in numbers(&case["p"]).into_iter().zip(numbers(&case["eta"])) {
                let found = invert_focal(&focal, p);
                assert!((found - eta).abs() < 1e-9, "{focal:?} at {p}: {found} instead of {eta}");
            }
        }
    }

    #[test]
    fn isotonic_regression_is_that_of_scikit_learn() {
        for (name, case) in fixtures()["isotonic"].as_object().unwrap() {
            let rows = numbers(&case["x"]).into_iter().zip(numbers(&case["y"])).collect();
            let map = isotonic(rows);
            for (at, expected) in numbers(&case["at"]).into_iter().zip(numbers(&case["predicted"])) {
                let found = map.apply(at);
                assert!((found - expected).abs() < 1e-9, "{name} at {at}: {found} instead of {expected}");
            }
        }
    }

    #[test]
    fn isotonic_regression_pools_violators_and_ties() {
        let rows = vec![(0.1, 0.0), (0.2, 1.0), (0.3, 0.0), (0.3, 0.0), (0.5, 1.0), (0.7, 1.0)];
        let map = isotonic(rows);
        let third = 1.0 / 3.0;
        assert_eq!(
            map,
            Map::Knots { from: vec![0.1, 0.2, 0.3, 0.5, 0.7], to: vec![0.0, third, third, 1.0, 1.0] }
        );
        assert_eq!((map.apply(0.0), map.apply(0.9), map.apply(0.25)), (0.0, 1.0, third));
        assert!((map.apply(0.4) - (third + 1.0) / 2.0).abs() < 1e-12);
        assert_eq!(isotonic(Vec::new()).apply(0.4), 0.4);
    }

    #[test]
    fn expectations_follow_their_conversions() {
        let knots = Map::Knots { from: vec![0.0, 1.0], to: vec![0.0, 0.5] };
        let mut predictions = Predictions {
            uplift: vec![2.0],
            expected_control: vec![4.0],
            expected_treated: vec![6.0],
            conversion_control: Some(vec![0.5]),
            conversion_treated: Some(vec![0.75]),
        };
        Maps { control: knots.clone(), treated: knots }.apply(&mut predictions);
        assert_eq!((predictions.expected_control[0], predictions.expected_treated[0]), (2.0, 3.0));
        assert_eq!((predictions.uplift[0], predictions.conversion_treated), (1.0, Some(vec![0.375])));
    }
}
