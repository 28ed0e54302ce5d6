//! The paper's files against themselves, and a report with a table of the paper beside it.

use super::source::Sheet;
use super::{PaperVerdict, PaperView};
use crate::Analysis;
use crate::evidence::Evidence;
use crate::sample::Sample;
use valor_runs::spec::PaperTable;

fn sheet(table: PaperTable) -> Sheet {
    Sheet::read(table).unwrap()
}

/// Figures of the synthetic half that both tables have, as printed.
fn synthetic(sheet: &Sheet, method: &str) -> Vec<String> {
    let row = sheet.rows.iter().find(|row| row.ours == method).unwrap();
    ["auuc", "qini", "lift30", "krcc"].map(|name| row.figures[&format!("synthetic_{name}")].clone()).to_vec()
}

fn flagged(sheet: &Sheet, method: &str, half: &str, column: &str) -> bool {
    let of_column = |columns: &str| columns.split(' ').any(|name| name == column);
    sheet.flags.iter().any(|flag| flag.method == method && flag.half == half && of_column(&flag.columns))
}

#[test]
fn the_tables_are_whole_and_every_flag_names_a_figure() {
    let (first, second) = (sheet(PaperTable::Table1), sheet(PaperTable::Table2));
    assert_eq!((first.rows.len(), second.rows.len()), (17, 29));
    assert_eq!((first.rows[0].figures.len(), second.rows[0].figures.len()), (10, 8));
    for sheet in [&first, &second] {
        for flag in &sheet.flags {
            let row = sheet.rows.iter().find(|row| row.ours == flag.method);
            let row = row.unwrap_or_else(|| panic!("{flag:?}"));
            assert!(
                flag.columns.split(' ').all(|name| !row.figures[&format!("{}_{name}", flag.half)].is_empty())
            );
        }
        let metrics =
            sheet.columns.iter().map(|column| column.metric.as_str()).filter(|name| *name != "latency");
        metrics.for_each(|name| assert!(valor_stats::metrics::find(name).is_ok(), "{name}"));
    }
}

#[test]
fn rows_that_repeat_others_and_tables_that_disagree_are_flagged_and_no_others() {
    let (first, second) = (sheet(PaperTable::Table1), sheet(PaperTable::Table2));
    for row in &second.rows {
        let same = |other: &&super::source::Printed| {
            other.ours != row.ours && synthetic(&second, &other.ours) == synthetic(&second, &row.ours)
        };
        let repeats = row.ours.contains("EUEN") && second.rows.iter().find(same).is_some();
        let whole = ["auuc", "qini", "lift30", "krcc"]
            .iter()
            .all(|name| flagged(&second, &row.ours, "synthetic", name));
        assert_eq!(repeats, whole, "{}", row.ours);
        if let Some(in_first) = first.rows.iter().find(|other| other.ours == row.ours) {
            let differ = synthetic(&first, &in_first.ours) != synthetic(&second, &row.ours);
            assert_eq!(differ, flagged(&first, &row.ours, "synthetic", "auuc"), "{}", row.ours);
        }
    }
}

#[test]
fn what_contradicts_the_caption_of_table_2_is_flagged_and_nothing_else() {
    // Removing WR and GTI "consistently degrades rankability (Qini, Lift)".
    let sheet = sheet(PaperTable::Table2);
    let figure = |method: &str, key: &str| -> Option<f64> {
        sheet.rows.iter().find(|row| row.ours == method)?.figures[key].parse().ok()
    };
    for backbone in ["TARNet", "DragonNet", "CFR-WASS", "CFR-MMD", "UniTE", "EUEN"] {
        let full = format!("VALOR ({backbone})");
        let [gti, wr, none] = ["+gti", "+wr", ""].map(|added| format!("{backbone} +ziln+focal{added}"));
        for half in ["synthetic", "production"] {
            for column in ["qini", "lift30"] {
                let key = format!("{half}_{column}");
                let rises = |with: &str, without: &str| {
                    figure(with, &key)
                        .zip(figure(without, &key))
                        .is_some_and(|(with, without)| without > with)
                };
                let found = [
                    (&gti, rises(&full, &gti)),
                    (&wr, rises(&full, &wr)),
                    (&none, rises(&wr, &none) || rises(&gti, &none)),
                ];
                for (method, contradicts) in
                    found.into_iter().filter(|(method, _)| figure(method, &key).is_some())
                {
                    let repeats = backbone == "EUEN" && half == "synthetic";
                    assert_eq!(
                        contradicts || repeats,
                        flagged(&sheet, method, half, column),
                        "{method} {key}"
                    );
                }
            }
        }
    }
}

