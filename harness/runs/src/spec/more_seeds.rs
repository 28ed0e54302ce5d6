//! Seeds beyond those that an experiment declares, cell by cell: what claims that are still open ask for.

use super::Cell;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many further seeds each cell has; none where a cell is not named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<OfCell>", into = "Vec<OfCell>")]
pub struct MoreSeeds(BTreeMap<Cell, usize>);

/// Further seeds of a cell.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct OfCell {
    cell: Cell,
    seeds: usize,
}

impl MoreSeeds {
    /// Further seeds of a cell.
    pub fn of(&self, cell: Cell) -> usize {
        self.0.get(&cell).copied().unwrap_or(0)
    }

    /// Asks for so many at least.
    pub fn ask(&mut self, cell: Cell, seeds: usize) {
        if seeds > self.of(cell) {
            self.0.insert(cell, seeds);
        }
    }

    /// Cells that have some, in the order of the table, with how many.
    pub fn cells(&self) -> impl Iterator<Item = (Cell, usize)> {
        self.0.iter().map(|(cell, seeds)| (*cell, *seeds))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<OfCell>> for MoreSeeds {
    fn from(cells: Vec<OfCell>) -> Self {
        Self(cells.into_iter().map(|of| (of.cell, of.seeds)).collect())
    }
}

impl From<MoreSeeds> for Vec<OfCell> {
    fn from(more: MoreSeeds) -> Self {
        more.cells().map(|(cell, seeds)| OfCell { cell, seeds }).collect()
    }
}
