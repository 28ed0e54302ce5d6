//! The check figures of production-sim, over worlds.

use super::*;
use crate::describe::describe;
use crate::encode::{Encoder, Encoding};
use valor_stats::metrics::{RankedRows, ScoredRows, evaluate};

fn small() -> ProductionSimSpec {
    ProductionSimSpec { rows: 5_000, ..ProductionSimSpec::default() }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / f64::from(count)
}

/// Metrics of a ranking, with everything that the generator knows.
fn judge<const N: usize>(dataset: &Dataset, score: &[f64], names: [&str; N]) -> [f64; N] {
    let truth = dataset.truth.as_ref().unwrap();
    let judged = ScoredRows {
        propensity: dataset.propensity(),
        effect: truth.effect.as_deref(),
        ..ScoredRows::new(score, dataset.assigned(), &dataset.outcome)
    };
    let found = evaluate(&names, &RankedRows::new(&judged).unwrap()).unwrap();
    names.map(|name| found[name].value.unwrap())
}

/// Name and range over 16 worlds at full size, each with the seed of its own number; inverse weights recover the
/// average effect and the areas only as far as rare and large outcomes let them.
const FIGURES: [(&str, f64, f64); 12] = [
    ("share of zeros", 0.927, 0.933),
    ("average effect", 75.0, 85.0),
    ("share of negative effects", 0.335, 0.357),
    ("correlation of E[Y0] with the effect", 0.70, 0.83),
    ("auuc.true of the oracle", 0.44, 0.46),
    ("auuc.true of E[Y0]", 0.35, 0.37),
    ("auuc.true of the log-ratio", 0.37, 0.40),
    ("error of ate", 88.0, 171.0),
    ("error of ate.ipw", -52.0, 23.0),
    ("auuc of the oracle", 0.19, 0.26),
    ("auuc.ipw of the oracle", 0.38, 0.65),
    ("share treated", 0.49, 0.50),
];

fn figures(dataset: &Dataset) -> [f64; 12] {
    let truth = dataset.truth.as_ref().unwrap();
    let effect = truth.effect.as_ref().unwrap();
    let (control, treated) = truth.expected.as_ref().unwrap().two().unwrap();
    let log_ratio: Vec<f64> =
        treated.iter().zip(control).map(|(treated, control)| (treated / control).ln()).collect();
    let names = ["ate", "ate.ipw", "auuc", "auuc.ipw", "auuc.true"];
    let [ate, ate_ipw, auuc, auuc_ipw, oracle] = judge(dataset, effect, names);
    let described = describe(dataset).unwrap();
    let known = described.truth.unwrap();
    [
        described.zeros,
        known.average_effect,
        known.negative,
        known.correlation.unwrap(),
        oracle,
        judge(dataset, control, ["auuc.true"])[0],
        judge(dataset, &log_ratio, ["auuc.true"])[0],
        ate - known.average_effect,
        ate_ipw - known.average_effect,
        auuc,
        auuc_ipw,
        dataset.treatment.as_ref().unwrap().treated() as f64 / dataset.rows() as f64,
    ]
}

#[test]
fn check_figures_over_worlds() {
    let mut wrong = Vec::new();
    for world in 1..=6 {
        let found = figures(&generate(&ProductionSimSpec { world, seed: world, ..Default::default() }));
        for ((name, low, high), found) in FIGURES.into_iter().zip(found) {
            if !(low..=high).contains(&found) {
                wrong.push(format!("world {world}: {name} = {found}"));
            }
        }
        assert!(found[4] > found[5] + 0.05, "world {world}: prognosis finds the persuadable: {found:?}");
        assert!(found[8].abs() < 0.6 * found[7].abs(), "world {world}: ate.ipw: {found:?}");
        let off = |auuc: f64| (auuc - found[4]).abs();
        assert!(off(found[10]) < off(found[9]), "world {world}: auuc.ipw: {found:?}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_share_of_zeros_is_what_was_asked_for_in_every_setting() {
    for (world, zeros, rho, propensity) in [
        (1, 0.7, 1.0, Assignment::Confounded),
        (2, 0.8, -1.0, Assignment::Confounded),
        (3, 0.93, -0.5, Assignment::Randomised),
        (4, 0.99, 0.0, Assignment::Confounded),
    ] {
        let spec = ProductionSimSpec { world, seed: world, zeros, rho, propensity, ..Default::default() };
        assert!(spec.validate().is_ok() && spec.setting().keep < 1.0, "{spec:?}");
        let found = describe(&generate(&spec)).unwrap().zeros;
        // Four standard errors of 80,000 rows.
        let slack = 4.0 * (zeros * (1.0 - zeros) / 80_000.0).sqrt();
        assert!((found - zeros).abs() < slack, "{found} zeros of {spec:?}");
    }
}

#[test]
fn the_keep_probability_is_the_worlds_and_not_of_the_rows_at_hand() {
    let keep = |spec: ProductionSimSpec| spec.setting().keep;
    assert_eq!(keep(small()), keep(ProductionSimSpec { rows: 10, seed: 9, ..small() }));
    assert_ne!(keep(small()), keep(ProductionSimSpec { world: 2, ..small() }));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| generate(&small()).truth)
    };
    assert_eq!(with(1), with(3));
}

