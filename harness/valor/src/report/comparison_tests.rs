//! One comparison, one verdict; and nothing rests on a share of a total that is hardly there.

use super::sample::Sample;
use super::verdict_tests::{NONE, Planted, apart, better, four, level, material, of, view};
use super::{Differences, Material, Outcome, Table};
use serde_json::Value;
use valor_runs::spec::{Claim, Family, Margin};
use valor_stats::stats::Answer;

#[test]
fn a_comparison_has_one_p_and_one_verdict_wherever_it_stands() {
    let mut material = four();
    let claim = |id: &str, a: &str, b: &str| Claim {
        id: id.to_string(),
        text: "A claim.".to_string(),
        source: None,
        metric: "auuc".to_string(),
        datasets: vec!["world".to_string()],
        statement: better(a, b, NONE, None),
    };
    let others = ["high", "low", "same", "noisy"];
    material.experiment.claims =
        others.iter().flat_map(|name| [claim("a", name, "base"), claim("b", "base", name)]).collect();
    let found = view(&material);
    for (name, claims) in others.iter().zip(found.claims.chunks(2)) {
        let contrast = of(&found, name);
        let decided = contrast.decided.as_ref().unwrap();
        for (claim, sign, word) in
            [(&claims[0], 1.0, decided.verdict), (&claims[1], -1.0, decided.reversed().verdict)]
        {
            let part = &claim.parts[0];
            assert_eq!((part.p, part.p_adjusted), (decided.p, decided.p_adjusted), "{name}");
            assert_eq!(part.value, contrast.difference.map(|difference| sign * difference), "{name}");
            assert_eq!((claim.verdict, part.verdict), (Answer::from(word), Answer::from(word)), "{name}");
            assert_eq!(part.family, Some(("declared".to_string(), 4)));
            assert!(claim.evidence.contains("after Holm over 4 (declared)"), "{}", claim.evidence);
        }
    }
    assert_eq!(found.declared, 4, "a claim makes the family no larger");
}

