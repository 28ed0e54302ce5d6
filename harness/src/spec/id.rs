//! Identity: the hash of a run's filled-in spec.

use super::RunSpec;
use crate::data::DataSpec;
use serde_json::Value;

impl RunSpec {
    /// The run's identity: 16 hex digits of BLAKE3 over the canonical JSON of the spec.
    ///
    /// Keys are sorted here, so the order of maps and of fields never matters. A file's path is left out: its
    /// content hash stands in the spec.
    pub fn id(&self) -> String {
        let mut spec = self.clone();
        if let DataSpec::Table(table) = &mut spec.data {
            table.path = None;
        }
        hash(&serde_json::to_value(&spec).unwrap_or(Value::Null))
    }
}

/// 16 hex digits of BLAKE3 over canonical JSON.
pub fn hash(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    blake3::hash(text.as_bytes()).to_hex()[..16].to_string()
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (key, value) in entries {
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                canonical(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string())
        }
    }
}
