//! What was found: the content of a run directory.

use crate::spec::RunSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
pub use valor_data::RowCounts;
pub use valor_learn::evaluation::{EvaluationRows, Predictions};
pub use valor_learn::learner::{Divergence, EpochLoss, LastFinite, Status};
pub use valor_stats::metrics::{Buckets, MetricValue};

/// Version of the record format. Records of versions 1 to 4 are read as well: they lack what was watched after every epoch, versions 1 to 3 hashes of what they found, versions 1 and 2
/// the importance of features to trees, version 1 what a divergence says of its term and of the losses before.
pub const RECORD_VERSION: u32 = 5;
/// The first version with hashes of its content.
pub const OLDEST_CHECKED: u32 = 4;

/// The result of one run: one cell with one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Format version.
    pub version: u32,
    /// Identity: hash of the spec.
    pub id: String,
    /// What was asked.
    pub spec: RunSpec,
    /// How it ended.
    pub status: Status,
    /// Metric by name. Empty for a diverged run.
    pub metrics: BTreeMap<String, MetricValue>,
    /// Loss terms per epoch, epoch 1 first.
    pub epochs: Vec<EpochLoss>,
    /// Id of the rows that it was judged on (`Store::evaluation`).
    pub evaluation: String,
    /// Hash of these rows (`EvaluationRows::content`); absent before version 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_content: Option<String>,
    /// Rows used for training, validation, test.
    pub rows: RowCounts,
    /// What a reader should know of the rows: dropped rows, stand-ins.
    pub notes: Vec<String>,
    /// What was found in the training rows (share treated, mean and SD of the outcome), for the reader.
    pub fitted: BTreeMap<String, f64>,
    /// What each feature is worth to trees; absent for networks and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<Importance>,
    /// Where outcomes of rows without a treatment are parted, by quantiles of the training rows; absent with a treatment, where no
    /// outcome is positive, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<Buckets>,
    /// What depends on the machine and the moment; nothing else does.
    pub measured: Measured,
}

/// What each feature is worth to one forest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Importance {
    /// Test rows that were looked at.
    pub rows: usize,
    /// AUUC on these rows, where it is defined.
    pub auuc: Option<f64>,
    /// In the order of the columns.
    pub features: Vec<FeatureImportance>,
}

/// What one feature is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureImportance {
    /// Name of the column.
    pub name: String,
    /// Share of what all splits gained, in [0, 1].
    pub gain: f64,
    /// What AUUC loses when its values are permuted among the rows; absent where AUUC is not defined.
    pub loss: Option<f64>,
}

/// Facts of the machine and the moment. Times in seconds unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// Loading, splitting and encoding.
    pub load_seconds: f64,
    /// Training; a stack's time divided by its replicates.
    pub train_seconds: f64,
    /// Replicates that trained together.
    pub stack: usize,
    /// Inference latency.
    pub latency: Option<Latency>,
    /// Highest resident memory of the worker so far.
    pub peak_memory_bytes: u64,
    /// `cpu` or `cuda:0`, with the device's name.
    pub device: String,
    /// Host name.
    pub host: String,
    /// Processor.
    pub processor: String,
    /// Threads inside libtorch operations.
    pub threads: usize,
    /// libtorch version.
    pub libtorch: String,
    /// valor's version.
    pub valor: String,
    /// Commit of the checkout that the experiment file stands in; empty if unknown.
    pub commit: String,
    /// Whether the tree had uncommitted changes.
    pub dirty: bool,
}

/// Milliseconds per row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// One row at a time, median.
    pub single_median_ms: f64,
    /// One row at a time, 95th percentile.
    pub single_p95_ms: f64,
    /// In batches.
    pub batched_ms: f64,
    /// Rows of such a batch.
    pub batch: usize,
}

/// A run that could not be completed: a crash, not a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// Id of the run.
    pub id: String,
    /// What kind of crash it was.
    pub class: FailureClass,
    /// What happened, for the reader.
    pub message: String,
}

/// What kind of crash ended a run. Files spell it as [`FailureClass::word`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum FailureClass {
    /// The program panicked.
    Panicked,
    /// The process was ended by a signal, or without a word.
    Killed,
    /// Memory was asked for that is not there.
    OutOfMemory,
    /// The run was found and could not be written.
    Disk,
    /// The user's input is wrong: the data file changed meanwhile, say.
    Input,
    /// Anything else that was said.
    Error,
    /// What is stored is not believed.
    Damaged,
    /// A word of another version.
    Other(String),
}

impl FailureClass {
    /// The word in files and tables.
    pub fn word(&self) -> &str {
        match self {
            Self::Panicked => "panicked",
            Self::Killed => "killed",
            Self::OutOfMemory => "out-of-memory",
            Self::Disk => "disk",
            Self::Input => "input",
            Self::Error => "error",
            Self::Damaged => "damaged",
            Self::Other(word) => word,
        }
    }

    /// What an error that ended a run is: the user's, or anything else.
    pub fn of(error: &anyhow::Error) -> Self {
        if valor_base::error::is_input(error) { Self::Input } else { Self::Error }
    }

    /// What a panic is by its text.
    pub fn of_panic(text: &str) -> Self {
        let text = text.to_lowercase();
        let memory = ["out of memory", "not enough memory", "can't allocate memory"];
        if memory.iter().any(|words| text.contains(words)) { Self::OutOfMemory } else { Self::Panicked }
    }
}

impl From<String> for FailureClass {
    fn from(word: String) -> Self {
        let known = [
            Self::Panicked,
            Self::Killed,
            Self::OutOfMemory,
            Self::Disk,
            Self::Input,
            Self::Error,
            Self::Damaged,
        ];
        known.into_iter().find(|class| class.word() == word).unwrap_or(Self::Other(word))
    }
}

impl From<FailureClass> for String {
    fn from(class: FailureClass) -> Self {
        class.word().to_string()
    }
}

impl std::fmt::Display for FailureClass {
    fn fmt(&self, text: &mut std::fmt::Formatter) -> std::fmt::Result {
        text.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_of_failures_are_the_words_of_files_and_other_words_stay() {
        for word in ["panicked", "killed", "out-of-memory", "disk", "input", "error", "damaged", "lost"] {
            let class = FailureClass::from(word.to_string());
            assert_eq!((class.word(), matches!(class, FailureClass::Other(_))), (word, word == "lost"));
            let text = format!("{{\"id\":\"0123456789abcdef\",\"class\":\"{word}\",\"message\":\"\"}}");
            let failure: Failure = serde_json::from_str(&text).unwrap();
            assert_eq!((serde_json::to_string(&failure).unwrap(), failure.class), (text, class));
        }
        assert_eq!(FailureClass::of_panic("CUDA out of memory."), FailureClass::OutOfMemory);
    }
}
