//! What must hold for any rows: shuffling, scaling, swapping arms, repeating rows; and answers known by hand.

use super::defined::Value;
use super::{LANES, Lanes, Metric, RankedRows, Resampler, ScoredRows, WeightedForm, find, registry};
use proptest::prelude::*;

/// Rows with many ties.
#[derive(Clone, Debug, Default)]
struct Rows {
    score: Vec<f64>,
    treatment: Vec<bool>,
    outcome: Vec<f64>,
    propensity: Vec<f64>,
    effect: Vec<f64>,
}

impl Rows {
    fn pick(&self, order: impl Iterator<Item = usize> + Clone) -> Self {
        let pick = |values: &[f64]| order.clone().map(|row| values[row]).collect();
        Self {
            score: pick(&self.score),
            treatment: order.clone().map(|row| self.treatment[row]).collect(),
            outcome: pick(&self.outcome),
            propensity: pick(&self.propensity),
            effect: pick(&self.effect),
        }
    }

    fn prepare(&self) -> RankedRows {
        let judged = ScoredRows {
            propensity: Some(&self.propensity),
            effect: Some(&self.effect),
            expected_control: Some(&self.effect),
            predicted_uplift: Some(&self.score),
            predicted_control: Some(&self.outcome),
            predicted_treated: Some(&self.effect),
            ..ScoredRows::new(&self.score, &self.treatment, &self.outcome)
        };
        RankedRows::new(&judged).unwrap()
    }
}

fn any_rows() -> impl Strategy<Value = Rows> {
    let row = (0..12i32, any::<bool>(), prop_oneof![Just(0.0), 0.1..100.0], 0.1..0.9, -5.0..9.0);
    prop::collection::vec(row, 6..60).prop_map(|rows| {
        let mut all = Rows::default();
        for (index, (score, treated, outcome, propensity, effect)) in rows.into_iter().enumerate() {
            all.score.push(f64::from(score) / 4.0);
            all.treatment.push(if index < 2 { index == 0 } else { treated });
            all.outcome.push(outcome);
            all.propensity.push(propensity);
            all.effect.push(effect);
        }
        all
    })
}

fn close(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        (a, b) => a.is_err() == b.is_err(),
    }
}

