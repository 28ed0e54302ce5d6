//! Boosted trees for one arm against closed forms, against the same search written naively, and against LightGBM.

use super::bins::Binned;
use super::fixtures::{on_threads, uniform};
use super::histogram::{Grower, Growth};
use super::*;
use proptest::prelude::*;
use rand::Rng;
use rand::seq::SliceRandom;
use serde_json::Value;
use valor_base::seed::Seeds;
use valor_data::Matrix;
use valor_data::encode::ColumnKind;

const PLAIN: Growth = Growth { depth: 1, leaves: 2, leaf_rows: 1, l2: 0.5, level_l2: 0.0 };

/// Rows of one arm.
struct Customers {
    features: Matrix,
    kinds: Vec<ColumnKind>,
    outcome: Vec<f64>,
    train: Vec<u32>,
}

impl Customers {
    /// Values rise with the first column and with the level of the third; the second has gaps.
    fn drawn(rows: usize) -> Self {
        let mut stream = Seeds::new(21).stream();
        let mut features = uniform(rows, 5, &mut stream);
        for row in 0..rows {
            features.values[row * 5 + 2] = (row % 7) as f32;
            if row % 4 == 0 {
                features.values[row * 5 + 1] = f32::NAN;
            }
        }
        let outcome = (0..rows).map(|row| {
            let x = features.row(row);
            let log = 1.0 + f64::from(x[0]) + 0.3 * f64::from(x[2]) + stream.random_range(-0.5..0.5);
            if stream.random_bool(0.5) { log.exp() } else { 0.0 }
        });
        let outcome = outcome.collect();
        let mut kinds = vec![ColumnKind::Number; 5];
        kinds[2] = ColumnKind::Levels(7);
        Self { features, kinds, outcome, train: (0..rows as u32).collect() }
    }

    fn rows(&self) -> Rows<'_> {
        let Self { features, kinds, outcome, train } = self;
        Rows { features, kinds, treatment: &[], outcome, train }
    }

    fn fit(&self, spec: &ValueGbdtSpec) -> ValueGbdt {
        ValueGbdt::fit(spec, &self.rows(), &[]).0
    }

    fn said(&self, model: &ValueGbdt) -> Vec<u64> {
        let rows: Vec<&[f32]> = (0..self.features.rows).map(|row| self.features.row(row)).collect();
        model.predict_all(&rows).into_iter().map(|said| said.expected.to_bits()).collect()
    }
}

fn specs() -> Vec<ValueGbdtSpec> {
    let trees = GbdtSpec { rounds: 12, leaf_rows: 5, ..GbdtSpec::default() };
    let losses = [ValueLoss::Squared, ValueLoss::Tweedie(GbdtTweedieSpec::default()), ValueLoss::TwoStage];
    losses.map(|loss| ValueGbdtSpec { loss, trees: trees.clone() }).to_vec()
}

proptest! {
    /// The split of a root against every cut of every column, sums in floats.
    #[test]
    fn the_split_that_gains_most_is_found(
        rows in prop::collection::vec((0u8..6, 0u8..4, -3.0f64..3.0, 0.1f64..2.0), 2..40)
    ) {
        let values = rows.iter().flat_map(|row| [f32::from(row.0), f32::from(row.1)]).collect();
        let features = Matrix { rows: rows.len(), columns: 2, values };
        let places: Vec<u32> = (0..rows.len() as u32).collect();
        let binned = Binned::new(&features, &places, &[ColumnKind::Number; 2], 255);
        let slopes: Vec<[f64; 2]> = rows.iter().map(|row| [row.2, row.3]).collect();
        let grown = Grower::new(&binned, PLAIN).grow(&slopes, false);
        let sums = |inside: &dyn Fn(&[f32]) -> bool| {
            let chosen = (0..rows.len()).filter(|&row| inside(features.row(row)));
            chosen.fold((0.0, 0.0), |(first, second), row| (first + slopes[row][0], second + slopes[row][1]))
        };
        let worth = |(first, second): (f64, f64)| first * first / (second + PLAIN.l2) / 2.0;
        let whole = worth(sums(&|_| true));
        let mut most = 0.0_f64;
        for column in 0..2 {
            for cut in 0..6 {
                let goes = |row: &[f32]| row[column] <= f32::from(cut as u8);
                let (left, right) = (sums(&goes), sums(&|row| !goes(row)));
                if left.1 > 0.0 && right.1 > 0.0 {
                    most = most.max(worth(left) + worth(right) - whole);
                }
            }
        }
        let found = grown.tree.gain(0);
        prop_assert!((found - most).abs() <= 1e-6 * whole.max(1.0) || (found == 0.0 && most < 1e-6));
        // Steps in closed form.
        for (leaf, &(count, step)) in grown.leaves.iter().enumerate() {
            let (first, second) = sums(&|row| grown.tree.leaf(row) == leaf);
            prop_assert!((step + first / (second + PLAIN.l2)).abs() < 1e-6);
            prop_assert_eq!(count as usize, (0..rows.len()).filter(|&row| grown.tree.leaf(features.row(row)) == leaf).count());
        }
    }
}

