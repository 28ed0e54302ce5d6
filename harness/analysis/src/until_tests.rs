//! Claims that are looked at after every seed, on planted values.

use super::claims::{ClaimView, Ended, Ending, Needed};
use super::evidence::{CellEvidence, Evidence};
use super::sample::{NONE, Sample, apart, better, diverge, four, level, plant, planted};
use super::until::{Numbers, Sequence, looked};
use super::verdict_tests::analysis;
use valor_runs::spec::{
    Cell, Claim, FAILED_SEEDS, FailingSeeds, LATENCY, LatencyOf, OWN_CLAIMS, SeedsWord, Statement,
};
use valor_stats::stats::Answer;

/// Values of a method's further seeds.
type Further<'a> = (&'a str, &'a [f64]);

/// With claims, up to so many seeds, of which these are recorded beyond the five declared.
fn sequential(mut evidence: Evidence, claims: &[Statement], most: usize, further: &[Further]) -> Evidence {
    let metric = evidence.experiment.metrics[0].clone();
    let claim = |(index, statement): (usize, &Statement)| Claim {
        id: index.to_string(),
        text: String::new(),
        source: None,
        family: OWN_CLAIMS.to_string(),
        metric: metric.clone(),
        datasets: Vec::new(),
        statement: statement.clone(),
    };
    evidence.experiment.claims = claims.iter().enumerate().map(claim).collect();
    evidence.experiment.decision.max_seeds = Some(most);
    for (name, values) in further {
        for cell in evidence.cells.clone() {
            if evidence.experiment.methods[cell.method].name != *name {
                continue;
            }
            let mut runs = Vec::new();
            for (seed, value) in evidence.experiment.further_seeds().zip(*values) {
                let mut run = cell.runs[0].clone();
                (run.seed, run.id) = (seed, format!("{}-{seed}", run.id));
                plant(&mut run, &metric, *value);
                runs.push(run);
            }
            evidence.further.push(CellEvidence { runs, ..cell });
        }
    }
    evidence
}

fn found(evidence: &Evidence) -> (Vec<ClaimView>, Sequence) {
    let found = looked(evidence, &mut Numbers::default()).unwrap();
    let whole = analysis(evidence);
    assert_eq!(
        (&whole.claims, &whole.sequence),
        (&found.0, &Some(found.1.clone())),
        "a report finds the same"
    );
    found
}

fn ends(evidence: &Evidence) -> Vec<(Answer, usize, Ending)> {
    let ended = |claim: &ClaimView| {
        let Ended { seeds, why } = claim.ended.unwrap();
        (claim.verdict, seeds, why)
    };
    found(evidence).0.iter().map(ended).collect()
}

fn noisy() -> Statement {
    better("noisy", "base", NONE, None)
}

fn high() -> Statement {
    better("high", "base", NONE, None)
}

const MANY: [f64; 15] = [0.3; 15];
const FAR: [f64; 15] = [0.9, 0.91, 0.89, 0.92, 0.9, 0.88, 0.9, 0.91, 0.9, 0.89, 0.9, 0.92, 0.9, 0.91, 0.89];

#[test]
fn what_is_decided_at_once_asks_nothing_and_what_is_open_asks_one_seed_of_its_cells() {
    let evidence = sequential(four(), &[high(), noisy()], 9, &[]);
    assert_eq!(
        ends(&evidence),
        [(Answer::Supported, 5, Ending::Decided), (Answer::Inconclusive, 5, Ending::Missing)]
    );
    let (_, sequence) = found(&evidence);
    let cell = |method| Cell { dataset: 0, method };
    assert_eq!(sequence.missing, [(cell(0), 6), (cell(4), 6)]);
    assert_eq!((sequence.asked.of(cell(0)), sequence.asked.of(cell(1)), sequence.open), (1, 0, 1));
    assert!(sequence.looked.is_empty());
    let half = sequential(four(), &[high(), noisy()], 9, &[("base", &MANY)]);
    assert_eq!(found(&half).1.missing, [(cell(4), 6)], "claims wait until all is there");
}

