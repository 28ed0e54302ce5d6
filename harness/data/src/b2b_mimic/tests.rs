//! The check figures of b2b-mimic, over worlds.

use super::*;
use crate::market::{COLUMNS, Market};

fn small() -> B2bMimicSpec {
    B2bMimicSpec { rows: 5_000, ..B2bMimicSpec::default() }
}

fn truth(dataset: &Dataset) -> (&[f64], &[f64], &[f64]) {
    let truth = dataset.truth.as_ref().unwrap();
    let (control, treated) = truth.expected.as_ref().unwrap().two().unwrap();
    (truth.effect.as_ref().unwrap(), control, treated)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / f64::from(count)
}

fn descending(score: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..score.len()).collect();
    order.sort_by(|&a, &b| score[b].total_cmp(&score[a]));
    order
}

/// Mean over k of the share of the total effect in the top k, minus one half.
fn auuc_true(score: &[f64], effect: &[f64]) -> f64 {
    let total: f64 = effect.iter().sum();
    let mut sum = 0.0;
    mean(descending(score).into_iter().map(|row| {
        sum += effect[row];
        sum / total
    })) - 0.5
}

/// Mean over k of `(mean_t - mean_c) k` in the top k over its value at the end, minus one half.
fn auuc_observed(score: &[f64], dataset: &Dataset) -> f64 {
    let (mut count, mut sum) = ([0.0; 2], [0.0; 2]);
    let curve: Vec<f64> = descending(score)
        .into_iter()
        .map(|row| {
            let arm = usize::from(dataset.assigned()[row]);
            count[arm] += 1.0;
            sum[arm] += dataset.outcome[row];
            let arm_mean = |arm: usize| if count[arm] > 0.0 { sum[arm] / count[arm] } else { 0.0 };
            (arm_mean(1) - arm_mean(0)) * (count[0] + count[1])
        })
        .collect();
    let last = curve[curve.len() - 1];
    mean(curve.into_iter().map(|value| value / last.abs())) - 0.5
}

/// Name, published range over 16 worlds, and how far six worlds drawn by other streams may stray from it.
/// Outcome noise moves the observed areas of all rankings together, by SD .015 at full size.
const FIGURES: [(&str, f64, f64, f64); 10] = [
    ("share of zeros", 0.820, 0.824, 0.0),
    ("average effect", 3.6, 4.1, 0.0),
    ("share of negative effects", 0.305, 0.325, 0.0),
    ("auuc.true of the oracle", 0.44, 0.49, 0.0),
    ("auuc.true of E[Y0]", 0.28, 0.32, 0.0),
    ("auuc.true of the log-ratio", 0.35, 0.42, 0.0),
    ("auuc of the oracle", 0.43, 0.50, 0.02),
    ("auuc of E[Y0]", 0.27, 0.33, 0.02),
    ("auuc of the log-ratio", 0.35, 0.42, 0.02),
    ("auuc of the row number", 0.0, 0.0, 0.02),
];

#[test]
fn check_figures_over_worlds() {
    for world in 1..=6 {
        let dataset = generate(&B2bMimicSpec { world, ..B2bMimicSpec::default() });
        let (effect, control, treated) = truth(&dataset);
        let log_ratio: Vec<f64> = treated.iter().zip(control).map(|(t, c)| (t / c).ln()).collect();
        let row_number: Vec<f64> = (0..dataset.rows()).map(|row| row as f64).collect();
        let found = [
            mean(dataset.outcome.iter().map(|outcome| f64::from(u8::from(*outcome == 0.0)))),
            mean(effect.iter().copied()),
            mean(effect.iter().map(|effect| f64::from(u8::from(*effect < 0.0)))),
            auuc_true(effect, effect),
            auuc_true(control, effect),
            auuc_true(&log_ratio, effect),
            auuc_observed(effect, &dataset),
            auuc_observed(control, &dataset),
            auuc_observed(&log_ratio, &dataset),
            auuc_observed(&row_number, &dataset),
        ];
        for ((name, low, high, slack), found) in FIGURES.into_iter().zip(found) {
            assert!((low - slack..=high + slack).contains(&found), "world {world}: {name} = {found}");
        }
    }
}

