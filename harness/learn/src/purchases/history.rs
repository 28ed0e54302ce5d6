//! What a row says of a customer's purchases, and which columns say it.

use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// Options of BG/NBD with Gamma-Gamma.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BgNbdSpec {
    /// What the columns hold.
    pub layout: Layout,
    /// The column of numbers of purchases.
    pub frequency: String,
    /// The column of when the last purchase was.
    pub recency: String,
    /// The column of the time since the first purchase, or that time where it is the same for all.
    pub age: Age,
    /// The column of what was spent.
    pub spend: String,
    /// The column of what the first purchase brought; not used by [`Layout::Repeats`].
    pub first_spend: String,
    /// The time for which is predicted, in the unit of the columns; above 0.
    pub horizon: f64,
}

/// What the columns of a history hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// As `valor ltv prepare` writes them: frequency counts all purchases, recency is the time since the last one, spend is that of all
    /// purchases, and what the first one brought stands in a column of its own.
    #[default]
    Purchases,
    /// As the literature has them: frequency counts purchases after the first, recency is the age at the last one, spend is the mean
    /// of purchases after the first.
    Repeats,
}

/// The time since the first purchase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "age: allowed are the name of a column or a number above 0")]
pub enum Age {
    /// The same for all.
    Fixed(f64),
    /// A column.
    Column(String),
}

impl Default for BgNbdSpec {
    fn default() -> Self {
        Self {
            layout: Layout::default(),
            frequency: "frequency".to_string(),
            recency: "recency".to_string(),
            age: Age::Column("tenure".to_string()),
            spend: "spend".to_string(),
            first_spend: "first_spend".to_string(),
            horizon: 365.0,
        }
    }
}

impl BgNbdSpec {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// Input errors that name the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        let above = |key: &str, found: f64| match found > 0.0 && found.is_finite() {
            true => Ok(()),
            false => Err(input_error!("bg-nbd.{key}: found {found}; must be above 0")),
        };
        above("horizon", self.horizon)?;
        match self.age {
            Age::Fixed(age) => above("age", age),
            Age::Column(_) => Ok(()),
        }
    }

    /// The columns that it needs, each with its key, in the order of [`Told`].
    pub fn columns(&self) -> Vec<(&'static str, &str)> {
        let age = match &self.age {
            Age::Fixed(_) => None,
            Age::Column(name) => Some(("age", name.as_str())),
        };
        let first = match self.layout {
            Layout::Purchases => Some(("first-spend", self.first_spend.as_str())),
            Layout::Repeats => None,
        };
        let plain = [
            Some(("frequency", self.frequency.as_str())),
            Some(("recency", self.recency.as_str())),
            Some(("spend", self.spend.as_str())),
        ];
        plain.into_iter().chain([age, first]).flatten().collect()
    }
}

/// What a row says, as its columns hold it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// Number of purchases.
    pub frequency: f64,
    /// When the last one was.
    pub recency: f64,
    /// Time since the first one.
    pub age: f64,
    /// What was spent.
    pub spend: f64,
    /// What the first purchase brought.
    pub first_spend: f64,
}

/// A customer's purchases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct History {
    /// `x`: purchases after the first, a whole number.
    pub repeats: f64,
    /// `t_x`: age at the last purchase.
    pub last: f64,
    /// `T`: age.
    pub age: f64,
    /// `z`: mean spend of purchases after the first; 0 where there is none.
    pub spend: f64,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Flaw {
    /// Key of the column.
    pub key: &'static str,
    /// What it holds.
    pub found: f64,
    /// What it may hold.
    pub allowed: String,
}

/// Days and money read as 32 bits: sums of two agree to this share.
const ROUNDING: f64 = 1e-5;

impl History {
    /// Of what a row says.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it.
    pub fn new(told: &Told, layout: Layout) -> Result<Self, Flaw> {
        let flaw = |key, found: f64, allowed: String| Err(Flaw { key, found, allowed });
        let Told { frequency, recency, age, .. } = *told;
        let least = match layout {
            Layout::Purchases => 1.0,
            Layout::Repeats => 0.0,
        };
        if !(frequency >= least && frequency.fract() == 0.0 && frequency.is_finite()) {
            return flaw("frequency", frequency, format!("whole numbers from {least} on"));
        }
        if !(age >= 0.0 && age.is_finite()) {
            return flaw("age", age, "numbers from 0 on".to_string());
        }
        if !(recency >= 0.0 && recency <= age * (1.0 + ROUNDING)) {
            return flaw("recency", recency, format!("0 to the row's age, {age}"));
        }
        let history = Self::nearest(told, layout);
        if layout == Layout::Purchases && history.repeats == 0.0 && history.last > ROUNDING * age {
            let allowed = format!(
                "the row's age, {age}, where frequency is 1: are purchases left out, as by --window?"
            );
            return flaw("recency", recency, allowed);
        }
        if history.repeats > 0.0 {
            let spends = [("spend", told.spend), ("first-spend", told.first_spend)];
            let used = if layout == Layout::Purchases { 2 } else { 1 };
            if let Some((key, found)) = spends[..used].iter().find(|(_, spend)| !spend.is_finite()) {
                return flaw(key, *found, "numbers, where there are purchases after the first".to_string());
            }
        }
        Ok(history)
    }

    /// The nearest history that can be: what is missing counts as 0, what is out of range as its end.
    pub fn nearest(told: &Told, layout: Layout) -> Self {
        let number = |value: f64| if value.is_finite() { value } else { 0.0 };
        let age = number(told.age).max(0.0);
        let recency = number(told.recency).clamp(0.0, age);
        let frequency = number(told.frequency).round();
        let (repeats, last) = match layout {
            Layout::Purchases => ((frequency - 1.0).max(0.0), age - recency),
            Layout::Repeats => (frequency.max(0.0), recency),
        };
        let spend = match layout {
            _ if repeats == 0.0 => 0.0,
            Layout::Purchases => (number(told.spend) - number(told.first_spend)) / repeats,
            Layout::Repeats => number(told.spend),
        };
        Self { repeats, last, age, spend: spend.max(0.0) }
    }
}
