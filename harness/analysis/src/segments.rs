//! Methods on groups of the test rows, from what is stored: each group is judged by itself, as all rows are.

use super::block::judgement;
use super::cell::ReferenceView;
use super::estimate::MetricEstimate;
use super::evidence::{CellEvidence, Evidence};
use super::references::references;
use super::resample::{EstimationPlan, Visits};
use super::runs::FinishedRuns;
use super::shown::Judgement;
use std::collections::BTreeMap;
use valor_data::segments::unjudged;
use valor_runs::record::{EvaluationRows, Predictions};
use valor_runs::spec::Segmentation;

/// The groups of a dataset's test rows by one column.
#[derive(Clone, Debug)]
pub struct SegmentationView {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// As the experiment names it.
    pub name: String,
    /// The column.
    pub column: String,
    /// Groups in their order, or why there are none.
    pub segments: Result<Vec<SegmentView>, String>,
}

/// A group of test rows.
#[derive(Clone, Debug)]
pub struct SegmentView {
    /// A level, or a range of numbers.
    pub segment: String,
    /// How many; of several splits of the first.
    pub rows: usize,
    /// Share of rows with outcome zero; 0 of no rows.
    pub zeros: f64,
    /// Why no method is judged on them; nothing where all are.
    pub reason: Option<String>,
    /// Methods in the order of the table.
    pub methods: Vec<SegmentMethod>,
    /// Reference rankings.
    pub references: Vec<ReferenceView>,
}

/// A method on a group of rows.
#[derive(Clone, Debug)]
pub struct SegmentMethod {
    /// As the experiment names it.
    pub method: String,
    /// Metric by name.
    pub metrics: BTreeMap<String, MetricEstimate>,
}

/// Every grouping that the experiment asks for, dataset by dataset.
pub fn segmentations(evidence: &Evidence, plan: &EstimationPlan) -> Vec<SegmentationView> {
    let asked = &evidence.experiment;
    let datasets = (0..asked.datasets.len()).filter(|dataset| !evidence.evaluations(*dataset).is_empty());
    let pairs = datasets.flat_map(|dataset| asked.segments.iter().map(move |one| (dataset, one)));
    let view = |(dataset, one): (usize, &Segmentation)| SegmentationView {
        dataset: asked.datasets[dataset].name.clone(),
        name: one.name.clone(),
        column: one.column.clone(),
        segments: segments(evidence, dataset, one, plan),
    };
    pairs.map(view).collect()
}

fn segments(
    evidence: &Evidence,
    dataset: usize,
    asked: &Segmentation,
    plan: &EstimationPlan,
) -> Result<Vec<SegmentView>, String> {
    let plain = |error: anyhow::Error| format!("{error:#}");
    let columns = evidence.columns.get(dataset).ok_or("its rows are not at hand")?;
    let column = columns.get(&asked.column)?;
    let evaluations = evidence.evaluations(dataset);
    // The groups are the same for every split: those of all rows that any seed is judged on.
    let all: Vec<u32> = evaluations.values().flat_map(|rows| rows.row.iter().copied()).collect();
    let grouping = column.grouping(&asked.cuts, &all).map_err(plain)?;
    let parted: BTreeMap<&str, Vec<Vec<u32>>> =
        evaluations.iter().map(|(id, rows)| (*id, column.parted(&grouping, &rows.row))).collect();
    let view = |(group, segment): (usize, String)| {
        let places = parted.iter().map(|(id, groups)| (*id, groups[group].clone())).collect();
        let rows = Group { evidence, dataset, places };
        // Draws of rows belong to a number of rows: those of a group are let go with it.
        let plan = plan.of_segments(Visits::of(evidence));
        rows.view(segment, &plan)
    };
    Ok(grouping.names().into_iter().enumerate().map(view).collect())
}

/// Some test rows of a dataset.
struct Group<'a> {
    evidence: &'a Evidence,
    dataset: usize,
    /// Their places among the rows of each evaluation.
    places: BTreeMap<&'a str, Vec<u32>>,
}

