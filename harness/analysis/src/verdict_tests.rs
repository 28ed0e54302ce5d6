//! Verdicts, claims and effects of planted values.

use super::claims::ClaimView;
use super::claims::Needed;
use super::contrasts::ContrastView;
use super::sample::{
    self, NONE, Planted, Sample, apart, better, chain, diverge, four, level, plant, planted,
};
use super::{Analysis, Evidence, Outcome};
use valor_runs::spec::{
    Chain, Claim, Decision, Equivalence, FailingSeeds, Family, Group, LatencyOf, Margin, Over, Pair, Scope,
    SeedsWord, Statement, Test,
};
use valor_stats::stats::{Answer, Verdict};

pub(super) fn analysis(evidence: &Evidence) -> Analysis {
    Analysis::new(evidence).unwrap()
}

fn word(evidence: &Evidence, method: &str) -> Verdict {
    of(&analysis(evidence), method).decided.as_ref().unwrap().verdict
}

pub(super) fn of<'a>(analysis: &'a Analysis, method: &str) -> &'a ContrastView {
    analysis.contrasts.iter().find(|contrast| contrast.method == method).unwrap()
}

fn claimed(mut evidence: Evidence, statement: Statement) -> ClaimView {
    let metric = evidence.experiment.metrics[0].clone();
    let (id, text) = ("c".to_string(), "A claim.".to_string());
    evidence.experiment.claims = vec![Claim {
        id,
        text,
        source: None,
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric,
        datasets: Vec::new(),
        statement,
    }];
    analysis(&evidence).claims.remove(0)
}

#[test]
fn words_follow_the_planted_differences() {
    let evidence = four();
    assert_eq!(word(&evidence, "high"), Verdict::Better);
    assert_eq!(word(&evidence, "low"), Verdict::Worse);
    assert_eq!(word(&evidence, "same"), Verdict::Equivalent);
    assert_eq!(word(&evidence, "noisy"), Verdict::Inconclusive);
    let analysis = analysis(&evidence);
    let high = of(&analysis, "high").decided.as_ref().unwrap();
    assert_eq!((high.family, high.declared, high.over), (4, true, "seeds"));
    assert!((high.margin - 0.05 * 0.3).abs() < 1e-9 && high.probability_better.unwrap() > 0.999);
    assert!(high.p.unwrap() < high.p_adjusted.unwrap() && high.detectable.unwrap() > 0.0);
    assert!(of(&analysis, "high").ci_both.as_ref().unwrap_err().0.contains("no common rows"));
}

#[test]
fn what_is_better_depends_on_the_metric() {
    let methods: [Planted; 3] = [
        ("base", "tarnet", &[], level(3.0)),
        ("smaller", "tarnet", &["ziln"], level(2.0)),
        ("larger", "tarnet", &["wr"], apart(4.0, 1.0)),
    ];
    let smaller_is_better = planted(&methods, &["world"], "pehe");
    assert_eq!(word(&smaller_is_better, "larger"), Verdict::Worse);
    let found = analysis(&smaller_is_better);
    let smaller = of(&found, "smaller");
    assert!(smaller.value().unwrap() < -0.99 && smaller.ci.as_ref().unwrap().high < 0.0);
    let claim = claimed(smaller_is_better, better("base", "larger", Margin::Share(0.2), None));
    assert_eq!(claim.verdict, Answer::Supported, "{claim:?}");
    assert!(claim.parts[0].value.unwrap() < 0.0 && claim.parts[0].relative.unwrap() < -0.2, "{claim:?}");

    let nearer_zero: [Planted; 2] =
        [("base", "tarnet", &[], level(-3.0)), ("other", "tarnet", &["ziln"], apart(1.0, 1.0))];
    let evidence = planted(&nearer_zero, &["world"], "ate.error");
    assert_eq!(word(&evidence, "other"), Verdict::Better);
    assert!(of(&analysis(&evidence), "other").value().unwrap() > 3.9);
}

