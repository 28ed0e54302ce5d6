//! The check figures of value-sim, over domains and worlds.

use super::law::Law;
use super::*;
use crate::parted;
use crate::split::SplitSpec;
use crate::{DataSpec, Evaluation};
use std::collections::BTreeSet;
use std::path::Path;

fn small() -> ValueSimSpec {
    ValueSimSpec { rows: 5_000, ..ValueSimSpec::default() }
}

fn truth(dataset: &Dataset) -> (&[f64], &[f64]) {
    let truth = dataset.truth.as_ref().unwrap();
    let (Some(Arms::One(expected)), Some(Arms::One(conversion))) = (&truth.expected, &truth.conversion)
    else {
        panic!("{truth:?}")
    };
    (expected, conversion)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / f64::from(count)
}

/// Standard error of the mean of a difference.
fn error(differences: &[f64]) -> f64 {
    let average = mean(differences.iter().copied());
    let variance = mean(differences.iter().map(|difference| (difference - average).powi(2)));
    (variance / differences.len() as f64).sqrt()
}

/// Share of all value that the top share of customers hold.
fn held(outcome: &[f64], top: f64) -> f64 {
    let mut sorted = outcome.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let count = (top * sorted.len() as f64) as usize;
    sorted[..count].iter().sum::<f64>() / sorted.iter().sum::<f64>()
}

/// What a domain's rows are, by name.
fn figures(dataset: &Dataset) -> Vec<(&'static str, f64)> {
    let (expected, conversion) = truth(dataset);
    let outcome = &dataset.outcome;
    let mut positive: Vec<f64> = outcome.iter().copied().filter(|outcome| *outcome > 0.0).collect();
    positive.sort_by(f64::total_cmp);
    let quantile = |share: f64| positive[(share * (positive.len() - 1) as f64) as usize];
    let half = |early: bool| {
        let times = dataset.time.as_ref().unwrap();
        let rows = outcome.iter().zip(times).filter(|(_, day)| (**day < 365.0) == early);
        let chosen: Vec<f64> = rows.map(|(outcome, _)| *outcome).collect();
        (
            mean(chosen.iter().copied()),
            mean(chosen.iter().map(|outcome| f64::from(u8::from(*outcome == 0.0)))),
        )
    };
    vec![
        ("zeros", mean(outcome.iter().map(|outcome| f64::from(u8::from(*outcome == 0.0))))),
        ("1 - P", 1.0 - mean(conversion.iter().copied())),
        ("mean", mean(outcome.iter().copied())),
        ("E", mean(expected.iter().copied())),
        ("top 1 %", held(outcome, 0.01)),
        ("top 1 % of E", held(expected, 0.01)),
        ("q10", quantile(0.1)),
        ("q50", quantile(0.5)),
        ("q75", quantile(0.75)),
        ("q99", quantile(0.99)),
        ("most", quantile(1.0)),
        ("mean early", half(true).0),
        ("mean late", half(false).0),
        ("zeros early", half(true).1),
        ("zeros late", half(false).1),
    ]
}

#[test]
fn check_figures_over_domains_and_worlds() {
    for (domain, zeros) in [(1, 0.336), (2, 0.646), (3, 0.458)] {
        for world in 1..=2 {
            let dataset = generate(&ValueSimSpec { domain, world, ..ValueSimSpec::default() });
            let found = figures(&dataset);
            println!("domain {domain}, world {world}: {found:.4?}");
            let figure = |name: &str| found.iter().find(|(known, _)| *known == name).unwrap().1;
            assert!((figure("zeros") - zeros).abs() < 0.006, "domain {domain}, world {world}: {found:?}");
            assert!((0.2..=0.3).contains(&figure("top 1 %")), "domain {domain}, world {world}: {found:?}");
            let (expected, conversion) = truth(&dataset);
            let off: Vec<f64> =
                dataset.outcome.iter().zip(expected).map(|(outcome, expected)| outcome - expected).collect();
            assert!(mean(off.iter().copied()).abs() < 4.0 * error(&off), "domain {domain}, world {world}");
            // Ten groups by P: as many spend as should.
            let mut order: Vec<usize> = (0..dataset.rows()).collect();
            order.sort_by(|a, b| conversion[*a].total_cmp(&conversion[*b]));
            for group in order.chunks(dataset.rows() / 10) {
                let spent = mean(group.iter().map(|row| f64::from(u8::from(dataset.outcome[*row] > 0.0))));
                let said = mean(group.iter().map(|row| conversion[*row]));
                let slack = 4.0 * (said * (1.0 - said) / group.len() as f64).sqrt();
                assert!((spent - said).abs() < slack, "domain {domain}, world {world}: {spent} {said}");
            }
        }
    }
}

