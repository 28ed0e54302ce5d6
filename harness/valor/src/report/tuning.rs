//! The search as text, rounded once: Markdown and HTML print these strings.

use serde::Serialize;
use valor_analysis::Analysis;
use valor_analysis::tuning::{KeptView, TunedView, TuningView};
use valor_learn::learner::tuned::LOSS;
use valor_page::format;
use valor_runs::spec::{Range, Scale};
use valor_stats::metrics::Direction;

const UNTUNED: &str = "Methods were compared at their default settings: nothing was tuned.";

/// What was searched and kept, or that nothing was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct TuningText {
    /// What a reader of the main table should know.
    pub sentence: String,
    /// What was searched, a line per range.
    pub ranges: Vec<String>,
    /// Of the table; empty without tuning.
    pub columns: Vec<String>,
    /// A row per dataset and method.
    pub rows: Vec<Vec<String>>,
}

/// What the numbers of a row are.
pub(super) const REMARK: &str = "Kept values: median over the finished seeds [smallest, largest]. A method with fewer \
    different candidates than the budget has fewer of these ranges, or lists of values; the same candidate twice is \
    trained once.";

impl TuningText {
    /// Rounds an analysis.
    pub(super) fn new(analysis: &Analysis) -> Self {
        let Some(tuning) = &analysis.tuning else {
            return Self { sentence: UNTUNED.to_string(), ranges: vec![], columns: vec![], rows: vec![] };
        };
        let range =
            |range: &valor_analysis::tuning::RangeView| format!("{}: {}", range.key, spread(&range.range));
        let keys = tuning.ranges.iter().map(|range| range.key.clone());
        let fixed = ["Dataset", "Method", "Different candidates", "Default kept"].map(str::to_string);
        Self {
            sentence: sentence(tuning),
            ranges: tuning.ranges.iter().map(range).collect(),
            columns: fixed.into_iter().chain(keys).collect(),
            rows: tuning.cells.iter().map(|cell| row(cell, tuning)).collect(),
        }
    }
}

fn sentence(tuning: &TuningView) -> String {
    let better = match tuning.direction {
        Direction::Higher => "highest",
        Direction::Lower => "lowest",
        Direction::Zero => "nearest to 0",
        Direction::One => "nearest to 1",
        Direction::Neither => "best",
    };
    let (trials, metric) = (tuning.trials, &tuning.metric);
    let (who, but) = match tuning.untuned.as_slice() {
        [] => ("method", String::new()),
        some => ("network", format!(" Not tuned, at default settings: {}.", some.join(", "))),
    };
    let decider = match tuning.seed {
        None => "each seed keeps the candidate".to_string(),
        Some(seed) => format!("all seeds keep the candidate that seed {seed} chooses, that"),
    };
    let what = if metric == LOSS { "own loss" } else { metric };
    format!(
        "Every {who} was tuned with the same budget, {trials} candidate{}, the first of them its default settings: \
         {decider} whose {what} on the validation rows is {better}.{but}",
        if trials == 1 { "" } else { "s" }
    )
}

fn spread(range: &Range) -> String {
    match range {
        Range::Between { low, high, scale: Scale::Linear } => format!("{low} to {high}, linear scale"),
        Range::Between { low, high, scale: Scale::Log } => format!("{low} to {high}, log scale"),
        Range::Among { values } => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("one of {}", values.join(", "))
        }
    }
}

fn row(cell: &TunedView, tuning: &TuningView) -> Vec<String> {
    let kept = tuning.ranges.iter().map(|range| match cell.values.get(&range.key) {
        Some(kept) => value(kept),
        None => "not in this method".to_string(),
    });
    let fixed = [
        cell.dataset.clone(),
        cell.method.clone(),
        cell.candidates.to_string(),
        format!("{}/{}", cell.default_kept, cell.seeds),
    ];
    fixed.into_iter().chain(kept).collect()
}