#[test]
fn further_seeds_decide_or_end() {
    let decided = sequential(four(), &[high(), noisy()], 20, &[("base", &MANY), ("noisy", &FAR)]);
    let ends_of = ends(&decided);
    assert_eq!(ends_of[0], (Answer::Supported, 5, Ending::Decided));
    let (answer, seeds, why) = ends_of[1];
    assert_eq!((answer, why), (Answer::Supported, Ending::Decided));
    assert!((6..20).contains(&seeds), "{seeds}");
    let (claims, sequence) = found(&decided);
    assert_eq!((claims[1].parts[0].pairs, sequence.seeds, sequence.missing.len()), (seeds, seeds, 0));
    assert_eq!(sequence.looked.of(Cell { dataset: 0, method: 4 }), seeds - 5);
    assert!(claims[1].parts[0].p.unwrap() < 0.05 && claims[1].parts[0].interval.unwrap()[0] > 0.0);
    let few = sequential(four(), &[noisy()], seeds - 1, &[("base", &MANY), ("noisy", &FAR)]);
    assert_eq!(ends(&few), [(Answer::Inconclusive, seeds - 1, Ending::MostSeeds)]);
    // Tables are of the declared seeds, with or without.
    let (with, without) = (analysis(&decided), analysis(&four()));
    assert_eq!(with.contrasts, without.contrasts);
    assert_eq!(with.blocks[0].cells[4].seeds, without.blocks[0].cells[4].seeds);
}

#[test]
fn what_no_number_of_seeds_decides_ends_at_once() {
    let spread = Statement::SpreadAtMost { limit: 1e-9, methods: vec!["noisy".to_string()] };
    let wide = Statement::SpreadAtMost { limit: 0.05, methods: vec!["noisy".to_string()] };
    let evidence = sequential(four(), &[spread, wide], 9, &[]);
    let all = ends(&evidence);
    assert!(all.iter().all(|(_, seeds, _)| *seeds == 5) && found(&evidence).1.missing.is_empty(), "{all:?}");
    assert_eq!(all[0].2, Ending::Decided, "its lower end lies above the limit");
    let never = planted(
        &[("base", "tarnet", &[], level(0.3)), ("other", "tarnet", &["wr"], level(0.4))],
        &["world"],
        "auuc",
    );
    let never = sequential(never, &[better("other", "base", NONE, None)], 9, &[]);
    assert_eq!(
        ends(&never),
        [(Answer::Inconclusive, 5, Ending::SeedsDoNotDecide)],
        "no variance to test against"
    );
    assert!(looked(&four(), &mut Numbers::default()).is_none(), "no such design");
}

#[test]
fn a_mean_over_datasets_is_one_value_per_seed() {
    let methods =
        [("base", "tarnet", &[][..], level(0.3)), ("other", "tarnet", &["wr"][..], apart(0.36, 0.5))];
    let evidence = planted(&methods, &["a", "b"], "auuc");
    let evidence = sequential(evidence, &[better("other", "base", NONE, None)], 9, &[]);
    let (claims, _) = found(&evidence);
    let part = &claims[0].parts[0];
    assert_eq!(part.pairs, 5, "seeds, not seeds times datasets");
    assert_eq!((claims[0].verdict, part.over), (Answer::Supported, "seeds"));
}

#[test]
fn what_test_rows_leave_open_asks_for_no_seeds() {
    let sample = Sample {
        rows: 300,
        methods: vec![("base", "tarnet"), ("other", "t-learner")],
        seeds: vec![1, 2, 3, 4, 5],
        truth: false,
        metrics: vec!["auuc"],
        ..Default::default()
    };
    let mut evidence = sample.evidence();
    for cell in &mut evidence.cells {
        let values = if cell.method == 0 { level(0.3) } else { apart(0.301, 0.5) };
        cell.runs.iter_mut().zip(values).for_each(|(run, value)| plant(run, "auuc", value));
    }
    let evidence = sequential(evidence, &[better("other", "base", NONE, None)], 9, &[]);
    let (claims, sequence) = found(&evidence);
    assert_eq!((claims[0].needed(), claims[0].parts[0].over), (Some(&Needed::Rows), "seeds and test rows"));
    assert_eq!(claims[0].ended, Some(Ended { seeds: 5, why: Ending::SeedsDoNotDecide }));
    assert!(sequence.missing.is_empty() && sequence.asked.is_empty());
}

