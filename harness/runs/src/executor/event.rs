//! What a worker and who started it say to each other: one JSON object per line. No results pass here: workers commit them.

use super::agenda::Beginning;
use crate::record::{FailureClass, Status};
use crate::spec::MoreSeeds;
use crate::store::Beats;
use serde::{Deserialize, Serialize};

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// Device and rows are there; with so many workers this machine is busy.
    Ready {
        /// Worker processes.
        workers: usize,
    },
    /// Nothing was begun, and why.
    Refused {
        /// Whether it is the user's to mend.
        input: bool,
        /// For the reader.
        message: String,
    },
    /// It claimed seeds of a cell, and trains them.
    Started {
        /// Name of the method, for people.
        method: String,
        /// The seeds.
        seeds: Vec<u64>,
        /// Runs of the experiment that are not recorded yet, these among them.
        left: usize,
    },
    /// It came further.
    Progress {
        /// Steps done.
        done: usize,
        /// Steps in all, of the seeds that it trains.
        total: usize,
    },
    /// A run is recorded.
    Recorded {
        /// Its identity.
        id: String,
        /// Its name for people.
        slug: String,
        /// How it ended.
        status: Status,
    },
    /// A run failed; that is noted.
    Failed {
        /// Its identity.
        id: String,
        /// Its name for people.
        slug: String,
        /// What kind of crash it was.
        class: FailureClass,
        /// What happened, for the reader.
        message: String,
    },
    /// A run needs no training: another worker has recorded it meanwhile.
    Settled {
        /// Its identity.
        id: String,
    },
    /// Something to know.
    Told {
        /// For the reader.
        text: String,
    },
    /// What is missing is claimed by other workers.
    Waiting {
        /// So many runs.
        runs: usize,
    },
    /// It is done with the seeds that it claimed.
    Finished,
    /// It found nothing more to claim, or is not well after a failure and ends for a fresh one.
    Ended,
}

/// The first line that a worker is told: what was asked, and how things stood.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    /// Seeds that cells have beyond those that the file declares.
    pub more: MoreSeeds,
    /// Hash of the ids of all runs: files may have changed since.
    pub plan: String,
    /// How things stood when the experiment was asked for.
    pub beginning: Beginning,
    /// Owners that were seen dead since.
    pub dead: Beats,
    /// Whether rows and methods are to be tried first.
    pub check: bool,
}

/// The second line: it may begin, in this name.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Go {
    pub owner: String,
}
