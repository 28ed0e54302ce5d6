//! A t-test that may be looked at after every seed: its error rate holds however often, and whenever one stops.
//!
//! Of n values with mean m and standard error e, and of a value v:
//!
//! ```text
//! t = (m - v) / e,   nu = n - 1
//! E(n) = (1 + n g)^(-1/2) ((1 + t^2 / nu) / (1 + t^2 / (nu (1 + n g))))^(n/2)
//! p(n) = min(1, 1 / E(n))
//! the interval at 1 - alpha:  m -+ c e,   k = ((1 + n g) / alpha^2)^(1/n),   c^2 = nu (k - 1) / (1 - k / (1 + n g)),
//!                             unbounded where k >= 1 + n g
//! ```
//!
//! E(n) is the likelihood of the values up to scale under N(v + d sigma, sigma^2) with d ~ N(0, g), over that under N(v, sigma^2): the
//! scale has its right Haar prior in both and cancels (Lai 1976; Wang and Ramdas 2024). Under v it is a martingale from E(1) = 1 on,
//! so that P(E(n) >= 1 / alpha for any n) <= alpha (Ville), and an interval made of all v that are not so excluded covers at every
//! look at once.

/// How often a mean over seeds is looked at before it is decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Looks {
    /// Once, with a number of seeds that was fixed before: Student t.
    #[default]
    Once,
    /// After every seed, stopping whenever one likes: the always-valid t.
    Every,
}

/// Variance of the effects that the test expects, g above: in squared standard deviations over seeds. Between 8 and 20 seeds, and
/// for alphas of .05 to .001 (families of up to fifty), no other g gives intervals that are narrower by more than a tenth; and five
/// seeds can decide in a family of fifty, which they cannot with a g of 6 or less.
const EFFECTS: f64 = 8.0;

/// What test rows take of alpha. They are the same at every look, but the mean that seeds give wanders about them: without this
/// allowance a difference that rows dominate is called in .055 instead of .05 of repetitions (docs/methods/simulation.md).
pub(super) const ROWS: f64 = 0.8;

/// Largest t that is told from larger ones.
const FARTHEST: f64 = 1e100;

/// `ln E(n)`.
fn evidence(t: f64, n: f64) -> f64 {
    // Beyond that it does not rise any more, and squares would overflow.
    let t = t.abs().min(FARTHEST);
    let (square, scale) = (t * t / (n - 1.0), 1.0 + n * EFFECTS);
    0.5 * (n * (square.ln_1p() - (square / scale).ln_1p()) - scale.ln())
}

/// The two-sided p-value at `t` of `n` values, valid at every look.
pub(super) fn p_value(t: f64, n: f64) -> f64 {
    (-evidence(t, n)).exp().min(1.0)
}

/// The t that `p_value` reaches `alpha` at; nothing where none is enough for so few values.
pub(super) fn quantile(alpha: f64, n: f64) -> Option<f64> {
    let scale = 1.0 + n * EFFECTS;
    let less_one = ((scale.ln() - 2.0 * alpha.ln()) / n).exp_m1();
    let rest = 1.0 - (1.0 + less_one) / scale;
    (rest > 0.0).then(|| ((n - 1.0) * less_one / rest).sqrt())
}

#[cfg(test)]
mod tests {
    use super::super::Estimate;
    use super::*;
    use std::f64::consts::FRAC_PI_2;

    /// The mean of a function of Student's t with so many degrees of freedom, by the midpoint rule over its angle.
    fn mean_over_t(freedom: f64, function: impl Fn(f64) -> f64) -> f64 {
        const POINTS: usize = 200_000;
        let (mut sum, mut whole) = (0.0, 0.0);
        for point in 0..POINTS {
            let angle = ((point as f64 + 0.5) / POINTS as f64 * 2.0 - 1.0) * FRAC_PI_2;
            let weight = angle.cos().powf(freedom - 1.0);
            sum += weight * function(freedom.sqrt() * angle.tan());
            whole += weight;
        }
        sum / whole
    }

    fn e_of(values: &[f64]) -> f64 {
        let n = values.len();
        if n < 2 {
            return 1.0;
        }
        let found = Estimate::of(values).unwrap();
        evidence(found.mean / found.standard_error().unwrap(), n as f64).exp()
    }

    #[test]
    fn under_no_effect_the_mean_is_one() {
        for n in [2.0, 3.0, 5.0, 12.0] {
            let mean = mean_over_t(n - 1.0, |t| evidence(t, n).exp());
            assert!((mean - 1.0).abs() < 1e-4, "{n}: {mean}");
        }
    }

    /// Given values up to their scale, the next over their root mean square is Student t with as many degrees of freedom.
    #[test]
    fn under_no_effect_it_is_a_martingale() {
        for values in [
            &[1.0][..],
            &[1.0, 3.0],
            &[0.4, -0.2, 0.9],
            &[0.3, 0.31, 0.29, 0.33],
            &[1.0, -4.0, 2.0, 0.5, 0.1],
        ] {
            let n = values.len() as f64;
            let size = (values.iter().map(|value| value * value).sum::<f64>() / n).sqrt();
            let next = mean_over_t(n, |t| e_of(&[values, &[t * size]].concat()));
            assert!((next / e_of(values) - 1.0).abs() < 1e-4, "{values:?}: {next} after {}", e_of(values));
        }
    }

    #[test]
    fn the_quantile_is_where_the_p_value_is() {
        for n in [3.0, 5.0, 9.0, 40.0, 1e6] {
            for alpha in [1.0, 0.5, 0.05, 0.003] {
                match quantile(alpha, n) {
                    Some(t) => assert!((p_value(t, n) / alpha - 1.0).abs() < 1e-9, "{n} {alpha} {t}"),
                    None => assert!(p_value(1e9, n) > alpha, "{n} {alpha}"),
                }
            }
        }
        assert!((p_value(f64::INFINITY, 5.0) - p_value(1e30, 5.0)).abs() < 1e-9);
        assert!(quantile(0.05, 2.0).is_none() && quantile(0.05, 4.0).is_some());
        assert!(quantile(0.001, 5.0).is_some(), "five seeds decide in a family of fifty");
    }
}
