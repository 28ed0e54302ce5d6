//! `[tuning]` as files spell it.

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;

/// The same budget for every method.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TuningWire {
    pub trials: Option<usize>,
    pub metric: Option<String>,
    pub seed: Option<u64>,
    #[serde(default, deserialize_with = "by_name")]
    pub ranges: BTreeMap<String, RangeWire>,
}

/// Bounds, or values.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeWire {
    pub low: Option<f64>,
    pub high: Option<f64>,
    pub scale: Option<ScaleWire>,
    pub values: Option<Vec<f64>>,
}

/// How values are spread between bounds.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ScaleWire {
    Linear,
    Log,
}

/// First parts of names: what TOML makes of a name without quotes is a table in a table.
const PARTS: [&str; 2] = ["training", "weight"];

/// Ranges by name, with or without quotes around it.
fn by_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, RangeWire>, D::Error> {
    struct ByName;

    impl<'de> Visitor<'de> for ByName {
        type Value = BTreeMap<String, RangeWire>;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("ranges such as \"training.learning-rate\" = { low = 1e-4, high = 1e-2 }")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut ranges = BTreeMap::new();
            while let Some(name) = map.next_key::<String>()? {
                let named: BTreeMap<String, RangeWire> = if PARTS.contains(&name.as_str()) {
                    let inner: BTreeMap<String, RangeWire> = map.next_value()?;
                    inner.into_iter().map(|(rest, range)| (format!("{name}.{rest}"), range)).collect()
                } else {
                    BTreeMap::from([(name, map.next_value()?)])
                };
                for (name, range) in named {
                    if ranges.insert(name.clone(), range).is_some() {
                        let twice = format!("'{name}' stands there twice, with quotes and without");
                        return Err(A::Error::custom(twice));
                    }
                }
            }
            Ok(ranges)
        }
    }

    deserializer.deserialize_map(ByName)
}