#[test]
fn indices_are_standardised_and_orthogonal_in_every_world() {
    for world in 1..=6 {
        let spec = B2bMimicSpec { world, rows: 100_000, ..B2bMimicSpec::default() };
        let (dataset, setting) = (generate(&spec), spec.setting());
        let market = Market::new(&setting);
        let indices: Vec<(f64, f64)> =
            (0..spec.rows).map(|row| market.indices(dataset.numeric.row(row))).collect();
        let moment = |value: fn(&(f64, f64)) -> f64| mean(indices.iter().map(value));
        for (found, expected) in [
            (moment(|i| i.0), 0.0),
            (moment(|i| i.1), 0.0),
            (moment(|i| i.0 * i.0).sqrt(), 1.0),
            (moment(|i| i.1 * i.1).sqrt(), 1.0),
            (moment(|i| i.0 * i.1), 0.0),
        ] {
            assert!((found - expected).abs() < 0.02, "world {world}: {found} is not {expected}");
        }
    }
}

#[test]
fn rho_says_how_far_prognosis_finds_the_persuadable() {
    let score = |rho| {
        let dataset = generate(&B2bMimicSpec { rho, rows: 100_000, ..B2bMimicSpec::default() });
        let (effect, control, _) = truth(&dataset);
        auuc_true(control, effect)
    };
    assert!((0.14..0.20).contains(&score(0.0)), "{}", score(0.0));
    assert!((0.38..0.44).contains(&score(0.8)), "{}", score(0.8));
    assert!(score(-0.3) < 0.0, "{}", score(-0.3));
}

#[test]
fn a_row_is_the_same_whatever_rows_is() {
    let (few, many) = (generate(&B2bMimicSpec { rows: 1_000, ..small() }), generate(&small()));
    assert_eq!(few.rows(), 1_000);
    assert_eq!(few.numeric.values, many.numeric.values[..1_000 * COLUMNS]);
    assert_eq!(few.outcome, many.outcome[..1_000]);
    assert_eq!(few.assigned(), &many.assigned()[..1_000]);
    assert_eq!(truth(&few).0, &truth(&many).0[..1_000]);
}

#[test]
fn fresh_rows_are_the_same_however_many_there_are_and_whatever_is_learned_from() {
    let (few, many) = (fresh(&small(), 1_000), fresh(&small(), 5_000));
    assert_eq!((few.rows(), many.rows()), (1_000, 5_000));
    assert_eq!(few.numeric.values, many.numeric.values[..1_000 * COLUMNS]);
    assert_eq!((&few.outcome[..], few.assigned()), (&many.outcome[..1_000], &many.assigned()[..1_000]));
    assert_eq!(truth(&few).0, &truth(&many).0[..1_000]);
    assert_eq!(fresh(&B2bMimicSpec { rows: 70, ..small() }, 1_000), few);
    assert_ne!(fresh(&B2bMimicSpec { seed: 2, ..small() }, 1_000).numeric, few.numeric);
}

/// 66 normal numbers tell any two accounts apart.
#[test]
fn no_fresh_row_is_among_those_to_learn_from() {
    let rows = |dataset: &Dataset| -> std::collections::BTreeSet<Vec<u32>> {
        let row = |number| dataset.numeric.row(number).iter().map(|cell: &f32| cell.to_bits()).collect();
        (0..dataset.rows()).map(row).collect()
    };
    let (known, fresh) = (rows(&generate(&small())), rows(&fresh(&small(), 5_000)));
    assert_eq!((known.len(), fresh.len()), (5_000, 5_000));
    assert!(known.is_disjoint(&fresh));
}

