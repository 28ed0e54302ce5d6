//! Against scipy, numpy and statsmodels (`scripts/fixtures/statistics.py`).

use super::*;
use serde_json::Value;
use valor_base::seed::Seeds;

fn fixture() -> Value {
    serde_json::from_str(include_str!("../../../fixtures/statistics.json")).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap()
}

fn near(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} instead of {expected}");
}

#[test]
fn intervals_over_seeds_are_those_of_scipy_and_of_all_resamples() {
    for case in list(&fixture(), "seeds") {
        let values = numbers(&case["values"]);
        let find = |method| seed_interval(&values, method, 0.95, &Seeds::new(1));
        let range = values.iter().fold(0.0_f64, |range, value| range.max((value - values[0]).abs()));
        let same = |method, expected: &Value, within: f64| {
            let (found, expected) = (find(method).unwrap(), numbers(expected));
            near(found.low, expected[0], within * range);
            near(found.high, expected[1], within * range);
        };
        same(SeedInterval::StudentT, &case["student"], 1e-9);
        same(SeedInterval::Percentile, &case["listed"]["percentile"], 1e-12);
        same(SeedInterval::Bca, &case["listed"]["bca"], 1e-12);
        // what scipy draws moves by up to one value of the few that five seeds can give
        same(SeedInterval::Percentile, &case["drawn"]["percentile"], 0.06);
        same(SeedInterval::Bca, &case["drawn"]["bca"], 0.06);
        match &case["listed"]["bootstrap-t"] {
            Value::Null => assert!(find(SeedInterval::BootstrapT).is_err()),
            expected => same(SeedInterval::BootstrapT, expected, 1e-9),
        }
    }
}

#[test]
fn paired_tests_are_those_of_scipy_and_statsmodels() {
    for case in list(&fixture(), "pairs") {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let tested = Studentised::of(&differences).unwrap();
        let (low, high) = tested.interval(0.95).unwrap();
        near(low, number(&case["low"]), 1e-9);
        near(high, number(&case["high"]), 1e-9);
        near(tested.p_value(0.0).unwrap(), number(&case["p"]), 1e-9);
        near(tested.probability_above(0.0).unwrap(), number(&case["above"]), 1e-9);
        near(tested.equivalence(number(&case["margin"])).unwrap(), number(&case["tost"]), 1e-9);
        let plain = paired_interval(&differences, 0.95).unwrap();
        near(plain.interval.low, low, 1e-12);
    }
}

#[test]
fn power_is_that_of_scipys_noncentral_t_and_of_statsmodels() {
    for case in list(&fixture(), "power") {
        let n = case["n"].as_u64().unwrap() as usize;
        let (level, power) = (number(&case["level"]), number(&case["power"]));
        let design = Studentised::of_pairs(0.0, 2.0, n).unwrap();
        let found = design.detectable(level, power).unwrap() / 2.0;
        near(found / number(&case["detectable"]), 1.0, 1e-6);
        near(found / number(&case["statsmodels"]), 1.0, 1e-5);
        near(design.power(2.0 * found, level).unwrap(), power, 1e-6);
        near(design.power(-found, level).unwrap(), number(&case["half"]), 1e-6);
    }
}

#[test]
fn power_has_the_size_at_zero_and_holds_for_any_degrees_of_freedom() {
    for (error, freedom) in [(0.1, 1.0), (0.1, 1.3), (2.0, 4.0), (1e-3, 77.7), (0.5, 3e5), (0.5, 1e9)] {
        let tested = Studentised::new(0.0, error, freedom);
        near(tested.power(0.0, 0.95).unwrap(), 0.05, 1e-6);
        let detectable = tested.detectable(0.95, 0.8).unwrap();
        near(tested.power(-detectable, 0.95).unwrap(), 0.8, 1e-6);
    }
    let known = Studentised::new(0.0, 1.0, 1e9);
    near(known.detectable(0.95, 0.8).unwrap(), 1.959963984540054 + 0.8416212335729143, 1e-4);
    let design = |sd: f64, n: usize| Studentised::of_pairs(0.0, sd, n);
    assert!(design(1.0, 1).is_err() && design(f64::NAN, 5).is_err());
    assert!(design(1.0, 5).unwrap().detectable(0.95, 0.01).is_err());
    assert_eq!(design(0.0, 5).unwrap().detectable(0.95, 0.8), Ok(0.0));
    // Five seeds: 2.0 SD unpaired, 1.06 SD paired at correlation .8.
    let paired = design((2.0 - 2.0 * 0.8_f64).sqrt(), 5).unwrap().detectable(0.95, 0.8).unwrap();
    let unpaired = Studentised::new(0.0, 0.4_f64.sqrt(), 8.0).detectable(0.95, 0.8).unwrap();
    assert!((paired - 1.06).abs() < 0.01 && (unpaired - 2.02).abs() < 0.01, "{paired} {unpaired}");
}

#[test]
fn holm_is_that_of_statsmodels_and_counts_what_failed() {
    for case in list(&fixture(), "holm") {
        let p: Vec<_> = numbers(&case["p"]).into_iter().map(Some).collect();
        for (found, expected) in holm(&p).into_iter().zip(numbers(&case["adjusted"])) {
            near(found.unwrap(), expected, 1e-12);
        }
    }
    assert_eq!(holm(&[Some(0.02), None, Some(0.5)]), [Some(0.06), None, Some(1.0)]);
    assert_eq!(holm(&[]), []);
}

#[test]
fn effects_within_blocks_are_those_of_statsmodels() {
    let case = &fixture()["linear"];
    let blocks: Vec<usize> = numbers(&case["block"]).into_iter().map(|block| block as usize).collect();
    let columns: Vec<Vec<f64>> = list(case, "columns").iter().map(numbers).collect();
    let found = within_blocks(&blocks, &columns, &numbers(&case["y"])).unwrap();
    for (index, interval) in list(case, "intervals").iter().enumerate() {
        let tested = found.coefficients[index].as_ref().unwrap();
        near(tested.mean, number(&case["coefficients"][index]), 1e-10);
        near(tested.error, number(&case["errors"][index]), 1e-10);
        assert_eq!(tested.freedom, number(&case["freedom"]));
        let sum: f64 =
            found.weights[index].iter().zip(numbers(&case["y"])).map(|(weight, y)| weight * y).sum();
        near(sum, tested.mean, 1e-10);
        near(tested.interval(0.95).unwrap().0, number(&interval[0]), 1e-9);
    }
    assert_eq!(found.coefficients[3], Err(Alias(vec![0])), "the last column repeats the first");
}

#[test]
fn sign_flips_and_signed_ranks_are_those_of_scipy() {
    let case = &fixture()["flips"];
    let differences = [numbers(&case["differences"])];
    near(sign_test(SignTest::SignFlip, &differences).unwrap(), number(&case["sign_flip"]), 1e-12);
    near(sign_test(SignTest::Wilcoxon, &differences).unwrap(), number(&case["wilcoxon"]), 1e-12);
}

#[test]
fn the_interval_of_a_standard_deviation_is_that_of_scipy() {
    let case = &fixture()["spread"];
    let (low, high) = spread_interval(&numbers(&case["values"]), 0.95).unwrap();
    near(low, number(&case["interval"][0]), 1e-9);
    near(high, number(&case["interval"][1]), 1e-9);
    assert_eq!(spread_interval(&[0.3; 4], 0.95), Ok((0.0, 0.0)));
    assert!(spread_interval(&[0.3], 0.95).is_err());
}