proptest! {
    #[test]
    fn shuffling_rows_changes_nothing(rows in any_rows(), stride in 1..40usize) {
        let count = rows.score.len();
        let mut order: Vec<usize> = (0..count).collect();
        order.rotate_left(stride % count);
        order.swap(0, count / 2);
        order.reverse();
        let (before, after) = (rows.prepare(), rows.pick(order.into_iter()).prepare());
        for metric in registry() {
            let (before, after) = (metric.compute(&before), metric.compute(&after));
            prop_assert_eq!(&before, &after, "{}", metric.name);
        }
    }

    #[test]
    fn a_weighted_metric_is_that_of_repeated_rows(rows in any_rows(), weights in prop::collection::vec(0..4u8, 60)) {
        let weights = &weights[..rows.score.len()];
        let repeated = (0..weights.len()).flat_map(|row| vec![row; usize::from(weights[row])]);
        let repeated = rows.pick(repeated);
        prop_assume!(repeated.treatment.contains(&true) && repeated.treatment.contains(&false));
        let metrics: Vec<&Metric> = registry().iter().filter(|metric| metric.weighted_form() == WeightedForm::Exact).collect();
        let lanes: Vec<Lanes> = weights.iter().map(|&weight| [weight; LANES]).collect();
        let found = Resampler::all(&[rows.prepare()], &metrics)[0].weighted(&lanes, 1, &mut Vec::new()).unwrap();
        let repeated = repeated.prepare();
        for (metric, found) in metrics.iter().zip(&found[0].values) {
            let expected = metric.compute(&repeated);
            prop_assert!(close(found, &expected), "{}: {:?} for {:?}", metric.name, found, expected);
        }
    }

    #[test]
    fn normalised_areas_do_not_depend_on_the_currency(rows in any_rows()) {
        let mut cents = rows.clone();
        cents.outcome.iter_mut().for_each(|outcome| *outcome *= 128.0);
        let (rows, cents) = (rows.prepare(), cents.prepare());
        for name in ["auuc", "qini", "auuc.ipw", "qini.ipw", "auuc.causalml", "qini.causalml", "auuc.rerum", "krcc@50bins"] {
            let metric = find(name).unwrap();
            prop_assert!(close(&metric.compute(&rows), &metric.compute(&cents)), "{name}");
        }
        let lift = find("lift@30").unwrap();
        prop_assert!(close(&lift.compute(&rows).map(|lift| lift * 128.0), &lift.compute(&cents)));
    }

    #[test]
    fn an_offset_of_all_outcomes_changes_no_metric_of_the_ranking(mut rows in any_rows(), offset in prop_oneof![Just(1e12), Just(-1e12), Just(1e9)], weights in prop::collection::vec(0..4u8, 60)) {
        // Somebody spends nothing, as everywhere that AUUC's own zero makes sense; a sixteenth is exact beside 1e12.
        let sign = f64::signum(offset);
        rows.outcome.iter_mut().for_each(|outcome| *outcome = sign * (*outcome * 16.0).round() / 16.0);
        (rows.outcome[0], rows.outcome[1]) = (0.0, sign);
        let mut far = rows.clone();
        far.outcome.iter_mut().for_each(|outcome| *outcome += offset);
        let (near, far) = (rows.prepare(), far.prepare());
        let of_outcomes = |metric: &&Metric| !metric.name.starts_with("calibration") && !metric.name.ends_with("sklift");
        let lanes: Vec<Lanes> = weights[..rows.score.len()].iter().map(|&weight| [weight; LANES]).collect();
        let exact: Vec<&Metric> = registry().iter().filter(of_outcomes).filter(|metric| metric.weighted_form() == WeightedForm::Exact).collect();
        let resampled = |rows: &RankedRows| Resampler::all(std::slice::from_ref(rows), &exact)[0].weighted(&lanes, 4, &mut Vec::new()).unwrap()[0].clone();
        let (a, b) = (resampled(&near), resampled(&far));
        for metric in registry().iter().filter(of_outcomes) {
            prop_assert!(close(&metric.compute(&near), &metric.compute(&far)), "{}: {:?} {:?}", metric.name, metric.compute(&near), metric.compute(&far));
        }
        for (metric, (a, b)) in exact.iter().zip(a.values.iter().zip(&b.values)) {
            prop_assert!(close(a, b), "{} of resampled rows: {:?} {:?}", metric.name, a, b);
        }
        let curves = |rows: &RankedRows| [super::curve::uplift_curve(rows, 5), super::curve::qini_curve(rows, 5)].concat();
        for (a, b) in curves(&near).iter().zip(curves(&far)) {
            prop_assert!(close(&Ok(a.gain), &Ok(b.gain)));
        }
    }

    #[test]
    fn an_area_is_its_share_times_the_size_of_the_total(rows in any_rows()) {
        let rows = rows.prepare();
        let value = |name: &str| find(name).unwrap().compute(&rows);
        for (share, total, area) in [("auuc", "ate", "auuc.area"), ("auuc.ipw", "ate.ipw", "auuc.area.ipw"), ("qini", "ate", "qini.area"), ("qini.ipw", "ate.ipw", "qini.area.ipw"), ("auuc.true", "ate.true", "auuc.area.true"), ("qini.true", "ate.true", "qini.area.true")] {
            let (Ok(share_value), Ok(total)) = (value(share), value(total)) else { continue };
            // AUUC alone takes the random line of a positive total whatever the sign of the total.
            let random = if total < 0.0 && area != "auuc.area.true" && area.starts_with("auuc") { 1.0 } else { 0.0 };
            prop_assert!(close(&value(area), &Ok((share_value + random) * total.abs())), "{share}");
        }
    }

    #[test]
    fn qini_without_noise_is_auuc_without_noise_less_half_a_row(rows in any_rows()) {
        let rows = rows.prepare();
        let value = |name: &str| find(name).unwrap().compute(&rows);
        if let (Ok(auuc), Ok(total)) = (value("auuc.true"), value("ate.true")) {
            let expected = auuc - total.signum() / (2.0 * rows.rows() as f64);
            prop_assert!(close(&value("qini.true"), &Ok(expected)));
        }
        prop_assert_eq!(value("lift@30.true"), value("effect@30"));
    }

    #[test]
    fn swapping_the_arms_mirrors_the_curve(rows in any_rows()) {
        let mut swapped = rows.clone();
        swapped.treatment.iter_mut().for_each(|treated| *treated = !*treated);
        swapped.propensity.iter_mut().for_each(|chance| *chance = 1.0 - *chance);
        let (rows, swapped) = (rows.prepare(), swapped.prepare());
        for (name, centre) in [("auuc", -0.5), ("qini", 0.0), ("lift@30", 0.0), ("auuc.ipw", -0.5), ("lift@30.ipw", 0.0)] {
            let metric = find(name).unwrap();
            let mirrored = metric.compute(&swapped).map(|value| 2.0 * centre - value);
            prop_assert!(close(&metric.compute(&rows), &mirrored), "{name}");
        }
    }

    #[test]
    fn equal_propensities_change_nothing(mut rows in any_rows()) {
        rows.propensity.fill(0.3);
        let rows = rows.prepare();
        for name in ["ate", "auuc", "qini", "lift@30"] {
            let plain = find(name).unwrap().compute(&rows);
            prop_assert!(close(&plain, &find(&format!("{name}.ipw")).unwrap().compute(&rows)), "{name}");
        }
    }
}

