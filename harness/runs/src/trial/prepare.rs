//! From a data spec to encoded, parted rows.

use super::{Job, RowCounts, Task};
use crate::spec::{self, SCIENCE_VERSION};
use anyhow::Context as _;
use serde_json::json;
use valor_data::caution::near_certain;
use valor_data::encode::{ColumnKind, Encoder, Encoding};
use valor_data::split::Split;
use valor_data::{Dataset, Evaluation, Matrix, parted};
use valor_learn::evaluation::{EvaluationRows, estimated_propensity};
use valor_learn::learner::MethodSpec;
use valor_learn::model::RawColumn;

/// Rows ready to learn from.
pub struct Prepared {
    dataset: Dataset,
    encoder: Encoder,
    kinds: Vec<ColumnKind>,
    features: Matrix,
    /// Names of the encoded columns; before rows are encoded those of the raw features.
    names: Vec<String>,
    split: Split,
    /// Level of the intervals that are asked for.
    interval: Option<f64>,
    /// Identity of the rows that models are judged on.
    pub evaluation_id: String,
    /// The rows that models are judged on.
    pub evaluation: EvaluationRows,
}

/// Note on rows without a known propensity.
const ESTIMATED: &str = "propensity estimated by logistic regression on the training rows";

impl Prepared {
    /// What distinguishes prepared rows: data, split and, with a split per seed, the seed.
    pub fn key(job: &Job) -> anyhow::Result<String> {
        let seed = job.split.per_seed.then(|| job.seeds.first());
        let data = job.data.identity().without_sequences();
        let identity = json!({ "science": SCIENCE_VERSION, "data": data, "split": job.split, "seed": seed });
        Ok(spec::hash(&identity))
    }

    /// Loads, parts and encodes.
    pub fn load(job: &Job) -> anyhow::Result<Self> {
        let mut prepared = Self::unencoded(job)?;
        let encoding = job.method.encoding();
        let Self { dataset, split, .. } = &prepared;
        let encoder = Encoder::entering(dataset, &split.train, encoding, &job.method.entry())
            .with_context(|| job.data.place().to_string())?;
        let pooled = encoder.pooled(dataset, &split.train);
        let encoded = (encoder.names().len() * size_of::<f32>()) as u64;
        let what = format!("{}: the rows are encoded", job.data.place());
        valor_data::memory::ask(&what, dataset.rows() as u64, encoded)?;
        prepared.encoder = encoder;
        prepared.dataset.notes.extend(pooled);
        prepared.kinds = prepared.encoder.kinds();
        prepared.names = prepared.encoder.names();
        prepared.features = prepared.encoder.encode(&prepared.dataset)?;
        prepared.estimate_propensity(encoding)?;
        // The raw values are not needed any more, and they are as large as the encoded ones.
        prepared.dataset.numeric = Matrix::default();
        Ok(prepared)
    }

    /// Loads and parts: enough to check a method.
    pub fn unencoded(job: &Job) -> anyhow::Result<Self> {
        let seed = job.seeds.first().copied().unwrap_or_default();
        let parted = parted(&job.data, &job.split, seed, &job.root)?;
        let evaluation = EvaluationRows {
            row: parted.test_numbers(),
            ..EvaluationRows::of(&parted.dataset, &parted.split.test)
        };
        let (encoder, kinds, features) = Default::default();
        let (dataset, split, evaluation_id) = (parted.dataset, parted.split, Self::evaluation_id(job)?);
        let names = dataset.features.iter().map(|feature| feature.name.clone()).collect();
        let interval = job.interval;
        Ok(Self { evaluation_id, dataset, encoder, kinds, features, names, split, interval, evaluation })
    }

    /// Identity of the rows that models are judged on: fresh ones are the same however rows are parted and however many are
    /// learned from, for every seed.
    fn evaluation_id(job: &Job) -> anyhow::Result<String> {
        match job.split.test {
            Evaluation::Share(_) => Self::key(job),
            Evaluation::Fresh { .. } => {
                let world = job.data.world().identity().without_sequences();
                let evaluation =
                    json!({ "science": SCIENCE_VERSION, "world": world, "evaluation": job.split.test });
                Ok(spec::hash(&evaluation))
            }
        }
    }

