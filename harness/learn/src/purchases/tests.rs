//! BG/NBD and Gamma-Gamma against the figures of the literature, scipy and simulation; rows that cannot be.

use super::*;
use rand::Rng;
use rand::seq::SliceRandom;
use rand_distr::{Beta, Distribution, Exp, Gamma};
use serde_json::Value;
use valor_base::error::is_input;
use valor_base::seed::Seeds;

/// `scripts/fixtures/purchases.py`.
fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/purchases.json")).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// The 2,357 customers of the package's table, in weeks.
fn cdnow(fixture: &Value) -> Vec<History> {
    let mut found = Vec::new();
    for group in fixture["histories"].as_array().unwrap() {
        let number = |place: usize| group[place].as_f64().unwrap();
        let (repeats, last, age) = (number(0), number(1), number(2));
        let spends = match &group[3] {
            Value::Array(_) => numbers(&group[3]),
            count => vec![0.0; count.as_u64().unwrap() as usize],
        };
        found.extend(spends.into_iter().map(|spend| History { repeats, last, age, spend }));
    }
    found
}

#[test]
fn the_figures_of_the_literature_are_found() {
    let fixture = fixture();
    let histories = cdnow(&fixture);
    let orders = BgNbd::fit(&histories).unwrap();
    let found = [orders.r, orders.alpha, orders.a, orders.b];
    for (found, known) in found.iter().zip([0.243, 4.414, 0.793, 2.426]) {
        assert!((found - known).abs() < 6e-4, "{orders:?}");
    }
    let amounts = GammaGamma::fit(&histories).unwrap();
    let money = [amounts.p, amounts.q, amounts.gamma];
    for (found, known) in money.iter().zip([6.25, 3.74, 15.45]) {
        assert!((found - known).abs() < 6e-3, "{amounts:?}");
    }
    let scipy = [numbers(&fixture["orders"]), numbers(&fixture["amounts"])].concat();
    for (found, known) in found.iter().chain(&money).zip(&scipy) {
        assert!((found / known - 1.0).abs() < 1e-5, "{found} {known}");
    }
    let known = |key: &str| fixture[key].as_f64().unwrap();
    assert!((orders.log_likelihood(&histories) - known("orders_log_likelihood")).abs() < 1e-6);
    assert!((amounts.log_likelihood(&histories) - known("amounts_log_likelihood")).abs() < 1e-6);
}

#[test]
fn answers_are_those_of_scipy() {
    let fixture = fixture();
    let (law, money) = (numbers(&fixture["orders"]), numbers(&fixture["amounts"]));
    let orders = BgNbd { r: law[0], alpha: law[1], a: law[2], b: law[3] };
    let amounts = GammaGamma { p: money[0], q: money[1], gamma: money[2] };
    let horizon = fixture["horizon"].as_f64().unwrap();
    for case in fixture["answers"].as_array().unwrap() {
        let row = numbers(&case["history"]);
        let history = History { repeats: row[0], last: row[1], age: row[2], spend: row[3] };
        let close = |key: &str, found: f64, share: f64| {
            let known = case[key].as_f64().unwrap();
            assert!((found / known - 1.0).abs() < share, "{history:?}, {key}: {found} {known}");
        };
        close("alive", orders.alive(&history), 1e-12);
        close("purchases", orders.purchases(&history, horizon), 1e-9);
        close("buys", orders.buys(&history, horizon), 1e-5);
        close("mean", amounts.mean(&history), 1e-12);
    }
}

/// Customers drawn from the law: history up to `age`, purchases after it.
fn drawn(orders: &BgNbd, age: f64, time: f64, count: usize) -> Vec<(History, f64)> {
    let mut stream = Seeds::new(5).stream();
    let rates = Gamma::new(orders.r, 1.0 / orders.alpha).unwrap();
    let leaving = Beta::new(orders.a, orders.b).unwrap();
    let mut customer = |_: usize| {
        let (rate, chance) = (rates.sample(&mut stream), leaving.sample(&mut stream));
        let mut history = History { repeats: 0.0, last: 0.0, age, spend: 0.0 };
        let (mut at, mut after) = (0.0, 0.0);
        loop {
            at += Exp::new(rate.max(1e-12)).unwrap().sample(&mut stream);
            if at > age + time {
                break;
            }
            if at <= age {
                history.repeats += 1.0;
                history.last = at;
            } else {
                after += 1.0;
            }
            if stream.random_bool(chance) {
                break;
            }
        }
        (history, after)
    };
    (0..count).map(&mut customer).collect()
}

