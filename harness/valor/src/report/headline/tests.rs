//! What the headline says of planted samples.

use super::HeadlineText;
use valor_analysis::headline::Sentence;
use valor_analysis::sample::{NONE, Planted, Sample, apart, better, diverge, four, level, planted};
use valor_analysis::{Analysis, Evidence};
use valor_runs::spec::{Claim, Statement};

fn said(evidence: &Evidence) -> HeadlineText {
    HeadlineText::new(&Analysis::new(evidence).unwrap())
}

const FULL: &[&str] = &["ziln", "focal", "gti", "wr"];

/// Three backbones alone and with VALOR: better, worse, too noisy to tell; one of them step by step.
fn grid() -> Vec<Planted<'static>> {
    vec![
        ("T", "tarnet", &[], level(0.30)),
        ("T z", "tarnet", &["ziln"], apart(0.36, 0.3)),
        ("VALOR (T)", "tarnet", FULL, apart(0.40, 0.3)),
        ("D", "dragonnet", &[], level(0.30)),
        ("VALOR (D)", "dragonnet", FULL, apart(0.20, 0.3)),
        ("U", "unite", &[], level(0.30)),
        ("VALOR (U)", "unite", FULL, apart(0.31, 8.0)),
    ]
}

fn claim(id: &str, statement: Statement) -> Claim {
    Claim {
        family: String::new(),
        id: id.to_string(),
        text: format!("Claim {id}."),
        source: None,
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement,
    }
}

#[test]
fn a_grid_answers_by_backbone_and_by_component() {
    let found = said(&planted(&grid(), &["world"], "auuc"));
    let first = &found.answer[0];
    assert!(
        first.starts_with("VALOR is better than its backbone alone on 1 of 3 backbones in AUUC: T +0.100 ["),
        "{first}"
    );
    assert!(
        first.contains("; worse on D \u{2212}0.100 [")
            && first.contains("; on U we cannot tell (difference +0.010)"),
        "{first}"
    );
    assert_eq!(found.answer[1], "One component at a time: ziln, better 1 of 1 times.");
    let steps = found.steps.unwrap();
    assert_eq!(steps.columns, ["T", "D", "U"]);
    let marks: Vec<_> = steps.rows[0].cells.iter().map(|cell| cell.verdict).collect();
    assert_eq!(marks, [Some("better"), Some("worse"), None], "coloured only where it is decided");
    assert!(steps.rows[1].cells[1].text.is_none(), "D has no step: {:?}", steps.rows[1]);
    assert!(
        found.answer.last().unwrap().starts_with("The highest mean is that of VALOR (T) (0.400 ["),
        "{:?}",
        found.answer
    );
}

#[test]
fn without_a_grid_claims_come_first_then_the_baseline_and_the_leader() {
    let mut evidence = four();
    evidence.experiment.claims = vec![
        claim("high", better("high", "base", NONE, None)),
        claim("low", better("low", "base", NONE, None)),
        claim("noisy", better("noisy", "base", NONE, None)),
    ];
    let mut rested = evidence.clone();
    rested
        .experiment
        .claims
        .push(claim("all", Statement::AllOf(vec!["high".to_string(), "low".to_string()])));
    let first = &said(&rested).answer[0];
    assert!(
        first.starts_with("Refuted: \u{201c}Claim all\u{201d} (1 supported, 1 refuted of 2 parts)"),
        "{first}"
    );
    let found = said(&evidence);
    assert!(found.answer[0].starts_with("Supported: \u{201c}Claim high\u{201d} (+0.0"), "{:?}", found.answer);
    assert!(
        found.answer[1].starts_with("Refuted: \u{201c}Claim low\u{201d} (\u{2212}0.0"),
        "{:?}",
        found.answer
    );
    assert!(
        found.answer[2].starts_with("In AUUC 1 of 4 methods is better than base: high +0.050")
            && found.answer[2].contains("; 1 worse: low \u{2212}0.050")
            && found.answer[2].ends_with("we cannot tell."),
        "{}",
        found.answer[2]
    );
    assert!(found.answer[3].starts_with("The highest mean is that of high"), "{}", found.answer[3]);
    let tally: Vec<(&str, usize)> = found.tally.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    assert_eq!((found.claims, tally), (3, vec![("supported", 1), ("refuted", 1), ("inconclusive", 1)]));
    let marks: Vec<_> = found
        .table
        .rows
        .iter()
        .filter(|row| !row.reference)
        .map(|row| (row.name.as_str(), row.cells[0].verdict))
        .collect();
    assert!(
        marks.contains(&("high", Some("better"))) && marks.contains(&("low", Some("worse"))),
        "{marks:?}"
    );
    assert!(marks.contains(&("noisy", None)) && marks.contains(&("base", None)), "{marks:?}");
}