/// Values with their bits: a missing cell equals itself.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

#[test]
fn a_row_is_the_same_whatever_rows_is() {
    let (few, many) = (generate(&ProductionSimSpec { rows: 1_500, ..small() }), generate(&small()));
    let columns = many.numeric.columns;
    assert_eq!((few.rows(), columns), (1_500, 140));
    assert_eq!(bits(&few.numeric.values), bits(&many.numeric.values[..1_500 * columns]));
    assert_eq!(few.outcome, many.outcome[..1_500]);
    assert_eq!(few.assigned(), &many.assigned()[..1_500]);
    let effect = |dataset: &Dataset| dataset.truth.as_ref().unwrap().effect.clone().unwrap();
    assert_eq!(effect(&few), effect(&many)[..1_500]);
}

#[test]
fn fresh_rows_are_the_same_however_many_and_of_the_same_world() {
    let (few, many) = (fresh(&small(), 1_500), fresh(&small(), 5_000));
    assert_eq!(bits(&few.numeric.values), bits(&many.numeric.values[..1_500 * many.numeric.columns]));
    assert_eq!(few.outcome, many.outcome[..1_500]);
    let known = generate(&small());
    assert_eq!(known.notes, many.notes, "a stand-in says so");
    let noise = |dataset: &Dataset| dataset.numeric.row(0)[COLUMNS..].to_vec();
    assert_ne!(noise(&known), noise(&many));
    assert!(known.outcome != many.outcome);
    let spec = ProductionSimSpec { rows: 100_000, ..ProductionSimSpec::default() };
    let averages = |dataset: &Dataset| {
        let [zeros, effect, negative, ..] = figures(dataset);
        [zeros, effect, negative]
    };
    let pairs = averages(&generate(&spec)).into_iter().zip(averages(&fresh(&spec, 100_000)));
    for ((known, fresh), slack) in pairs.zip([0.005, 5.0, 0.01]) {
        assert!((known - fresh).abs() < slack, "{known} {fresh}");
    }
}

#[test]
fn accounts_lack_a_block_as_a_whole_and_independently() {
    let dataset = generate(&ProductionSimSpec { rows: 40_000, ..small() });
    let lacks = |row: usize, block: Block| {
        let cells = &dataset.numeric.row(row)[block.columns()];
        let missing = cells.iter().filter(|cell| cell.is_nan()).count();
        assert!(missing == 0 || missing == cells.len(), "row {row} lacks a part of a block");
        missing > 0
    };
    let share =
        |lacks: &dyn Fn(usize) -> bool| mean((0..dataset.rows()).map(|row| f64::from(u8::from(lacks(row)))));
    let [compute, ai] = TELEMETRY;
    for block in TELEMETRY {
        assert!((share(&|row| lacks(row, block)) - 0.1).abs() < 0.006);
        let treated = share(&|row| dataset.assigned()[row]);
        let both = share(&|row| dataset.assigned()[row] && lacks(row, block));
        assert!((both - 0.1 * treated).abs() < 0.006, "{both}");
    }
    assert!((share(&|row| lacks(row, compute) && lacks(row, ai)) - 0.01).abs() < 0.002);
    assert_eq!(share(&|row| lacks(row, BLOCKS[0])), 0.0);
    assert!(dataset.truth.unwrap().effect.unwrap().iter().all(|effect| effect.is_finite()));
}

