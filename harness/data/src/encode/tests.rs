//! Encodings by hand, and what they must not depend on.

use super::*;
use crate::MISSING;

/// Columns: a (one value missing), b (constant), c (missing only in the last row); colour, size.
fn dataset() -> Dataset {
    let nan = f32::NAN;
    let values = vec![1.0, 0.1, 5.0, 3.0, 0.1, 7.0, nan, 0.1, 9.0, 5.0, 0.1, 3.0, 100.0, 7.0, nan];
    let numeric = |name: &str, column| Feature { name: name.into(), kind: FeatureKind::Numeric { column } };
    let categorical = |name: &str, levels: &[&str], codes: [u32; 5]| Feature {
        name: name.into(),
        kind: FeatureKind::Categorical {
            levels: levels.iter().map(ToString::to_string).collect(),
            codes: codes.to_vec(),
        },
    };
    Dataset {
        features: vec![
            categorical("colour", &["blue", "green", "red"], [2, 0, 0, MISSING, 1]),
            numeric("a", 0),
            numeric("b", 1),
            numeric("c", 2),
            categorical("size", &["L", "S"], [0, 1, 0, 1, MISSING]),
        ],
        numeric: Matrix { rows: 5, columns: 3, values },
        treatment: Some(vec![true, false, true, false, true].into()),
        outcome: vec![0.0; 5],
        ..Dataset::default()
    }
}

