//! Turns the rows of a file, one by one, into a dataset.

use super::columns::{Columns, Fault};
use super::features::{Features, Row};
use super::time::TimeKind;
use super::value::{Value, canonical};
use super::{Place, Propensity, Scored, TableSpec};
use crate::draw::choose;
use crate::{Dataset, FeatureKind, LARGEST, Treatment, Truth, UnitColumns, memory};
use std::collections::{BTreeMap, HashMap};
use valor_base::error::{did_you_mean, shown, shown_list};
use valor_base::input_error;
use valor_base::question::Arms;
use valor_base::seed::Seeds;

/// One-hot columns beyond this are almost surely an identifier.
const MOST_LEVELS: usize = 1_000;

/// Gathers rows; `finish` gives the dataset.
pub(super) struct Collector<'a> {
    spec: &'a TableSpec,
    place: Place<'a>,
    columns: Columns<'a>,
    /// By level, as [`Value::level`] spells it.
    declared: BTreeMap<String, Arm>,
    /// Arm and number of rows of each value that was met.
    met: HashMap<String, (Arm, usize)>,
    dataset: Dataset,
    features: Features,
    groups: HashMap<String, u64>,
    time_kind: Option<TimeKind>,
    scores: Vec<f64>,
}

/// Rows of a log as they were collected.
pub(super) struct RawLog {
    pub(super) dataset: Dataset,
    /// Labels of groups, by number.
    pub(super) groups: Vec<String>,
    /// What its times are.
    pub(super) kind: TimeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arm {
    Control,
    Treated,
    Dropped,
}

impl<'a> Collector<'a> {
    pub(super) fn new(spec: &'a TableSpec, columns: Columns<'a>, place: Place<'a>) -> Self {
        let arm = |key| match key {
            "treated" => Arm::Treated,
            "control" => Arm::Control,
            _ => Arm::Dropped,
        };
        let lists = spec.value_lists().into_iter();
        let declared = lists.flat_map(|(key, list)| list.iter().map(move |value| (level(value), arm(key))));
        Self {
            declared: declared.collect(),
            met: HashMap::new(),
            dataset: Dataset {
                treatment: spec.treatment.as_ref().map(|_| Treatment {
                    assigned: Vec::new(),
                    propensity: spec.propensity.as_ref().map(|_| Vec::new()),
                }),
                truth: truth(spec),
                group: spec.group.as_ref().map(|_| Vec::new()),
                time: spec.time.as_ref().map(|_| Vec::new()),
                known: spec.known.as_ref().map(|_| Vec::new()),
                units: UnitColumns {
                    group: spec.group.clone(),
                    time: spec.time.clone(),
                    known: spec.known.clone(),
                },
                logs: spec.log1p.clone(),
                sequences: spec.sequence.clone(),
                ..Dataset::default()
            },
            features: Features::default(),
            groups: HashMap::new(),
            time_kind: None,
            scores: Vec::new(),
            spec,
            place,
            columns,
        }
    }

    /// Takes a row, or leaves it out where its treatment value says so. `number` is for error messages.
    pub(super) fn push(&mut self, number: u64, row: &impl Row) -> anyhow::Result<()> {
        if let Some(slot) = self.columns.treatment {
            let arm = self.arm(number, slot, &row.value(slot))?;
            if arm == Arm::Dropped {
                return Ok(());
            }
            if let Some(treatment) = &mut self.dataset.treatment {
                treatment.assigned.push(arm == Arm::Treated);
            }
        }
        self.check_memory()?;
        let outcome = self.amount(number, row, self.columns.outcome)?;
        self.dataset.outcome.push(outcome);
        if let Some(slot) = self.columns.score {
            self.scores.push(self.required(number, row, slot)?);
        }
        self.dataset.origin.get_or_insert_default().push(number);
        self.push_features(number, row)?;
        self.push_known(number, row)?;
        self.push_place(number, row)
    }

