//! What a page needs to know of all rows, gathered as they pass: sums, a sample, the ends of the ranking, rows asked for.

use super::account::Account;
use rand::Rng;
use std::collections::BTreeMap;
use valor_base::input_error;
use valor_base::seed::{Seeds, Stream};
use valor_data::Matrix;
use valor_data::encode::FeatureSummary;
use valor_learn::model::{Cell, Explanations};

/// Rows of the sample behind the plots.
const SAMPLE: usize = 1000;
/// Accounts that are shown of each end where none are asked for.
const ENDS: usize = 3;
/// Numbers with at most so many different values are said as they are.
const FEW: usize = 2;

/// A feature as pages name it.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// As the column is called.
    pub name: String,
    mean: f64,
    sd: f64,
    levels: Option<Vec<String>>,
    flag: bool,
}

impl Feature {
    /// With what the training rows say of it.
    pub fn new(name: &str, known: FeatureSummary) -> Self {
        let name = name.to_string();
        match known {
            FeatureSummary::Number { mean, sd } => Self { name, mean, sd, levels: None, flag: false },
            FeatureSummary::Levels(levels) => {
                Self { name, mean: 0.0, sd: 0.0, levels: Some(levels.to_vec()), flag: false }
            }
        }
    }

    /// What the training rows say of it.
    pub fn known(&self) -> FeatureSummary<'_> {
        match &self.levels {
            Some(levels) => FeatureSummary::Levels(levels),
            None => FeatureSummary::Number { mean: self.mean, sd: self.sd },
        }
    }

    /// The name with spaces.
    pub fn readable(&self) -> String {
        self.name.replace('_', " ")
    }

    /// How many standard deviations of the training rows a value of it lies above their mean; nothing for levels, flags and what
    /// does not vary.
    pub fn deviation(&self, value: f32) -> Option<f64> {
        let varies = self.levels.is_none() && self.sd > 0.0 && !self.flag;
        varies.then(|| (f64::from(value) - self.mean) / self.sd)
    }

    /// Looks whether its values are few.
    pub fn few(&mut self, values: impl Iterator<Item = f32>) {
        let mut seen: Vec<f32> = Vec::new();
        for value in values {
            if !seen.contains(&value) {
                seen.push(value);
            }
            if seen.len() > FEW {
                return;
            }
        }
        self.flag = !seen.is_empty();
    }
}

/// Rows and what their contributions come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// Rows.
    pub rows: usize,
    /// Sum of contributions.
    pub sum: f64,
}

impl Total {
    fn add(&mut self, contribution: f64) {
        self.rows += 1;
        self.sum += contribution;
    }

    /// The mean; nothing of no rows.
    pub fn mean(self) -> Option<f64> {
        (self.rows > 0).then(|| self.sum / self.rows as f64)
    }
}

/// What all rows say of one feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sum of absolute contributions.
    pub absolute: f64,
    /// Rows without a value, or with a level that the training rows lack.
    pub missing: Total,
    /// Rows of each level.
    pub levels: Vec<Total>,
}

/// Some rows of a file with what was found of them.
pub struct Part<'a> {
    /// Ids of the rows.
    pub ids: &'a dyn Fn(usize) -> String,
    /// Raw cells of a row.
    pub cells: &'a dyn Fn(usize) -> Vec<Cell>,
    /// What was found.
    pub found: &'a Explanations,
}

impl Part<'_> {
    fn account(&self, row: usize) -> Account {
        let (uplift, features) = (self.found.score[row], self.found.rows.columns);
        let contributions = self.found.contributions[row * features..(row + 1) * features].to_vec();
        Account { id: (self.ids)(row), uplift, cells: (self.cells)(row), contributions }
    }
}

/// What has been gathered.
pub struct Digest {
    /// Features in the order of the contributions.
    pub features: Vec<Feature>,
    /// One per feature.
    pub tallies: Vec<Tally>,
    /// Rows so far.
    pub rows: usize,
    /// Sum of their uplifts.
    pub uplift: f64,
    /// Rows with an uplift above 0.
    pub above: usize,
    /// Rows of the plots: every row has the same chance.
    pub sample: Vec<Account>,
    draws: Stream,
    highest: Vec<Account>,
    lowest: Vec<Account>,
    /// By id the place in `--rows` and what was found.
    asked: BTreeMap<String, (usize, Option<Account>)>,
}

