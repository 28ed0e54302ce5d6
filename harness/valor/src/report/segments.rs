//! The page's section on groups of test rows.

use super::claims::TextTable;
use super::metric_names::printed;
use serde::Serialize;
use valor_analysis::estimate::MetricEstimate;
use valor_analysis::segments::{SegmentView, SegmentationView};
use valor_analysis::{Analysis, MetricView};
use valor_page::format;

/// Groups of one dataset's test rows by one column.
#[derive(Debug, Serialize)]
pub(super) struct SegmentPage {
    title: String,
    /// Sizes of the groups, and why some have no numbers.
    facts: Vec<String>,
    /// One per metric of the table.
    tables: Vec<TextTable>,
}

impl SegmentPage {
    /// All that the experiment asks for.
    pub(super) fn all(analysis: &Analysis) -> Vec<Self> {
        analysis.segmentations.iter().map(|view| Self::new(analysis, view)).collect()
    }

    fn new(analysis: &Analysis, view: &SegmentationView) -> Self {
        let by = if view.name == view.column { String::new() } else { format!(" (column {})", view.column) };
        let title = format!("{}, by {}{by}", view.dataset, view.name);
        let groups = match &view.segments {
            Ok(groups) => groups,
            Err(reason) => {
                return Self { title, facts: vec![format!("No groups: {reason}.")], tables: Vec::new() };
            }
        };
        let fact = |group: &SegmentView| {
            let (segment, rows) = (&group.segment, format::count(group.rows));
            match &group.reason {
                Some(reason) => format!("{segment}: not judged, {reason}"),
                None => format!("{segment}: {rows} rows, {:.1} % zeros", 100.0 * group.zeros),
            }
        };
        let judged: Vec<&SegmentView> = groups.iter().filter(|group| group.reason.is_none()).collect();
        let shown = analysis.metrics.iter().filter(|metric| metric.in_table && !judged.is_empty());
        Self {
            title,
            facts: groups.iter().map(fact).collect(),
            tables: shown.map(|metric| table(metric, &judged)).collect(),
        }
    }
}

/// Methods and references by groups in one metric.
fn table(metric: &MetricView, groups: &[&SegmentView]) -> TextTable {
    let name = metric.name.as_str();
    let found = |group: &SegmentView| -> Vec<(String, Option<MetricEstimate>)> {
        let methods = group.methods.iter().map(|one| (one.method.clone(), one.metrics.get(name).cloned()));
        let references =
            group.references.iter().map(|row| (row.ranker.clone(), row.metrics.get(name).cloned()));
        methods.chain(references).collect()
    };
    let columns: Vec<_> = groups.iter().map(|group| found(group)).collect();
    let values = columns.iter().flatten().filter_map(|(_, estimate)| estimate.as_ref()?.value());
    let decimals = format::decimals(values);
    let names = columns.first().into_iter().flatten().map(|(name, _)| name.clone());
    let row = |(place, name): (usize, String)| {
        let cells =
            columns.iter().map(|column| cell(column.get(place).and_then(|one| one.1.as_ref()), decimals));
        std::iter::once(name).chain(cells).collect()
    };
    TextTable {
        title: printed(name),
        columns: std::iter::once("Method".to_string())
            .chain(groups.iter().map(|group| group.segment.clone()))
            .collect(),
        rows: names.enumerate().map(row).collect(),
        remark: String::new(),
    }
}

/// The mean with its interval over seeds and rows, or that of rows alone where there is one seed.
fn cell(estimate: Option<&MetricEstimate>, decimals: usize) -> String {
    let Some(estimate) = estimate else { return String::new() };
    let number = |value: f64| format::number(value, decimals).replace('-', "\u{2212}");
    match (&estimate.mean, estimate.ci_both.as_ref().or(estimate.ci_rows.as_ref())) {
        (Err(reason), _) => format!("\u{2013} ({reason})"),
        (Ok(mean), Ok(interval)) => {
            format!("{} [{}, {}]", number(*mean), number(interval.low), number(interval.high))
        }
        (Ok(mean), Err(_)) => number(*mean),
    }
}
