//! Which rows an argument of `valor data` means.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use valor_base::error::{choices, did_you_mean};
use valor_base::input_error;
use valor_data::{DataSpec, Evaluation};
use valor_runs::spec::{self, NamedData};

/// A dataset and the folder that its paths are relative to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Source {
    pub(super) data: NamedData,
    pub(super) root: PathBuf,
}

const NAMES: [&str; 4] = ["b2b-mimic", "production-sim", "valor-release", "value-sim"];

/// The datasets of an experiment file, or the generator of that name, with `key=value` changes.
pub(super) fn sources(argument: &str, sets: &[String]) -> anyhow::Result<Vec<Source>> {
    if argument.ends_with(".toml") {
        return experiment(argument, sets);
    }
    let spec = match argument {
        "b2b-mimic" => DataSpec::B2bMimic(with_sets(Default::default(), sets)?),
        "production-sim" => DataSpec::ProductionSim(with_sets(Default::default(), sets)?),
        "valor-release" => DataSpec::ValorRelease(with_sets(Default::default(), sets)?),
        "value-sim" => DataSpec::ValueSim(with_sets(Default::default(), sets)?),
        _ => {
            return Err(input_error!(
                "no data called '{argument}'{} and experiment files ending in .toml",
                choices(argument, "allowed are", &NAMES)
            ));
        }
    };
    spec.validate()?;
    let data = NamedData { name: argument.to_string(), spec, evaluation: Evaluation::default() };
    Ok(vec![Source { data, root: PathBuf::new() }])
}

fn experiment(path: &str, sets: &[String]) -> anyhow::Result<Vec<Source>> {
    let path = Path::new(path);
    let datasets = spec::load(path, None, sets)?.datasets;
    Ok(datasets.into_iter().map(|data| Source { data, root: spec::root(path) }).collect())
}

fn with_sets<T: Serialize + DeserializeOwned>(mut spec: T, sets: &[String]) -> anyhow::Result<T> {
    for set in sets {
        let (key, value) = set
            .split_once('=')
            .ok_or_else(|| input_error!("--set {set}: allowed is key=value, e.g. --set world=3"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        let mut options = serde_json::to_value(&spec)?;
        options[key] = value;
        spec = serde_json::from_value(options).map_err(|error| {
            let message = error.to_string();
            // serde writes: unknown field `wrld`, expected one of `rows`, `world`, ...
            let mut quoted = message.split('`').skip(1).step_by(2);
            let hint = quoted.next().map(|found| did_you_mean(found, quoted)).unwrap_or_default();
            match message.split_once(", expected") {
                Some((fault, names)) if !hint.is_empty() => {
                    input_error!("--set {set}: {fault}{hint} expected{names}")
                }
                _ => input_error!("--set {set}: {message}{hint}"),
            }
        })?;
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_data::b2b_mimic::{Assignment, B2bMimicSpec};

    fn read(argument: &str, sets: &[&str]) -> anyhow::Result<Vec<Source>> {
        sources(argument, &sets.iter().map(ToString::to_string).collect::<Vec<String>>())
    }

    fn refusal(argument: &str, sets: &[&str]) -> String {
        let error = read(argument, sets).unwrap_err();
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    }

    #[test]
    fn keys_of_the_source_can_be_set() {
        let sources = read("b2b-mimic", &["world=3", "rho=1", "propensity=confounded"]).unwrap();
        let spec = B2bMimicSpec {
            world: 3,
            rho: 1.0,
            propensity: Assignment::Confounded,
            ..B2bMimicSpec::default()
        };
        assert_eq!(sources[0].data.spec, DataSpec::B2bMimic(spec));
        let sources = read("valor-release", &["rows=100"]).unwrap();
        assert!(matches!(&sources[0].data.spec, DataSpec::ValorRelease(spec) if spec.rows == Some(100)));
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        assert!(refusal("b2b-mimic", &["wrld=3"]).contains("did you mean 'world'?"));
        assert!(refusal("b2b-mimic", &["world"]).contains("key=value"));
        assert!(refusal("b2b-mimic", &["rows=many"]).contains("--set rows=many"));
        assert!(refusal("b2b-mimic", &["rho=2"]).contains("rho = 2"));
        assert!(refusal("production-sim", &["zeros=0.5"]).contains("zeros = 0.5"));
        assert!(refusal("b2b-mimik", &[]).contains("did you mean 'b2b-mimic'?"));
    }
}
