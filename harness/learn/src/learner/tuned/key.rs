//! What tuning may search: one number of a method each.

use crate::learner::NeuralSpec;
use crate::objectives::TermKind;
use serde::{Deserialize, Serialize};
use std::fmt;
use valor_base::error::choices;
use valor_base::input_error;

const LEARNING_RATE: &str = "training.learning-rate";
const WEIGHT_DECAY: &str = "training.weight-decay";
const WEIGHT: &str = "weight.";

/// A number of a method, by the name that experiment files give it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Key {
    /// Adam's step size.
    LearningRate,
    /// L2 penalty.
    WeightDecay,
    /// Weight of every term of this name.
    Weight(String),
}

impl Key {
    /// The key of this name.
    ///
    /// # Errors
    ///
    /// An input error with all names when there is none.
    pub fn find(name: &str) -> anyhow::Result<Self> {
        let term = name.strip_prefix(WEIGHT).filter(|term| TermKind::NAMES.contains(term));
        match (name, term) {
            (LEARNING_RATE, _) => Ok(Key::LearningRate),
            (WEIGHT_DECAY, _) => Ok(Key::WeightDecay),
            (_, Some(term)) => Ok(Key::Weight(term.to_string())),
            (_, None) => {
                let weights = TermKind::NAMES.iter().map(|term| format!("{WEIGHT}{term}"));
                let allowed: Vec<String> =
                    [LEARNING_RATE, WEIGHT_DECAY].map(str::to_string).into_iter().chain(weights).collect();
                Err(input_error!("'{name}' cannot be searched{}", choices(name, "allowed are", &allowed)))
            }
        }
    }

    /// Its value in a method; nothing where the method has no such number. Of several terms of one name the first counts.
    pub fn get(&self, spec: &NeuralSpec) -> Option<f64> {
        match self {
            Key::LearningRate => Some(spec.training.learning_rate),
            Key::WeightDecay => Some(spec.training.weight_decay),
            Key::Weight(name) => {
                spec.objective.iter().find(|term| term.term.name() == name).map(|term| term.weight)
            }
        }
    }

    /// Gives the method another value, where it has such a number.
    pub fn set(&self, spec: &mut NeuralSpec, value: f64) {
        match self {
            Key::LearningRate => spec.training.learning_rate = value,
            Key::WeightDecay => spec.training.weight_decay = value,
            Key::Weight(name) => {
                let named = spec.objective.iter_mut().filter(|term| term.term.name() == name);
                named.for_each(|term| term.weight = value);
            }
        }
    }

    /// Refuses a value that no method may have.
    ///
    /// # Errors
    ///
    /// An input error with what is allowed.
    pub fn check(&self, value: f64) -> anyhow::Result<()> {
        let (right, allowed) = match self {
            Key::LearningRate => (value > 0.0, "above 0"),
            Key::WeightDecay | Key::Weight(_) => (value >= 0.0, "of 0 or more"),
        };
        if right && value.is_finite() {
            return Ok(());
        }
        Err(input_error!("found {value}; allowed are finite numbers {allowed}"))
    }

    /// What a record calls the value that was chosen.
    pub fn noted(&self) -> String {
        format!("tuning: {self}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Key::LearningRate => formatter.write_str(LEARNING_RATE),
            Key::WeightDecay => formatter.write_str(WEIGHT_DECAY),
            Key::Weight(name) => write!(formatter, "{WEIGHT}{name}"),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = anyhow::Error;

    fn try_from(name: String) -> anyhow::Result<Self> {
        Self::find(&name)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}
