//! Split search against the paper's algorithm written naively, invariances, and samples that lack something.

use super::children::Least;
use super::fixtures::{Table, best_cut, coins, every_row, on_threads, uniform};
use super::ziln::ZilnRule;
use super::*;
use proptest::prelude::*;
use rand::Rng;
use valor_base::seed::Seeds;
use valor_data::Matrix;
use valor_data::encode::ColumnKind;

fn fit(table: &Table, spec: &ZilnForestSpec) -> ZilnForest {
    ZilnForest::fit(spec, &table.rows(), &Seeds::new(5))
}

/// A cell: missing, or one of few values, so that ties are common.
fn cell() -> impl Strategy<Value = f32> {
    prop_oneof![1 => Just(f32::NAN), 6 => (0u8..7).prop_map(f32::from)]
}

fn table(levels: bool) -> impl Strategy<Value = Table> {
    (2usize..40, 1usize..4).prop_flat_map(move |(rows, columns)| {
        let outcome = prop_oneof![2 => Just(0.0), 1 => 0.01f64..500.0];
        (
            prop::collection::vec(cell(), rows * columns),
            prop::collection::vec(any::<bool>(), rows),
            prop::collection::vec(outcome, rows),
        )
            .prop_map(move |(values, treatment, outcome)| {
                let kind = if levels { ColumnKind::Levels(7) } else { ColumnKind::Number };
                let table = Table::new(Matrix { rows, columns, values }, treatment, outcome);
                Table { kinds: vec![kind; columns], ..table }
            })
    })
}

/// Algorithm 1, line by line: uplift of the rows that `inside` names.
fn naive_uplift(table: &Table, bag: [f64; 3], inside: &[usize]) -> f64 {
    let [prior_p, prior_mu, prior_sigma] = bag;
    let expected = |treated: bool| {
        let arm: Vec<f64> = inside
            .iter()
            .filter(|&&row| table.treatment[row] == treated)
            .map(|&row| table.outcome[row])
            .collect();
        let logs: Vec<f64> = arm.iter().filter(|&&y| y > 0.0).map(|y| y.ln()).collect();
        let (n, positive) = (arm.len() as f64, logs.len() as f64);
        let p = (positive + prior_p) / (n + 1.0);
        let (mut mu, mut sigma) = (prior_mu, prior_sigma);
        if logs.len() > 1 {
            let w = positive / (positive + 5.0);
            let (mean, sd) = moments(&logs);
            mu = w * mean + (1.0 - w) * prior_mu;
            sigma = w * sd + (1.0 - w) * prior_sigma;
        }
        let sigma = sigma.clamp(0.1, 4.0);
        p * (mu + 0.5 * sigma * sigma).exp()
    };
    expected(true) - expected(false)
}

fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
}

fn priors(table: &Table) -> [f64; 3] {
    let logs: Vec<f64> = table.outcome.iter().filter(|&&y| y > 0.0).map(|y| y.ln()).collect();
    let (mu, sigma) = moments(&logs);
    [logs.len() as f64 / table.outcome.len() as f64, mu, sigma]
}

/// The gain of one parting; nothing where a child has fewer than two rows of an arm.
fn naive_gain(table: &Table, goes_left: impl Fn(f32) -> bool, column: usize) -> Option<f64> {
    let bag = priors(table);
    let (left, right): (Vec<usize>, Vec<usize>) =
        (0..table.outcome.len()).partition(|&row| goes_left(table.features.row(row)[column]));
    for side in [&left, &right] {
        let treated = side.iter().filter(|&&row| table.treatment[row]).count();
        if treated.min(side.len() - treated) < 2 {
            return None;
        }
    }
    let (l, r) = (left.len() as f64, right.len() as f64);
    let gap = naive_uplift(table, bag, &left) - naive_uplift(table, bag, &right);
    Some(l * r / (l + r).powi(2) * gap * gap)
}

/// Every threshold of every column, missing values on either side.
fn naive_best(table: &Table) -> f64 {
    let mut best = 0.0;
    for column in 0..table.features.columns {
        for threshold in (0..7).map(|value| value as f32).chain([f32::INFINITY]) {
            for missing in [true, false] {
                let goes_left = |value: f32| if value.is_nan() { missing } else { value <= threshold };
                best = f64::max(best, naive_gain(table, goes_left, column).unwrap_or(0.0));
            }
        }
    }
    best
}

fn found_best(table: &Table, cuts: Cuts) -> Option<(f64, Split)> {
    let (responses, drawn) = (table.rows().responses(&table.train), every_row(table.train.len()));
    let least = Least { arm_rows: 2, rows: 1 };
    let rule = ZilnRule::new(&responses, &drawn, SmoothingSpec::default(), least);
    let best = best_cut(&rule, table, cuts)?;
    Some((best.gain, best.split))
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e-12)
}

fn goes_left(split: &Split, value: f32) -> bool {
    match &split.left {
        _ if value.is_nan() => split.missing_left,
        Predicate::UpTo(threshold) => value <= *threshold,
        Predicate::Among(levels) => levels.contains(value as u8),
    }
}

