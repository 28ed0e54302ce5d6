//! What parent and worker say to each other: one JSON object per line.

use crate::record::Record;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};

/// From worker to parent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Message {
    /// Steps done and steps in all, of the present job.
    Progress(usize, usize),
    /// The rows that the job's runs are judged on, before the first of them.
    Evaluation(Blob),
    /// A run.
    Found(Box<Record>, Option<Blob>),
    /// The job failed as a whole.
    Failed {
        /// See `record::Failure`.
        class: String,
        /// For the reader.
        message: String,
    },
    /// The job is done.
    Done,
}

/// Bytes in a JSON string.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Blob(String);

impl Blob {
    pub fn new(bytes: &[u8]) -> Self {
        Self(BASE64_STANDARD.encode(bytes))
    }

    pub fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        Ok(BASE64_STANDARD.decode(&self.0)?)
    }
}
