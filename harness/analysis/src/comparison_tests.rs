//! One comparison, one verdict; and nothing rests on a share of a total that is hardly there.

use super::sample::{NONE, Planted, Sample, apart, better, four, level, planted, weak};
use super::verdict_tests::{analysis, of};
use valor_runs::spec::{Claim, Family, Margin};
use valor_stats::stats::Answer;

#[test]
fn a_comparison_has_one_p_and_one_verdict_wherever_it_stands() {
    let mut evidence = four();
    let claim = |id: &str, a: &str, b: &str| Claim {
        id: id.to_string(),
        text: "A claim.".to_string(),
        source: None,
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric: "auuc".to_string(),
        datasets: vec!["world".to_string()],
        statement: better(a, b, NONE, None),
    };
    let others = ["high", "low", "same", "noisy"];
    evidence.experiment.claims =
        others.iter().flat_map(|name| [claim("a", name, "base"), claim("b", "base", name)]).collect();
    let found = analysis(&evidence);
    for (name, claims) in others.iter().zip(found.claims.chunks(2)) {
        let contrast = of(&found, name);
        let decided = contrast.decided.as_ref().unwrap();
        for (claim, sign, word) in
            [(&claims[0], 1.0, decided.verdict), (&claims[1], -1.0, decided.reversed().verdict)]
        {
            let part = &claim.parts[0];
            assert_eq!((part.p, part.p_adjusted), (decided.p, decided.p_adjusted), "{name}");
            assert_eq!(part.value, contrast.value().map(|difference| sign * difference), "{name}");
            assert_eq!((claim.verdict, part.verdict), (Answer::from(word), Answer::from(word)), "{name}");
            assert_eq!(part.family, Some(("own claims".to_string(), 4)));
        }
    }
    assert_eq!(found.declared, 4, "a claim makes the family no larger");
}

#[test]
fn what_only_claims_compare_is_a_family_of_its_own() {
    let mut evidence = four();
    let claim = |a: &str, b: &str, by| Claim {
        id: a.to_string(),
        text: "A claim.".to_string(),
        source: None,
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement: better(a, b, by, None),
    };
    let by = Margin::Absolute(0.04);
    evidence.experiment.claims = vec![
        claim("high", "same", NONE),
        claim("high", "base", by),
        claim("high", "base", by),
        claim("same", "high", NONE),
    ];
    let found = analysis(&evidence);
    let part = |index: usize| &found.claims[index].parts[0];
    for index in 0..4 {
        assert_eq!(
            part(index).family,
            Some(("own claims".to_string(), 2)),
            "one comparison each way, one margin asked twice"
        );
    }
    assert_eq!(part(1).p_adjusted, part(2).p_adjusted);
    assert_eq!((part(0).p_adjusted, part(0).value), (part(3).p_adjusted, part(3).value.map(|value| -value)));
    assert_eq!((found.claims[0].verdict, found.claims[3].verdict), (Answer::Supported, Answer::Refuted));
}

#[test]
fn a_full_model_less_a_component_that_is_the_baseline_is_compared_once() {
    let methods: [Planted; 3] = [
        ("full", "tarnet", &["ziln", "wr"], level(0.3)),
        ("less", "tarnet", &["ziln"], apart(0.28, 0.5)),
        ("other", "tarnet", &[], apart(0.25, 0.5)),
    ];
    let mut evidence = planted(&methods, &["world"], "auuc");
    evidence.experiment.decision.contrasts = vec![Family::Baseline, Family::LeaveOneOut];
    let found = analysis(&evidence);
    let left_out = found.left_out.iter().find(|one| one.method == "less").unwrap();
    let (with_baseline, left_out) =
        (of(&found, "less").decided.clone().unwrap(), left_out.decided.clone().unwrap());
    assert_eq!(with_baseline, left_out);
    assert_eq!((found.declared, with_baseline.family), (2, 2), "asked for twice, counted once");
}

