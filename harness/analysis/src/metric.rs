//! A metric as the reader of a report needs to know it.

use serde::Serialize;
use valor_stats::metrics::{self, Direction, Metric};

/// A metric as the reader needs to know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricView {
    /// Name.
    pub name: String,
    /// Definition.
    pub formula: String,
    /// Unit.
    pub unit: String,
    /// What is better.
    pub direction: Direction,
    /// Whose definition it is.
    pub source: String,
    /// Whether the table shows it.
    pub in_table: bool,
}

impl MetricView {
    /// As the registry has it; a stranger has a name alone.
    pub fn new(name: &str, in_table: bool) -> Self {
        let text = |found: fn(&Metric) -> &'static str| {
            metrics::find(name).map(found).unwrap_or_default().to_string()
        };
        Self {
            name: name.to_string(),
            formula: text(|metric| metric.formula),
            unit: text(|metric| metric.unit),
            direction: metrics::find(name).map_or(Direction::Neither, |metric| metric.direction),
            source: text(|metric| metric.source),
            in_table,
        }
    }
}