#[test]
fn differences_without_variance_are_equivalent_or_open() {
    let methods: [Planted; 3] = [
        ("base", "tarnet", &[], level(0.25)),
        ("copy", "tarnet", &["ziln"], level(0.25)),
        ("shifted", "tarnet", &["wr"], sample::NOISE.map(|noise| 0.25 + noise + 0.5)),
    ];
    let mut evidence = planted(&methods, &["world"], "auuc");
    assert_eq!(word(&evidence, "copy"), Verdict::Equivalent);
    // exact in binary, so that all differences are the same number
    for (cell, shift) in [(0, 0.0), (2, 0.5)] {
        for (index, run) in evidence.cells[cell].runs.iter_mut().enumerate() {
            plant(run, "auuc", index as f64 + shift);
        }
    }
    let found = analysis(&evidence);
    let shifted = of(&found, "shifted").decided.as_ref().unwrap();
    assert_eq!((shifted.verdict, shifted.p), (Verdict::Inconclusive, None));
    assert_eq!(shifted.reason.as_deref(), Some("no variance to test against"));
}

#[test]
fn failures_are_inconclusive_with_a_reason_and_still_count() {
    let mut evidence = four();
    evidence.cells[1].runs.iter_mut().for_each(diverge);
    evidence.cells[2].runs[1..].iter_mut().for_each(diverge);
    diverge(&mut evidence.cells[3].runs[0]);
    let found = analysis(&evidence);
    let decided = |method: &str| of(&found, method).decided.as_ref().unwrap();
    assert_eq!(decided("high").reason.as_deref(), Some("high: failed to converge"));
    assert_eq!(decided("low").reason.as_deref(), Some("an interval needs at least 2 pairs, found 1"));
    assert_eq!(
        (decided("high").verdict, decided("low").verdict),
        (Verdict::Inconclusive, Verdict::Inconclusive)
    );
    assert_eq!((decided("same").family, of(&found, "same").seeds_paired), (4, 4));
    let claim = claimed(evidence, better("high", "base", NONE, None));
    assert_eq!(claim.verdict, Answer::Inconclusive);
    assert_eq!(claim.parts[0].reason.as_deref(), Some("high: failed to converge"), "{claim:?}");
}

#[test]
fn one_method_or_one_seed_decides_nothing() {
    let single = planted(&[("base", "tarnet", &[], level(0.3))], &["world"], "auuc");
    let found = analysis(&single);
    assert!(found.contrasts.is_empty() && found.left_out.is_empty() && found.effects.is_empty());
    let one_seed = Sample { seeds: vec![7], ..Default::default() }.analysis();
    assert!(one_seed.contrasts.iter().all(|contrast| {
        contrast
            .decided
            .as_ref()
            .is_none_or(|decided| decided.verdict == Verdict::Inconclusive && decided.reason.is_some())
    }));
    assert_eq!(one_seed.claims[0].verdict, Answer::Inconclusive);
}

#[test]
fn rows_and_seeds_decide_together_where_rows_are_shared() {
    let found = Sample::default().analysis();
    let one =
        found.contrasts.iter().find(|one| one.metric == "auuc.true" && one.method == "T-learner").unwrap();
    let (both, seeds) = (one.ci_both.as_ref().unwrap(), one.ci.as_ref().unwrap());
    assert_eq!(
        (both.over.as_str(), one.decided.as_ref().unwrap().over),
        ("seeds and test rows", "seeds and test rows")
    );
    let sources = one.variance.as_ref().unwrap();
    let rows = sources.rows.clone().unwrap();
    assert!(rows > 0.0 && sources.seeds > 0.0 && sources.datasets.is_none());
    assert!(both.low < one.value().unwrap() && one.value().unwrap() < both.high && seeds.n == 3);
    let cell = &found.blocks[0].cells[0].metrics["auuc"];
    assert!(cell.sd_rows.unwrap() > 0.0 && cell.ci_both.is_ok());
    let two = Sample { datasets: vec!["a", "b"], ..Default::default() }.analysis();
    let average = two.contrasts.iter().find(|one| one.dataset.is_none()).unwrap();
    assert!(average.variance.as_ref().unwrap().over_datasets.is_some());
}