impl Digest {
    /// For these features; accounts with the asked ids are kept, else those at the ends.
    pub fn new(features: Vec<Feature>, asked: &[String]) -> Self {
        let levels = |feature: &Feature| match feature.known() {
            FeatureSummary::Levels(levels) => levels.len(),
            FeatureSummary::Number { .. } => 0,
        };
        let tally =
            |feature: &Feature| Tally { levels: vec![Total::default(); levels(feature)], ..Tally::default() };
        Self {
            tallies: features.iter().map(tally).collect(),
            features,
            rows: 0,
            uplift: 0.0,
            above: 0,
            sample: Vec::new(),
            draws: Seeds::new(0).child("explain").child("sample").stream(),
            highest: Vec::new(),
            lowest: Vec::new(),
            asked: asked.iter().enumerate().map(|(place, id)| (id.clone(), (place, None))).collect(),
        }
    }

    /// Mean uplift of the rows so far, outcome units; 0 of none.
    pub fn mean_uplift(&self) -> f64 {
        self.uplift / self.rows.max(1) as f64
    }

    /// Share of the rows so far with an uplift above 0.
    pub fn share_above(&self) -> f64 {
        self.above as f64 / self.rows.max(1) as f64
    }

    /// Takes some rows in.
    ///
    /// # Errors
    ///
    /// An input error where two rows have an id that was asked for.
    pub fn add(&mut self, part: &Part) -> anyhow::Result<()> {
        let Matrix { rows, columns, .. } = part.found.rows;
        for row in 0..rows {
            let contributions = &part.found.contributions[row * columns..(row + 1) * columns];
            self.tally(part.found.rows.row(row), contributions);
            self.draw(part, row);
            self.rank(part, row);
            self.uplift += part.found.score[row];
            self.above += usize::from(part.found.score[row] > 0.0);
            self.rows += 1;
        }
        if self.asked.is_empty() {
            return Ok(());
        }
        for row in 0..rows {
            let id = (part.ids)(row);
            let Some((_, found)) = self.asked.get_mut(&id) else { continue };
            if found.replace(part.account(row)).is_some() {
                return Err(input_error!("--rows {id}: two rows have this id; allowed are ids of one row"));
            }
        }
        Ok(())
    }

    /// Says that all rows have passed.
    ///
    /// # Errors
    ///
    /// An input error where a row that was asked for is not there.
    pub fn finish(&mut self, file: &str, ids: &str) -> anyhow::Result<()> {
        if let Some((id, _)) = self.asked.iter().find(|(_, (_, found))| found.is_none()) {
            let rows = self.rows;
            return Err(input_error!("--rows {id}: {file} has no such row; it has {rows} rows, {ids}"));
        }
        let number = |account: &Account, place: usize| match account.cells[place] {
            Cell::Number(value) => Some(value),
            Cell::Level(_) | Cell::Unmet(_) | Cell::Missing => None,
        };
        for (place, feature) in self.features.iter_mut().enumerate() {
            feature.few(self.sample.iter().filter_map(|account| number(account, place)));
        }
        Ok(())
    }

    /// The asked accounts in the asked order, else the ends of the ranking by what is called `score`, highest first; with a heading.
    pub fn accounts(&self, score: &str) -> Vec<(String, Vec<&Account>)> {
        if !self.asked.is_empty() {
            let mut found: Vec<&(usize, Option<Account>)> = self.asked.values().collect();
            found.sort_by_key(|(place, _)| *place);
            return vec![(
                "Accounts asked for".to_string(),
                found.iter().filter_map(|(_, found)| found.as_ref()).collect(),
            )];
        }
        // Of few rows each is shown once.
        let lowest = self.lowest.iter().take(self.rows.saturating_sub(self.highest.len()));
        vec![
            (format!("Highest {score}"), self.highest.iter().collect()),
            (format!("Lowest {score}"), lowest.collect::<Vec<_>>()),
        ]
    }

    fn tally(&mut self, row: &[f32], contributions: &[f64]) {
        for ((tally, value), &contribution) in self.tallies.iter_mut().zip(row).zip(contributions) {
            tally.absolute += contribution.abs();
            if value.is_nan() {
                tally.missing.add(contribution);
            } else if let Some(level) = tally.levels.get_mut(*value as usize) {
                level.add(contribution);
            }
        }
    }

    fn draw(&mut self, part: &Part, row: usize) {
        if self.sample.len() < SAMPLE {
            return self.sample.push(part.account(row));
        }
        let place = self.draws.random_range(0..=self.rows);
        if place < SAMPLE {
            self.sample[place] = part.account(row);
        }
    }

    /// Among equal uplifts the first row stays.
    fn rank(&mut self, part: &Part, row: usize) {
        let uplift = part.found.score[row];
        for (ends, sign) in [(&mut self.highest, 1.0), (&mut self.lowest, -1.0)] {
            let place = ends.partition_point(|account| sign * account.uplift >= sign * uplift);
            if place < ENDS {
                ends.insert(place, part.account(row));
                ends.truncate(ENDS);
            }
        }
    }
}