#[test]
fn a_histogram_by_subtraction_is_that_by_counting() {
    let customers = Customers::drawn(3000);
    let binned = Binned::new(&customers.features, &customers.train, &customers.kinds, 64);
    let slopes: Vec<[f64; 2]> = customers.outcome.iter().map(|y| [3.0 - y, 1.0 + 0.1 * y]).collect();
    let growth = Growth { depth: 6, leaves: 40, leaf_rows: 10, l2: 0.0, level_l2: 10.0 };
    let deep = Grower::new(&binned, growth).grow(&slopes, false);
    // Every node's split, searched anew on its own rows.
    for place in 0..deep.tree.places() {
        let Place::Inner(split, _) = deep.tree.place(place) else { continue };
        let inside: Vec<u32> = customers
            .train
            .iter()
            .copied()
            .filter(|&row| passes(&deep.tree, customers.features.row(row as usize), place))
            .collect();
        let own = Binned {
            columns: binned
                .columns
                .iter()
                .map(|column| {
                    let mut column = column.clone();
                    column.codes = inside.iter().map(|&row| column.codes[row as usize]).collect();
                    column
                })
                .collect(),
        };
        let own_slopes: Vec<[f64; 2]> = inside.iter().map(|&row| slopes[row as usize]).collect();
        let again = Grower::new(&own, Growth { depth: 1, leaves: 2, ..growth }).grow(&own_slopes, false);
        let Place::Inner(found, _) = again.tree.place(0) else { panic!("a split was found before") };
        assert_eq!(found, split, "place {place}");
    }
}

/// Whether a row comes by a place.
fn passes(tree: &Tree, row: &[f32], wanted: usize) -> bool {
    let mut place = 0;
    loop {
        if place == wanted {
            return true;
        }
        let Place::Inner(split, [left, right]) = tree.place(place) else { return false };
        let value = row[split.column];
        let goes_left = match split.left {
            _ if value.is_nan() => split.missing_left,
            Predicate::UpTo(threshold) => value <= threshold,
            Predicate::Among(set) => set.contains(value as u8),
        };
        place = if goes_left { left } else { right };
    }
}

#[test]
fn neither_threads_nor_the_order_of_rows_change_a_bit() {
    let customers = Customers::drawn(9000);
    let mut shuffled = Customers { train: customers.train.clone(), ..Customers::drawn(9000) };
    shuffled.train.shuffle(&mut Seeds::new(2).stream());
    for spec in specs() {
        let alone = on_threads(1, || customers.fit(&spec));
        assert_eq!(on_threads(3, || customers.fit(&spec)), alone, "{}", spec.key());
        assert_eq!(customers.said(&shuffled.fit(&spec)), customers.said(&alone), "{}", spec.key());
    }
}

#[test]
fn one_leaf_says_the_mean_and_many_rounds_the_training_rows() {
    let mut customers = Customers::drawn(400);
    customers.features.values.iter_mut().for_each(|value| *value = 1.0);
    let mean = customers.outcome.iter().sum::<f64>() / 400.0;
    for spec in specs() {
        let said = customers.fit(&spec).predict_all(&[customers.features.row(0)])[0];
        assert!((said.expected / mean - 1.0).abs() < 1e-6, "{}: {} {mean}", spec.key(), said.expected);
    }
    let customers = Customers::drawn(300);
    let spec = ValueGbdtSpec {
        loss: ValueLoss::Squared,
        trees: GbdtSpec { rounds: 800, leaf_rows: 1, learning_rate: 0.3, ..GbdtSpec::default() },
    };
    let model = customers.fit(&spec);
    for row in 0..300 {
        let said = model.predict_all(&[customers.features.row(row)])[0].expected;
        assert!((said - customers.outcome[row]).abs() < 0.05, "{said} {}", customers.outcome[row]);
    }
}

