//! Names in an experiment file: each once, and each that is used defined.

use std::collections::BTreeSet;
use valor_base::error::choices;
use valor_base::input_error;

/// Says that a name is not among those that are allowed at its place.
pub(super) fn missing(place: &str, found: &str, allowed: &[&str]) -> anyhow::Error {
    input_error!("{place}: '{found}' is not defined{}", choices(found, "there are", allowed))
}

/// Refuses a name that stands there twice.
pub(super) fn unique(what: &str, names: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(input_error!("{what}: '{name}' stands there twice"));
        }
    }
    Ok(())
}