    fn arm(&mut self, number: u64, slot: usize, value: &Value) -> anyhow::Result<Arm> {
        let level = value.level().unwrap_or_default();
        if let Some((arm, count)) = self.met.get_mut(level.as_ref()) {
            *count += 1;
            return Ok(*arm);
        }
        let Some(arm) = self.declared.get(level.as_ref()).copied() else {
            return Err(self.undeclared(number, slot, &value.shown()));
        };
        self.met.insert(level.into_owned(), (arm, 1));
        Ok(arm)
    }

    fn undeclared(&self, number: u64, slot: usize, value: &str) -> anyhow::Error {
        let lists = self.spec.value_lists();
        // Scores are judged from the command line.
        let dashes = if self.columns.score.is_some() { "--" } else { "" };
        let lists_shown = lists.map(|(key, list)| format!("{dashes}{key} = {}", listed(list))).join(", ");
        let hint = did_you_mean(value, lists.iter().flat_map(|(_, list)| list.iter().map(String::as_str)));
        let fault = format!(
            "the value '{value}' is declared in none of the lists{hint}{} {lists_shown}; '{dashes}drop' leaves out the rows of \
             values that it names",
            if hint.is_empty() { ":" } else { "" }
        );
        self.refuse(number, slot, &fault)
    }

    fn push_features(&mut self, number: u64, row: &impl Row) -> anyhow::Result<()> {
        let pushed = self.features.push(&self.columns, row);
        pushed.map_err(|fault| self.columns.refuse(self.place, number, &fault))
    }

    /// Truth and propensity.
    fn push_known(&mut self, number: u64, row: &impl Row) -> anyhow::Result<()> {
        let effect = self.columns.effect.map(|slot| self.amount(number, row, slot)).transpose()?;
        let propensity = match (&self.spec.propensity, self.columns.propensity) {
            (Some(Propensity::Constant(share)), _) => Some(*share),
            (_, Some(slot)) => Some(self.propensity(number, row, slot)?),
            (_, None) => None,
        };
        let expected = match self.columns.expected {
            Some(slots) => Some([self.amount(number, row, slots[0])?, self.amount(number, row, slots[1])?]),
            None => None,
        };
        let worth = self.columns.worth.map(|slot| self.amount(number, row, slot)).transpose()?;
        if let Some(truth) = &mut self.dataset.truth {
            if let (Some(Arms::One(column)), Some(worth)) = (&mut truth.expected, worth) {
                column.push(worth);
            }
            let difference = expected.map(|[control, treated]| treated - control);
            if let (Some(column), Some(effect)) = (&mut truth.effect, effect.or(difference)) {
                column.push(effect);
            }
            if let (Some(Arms::Two { control, treated }), Some(found)) = (&mut truth.expected, expected) {
                control.push(found[0]);
                treated.push(found[1]);
            }
        }
        let known = self.dataset.treatment.as_mut().and_then(|treatment| treatment.propensity.as_mut());
        if let (Some(column), Some(propensity)) = (known, propensity) {
            column.push(propensity);
        }
        Ok(())
    }

    /// Group and time.
    fn push_place(&mut self, number: u64, row: &impl Row) -> anyhow::Result<()> {
        if let (Some(column), Some(slot)) = (&mut self.dataset.group, self.columns.group) {
            let value = row.value(slot);
            let Some(label) = value.level() else {
                return Err(self.refuse(number, slot, "the cell is empty; allowed is the label of a group"));
            };
            let next = self.groups.len() as u64;
            column.push(*self.groups.entry(label.into_owned()).or_insert(next));
        }
        if let Some(slot) = self.columns.time {
            let time = self.time(&row.value(slot)).map_err(|fault| self.refuse(number, slot, &fault))?;
            self.dataset.time.get_or_insert_default().push(time);
        }
        if let Some(slot) = self.columns.known {
            let known = self.time(&row.value(slot)).map_err(|fault| self.refuse(number, slot, &fault))?;
            self.dataset.known.get_or_insert_default().push(known);
        }
        Ok(())
    }