/// Three methods of Table 1, of which the last is not in the experiment's.
fn beside(evidence: &mut Evidence) -> Analysis {
    evidence.experiment.paper = Some(PaperTable::Table1);
    Analysis::new(evidence).unwrap()
}

fn sample() -> Sample {
    Sample {
        rows: 3_000,
        methods: vec![("TARNet", "tarnet"), ("VALOR (TARNet)", "tarnet"), ("T-Learner", "t-learner")],
        ..Default::default()
    }
}

fn cell<'a>(paper: &'a PaperView, method: &str, column: usize) -> &'a super::PaperCell {
    &paper.halves[0].rows.iter().find(|row| row.method == method).unwrap().cells[column]
}

#[test]
fn ours_stand_beside_the_papers_with_verdicts_and_reasons() {
    let analysis = beside(&mut sample().evidence());
    let paper = analysis.paper.as_ref().unwrap();
    assert_eq!((paper.halves.len(), paper.halves[0].half.as_str()), (1, "synthetic"));
    let auuc = cell(paper, "TARNet", 0);
    assert_eq!((auuc.printed.as_deref(), auuc.paper), (Some("0.2566"), Some(0.2566)));
    let ours = &analysis.blocks[0].cells[0].metrics;
    assert_eq!((auuc.ours, auuc.observed), (ours["auuc.true"].value(), ours["auuc"].value()));
    assert_eq!(paper.halves[0].columns[0].metric, "auuc");
    assert_eq!(paper.halves[0].columns[0].instead.as_deref(), Some("auuc.true"));
    assert!(auuc.comparison.detectable.unwrap() > 0.0 && auuc.comparison.margin.unwrap() > 0.0);
    let reason = |method: &str, column| cell(paper, method, column).comparison.reason.clone();
    assert_eq!(reason("DragonNet", 0), "the experiment has no such method");
    assert!(reason("TARNet", 2).contains("outcome units") && reason("TARNet", 3).contains("does not say"));
    assert_eq!(cell(paper, "TARNet", 3).comparison.verdict, PaperVerdict::NotComparable);
    assert!(cell(paper, "TARNet", 3).ours.is_some(), "shown, not compared");
    assert_eq!(paper.halves[0].orderings[0].rows, 3);
    assert!(cell(paper, "EUEN", 0).flags[0].starts_with("Table 2 gives .2566"));
}

#[test]
fn a_step_is_decided_by_the_comparison_of_its_two_methods() {
    let mut evidence = sample().evidence();
    let all = ["ziln", "focal", "gti", "wr"].map(str::to_string).to_vec();
    evidence.experiment.methods[1].components = all;
    let analysis = beside(&mut evidence);
    let steps = &analysis.paper.as_ref().unwrap().halves[0].steps;
    assert!(!steps.is_empty());
    for step in steps {
        let contrast = analysis
            .contrasts
            .iter()
            .find(|one| one.metric == step.metric && one.method == "VALOR (TARNet)")
            .map(|one| (one.value().unwrap(), one.decided.as_ref().unwrap().verdict));
        let Some((difference, verdict)) = contrast else { continue };
        let decided =
            matches!(verdict, valor_stats::stats::Verdict::Better | valor_stats::stats::Verdict::Worse);
        assert_eq!((step.pairs, step.decided), (1, usize::from(decided)), "{step:?}");
        assert!((step.ours_mean - difference).abs() < 1e-12, "{step:?}");
    }
}

#[test]
fn a_figure_above_our_oracle_is_flagged() {
    let mut evidence = sample().evidence();
    let flagged = |analysis: &Analysis| {
        let oracle = analysis.blocks[0].references.iter().find(|row| row.ranker == "oracle").unwrap();
        let flags = &cell(analysis.paper.as_ref().unwrap(), "TARNet", 0).flags;
        (
            oracle.metrics["auuc.true"].value().unwrap(),
            flags.iter().any(|flag| flag.contains("above the oracle")),
        )
    };
    for rows in evidence.evaluations.values_mut() {
        // A few accounts gain most: nothing ranks better than the effect.
        let effect = rows.effect.clone().unwrap();
        let lowest = effect.iter().copied().fold(f64::INFINITY, f64::min);
        rows.effect = Some(effect.iter().map(|effect| (effect - lowest).powi(4)).collect());
    }
    let (oracle, above) = flagged(&beside(&mut evidence));
    assert!(oracle > 0.2566 && !above, "{oracle}");
    for rows in evidence.evaluations.values_mut() {
        // Everybody gains the same: no order is better than another.
        rows.effect = Some(vec![1.0; rows.outcome.len()]);
    }
    let (oracle, above) = flagged(&beside(&mut evidence));
    assert!(oracle < 0.2566 && above, "{oracle}");
}
