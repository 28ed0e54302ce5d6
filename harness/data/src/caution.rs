//! What makes rows weak evidence, said before anybody believes a table made from them.

use super::Dataset;
use std::collections::BTreeMap;

/// A group that holds this share of the rows or more leaves a split by group little to choose.
pub const LARGE_GROUP: f64 = 0.9;

/// An arm with this share of the rows or less is few.
pub const FEW: f64 = 0.02;

/// Propensities below the first or above the second are near 0 or 1.
pub const NEAR: [f64; 2] = [0.02, 0.98];

/// How large the share of rows with such a propensity must be to be worth a word.
pub const SOME: f64 = 0.01;

/// What a reader should know of the rows: arms of few rows, known propensities near 0 or 1, a group that holds nearly all.
pub fn cautions(dataset: &Dataset) -> Vec<String> {
    let propensity = dataset.treatment.as_ref().and_then(|treatment| treatment.propensity.as_deref());
    let propensity = propensity.and_then(|values| near_certain("a known propensity", values));
    [few(dataset), propensity, large_group(dataset)].into_iter().flatten().collect()
}

/// Said where more than [`SOME`] of the rows have a propensity outside [`NEAR`]; `what` is how it is known.
pub fn near_certain(what: &str, propensities: &[f64]) -> Option<String> {
    let [low, high] = NEAR;
    let count = propensities.iter().filter(|value| **value < low || **value > high).count();
    let rows = propensities.len();
    (count as f64 > SOME * rows as f64).then(|| {
        format!(
            "little overlap: {count} of {rows} rows have {what} below {low} or above {high}; hardly any row like them is in \
             the other arm, and their effects are extrapolated"
        )
    })
}

fn few(dataset: &Dataset) -> Option<String> {
    let rows = dataset.rows();
    let treated = dataset.treatment.as_ref()?.treated();
    let (count, arm) = [(treated, "treated"), (rows - treated, "control")].into_iter().min()?;
    (count > 0 && count as f64 <= FEW * rows as f64).then(|| {
        format!(
            "little overlap: {count} of {rows} rows ({:.1} %) are {arm}; all that is said of effects rests on these, and a \
             batch may hold none of them",
            100.0 * count as f64 / rows as f64
        )
    })
}

fn large_group(dataset: &Dataset) -> Option<String> {
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    for label in dataset.group.iter().flatten() {
        *sizes.entry(*label).or_default() += 1;
    }
    let (rows, largest) = (dataset.rows(), *sizes.values().max()?);
    (largest as f64 >= LARGE_GROUP * rows as f64).then(|| {
        let column = dataset.units.group.as_ref().map(|name| format!(" of the column '{name}'")).unwrap_or_default();
        format!(
            "one group{column} holds {largest} of {rows} rows ({:.1} %): a split by group cannot have the shares that were asked for",
            100.0 * largest as f64 / rows as f64
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Treatment, UnitColumns};

    /// 1,000 rows, of which so many are treated.
    fn dataset(treated: usize) -> Dataset {
        Dataset {
            treatment: Some(Treatment {
                assigned: (0..1000).map(|row| row < treated).collect(),
                propensity: None,
            }),
            outcome: vec![0.0; 1000],
            ..Dataset::default()
        }
    }

    #[test]
    fn an_arm_of_few_rows_is_said() {
        for (treated, words) in
            [(10, "10 of 1000 rows (1.0 %) are treated"), (985, "15 of 1000 rows (1.5 %) are control")]
        {
            let found = cautions(&dataset(treated));
            assert!(
                found.len() == 1 && found[0].starts_with("little overlap: ") && found[0].contains(words),
                "{found:?}"
            );
        }
        assert!(cautions(&dataset(30)).is_empty() && cautions(&dataset(970)).is_empty());
    }

    #[test]
    fn propensities_near_certainty_are_said() {
        let mut dataset = dataset(500);
        let know = |dataset: &mut Dataset, propensity: fn(usize) -> f64| {
            dataset.treatment.as_mut().unwrap().propensity = Some((0..1000).map(propensity).collect());
        };
        know(&mut dataset, |row| if row < 20 { 0.99 } else { 0.5 });
        let found = cautions(&dataset);
        assert!(
            found.len() == 1 && found[0].contains("20 of 1000 rows have a known propensity"),
            "{found:?}"
        );
        know(&mut dataset, |row| if row < 10 { 0.01 } else { 0.5 });
        assert!(cautions(&dataset).is_empty(), "one in a hundred is no reason");
    }

    #[test]
    fn a_group_of_nearly_all_rows_is_said_with_its_column() {
        let mut dataset = dataset(500);
        dataset.group = Some((0..1000).map(|row| if row < 900 { 7 } else { row }).collect());
        dataset.units = UnitColumns { group: Some("firm".to_string()), ..UnitColumns::default() };
        let found = cautions(&dataset);
        assert!(
            found.len() == 1 && found[0].contains("of the column 'firm' holds 900 of 1000 rows (90.0 %)"),
            "{found:?}"
        );
        dataset.group = Some((0..1000).map(|row| if row < 899 { 7 } else { row }).collect());
        assert!(cautions(&dataset).is_empty());
    }
}
