//! Where true effects are known they decide, and what an experimenter would have seen stands beside.

use super::sample::{NONE, Planted, Sample, apart, better, four, level, planted};
use super::verdict_tests::analysis;
use super::{Analysis, Evidence};
use valor_runs::spec::{Claim, Equivalence, Family, Margin, OWN_CLAIMS};
use valor_stats::stats::{Answer, Verdict};

fn claim(id: &str, metric: &str, family: &str, pair: [&str; 2], by: Margin) -> Claim {
    Claim {
        id: id.to_string(),
        text: "A claim.".to_string(),
        source: None,
        family: family.to_string(),
        metric: metric.to_string(),
        datasets: Vec::new(),
        statement: better(pair[0], pair[1], by, None),
    }
}

const PAIR: [&str; 2] = ["TARNet", "T-learner"];

/// Two datasets, the second with or without true effects.
fn two(truth: bool) -> Evidence {
    let mut evidence = Sample { datasets: vec!["a", "b"], ..Default::default() }.evidence();
    for (id, rows) in &mut evidence.evaluations {
        if !truth && id.starts_with("00000001") {
            (rows.effect, rows.expected) = (None, None);
        }
    }
    evidence.experiment.claims = vec![
        claim("observed", "auuc", OWN_CLAIMS, PAIR, NONE),
        claim("true", "auuc.true", OWN_CLAIMS, PAIR, NONE),
        claim("order", "krcc", OWN_CLAIMS, PAIR, NONE),
    ];
    evidence
}

#[test]
fn the_truth_decides_and_what_is_seen_stands_beside_it() {
    let found = analysis(&two(true));
    let shown: Vec<&str> =
        found.metrics.iter().filter(|metric| metric.in_table).map(|metric| metric.name.as_str()).collect();
    let expected = ["auuc.true", "auuc", "qini.true", "qini", "lift@30.true", "lift@30", "krcc", "pehe"];
    assert_eq!((shown.as_slice(), found.primary.as_slice()), (&expected[..], &["auuc.true".to_string()][..]));
    let of = |metric: &str| {
        let average =
            |one: &&super::contrasts::ContrastView| one.dataset.is_none() && one.method == "T-learner";
        found.contrasts.iter().filter(average).find(|one| one.metric == metric).unwrap()
    };
    let (truth, seen) = (of("auuc.true"), of("auuc"));
    assert!(truth.decided.as_ref().unwrap().declared && !seen.decided.as_ref().unwrap().declared);
    assert_eq!((truth.instead.as_deref(), seen.instead.as_deref()), (None, Some("auuc.true")));
    let observed = truth.observed.as_ref().unwrap();
    assert_eq!((observed.metric.as_str(), &observed.difference), ("auuc", &seen.difference));
    assert_eq!(observed.verdict, seen.decided.as_ref().map(|decided| decided.verdict));
    assert_eq!(
        (observed.rows, seen.observed.is_none(), of("krcc").observed.is_none()),
        (Some(400), true, true)
    );
    // 400 rows of each dataset, (1.96 + .84)^2 times the variance over the squared true difference.
    let variance = seen.variance.as_ref().unwrap().rows.clone().unwrap();
    let needed = 400.0 * 7.848_88 * variance / truth.value().unwrap().powi(2);
    assert!(
        (*observed.needed.as_ref().unwrap() as f64 - needed).abs() <= 1.0 + 1e-4 * needed,
        "{observed:?}"
    );

    let [one, same, order] = [0, 1, 2].map(|index| &found.claims[index]);
    let instead = one.instead.as_ref().unwrap();
    assert_eq!(
        (instead.metric.as_str(), instead.why.as_str()),
        ("auuc.true", "auuc.true is auuc without the noise of outcomes")
    );
    assert_eq!((one.parts[0].value, one.verdict), (truth.value().map(|value| -value), Answer::Supported));
    let answer = one.observed.as_ref().unwrap();
    assert_eq!((answer.metric.as_str(), answer.parts[0].value), ("auuc", seen.value().map(|value| -value)));
    assert_eq!(answer.needed, observed.needed);
    assert_eq!(
        answer.parts[0].family,
        Some(("own claims, observed".to_string(), 1)),
        "one comparison, asked twice"
    );
    assert_eq!((&same.instead, same.observed.as_ref()), (&None, Some(answer)));
    assert_eq!((same.parts[0].p_adjusted, same.verdict), (one.parts[0].p_adjusted, one.verdict));
    assert_eq!(one.parts[0].family, Some(("own claims".to_string(), 2)), "this one and the order");
    assert!(order.instead.is_none() && order.observed.is_none());
}

#[test]
fn where_one_dataset_has_no_truth_what_is_seen_decides() {
    let found = analysis(&two(false));
    assert_eq!(found.primary, ["auuc"]);
    let one = &found.claims[0];
    assert!(one.instead.is_none() && one.observed.is_none() && one.parts[0].value.is_some());
    assert!(found.contrasts.iter().all(|one| one.observed.is_none() || one.dataset.as_deref() == Some("a")));
    let real = Sample { truth: false, ..Default::default() }.analysis();
    assert_eq!(real.primary, ["auuc"]);
    assert!(real.contrasts.iter().all(|one| one.instead.is_none() && one.observed.is_none()));
}