fn compute(name: &str, judged: &ScoredRows) -> Value {
    find(name).unwrap().compute(&RankedRows::new(judged).unwrap())
}

const TREATMENT: [bool; 4] = [true, false, true, false];

#[test]
fn four_rows_by_hand() {
    // k:   1              2                3                  4
    // V:   8 * 1 = 8      (8-2) * 2 = 12   (6-2) * 3 = 12     (6-3) * 4 = 12
    // Q:   8              6                10                 6
    let judged = ScoredRows::new(&[4.0, 3.0, 2.0, 1.0], &TREATMENT, &[8.0, 2.0, 4.0, 4.0]);
    assert_eq!(compute("auuc", &judged), Ok(44.0 / 12.0 / 4.0 - 0.5));
    let line = [1.5, 3.0, 4.5, 6.0];
    let above: f64 = [8.0, 6.0, 10.0, 6.0].iter().zip(line).map(|(curve, line)| curve - line).sum();
    assert_eq!(compute("qini", &judged), Ok(above / 4.0 / 6.0));
    assert_eq!(compute("auuc.area", &judged), Ok(44.0 / 4.0 / 4.0 - 1.5));
    assert_eq!(compute("qini.area", &judged), Ok(above / 4.0 / 2.0));
    assert_eq!(compute("lift@30", &judged).unwrap_err().0, "an arm is empty among the top 30 %");
    assert_eq!(compute("ate", &judged), Ok(3.0));
}

#[test]
fn a_constant_score_is_a_random_ranking() {
    let judged = ScoredRows {
        effect: Some(&[1.0, 2.0, 3.0, 4.0]),
        ..ScoredRows::new(&[7.0; 4], &TREATMENT, &[8.0, 2.0, 4.0, 4.0])
    };
    for (name, expected) in [
        ("auuc", 1.0 / 8.0),
        ("qini", 0.0),
        ("qini.area", 0.0),
        ("auuc.area", 3.0 / 8.0),
        ("lift@30", 3.0),
        ("auuc.true", 1.0 / 8.0),
        ("qini.true", 0.0),
        ("qini.area.true", 0.0),
        ("effect@30", 2.5),
        ("lift@30.true", 2.5),
    ] {
        let found = compute(name, &judged).unwrap();
        assert!((found - expected).abs() < 1e-12, "{name} is {found}");
    }
    assert!(compute("krcc", &judged).is_err());
}