#[test]
fn what_only_claims_compare_is_a_family_of_its_own() {
    let mut material = four();
    let claim = |a: &str, b: &str, by| Claim {
        id: a.to_string(),
        text: "A claim.".to_string(),
        source: None,
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement: better(a, b, by, None),
    };
    let by = Margin::Absolute(0.04);
    material.experiment.claims = vec![
        claim("high", "same", NONE),
        claim("high", "base", by),
        claim("high", "base", by),
        claim("same", "high", NONE),
    ];
    let found = view(&material);
    let part = |index: usize| &found.claims[index].parts[0];
    for index in 0..4 {
        assert_eq!(
            part(index).family,
            Some(("claims".to_string(), 2)),
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
    let mut material = material(&methods, &["world"], "auuc");
    material.experiment.decision.contrasts = vec![Family::Baseline, Family::LeaveOneOut];
    let found = view(&material);
    let left_out = found.left_out.iter().find(|one| one.method == "less").unwrap();
    let (with_baseline, left_out) =
        (of(&found, "less").decided.clone().unwrap(), left_out.decided.clone().unwrap());
    assert_eq!(with_baseline, left_out);
    assert_eq!((found.declared, with_baseline.family), (2, 2), "asked for twice, counted once");
}

#[test]
fn components_are_decided_over_seeds_and_rows_together_where_rows_are_shared() {
    let methods = vec![("TARNet", "tarnet"), ("TARNet +ziln", "tarnet"), ("TARNet +wr", "tarnet")];
    let mut material = Sample { methods, metrics: vec!["auuc"], ..Default::default() }.material();
    for (method, component) in [(1, "ziln"), (2, "wr")] {
        material.experiment.methods[method].components = vec![component.to_string()];
    }
    let found = view(&material);
    let term = &found.effects[0].terms[0];
    let (ci, contrast) = (term.ci.as_ref().unwrap(), of(&found, "TARNet +ziln"));
    assert_eq!((ci.over.as_str(), &term.rows_reason), ("seeds and test rows", &None));
    assert!((term.estimate.unwrap() - contrast.difference.unwrap()).abs() < 1e-12);
    let rows = contrast.ci_rows.as_ref().unwrap();
    assert!(ci.low <= rows.low + 1e-9 && ci.high >= rows.high - 1e-9, "{ci:?} {rows:?}");
    assert!(term.verdict.is_some() && term.p.unwrap() > 0.0 && term.p_adjusted >= term.p);
}

#[test]
fn every_joint_interval_reaches_as_far_as_its_sources_and_its_p_follows_from_it() {
    for datasets in [vec!["a"], vec!["a", "b"]] {
        let found = Sample { datasets, ..Default::default() }.view();
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

/// The sample with an average effect of about nothing.
fn weak() -> Material {
    let mut material =
        Sample { rows: 300, metrics: vec!["lift@30", "auuc", "qini"], ..Default::default() }.material();
    material.experiment.decision.metrics = vec!["auuc".to_string()];
    for rows in material.evaluations.values_mut() {
        // What everybody spends swings with the row, whatever the arm.
        rows.outcome = (0..rows.outcome.len()).map(|row| (row * 37 % 101) as f64).collect();
    }
    for run in material.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record.metrics.clear();
        }
    }
    material
}

#[test]
fn nothing_rests_on_a_share_of_a_total_that_is_hardly_there() {
    let mut material = weak();
    let share = |id: &str, by| Claim {
        id: id.to_string(),
        text: "A claim.".to_string(),
        source: None,
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement: better("T-learner", "TARNet", by, None),
    };
    material.experiment.claims = vec![share("gain", NONE), share("number", Margin::Absolute(0.1))];
    let found = view(&material);
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
    assert!(area.difference.is_some() && area.ci_both.is_ok(), "{area:?}");
    let (gain, number) = (&found.claims[0], &found.claims[1]);
    assert_eq!(gain.parts[0].p_adjusted, area.decided.as_ref().unwrap().p_adjusted);
    assert!(
        gain.evidence.starts_with("In auuc.area: auuc is a share of a total that is hardly there"),
        "{gain:?}"
    );
    assert_eq!(
        (number.verdict, number.parts[0].p),
        (Answer::Inconclusive, None),
        "no number of a share decides"
    );
    let table = Table::new(&found);
    let differences = Differences::new(&found, &table);
    for text in [
        super::markdown::render(&found, &table, &differences),
        super::html::render(&found, &table, &differences).unwrap(),
        super::tex::render(&found, &table),
    ] {
        assert!(
            text.contains("Average effect on the test rows: ") && text.contains("hardly there"),
            "{text}"
        );
    }
    assert!(table.blocks[0].methods.iter().all(|row| !row.cells[2].best), "no share is marked as best");
    let summary: Value = serde_json::from_str(&super::summary::render(&found).unwrap()).unwrap();
    let test = &summary["datasets"][0]["test"];
    assert!(
        test["hardly_there"] == true && test["observed_effect_z"].as_f64().unwrap().abs() < 3.0,
        "{test}"
    );
    assert!(test["observed_effect_interval"][0].is_f64());
}

#[test]
fn where_the_total_is_there_its_share_decides_and_no_area_is_added() {
    let found = Sample::default().view();
    assert_eq!(
        (found.metrics[0].name.as_str(), found.primary.as_slice()),
        ("auuc", &["auuc".to_string()][..])
    );
    assert!(found.contrasts.iter().all(|contrast| contrast.undecided.is_none()));
    let summary: Value = serde_json::from_str(&super::summary::render(&found).unwrap()).unwrap();
    assert_eq!(summary["datasets"][0]["test"]["hardly_there"], false);
    let table = Table::new(&found);
    assert!(
        table.blocks[0].totals.len() == 1
            && table.blocks[0].totals[0].starts_with("Average effect on the test rows: ")
    );
}