fn one_tree() -> ZilnForestSpec {
    let bag = BagSpec { replacement: false, ..BagSpec::default() };
    ZilnForestSpec { trees: 1, bag, ..ZilnForestSpec::default() }
}

proptest! {
    #[test]
    fn the_best_cut_is_the_naive_one(table in table(false)) {
        let naive = naive_best(&table);
        match found_best(&table, Cuts::All) {
            None => prop_assert!(naive <= 1e-12, "missed a gain of {naive}"),
            Some((gain, split)) => {
                prop_assert!(close(gain, naive), "{gain} instead of {naive}");
                let again = naive_gain(&table, |value| goes_left(&split, value), split.column);
                prop_assert!(close(gain, again.unwrap()), "{split:?} gains {again:?}, not {gain}");
            }
        }
    }

    /// Columns of few values have a bin for each, so nothing is lost by binning.
    #[test]
    fn quintiles_are_those_of_the_node(table in table(false)) {
        let column = |column: usize| {
            let mut known: Vec<f32> = (0..table.outcome.len()).map(|row| table.features.row(row)[column]).collect();
            known.retain(|value| !value.is_nan());
            known.sort_by(f32::total_cmp);
            known
        };
        let mut naive = 0.0;
        for (index, known) in (0..table.features.columns).map(column).enumerate() {
            for fifths in 1..5 {
                // numpy.percentile: between the values on both sides of the place, so it parts after the lower one.
                let place = (known.len().saturating_sub(1) * fifths / 5).min(known.len().saturating_sub(1));
                let Some(&threshold) = known.get(place) else { continue };
                for missing in [true, false] {
                    let goes_left = |value: f32| if value.is_nan() { missing } else { value <= threshold };
                    naive = f64::max(naive, naive_gain(&table, goes_left, index).unwrap_or(0.0));
                }
            }
        }
        match found_best(&table, Cuts::Quintiles) {
            None => prop_assert!(naive <= 1e-12, "missed a gain of {naive}"),
            Some((gain, _)) => prop_assert!(close(gain, naive), "{gain} instead of {naive}"),
        }
    }

    #[test]
    fn sets_of_levels_gain_what_they_say(table in table(true)) {
        if let Some((gain, split)) = found_best(&table, Cuts::All) {
            let again = naive_gain(&table, |value| goes_left(&split, value), split.column);
            prop_assert!(close(gain, again.unwrap()), "{split:?} gains {again:?}, not {gain}");
        }
    }

    #[test]
    fn leaves_are_algorithm_1(table in table(false)) {
        let forest = fit(&table, &one_tree());
        let tree = &forest.trees()[0].tree;
        let leaf = |row: usize| tree.leaf(table.features.row(row));
        for row in 0..table.outcome.len() {
            let together: Vec<usize> =
                (0..table.outcome.len()).filter(|&other| leaf(other) == leaf(row)).collect();
            let expected = naive_uplift(&table, priors(&table), &together);
            let found = forest.predict(table.features.row(row)).uplift();
            prop_assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found}, {expected}");
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(table in table(false), turn in 0usize..40) {
        let rows = table.outcome.len();
        let mut order = table.train.clone();
        order.rotate_left(turn % rows);
        let turned = Table { train: order, ..table.clone() };
        let (forest, turned) = (fit(&table, &one_tree()), fit(&turned, &one_tree()));
        for row in 0..rows {
            let features = table.features.row(row);
            let (found, other) = (forest.predict(features).uplift(), turned.predict(features).uplift());
            prop_assert!(close(found, other), "{found} or {other}");
        }
    }
}

/// 4,000 accounts; those with x above .3 spend 20 more when treated, the others nothing.
fn planted(noise: bool) -> Table {
    let rows = 4000;
    let mut stream = Seeds::new(9).stream();
    let features = uniform(rows, 3, &mut stream);
    let treatment = coins(rows, &mut stream);
    let outcome = (0..rows).map(|row| {
        let effect = if features.row(row)[1] > 0.3 && treatment[row] { 20.0 } else { 0.0 };
        let luck = if noise { stream.random_range(0.5..1.5) } else { 1.0 };
        (10.0 + effect) * luck
    });
    let outcome = outcome.collect();
    Table::new(features, treatment, outcome)
}

#[test]
fn a_planted_step_is_found() {
    let table = planted(true);
    let forest = fit(&table, &ZilnForestSpec { depth: 1, ..one_tree() });
    let Place::Inner(split, _) = forest.trees()[0].tree.place(0) else { panic!("no split") };
    let Predicate::UpTo(threshold) = split.left else { panic!("not a threshold") };
    assert_eq!(split.column, 1);
    assert!((threshold - 0.3).abs() < 0.02, "{threshold}");
    let uplift = |x: f32| forest.predict(&[0.0, x, 0.0]).uplift();
    assert!(uplift(0.0).abs() < 0.5 && (uplift(0.9) - 20.0).abs() < 1.0, "{} {}", uplift(0.0), uplift(0.9));
}

#[test]
fn a_constant_effect_gives_flat_predictions() {
    let mut table = planted(false);
    let effects = table.treatment.iter().map(|&treated| if treated { 30.0 } else { 10.0 });
    table.outcome = effects.collect();
    let smoothing = SmoothingSpec { conversion: 0.0, spend: 0.0 };
    let forest = fit(&table, &ZilnForestSpec { smoothing, ..ZilnForestSpec::default() });
    // What is spent does not vary within an arm, and sigma is not below .1.
    let expected = 20.0 * (0.1_f64.powi(2) / 2.0).exp();
    for row in 0..50 {
        let found = forest.predict(table.features.row(row)).uplift();
        assert!((found - expected).abs() < 1e-9, "{found}");
    }
}

#[test]
fn a_split_may_gain_nothing_where_that_is_asked_for() {
    let mut table = planted(false);
    table.outcome.fill(0.0);
    let leaves = |zero_gain| {
        let spec = ZilnForestSpec { depth: 2, zero_gain, ..one_tree() };
        fit(&table, &spec).trees()[0].tree.leaves()
    };
    assert_eq!((leaves(false), leaves(true)), (1, 4));
}

#[test]
fn the_paper_s_choices_are_not_written_out() {
    let written = serde_json::to_value(ZilnForestSpec::default()).unwrap();
    assert!(written.get("cuts").is_none() && written.get("zero-gain").is_none(), "{written}");
    let released: ZilnForestSpec = toml::from_str("cuts = 'quintiles'\nzero-gain = true").unwrap();
    assert_eq!(
        released,
        ZilnForestSpec { cuts: Cuts::Quintiles, zero_gain: true, ..ZilnForestSpec::default() }
    );
}

#[test]
fn threads_change_nothing() {
    let table = planted(true);
    let spec = ZilnForestSpec { columns: Columns::Count(2), ..ZilnForestSpec::default() };
    let with = |threads| on_threads(threads, || fit(&table, &spec));
    assert_eq!(with(1), with(3));
}

#[test]
fn missing_values_go_their_own_way() {
    let mut table = planted(true);
    // What was above .3 in the deciding column is missing now.
    for row in 0..table.features.rows {
        let value = &mut table.features.values[row * 3 + 1];
        if *value > 0.3 {
            *value = f32::NAN;
        }
    }
    let forest = fit(&table, &ZilnForestSpec { depth: 1, ..one_tree() });
    let uplift = |x: f32| forest.predict(&[0.0, x, 0.0]).uplift();
    assert!(uplift(0.29).abs() < 0.5 && (uplift(f32::NAN) - 20.0).abs() < 1.0);
    assert!(uplift(5.0).abs() < 0.5, "a value that no training row had is not missing");
}

#[test]
fn what_a_sample_lacks_is_no_failure() {
    let flat = |treated: fn(usize) -> bool, outcome: fn(usize) -> f64, rows: usize| {
        let values = (0..rows).flat_map(|row| [row as f32, f32::NAN]).collect();
        let came = (0..rows).map(outcome).collect();
        Table::new(Matrix { rows, columns: 2, values }, (0..rows).map(treated).collect(), came)
    };
    let cases = [
        ("one row", flat(|_| true, |_| 3.0, 1)),
        ("one arm", flat(|_| true, |row| row as f64, 30)),
        ("nobody buys", flat(|row| row % 2 == 0, |_| 0.0, 30)),
        ("a single buyer", flat(|row| row % 2 == 0, |row| if row == 7 { 50.0 } else { 0.0 }, 30)),
    ];
    for (name, table) in cases {
        for honest in [false, true] {
            let bag = BagSpec { honest, ..BagSpec::default() };
            let forest = fit(&table, &ZilnForestSpec { bag, ..ZilnForestSpec::default() });
            let said = forest.predict(&[3.0, f32::NAN]);
            assert!(
                said.expected.iter().chain(&said.conversion).all(|value| value.is_finite()),
                "{name}: {said:?}"
            );
            assert!(said.expected.iter().all(|&value| value >= 0.0), "{name}: {said:?}");
        }
    }
    let silent = fit(&flat(|row| row % 2 == 0, |_| 0.0, 30), &ZilnForestSpec::default());
    assert_eq!(silent.predict(&[3.0, 1.0]), Said::default());
}

#[test]
fn options_out_of_range_are_named() {
    let refused = |spec: ZilnForestSpec| spec.validate().unwrap_err().to_string();
    let usual = ZilnForestSpec::default;
    assert!(refused(ZilnForestSpec { trees: 0, ..usual() }).starts_with("ziln-forest.trees: found 0"));
    assert!(refused(ZilnForestSpec { bins: 256, ..usual() }).contains("2 to 255"));
    let bag = BagSpec { share: 1.5, ..BagSpec::default() };
    assert!(refused(ZilnForestSpec { bag, ..usual() }).starts_with("ziln-forest.bag.share"));
    let smoothing = SmoothingSpec { spend: -1.0, ..SmoothingSpec::default() };
    assert!(refused(ZilnForestSpec { smoothing, ..usual() }).starts_with("ziln-forest.smoothing.spend"));
    assert!(usual().validate().is_ok());
}
