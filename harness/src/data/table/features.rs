//! Gathers the feature cells of rows, one by one.

use super::columns::Columns;
use super::values::Cell;
use crate::data::{Feature, FeatureKind, MISSING, Matrix};
use std::collections::{BTreeMap, HashMap};

/// The declared cells of one row of a file, by slot.
pub(super) trait Row {
    /// A trimmed text; empty where the cell is.
    fn text(&self, slot: usize) -> &str;
    /// A cell that should hold a number.
    fn cell(&self, slot: usize) -> Cell<'_>;
}

/// Feature cells so far.
#[derive(Default)]
pub(super) struct Features {
    rows: usize,
    numeric: Vec<f32>,
    levels: Vec<Levels>,
}

/// The levels of a categorical feature, numbered as they are met.
#[derive(Default)]
struct Levels {
    numbers: HashMap<String, u32>,
    codes: Vec<u32>,
}

impl Features {
    /// Takes a row. On error says in which slot the fault is, and what it is.
    pub(super) fn push(&mut self, columns: &Columns, row: &impl Row) -> Result<(), (usize, String)> {
        for slot in columns.numeric.clone() {
            self.numeric.push(row.cell(slot).feature().map_err(|fault| (slot, fault))?);
        }
        self.levels.resize_with(columns.categorical.len(), Levels::default);
        for (levels, slot) in self.levels.iter_mut().zip(columns.categorical.clone()) {
            levels.push(row.text(slot));
        }
        self.rows += 1;
        Ok(())
    }

    /// The features as declared, numeric ones first, and the values of the numeric ones.
    pub(super) fn finish(mut self, columns: &Columns) -> (Vec<Feature>, Matrix) {
        self.levels.resize_with(columns.categorical.len(), Levels::default);
        let name = |slot: usize| columns.list[slot].0.to_string();
        let numeric = columns.numeric.clone().enumerate();
        let numeric =
            numeric.map(|(column, slot)| Feature { name: name(slot), kind: FeatureKind::Numeric { column } });
        let categorical = columns.categorical.clone().zip(self.levels);
        let categorical =
            categorical.map(|(slot, levels)| Feature { name: name(slot), kind: levels.sorted() });
        let features = numeric.chain(categorical).collect();
        (features, Matrix { rows: self.rows, columns: columns.numeric.len(), values: self.numeric })
    }
}

impl Levels {
    fn push(&mut self, level: &str) {
        let code = match self.numbers.get(level) {
            Some(code) => *code,
            None if level.is_empty() => MISSING,
            None => {
                let code = self.numbers.len() as u32;
                self.numbers.insert(level.to_string(), code);
                code
            }
        };
        self.codes.push(code);
    }

    /// Renumbers the levels in the order of their names.
    fn sorted(self) -> FeatureKind {
        let sorted: BTreeMap<String, u32> = self.numbers.into_iter().collect();
        let mut renumbered = vec![0; sorted.len()];
        for (new, old) in sorted.values().enumerate() {
            renumbered[*old as usize] = new as u32;
        }
        let renumber = |code: u32| renumbered.get(code as usize).copied().unwrap_or(MISSING);
        FeatureKind::Categorical {
            codes: self.codes.into_iter().map(renumber).collect(),
            levels: sorted.into_keys().collect(),
        }
    }
}