/// Worlds lie apart by more than rows do: the indices of a fresh row are those of its market.
#[test]
fn fresh_rows_are_of_the_same_world() {
    let spec = B2bMimicSpec { world: 4, rows: 100_000, ..B2bMimicSpec::default() };
    let (known, others) = (generate(&spec), fresh(&spec, 100_000));
    let averages = |dataset: &Dataset| {
        let (effect, control, _) = truth(dataset);
        [mean(effect.iter().copied()), mean(control.iter().copied()), auuc_true(control, effect)]
    };
    for ((known, fresh), slack) in averages(&known).into_iter().zip(averages(&others)).zip([0.15, 0.15, 0.01])
    {
        assert!((known - fresh).abs() < slack, "{known} {fresh}");
    }
    let setting = spec.setting();
    let market = Market::new(&setting);
    let account = |row: usize| market.account(others.numeric.row(row));
    let (effect, _, _) = truth(&others);
    assert!((0..1_000).all(|row| account(row).expected(1) - account(row).expected(0) == effect[row]));
}

#[test]
fn threads_change_nothing() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| generate(&small()))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn world_and_seed_move_what_they_should() {
    let (base, world) = (generate(&small()), generate(&B2bMimicSpec { world: 2, ..small() }));
    let seed = generate(&B2bMimicSpec { seed: 2, ..small() });
    assert_eq!(base.numeric, world.numeric);
    assert_ne!(base.truth, world.truth);
    assert_ne!(base.numeric, seed.numeric);
}

#[test]
fn columns_are_what_their_names_say() {
    let dataset = generate(&small());
    let binary = dataset.features.iter().filter(|feature| feature.name.contains("_b")).count();
    assert_eq!((dataset.features.len(), binary), (COLUMNS, 34));
    for (column, feature) in dataset.features.iter().enumerate() {
        let cells: Vec<f64> =
            (0..dataset.rows()).map(|row| f64::from(dataset.numeric.row(row)[column])).collect();
        let is_binary = cells.iter().all(|cell| *cell == 0.0 || *cell == 1.0);
        assert_eq!(is_binary, feature.name.contains("_b"), "{}", feature.name);
        let expected = if is_binary { (0.5, 0.25) } else { (0.0, 1.0) };
        let average = mean(cells.iter().copied());
        let variance = mean(cells.iter().map(|cell| (cell - average).powi(2)));
        assert!((average - expected.0).abs() < 0.07, "{}: mean {average}", feature.name);
        assert!((variance - expected.1).abs() < 0.1, "{}: variance {variance}", feature.name);
    }
}

#[test]
fn confounded_assignment_chases_big_spenders_with_a_known_propensity() {
    let spec = B2bMimicSpec { propensity: Assignment::Confounded, rows: 50_000, ..B2bMimicSpec::default() };
    let (dataset, setting) = (generate(&spec), spec.setting());
    let market = Market::new(&setting);
    let propensity = dataset.propensity().unwrap();
    let treated = mean(dataset.assigned().iter().map(|treated| f64::from(u8::from(*treated))));
    assert!((treated - mean(propensity.iter().copied())).abs() < 0.01);
    assert!(propensity.iter().all(|share| (0.05..=0.95).contains(share)));
    assert!(propensity.contains(&0.95));
    let big: Vec<usize> =
        (0..spec.rows).filter(|row| market.indices(dataset.numeric.row(*row)).0 > 1.0).collect();
    let chased = mean(big.iter().map(|row| f64::from(u8::from(dataset.assigned()[*row]))));
    assert!(chased > 0.7, "{chased}");
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let refused = |spec: B2bMimicSpec| {
        let error = spec.validate().unwrap_err();
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    };
    assert!(refused(B2bMimicSpec { rows: 0, ..small() }).contains("rows = 0"));
    assert!(refused(B2bMimicSpec { rho: 1.5, ..small() }).contains("rho = 1.5"));
    assert!(refused(B2bMimicSpec { rho: f64::NAN, ..small() }).contains("rho = NaN"));
    assert!(refused(B2bMimicSpec { keep: 0.0, ..small() }).contains("keep = 0"));
    assert!(small().validate().is_ok());
}
