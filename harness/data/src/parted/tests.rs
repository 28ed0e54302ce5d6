//! Parts of rows at hand and of fresh rows.

use super::*;
use crate::b2b_mimic::B2bMimicSpec;
use crate::production_sim::ProductionSimSpec;
use crate::split::SplitBy;
use crate::valor_release::ValorReleaseSpec;
use crate::{Treatment, table::TableSpec};

fn mimic(rows: usize) -> DataSpec {
    DataSpec::B2bMimic(B2bMimicSpec { rows, ..B2bMimicSpec::default() })
}

fn spec(rows: usize, validation: f64) -> SplitSpec {
    SplitSpec { test: Evaluation::Fresh { rows }, validation, ..SplitSpec::default() }
}

fn of(data: &DataSpec, spec: &SplitSpec, run_seed: u64) -> Parted {
    parted(data, spec, run_seed, Path::new("")).unwrap()
}

fn test_rows(parted: &Parted) -> Dataset {
    let mut rows = parted.dataset.select(&parted.split.test);
    rows.notes.clear();
    rows
}

fn refused(data: &DataSpec, spec: &SplitSpec) -> String {
    let error = parted(data, spec, 1, Path::new("")).unwrap_err();
    assert!(valor_base::error::is_input(&error), "{error:#}");
    error.to_string()
}

#[test]
fn all_rows_at_hand_are_learned_from_and_validation_is_a_share_of_them() {
    let parted = of(&mimic(1_000), &spec(500, 0.1), 1);
    let Split { train, validation, test } = &parted.split;
    assert_eq!((train.len(), validation.len(), test.len()), (900, 100, 500));
    assert!(train.iter().chain(validation).all(|row| *row < 1_000));
    assert_eq!(*test, (1_000..1_500).collect::<Vec<u32>>());
    assert_eq!(parted.test_numbers(), (0..500).collect::<Vec<u32>>());
    assert_eq!(parted.dataset.rows(), 1_500);
    assert_eq!(
        parted.dataset.notes,
        ["judged on 500 fresh rows of the same world, none of them among those to learn from"]
    );
    let known = load(&mimic(1_000), Path::new("")).unwrap();
    assert_eq!(parted.dataset.numeric.values[..known.numeric.values.len()], known.numeric.values);
    assert_eq!(test_rows(&parted), fresh(&mimic(1_000), 500).unwrap());
}

#[test]
fn fresh_rows_depend_on_the_world_alone() {
    let sources = [
        mimic(300),
        DataSpec::ProductionSim(ProductionSimSpec { rows: 300, ..ProductionSimSpec::default() }),
        DataSpec::ValorRelease(ValorReleaseSpec { users: 20, rows: Some(300), seed: 1 }),
    ];
    for data in sources {
        let whole = of(&data, &spec(400, 0.0), 1);
        let other = SplitSpec { seed: 7, per_seed: true, ..spec(400, 0.3) };
        let less = data.clone().with_rows(200);
        for again in [of(&data, &other, 1), of(&data, &other, 2), of(&less, &other, 3)] {
            assert!(bits(&test_rows(&again)) == bits(&test_rows(&whole)), "{}", data.place());
            assert_eq!(again.test_numbers(), whole.test_numbers());
        }
        let fewer = test_rows(&of(&data, &spec(150, 0.0), 1));
        assert_eq!(fewer.outcome, test_rows(&whole).outcome[..150]);
        assert_eq!(less.world(), data.world());
    }
    // A split of its own for every seed parts the rows to learn from, as ever.
    let own = |seed| of(&mimic(300), &SplitSpec { per_seed: true, ..spec(100, 0.2) }, seed).split.validation;
    assert_ne!(own(1), own(2));
}

/// Values whatever they are: some of production-sim are missing.
fn bits(rows: &Dataset) -> (Vec<u32>, &[f64], &[bool]) {
    (rows.numeric.values.iter().map(|value| value.to_bits()).collect(), &rows.outcome, rows.assigned())
}

