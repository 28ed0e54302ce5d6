//! A value, or why there is none.

use serde::{Deserialize, Serialize};

/// A number, an interval, a test, or why there is none: the one form in which something that may be undefined is handed on. Files
/// write it as the value and its reason, of which one is absent.
pub type Defined<T> = Result<T, Undefined>;

/// A metric's value, or why there is none.
pub type Value = Defined<f64>;

/// Why there is no value: what a reader is told in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undefined(pub String);

impl Undefined {
    /// For this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A metric as it is recorded: its value, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricValue {
    /// The value, absent when undefined.
    pub value: Option<f64>,
    /// Why it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<Value> for MetricValue {
    fn from(value: Value) -> Self {
        match value {
            Ok(value) => Self { value: Some(value), reason: None },
            Err(Undefined(reason)) => Self { value: None, reason: Some(reason) },
        }
    }
}

pub(super) fn no_propensity() -> Undefined {
    Undefined::new("the propensity is not known")
}

pub(super) fn no_treatment() -> Undefined {
    Undefined::new("there is no treatment")
}

pub(super) fn finite(value: Value) -> Value {
    value.and_then(|value| {
        let overflows =
            || Undefined::new("the sums overflow: the numbers are too large to be summed or squared");
        if value.is_finite() { Ok(value) } else { Err(overflows()) }
    })
}