#[test]
fn a_component_is_left_out_of_the_full_model() {
    let mut evidence = planted(&chain(), &["a", "b"], "auuc");
    evidence.experiment.decision.contrasts = vec![Family::LeaveOneOut];
    let found = analysis(&evidence);
    let average: Vec<_> = found.left_out.iter().filter(|contrast| contrast.dataset.is_none()).collect();
    let names: Vec<_> = average
        .iter()
        .map(|one| (one.method.as_str(), one.baseline.as_str(), one.component.as_deref()))
        .collect();
    assert_eq!(names, [("T zw", "T zgw", Some("gti")), ("D zw", "D zgw", Some("gti"))]);
    let decided = average[0].decided.as_ref().unwrap();
    assert_eq!((decided.declared, decided.family, decided.verdict), (true, 2, Verdict::Equivalent));
    assert!(found.contrasts.iter().all(|contrast| !contrast.decided.as_ref().unwrap().declared));
}

#[test]
fn effects_are_what_was_planted() {
    let found = analysis(&planted(&chain(), &["a", "b"], "auuc"));
    let additive = &found.effects[0];
    assert_eq!(additive.formula, "auuc ~ backbone:dataset:seed + ziln + wr + gti");
    assert_eq!((additive.rows, additive.blocks, additive.interactions), (80, 20, false));
    for (term, planted) in additive.terms.iter().zip([0.06, 0.02, 0.0]) {
        let ci = term.ci.as_ref().unwrap();
        assert!((term.estimate.unwrap() - planted).abs() < 0.005 && ci.low < ci.high, "{term:?}");
        assert_eq!(term.ci_backbones.as_ref().unwrap().n, 2);
    }
    assert!(additive.terms[0].p_adjusted.unwrap() < 1e-6);
    assert_eq!(found.effects.len(), 1, "no pair occurs that is not one of the two alone");
}

#[test]
fn components_that_come_together_are_one_switch_and_pairs_have_effects() {
    let methods: [Planted; 4] = [
        ("none", "tarnet", &[], level(0.30)),
        ("zf", "tarnet", &["ziln", "focal"], apart(0.34, 0.1)),
        ("w", "tarnet", &["wr"], apart(0.33, 0.1)),
        ("zfw", "tarnet", &["ziln", "focal", "wr"], apart(0.40, 0.1)),
    ];
    let found = analysis(&planted(&methods, &["a"], "auuc"));
    let names =
        |index: usize| found.effects[index].terms.iter().map(|term| term.name.as_str()).collect::<Vec<_>>();
    assert_eq!((names(0), names(1)), (vec!["ziln+focal", "wr"], vec!["ziln+focal", "wr", "ziln+focal:wr"]));
    let pair = found.effects[1].terms[2].estimate.unwrap();
    assert!((pair - 0.03).abs() < 0.003, "{pair}");
    assert!(found.effects[1].terms.iter().all(|term| term.ci_backbones.is_none()), "one backbone");
}

#[test]
fn a_gain_is_claimed_by_a_number_a_share_or_a_range() {
    let answer = |statement| claimed(four(), statement).verdict;
    let share = |percent: f64| Margin::Share(percent / 100.0);
    assert_eq!(answer(better("high", "base", NONE, None)), Answer::Supported);
    assert_eq!(answer(better("low", "base", NONE, None)), Answer::Refuted);
    assert_eq!(
        answer(better("same", "base", NONE, None)),
        Answer::TooSmall,
        "nothing says that it is a loss"
    );
    assert_eq!(answer(better("noisy", "base", NONE, None)), Answer::Inconclusive);
    assert_eq!(answer(better("high", "base", Margin::Absolute(0.04), None)), Answer::Supported);
    assert_eq!(answer(better("high", "base", Margin::Absolute(0.06), None)), Answer::Refuted);
    assert_eq!(answer(better("high", "base", share(12.0), None)), Answer::Supported);
    assert_eq!(answer(better("high", "base", share(25.0), None)), Answer::Refuted);
    assert_eq!(answer(better("high", "base", share(10.0), Some(share(25.0)))), Answer::Supported);
    assert_eq!(answer(better("high", "base", share(1.0), Some(share(5.0)))), Answer::Refuted);
    assert_eq!(answer(better("high", "base", share(16.0), Some(share(17.0)))), Answer::Inconclusive);
}

#[test]
fn an_open_claim_says_what_would_decide_it() {
    let claim = claimed(four(), better("noisy", "base", NONE, None));
    assert!(matches!(claim.needed(), Some(Needed::Seeds { instead_of: 5, .. })), "{claim:?}");
    let decided = claimed(four(), better("high", "base", NONE, None));
    assert_eq!(decided.needed(), None);
}

