//! A head in the scale of logs: it says `log(1 + y / u)`.

use super::OutcomeSummary;
use super::head::LOG_EXPECTATION_MAXIMUM;
use super::reading::Reading;
use super::unit::Unit;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::input_error;

/// A unit is within this many training standard deviations, and no less than its inverse: beyond that `log(1 + y / u)` is the log or a
/// line, and 32 bits do not hold both ends.
const MOST: f64 = 1e9;

/// Options of the head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Log1pSpec {
    /// `u`: the amount of which logs are taken.
    pub unit: Unit,
    /// Whether a second output says what the mean is more than the value at the mean of the logs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub smearing: bool,
}

impl Log1pSpec {
    /// Refuses options out of range.
    pub(super) fn validate(&self) -> anyhow::Result<()> {
        self.unit.validate("log1p.unit")
    }

    /// Refuses a unit that is far from all outcomes, of which one training standard deviation is `scale`.
    ///
    /// # Errors
    ///
    /// Input errors that name the key.
    pub(crate) fn check(&self, scale: f64) -> anyhow::Result<()> {
        let unit = self.unit.of_network(scale);
        if (1.0 / MOST..=MOST).contains(&unit) {
            return Ok(());
        }
        Err(input_error!(
            "log1p.unit is {unit:e} standard deviations of the training outcomes; allowed are {:e} to {MOST:e}",
            1.0 / MOST
        ))
    }

    /// The head, fitted.
    pub(super) fn fitted(&self, scale: f64) -> Log1p {
        Log1p { unit: self.unit.of_network(scale), smearing: self.smearing }
    }
}

/// The head, fitted: reads raw outputs.
///
/// ```text
/// f: the first output, kept within 0 and 30        s: the second, kept within -30 and 30; 0 without smearing
/// value = u max(0, exp(f + s) - 1)
/// ```
///
/// Without smearing this is the value at the mean of the logs, which is below the mean (Jensen). With it `exp(s)` is learned to be the mean
/// of `(1 + y / u) exp(-f)`: Duan's smearing factor (JASA 1983), here a function of x.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Log1p {
    unit: f64,
    smearing: bool,
}

impl Log1p {
    /// `log(1 + y / u)` of outcomes of 0 or more.
    pub fn log_of(self, outcomes: &Tensor) -> Tensor {
        (outcomes / self.unit).log1p()
    }

    /// `f` before it is cut, `[S, B]`.
    pub fn log(self, raw: &Tensor) -> Tensor {
        raw.select(-1, 0)
    }

    /// `f` as values are made of it.
    fn kept(self, raw: &Tensor) -> Tensor {
        self.log(raw).clamp(0.0, LOG_EXPECTATION_MAXIMUM)
    }

    /// `log((1 + y / u) exp(-f))` of outcomes, and `s`, with smearing. `f` is held constant.
    pub fn smear(self, raw: &Tensor, outcomes: &Tensor) -> Option<(Tensor, Tensor)> {
        let excess = || self.log_of(outcomes) - self.kept(raw).detach();
        self.smearing.then(|| (excess(), self.factor(raw)))
    }

    fn factor(self, raw: &Tensor) -> Tensor {
        raw.select(-1, 1).clamp(-LOG_EXPECTATION_MAXIMUM, LOG_EXPECTATION_MAXIMUM)
    }
}

impl Reading for Log1p {
    /// Of the share of outcomes above zero and the mean of their logs.
    fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        let mut start = vec![(summary.positive_share * (summary.log_mean.exp() / self.unit).ln_1p()) as f32];
        start.extend(self.smearing.then_some(0.0));
        start
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        let log = match self.smearing {
            true => (self.kept(raw) + self.factor(raw)).clamp_min(0.0),
            false => self.kept(raw),
        };
        log.expm1() * self.unit
    }
}
