//! `[[claim]]` as files spell it.

use super::Margin;
use super::names::unique;
use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// One claim: which keys go together says what kind it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClaimWire {
    pub id: String,
    pub text: String,
    pub source: Option<String>,
    pub family: Option<String>,
    pub metric: Option<OneOrMore>,
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
    pub mean_at_most: Option<f64>,
    pub orders_as: Option<String>,
    pub tau_above: Option<f64>,
    pub faster: Option<String>,
    pub times: Option<f64>,
    pub latency: Option<LatencyOf>,
    pub fails: Option<Vec<String>>,
    pub all_of: Option<Vec<String>>,
    pub seeds: Option<FailingSeeds>,
    pub methods: Option<Vec<String>>,
}

/// Which of a record's latencies is meant; both are times per row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LatencyOf {
    /// Of one row at a time, the median.
    Single,
    /// Of a row in a batch.
    #[default]
    Batched,
}

impl LatencyOf {
    /// As files spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Batched => "batched",
        }
    }
}

/// How many of the asked seeds fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected \"any\", \"all\", or a number of seeds")]
pub enum FailingSeeds {
    /// In words.
    Named(SeedsWord),
    /// At least so many; 1 or more.
    AtLeast(usize),
}

/// Numbers of seeds that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedsWord {
    /// At least one.
    Any,
    /// Every one.
    All,
}

impl FailingSeeds {
    /// Of so many asked seeds.
    pub fn least(self, asked: usize) -> usize {
        match self {
            Self::Named(SeedsWord::Any) => 1,
            Self::Named(SeedsWord::All) => asked,
            Self::AtLeast(seeds) => seeds,
        }
    }

    /// In a sentence.
    pub fn words(self) -> String {
        match self {
            Self::Named(SeedsWord::Any) => "at least one seed".to_string(),
            Self::Named(SeedsWord::All) => "every seed".to_string(),
            Self::AtLeast(1) => "at least 1 seed".to_string(),
            Self::AtLeast(seeds) => format!("at least {seeds} seeds"),
        }
    }
}

/// A method by name; or a set of components on every backbone, or methods by name beside a method.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a method, or a list of components or of methods")]
pub(super) enum Named {
    Method(String),
    List(Vec<String>),
}

/// A name, or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a name, or a list of names")]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl ClaimWire {
    /// One claim per metric where several are named, and the claim that all of them hold.
    pub(super) fn by_metric(&self) -> anyhow::Result<Vec<Self>> {
        let metrics = match &self.metric {
            Some(OneOrMore::More(metrics)) if metrics.len() != 1 => metrics,
            Some(OneOrMore::One(_) | OneOrMore::More(_)) | None => return Ok(vec![self.clone()]),
        };
        let place = format!("claim '{}', metric", self.id);
        if metrics.is_empty() {
            return Err(input_error!("{place}: the list is empty; name at least one metric"));
        }
        unique(&place, metrics.iter().cloned())?;
        let id = |metric: &String| format!("{}: {metric}", self.id);
        let mut claims: Vec<Self> = Vec::new();
        for metric in metrics {
            let text = format!("{} In {metric}.", self.text);
            let metric_of = Some(OneOrMore::One(metric.clone()));
            claims.push(Self { id: id(metric), text, metric: metric_of, ..self.clone() });
        }
        claims.push(Self {
            id: self.id.clone(),
            text: self.text.clone(),
            source: self.source.clone(),
            family: self.family.clone(),
            all_of: Some(metrics.iter().map(id).collect()),
            ..Self::default()
        });
        Ok(claims)
    }
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
