//! Model files: safetensors, with everything but the tensors as JSON in the header's metadata.

use super::{About, MODEL_VERSION, Model, OLDEST_MODEL_VERSION};
use crate::learner::{Parameter, Values};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use valor_base::input_error;

/// Key of the metadata whose value is [`About`] as JSON.
const ABOUT: &str = "valor";
/// Key of the metadata whose value is the hash of that JSON and of the tensors' bytes.
const HASH: &str = "blake3";
/// The header is filled up with spaces to a multiple of this, so that the tensors are aligned.
const ALIGNMENT: usize = 8;

/// One entry of a safetensors header.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Metadata(BTreeMap<&'static str, &'a str>),
    Tensor { dtype: &'static str, shape: &'a [usize], data_offsets: [usize; 2] },
}

impl Model {
    /// The bytes of a model file: the same for the same model.
    ///
    /// They are put together here, not by the crate that reads them: its metadata come in random order.
    pub fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        let about = serde_json::to_string(&self.about)?;
        let named: BTreeMap<&str, &Parameter> =
            self.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let (mut entries, mut data) = (BTreeMap::new(), Vec::new());
        for (name, tensor) in named {
            let start = data.len();
            let dtype = match &tensor.values {
                Values::Single(values) => {
                    data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                    "F32"
                }
                Values::Double(values) => {
                    data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                    "F64"
                }
            };
            let data_offsets = [start, data.len()];
            entries.insert(name, Entry::Tensor { dtype, shape: &tensor.shape, data_offsets });
        }
        let hash = hash(&about, &data);
        let metadata = BTreeMap::from([(ABOUT, about.as_str()), (HASH, hash.as_str())]);
        entries.insert("__metadata__", Entry::Metadata(metadata));
        let mut header = serde_json::to_vec(&entries)?;
        header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
        Ok([(header.len() as u64).to_le_bytes().as_slice(), &header, &data].concat())
    }

    /// The model in the bytes of a file that is called `name`.
    ///
    /// # Errors
    ///
    /// Input errors: no safetensors file, a truncated one, one of another program or of a newer valor, a damaged one.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> anyhow::Result<Self> {
        let (size, header) = SafeTensors::read_metadata(bytes).map_err(|error| unreadable(name, &error))?;
        let metadata = header.metadata().as_ref();
        let key = |key: &str| metadata.and_then(|metadata: &HashMap<String, String>| metadata.get(key));
        let text = key(ABOUT).ok_or_else(|| {
            input_error!(
                "{name} is a safetensors file, but no model of valor: its metadata has no key '{ABOUT}'"
            )
        })?;
        check_version(name, text)?;
        if key(HASH).map(String::as_str) != Some(&hash(text, &bytes[8 + size..])) {
            return Err(input_error!("{name} is damaged: its content is not what was written"));
        }
        let mut about: Value = serde_json::from_str(text).map_err(|error| not_whole(name, &error))?;
        drop_scales(&mut about);
        let about: About = serde_json::from_value(about).map_err(|error| not_whole(name, &error))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| unreadable(name, &error))?;
        let tensors = tensors.tensors().into_iter().map(|(tensor, view)| parameter(name, tensor, &view));
        let mut tensors = tensors.collect::<anyhow::Result<Vec<Parameter>>>()?;
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { about, tensors })
    }
}

/// Up to version 2 terms could be multiplied by the variance of the training outcomes, which scoring does not look at.
pub(super) fn drop_scales(about: &mut Value) {
    let current = about["version"].as_u64().is_some_and(|version| version > 2);
    let terms = about.pointer_mut("/model/objective").and_then(Value::as_array_mut);
    for term in terms.filter(|_| !current).into_iter().flatten().filter_map(Value::as_object_mut) {
        term.remove("scale");
    }
}

fn hash(about: &str, data: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(about.as_bytes()).update(data);
    hasher.finalize().to_hex().to_string()
}

/// Asked before anything else, since a newer format may look different in every other respect.
fn check_version(name: &str, about: &str) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
        #[serde(default)]
        valor: String,
    }
    let found: Version = serde_json::from_str(about).map_err(|error| not_whole(name, &error))?;
    if !(OLDEST_MODEL_VERSION..=MODEL_VERSION).contains(&found.version) {
        return Err(input_error!(
            "{name} was written by valor {}: its model format is version {}, this valor ({}) reads versions {OLDEST_MODEL_VERSION} to {MODEL_VERSION}",
            found.valor,
            found.version,
            env!("CARGO_PKG_VERSION")
        ));
    }
    Ok(())
}

fn parameter(file: &str, name: String, view: &TensorView) -> anyhow::Result<Parameter> {
    let values = match view.dtype() {
        Dtype::F32 => {
            Values::Single(view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
        }
        Dtype::F64 => {
            Values::Double(view.data().as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect())
        }
        other => {
            return Err(input_error!("{file}: the tensor '{name}' is {other:?}; allowed are F32 and F64"));
        }
    };
    Ok(Parameter { name, shape: view.shape().to_vec(), values })
}

fn not_whole(name: &str, error: &serde_json::Error) -> anyhow::Error {
    input_error!("{name}: the key '{ABOUT}' of its metadata is not what valor writes: {error}")
}

fn unreadable(name: &str, error: &SafeTensorError) -> anyhow::Error {
    match error {
        SafeTensorError::InvalidHeaderLength | SafeTensorError::MetadataIncompleteBuffer => {
            input_error!(
                "{name} is truncated, or no model: a safetensors file is longer or shorter ({error})"
            )
        }
        _ => input_error!(
            "{name} is not a model: a safetensors file is needed, as `valor fit` writes it ({error})"
        ),
    }
}