#[test]
fn validation_rows_stop_the_rounds_and_keep_the_best() {
    let mut customers = Customers::drawn(1200);
    let watched: Vec<u32> = customers.train.split_off(800);
    for mut spec in specs() {
        spec.trees = GbdtSpec { rounds: 400, patience: 5, leaf_rows: 1, learning_rate: 0.5, ..spec.trees };
        let (model, rounds) = ValueGbdt::fit(&spec, &customers.rows(), &watched);
        for stage in &model.stages {
            assert!((1..400).contains(&stage.trees.len()), "{}: {}", spec.key(), stage.trees.len());
        }
        assert_eq!(rounds.train.len(), rounds.validation.len());
        assert!(rounds.train.len() > model.stages.iter().map(|stage| stage.trees.len()).min().unwrap());
    }
}

#[test]
fn options_out_of_range_are_refused_by_key() {
    let refused = |change: &dyn Fn(&mut ValueGbdtSpec)| {
        let mut spec = specs().remove(1);
        change(&mut spec);
        spec.validate().unwrap_err().to_string()
    };
    assert!(refused(&|spec| spec.trees.leaves = 1).contains("gbdt.leaves"));
    assert!(refused(&|spec| spec.trees.depth = 0).contains("gbdt.depth"));
    assert!(refused(&|spec| spec.trees.learning_rate = 0.0).contains("gbdt.learning-rate"));
    assert!(refused(&|spec| spec.trees.l2 = -1.0).contains("gbdt.l2"));
    let power = refused(&|spec| spec.loss = ValueLoss::Tweedie(GbdtTweedieSpec { power: 2.0 }));
    assert!(power.contains("gbdt-tweedie.power: found 2"), "{power}");
}

/// `scripts/fixtures/gbdt.py` on rows that it and this test draw by the same rule.
#[test]
fn predictions_are_those_of_lightgbm() {
    let text = include_str!("../../../fixtures/gbdt.json");
    let fixture: Value = serde_json::from_str(text).unwrap();
    let numbers = |value: &Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let columns = fixture["columns"].as_u64().unwrap() as usize;
    let values: Vec<f32> = numbers(&fixture["features"]).into_iter().map(|value| value as f32).collect();
    let rows = values.len() / columns;
    let customers = Customers {
        features: Matrix { rows, columns, values },
        kinds: vec![ColumnKind::Number; columns],
        outcome: numbers(&fixture["outcome"]),
        train: (0..rows as u32).collect(),
    };
    for case in fixture["cases"].as_array().unwrap() {
        let loss = match case["loss"].as_str().unwrap() {
            "squared" => ValueLoss::Squared,
            "tweedie" => ValueLoss::Tweedie(GbdtTweedieSpec { power: 1.5 }),
            _ => ValueLoss::TwoStage,
        };
        let whole = |key: &str| case[key].as_u64().unwrap() as usize;
        let trees = GbdtSpec {
            rounds: whole("rounds"),
            depth: whole("depth"),
            leaves: whole("leaves"),
            leaf_rows: whole("leaf-rows") as u64,
            learning_rate: case["learning-rate"].as_f64().unwrap(),
            l2: case["l2"].as_f64().unwrap(),
            ..GbdtSpec::default()
        };
        let model = customers.fit(&ValueGbdtSpec { loss, trees });
        for (row, expected) in numbers(&case["expected"]).into_iter().enumerate() {
            let said = model.predict_all(&[customers.features.row(row)])[0].expected;
            // LightGBM keeps slopes in 32 bits.
            let size = expected.abs().max(1.0);
            assert!((said - expected).abs() < 1e-3 * size, "{case:?} row {row}: {said} {expected}");
        }
    }
}
