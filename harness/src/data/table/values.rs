//! What a cell may hold, and how it is read.

use super::dialect;
use crate::error::shown;
use serde::{Deserialize, Deserializer};

/// The largest size of a number that is trained on: 32 bits hold 3.4e38, and sums and squares of scaled values fit beside it.
pub(super) const LARGEST: f64 = 1e30;

/// A cell of a column that should hold numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Empty,
    Number(f64),
    Text(&'a str),
}

impl<'a> Cell<'a> {
    /// Text as a file holds it.
    pub(super) fn new(text: &'a str) -> Self {
        match text.trim() {
            "" => Self::Empty,
            text => Self::Text(text),
        }
    }

    /// A feature's value; NaN where missing. A text is read as the nearest `f32`.
    pub(super) fn feature(self) -> Result<f32, String> {
        const ALLOWED: &str =
            "allowed are finite numbers from -1e30 to 1e30, and an empty cell for a missing value";
        let value: Option<f32> = match self {
            Self::Empty => return Ok(f32::NAN),
            Self::Number(value) => Some(value as f32),
            Self::Text(text) => text.parse().ok(),
        };
        let held = value.filter(|value| value.abs() <= LARGEST as f32);
        held.ok_or_else(|| self.refuse(ALLOWED))
    }

    /// A finite number that must be there.
    pub(super) fn required(self) -> Result<f64, String> {
        let value: Option<f64> = match self {
            Self::Empty => return Err("the cell is empty; allowed are finite numbers".into()),
            Self::Number(value) => Some(value),
            Self::Text(text) => text.parse().ok(),
        };
        value.filter(|value| value.is_finite()).ok_or_else(|| self.refuse("allowed are finite numbers"))
    }

    /// What was found, what is allowed, and what would read it.
    fn refuse(self, allowed: &str) -> String {
        let text = match self {
            Self::Empty => String::new(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => text.to_string(),
        };
        format!("found '{}'; {allowed}{}", shown(&text), dialect::of_cell(&text))
    }
}

/// A value of the treatment column: trimmed text, or a number where the text is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Number(u64),
    Text(String),
}

impl Label {
    pub(super) fn new(text: &str) -> Self {
        match text.trim().parse::<f64>() {
            // Adding zero turns -0 into 0.
            Ok(number) if number.is_finite() => Self::Number((number + 0.0).to_bits()),
            _ => Self::Text(text.trim().to_string()),
        }
    }
}

/// Reads a list of texts, numbers and truth values as texts.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a text, a number or true/false")]
    enum Value {
        Text(String),
        Integer(i64),
        Number(f64),
        Truth(bool),
    }
    let text = |value| match value {
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Truth(truth) => truth.to_string(),
    };
    Ok(Vec::<Value>::deserialize(deserializer)?.into_iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_are_one_label_and_texts_are_trimmed() {
        for (left, right) in [("1", "1.0"), (" 1 ", "1e0"), ("0", "-0.0"), (" a b ", "a b")] {
            assert_eq!(Label::new(left), Label::new(right));
        }
        for (left, right) in [("1", "2"), ("a", "A"), ("nan", "NaN"), ("", "0")] {
            assert_ne!(Label::new(left), Label::new(right));
        }
    }

    #[test]
    fn a_feature_may_be_missing_but_not_odd() {
        assert!(Cell::new("  ").feature().unwrap().is_nan());
        assert_eq!(Cell::new(" 0.1 ").feature().unwrap(), 0.1_f32);
        assert_eq!(Cell::Number(0.5).feature().unwrap(), 0.5);
        for odd in ["NaN", "inf", "-Infinity", "1e39", "1,5", "abc", "0x10"] {
            assert!(Cell::new(odd).feature().unwrap_err().contains(odd));
        }
        assert!(Cell::Number(f64::NAN).feature().is_err());
    }

    #[test]
    fn what_is_required_must_be_there() {
        assert_eq!(Cell::new("1e300").required().unwrap(), 1e300);
        assert!(Cell::Empty.required().unwrap_err().contains("empty"));
        assert!(Cell::new("inf").required().is_err() && Cell::Number(f64::INFINITY).required().is_err());
    }
}