/// The moments against draws of one customer's law, for laws of every kind.
#[test]
fn moments_are_those_of_the_draws() {
    let usual = Law {
        shares: [1.0, 0.0, 0.0],
        purchases: 1.7,
        amount: 12.0,
        plans: [0.4, 0.3, 0.2, 0.1],
        prices: [5.0, 10.0, 20.0, 50.0],
        stay: 0.8,
        back: 0.7,
        least: 100.0,
    };
    let laws = [
        usual,
        Law { shares: [0.0, 1.0, 0.0], ..usual },
        Law { shares: [0.0, 0.0, 1.0], ..usual },
        Law { shares: [0.6, 0.3, 0.1], purchases: 0.2, ..usual },
    ];
    for (number, law) in laws.into_iter().enumerate() {
        let mut stream = Seeds::new(7).at(number as u64).stream();
        let drawn: Vec<f64> = (0..200_000).map(|_| law.draw(&mut stream)).collect();
        let off = mean(drawn.iter().copied()) - law.expected();
        assert!(off.abs() < 4.0 * error(&drawn), "{number}: {off}");
        let spent: Vec<f64> = drawn.iter().map(|value| f64::from(u8::from(*value > 0.0))).collect();
        let off = mean(spent.iter().copied()) - law.conversion();
        assert!(off.abs() <= 4.0 * error(&spent), "{number}: {off}");
    }
}

/// Prices are point masses: a subscriber pays whole multiples of one of four.
#[test]
fn subscribers_stand_on_price_points() {
    let dataset = generate(&ValueSimSpec { domain: 3, rows: 20_000, ..ValueSimSpec::default() });
    let times = dataset.time.as_ref().unwrap();
    let on = |outcome: f64, day: f64| {
        let raise = if day < 400.0 { 1.0 } else { 1.1 };
        let payments = [2.99, 5.99, 11.99, 29.99].map(|price| outcome / (price * raise));
        payments.iter().any(|count| (count - count.round()).abs() < 1e-9 && count.round() <= 6.0)
    };
    let positive = dataset.outcome.iter().zip(times).filter(|(outcome, _)| **outcome > 0.0);
    let share = mean(positive.map(|(outcome, day)| f64::from(u8::from(on(*outcome, *day)))));
    assert!((0.15..0.6).contains(&share), "{share}");
}

#[test]
fn a_row_is_the_same_whatever_rows_is_and_threads_change_nothing() {
    let (few, many) = (generate(&ValueSimSpec { rows: 1_500, ..small() }), generate(&small()));
    let first: Vec<u32> = (0..1_500).collect();
    assert_eq!(few, many.select(&first));
    let (few, many) = (fresh(&small(), 1_500), fresh(&ValueSimSpec { rows: 7, ..small() }, 5_000));
    assert_eq!(few, many.select(&first));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| generate(&small()))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn fresh_rows_are_others_and_later() {
    let (known, others) = (generate(&small()), fresh(&small(), 5_000));
    let rows = |dataset: &Dataset| -> BTreeSet<Vec<u32>> {
        let row =
            |number| dataset.numeric.row(number)[..CONTINUOUS].iter().map(|cell| cell.to_bits()).collect();
        (0..dataset.rows()).map(row).collect()
    };
    assert!(rows(&known).is_disjoint(&rows(&others)));
    let within = |dataset: &Dataset, days: std::ops::Range<f64>| {
        dataset.time.as_ref().unwrap().iter().all(|day| days.contains(day))
    };
    assert!(within(&known, 0.0..730.0) && within(&others, 730.0..820.0));
    let data = DataSpec::ValueSim(small());
    for test in [Evaluation::Fresh { rows: 2_000 }, Evaluation::Share(0.4)] {
        let spec = SplitSpec { test, validation: 0.1, ..SplitSpec::default() };
        let parted = parted(&data, &spec, 1, Path::new("")).unwrap();
        let times = parted.dataset.time.as_ref().unwrap();
        let last = |rows: &[u32]| rows.iter().map(|row| times[*row as usize]).fold(0.0, f64::max);
        let first = |rows: &[u32]| rows.iter().map(|row| times[*row as usize]).fold(1e9, f64::min);
        let split = &parted.split;
        assert!(last(&split.train) < first(&split.validation), "{test:?}");
        assert!(last(&split.validation) < first(&split.test), "{test:?}");
    }
}