#[test]
fn drawn_customers_buy_as_often_as_the_law_expects() {
    let orders = BgNbd { r: 0.6, alpha: 8.0, a: 0.9, b: 2.0 };
    let customers = drawn(&orders, 40.0, 60.0, 40_000);
    for repeats in [0.0, 1.0, 2.0, 4.0] {
        let chosen: Vec<&(History, f64)> = customers.iter().filter(|one| one.0.repeats == repeats).collect();
        let count = chosen.len() as f64;
        let mean =
            |of: &dyn Fn(&(History, f64)) -> f64| chosen.iter().map(|one| of(one)).sum::<f64>() / count;
        let (came, expected) = (mean(&|one| one.1), mean(&|one| orders.purchases(&one.0, 60.0)));
        let (bought, chance) =
            (mean(&|one| f64::from(u8::from(one.1 > 0.0))), mean(&|one| orders.buys(&one.0, 60.0)));
        let spread = mean(&|one| (one.1 - came).powi(2)).sqrt() / count.sqrt();
        assert!((came - expected).abs() < 4.0 * spread, "{repeats}: {came} {expected} {spread}");
        let spread = (chance * (1.0 - chance) / count).sqrt();
        assert!((bought - chance).abs() < 4.0 * spread, "{repeats}: {bought} {chance} {spread}");
    }
    let histories: Vec<History> = customers.into_iter().map(|one| one.0).collect();
    let found = BgNbd::fit(&histories).unwrap();
    for (found, known) in [(found.r, 0.6), (found.alpha, 8.0), (found.a, 0.9), (found.b, 2.0)] {
        assert!((found / known - 1.0).abs() < 0.15, "{found} {known}");
    }
}

#[test]
fn neither_order_nor_threads_nor_the_unit_of_time_and_money_matter() {
    let histories = cdnow(&fixture());
    let mut shuffled = histories.clone();
    shuffled.shuffle(&mut Seeds::new(1).stream());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let (orders, amounts) = (BgNbd::fit(&histories).unwrap(), GammaGamma::fit(&histories).unwrap());
    let (alone, money) =
        pool.install(|| (BgNbd::fit(&shuffled).unwrap(), GammaGamma::fit(&shuffled).unwrap()));
    assert_eq!((alone, money), (orders, amounts));
    let days: Vec<History> = histories
        .iter()
        .map(|one| History { last: 7.0 * one.last, age: 7.0 * one.age, spend: 100.0 * one.spend, ..*one })
        .collect();
    let (found, money) = (BgNbd::fit(&days).unwrap(), GammaGamma::fit(&days).unwrap());
    assert!((found.alpha / orders.alpha - 7.0).abs() < 1e-4 && (found.r / orders.r - 1.0).abs() < 1e-5);
    assert!((money.gamma / amounts.gamma - 100.0).abs() < 1e-2 && (money.q / amounts.q - 1.0).abs() < 1e-5);
}

#[test]
fn expectations_are_finite_and_near_the_places_where_closed_forms_fail() {
    let history = |repeats: f64| History { repeats, last: repeats.min(30.0), age: 30.0, spend: 20.0 };
    for repeats in [0.0, 1.0, 5.0, 400.0] {
        let of = |a: f64| BgNbd { r: 0.3, alpha: 5.0, a, b: 0.4 }.purchases(&history(repeats), 365.0);
        let (below, at, above) = (of(1.0 - 1e-4), of(1.0), of(1.0 + 1e-4));
        assert!(at.is_finite() && (below - at).abs() < 1e-3 * at && (above - at).abs() < 1e-3 * at);
        let (below, at, above) = (of(0.6 - 1e-4), of(0.6), of(0.6 + 1e-4));
        assert!(at.is_finite() && (below - at).abs() < 1e-3 * at && (above - at).abs() < 1e-3 * at);
        assert!(of(3.0) < of(0.6) && of(0.6) > 0.0);
    }
    let law = BgNbd { r: 0.3, alpha: 5.0, a: 0.6, b: 2.0 };
    assert!(law.purchases(&history(0.0), 1e6).is_finite());
    assert!(law.purchases(&History { age: 0.0, last: 0.0, ..history(0.0) }, 1e5).is_finite());
}

#[test]
fn customers_who_do_not_differ_give_finite_answers() {
    // All leave with the same chance, and their rates are equal: shapes tend to infinity.
    let mut stream = Seeds::new(9).stream();
    let row = |_| {
        let repeats = f64::from(u8::from(stream.random_bool(0.5)) + u8::from(stream.random_bool(0.5)));
        History { repeats, last: 30.0 * repeats, age: 90.0, spend: stream.random_range(9.0..11.0) }
    };
    let rows: Vec<History> = (0..500).map(row).collect();
    let (orders, amounts) = (BgNbd::fit(&rows).unwrap(), GammaGamma::fit(&rows).unwrap());
    for row in &rows {
        let [bought, chance, mean] =
            [orders.purchases(row, 365.0), orders.buys(row, 365.0), amounts.mean(row)];
        assert!(
            bought.is_finite() && (0.0..=1.0).contains(&chance) && (5.0..20.0).contains(&mean),
            "{orders:?} {amounts:?}"
        );
    }
}

