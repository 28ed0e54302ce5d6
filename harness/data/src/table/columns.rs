//! The columns that a table declares, in one fixed order, and where a file has them.

use super::role::Role;
use super::{Place, Propensity, TableSpec};
use std::collections::HashMap;
use std::ops::Range;
use valor_base::error::{did_you_mean, shown, shown_list};
use valor_base::input_error;

/// Declared columns; their places in `list` are what readers and the collector call slots.
#[derive(Clone, Debug)]
pub(super) struct Columns<'a> {
    pub(super) list: Vec<(&'a str, Role)>,
    /// Absent where there is no treatment, and where only features are read.
    pub(super) treatment: Option<usize>,
    /// Of no meaning where only features are read.
    pub(super) outcome: usize,
    pub(super) effect: Option<usize>,
    /// Expected outcomes under control and treatment.
    pub(super) expected: Option<[usize; 2]>,
    /// Expected outcome where there is no treatment.
    pub(super) worth: Option<usize>,
    pub(super) propensity: Option<usize>,
    pub(super) group: Option<usize>,
    pub(super) time: Option<usize>,
    pub(super) known: Option<usize>,
    pub(super) score: Option<usize>,
    pub(super) numeric: Range<usize>,
    pub(super) categorical: Range<usize>,
}

/// What is wrong with a cell, and in which slot it stands.
pub(super) struct Fault {
    pub(super) slot: usize,
    pub(super) text: String,
}

impl<'a> Columns<'a> {
    pub(super) fn new(spec: &'a TableSpec) -> Self {
        Self::with_score(spec, None)
    }

    /// Those of a spec, and a column of scores.
    pub(super) fn with_score(spec: &'a TableSpec, score: Option<&'a str>) -> Self {
        let mut list = Vec::new();
        let mut add = |name: Option<&'a str>, role| {
            name.map(|name| {
                list.push((name, role));
                list.len() - 1
            })
        };
        let propensity = match &spec.propensity {
            Some(Propensity::Column(name)) => Some(name.as_str()),
            Some(Propensity::Constant(_)) | None => None,
        };
        let treatment = add(spec.treatment.as_deref(), Role::Treatment);
        let outcome = add(Some(&spec.outcome), Role::Outcome).unwrap_or_default();
        let effect = add(spec.effect.as_deref(), Role::Effect);
        let expected = [&spec.expected_control, &spec.expected_treated];
        let expected = expected.map(|name| add(name.as_deref(), Role::Effect));
        let worth = add(spec.expected.as_deref(), Role::Effect);
        let propensity = add(propensity, Role::Propensity);
        let group = add(spec.group.as_deref(), Role::Group);
        let time = add(spec.time.as_deref(), Role::Time);
        let known = add(spec.known.as_deref(), Role::Known);
        let score = add(score, Role::Score);
        let start = list.len();
        let middle = start + spec.numeric.len();
        list.extend(spec.numeric.iter().map(|name| (name.as_str(), Role::Numeric)));
        list.extend(spec.categorical.iter().map(|name| (name.as_str(), Role::Categorical)));
        Self {
            treatment,
            outcome,
            effect,
            expected: expected[0].zip(expected[1]).map(|(control, treated)| [control, treated]),
            worth,
            propensity,
            group,
            time,
            known,
            score,
            numeric: start..middle,
            categorical: middle..list.len(),
            list,
        }
    }

    /// Features alone.
    pub(super) fn of_features(numeric: Vec<&'a str>, categorical: Vec<&'a str>) -> Self {
        let (middle, end) = (numeric.len(), numeric.len() + categorical.len());
        let numbers = numeric.into_iter().map(|name| (name, Role::Numeric));
        Self {
            list: numbers.chain(categorical.into_iter().map(|name| (name, Role::Categorical))).collect(),
            treatment: None,
            outcome: 0,
            effect: None,
            expected: None,
            worth: None,
            propensity: None,
            group: None,
            time: None,
            known: None,
            score: None,
            numeric: 0..middle,
            categorical: middle..end,
        }
    }

    /// The error for a fault in a row.
    pub(super) fn refuse(&self, place: Place, row: u64, fault: &Fault) -> anyhow::Error {
        input_error!("{}, column '{}': {}", place.row(row), shown(self.list[fault.slot].0), fault.text)
    }

    /// For each slot the place of its column in the file's header. `hint` is said of a column that is not there.
    pub(super) fn find(&self, file: &str, header: &[&str], hint: &str) -> anyhow::Result<Vec<usize>> {
        // A wide table is looked through once.
        let mut places: HashMap<&str, (usize, Option<usize>)> = HashMap::new();
        for (place, name) in header.iter().enumerate() {
            places
                .entry(name)
                .and_modify(|(_, second)| *second = second.or(Some(place)))
                .or_insert((place, None));
        }
        let find = |name: &str| match places.get(name) {
            Some((place, None)) => Ok(*place),
            Some((first, Some(second))) => Err(input_error!(
                "{file}: the column '{}' is there twice (columns {} and {}); allowed is once",
                shown(name),
                first + 1,
                second + 1
            )),
            None => Err(missing(file, header, name, hint)),
        };
        self.list.iter().map(|(name, _)| find(name)).collect()
    }
}

/// The closest name comes before all that are there; what would part the cells otherwise, after.
fn missing(file: &str, header: &[&str], name: &str, hint: &str) -> anyhow::Error {
    let has = shown_list(header.iter().copied());
    let close = if hint.is_empty() { did_you_mean(name, header.iter().copied()) } else { String::new() };
    let mark = if close.is_empty() { ";" } else { "" };
    input_error!("{file}: no column '{}'{close}{mark} it has {has}{hint}", shown(name))
}