    fn time(&mut self, value: &Value) -> Result<f64, String> {
        let (kind, time) = value.time()?;
        if *self.time_kind.get_or_insert(kind) != kind {
            let text = value.shown();
            return Err(format!(
                "found '{text}'; allowed are only numbers or only dates in columns of times"
            ));
        }
        Ok(time)
    }

    fn required(&self, number: u64, row: &impl Row, slot: usize) -> anyhow::Result<f64> {
        row.value(slot).required().map_err(|fault| self.refuse(number, slot, &fault))
    }

    /// An outcome or an effect, in outcome units.
    fn amount(&self, number: u64, row: &impl Row, slot: usize) -> anyhow::Result<f64> {
        let value = self.required(number, row, slot)?;
        match value.abs() <= LARGEST {
            true => Ok(value),
            false => {
                let fault = format!("found '{value:e}'; allowed are finite numbers from -1e30 to 1e30");
                Err(self.refuse(number, slot, &fault))
            }
        }
    }

    /// Whether the rows so far can double, asked where they are about to.
    fn check_memory(&self) -> anyhow::Result<()> {
        let rows = self.dataset.rows();
        if rows < 1 << 16 || !rows.is_power_of_two() {
            return Ok(());
        }
        let row = self.columns.list.len() * size_of::<f64>();
        memory::ask(&format!("{}: more than {rows} rows", self.place.file), (2 * rows) as u64, row as u64)
    }

    fn propensity(&self, number: u64, row: &impl Row, slot: usize) -> anyhow::Result<f64> {
        let share = self.required(number, row, slot)?;
        if share > 0.0 && share < 1.0 {
            return Ok(share);
        }
        let fault = format!("found '{share}'; allowed are numbers above 0 and below 1");
        Err(self.refuse(number, slot, &fault))
    }

    fn refuse(&self, number: u64, slot: usize, fault: &str) -> anyhow::Error {
        self.columns.refuse(self.place, number, &Fault { slot, text: fault.to_string() })
    }

    /// The dataset, once all rows are in.
    pub(super) fn finish(mut self) -> anyhow::Result<Dataset> {
        self.check_rows()?;
        let merged = self.features.notes(&self.columns);
        let features = std::mem::take(&mut self.features).finish(&self.columns);
        (self.dataset.features, self.dataset.numeric) = features;
        self.check_levels()?;
        self.note_dropped();
        self.dataset.notes.extend(merged);
        self.check_arms("")?;
        self.check_outcomes("")?;
        match self.spec.rows {
            Some(rows) if rows < self.dataset.rows() => self.sample(rows)?,
            _ => {}
        }
        Ok(self.dataset)
    }

    /// The scores and what they are judged by, once all rows are in. Outcomes may be what they are.
    pub(super) fn finish_scored(mut self) -> anyhow::Result<Scored> {
        self.check_rows()?;
        self.note_dropped();
        self.check_arms("")?;
        let features = std::mem::take(&mut self.features).finish(&self.columns);
        (self.dataset.features, self.dataset.numeric) = features;
        Ok(Scored { score: self.scores, rows: self.dataset })
    }

    /// The lines of a log, once all are in. Amounts may be what they are.
    pub(super) fn finish_log(mut self) -> anyhow::Result<RawLog> {
        self.check_rows()?;
        let (features, numeric) = self.features.finish(&self.columns);
        (self.dataset.features, self.dataset.numeric) = (features, numeric);
        let mut groups = vec![String::new(); self.groups.len()];
        for (label, number) in self.groups {
            groups[number as usize] = label;
        }
        Ok(RawLog { dataset: self.dataset, groups, kind: self.time_kind.unwrap_or(TimeKind::Date) })
    }