#[test]
fn rows_that_tell_nothing_are_refused() {
    let row = |repeats: f64, spend: f64| History { repeats, last: repeats.min(9.0), age: 10.0, spend };
    let refused = |rows: &[History]| {
        let error = BgNbd::fit(rows).map(drop).and_then(|()| GammaGamma::fit(rows).map(drop)).unwrap_err();
        assert!(is_input(&error), "{error}");
        error.to_string()
    };
    assert!(
        refused(&[row(0.0, 0.0); 5])
            .contains("in none of 5 training rows is there a purchase after the first")
    );
    assert!(refused(&[row(3.0, 4.0); 5]).contains("there are 3 purchases after the first"));
    let spends = |error: Result<GammaGamma, anyhow::Error>| error.unwrap_err().to_string();
    assert!(spends(GammaGamma::fit(&[row(0.0, 0.0), row(2.0, 0.0)])).contains("spent anything"));
    assert!(spends(GammaGamma::fit(&[row(1.0, 7.0), row(2.0, 7.0)])).contains("spent 7 each time"));
    let young = |repeats| History { age: 0.0, last: 0.0, ..row(repeats, 1.0) };
    assert!(refused(&[young(0.0), young(1.0)]).contains("age of all training rows is 0"));
}

#[test]
fn histories_are_read_in_both_layouts_and_what_cannot_be_is_named() {
    let told = Told { frequency: 4.0, recency: 20.0, age: 90.0, spend: 100.0, first_spend: 40.0 };
    let found = History::new(&told, Layout::Purchases).unwrap();
    assert_eq!(found, History { repeats: 3.0, last: 70.0, age: 90.0, spend: 20.0 });
    let found = History::new(&told, Layout::Repeats).unwrap();
    assert_eq!(found, History { repeats: 4.0, last: 20.0, age: 90.0, spend: 100.0 });
    let flaw = |told: Told, layout| History::new(&told, layout).unwrap_err();
    for layout in [Layout::Purchases, Layout::Repeats] {
        assert_eq!(flaw(Told { frequency: -1.0, ..told }, layout).key, "frequency");
        assert_eq!(flaw(Told { frequency: 1.5, ..told }, layout).key, "frequency");
        assert_eq!(flaw(Told { frequency: f64::NAN, ..told }, layout).key, "frequency");
        assert_eq!(flaw(Told { recency: 91.0, ..told }, layout).key, "recency");
        assert_eq!(flaw(Told { recency: -1.0, ..told }, layout).key, "recency");
        assert_eq!(flaw(Told { age: -5.0, ..told }, layout).key, "age");
        assert_eq!(flaw(Told { spend: f64::NAN, ..told }, layout).key, "spend");
    }
    assert_eq!(flaw(Told { frequency: 0.0, ..told }, Layout::Purchases).key, "frequency");
    let windowed = flaw(Told { frequency: 1.0, ..told }, Layout::Purchases);
    assert!(windowed.key == "recency" && windowed.allowed.contains("--window"), "{windowed:?}");
    let nothing =
        Told { frequency: f64::NAN, recency: 200.0, age: f64::NAN, spend: f64::NAN, first_spend: 1.0 };
    let nearest = History::nearest(&nothing, Layout::Purchases);
    assert_eq!(nearest, History { repeats: 0.0, last: 0.0, age: 0.0, spend: 0.0 });
    // Refunds after the first purchase: no amount below 0 is expected.
    let refunded = Told { spend: 30.0, ..told };
    assert_eq!(History::new(&refunded, Layout::Purchases).unwrap().spend, 0.0);
}

#[test]
fn options_are_checked_by_key() {
    let refused = |change: &dyn Fn(&mut BgNbdSpec)| {
        let mut spec = BgNbdSpec::default();
        change(&mut spec);
        spec.validate().unwrap_err().to_string()
    };
    assert!(refused(&|spec| spec.horizon = 0.0).contains("bg-nbd.horizon: found 0"));
    assert!(refused(&|spec| spec.age = Age::Fixed(-1.0)).contains("bg-nbd.age: found -1"));
    let read: BgNbdSpec = serde_json::from_str(r#"{"age": 90, "layout": "repeats"}"#).unwrap();
    assert_eq!((&read.age, read.columns().len()), (&Age::Fixed(90.0), 3));
    assert_eq!(BgNbdSpec::default().columns().len(), 5);
}
