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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::load::declared;
    use std::path::Path;

    const CELL: Cell = Cell { dataset: 0, method: 1 };

    #[test]
    fn further_seeds_follow_the_largest_declared_one_in_their_cell_alone() {
        let sets = ["seeds=[7, 3]".to_string()];
        let plain = declared(Path::new("../../experiments/smoke.toml"), None, &sets).unwrap();
        let mut more = MoreSeeds::default();
        more.ask(CELL, 2);
        more.ask(CELL, 1);
        let extended = plain.with(more.clone());
        assert_eq!((extended.seeds_of(CELL), extended.more.of(CELL)), (vec![7, 3, 8, 9], 2));
        let (before, after) = (plain.runs(), extended.runs());
        assert_eq!(after.len(), before.len() + 2);
        assert!(before.iter().all(|run| after.contains(run)), "ids of declared runs stay");
        let further: Vec<u64> =
            after.iter().filter(|run| !before.contains(run)).map(|run| run.seed).collect();
        assert_eq!(further, [8, 9]);
        assert_eq!(extended.with(MoreSeeds::default()), plain);
        let text = serde_json::to_string(&more).unwrap();
        assert_eq!(serde_json::from_str::<MoreSeeds>(&text).unwrap(), more, "{text}");
    }

    #[test]
    fn the_cells_of_a_claim_are_those_that_it_compares() {
        let path = Path::new("../../experiments/table1.toml");
        let table = declared(path, None, &["decision.max-seeds=12".to_string()]).unwrap();
        for claim in &table.claims {
            let cells = table.cells_of(claim);
            let names = claim.statement.compared();
            assert!(cells.iter().all(|cell| names.contains(table.method(*cell).name.as_str())), "{claim:?}");
        }
        let most = table.with_most_seeds();
        assert!(
            most.more.cells().count() > 0
                && most.more.cells().all(|(_, seeds)| seeds == 12 - table.seeds.len())
        );
        let once = declared(path, None, &[]).unwrap();
        assert!(once.with_most_seeds().more.is_empty());
    }
}
