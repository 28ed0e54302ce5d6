//! A trained model with all that is needed to score raw rows: what a model file holds.

mod bytes;
mod explain;
#[cfg(test)]
mod tests;

pub use explain::{Cell, Explained, Explanations};

use crate::evaluation::{BucketEdges, Predictions, ScoreColumns};
use crate::learner::neural::Maps;
use crate::learner::{self, Device, Parameter, SavedModel, Scorer, Status, TrainedSpec};
use crate::nets::{Buckets, Inputs};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use valor_data::RowCounts;
use valor_data::encode::Encoder;
use valor_data::table::Dialect;
use valor_data::{Dataset, FeatureKind};

/// Version of the model file's format.
pub const MODEL_VERSION: u32 = 3;
/// The oldest version that is read: it lacks what the splits of trees gained, and as version 2 does how it scores. Up to
/// version 2 networks learned outcomes as they stand, so that there is no scale.
pub const OLDEST_MODEL_VERSION: u32 = 1;

/// The first version whose files say how they score.
const FIRST_WITH_SCORING: u32 = 3;

/// A trained model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// All but the numbers of the network or the trees.
    pub about: About,
    /// The numbers, by name.
    pub tensors: Vec<Parameter>,
}

/// Where a model comes from, and how raw rows become what its network sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Format version.
    pub version: u32,
    /// Version of valor that wrote the file.
    pub valor: String,
    /// Identity of the run: hash of `spec`.
    pub id: String,
    /// What was asked, as in the run's record. For the reader: scoring does not look at it.
    pub spec: Value,
    /// Identity of the rows and their split, as in the run's record.
    pub evaluation: String,
    /// Rows that were there.
    pub rows: RowCounts,
    /// What a reader should know of the rows.
    pub notes: Vec<String>,
    /// How the training ended.
    pub status: Status,
    /// What was found in the training rows.
    pub fitted: BTreeMap<String, f64>,
    /// The method as it was trained.
    pub model: TrainedSpec,
    /// How it scores, step by step; models of versions 1 and 2 do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scoring: Option<Value>,
    /// What sets its conversion probabilities right, where something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibration: Option<Maps>,
    /// The buckets of outcomes that heads know, in their unit, where they know any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Buckets>,
    /// Outcome units in one unit of what heads expect: expectations are multiplied by it.
    #[serde(default = "unscaled", skip_serializing_if = "is_unscaled")]
    pub outcome_scale: f64,
    /// Raw columns that scoring needs, as declared.
    pub features: Vec<RawColumn>,
    /// Encoded columns, in the order of the network's inputs.
    pub columns: Vec<String>,
    /// How raw columns become encoded ones.
    pub encoder: Encoder,
    /// How the text of the training rows was; files to score are read the same way.
    #[serde(default, skip_serializing_if = "Dialect::usual")]
    pub dialect: Dialect,
}

fn unscaled() -> f64 {
    1.0
}

fn is_unscaled(scale: &f64) -> bool {
    *scale == unscaled()
}

/// A raw feature column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawColumn {
    /// Its name.
    pub name: String,
    /// What its cells hold.
    pub kind: ColumnKind,
}

/// What the cells of a raw feature column hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnKind {
    /// Numbers.
    Numeric,
    /// Levels.
    Categorical,
}

impl RawColumn {
    /// The feature columns of a dataset.
    pub fn of(dataset: &Dataset) -> Vec<Self> {
        let kind = |kind: &FeatureKind| match kind {
            FeatureKind::Numeric { .. } => ColumnKind::Numeric,
            FeatureKind::Categorical { .. } => ColumnKind::Categorical,
        };
        let features = dataset.features.iter();
        features.map(|feature| Self { name: feature.name.clone(), kind: kind(&feature.kind) }).collect()
    }
}

/// A model on a device.
pub struct Ready<'a> {
    encoder: &'a Encoder,
    scorer: Box<dyn Scorer>,
}

impl Model {
    /// The model on a device.
    ///
    /// # Errors
    ///
    /// Where its parts do not fit each other.
    pub fn ready(&self, device: Device) -> anyhow::Result<Ready<'_>> {
        let scorer =
            learner::restore(&self.saved()?, device).context("the tensors are not those of the method")?;
        Ok(Ready { encoder: &self.about.encoder, scorer })
    }

    fn saved(&self) -> anyhow::Result<SavedModel> {
        let About { version, model, columns, encoder, .. } = &self.about;
        match &self.about.scoring {
            Some(scoring) => model.check_scoring(scoring)?,
            None => ensure!(*version < FIRST_WITH_SCORING, "the key 'scoring' is missing"),
        }
        ensure!(encoder.encoding() == model.encoding(), "the encoder is not that of the method");
        if let Some(name) = encoder.wild() {
            anyhow::bail!(
                "the encoder's mean or standard deviation of '{}' is none",
                valor_base::error::shown(name)
            );
        }
        ensure!(encoder.gives(columns), "the encoder does not give the columns that the file names");
        Ok(SavedModel {
            spec: model.clone(),
            inputs: Inputs::of(columns.len(), &encoder.kinds()),
            parameters: self.tensors.clone(),
            maps: self.about.recalibration.clone(),
            buckets: self.about.buckets.clone(),
            outcome_scale: self.about.outcome_scale,
        })
    }
}

impl Ready<'_> {
    /// Which scores it gives.
    pub fn scores(&self) -> ScoreColumns {
        ScoreColumns {
            question: self.scorer.question(),
            converts: self.scorer.converts(),
            buckets: self.scorer.buckets().map_or(0, |edges| edges.count()),
            intervals: false,
        }
    }

    /// Whether it gives intervals of what a row is worth.
    pub fn has_intervals(&self) -> bool {
        self.scorer.has_intervals()
    }

    /// Where the buckets end that it gives shares of, where it gives any. Outcome units.
    pub fn buckets(&self) -> Option<BucketEdges> {
        self.scorer.buckets()
    }

    /// For each categorical column the number of cells with a level that the training rows lack.
    pub fn unseen(&self, rows: &Dataset) -> impl Iterator<Item = (&str, usize)> {
        self.encoder.categorical().zip(self.encoder.unseen(rows))
    }

    /// Whether a level that the training rows lack is to the model what their rare ones are.
    pub fn pools(&self, column: &str) -> bool {
        self.encoder.pools(column)
    }

    /// What the model says of each raw row. Of the dataset it looks at the features alone.
    ///
    /// # Errors
    ///
    /// Where the rows lack a feature.
    pub fn score(&self, rows: &Dataset) -> anyhow::Result<Predictions> {
        let all: Vec<u32> = (0..rows.numeric.rows as u32).collect();
        Ok(self.scorer.predictions(&self.encoder.encode_rows(rows, &all)?))
    }
}