#[test]
fn claims_about_backbones_hold_for_each_or_on_average() {
    let pairs = |last: &str| -> Vec<Pair> {
        [("T zw", "T"), (last, "D")].map(|(a, b)| Pair { better: a.to_string(), than: b.to_string() }).into()
    };
    let claim = |last: &str, over| {
        let (pairs, by, at_most) = (pairs(last), NONE, None);
        claimed(planted(&chain(), &["a", "b"], "auuc"), Statement::Better { pairs, over, by, at_most })
    };
    let both = claim("D zw", Over::Each);
    assert_eq!((both.verdict, both.parts.len()), (Answer::Supported, 2));
    assert_eq!(both.decisive().count(), 2);
    let one = claim("D", Over::Each);
    assert_eq!(one.verdict, Answer::TooSmall, "a method is not better than itself: {one:?}");
    let average = claim("D", Over::Average);
    assert_eq!((average.verdict, average.parts.len()), (Answer::Supported, 1));
}

#[test]
fn steps_are_compared_with_each_other() {
    let step = |step| {
        let methods = ["T", "T z", "T zw", "T zgw"].map(str::to_string).to_vec();
        claimed(planted(&chain(), &["a"], "auuc"), Statement::LargestStep(vec![Chain { methods, step }]))
    };
    let (first, last) = (step(0), step(2));
    assert_eq!((first.verdict, first.parts.len()), (Answer::Supported, 3));
    assert_eq!(last.verdict, Answer::Refuted);
}

#[test]
fn the_best_method_of_every_backbone_has_a_component() {
    let group = |prefix: &str, with: [&str; 2]| {
        let name = |rest: &str| format!("{prefix}{rest}");
        let without =
            ["", " z", " zw", " zgw"].iter().filter(|rest| !with.contains(rest)).map(|rest| name(rest));
        Group { with: with.map(name).to_vec(), without: without.collect() }
    };
    let claim = |with| {
        let groups = vec![group("T", with), group("D", with)];
        let component = "wr".to_string();
        claimed(planted(&chain(), &["a"], "auuc"), Statement::EveryBestHas { component, groups })
    };
    assert_eq!(claim([" zw", " zgw"]).verdict, Answer::Supported);
    assert_eq!(claim(["", " z"]).verdict, Answer::Refuted);
    assert_eq!(claim([" z", " zw"]).verdict, Answer::TooSmall, "the best without it is as good");
}

#[test]
fn spreads_are_claimed_of_every_method() {
    let spread = |limit, methods: &[&str]| {
        let methods = methods.iter().map(ToString::to_string).collect();
        claimed(four(), Statement::SpreadAtMost { limit, methods })
    };
    assert_eq!(spread(0.05, &["base", "high", "low", "same"]).verdict, Answer::Supported);
    assert_eq!(spread(0.01, &["base", "noisy"]).verdict, Answer::Refuted);
    let open = spread(0.02, &["base", "high"]);
    assert_eq!(open.verdict, Answer::Inconclusive);
    assert!(matches!(open.needed(), Some(Needed::Seeds { .. })), "{open:?}");
}

#[test]
fn means_are_claimed_of_every_method() {
    let mean = |limit, methods: &[&str]| {
        let methods = methods.iter().map(ToString::to_string).collect();
        claimed(four(), Statement::MeanAtMost { limit, methods })
    };
    assert_eq!(mean(0.4, &["base", "low"]).verdict, Answer::Supported);
    assert_eq!(mean(0.2, &["base", "low"]).verdict, Answer::Refuted);
    let open = mean(0.305, &["base"]);
    assert_eq!((open.verdict, open.parts[0].pairs), (Answer::Inconclusive, 5), "{open:?}");
    assert!(open.needed().is_some());
}

/// Four methods whose second metric falls as the first rises, but for one pair.
fn two_metrics() -> Evidence {
    let mut evidence = four();
    let others = [2.0, 1.0, 3.0, 2.5, 1.5];
    for cell in &mut evidence.cells {
        let value = others[cell.method];
        cell.runs.iter_mut().for_each(|run| plant(run, "pehe", value));
    }
    evidence.experiment.metrics.push("pehe".to_string());
    evidence
}