#[test]
fn networks_see_an_indicator_and_the_training_mean() {
    let dataset = generate(&small());
    let train: Vec<u32> = (0..4_000).collect();
    let encoder = Encoder::fit(&dataset, &train, Encoding::Standard);
    let names = encoder.names();
    assert_eq!(names.len(), 140 + 60);
    let place = |name: &str| names.iter().position(|known| known == name).unwrap();
    let encoded = encoder.encode(&dataset).unwrap();
    let row = (0..5_000).find(|row| dataset.numeric.row(*row)[BLOCKS[2].columns()][25].is_nan()).unwrap();
    assert_eq!((encoded.row(row)[place("ai_c16")], encoded.row(row)[place("ai_c16?")]), (0.0, 1.0));
    assert!(encoded.values.iter().all(|value| value.is_finite()));
    assert!(!names.contains(&"profile_c01?".to_string()) && !names.contains(&"noise_c40?".to_string()));
}

#[test]
fn noise_tells_nothing_and_assignment_chases_big_spenders() {
    let dataset = generate(&ProductionSimSpec { rows: 40_000, ..small() });
    let correlation = |left: &[f64], right: &[f64]| {
        let (a, b) = (mean(left.iter().copied()), mean(right.iter().copied()));
        let product =
            |x: &[f64], y: &[f64], a: f64, b: f64| mean(x.iter().zip(y).map(|(x, y)| (x - a) * (y - b)));
        product(left, right, a, b) / (product(left, left, a, a) * product(right, right, b, b)).sqrt()
    };
    let prognosis: Vec<f64> = dataset
        .truth
        .as_ref()
        .unwrap()
        .expected
        .as_ref()
        .and_then(|expected| expected.control())
        .unwrap()
        .iter()
        .map(|control| control.ln())
        .collect();
    let propensity = dataset.propensity().unwrap();
    assert!(propensity.iter().all(|share| (0.05..=0.95).contains(share)));
    assert!(correlation(propensity, &prognosis) > 0.8, "{}", correlation(propensity, &prognosis));
    for column in [COLUMNS, COLUMNS + NOISE - 1] {
        let noise: Vec<f64> = (0..40_000).map(|row| f64::from(dataset.numeric.row(row)[column])).collect();
        assert!(correlation(&noise, &prognosis).abs() < 0.02 && mean(noise.iter().copied()).abs() < 0.02);
        assert!((mean(noise.iter().map(|value| value * value)) - 1.0).abs() < 0.03);
    }
}

#[test]
fn labels_use_the_same_draws_whatever_the_options_are() {
    let base = ProductionSimSpec { propensity: Assignment::Randomised, ..small() };
    let (one, other) = (generate(&base), generate(&ProductionSimSpec { rho: -0.5, zeros: 0.8, ..base }));
    assert_eq!(one.treatment, other.treatment);
    assert_eq!(bits(&one.numeric.values), bits(&other.numeric.values));
    let control = |row: &usize| !one.assigned()[*row] && one.outcome[*row] > 0.0;
    let bought: Vec<usize> = (0..5_000).filter(control).collect();
    assert!(!bought.is_empty() && bought.iter().all(|row| one.outcome[*row] == other.outcome[*row]));
}

#[test]
fn it_says_that_it_is_a_stand_in_and_refuses_options_out_of_range() {
    assert_eq!(generate(&small()).notes, [STAND_IN]);
    let refused = |spec: ProductionSimSpec| {
        let error = spec.validate().unwrap_err();
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    };
    assert!(refused(ProductionSimSpec { rows: 0, ..small() }).contains("rows = 0"));
    assert!(refused(ProductionSimSpec { rho: -1.5, ..small() }).contains("rho = -1.5"));
    assert!(refused(ProductionSimSpec { zeros: 1.0, ..small() }).contains("zeros = 1"));
    assert!(refused(ProductionSimSpec { zeros: f64::NAN, ..small() }).contains("zeros = NaN"));
}