#[test]
fn components_are_decided_over_seeds_and_rows_together_where_rows_are_shared() {
    let methods = vec![("TARNet", "tarnet"), ("TARNet +ziln", "tarnet"), ("TARNet +wr", "tarnet")];
    let mut evidence = Sample { methods, metrics: vec!["auuc"], ..Default::default() }.evidence();
    for (method, component) in [(1, "ziln"), (2, "wr")] {
        evidence.experiment.methods[method].components = vec![component.to_string()];
    }
    let found = analysis(&evidence);
    let term = &found.effects[0].terms[0];
    let (ci, contrast) = (term.ci.as_ref().unwrap(), of(&found, "TARNet +ziln"));
    assert_eq!((ci.over.as_str(), &term.rows_reason), ("seeds and test rows", &None));
    assert!((term.estimate.unwrap() - contrast.value().unwrap()).abs() < 1e-12);
    let rows = contrast.ci_rows.as_ref().unwrap();
    assert!(ci.low <= rows.low + 1e-9 && ci.high >= rows.high - 1e-9, "{ci:?} {rows:?}");
    assert!(term.verdict.is_some() && term.p.unwrap() > 0.0 && term.p_adjusted >= term.p);
}

#[test]
fn every_joint_interval_reaches_as_far_as_its_sources_and_its_p_follows_from_it() {
    for datasets in [vec!["a"], vec!["a", "b"]] {
        let found = Sample { datasets, ..Default::default() }.analysis();
        let mut joint = 0;
        for contrast in found.contrasts.iter().chain(&found.left_out) {
            let (Ok(both), Ok(seeds), Ok(rows)) = (&contrast.ci_both, &contrast.ci, &contrast.ci_rows) else {
                continue;
            };
            joint += 1;
            assert!(
                both.low <= seeds.low.min(rows.low) && both.high >= seeds.high.max(rows.high),
                "{contrast:?}"
            );
            let p = contrast.decided.as_ref().unwrap().p.unwrap();
            assert_eq!(p < 0.05, both.low > 0.0 || both.high < 0.0, "{p} {both:?}");
        }
        for estimate in
            found.blocks.iter().flat_map(|block| &block.cells).flat_map(|cell| cell.metrics.values())
        {
            let (Ok(both), Ok(seeds), Ok(rows)) = (&estimate.ci_both, &estimate.ci, &estimate.ci_rows) else {
                continue;
            };
            assert!(
                both.low <= seeds.low.min(rows.low) && both.high >= seeds.high.max(rows.high),
                "{estimate:?}"
            );
        }
        assert!(joint >= 8, "{joint}");
    }
}

#[test]
fn nothing_rests_on_a_share_of_a_total_that_is_hardly_there() {
    let mut evidence = weak();
    let share = |id: &str, by| Claim {
        id: id.to_string(),
        text: "A claim.".to_string(),
        source: None,
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement: better("T-learner", "TARNet", by, None),
    };
    evidence.experiment.claims = vec![share("gain", NONE), share("number", Margin::Absolute(0.1))];
    let found = analysis(&evidence);
    let shown: Vec<&str> =
        found.metrics.iter().filter(|metric| metric.in_table).map(|metric| metric.name.as_str()).collect();
    assert_eq!(shown, ["lift@30", "auuc.area", "auuc", "qini.area", "qini"], "the area leads its share");
    assert_eq!(found.primary, ["auuc.area"]);
    for contrast in &found.contrasts {
        let is_share = ["auuc", "qini"].contains(&contrast.metric.as_str());
        assert_eq!(contrast.decided.is_none(), is_share, "{}", contrast.metric);
        assert_eq!(contrast.undecided.is_some(), is_share, "{}", contrast.metric);
        let declared = contrast.decided.as_ref().is_some_and(|decided| decided.declared);
        assert_eq!(declared, contrast.metric == "auuc.area");
    }
    let area =
        found.contrasts.iter().find(|one| one.metric == "auuc.area" && one.method == "T-learner").unwrap();
    assert!(area.difference.is_ok() && area.ci_both.is_ok(), "{area:?}");
    let (gain, number) = (&found.claims[0], &found.claims[1]);
    assert_eq!(gain.parts[0].p, area.decided.as_ref().unwrap().p);
    let instead = gain.instead.as_ref().unwrap();
    assert_eq!(instead.metric, "auuc.area");
    assert!(instead.why.starts_with("auuc is a share of a total that is hardly there"), "{instead:?}");
    assert_eq!(
        (number.verdict, number.parts[0].p),
        (Answer::Inconclusive, None),
        "no number of a share decides"
    );
}

#[test]
fn where_the_total_is_there_its_share_decides_and_no_area_is_added() {
    let found = Sample { truth: false, ..Default::default() }.analysis();
    assert_eq!(
        (found.metrics[0].name.as_str(), found.primary.as_slice()),
        ("auuc", &["auuc".to_string()][..])
    );
    assert!(found.contrasts.iter().all(|contrast| contrast.undecided.is_none()));
}
