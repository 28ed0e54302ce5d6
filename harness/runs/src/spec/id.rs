//! Identity: the hash of a run's filled-in spec.

use super::RunSpec;
use serde::Serialize;
use serde_json::Value;
use valor_data::DataSpec;

impl RunSpec {
    /// The run's identity: 16 hex digits of BLAKE3 over the canonical JSON of the spec.
    ///
    /// Keys are sorted here, so the order of maps and of fields never matters. A file's path is left out: its
    /// content hash stands in the spec.
    pub fn id(&self) -> String {
        CellIdentity::new(self).id(self.seed)
    }

    /// What `id` would be whatever a data file holds: the same for runs of one cell and seed before and after the file
    /// changed.
    pub fn id_of_any_content(&self) -> String {
        CellIdentity::of_any_content(self).id(self.seed)
    }
}

/// The ids of a cell's runs. They differ in the seed alone, so that a cell, which may hold thousands of candidates, is
/// hashed once up to it.
#[derive(Clone)]
pub struct CellIdentity {
    before: blake3::Hasher,
    after: String,
}

impl CellIdentity {
    /// The identity of a run's cell.
    pub fn new(run: &RunSpec) -> Self {
        Self::hashed(run, &run.data.identity())
    }

    /// The same whatever a data file holds.
    pub fn of_any_content(run: &RunSpec) -> Self {
        Self::hashed(run, &run.data.any_content())
    }

    /// Sorted keys: data, interval where there is one, method, science, then the seed, then split.
    fn hashed(run: &RunSpec, data: &DataSpec) -> Self {
        let mut text = String::from("{");
        // Which columns are a sequence matters to those alone who ask.
        match run.method.entry().sequences {
            true => entry("data", data, &mut text),
            false => entry("data", &data.clone().without_sequences(), &mut text),
        }
        if let Some(level) = run.interval {
            entry("interval", &level, &mut text);
        }
        entry("method", &run.method, &mut text);
        entry("science", &run.science, &mut text);
        text.push_str("\"seed\":");
        let mut before = blake3::Hasher::new();
        before.update(text.as_bytes());
        let mut after = String::from(",");
        entry("split", &run.split, &mut after);
        after.push('}');
        Self { before, after }
    }

    /// The id of the run with this seed.
    pub fn id(&self, seed: u64) -> String {
        let mut hasher = self.before.clone();
        hasher.update(seed.to_string().as_bytes());
        hasher.update(self.after.as_bytes());
        short(&hasher.finalize())
    }
}

/// `"key":value,` in canonical JSON.
fn entry(key: &str, value: &impl Serialize, out: &mut String) {
    out.push_str(&format!("\"{key}\":"));
    canonical(&serde_json::to_value(value).unwrap_or(Value::Null), out);
    out.push(',');
}

fn short(hash: &blake3::Hash) -> String {
    hash.to_hex()[..16].to_string()
}

impl RunSpec {
    /// A name for people: source, backbone, terms, seed. Nothing reads it.
    pub fn slug(&self) -> String {
        let source = match &self.data {
            DataSpec::B2bMimic(_) => "b2b-mimic",
            DataSpec::ProductionSim(_) => "production-sim",
            DataSpec::ValorRelease(_) => "valor-release",
            DataSpec::ValueSim(_) => "value-sim",
            DataSpec::Table(_) => "table",
        };
        format!("{source}_{}_s{}", self.method.slug(), self.seed)
    }
}

/// 16 hex digits of BLAKE3 over canonical JSON.
pub fn hash(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    short(&blake3::hash(text.as_bytes()))
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (key, value) in entries {
                out.push_str(&quoted(key));
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

/// A key as JSON: nearly always letters and dashes, of which nothing needs an escape.
fn quoted(key: &str) -> String {
    match key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        true => ["\"", key, "\""].concat(),
        false => Value::from(key).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use valor_data::split::SplitSpec;
    use valor_learn::learner::TrainingSpec;
    use valor_learn::learner::catalog::{self, Options};

    #[test]
    fn a_cell_hashed_once_gives_the_ids_of_whole_specs() {
        let data = DataSpec::B2bMimic(Default::default());
        let backbone = catalog::backbone("tarnet").unwrap();
        let components = ["ziln", "wr"].map(str::to_string);
        let method = catalog::compose(backbone, &components, &Options::default(), &TrainingSpec::default());
        let (method, split) = (method.unwrap(), SplitSpec::default());
        for (seed, interval) in [(0, None), (42, None), (u64::MAX, None), (42, Some(0.9))] {
            let run = RunSpec { interval, ..RunSpec::new(&data, &split, &method, seed) };
            let cell = CellIdentity::new(&RunSpec { seed: 7, ..run.clone() });
            let whole = hash(&serde_json::to_value(&run).unwrap());
            assert_eq!((cell.id(seed), run.id()), (whole.clone(), whole));
        }
    }

    #[test]
    fn the_order_of_keys_does_not_matter_and_values_do() {
        let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": 0.5, "d": []}}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"b": {"d": [], "c": 0.5}, "a": 1}"#).unwrap();
        assert_eq!(hash(&one), hash(&other));
        assert_ne!(hash(&one), hash(&json!({"a": 2, "b": {"c": 0.5, "d": []}})));
    }
}
