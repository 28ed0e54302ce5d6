//! From a data spec to encoded, parted rows.

use super::{Job, RowCounts, Task};
use crate::data::encode::Encoder;
use crate::data::split::{self, Split};
use crate::data::{self, Dataset, Matrix};
use crate::record::EvaluationRows;
use crate::spec::{self, SCIENCE_VERSION};
use serde_json::json;

/// Rows ready to learn from.
pub struct Prepared {
    dataset: Dataset,
    features: Matrix,
    split: Split,
    /// Identity of the rows that models are judged on.
    pub evaluation_id: String,
    /// The rows that models are judged on.
    pub evaluation: EvaluationRows,
}

impl Prepared {
    /// What distinguishes prepared rows: data, split and, with a split per seed, the seed.
    pub fn key(job: &Job) -> anyhow::Result<String> {
        let seed = job.split.per_seed.then(|| job.seeds.first());
        let identity = json!({ "science": SCIENCE_VERSION, "data": job.data.identity(), "split": job.split, "seed": seed });
        Ok(spec::hash(&identity))
    }

    /// Loads, parts and encodes.
    pub fn load(job: &Job) -> anyhow::Result<Self> {
        let mut prepared = Self::unencoded(job)?;
        let Self { dataset, split, .. } = &mut prepared;
        prepared.features = Encoder::fit(dataset, &split.train).encode(dataset)?;
        // The raw values are not needed any more, and they are as large as the encoded ones.
        prepared.dataset.numeric = Matrix::default();
        Ok(prepared)
    }

    /// Loads and parts: enough to check a method.
    pub fn unencoded(job: &Job) -> anyhow::Result<Self> {
        let dataset = data::load(&job.data, &job.root)?;
        let split = split::split(&dataset, &job.split, job.seeds.first().copied().unwrap_or_default())?;
        let evaluation = evaluation(&dataset, &split.test);
        let features = Matrix::default();
        Ok(Self { evaluation_id: Self::key(job)?, dataset, features, split, evaluation })
    }

    /// What a method is given.
    pub fn task(&self) -> Task<'_> {
        Task {
            features: &self.features,
            treatment: &self.dataset.treatment,
            outcome: &self.dataset.outcome,
            propensity: self.dataset.propensity.as_deref(),
            origin: self.dataset.origin.as_deref(),
            train: &self.split.train,
            validation: &self.split.validation,
            test: &self.split.test,
        }
    }

    /// Encoded features of all rows.
    pub fn features(&self) -> &Matrix {
        &self.features
    }

    /// What a reader should know of the rows.
    pub fn notes(&self) -> &[String] {
        &self.dataset.notes
    }

    /// Sizes of the parts.
    pub fn counts(&self) -> RowCounts {
        RowCounts {
            train: self.split.train.len(),
            validation: self.split.validation.len(),
            test: self.split.test.len(),
        }
    }
}

fn evaluation(dataset: &Dataset, test: &[u32]) -> EvaluationRows {
    let take = |values: &[f64]| test.iter().map(|&row| values[row as usize]).collect::<Vec<f64>>();
    let optional = |values: Option<&Vec<f64>>| values.map(|values| take(values));
    let truth = dataset.truth.as_ref();
    EvaluationRows {
        row: test.to_vec(),
        treatment: test.iter().map(|&row| dataset.treatment[row as usize]).collect(),
        outcome: take(&dataset.outcome),
        propensity: optional(dataset.propensity.as_ref()),
        effect: truth.map(|truth| take(&truth.effect)),
        expected_control: optional(truth.and_then(|truth| truth.expected_control.as_ref())),
        expected_treated: optional(truth.and_then(|truth| truth.expected_treated.as_ref())),
    }
}