fn value(kept: &KeptView) -> String {
    let (short, default) = (format::short, format::short(kept.default));
    match (kept.median, kept.low, kept.high) {
        (Some(median), Some(low), Some(high)) => {
            format!("{} [{}, {}]; default {default}", short(median), short(low), short(high))
        }
        (_, _, _) => format!("\u{2013}; default {default}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use valor_analysis::Evidence;
    use valor_analysis::evidence::Outcome;
    use valor_analysis::sample::{Sample, diverge};
    use valor_learn::learner::tuned::{Criterion, Key};
    use valor_learn::learner::{MethodSpec, TreesSpec, TunedSpec};
    use valor_learn::trees::ZilnForestSpec;
    use valor_runs::spec::{Search, Tuning};

    /// Three candidates; seeds 1 and 2 kept the second, seed 3 the method as it stands.
    fn evidence() -> Evidence {
        let mut evidence = Sample::default().evidence();
        let rate = Range::Between { low: 1e-4, high: 1e-2, scale: Scale::Log };
        let weight = Range::Among { values: vec![0.5, 2.0] };
        let ranges = [(Key::LearningRate, rate), (Key::Weight("ranking".to_string()), weight)];
        let metric = Criterion::Metric("qini".to_string());
        let (search, ranges) = (Search::Drawn, ranges.into());
        evidence.experiment.tuning = Some(Tuning { trials: 3, search, metric, seed: None, ranges });
        for method in &mut evidence.experiment.methods {
            let MethodSpec::Neural(spec) = method.spec.clone() else { panic!() };
            let candidates = [5e-4, 2e-3, 2e-3].map(|rate| {
                let mut spec = spec.clone();
                spec.training.learning_rate = rate;
                spec
            });
            let searched = vec![Key::LearningRate];
            method.spec = MethodSpec::Tuned(TunedSpec {
                candidates: candidates.into(),
                metric: Criterion::Metric("qini".to_string()),
                searched,
                seed: None,
            });
        }
        for run in evidence.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
            if let Outcome::Found { record, .. } = &mut run.outcome {
                let (number, rate) = if run.seed < 3 { (1.0, 2e-3) } else { (0.0, 5e-4) };
                let noted =
                    [("candidate", number), ("validation qini", 0.25), ("training.learning-rate", rate)];
                record.fitted.extend(noted.map(|(name, value)| (format!("tuning: {name}"), value)));
            }
        }
        evidence
    }

    fn page(evidence: &Evidence) -> String {
        let analysis = Analysis::new(evidence).unwrap();
        let table = crate::report::Table::new(&analysis);
        let differences = crate::report::Differences::new(&analysis, &table);
        let markdown = crate::report::markdown::render(&analysis, &table, &differences);
        markdown + &crate::report::html::render(&analysis, &table, &differences).unwrap()
    }

    #[test]
    fn what_was_searched_and_kept_is_said() {
        let mut evidence = evidence();
        diverge(&mut evidence.cells[1].runs[0]);
        let text = TuningText::new(&Analysis::new(&evidence).unwrap());
        assert!(
            text.sentence.contains("same budget, 3 candidates") && text.sentence.ends_with("is highest.")
        );
        assert_eq!(
            text.ranges,
            ["training.learning-rate: 0.0001 to 0.01, log scale", "weight.ranking: one of 0.5, 2"]
        );
        let cells = |row: usize| text.rows[row][2..].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(
            cells(0),
            ["2", "1/3", "0.002000 [5.000e-4, 0.002000]; default 5.000e-4", "not in this method"]
        );
        assert_eq!(
            cells(1)[1..],
            ["1/2", "0.001250 [5.000e-4, 0.002000]; default 5.000e-4", "not in this method"]
        );
        let page = page(&evidence);
        assert!(
            page.contains("\n## Tuning\n")
                && page.contains("<td>0.002000 [5.000e-4, 0.002000]; default 5.000e-4</td>")
        );
        assert_eq!(page.matches("same budget, 3 candidates").count(), 3);
    }

    #[test]
    fn what_has_nothing_to_tune_is_named() {
        let mut evidence = evidence();
        let method = &mut evidence.experiment.methods[0];
        method.spec = MethodSpec::Trees(TreesSpec::ZilnForest(ZilnForestSpec::default()));
        let expected = format!("Not tuned, at default settings: {}.", method.name);
        let text = TuningText::new(&Analysis::new(&evidence).unwrap());
        assert!(text.sentence.starts_with("Every network was tuned"), "{}", text.sentence);
        assert!(text.sentence.ends_with(&expected), "{}", text.sentence);
    }

    #[test]
    fn without_tuning_every_reader_is_told() {
        let evidence = Sample::default().evidence();
        assert_eq!(page(&evidence).matches("nothing was tuned.").count(), 3);
        assert_eq!(summary(&evidence)["tuning"], Value::Null);
    }

    fn summary(evidence: &Evidence) -> Value {
        let analysis = Analysis::new(evidence).unwrap();
        serde_json::from_str(&crate::report::summary::render(&analysis).unwrap()).unwrap()
    }

    #[test]
    fn the_summary_holds_the_search() {
        let found = &summary(&evidence())["tuning"];
        assert_eq!(
            (&found["trials"], &found["metric"], &found["direction"]),
            (&json!(3), &json!("qini"), &json!("higher"))
        );
        let range = json!({ "key": "training.learning-rate", "low": 1e-4, "high": 1e-2, "scale": "log" });
        assert_eq!(found["ranges"], json!([range, { "key": "weight.ranking", "values": [0.5, 2.0] }]));
        let cell = &found["cells"][2];
        assert_eq!(cell["method"], "T-learner");
        assert_eq!(
            (&cell["candidates"], &cell["seeds"], &cell["default_kept"]),
            (&json!(2), &json!(3), &json!(1))
        );
        let kept = json!({ "default": 5e-4, "median": 2e-3, "low": 5e-4, "high": 2e-3 });
        assert_eq!(cell["values"], json!({ "training.learning-rate": kept }));
        let choice =
            json!({ "candidate": 1, "validation": 0.25, "values": { "training.learning-rate": 2e-3 } });
        assert_eq!(cell["per_seed"]["2"], choice);
    }

    #[test]
    fn cells_without_runs_still_have_a_row() {
        let mut evidence = evidence();
        evidence
            .cells
            .iter_mut()
            .flat_map(|cell| &mut cell.runs)
            .for_each(|run| run.outcome = Outcome::Missing);
        let text = TuningText::new(&Analysis::new(&evidence).unwrap());
        assert_eq!(text.rows[0][3..5], ["0/0", "\u{2013}; default 5.000e-4"]);
    }
}