#[test]
fn the_region_and_the_margin_of_a_metric_hold_for_it_without_noise() {
    let mut evidence = two(true);
    evidence.experiment.metrics = vec!["auuc".to_string()];
    evidence.experiment.decision.equivalence = Equivalence::All(Margin::Absolute(0.031));
    evidence.experiment.claims = vec![claim("far", "auuc", OWN_CLAIMS, PAIR, Margin::Absolute(5.0))];
    let found = analysis(&evidence);
    assert_eq!(found.contrasts[0].metric, "auuc.true");
    assert_eq!(found.contrasts[0].decided.as_ref().unwrap().margin, 0.031);
    let far = &found.claims[0];
    assert_eq!(far.verdict, Answer::Refuted);
    let needed = *far.observed.as_ref().unwrap().needed.as_ref().unwrap();
    assert!(needed < 400, "a distance of five is seen at once: {needed}");
}

#[test]
fn claims_are_corrected_within_the_family_that_they_name() {
    let mut evidence = four();
    let pairs = [["high", "base"], ["low", "base"], ["same", "base"], ["noisy", "base"]];
    let families = ["one", "one", "one", "two"];
    let claims = pairs.iter().zip(families);
    let claims = claims.map(|(pair, family)| claim(pair[0], "auuc", family, *pair, NONE));
    evidence.experiment.claims = claims.collect();
    let found = analysis(&evidence);
    let family = |index: usize| found.claims[index].parts[0].family.clone().unwrap();
    assert_eq!((family(0), family(3)), (("one".to_string(), 3), ("two".to_string(), 1)));
    assert_eq!(found.claims[3].parts[0].p, found.claims[3].parts[0].p_adjusted);
    let declared = found.contrasts.iter().find(|one| one.method == "high").unwrap().decided.clone().unwrap();
    let part = &found.claims[0].parts[0];
    assert_eq!((declared.p, part.p.map(|p| 3.0 * p)), (part.p, part.p_adjusted));
    assert_eq!(declared.p_adjusted, part.p.map(|p| 4.0 * p), "a table corrects for its own family");
}

#[test]
fn methods_are_compared_within_their_backbones() {
    let all = ["ziln", "focal", "gti", "wr"];
    let methods: [Planted; 5] = [
        ("T", "tarnet", &[], level(0.30)),
        ("T z", "tarnet", &["ziln"], apart(0.36, 0.3)),
        ("VALOR (T)", "tarnet", &all, apart(0.33, 0.2)),
        ("D", "dragonnet", &[], level(0.20)),
        ("D z", "dragonnet", &["ziln"], apart(0.20, 9.0)),
    ];
    let mut evidence = planted(&methods, &["a", "b"], "auuc");
    evidence.experiment.decision.contrasts = vec![Family::WithinBackbone];
    let found = analysis(&evidence);
    let average: Vec<_> = found.within.iter().filter(|one| one.dataset.is_none()).collect();
    let words: Vec<_> = average
        .iter()
        .map(|one| (one.method.as_str(), one.baseline.as_str(), one.decided.as_ref().unwrap().verdict))
        .collect();
    let expected = [
        ("T z", "T", Verdict::Better),
        ("VALOR (T)", "T", Verdict::Better),
        ("T z", "VALOR (T)", Verdict::Better),
        ("D z", "D", Verdict::Inconclusive),
    ];
    assert_eq!(words, expected);
    assert_eq!((found.declared, average[0].decided.as_ref().unwrap().family), (4, 4));
    let same = |one: &&super::contrasts::ContrastView| one.method == "T z" && one.dataset.is_none();
    let with_baseline = found.contrasts.iter().find(same).unwrap();
    assert_eq!(with_baseline.decided, average[0].decided, "the same comparison");
}

#[test]
fn many_rows_are_linearised_and_say_so() {
    let sample = |rows| Sample {
        rows,
        methods: vec![("TARNet", "tarnet"), ("T-learner", "t-learner")],
        seeds: vec![1, 2],
        metrics: vec!["auuc", "krcc", "pehe", "auuc.causalml"],
        ..Default::default()
    };
    let found: Analysis = sample(20_000).analysis();
    for metric in ["auuc", "auuc.true", "krcc", "pehe"] {
        let contrast = found.contrasts.iter().find(|one| one.metric == metric).unwrap();
        let (rows, both) = (contrast.ci_rows.as_ref().unwrap(), contrast.ci_both.as_ref().unwrap());
        assert_eq!(
            (rows.method.as_str(), rows.resamples, rows.n),
            ("linearised bootstrap", Some(2_000), 20_000)
        );
        assert!(both.method.ends_with("linearised bootstrap of test rows"), "{}", both.method);
        assert!(contrast.share_above_zero.is_some_and(|share| (0.0..=1.0).contains(&share)));
        assert!(rows.note.is_none() && found.blocks[0].cells[0].metrics[metric].sd_rows.unwrap() > 0.0);
    }
    let none = found.blocks[0].cells[0].metrics["auuc.causalml"].ci_rows.clone().unwrap_err().0;
    assert_eq!(none, "not defined for rows that count several times");
    assert!(found.blocks[0].curves[0].methods[0].rows.is_some(), "curves keep their bands");
    let few = sample(300).analysis();
    assert_eq!(few.contrasts[0].ci_rows.as_ref().unwrap().method, "percentile bootstrap");
}