    fn check_rows(&self) -> anyhow::Result<()> {
        match self.met.is_empty() && self.dataset.rows() == 0 {
            true => Err(input_error!("{} has no rows", self.place.file)),
            false => Ok(()),
        }
    }

    fn check_levels(&self) -> anyhow::Result<()> {
        for feature in &self.dataset.features {
            if let FeatureKind::Categorical { levels, .. } = &feature.kind
                && levels.len() > MOST_LEVELS
            {
                return Err(input_error!(
                    "{}: the categorical column '{}' has {} different values; allowed are at most {MOST_LEVELS}",
                    self.place.file,
                    shown(&feature.name),
                    levels.len()
                ));
            }
        }
        Ok(())
    }

    fn note_dropped(&mut self) {
        let dropped: BTreeMap<&String, usize> = self
            .met
            .iter()
            .filter(|(_, met)| met.0 == Arm::Dropped)
            .map(|(value, met)| (value, met.1))
            .collect();
        let column = self.spec.treatment.as_deref().unwrap_or_default();
        let note = |(value, count): (&String, usize)| {
            format!("{count} rows with {column} '{}' are left out", shown(value))
        };
        self.dataset.notes.extend(dropped.into_iter().map(note));
    }

    /// Refuses an empty arm.
    fn check_arms(&self, within: &str) -> anyhow::Result<()> {
        let file = self.place.file;
        let (Some(treatment), Some(column)) = (&self.dataset.treatment, &self.spec.treatment) else {
            return Ok(());
        };
        for (arm, key, list) in
            [(true, "treated", &self.spec.treated), (false, "control", &self.spec.control)]
        {
            if !treatment.assigned.contains(&arm) {
                return Err(input_error!(
                    "{file}: the {key} arm is empty{within}: no row has {} in {}",
                    shown(column),
                    listed(list)
                ));
            }
        }
        Ok(())
    }

    /// Refuses outcomes that are never positive.
    fn check_outcomes(&self, within: &str) -> anyhow::Result<()> {
        let file = self.place.file;
        if !self.dataset.outcome.iter().any(|outcome| *outcome > 0.0) {
            let column = &self.spec.outcome;
            return Err(input_error!(
                "{file}: no outcome is positive{within}: column '{}' is never above 0",
                shown(column)
            ));
        }
        Ok(())
    }

    fn sample(&mut self, rows: usize) -> anyhow::Result<()> {
        let all = self.dataset.rows();
        let mut stream = Seeds::new(0).child("table").child("sample").stream();
        let mut chosen = choose(all, rows, &mut stream);
        chosen.sort_unstable();
        self.dataset = self.dataset.select(&chosen);
        self.dataset.notes.push(format!("a fixed random sample of {rows} of {all} rows"));
        let within = format!(" in the sample of {rows} rows");
        self.check_arms(&within)?;
        self.check_outcomes(&within)
    }
}

/// The truth that a spec declares, without rows.
fn truth(spec: &TableSpec) -> Option<Truth> {
    let expected =
        spec.expected_control.as_ref().map(|_| Arms::Two { control: Vec::new(), treated: Vec::new() });
    let effect = (spec.effect.is_some() || expected.is_some()).then(Vec::new);
    let worth = spec.expected.as_ref().map(|_| Arms::One(Vec::new()));
    let known = effect.is_some() || worth.is_some();
    known.then(|| Truth { effect, expected: expected.or(worth), conversion: None })
}

/// A declared value of the treatment column as [`Value::level`] spells it; empty for a missing one.
pub(super) fn level(declared: &str) -> String {
    canonical(declared.trim()).into_owned()
}

/// Declared values as a message lists them.
fn listed(values: &[String]) -> String {
    let quoted: Vec<String> = values.iter().map(|value| format!("{:?}", shown(value))).collect();
    format!("[{}]", shown_list(quoted.iter().map(String::as_str)))
}