#[test]
fn world_seed_and_domain_move_what_they_should() {
    let (base, world) = (generate(&small()), generate(&ValueSimSpec { world: 2, ..small() }));
    assert_eq!((&base.numeric, &base.time), (&world.numeric, &world.time));
    assert_ne!(base.truth, world.truth);
    assert_ne!(base.numeric, generate(&ValueSimSpec { seed: 2, ..small() }).numeric);
    assert_ne!(base.numeric, generate(&ValueSimSpec { domain: 2, ..small() }).numeric);
}

/// Without drift the same customer has the same law on every day.
#[test]
fn drift_is_what_moves_the_law() {
    for (drift, moves) in [(0.0, false), (1.0, true)] {
        let spec = ValueSimSpec { drift, ..small() };
        let world = World::new(&spec, spec.seeds(1).child("world"), &reference(&spec)[..1024]);
        let sampled = &reference(&spec)[5];
        let law = |day| world.law(&Customer { day, ..sampled.customer() });
        assert_eq!(law(10.0) != law(720.0), moves);
    }
    let late = |drift| {
        let dataset = generate(&ValueSimSpec { drift, ..small() });
        let FeatureKind::Categorical { codes, .. } = &dataset.features[COLUMNS + 2].kind else { panic!() };
        let times = dataset.time.as_ref().unwrap();
        let new = codes.iter().zip(times).filter(|(code, _)| **code >= 900);
        new.map(|(_, day)| *day).collect::<Vec<f64>>()
    };
    assert!(late(0.0).is_empty());
    assert!(late(1.0).len() > 50 && late(1.0).iter().all(|day| *day > 300.0));
}

#[test]
fn columns_are_what_their_names_say() {
    let dataset = generate(&small());
    let names: Vec<&str> = dataset.features.iter().map(|feature| feature.name.as_str()).collect();
    assert_eq!(names.len(), COLUMNS + 3);
    assert_eq!(names[TENURE..=FIRST_WEEK], ["tenure", "recent_spend", "w01"]);
    assert_eq!(names[COLUMNS - 1..], ["w26", "channel", "region", "item"]);
    let sizes = [10, 100, 1_000];
    for (feature, size) in dataset.features[COLUMNS..].iter().zip(sizes) {
        let FeatureKind::Categorical { levels, codes } = &feature.kind else { panic!() };
        assert!(levels.len() == size && levels.is_sorted(), "{levels:?}");
        assert!(codes.iter().all(|code| (*code as usize) < size));
    }
    let numeric = &dataset.numeric;
    let cells = |column: usize| (0..numeric.rows).map(move |row| numeric.row(row)[column]);
    assert!(cells(TENURE).all(|days| days >= 1.0 && days.fract() == 0.0));
    assert!((FIRST_WEEK..COLUMNS).all(|week| cells(week).all(|count| count >= 0.0 && count.fract() == 0.0)));
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let refused = |spec: ValueSimSpec| {
        let error = spec.validate().unwrap_err();
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    };
    assert!(refused(ValueSimSpec { rows: 0, ..small() }).contains("rows = 0"));
    assert_eq!(
        refused(ValueSimSpec { domain: 4, ..small() }),
        "value-sim: domain = 4: allowed are 1, 2 and 3"
    );
    assert!(refused(ValueSimSpec { drift: f64::NAN, ..small() }).contains("drift = NaN"));
    assert!(small().validate().is_ok());
}
