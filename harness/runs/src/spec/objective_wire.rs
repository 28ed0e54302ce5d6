//! `[[objective]]` as files spell it, and tables that may stand once or several times.

use serde::de::{
    Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer, value::SeqAccessDeserializer,
};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::marker::PhantomData;
use toml::{Table, Value};
use valor_learn::learner::catalog::{HeadKey, ObjectiveSpec};
use valor_learn::learner::neural::Recalibration;
use valor_learn::objectives::{TermKind, TermSpec};

/// Terms under a name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ObjectiveWire {
    pub name: String,
    pub terms: Vec<TermWire>,
    pub head: Option<HeadKey>,
    #[serde(default = "yes")]
    pub backbone_terms: bool,
    pub recalibration: Option<Recalibration>,
}

fn yes() -> bool {
    true
}

impl ObjectiveWire {
    /// What methods are composed of.
    pub(super) fn spec(&self) -> ObjectiveSpec {
        let term = |wire: &TermWire| TermSpec::new(wire.weight, wire.term.clone());
        ObjectiveSpec {
            name: self.name.clone(),
            terms: self.terms.iter().map(term).collect(),
            head: self.head,
            backbone_terms: self.backbone_terms,
            recalibration: self.recalibration,
        }
    }
}

/// One term: `{ ranking = { weight = "one" }, weight = 0.1 }`.
#[derive(Clone, Debug)]
pub(super) struct TermWire {
    weight: f64,
    term: TermKind,
}

impl<'de> Deserialize<'de> for TermWire {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TermVisitor)
    }
}

struct TermVisitor;

impl<'de> Visitor<'de> for TermVisitor {
    type Value = TermWire;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a term such as { mse = {}, weight = 1.0 }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TermWire, A::Error> {
        let (mut weight, mut term) = (1.0, None);
        while let Some(key) = map.next_key::<String>()? {
            if key == "weight" {
                weight = map.next_value()?;
                continue;
            }
            if term.is_some() {
                return Err(A::Error::custom(format!(
                    "'{key}': a term is already named here; write one per entry"
                )));
            }
            let options: Value = map.next_value()?;
            let named = Value::Table(Table::from_iter([(key, options)]));
            term = Some(TermKind::deserialize(named).map_err(|error| A::Error::custom(error.message()))?);
        }
        let allowed = || TermKind::NAMES.join(", ");
        let term =
            term.ok_or_else(|| A::Error::custom(format!("no term is named; allowed are {}", allowed())))?;
        if !f64::is_finite(weight) {
            return Err(A::Error::custom(format!("weight: found {weight}; must be a finite number")));
        }
        Ok(TermWire { weight, term })
    }
}

/// A table, or an array of tables.
pub(super) fn one_or_many<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct OneOrMany<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("a table, or an array of tables")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }
    }

    deserializer.deserialize_any(OneOrMany(PhantomData))
}
