//! What of an experiment is still to be trained, and by whom it may be.

use crate::spec::{Cell, Experiment, PlannedRun};
use crate::store::{Beats, Claimed, KnownRun, NoteStamp, Observer, RunState, Store};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// How things stood when an experiment was asked for: what failed or died since then is not tried again, what did before is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Beginning {
    /// Runs that are stored and not believed, and are trained again.
    pub(super) mend: BTreeSet<String>,
    /// Runs that failed since.
    pub(super) tried: BTreeSet<String>,
    /// Notes of failures before.
    notes: BTreeMap<String, NoteStamp>,
    /// Heartbeats before.
    beats: Beats,
}

impl Beginning {
    /// The beginning is now. Where only the test rows that runs share are damaged, the first of these runs in the order of the
    /// table is trained again, which writes the rows again; the others are looked at afterwards.
    ///
    /// # Errors
    ///
    /// When a folder of the store cannot be read.
    pub fn new(store: &Store, runs: &[KnownRun]) -> anyhow::Result<Self> {
        let mut rows = BTreeSet::new();
        let mut mends = |known: &&KnownRun| match &known.state {
            RunState::Damaged(damage) => damage.evaluation.as_ref().is_none_or(|id| rows.insert(id.clone())),
            RunState::Done(..) | RunState::Claimed(_) | RunState::Failed(_) | RunState::Missing(_) => false,
        };
        let mend = runs.iter().filter(|known| mends(known)).map(|known| known.run.id.clone()).collect();
        let (notes, beats) = (store.failure_stamps()?, store.beats()?);
        Ok(Self { mend, tried: BTreeSet::new(), notes, beats })
    }

    /// Whether a failure was noted since.
    fn noted(&self, notes: &BTreeMap<String, NoteStamp>, id: &str) -> bool {
        notes.get(id).is_some_and(|stamp| self.notes.get(id) != Some(stamp))
    }

    /// Whether an owner had this heartbeat then: it was dead already, and what it had claimed is asked for anew.
    pub(super) fn knew(&self, owner: &str, beat: Option<&String>) -> bool {
        beat.is_none_or(|beat| beat.is_empty() || self.beats.get(owner) == Some(beat))
    }
}

/// Runs of an experiment that are not recorded.
#[derive(Debug)]
pub(super) struct Agenda {
    pub beginning: Beginning,
    cells: Vec<CellAgenda>,
    per_seed: bool,
    /// Cells with such runs at the beginning.
    count: usize,
}

#[derive(Debug)]
struct CellAgenda {
    cell: Cell,
    runs: Vec<PlannedRun>,
    /// Such runs at the beginning.
    count: usize,
}

/// What one look finds.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    /// Runs that can be claimed, by cell.
    pub open: Vec<Open>,
    /// Runs that others have claimed.
    pub held: usize,
}

/// Runs of a cell that can be claimed.
#[derive(Debug)]
pub(super) struct Open {
    pub cell: Cell,
    /// The runs, with the dead claim that stands in the way of one.
    pub runs: Vec<(PlannedRun, Option<Claimed>)>,
    /// Runs that one worker takes at most.
    pub part: usize,
}

impl Outlook {
    /// Runs that are not recorded.
    pub fn left(&self) -> usize {
        self.held + self.open.iter().map(|open| open.runs.len()).sum::<usize>()
    }

    /// Workers that would find something.
    pub fn parts(&self) -> usize {
        self.open.iter().map(|open| open.runs.len().div_ceil(open.part)).sum()
    }
}

impl Agenda {
    /// What is not stored, or is to be mended. A run that two cells ask for stands in the first.
    pub fn new(experiment: &Experiment, store: &Store, beginning: Beginning) -> anyhow::Result<Self> {
        let reader = store.reader()?;
        let stored = reader.entries();
        let mut seen = BTreeSet::new();
        let mut cells: Vec<CellAgenda> = Vec::new();
        for run in experiment.runs() {
            let wanted = !stored.contains_key(&run.id) || beginning.mend.contains(&run.id);
            if !wanted || !seen.insert(run.id.clone()) {
                continue;
            }
            match cells.last_mut().filter(|last| last.cell == run.cell) {
                Some(last) => last.runs.push(run),
                None => cells.push(CellAgenda { cell: run.cell, runs: vec![run], count: 0 }),
            }
        }
        cells.iter_mut().for_each(|cell| cell.count = cell.runs.len());
        let count = cells.len();
        Ok(Self { beginning, cells, per_seed: experiment.split.per_seed, count })
    }

    /// Cells with seeds that are not recorded.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, Vec<u64>)> {
        self.cells.iter().map(|cell| (cell.cell, cell.runs.iter().map(|run| run.seed).collect()))
    }

    /// Runs that are not recorded.
    pub fn runs(&self) -> impl Iterator<Item = &PlannedRun> {
        self.cells.iter().flat_map(|cell| &cell.runs)
    }

    /// Seeds of a cell that one of so many workers takes at most. Replicates of a cell train together; where cells are fewer than
    /// workers can use, a cell's seeds are parted: no number depends on it.
    fn part(&self, cell: &CellAgenda, workers: usize) -> usize {
        let parts = (2 * workers.max(1)).div_ceil(self.count.max(1));
        if self.per_seed { 1 } else { cell.count.div_ceil(parts.min(cell.count)) }
    }

    /// Forgets what is recorded or failed since the beginning, and parts the rest by whether it can be claimed.
    pub fn look(
        &mut self,
        store: &Store,
        observer: &mut Observer,
        workers: usize,
        now: Instant,
    ) -> anyhow::Result<Outlook> {
        let (reader, notes) = (store.reader()?, store.failure_stamps()?);
        let (stored, claims) = (reader.entries(), store.claims()?);
        let Beginning { mend, tried, .. } = &self.beginning;
        let over = |run: &PlannedRun| {
            let recorded = stored.contains_key(&run.id) && !mend.contains(&run.id);
            recorded || tried.contains(&run.id) || self.beginning.noted(&notes, &run.id)
        };
        for cell in &mut self.cells {
            cell.runs.retain(|run| !over(run));
        }
        self.cells.retain(|cell| !cell.runs.is_empty());
        let mut outlook = Outlook::default();
        // Owners have many claims, and are looked at once.
        let mut dead: BTreeMap<Option<String>, bool> = BTreeMap::new();
        for cell in &self.cells {
            let mut open = Vec::new();
            for run in &cell.runs {
                let claimed = claims.get(&run.id);
                let free = claimed.is_none_or(|claimed| {
                    let owner = claimed.claim().map(|claim| claim.owner);
                    *dead.entry(owner).or_insert_with(|| store.is_dead(claimed, observer, now))
                });
                match free {
                    true => open.push((run.clone(), claimed.cloned())),
                    false => outlook.held += 1,
                }
            }
            if !open.is_empty() {
                let part = self.part(cell, workers);
                outlook.open.push(Open { cell: cell.cell, runs: open, part });
            }
        }
        Ok(outlook)
    }

    /// Whether a run failed since the beginning.
    pub fn failed(&self, store: &Store, id: &str) -> anyhow::Result<bool> {
        Ok(self.beginning.tried.contains(id) || self.beginning.noted(&store.failure_stamps()?, id))
    }
}