#[test]
fn the_true_order_is_the_best() {
    let effect = [10.0, 4.0, -1.0, -3.0];
    let best = ScoredRows { effect: Some(&effect), ..ScoredRows::new(&effect, &TREATMENT, &[1.0; 4]) };
    assert_eq!(compute("krcc", &best), Ok(1.0));
    assert_eq!(compute("auuc.true", &best), Ok((10.0 + 14.0 + 13.0 + 10.0) / 40.0 - 0.5));
    let worst = ScoredRows { score: &[1.0, 2.0, 3.0, 4.0], ..best };
    assert_eq!(compute("krcc", &worst), Ok(-1.0));
    assert!(compute("auuc.true", &worst).unwrap() < compute("auuc.true", &best).unwrap() - 0.5);
    assert_eq!(
        compute("auuc", &best).unwrap_err().0,
        "the observed total uplift is zero: nothing to normalise by"
    );
}

#[test]
fn a_harmful_programme_keeps_the_direction() {
    let effect = [-1.0, -2.0, -3.0, -4.0];
    let best = ScoredRows { effect: Some(&effect), ..ScoredRows::new(&effect, &TREATMENT, &[1.0; 4]) };
    let worst = ScoredRows { score: &[1.0, 2.0, 3.0, 4.0], ..best };
    assert_eq!(compute("auuc.true", &best), Ok((-1.0 - 3.0 - 6.0 - 10.0) / 40.0 + 0.5));
    assert!(compute("auuc.true", &best).unwrap() > compute("auuc.true", &worst).unwrap());
}

/// The mean over outcomes and assignments of the same rows.
#[test]
fn metrics_of_outcomes_tend_to_those_without_noise() {
    use rand::Rng;
    let mut stream = valor_base::seed::Seeds::new(21).stream();
    let rows = 400;
    let effect: Vec<f64> = (0..rows).map(|_| stream.random_range(1.0..5.0)).collect();
    let score: Vec<f64> = effect.iter().map(|effect| effect + stream.random_range(-3.0..3.0)).collect();
    let chance: Vec<f64> = (0..rows).map(|_| stream.random_range(0.3..0.7)).collect();
    let names = ["auuc", "qini", "lift@30", "auuc.ipw", "qini.ipw", "lift@30.ipw", "qini.area"];
    let arms = [[true, false]; 200].concat();
    let known: Vec<f64> = {
        let judged = ScoredRows { effect: Some(&effect), ..ScoredRows::new(&score, &arms, &effect) };
        names.map(|name| compute(find(name).unwrap().without_noise().unwrap(), &judged).unwrap()).to_vec()
    };
    let repetitions = 400;
    let mut sums = vec![0.0; names.len()];
    for _ in 0..repetitions {
        let even: Vec<bool> = (0..rows).map(|_| stream.random()).collect();
        let uneven: Vec<bool> = chance.iter().map(|chance| stream.random::<f64>() < *chance).collect();
        for (name, sum) in names.iter().zip(&mut sums) {
            let treatment = if name.ends_with(".ipw") { &uneven } else { &even };
            let outcome =
                treatment.iter().zip(&effect).map(|(treated, tau)| if *treated { 2.0 + tau } else { 2.0 });
            let outcome: Vec<f64> = outcome.map(|mean| mean + stream.random_range(-1.0..1.0)).collect();
            let judged =
                ScoredRows { propensity: Some(&chance), ..ScoredRows::new(&score, treatment, &outcome) };
            *sum += compute(name, &judged).unwrap() / f64::from(repetitions);
        }
    }
    for ((name, mean), known) in names.iter().zip(sums).zip(known) {
        assert!((mean - known).abs() < 0.03 * known.abs().max(0.1), "{name}: {mean}, without noise {known}");
    }
}
