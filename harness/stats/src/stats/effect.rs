//! The average effect with its interval: whether there is a total that shares can be taken of.

use super::interval::student_t;
use crate::metrics::Undefined;
use serde::Serialize;

/// Standard errors from 0 below which an average effect is hardly there: shares of it explode.
pub const HARDLY_THERE: f64 = 3.0;

const LEVEL: f64 = 0.95;

/// An average effect and how sure we are of it. Outcome units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AverageEffect {
    /// Mean outcome of treated minus mean outcome of control rows.
    pub effect: f64,
    /// Its standard error; absent where an arm has one row.
    pub standard_error: Option<f64>,
    /// 95 % interval: Welch's t.
    pub interval: Option<[f64; 2]>,
    /// The effect over its standard error; absent without one, or where neither arm varies.
    pub z: Option<f64>,
}

impl AverageEffect {
    /// The difference in means of the arms.
    ///
    /// ```text
    /// mean_T - mean_C,   e^2 = v_T + v_C,   v = s^2 / n,   freedom = e^4 / (v_T^2 / (n_T - 1) + v_C^2 / (n_C - 1))
    /// ```
    ///
    /// # Errors
    ///
    /// Why there is none: an empty arm.
    pub fn of(treatment: &[bool], outcome: &[f64]) -> Result<Self, Undefined> {
        Self::weighted(treatment, outcome, |_| 1.0)
    }

    /// The same with rows weighted by the inverse of the probability of their own arm (Hajek); `propensity` is that of treatment.
    ///
    /// ```text
    /// mean = sum w y / sum w,   v = sum (w (y - mean))^2 / (sum w)^2 x n / (n - 1)
    /// ```
    ///
    /// # Errors
    ///
    /// Why there is none: an empty arm.
    pub fn inverse(treatment: &[bool], outcome: &[f64], propensity: &[f64]) -> Result<Self, Undefined> {
        let own = |row: usize| if treatment[row] { propensity[row] } else { 1.0 - propensity[row] };
        Self::weighted(treatment, outcome, |row| 1.0 / own(row))
    }

    /// The mean of true effects, as that of a sample of such rows.
    ///
    /// # Errors
    ///
    /// Why there is none: no rows.
    pub fn of_true(effect: &[f64]) -> Result<Self, Undefined> {
        let origin = effect.first().copied().unwrap_or(0.0);
        let mean = Mean::of(effect.iter().map(|effect| (effect - origin, 1.0)))
            .ok_or_else(|| Undefined("there are no rows".to_string()))?;
        Ok(Self::new(
            origin + mean.value,
            mean.variance.map(|variance| Spread { variance, freedom: mean.rows - 1.0 }),
        ))
    }

    fn weighted(
        treatment: &[bool],
        outcome: &[f64],
        weight: impl Fn(usize) -> f64,
    ) -> Result<Self, Undefined> {
        // Measured from one of the outcomes, so that an offset of all of them takes no digits.
        let origin = outcome.first().copied().unwrap_or(0.0);
        let arm = |treated: bool| {
            let rows = (0..outcome.len()).filter(|row| treatment[*row] == treated);
            Mean::of(rows.map(|row| (outcome[row] - origin, weight(row))))
                .ok_or_else(|| Undefined("an arm is empty".to_string()))
        };
        let (treated, control) = (arm(true)?, arm(false)?);
        let spread = treated.variance.zip(control.variance).map(|(first, second)| {
            let parts = first.powi(2) / (treated.rows - 1.0) + second.powi(2) / (control.rows - 1.0);
            let whole = first + second;
            Spread { variance: whole, freedom: if parts > 0.0 { whole.powi(2) / parts } else { f64::MAX } }
        });
        Ok(Self::new(treated.value - control.value, spread))
    }

    fn new(effect: f64, spread: Option<Spread>) -> Self {
        let error = spread.map(|spread| spread.variance.sqrt());
        let interval = spread.and_then(|Spread { variance, freedom }| {
            let (low, high) = student_t(effect, variance.sqrt(), freedom, LEVEL).ok()?;
            Some([low, high])
        });
        let z = error.filter(|error| *error > 0.0).map(|error| effect / error);
        Self { effect, standard_error: error, interval, z }
    }