#[test]
fn rows_are_encoded_as_the_training_rows_say() {
    let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
    let names = ["a", "b", "c", "a?", "colour=blue", "colour=red", "colour?", "size=L", "size=S"];
    assert_eq!(encoder.names(), names);
    let encoded = encoder.encode(&dataset()).unwrap();
    let sd_a = (8.0_f64 / 3.0).sqrt();
    let sd_c = 5.0_f64.sqrt();
    assert_eq!(
        encoded.row(0),
        [(-2.0 / sd_a) as f32, 0.0, (-1.0 / sd_c) as f32, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    );
    assert_eq!(encoded.row(2), [0.0, 0.0, (3.0 / sd_c) as f32, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    assert_eq!(encoded.row(3)[4..], [0.0, 0.0, 1.0, 0.0, 1.0]);
    let strange = [(97.0 / sd_a) as f32, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(encoded.row(4), strange, "constant, unseen and newly missing values say nothing");
}

/// Every row holds the same in the training rows: a number, a level, nothing at all, twice. The last row differs in all of them.
fn constant() -> Dataset {
    let nan = f32::NAN;
    let rows = [[0.1, nan, 1.0], [0.1, nan, 2.0], [0.1, nan, 4.0], [7.0, 3.0, 1.0], [nan, -5.0, 1.0]];
    let numeric = |name: &str, column| Feature { name: name.into(), kind: FeatureKind::Numeric { column } };
    let categorical = |name: &str, levels: &[&str], codes: [u32; 5]| Feature {
        name: name.into(),
        kind: FeatureKind::Categorical {
            levels: levels.iter().map(ToString::to_string).collect(),
            codes: codes.to_vec(),
        },
    };
    Dataset {
        features: vec![
            numeric("same", 0),
            numeric("never", 1),
            numeric("x", 2),
            categorical("one", &["a", "b"], [0, 0, 0, 1, MISSING]),
            categorical("none", &["a", "b"], [MISSING, MISSING, MISSING, 0, 1]),
        ],
        numeric: Matrix { rows: 5, columns: 3, values: rows.concat() },
        treatment: Some(vec![true, false, true, false, true].into()),
        outcome: vec![0.0; 5],
        ..Dataset::default()
    }
}

#[test]
fn what_is_the_same_in_all_training_rows_says_nothing_of_a_row_where_it_differs() {
    let encoder = Encoder::fit(&constant(), &[0, 1, 2], Encoding::Standard);
    assert_eq!(encoder.names(), ["same", "never", "x", "one=a", "none?"]);
    let encoded = encoder.encode(&constant()).unwrap();
    for row in 0..5 {
        let bits = |column: usize| encoded.row(row)[column].to_bits();
        assert_eq!([0, 1, 3, 4].map(bits), [0; 4], "row {row}: {:?}", encoded.row(row));
        assert_eq!(encoded.row(row)[2] == encoded.row(0)[2], row != 1 && row != 2);
    }
    assert_eq!(encoder.unseen(&constant()), [1, 2]);
    let json = serde_json::to_string(&encoder).unwrap();
    assert_eq!(serde_json::from_str::<Encoder>(&json).unwrap(), encoder);
    assert_eq!(json.matches("\"constant\":true").count(), 2, "{json}");
}

#[test]
fn a_level_beside_missing_cells_and_a_constant_number_beside_gaps_still_say_something() {
    let mut dataset = constant();
    dataset.numeric.values[0] = f32::NAN;
    if let FeatureKind::Categorical { codes, .. } = &mut dataset.features[3].kind {
        codes[1] = MISSING;
    }
    let encoder = Encoder::fit(&dataset, &[0, 1, 2], Encoding::Standard);
    assert_eq!(encoder.names(), ["same", "never", "x", "same?", "one=a", "one?", "none?"]);
    let encoded = encoder.encode(&dataset).unwrap();
    assert_eq!(encoded.row(0)[3..], [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(encoded.row(1)[3..], [0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn rounding_of_a_mean_is_not_taken_for_spread() {
    for value in [0.1_f32, 1e30, 1e-30, 16_777_217.0, -0.3] {
        let rows = 10_007;
        let dataset = Dataset {
            features: vec![Feature { name: "x".into(), kind: FeatureKind::Numeric { column: 0 } }],
            numeric: Matrix { rows, columns: 1, values: vec![value; rows] },
            treatment: Some(vec![true; rows].into()),
            outcome: vec![0.0; rows],
            ..Dataset::default()
        };
        let all: Vec<u32> = (0..rows as u32).collect();
        let encoder = Encoder::fit(&dataset, &all, Encoding::Standard);
        let mut other = dataset;
        other.numeric.values[0] = value + 1.0;
        assert!(encoder.encode(&other).unwrap().values.iter().all(|value| value.to_bits() == 0));
    }
}

#[test]
fn encoded_names_never_repeat() {
    let mut dataset = constant();
    for (feature, name) in dataset.features.iter_mut().zip(["one=a", "x?", "x", "one", "x="]) {
        feature.name = name.into();
    }
    dataset.numeric.values[2] = f32::NAN;
    let encoder = Encoder::fit(&dataset, &[0, 1, 2, 3], Encoding::Standard);
    let names = encoder.names();
    let different: std::collections::BTreeSet<&String> = names.iter().collect();
    assert_eq!(different.len(), names.len(), "{names:?}");
    assert_eq!(names[..3], ["one=a", "x?", "x"], "those that are columns of the file keep their names");
    assert!(names.contains(&"x? (2)".to_string()) && names.contains(&"one=a (2)".to_string()), "{names:?}");
    assert!(encoder.gives(&names));
}

#[test]
fn plain_rows_keep_their_numbers_and_lack_what_they_lack() {
    let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Plain);
    assert_eq!(encoder.names(), ["a", "b", "c", "colour", "size"]);
    let (number, levels) = (ColumnKind::Number, ColumnKind::Levels);
    assert_eq!(encoder.kinds(), [number, number, number, levels(2), levels(2)]);
    let encoded = encoder.encode(&dataset()).unwrap();
    assert_eq!(encoded.row(0), [1.0, 0.1, 5.0, 1.0, 0.0]);
    assert_eq!(encoded.row(1), [3.0, 0.1, 7.0, 0.0, 1.0]);
    assert!(encoded.row(2)[0].is_nan() && encoded.row(3)[3].is_nan());
    assert!(encoded.row(4)[2..].iter().all(|value| value.is_nan()), "green was not met; size is missing");
    let json = serde_json::to_string(&encoder).unwrap();
    assert_eq!(serde_json::from_str::<Encoder>(&json).unwrap(), encoder);
}

#[test]
fn no_other_row_has_influence() {
    let mut changed = dataset();
    changed.numeric.values[12..].copy_from_slice(&[-4.0, f32::NAN, 2e9]);
    if let FeatureKind::Categorical { codes, .. } = &mut changed.features[0].kind {
        codes[4] = MISSING;
    }
    assert_eq!(
        Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard),
        Encoder::fit(&changed, &[0, 1, 2, 3], Encoding::Standard)
    );
    assert_ne!(
        Encoder::fit(&dataset(), &[0, 1, 2, 4], Encoding::Standard),
        Encoder::fit(&changed, &[0, 1, 2, 4], Encoding::Standard)
    );
}

#[test]
fn chosen_rows_come_in_the_order_asked() {
    let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
    let (all, some) =
        (encoder.encode(&dataset()).unwrap(), encoder.encode_rows(&dataset(), &[3, 0]).unwrap());
    assert_eq!((some.row(0), some.row(1)), (all.row(3), all.row(0)));
}

#[test]
fn an_encoder_survives_json_and_meets_other_level_codes() {
    let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
    let json = serde_json::to_string(&encoder).unwrap();
    let encoder: Encoder = serde_json::from_str(&json).unwrap();
    let mut other = dataset();
    if let FeatureKind::Categorical { levels, codes } = &mut other.features[0].kind {
        *levels = vec!["amber".into(), "red".into()];
        *codes = vec![1, 0, 1, 1, 1];
    }
    let encoded = encoder.encode(&other).unwrap();
    assert_eq!(encoded.row(0)[4..7], [0.0, 1.0, 0.0]);
    assert_eq!(encoded.row(1)[4..7], [0.0, 0.0, 0.0]);
    other.features.remove(0);
    assert!(encoder.encode(&other).unwrap_err().to_string().contains("'colour'"));
}

#[test]
fn levels_that_are_not_known_are_counted() {
    let encoder = Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard);
    assert_eq!(encoder.unseen(&dataset()), [1, 0], "green in the last row; missing is no level");
    assert_eq!(encoder.categorical().collect::<Vec<_>>(), ["colour", "size"]);
    assert_eq!(encoder.numeric().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn threads_change_nothing() {
    let dataset =
        crate::b2b_mimic::generate(&crate::b2b_mimic::B2bMimicSpec { rows: 20_000, ..Default::default() });
    let train: Vec<u32> = (0..16_000).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            (
                Encoder::fit(&dataset, &train, Encoding::Standard),
                Encoder::fit(&dataset, &train, Encoding::Standard).encode(&dataset).unwrap(),
            )
        })
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn a_large_offset_does_not_drown_the_spread() {
    let mut shifted = dataset();
    shifted.numeric.values.iter_mut().for_each(|value| *value += 4_000_000.0);
    let encoded =
        Encoder::fit(&shifted, &[0, 1, 3], Encoding::Standard).encode_rows(&shifted, &[0, 1, 3]).unwrap();
    assert!((encoded.row(0)[0] + 1.224_745).abs() < 1e-5, "{}", encoded.row(0)[0]);
    assert_eq!(encoded.row(0)[1], 0.0);
}

/// The dataset with its numbers as one sequence.
fn with_sequence() -> Dataset {
    Dataset { sequences: vec![vec!["c".into(), "a".into()]], ..dataset() }
}

fn entry(columns: &[&str], rare: usize, sequences: bool) -> Entry {
    let columns = columns.iter().map(ToString::to_string).collect();
    Entry { embedded: Some(Embedded { columns, rare }), sequences }
}

#[test]
fn embedded_levels_enter_by_number() {
    let of = |entry: &Entry| {
        Encoder::entering(&with_sequence(), &[0, 1, 2, 3], Encoding::Standard, entry).unwrap()
    };
    let encoder = of(&entry(&[], 0, true));
    assert_eq!(encoder.names(), ["a", "b", "c", "a?", "colour", "size"]);
    let step = |place| ColumnKind::Step { sequence: 0, place };
    let (number, levels) = (ColumnKind::Number, ColumnKind::Levels);
    assert_eq!(encoder.kinds(), [step(1), number, step(0), number, levels(4), levels(3)]);
    let cells = |encoder: &Encoder, column: usize| -> Vec<f32> {
        let encoded = encoder.encode(&dataset()).unwrap();
        (0..5).map(|row| encoded.row(row)[column]).collect()
    };
    assert_eq!(cells(&encoder, 4), [1.0, 0.0, 0.0, 3.0, 2.0], "red, blue, blue, missing, green unseen");
    assert_eq!(
        cells(&encoder, 5),
        [0.0, 1.0, 0.0, 1.0, 2.0],
        "a missing cell is unseen where none was learned from"
    );
    assert_eq!(encoder.unseen(&dataset()), [1, 0]);
    // Red has one row.
    let rare = of(&entry(&["colour"], 2, false));
    assert_eq!(rare.names(), ["a", "b", "c", "a?", "colour", "size=L", "size=S"]);
    assert_eq!(rare.kinds()[4..], [levels(3), number, number]);
    assert_eq!(cells(&rare, 4), [1.0, 0.0, 0.0, 2.0, 1.0], "the rare and the unseen share a number");
    assert_eq!(rare.unseen(&dataset()), [1, 0], "a rare level was met");
    for encoder in [encoder, rare] {
        assert!(!encoder.is_usual());
        let json = serde_json::to_string(&encoder).unwrap();
        assert_eq!(serde_json::from_str::<Encoder>(&json).unwrap(), encoder);
    }
    let usual = Encoder::fit(&with_sequence(), &[0, 1, 2, 3], Encoding::Standard);
    assert!(usual.is_usual() && usual == Encoder::fit(&dataset(), &[0, 1, 2, 3], Encoding::Standard));
    let json = serde_json::to_string(&usual).unwrap();
    assert!(["embedded", "rare", "sequences"].iter().all(|key| !json.contains(key)), "{json}");
}

#[test]
fn an_embedded_column_that_is_constant_says_nothing() {
    let encoder =
        Encoder::entering(&constant(), &[0, 1, 2], Encoding::Standard, &entry(&[], 5, false)).unwrap();
    assert_eq!(encoder.names(), ["same", "never", "x", "one", "none"]);
    let encoded = encoder.encode(&constant()).unwrap();
    assert!((0..5).all(|row| encoded.row(row)[3..] == [0.0, 0.0]));
}

#[test]
fn what_the_columns_do_not_give_is_refused_by_its_key() {
    let refused = |dataset: &Dataset, entry: &Entry| {
        let error = entry.check(dataset).unwrap_err();
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    };
    let numeric = refused(&dataset(), &entry(&["size", "a"], 5, false));
    assert!(numeric.starts_with("model.embedding.columns: 'a' is numeric"), "{numeric}");
    assert!(numeric.contains("allowed are the categorical columns colour, size"), "{numeric}");
    let strange = refused(&dataset(), &entry(&["color"], 5, false));
    assert!(strange.contains("is no column of the data; did you mean 'colour'?"), "{strange}");
    assert!(refused(&dataset(), &entry(&[], 5, true)).contains("the data have no sequence"));
    let mut numbers = dataset();
    numbers.features.retain(|feature| matches!(feature.kind, FeatureKind::Numeric { .. }));
    assert!(refused(&numbers, &entry(&[], 5, false)).contains("no categorical columns"));
    entry(&["size"], 5, true).check(&with_sequence()).unwrap();
}

#[test]
fn numbers_of_levels_are_spread_for_models_that_know_numbers_alone() {
    let features = Matrix { rows: 2, columns: 2, values: vec![0.5, 1.0, -2.0, 2.0] };
    let kinds = [ColumnKind::Number, ColumnKind::Levels(3)];
    let spread = spread(&features, &kinds);
    assert_eq!((spread.row(0), spread.row(1)), (&[0.5, 0.0, 1.0, 0.0][..], &[-2.0, 0.0, 0.0, 1.0][..]));
    assert_eq!(*super::spread(&features, &[]), features);
}