#[test]
fn a_share_is_held_out_as_ever() {
    let held_out = of(&mimic(1_000), &SplitSpec::default(), 1);
    let known = load(&mimic(1_000), Path::new("")).unwrap();
    assert_eq!(held_out.split, split::split(&known, &SplitSpec::default(), 1, None).unwrap());
    assert_eq!((held_out.test_numbers(), &held_out.dataset), (held_out.split.test.clone(), &known));
}

#[test]
fn groups_stay_together_among_the_rows_at_hand_and_apart_from_fresh_ones() {
    let data = DataSpec::ValorRelease(ValorReleaseSpec { users: 30, rows: None, seed: 1 });
    let Parted { dataset, split, .. } = of(&data, &spec(500, 0.2), 1);
    let groups = |rows: &[u32]| -> BTreeSet<u64> {
        rows.iter().map(|row| dataset.group.as_ref().unwrap()[*row as usize]).collect()
    };
    let parts = [&split.train, &split.validation, &split.test].map(|rows| groups(rows));
    let together: BTreeSet<u64> = parts.iter().flatten().copied().collect();
    assert_eq!(together.len(), parts.iter().map(BTreeSet::len).sum::<usize>());
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let table: TableSpec = toml::from_str(
        "path = 'rows.csv'\noutcome = 'spent'\nnumeric = ['x']\ntreatment = 't'\ntreated = [1]\ncontrol = [0]",
    )
    .unwrap();
    let message = refused(&DataSpec::Table(table), &spec(100, 0.0));
    assert!(
        message.starts_with("evaluation: rows = 100: found a table (rows.csv), ")
            && message.contains("b2b-mimic"),
        "{message}"
    );
    assert!(refused(&mimic(100), &spec(0, 0.0)).contains("evaluation: rows = 0: allowed are"));
    assert!(
        refused(&mimic(100), &spec(1, 0.0)).contains("evaluation: rows = 1: none of the fresh rows is a ")
    );
    assert!(
        refused(&mimic(100), &spec(100, 1.0))
            .contains("validation = 1: allowed are numbers from 0 to below 1")
    );
    let message = refused(&mimic(1_000), &spec(u32::MAX as usize, 0.0));
    assert!(
        message.starts_with("b2b-mimic: rows = 1000, evaluation.rows = 4294967295: they need at least "),
        "{message}"
    );
    let by_time = SplitSpec { by: Some(SplitBy::Time), ..spec(100, 0.1) };
    assert!(refused(&mimic(100), &by_time).contains("these rows have no times"));
}

/// Rows of one time, in a group of their own.
fn dated(rows: usize, time: f64, group: u64) -> Parted {
    let dataset = Dataset {
        treatment: Some(Treatment::from((0..rows).map(|row| row % 2 == 0).collect::<Vec<bool>>())),
        outcome: vec![1.0; rows],
        time: Some(vec![time; rows]),
        group: Some(vec![group; rows]),
        ..Dataset::default()
    };
    Parted { dataset, split: Split::default(), before: 0 }
}

#[test]
fn fresh_rows_of_a_source_with_times_are_later_and_of_other_groups() {
    let later = with_fresh(dated(4, 1.0, 1), dated(3, 2.0, 2).dataset).unwrap();
    assert_eq!(
        (later.dataset.time, later.split.test),
        (Some(vec![1., 1., 1., 1., 2., 2., 2.]), vec![4, 5, 6])
    );
    let refused = |time, group| {
        let error = with_fresh(dated(4, 1.0, 1), dated(3, time, group).dataset).unwrap_err();
        assert!(!valor_base::error::is_input(&error));
        error.to_string()
    };
    assert!(refused(1.0, 2).contains("time"));
    assert!(refused(2.0, 1).contains("group"));
    let mut other = dated(3, 2.0, 2).dataset;
    other.time = None;
    assert!(with_fresh(dated(4, 1.0, 1), other).is_err());
}