    /// Where the rows have a treatment whose propensity is not known. For the weighted metrics alone: methods still see that the propensity is not known. The same for every method,
    /// whichever encoding it has.
    fn estimate_propensity(&mut self, encoding: Encoding) -> anyhow::Result<()> {
        let Self { dataset, split, .. } = &*self;
        let Some(treatment) = dataset.treatment.as_ref().filter(|treatment| treatment.propensity.is_none())
        else {
            return Ok(());
        };
        let estimate = |features: &Matrix| {
            estimated_propensity(features, &treatment.assigned, &split.train, &split.test)
        };
        let estimated = match (encoding, self.encoder.is_usual()) {
            (Encoding::Standard, true) => estimate(&self.features),
            (Encoding::Standard, false) | (Encoding::Plain, _) => {
                estimate(&Encoder::fit(dataset, &split.train, Encoding::Standard).encode(dataset)?)
            }
        };
        self.dataset.notes.push(ESTIMATED.to_string());
        self.dataset.notes.extend(near_certain("an estimated propensity", &estimated));
        if let Some(judged) = &mut self.evaluation.treatment {
            judged.propensity = Some(estimated);
        }
        Ok(())
    }

    /// Refuses a method that asks for columns that the rows lack.
    pub(super) fn check(&self, method: &MethodSpec) -> anyhow::Result<()> {
        method.entry().check(&self.dataset)
    }

    /// What a method is given.
    pub fn task(&self) -> Task<'_> {
        Task {
            features: &self.features,
            kinds: &self.kinds,
            columns: &self.names,
            treatment: self.dataset.treatment.as_ref(),
            outcome: &self.dataset.outcome,
            origin: self.dataset.origin.as_deref(),
            train: &self.split.train,
            validation: &self.split.validation,
            test: &self.split.test,
            time: self.dataset.time.as_deref(),
            interval: self.interval,
        }
    }

    /// How the rows were encoded.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The raw feature columns.
    pub fn columns(&self) -> Vec<RawColumn> {
        RawColumn::of(&self.dataset)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Provenance;
    use std::path::Path;
    use valor_data::DataSpec;
    use valor_data::split::SplitSpec;
    use valor_learn::learner::{TrainingSpec, catalog};

    /// 40 rows, in which large x is treated more often.
    fn prepared(root: &Path, propensity: &str) -> Prepared {
        let rows = (0..40).map(|row| format!("{row},{},{}\n", u8::from(row % 3 < row / 14), row % 7));
        let text = format!("x,called,spent\n{}", rows.collect::<String>());
        #[expect(clippy::disallowed_methods, reason = "a file to load")]
        std::fs::write(root.join("rows.csv"), text).unwrap();
        let table = format!(
            "path = 'rows.csv'\ntreatment = 'called'\ntreated = ['1']\ncontrol = ['0']\noutcome = 'spent'\n\
             numeric = ['x']\n{propensity}"
        );
        let backbone = catalog::backbone("tarnet").unwrap();
        let (options, training) = (catalog::Options::default(), TrainingSpec::default());
        let method = catalog::compose(backbone, &[], &options, &training).unwrap();
        Prepared::load(&Job {
            data: DataSpec::Table(toml::from_str(&table).unwrap()),
            split: SplitSpec::default(),
            method,
            interval: None,
            seeds: vec![1],
            root: root.to_path_buf(),
            device: "cpu".to_string(),
            provenance: Provenance::default(),
        })
        .unwrap()
    }

    #[test]
    fn an_unknown_propensity_is_estimated_for_the_metrics_alone() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = prepared(folder.path(), "");
        let estimates = prepared.evaluation.treatment.as_ref().unwrap().propensity.as_ref().unwrap();
        assert_eq!(estimates.len(), 8);
        assert!(estimates.is_sorted() && estimates[0] < 0.2 && estimates[7] > 0.5, "{estimates:?}");
        assert_eq!(prepared.notes(), [ESTIMATED]);
        assert!(prepared.task().propensity().is_none());
    }

    #[test]
    fn a_known_propensity_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let prepared = prepared(folder.path(), "propensity = 0.5");
        assert_eq!(prepared.evaluation.treatment.as_ref().unwrap().propensity, Some(vec![0.5; 8]));
        assert!(prepared.notes().is_empty());
    }
}