#[test]
fn one_metric_may_order_methods_as_another() {
    let agree = |tau_above, methods: &[&str]| {
        let methods = methods.iter().map(ToString::to_string).collect();
        let other = "pehe".to_string();
        claimed(two_metrics(), Statement::OrdersAs { other, tau_above, methods })
    };
    let claim = agree(0.9, &["low", "base", "high"]);
    assert_eq!((claim.verdict, claim.parts[0].value), (Answer::Supported, Some(1.0)), "{claim:?}");
    assert_eq!(claim.parts[0].what, "tau-b of auuc and pehe over 3 methods");
    // "same" is better than "base" by one metric and worse by the other.
    assert_eq!(agree(0.9, &["low", "base", "same"]).verdict, Answer::Refuted);
    let mut evidence = two_metrics();
    evidence.cells[1].runs.iter_mut().for_each(diverge);
    let methods = ["low", "base", "high"].map(str::to_string).to_vec();
    let claim = claimed(evidence, Statement::OrdersAs { other: "pehe".to_string(), tau_above: 0.0, methods });
    assert_eq!(claim.verdict, Answer::Inconclusive);
    assert!(claim.parts[0].reason.as_ref().unwrap().contains("3 methods with both metrics"), "{claim:?}");
}

/// Times of the baseline and of another method, seed by seed.
fn timed(base: [f64; 5], other: [f64; 5]) -> Evidence {
    let mut evidence = four();
    for (cell, times) in [(0, base), (1, other)] {
        for (run, time) in evidence.cells[cell].runs.iter_mut().zip(times) {
            if let Outcome::Found { record, .. } = &mut run.outcome {
                record.measured.latency.as_mut().unwrap().batched_ms = time;
            }
        }
    }
    evidence
}

fn faster(evidence: Evidence, times: f64, at_most: Option<f64>) -> ClaimView {
    let (faster, than) = ("high".to_string(), "base".to_string());
    claimed(evidence, Statement::Faster { faster, than, latency: LatencyOf::Batched, times, at_most })
}

#[test]
fn one_method_may_be_so_many_times_as_fast_as_another() {
    let slow = [7.0, 7.1, 6.9, 7.05, 6.95];
    let fast = [1.0, 1.01, 0.99, 1.02, 0.98];
    let claim = faster(timed(slow, fast), 6.0, Some(8.0));
    let part = &claim.parts[0];
    assert_eq!((claim.verdict, part.over, part.pairs), (Answer::Supported, "measurements", 5));
    assert!((part.value.unwrap() - 7.0).abs() < 0.05 && part.what.contains("A processor"), "{part:?}");
    assert_eq!(faster(timed(slow, fast), 8.0, None).verdict, Answer::Refuted);
    assert_eq!(faster(timed(slow, fast), 2.0, Some(3.0)).verdict, Answer::Refuted);
    assert_eq!(faster(timed(slow, fast), 7.0, None).verdict, Answer::Inconclusive);
}

#[test]
fn seeds_of_one_stack_are_one_measurement_and_machines_are_not_compared() {
    let claim = faster(timed([7.0; 5], [1.0; 5]), 6.0, Some(8.0));
    assert_eq!(claim.verdict, Answer::Inconclusive);
    assert!(claim.parts[0].reason.as_ref().unwrap().contains("trained together"), "{claim:?}");
    assert!((claim.parts[0].value.unwrap() - 7.0).abs() < 1e-12 && claim.parts[0].interval.is_none());
    // One stack of the other beside five measurements is still one.
    let claim = faster(timed([7.0; 5], [1.0, 1.1, 0.9, 1.2, 0.8]), 6.0, None);
    assert!(claim.parts[0].reason.as_ref().unwrap().starts_with("1 measurement"), "{claim:?}");
    let mut evidence = timed([7.0, 7.1, 7.0, 7.2, 6.9], [1.0, 1.1, 0.9, 1.2, 0.8]);
    if let Outcome::Found { record, .. } = &mut evidence.cells[1].runs[2].outcome {
        record.measured.processor = "Another".to_string();
    }
    let claim = faster(evidence, 6.0, None);
    assert!(claim.parts[0].reason.as_ref().unwrap().contains("different machines"), "{claim:?}");
}