#[test]
fn what_cannot_be_told_is_said() {
    let methods: [Planted; 2] =
        [("base", "tarnet", &[], level(0.3)), ("noisy", "tarnet", &["ziln"], apart(0.31, 8.0))];
    let found = said(&planted(&methods, &["world"], "auuc"));
    assert!(
        found.answer[0]
            .starts_with("We cannot tell whether noisy is better or worse than base in AUUC +0.010 ["),
        "{:?}",
        found.answer
    );
    assert!(
        found.answer[1].ends_with("that does not make it the better one: the other cannot be told from it."),
        "{:?}",
        found.answer
    );
}

#[test]
fn expected_spend_stands_beside_random_and_oracle() {
    let found = said(&Sample::default().evidence());
    let line = &found.spend[0];
    assert!(
        line.starts_with("Ranking by expected spend alone, without knowing who is persuadable, scores "),
        "{line}"
    );
    assert!(line.contains("; a random ranking ") && line.contains(", ranking by the true effect "), "{line}");
    let names: Vec<&str> =
        found.table.rows.iter().filter(|row| row.reference).map(|row| row.name.as_str()).collect();
    assert!(
        names.contains(&"expected spend alone") && names.contains(&"oracle: the true effect"),
        "{names:?}"
    );
    let blind = said(&Sample { truth: false, ..Default::default() }.evidence());
    assert!(
        blind.spend[0].contains("as TARNet expects it without treatment")
            && !blind.spend[0].contains("true effect"),
        "{:?}",
        blind.spend
    );
}

#[test]
fn datasets_of_one_kind_are_averaged_and_no_others() {
    use valor_data::DataSpec;
    let mut evidence =
        Sample { datasets: vec!["world 1", "world 2", "stand-in"], ..Default::default() }.evidence();
    evidence.experiment.datasets[2].spec = DataSpec::ProductionSim(Default::default());
    let analysis = Analysis::new(&evidence).unwrap();
    let kinds: Vec<(&str, usize)> =
        analysis.headline.kinds.iter().map(|kind| (kind.name.as_str(), kind.datasets.len())).collect();
    assert_eq!(kinds, [("b2b-mimic", 2), ("stand-in", 1)]);
    let mean =
        |block: usize, cell: usize| analysis.blocks[block].cells[cell].metrics["auuc"].value().unwrap();
    for cell in 0..3 {
        let found = analysis.headline.kinds[0].methods[cell].value("auuc").unwrap();
        assert!((found - (mean(0, cell) + mean(1, cell)) / 2.0).abs() < 1e-12);
        assert_eq!(analysis.headline.kinds[1].methods[cell].value("auuc"), Some(mean(2, cell)));
    }
    let found = HeadlineText::new(&analysis);
    let under: Vec<_> = found.table.columns.iter().map(|column| column.under.as_deref()).collect();
    assert_eq!(under, [Some("b2b-mimic"), Some("stand-in")]);
    assert!(
        found.answer.iter().any(|line| line.contains(" on b2b-mimic (mean of 2 datasets)")),
        "{:?}",
        found.answer
    );
}

#[test]
fn one_method_one_seed_failures_and_nothing_at_all_have_a_headline() {
    let one = said(
        &Sample { methods: vec![("TARNet", "tarnet")], seeds: vec![7], rows: 40, ..Default::default() }
            .evidence(),
    );
    assert!(one.answer.iter().any(|line| line.starts_with("TARNet is the only method")), "{:?}", one.answer);
    let mut evidence = Sample::default().evidence();
    evidence.cells[0].runs.iter_mut().for_each(diverge);
    let failed = said(&evidence);
    let row = failed.table.rows.iter().find(|row| row.name == "TARNet").unwrap();
    assert_eq!(
        (row.cells[0].mean.as_deref(), row.cells[0].instead.as_deref()),
        (None, Some("failed to converge"))
    );
    assert_eq!(row.seeds.as_deref(), Some("0/3 runs"));
    evidence
        .cells
        .iter_mut()
        .flat_map(|cell| &mut cell.runs)
        .for_each(|run| run.outcome = valor_analysis::Outcome::Missing);
    let analysis = Analysis::new(&evidence).unwrap();
    let leads = |sentence: &Sentence| matches!(sentence, Sentence::Leader(_) | Sentence::Alone { .. });
    assert!(said(&evidence).answer.iter().all(|line| !line.contains("of 0")), "{:?}", said(&evidence).answer);
    assert!(analysis.is_of_nothing() && !analysis.headline.answer.iter().any(leads));
}

#[test]
fn a_long_table_is_folded_after_thirty_rows() {
    let methods = (0..60).map(|place| (&*format!("method {place}").leak(), "tarnet")).collect();
    let found = said(&Sample { methods, rows: 60, ..Default::default() }.evidence());
    assert_eq!((found.table.rows.len(), found.table.rows.len() + found.table.more.len() > 60), (30, true));
}
