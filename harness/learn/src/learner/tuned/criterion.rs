//! What tuning decides by, on the validation rows.

use serde::{Deserialize, Serialize};
use std::fmt;
use valor_stats::metrics::{self, Direction};

/// How files and records call the method's own objective.
pub const LOSS: &str = "loss";

/// What decides between candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Criterion {
    /// The method's own objective at the kept epoch: what early stopping looks at. The same number for all candidates only
    /// where they differ in no weight of a term.
    Loss,
    /// A metric that needs no truth.
    Metric(String),
}

impl Criterion {
    /// By the name that files give it; whether there is such a metric is not asked.
    pub fn named(name: &str) -> Self {
        if name == LOSS { Self::Loss } else { Self::Metric(name.to_string()) }
    }

    /// Which values are good.
    pub fn direction(&self) -> Direction {
        match self {
            Self::Loss => Direction::Lower,
            Self::Metric(name) => metrics::find(name).map_or(Direction::Neither, |metric| metric.direction),
        }
    }
}

impl fmt::Display for Criterion {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Loss => formatter.write_str(LOSS),
            Self::Metric(name) => formatter.write_str(name),
        }
    }
}

impl From<String> for Criterion {
    fn from(name: String) -> Self {
        Self::named(&name)
    }
}

impl From<Criterion> for String {
    fn from(criterion: Criterion) -> Self {
        criterion.to_string()
    }
}
