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
        let spec = Self { data: self.data.identity(), ..self.clone() };
        hash(&serde_json::to_value(&spec).unwrap_or(Value::Null))
    }
}

impl RunSpec {
    /// A name for people: source, backbone, terms, seed. Nothing reads it.
    pub fn slug(&self) -> String {
        let source = match &self.data {
            DataSpec::B2bMimic(_) => "b2b-mimic",
            DataSpec::ProductionSim(_) => "production-sim",
            DataSpec::ValorRelease(_) => "valor-release",
            DataSpec::Table(_) => "table",
        };
        format!("{source}_{}_s{}", self.method.slug(), self.seed)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_matter_and_values_do() {
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": 0.5, "d": []}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b": {"d": [], "c": 0.5}, "a": 1}"#).unwrap();
        assert_eq!(hash(&one), hash(&other));
        assert_ne!(hash(&one), hash(&json!({"a": 2, "b": {"c": 0.5, "d": []}})));
    }
}