/// Rows that are resampled, and rows that are linearised.
#[test]
fn the_truth_decides_at_every_look_and_what_is_seen_is_of_the_same_seeds() {
    for rows in [400, 20_000] {
        let sample = Sample {
            rows,
            methods: vec![("TARNet", "tarnet"), ("T-learner", "t-learner")],
            metrics: vec!["auuc", "auuc.true", "pehe"],
            ..Default::default()
        };
        let claim = [better("TARNet", "T-learner", NONE, None)];
        let mut evidence = sequential(sample.evidence(), &claim, 9, &[]);
        // The claim's metrics are none of the table's.
        evidence.experiment.metrics = vec!["pehe".to_string()];
        evidence.experiment.decision.metrics = vec!["pehe".to_string()];
        let (claims, _) = found(&evidence);
        let mut fixed = evidence.clone();
        fixed.experiment.decision.max_seeds = None;
        let once = &analysis(&fixed).claims[0];
        let looked = &claims[0];
        assert_eq!(looked.instead.as_ref().unwrap().metric, "auuc.true");
        assert_eq!(looked.instead, once.instead);
        let [seen, before] = [looked, once].map(|claim| claim.observed.as_ref().unwrap());
        assert_eq!((seen.metric.as_str(), seen.rows), ("auuc", Some(rows)), "{seen:?}");
        // Rows add the same variance, whether seeds are averaged before or after.
        assert_eq!(seen.needed, before.needed);
        for (looked, once) in [(&looked.parts[0], &once.parts[0]), (&seen.parts[0], &before.parts[0])] {
            assert_eq!((looked.over, looked.pairs, &looked.family), (once.over, once.pairs, &once.family));
            assert!((looked.value.unwrap() - once.value.unwrap()).abs() < 1e-12);
            let width = |interval: Option<[f64; 2]>| interval.map(|[low, high]| high - low).unwrap();
            assert!(width(looked.interval) > width(once.interval), "it may be looked at again");
        }
    }
}

#[test]
fn what_is_no_difference_of_methods_is_judged_once_as_everywhere() {
    let names = |names: &[&str]| -> Vec<String> { names.iter().map(ToString::to_string).collect() };
    let any = FailingSeeds::Named(SeedsWord::Any);
    let (faster, than) = ("high".to_string(), "base".to_string());
    let statements = [
        Statement::MeanAtMost { limit: 0.305, methods: names(&["base"]) },
        Statement::OrdersAs {
            other: "pehe".to_string(),
            tau_above: 0.3,
            methods: names(&["low", "base", "high", "same"]),
        },
        Statement::Faster { faster, than, latency: LatencyOf::Batched, times: 0.5, at_most: None },
        Statement::Fails { methods: names(&["noisy"]), seeds: any },
        high(),
    ];
    let mut evidence = four();
    for (place, cell) in evidence.cells.iter_mut().enumerate() {
        for (seed, run) in cell.runs.iter_mut().enumerate() {
            plant(run, "pehe", [2.0, 1.0, 3.0, 2.5, 1.5][place] + 0.4 * (seed * (place + 1) % 3) as f64);
        }
    }
    diverge(&mut evidence.cells[4].runs[2]);
    let mut evidence = sequential(evidence, &statements, 9, &[]);
    evidence.experiment.claims[2].metric = LATENCY.to_string();
    evidence.experiment.claims[3].metric = FAILED_SEEDS.to_string();
    let (claims, sequence) = found(&evidence);
    evidence.experiment.decision.max_seeds = None;
    for (looked, once) in claims.iter().zip(&analysis(&evidence).claims).take(4) {
        assert_eq!((looked.verdict, &looked.parts), (once.verdict, &once.parts));
        let Ended { seeds, why } = looked.ended.unwrap();
        let expected = match looked.verdict {
            Answer::Inconclusive => Ending::SeedsDoNotDecide,
            Answer::Supported | Answer::Refuted | Answer::TooSmall => Ending::Decided,
        };
        assert_eq!((seeds, why), (5, expected), "{looked:?}");
    }
    assert!(claims[0].verdict == Answer::Inconclusive && claims[2].parts[0].value.is_some());
    assert_eq!(claims[3].verdict, Answer::Supported, "one seed diverged");
    assert!(sequence.missing.is_empty(), "no seeds are asked for");
}
