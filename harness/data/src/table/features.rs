//! Gathers the feature cells of rows, one by one.

use super::columns::{Columns, Fault};
use super::value::Value;
use crate::{Feature, FeatureKind, MISSING, Matrix};
use std::collections::{BTreeMap, HashMap, HashSet};
use valor_base::error::shown;

/// The declared cells of one row of a file, by slot.
pub(super) trait Row {
    /// The value of a cell.
    fn value(&self, slot: usize) -> Value<'_>;
}

/// Feature cells so far.
#[derive(Default)]
pub(super) struct Features {
    rows: usize,
    numeric: Vec<f32>,
    /// One per numeric feature.
    large: Vec<LargeNumbers>,
    levels: Vec<Levels>,
}

/// Different numbers of a feature so large that 32 bits hold them only roughly, and what they became.
#[derive(Default)]
struct LargeNumbers {
    exact: HashSet<i128>,
    single: HashSet<u32>,
}

/// The levels of a categorical feature, numbered as they are met.
#[derive(Default)]
struct Levels {
    numbers: HashMap<String, u32>,
    /// Numbers of texts as they are spelled.
    spelled: HashMap<String, u32>,
    codes: Vec<u32>,
}

impl Features {
    /// Takes a row.
    pub(super) fn push(&mut self, columns: &Columns, row: &impl Row) -> Result<(), Fault> {
        self.large.resize_with(columns.numeric.len(), LargeNumbers::default);
        for (large, slot) in self.large.iter_mut().zip(columns.numeric.clone()) {
            let value = row.value(slot);
            let single = value.feature().map_err(|text| Fault { slot, text })?;
            if let Some(exact) = value.exact(single) {
                large.exact.insert(exact);
                large.single.insert(single.to_bits());
            }
            self.numeric.push(single);
        }
        self.levels.resize_with(columns.categorical.len(), Levels::default);
        for (levels, slot) in self.levels.iter_mut().zip(columns.categorical.clone()) {
            levels.push(&row.value(slot));
        }
        self.rows += 1;
        Ok(())
    }

    /// What a reader should know of numbers that 32 bits do not tell apart.
    pub(super) fn notes(&self, columns: &Columns) -> Vec<String> {
        let named = self.large.iter().zip(columns.numeric.clone());
        let merged = named.filter(|(large, _)| large.single.len() < large.exact.len());
        let note = |(large, slot): (&LargeNumbers, usize)| {
            format!(
                "column '{}': {} different numbers beyond 16,777,216 become {} in 32 bits, so that {} merge with a neighbour \
                 and cannot be told from it; subtract an offset, or make the column categorical",
                shown(columns.list[slot].0),
                large.exact.len(),
                large.single.len(),
                large.exact.len() - large.single.len()
            )
        };
        merged.map(note).collect()
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
    fn push(&mut self, value: &Value) {
        if let Value::Text(text) = value
            && let Some(code) = self.spelled.get(text.as_ref())
        {
            return self.codes.push(*code);
        }
        let Some(level) = value.level() else { return self.codes.push(MISSING) };
        let next = self.numbers.len() as u32;
        let code = *self.numbers.entry(level.into_owned()).or_insert(next);
        if let Value::Text(text) = value {
            self.spelled.insert(text.to_string(), code);
        }
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