impl Group<'_> {
    fn view(&self, segment: String, plan: &EstimationPlan) -> SegmentView {
        let evaluations = self.evidence.evaluations(self.dataset);
        let selected: Vec<(&str, EvaluationRows)> = self
            .places
            .iter()
            .filter_map(|(id, places)| Some((*id, evaluations.get(id)?.select(places))))
            .collect();
        let reason = |(_, rows): &(&str, EvaluationRows)| {
            unjudged(&rows.outcome, rows.treatment.as_ref().map(|treatment| treatment.assigned.as_slice()))
        };
        let reason = selected.iter().find_map(reason);
        let first = selected.first().map(|(_, rows)| rows.outcome.as_slice()).unwrap_or_default();
        let zeros = first.iter().filter(|outcome| **outcome == 0.0).count();
        let (methods, references) = match reason {
            Some(_) => (Vec::new(), Vec::new()),
            None => (self.methods(plan), self.references(&selected, plan)),
        };
        SegmentView {
            segment,
            rows: first.len(),
            zeros: zeros as f64 / first.len().max(1) as f64,
            reason,
            methods,
            references,
        }
    }

    fn methods(&self, plan: &EstimationPlan) -> Vec<SegmentMethod> {
        let cells = self.evidence.cells.iter().filter(|cell| cell.dataset == self.dataset);
        let method = |cell: &CellEvidence| {
            let runs = FinishedRuns::on(self.evidence, cell, &self.places);
            let resamples = runs.resamples(plan);
            SegmentMethod {
                method: self.evidence.experiment.methods[cell.method].name.clone(),
                metrics: runs.estimates(plan, &resamples),
            }
        };
        cells.map(method).collect()
    }

    /// None where they cannot be judged: what all rows say stands in the dataset's table.
    fn references(&self, selected: &[(&str, EvaluationRows)], plan: &EstimationPlan) -> Vec<ReferenceView> {
        let evaluations = self.evidence.evaluations(self.dataset);
        let whole: Vec<(Judgement, &[u32])> = selected
            .iter()
            .filter_map(|(id, _)| {
                let rows = evaluations.get(id)?;
                Some((judgement(self.evidence, self.dataset, id, rows), self.places.get(id)?.as_slice()))
            })
            .collect();
        let baselines: Vec<Vec<Predictions>> = whole
            .iter()
            .map(|(split, places)| split.baseline.iter().map(|said| said.select(places)).collect())
            .collect();
        let splits = whole.iter().zip(&baselines).zip(selected);
        let splits: Vec<Judgement> = splits
            .map(|(((split, places), baseline), (_, rows))| Judgement {
                rows,
                buckets: split.buckets,
                baseline: baseline.iter().collect(),
                column: split
                    .column
                    .as_ref()
                    .map(|column| places.iter().map(|place| column[*place as usize]).collect()),
            })
            .collect();
        references(self.evidence, self.dataset, &splits, plan).map(|found| found.views).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Analysis;
    use crate::evidence::TestColumns;
    use crate::sample::Sample;
    use valor_data::segments::SegmentColumn;

    /// A sample whose rows have a column: even rows `a`, odd ones `b`, but for a few without a level.
    fn evidence(cuts: &[f64], column: SegmentColumn) -> Evidence {
        let mut evidence = Sample::default().evidence();
        let one = Segmentation { name: "kind".into(), column: "kind".into(), cuts: cuts.to_vec() };
        evidence.experiment.segments = vec![one];
        let columns = TestColumns(BTreeMap::from([("kind".to_string(), Ok(column))]));
        evidence.columns = vec![columns; evidence.experiment.datasets.len()];
        evidence
    }

    fn rows(evidence: &Evidence) -> usize {
        let numbers = evidence.evaluations.values().flat_map(|rows| rows.row.iter());
        numbers.max().map_or(0, |most| *most as usize + 1)
    }

    #[test]
    fn a_group_of_all_rows_is_what_the_table_says() {
        let count = rows(&Sample::default().evidence());
        let evidence = evidence(&[0.5], SegmentColumn::Numbers(vec![0.0; count]));
        let analysis = Analysis::new(&evidence).unwrap();
        assert_eq!(analysis.segmentations.len(), analysis.blocks.len());
        for (view, block) in analysis.segmentations.iter().zip(&analysis.blocks) {
            let segments = view.segments.as_ref().unwrap();
            let names: Vec<&str> = segments.iter().map(|segment| segment.segment.as_str()).collect();
            assert_eq!(names, ["up to 0.5", "above 0.5"]);
            for (method, cell) in segments[0].methods.iter().zip(&block.cells) {
                assert_eq!(method.method, cell.method);
                for (name, whole) in &cell.metrics {
                    let (found, whole) = (method.metrics[name].value(), whole.value());
                    let close = found.zip(whole).is_none_or(|(one, two)| (one - two).abs() < 1e-12);
                    assert!(close, "{name}: {found:?} {whole:?}");
                }
                let table = &analysis.metrics[0].name;
                assert!(method.metrics[table].ci_rows.is_ok(), "{:?}", method.metrics[table].ci_rows);
            }
            assert_eq!(segments[0].references.len(), block.references.len());
            assert!(segments[1].methods.is_empty());
            assert_eq!(segments[1].reason.as_deref(), Some("0 rows; at least 50 are needed"));
        }
    }

    #[test]
    fn groups_are_apart_and_what_cannot_be_grouped_says_why() {
        let count = rows(&Sample::default().evidence());
        let codes = (0..count as u32).map(|row| row % 2).collect();
        let levels = SegmentColumn::Levels { levels: vec!["a".into(), "b".into()], codes };
        let analysis = Analysis::new(&evidence(&[], levels.clone())).unwrap();
        let segments = analysis.segmentations[0].segments.as_ref().unwrap();
        let metric = &analysis.metrics[0].name;
        let value = |group: usize| segments[group].methods[0].metrics[metric].value().unwrap();
        assert!(value(0) != value(1));
        assert!(segments.iter().all(|segment| segment.rows > 50 && segment.reason.is_none()));
        let refused = Analysis::new(&evidence(&[1.0], levels)).unwrap();
        let reason = refused.segmentations[0].segments.as_ref().unwrap_err();
        assert!(reason.contains("cannot be cut"), "{reason}");
        let mut without = evidence(&[], SegmentColumn::Numbers(Vec::new()));
        without.columns.clear();
        let without = Analysis::new(&without).unwrap();
        assert!(without.segmentations[0].segments.is_err());
        assert!(Sample::default().analysis().segmentations.is_empty());
    }

    #[test]
    fn a_column_is_a_reference_ranking_and_gaps_count_as_nothing() {
        let mut evidence = evidence(&[], SegmentColumn::Numbers(Vec::new()));
        evidence.experiment.segments.clear();
        evidence.experiment.reference = Some("kind".to_string());
        let count = rows(&evidence);
        let mut numbers: Vec<f64> = (0..count).map(|row| (row as f64 * 0.7).sin()).collect();
        numbers[..count / 2].fill(f64::NAN);
        let column = TestColumns(BTreeMap::from([("kind".to_string(), Ok(SegmentColumn::Numbers(numbers)))]));
        evidence.columns = vec![column; evidence.experiment.datasets.len()];
        let analysis = Analysis::new(&evidence).unwrap();
        let block = &analysis.blocks[0];
        let rankers: Vec<&str> = block.references.iter().map(|row| row.ranker.as_str()).collect();
        assert_eq!(rankers, ["random", "kind", "prognostic", "log-ratio", "oracle"]);
        assert!(block.references[1].metrics[&analysis.metrics[0].name].value().is_some());
        assert!(block.notes.iter().any(|note| note.contains("which counts as 0")), "{:?}", block.notes);
        let texts = SegmentColumn::Levels { levels: vec!["x".into()], codes: vec![0; count] };
        let column = TestColumns(BTreeMap::from([("kind".to_string(), Ok(texts))]));
        evidence.columns = vec![column; evidence.experiment.datasets.len()];
        let analysis = Analysis::new(&evidence).unwrap();
        let notes = &analysis.blocks[0].notes;
        assert!(
            notes.iter().any(|note| note.contains("No reference by 'kind': it holds texts")),
            "{notes:?}"
        );
    }
}