#[test]
fn failures_to_converge_are_counted_and_crashes_leave_open() {
    let fails = |evidence: &Evidence, seeds| {
        claimed(evidence.clone(), Statement::Fails { methods: vec!["high".to_string()], seeds })
    };
    let (any, all) = (FailingSeeds::Named(SeedsWord::Any), FailingSeeds::Named(SeedsWord::All));
    let mut evidence = four();
    assert_eq!(fails(&evidence, any).verdict, Answer::Refuted);
    evidence.cells[1].runs[..3].iter_mut().for_each(diverge);
    let some = fails(&evidence, any);
    assert_eq!((some.verdict, some.parts[0].value), (Answer::Supported, Some(3.0)));
    assert_eq!(some.parts[0].what, "seeds of high on world that failed to converge, of 5");
    assert_eq!(fails(&evidence, all).verdict, Answer::Refuted);
    assert_eq!(fails(&evidence, FailingSeeds::AtLeast(4)).verdict, Answer::Refuted);
    evidence.cells[1].runs[3].outcome = Outcome::Missing;
    let open = fails(&evidence, FailingSeeds::AtLeast(4));
    assert_eq!(open.verdict, Answer::Inconclusive);
    assert_eq!(open.parts[0].reason.as_deref(), Some("1 crashed or are missing"));
    evidence.cells[1].runs[4].outcome = Outcome::Missing;
    assert_eq!(fails(&evidence, any).verdict, Answer::Supported);
}

#[test]
fn a_claim_may_rest_on_other_claims() {
    let mut evidence = four();
    let claim = |id: &str, statement: Statement| Claim {
        id: id.to_string(),
        text: "A claim.".to_string(),
        source: None,
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement,
    };
    let all = |ids: &[&str]| Statement::AllOf(ids.iter().map(ToString::to_string).collect());
    evidence.experiment.claims = vec![
        claim("both", all(&["up", "open"])),
        claim("up", better("high", "base", NONE, None)),
        claim("open", better("noisy", "base", NONE, None)),
        claim("down", better("low", "base", NONE, None)),
        claim("one", all(&["up"])),
        claim("none", all(&["open", "down", "up"])),
    ];
    let claims = Analysis::new(&evidence).unwrap().claims;
    let verdicts: Vec<Answer> = claims.iter().map(|claim| claim.verdict).collect();
    let (yes, no, open) = (Answer::Supported, Answer::Refuted, Answer::Inconclusive);
    assert_eq!(verdicts, [open, yes, open, no, yes, no]);
    assert_eq!(claims[5].decisive().map(|part| part.what.as_str()).collect::<Vec<_>>(), ["down"]);
    // What rests on others adds no test to the family.
    assert_eq!(claims[1].parts[0].family, Some((valor_runs::spec::OWN_CLAIMS.to_string(), 3)));
}

#[test]
fn a_claim_on_a_dataset_that_the_profile_leaves_out_stays_open() {
    let mut evidence = four();
    let statement = better("high", "base", NONE, None);
    let datasets = vec!["elsewhere".to_string()];
    let text = |text: &str| text.to_string();
    evidence.experiment.claims = vec![Claim {
        id: text("c"),
        text: text("C."),
        source: None,
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric: text("auuc"),
        datasets,
        statement,
    }];
    let claim = analysis(&evidence).claims.remove(0);
    assert_eq!(
        (claim.verdict, claim.absent.as_slice()),
        (Answer::Inconclusive, &["elsewhere".to_string()][..])
    );
}

#[test]
fn tests_by_signs_take_the_place_of_t() {
    let mut evidence = planted(&chain(), &["a", "b"], "auuc");
    evidence.experiment.decision = Decision {
        test: Test::SignFlip,
        contrasts: vec![Family::LeaveOneOut],
        datasets: Scope::Average,
        equivalence: Equivalence::All(NONE),
        ..Decision::silent(&["auuc".to_string()])
    };
    let found = analysis(&evidence);
    let average = found.contrasts.iter().find(|one| one.method == "T z" && one.dataset.is_none()).unwrap();
    assert_eq!(average.decided.as_ref().unwrap().p, Some(2.0 / 1024.0), "all ten differences have one sign");
}
