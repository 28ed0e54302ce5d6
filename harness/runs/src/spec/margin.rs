//! How large a difference is meant: in units of a metric, or as a share of what is compared with.

use serde::{Deserialize, Serialize};

/// A difference that matters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "MarginWire", into = "MarginWire")]
pub enum Margin {
    /// In units of the metric.
    Absolute(f64),
    /// As a share of the absolute value that it is compared with: 0.2 for `"20 %"`.
    Share(f64),
}

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a number in units of the metric, or a share such as \"5 %\"")]
enum MarginWire {
    Number(f64),
    Text(String),
}

impl TryFrom<MarginWire> for Margin {
    type Error = String;

    fn try_from(wire: MarginWire) -> Result<Self, String> {
        match wire {
            MarginWire::Number(number) => Ok(Self::Absolute(number)),
            MarginWire::Text(text) => {
                let number =
                    text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
                let share = number.map(|percent| Self::Share(percent / 100.0));
                share.ok_or_else(|| {
                    format!(
                        "found \"{text}\"; give a number in units of the metric, or a share such as \"5 %\""
                    )
                })
            }
        }
    }
}

impl From<Margin> for MarginWire {
    fn from(margin: Margin) -> Self {
        match margin {
            Margin::Absolute(number) => Self::Number(number),
            Margin::Share(_) => Self::Text(margin.text()),
        }
    }
}

impl Margin {
    /// As files spell it.
    pub fn text(self) -> String {
        match self {
            Self::Absolute(number) => number.to_string(),
            // Hundredths times 100 carry rounding that nobody wrote.
            Self::Share(share) => format!("{} %", (share * 1e10).round() / 1e8),
        }
    }

    /// The number or the share.
    pub fn value(self) -> f64 {
        match self {
            Self::Absolute(value) | Self::Share(value) => value,
        }
    }

    /// In units of the metric, beside this value.
    pub fn beside(self, value: f64) -> f64 {
        match self {
            Self::Absolute(number) => number,
            Self::Share(share) => share * value.abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_are_numbers_or_shares() {
        let read = |text: &str| serde_json::from_str::<Margin>(text);
        assert_eq!(read("0.02").unwrap(), Margin::Absolute(0.02));
        assert_eq!(read("2").unwrap(), Margin::Absolute(2.0));
        for text in ["\"20 %\"", "\"20%\"", "\" 20.0 % \""] {
            assert_eq!(read(text).unwrap(), Margin::Share(0.2));
        }
        assert!(read("\"a fifth\"").unwrap_err().to_string().contains("a share such as"));
        assert_eq!(
            (Margin::Share(0.07).text(), Margin::Absolute(0.5).text()),
            ("7 %".to_string(), "0.5".to_string())
        );
        assert_eq!((Margin::Share(0.5).beside(-4.0), Margin::Absolute(0.5).beside(-4.0)), (2.0, 0.5));
    }
}