    /// Whether a share of it says nothing: within three standard errors of 0, or of unknown error.
    pub fn is_hardly_there(&self) -> bool {
        match (self.z, self.standard_error) {
            (Some(z), _) => z.is_nan() || z.abs() < HARDLY_THERE,
            (None, Some(_)) => self.effect == 0.0,
            (None, None) => true,
        }
    }

    /// How far from 0, in words.
    pub fn distance(&self) -> String {
        match (self.z, self.standard_error) {
            (Some(z), _) => format!("{:.1} standard errors from 0", z.abs()),
            (None, Some(_)) => "without variance".to_string(),
            (None, None) => "of unknown standard error: an arm has one row".to_string(),
        }
    }
}

/// How sure a difference of means is: its variance, and the degrees of freedom of that.
#[derive(Clone, Copy)]
struct Spread {
    variance: f64,
    freedom: f64,
}

/// A weighted mean with the variance of its estimate.
struct Mean {
    value: f64,
    variance: Option<f64>,
    rows: f64,
}

impl Mean {
    fn of(rows: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let (mut sum, mut weights, mut count) = (0.0, 0.0, 0.0);
        for (value, weight) in rows.clone() {
            sum += weight * value;
            weights += weight;
            count += 1.0;
        }
        let mean = sum / weights;
        let squares: f64 = rows.map(|(value, weight)| (weight * (value - mean)).powi(2)).sum();
        let variance = (count > 1.0).then(|| squares / (weights * weights) * count / (count - 1.0));
        (count > 0.0).then_some(Self { value: mean, variance, rows: count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARMS: [bool; 6] = [true, true, true, false, false, false];
    const OUTCOME: [f64; 6] = [0.0, 4.0, 8.0, 0.0, 0.0, 3.0];

    #[test]
    fn an_average_effect_is_that_of_scipy() {
        // scipy 1.17.1: stats.ttest_ind([0, 4, 8], [0, 0, 3], equal_var=False).confidence_interval(.95)
        let found = AverageEffect::of(&ARMS, &OUTCOME).unwrap();
        assert_eq!(found.effect, 3.0);
        assert!((found.z.unwrap() - 3.0 / (16.0_f64 / 3.0 + 1.0).sqrt()).abs() < 1e-12);
        let [low, high] = found.interval.unwrap();
        assert!((low + high - 6.0).abs() < 1e-9 && low < -4.0 && low > -6.5, "{low} {high}");
        assert!(found.is_hardly_there());
        let half = AverageEffect::inverse(&ARMS, &OUTCOME, &[0.3; 6]).unwrap();
        assert!((half.effect - 3.0).abs() < 1e-12 && (half.z.unwrap() - found.z.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn an_offset_changes_the_average_effect_and_its_error_by_nothing() {
        let plain = AverageEffect::of(&ARMS, &OUTCOME).unwrap();
        let far = AverageEffect::of(&ARMS, &OUTCOME.map(|outcome| outcome + 1e12)).unwrap();
        assert!((plain.effect - far.effect).abs() < 1e-3, "{far:?}");
        assert!((plain.z.unwrap() - far.z.unwrap()).abs() < 1e-3, "{far:?}");
    }

    #[test]
    fn an_effect_without_error_is_there_unless_it_is_zero() {
        let found = |outcome: [f64; 4]| AverageEffect::of(&[true, true, false, false], &outcome).unwrap();
        assert!(!found([2.0, 2.0, 1.0, 1.0]).is_hardly_there());
        assert!(found([1.0; 4]).is_hardly_there());
        assert!(AverageEffect::of(&[true, false], &[5.0, 1.0]).unwrap().is_hardly_there());
        assert!(AverageEffect::of(&[true], &[5.0]).is_err());
        assert!(!AverageEffect::of_true(&[5.0, 5.1, 4.9]).unwrap().is_hardly_there());
    }
}
