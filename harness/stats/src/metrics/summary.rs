//! Every metric of one model: what `valor metrics` prints.

use super::defined::MetricValue;
use super::metric::Metric;
use super::registry::of_question;
use super::scored::{RankedRows, ScoredRows};
use serde_json::{Map, Value, json};

/// Every metric of a question with its value or the reason why there is none, in the registry's order.
#[derive(Clone, Debug)]
pub struct Summary {
    /// One entry per metric.
    pub entries: Vec<(&'static Metric, MetricValue)>,
}

/// Judges a model by every metric of its question.
///
/// # Errors
///
/// As `RankedRows::new`.
pub fn summary(judged: &ScoredRows) -> anyhow::Result<Summary> {
    let prepared = RankedRows::new(judged)?;
    let entry = |metric: &'static Metric| (metric, metric.compute(&prepared).into());
    Ok(Summary { entries: of_question(judged.question()).map(entry).collect() })
}

impl Summary {
    /// One key per metric, null where undefined, and `reasons` for the nulls.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        let mut reasons = Map::new();
        for (metric, value) in &self.entries {
            let number = match value.value {
                Some(value) if metric.unit == "rows" => json!(value as u64),
                value => json!(value),
            };
            object.insert(metric.name.to_string(), number);
            if let Some(reason) = &value.reason {
                reasons.insert(metric.name.to_string(), json!(reason));
            }
        }
        object.insert("reasons".to_string(), Value::Object(reasons));
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_metrics_are_null_with_a_reason() {
        let judged =
            ScoredRows::new(&[3.0, 2.0, 1.0, 0.0], &[true, false, true, false], &[5.0, 0.0, 2.0, 1.0]);
        let object = summary(&judged).unwrap().to_json();
        assert_eq!(object["n"], json!(4));
        assert_eq!(object["ate"], json!(3.0));
        assert_eq!(object["krcc"], Value::Null);
        assert_eq!(object["reasons"]["krcc"], json!("the true effect is not known"));
        let names = "n n_treated ate auuc qini lift@30 krcc krcc@50bins auuc.causalml qini.causalml auuc.sklift qini.sklift";
        assert!(names.split(' ').all(|name| object.get(name).is_some()));
    }
}
