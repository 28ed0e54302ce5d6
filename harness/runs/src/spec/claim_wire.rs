//! `[[claim]]` as files spell it.

use super::Margin;
use serde::{Deserialize, Serialize};

/// One claim: which keys go together says what kind it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClaimWire {
    pub id: String,
    pub text: String,
    pub source: Option<String>,
    pub family: Option<String>,
    pub metric: String,
    pub dataset: Option<OneOrMore>,
    pub better: Option<Named>,
    pub than: Option<Named>,
    pub backbones: Option<Vec<String>>,
    pub over: Option<Over>,
    pub by: Option<Margin>,
    pub at_most: Option<Margin>,
    pub largest_of: Option<Vec<Vec<String>>>,
    pub every_best_has: Option<String>,
    pub sd_at_most: Option<f64>,
    pub methods: Option<Vec<String>>,
}

/// A method by name, or a set of components on every backbone.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a method, or a list of components")]
pub(super) enum Named {
    Method(String),
    Components(Vec<String>),
}

/// A name, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a dataset, or a list of names")]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    /// As a list.
    pub(super) fn list(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::More(names) => names.clone(),
        }
    }
}

/// Whether a claim about several backbones is about each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Over {
    /// Each.
    #[default]
    Each,
    /// Their average.
    Average,
}
