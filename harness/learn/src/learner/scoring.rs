//! How a saved model scores, written into its file: for readers who have the file and docs/reference/models.md alone.

use super::TrainedSpec;
use super::purchases::PurchaseSteps;
use super::trees::TreeSteps;
use crate::nets::Steps;
use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;
use valor_data::encode::Encoding;

/// From the cells of a row to its scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Scoring {
    /// How cells become the columns `x`.
    encoding: EncodingSteps,
    /// What is computed of them.
    #[serde(flatten)]
    steps: ModelSteps,
}

/// What stands in an encoded column where a cell gives it no number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum EncodingSteps {
    /// `(x - mean) / sd`, indicators, one column per level.
    Standard { missing: f64, constant: f64 },
    /// Numbers as they are and the places of levels; NaN where there is none.
    Plain { missing: &'static str },
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ModelSteps {
    Network(Steps),
    Trees(TreeSteps),
    Purchases(PurchaseSteps),
}

impl TrainedSpec {
    /// Which numbers the method sees.
    pub fn encoding(&self) -> Encoding {
        match self {
            TrainedSpec::Network(_) => Encoding::Standard,
            TrainedSpec::Trees(_) | TrainedSpec::Purchases(_) => Encoding::Plain,
        }
    }

    /// How the method scores: what a model file says under `scoring`.
    ///
    /// # Errors
    ///
    /// None that could be met: what is written down is always JSON.
    pub fn scoring(&self) -> anyhow::Result<Value> {
        let encoding = match self.encoding() {
            Encoding::Standard => EncodingSteps::Standard { missing: 0.0, constant: 0.0 },
            Encoding::Plain => EncodingSteps::Plain { missing: "nan" },
        };
        let steps = match self {
            TrainedSpec::Network(spec) => {
                ModelSteps::Network(spec.network.steps().averaged(spec.training.members))
            }
            TrainedSpec::Trees(spec) => ModelSteps::Trees(spec.steps()),
            TrainedSpec::Purchases(spec) => ModelSteps::Purchases(spec.steps()),
        };
        Ok(serde_json::to_value(Scoring { encoding, steps })?)
    }

    /// Refuses what a file says of the scoring where this program would compute something else.
    ///
    /// # Errors
    ///
    /// Where they differ: the first place at which they do.
    pub fn check_scoring(&self, said: &Value) -> anyhow::Result<()> {
        same("scoring", said, &self.scoring()?)
    }
}

/// Refuses the first difference, by its place.
fn same(place: &str, said: &Value, computed: &Value) -> anyhow::Result<()> {
    match (said, computed) {
        (Value::Object(said), Value::Object(computed)) => {
            for (key, computed) in computed {
                let place = format!("{place}.{key}");
                let said = said.get(key).with_context(|| format!("{place} is missing"))?;
                same(&place, said, computed)?;
            }
            let strange = said.keys().find(|key| !computed.contains_key(*key));
            ensure!(strange.is_none(), "{place}.{} is not known", strange.map_or("", String::as_str));
            Ok(())
        }
        (Value::Array(said), Value::Array(computed)) => {
            let (found, needed) = (said.len(), computed.len());
            ensure!(found == needed, "{place} has {found} entries; the method of this file has {needed}");
            said.iter()
                .zip(computed)
                .enumerate()
                .try_for_each(|(entry, (said, computed))| same(&format!("{place}.{entry}"), said, computed))
        }
        _ => {
            let equal = match (said.as_f64(), computed.as_f64()) {
                (Some(said), Some(computed)) => said == computed,
                _ => said == computed,
            };
            ensure!(equal, "{place} is {}; the method of this file is computed with {computed}", short(said));
            Ok(())
        }
    }
}

/// At most so much of what a file says.
fn short(said: &Value) -> String {
    let text = said.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learner::catalog::{self, Options};
    use crate::learner::{MethodSpec, TrainingSpec};
    use crate::nets::{GatePosition, Network, OutcomeSummary};
    use std::collections::BTreeSet;

    /// Every network that components make, once with each place of the gate.
    fn networks() -> impl Iterator<Item = TrainedSpec> {
        let gates = [GatePosition::Representation, GatePosition::Features];
        let variants = gates.into_iter().flat_map(|gate| {
            let lists: [&[&str]; 4] = [&[], &["gti"], &["ziln"], &["ziln", "gti"]];
            lists.map(|list| (gate, list))
        });
        variants.flat_map(|(gate, list)| {
            let names: Vec<String> = list.iter().map(ToString::to_string).collect();
            let options = Options { gate, trunk: vec![6, 5], heads: vec![4], ..Options::default() };
            catalog::BACKBONES.iter().filter_map(move |row| {
                match catalog::compose(row, &names, &options, &TrainingSpec::default()) {
                    Ok(MethodSpec::Neural(spec)) => Some(TrainedSpec::Network(spec)),
                    // UniTE's point form has nothing to gate.
                    Ok(MethodSpec::Trees(_) | MethodSpec::Tuned(_) | MethodSpec::Purchases(_)) | Err(_) => {
                        None
                    }
                }
            })
        })
    }

    fn tensors(spec: &TrainedSpec) -> BTreeSet<String> {
        let TrainedSpec::Network(spec) = spec else { panic!() };
        let network = Network::new(&spec.network, 7, &OutcomeSummary::default());
        network.layout().names().map(|(name, _)| name.to_string()).collect()
    }

    /// Texts anywhere in a value.
    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::String(text) => vec![text],
            Value::Array(items) => items.iter().flat_map(texts).collect(),
            Value::Object(entries) => entries.values().flat_map(texts).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
        }
    }

    #[test]
    fn steps_name_every_tensor_that_scores_depend_on() {
        for spec in networks() {
            let scoring = spec.scoring().unwrap();
            let said = texts(&scoring);
            let named = |tensor: &str| {
                let layer = tensor.rsplit_once('.').map_or(tensor, |(layer, _)| layer);
                said.contains(&tensor) || said.contains(&layer)
            };
            let training = ["propensity.", "epsilon", "head.propensity.", "mixture.propensity."];
            for tensor in tensors(&spec).iter().filter(|tensor| !named(tensor)) {
                assert!(training.iter().any(|part| tensor.starts_with(part)), "{tensor}: {scoring:#}");
            }
        }
    }

    #[test]
    fn steps_work_on_what_stands_before_them() {
        for spec in networks() {
            let scoring = spec.scoring().unwrap();
            let network = &scoring["network"];
            let mut known = BTreeSet::from(["x"]);
            for step in network["steps"].as_array().unwrap() {
                let of = texts(&step["of"]).into_iter().chain(texts(&step["experts"]));
                assert!(of.into_iter().all(|name| known.contains(name)), "{step:#}: {known:?}");
                assert!(known.insert(step["name"].as_str().unwrap()), "{step:#} stands there twice");
            }
            let answers = ["control", "treated"].map(|arm| network[arm].as_str().unwrap());
            assert!(answers.into_iter().all(|name| known.contains(name)), "{network:#}");
        }
    }

    #[test]
    fn what_differs_is_named() {
        let spec = networks().next().unwrap();
        let scoring = spec.scoring().unwrap();
        spec.check_scoring(&scoring).unwrap();
        let text = scoring.to_string();
        let again: Value = serde_json::from_str(&text).unwrap();
        spec.check_scoring(&again).unwrap();
        let refused = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}: {text}");
            let other: Value = serde_json::from_str(&text.replacen(from, to, 1)).unwrap();
            spec.check_scoring(&other).unwrap_err().to_string()
        };
        assert!(refused("\"elu\"", "\"tanh\"").contains("activation is \"tanh\""));
        assert!(
            refused("\"missing\":0.0", "\"missing\":null").starts_with("scoring.encoding.missing is null")
        );
        assert!(refused("\"head\":{", "\"head\":{\"x\":1,").contains("scoring.network.head.x is not known"));
        assert!(refused("\"encoding\"", "\"coding\"").contains("scoring.encoding is missing"));
        let long = refused("\"elu\"", &format!("\"{}\"", "y".repeat(5000)));
        assert!(long.len() < 300, "{long}");
    }
}
