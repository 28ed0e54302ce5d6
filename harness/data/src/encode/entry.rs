//! How columns enter a network where not as usual: levels by number, to be embedded, and columns that are one sequence.

use super::{ColumnKind, Encoder, Encoding, Levels, pooled};
use crate::{Dataset, FeatureKind, Matrix};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use valor_base::error::{choices, shown};
use valor_base::input_error;

/// What a method asks of the encoder beside the usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Categorical columns that enter as the numbers of their levels, where any do.
    pub embedded: Option<Embedded>,
    /// Whether the columns of sequences are marked as such.
    pub sequences: bool,
}

/// Which categorical columns enter as numbers of levels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedded {
    /// Their names; all where empty.
    pub columns: Vec<String>,
    /// Levels with fewer training rows than this share one number with those that the training rows lack.
    pub rare: usize,
}

impl Entry {
    /// Refuses what the columns of a dataset do not give.
    ///
    /// # Errors
    ///
    /// Input errors that name the key under `model`.
    pub fn check(&self, dataset: &Dataset) -> anyhow::Result<()> {
        if self.sequences && dataset.sequences.is_empty() {
            return Err(input_error!(
                "component 'sequence': the data have no sequence; name its columns in their order in the table's key 'sequence'"
            ));
        }
        let Some(embedded) = &self.embedded else { return Ok(()) };
        let is_categorical = |kind: &FeatureKind| matches!(kind, FeatureKind::Categorical { .. });
        let categorical = dataset.features.iter().filter(|feature| is_categorical(&feature.kind));
        let categorical: Vec<&str> = categorical.map(|feature| feature.name.as_str()).collect();
        if categorical.is_empty() {
            return Err(input_error!(
                "component 'embedding': the data have no categorical columns to embed; allowed are data with some"
            ));
        }
        match embedded.columns.iter().find(|name| !categorical.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let numeric = dataset.features.iter().any(|feature| feature.name == *name);
                let is = if numeric { "is numeric" } else { "is no column of the data" };
                let known = choices(name, "allowed are the categorical columns", &categorical);
                Err(input_error!("model.embedding.columns: '{}' {is}{known}", shown(name)))
            }
        }
    }
}

impl Encoder {
    /// Learns from `train` only, with columns entering as `entry` says.
    ///
    /// # Errors
    ///
    /// Input errors where the dataset lacks what is asked for.
    pub fn entering(
        dataset: &Dataset,
        train: &[u32],
        encoding: Encoding,
        entry: &Entry,
    ) -> anyhow::Result<Self> {
        entry.check(dataset)?;
        let mut encoder = Self::fit(dataset, train, encoding);
        if let Some(embedded) = &entry.embedded {
            for feature in &mut encoder.categorical {
                if embedded.columns.is_empty() || embedded.columns.contains(&feature.name) {
                    feature.embed(dataset, train, embedded.rare)?;
                }
            }
        }
        if entry.sequences {
            encoder.sequences.clone_from(&dataset.sequences);
        }
        Ok(encoder)
    }

    /// Whether a level that the training rows lack enters as some of theirs do.
    pub fn pools(&self, column: &str) -> bool {
        self.categorical.iter().any(|feature| feature.name == column && !feature.rare.is_empty())
    }

    /// Whether columns enter as usual.
    pub fn is_usual(&self) -> bool {
        self.sequences.is_empty() && !self.categorical.iter().any(|feature| feature.embedded)
    }
}

impl Levels {
    /// From a column per level to the number of the level.
    fn embed(&mut self, dataset: &Dataset, train: &[u32], rare: usize) -> anyhow::Result<()> {
        self.embedded = true;
        let FeatureKind::Categorical { levels, codes } = &super::find(dataset, &self.name)?.kind else {
            return Ok(());
        };
        let (kept, rare) = pooled::counts(levels.len(), codes, train).parted(rare);
        let names = |codes: Vec<usize>| codes.into_iter().map(|code| levels[code].clone()).collect();
        (self.levels, self.rare) = (names(kept), names(rare));
        Ok(())
    }

    /// Numbers that cells may have: of its levels, of all other levels, and of a missing cell where it has one of its own.
    pub(super) fn numbers(&self) -> usize {
        self.levels.len() + 1 + usize::from(self.missing)
    }
}

/// The same rows with a column per number, 0 or 1, in the place of every column that holds numbers of levels: for models that know
/// numbers alone.
pub fn spread<'a>(features: &'a Matrix, kinds: &[ColumnKind]) -> Cow<'a, Matrix> {
    let widths = kinds.iter().map(|kind| match kind {
        ColumnKind::Number | ColumnKind::Step { .. } => None,
        ColumnKind::Levels(levels) => Some(*levels),
    });
    let widths: Vec<Option<usize>> = widths.collect();
    if widths.iter().all(Option::is_none) {
        return Cow::Borrowed(features);
    }
    let cells = |row| features.row(row).iter().zip(&widths);
    let spread = |(&value, width): (&f32, &Option<usize>)| match width {
        None => vec![value],
        Some(levels) => (0..*levels).map(|level| f32::from(u8::from(value == level as f32))).collect(),
    };
    let values = (0..features.rows).flat_map(|row| cells(row).flat_map(spread)).collect();
    let columns = widths.iter().map(|width| width.unwrap_or(1)).sum();
    Cow::Owned(Matrix { rows: features.rows, columns, values })
}
