//! Losses of boosted trees for one arm: slopes, where all rows start, and what a margin says.

use serde::{Deserialize, Serialize};

/// A margin counts within these bounds where it is an exponent or a logit.
pub const MARGIN: f64 = 60.0;

/// A loss of one margin per row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    /// Half the squared error: the margin is the mean.
    Squared,
    /// Tweedie's deviance of this power, between 1 and 2: the margin is the log of the mean.
    Tweedie(f64),
    /// The likelihood of 0 and 1: the margin is the logit.
    Logistic,
}

/// How a margin becomes a factor of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// As it is.
    Identity,
    /// `exp`, of a margin within +-60.
    Exp,
    /// `1 / (1 + exp(-margin))`, of a margin within +-60.
    Sigmoid,
}

impl Link {
    /// What a margin says.
    pub fn of(self, margin: f64) -> f64 {
        let kept = margin.clamp(-MARGIN, MARGIN);
        match self {
            Link::Identity => margin,
            Link::Exp => kept.exp(),
            Link::Sigmoid => 1.0 / (1.0 + (-kept).exp()),
        }
    }

    /// Its derivative.
    pub fn slope(self, margin: f64) -> f64 {
        let outside = margin.abs() > MARGIN;
        match self {
            Link::Identity => 1.0,
            Link::Exp | Link::Sigmoid if outside => 0.0,
            Link::Exp => margin.exp(),
            Link::Sigmoid => {
                let p = self.of(margin);
                p * (1.0 - p)
            }
        }
    }
}

impl Loss {
    /// How its margin is read.
    pub(super) fn link(self) -> Link {
        match self {
            Loss::Squared => Link::Identity,
            Loss::Tweedie(_) => Link::Exp,
            Loss::Logistic => Link::Sigmoid,
        }
    }

    /// First and second derivative by the margin.
    ///
    /// ```text
    /// squared   f - y                                       1
    /// tweedie   -y e^{(1-p) f} + e^{(2-p) f}                 -(1-p) y e^{(1-p) f} + (2-p) e^{(2-p) f}
    /// logistic  q - y, q = sigmoid(f)                       q (1 - q)
    /// ```
    pub(super) fn slopes(self, target: f64, margin: f64) -> [f64; 2] {
        match self {
            Loss::Squared => [margin - target, 1.0],
            Loss::Tweedie(power) => {
                let (y, mean) = tweedie_parts(target, margin, power);
                [mean - y, (2.0 - power) * mean - (1.0 - power) * y]
            }
            Loss::Logistic => {
                let q = Link::Sigmoid.of(margin);
                [q - target, q * (1.0 - q)]
            }
        }
    }

    /// The loss of a row, without what does not depend on the margin.
    ///
    /// ```text
    /// squared (f - y)^2 / 2     tweedie  -y e^{(1-p) f} / (1-p) + e^{(2-p) f} / (2-p)     logistic  -y log q - (1-y) log(1-q)
    /// ```
    pub(super) fn of(self, target: f64, margin: f64) -> f64 {
        match self {
            Loss::Squared => (margin - target).powi(2) / 2.0,
            Loss::Tweedie(power) => {
                let (y, mean) = tweedie_parts(target, margin, power);
                mean / (2.0 - power) - y / (1.0 - power)
            }
            Loss::Logistic => {
                let kept = margin.clamp(-MARGIN, MARGIN);
                kept.max(0.0) - kept * target + (-kept.abs()).exp().ln_1p()
            }
        }
    }

    /// The margin that is best for all rows together, whose targets have this mean.
    pub(super) fn start(self, mean: f64, rows: usize) -> f64 {
        // A share of none or all has no logit: half a row more stands on the other side.
        let end = 0.5 / rows.max(1) as f64;
        match self {
            Loss::Squared => mean,
            Loss::Tweedie(_) => mean.max(f64::MIN_POSITIVE).ln().clamp(-MARGIN, MARGIN),
            Loss::Logistic => {
                let share = mean.clamp(end, 1.0 - end);
                (share / (1.0 - share)).ln()
            }
        }
    }

    /// Whether the second derivative is 1 whatever the row.
    pub(super) fn counts(self) -> bool {
        match self {
            Loss::Squared => true,
            Loss::Tweedie(_) | Loss::Logistic => false,
        }
    }
}

/// `y e^{(1-p) f}` and `e^{(2-p) f}`.
fn tweedie_parts(target: f64, margin: f64, power: f64) -> (f64, f64) {
    let kept = margin.clamp(-MARGIN, MARGIN);
    (target * ((1.0 - power) * kept).exp(), ((2.0 - power) * kept).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Loss; 4] = [Loss::Squared, Loss::Tweedie(1.5), Loss::Tweedie(1.2), Loss::Logistic];

    #[test]
    fn slopes_are_derivatives_of_the_loss() {
        for loss in ALL {
            for target in [0.0, 1.0] {
                for margin in [-2.5, -0.3, 0.0, 1.7] {
                    let step = 1e-4;
                    let [low, here, high] = [-step, 0.0, step].map(|by| loss.of(target, margin + by));
                    let [first, second] = loss.slopes(target, margin);
                    assert!((first - (high - low) / (2.0 * step)).abs() < 1e-6, "{loss:?} {target} {margin}");
                    let curved = (high + low - 2.0 * here) / (step * step);
                    assert!((second - curved).abs() < 1e-5, "{loss:?} {target} {margin}: {second} {curved}");
                }
            }
        }
    }

    #[test]
    fn starts_are_the_best_single_margin() {
        for loss in ALL {
            let targets = [0.0, 1.0, 0.0, 1.0, 1.0];
            let start = loss.start(0.6, 5);
            let slope: f64 = targets.iter().map(|&target| loss.slopes(target, start)[0]).sum();
            assert!(slope.abs() < 1e-12, "{loss:?}: {slope}");
        }
        assert!(Loss::Logistic.start(0.0, 10).is_finite() && Loss::Logistic.start(1.0, 10).is_finite());
        assert!(Loss::Tweedie(1.5).start(0.0, 10).is_finite());
    }

    #[test]
    fn links_have_their_derivatives_and_stay_finite() {
        for link in [Link::Identity, Link::Exp, Link::Sigmoid] {
            for margin in [-3.0, 0.2, 4.0] {
                let slope = (link.of(margin + 1e-6) - link.of(margin - 1e-6)) / 2e-6;
                assert!((link.slope(margin) - slope).abs() < 1e-6 * slope.abs().max(1.0));
            }
            assert!(link.of(1e9).is_finite() && link.of(-1e9).is_finite());
        }
    }
}
