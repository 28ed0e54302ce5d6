//! The rows that models are judged on.

use valor_base::question::{Arms, Question};
use valor_data::propensity::Propensity;
use valor_data::{Dataset, Matrix, Treatment};
use valor_stats::metrics::ScoredRows;

/// The rows that models are judged on, shared by all runs of one dataset and split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluationRows {
    /// Row number in the dataset.
    pub row: Vec<u32>,
    /// Who was treated, and how likely it was: as known, else as estimated on the training rows. Absent where there is no
    /// treatment.
    pub treatment: Option<Treatment>,
    /// What they spent.
    pub outcome: Vec<f64>,
    /// True effect, else absent.
    pub effect: Option<Vec<f64>>,
    /// True `E[Y | x]` of each arm, else absent.
    pub expected: Option<Arms<Vec<f64>>>,
}

/// Values of a column of evaluation rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Column<'a> {
    /// Row numbers.
    Rows(&'a [u32]),
    /// Who was treated.
    Flags(&'a [bool]),
    /// Amounts and probabilities.
    Doubles(&'a [f64]),
}

impl EvaluationRows {
    /// The given rows of a dataset.
    pub fn of(dataset: &Dataset, rows: &[u32]) -> Self {
        let take = |values: &Vec<f64>| rows.iter().map(|&row| values[row as usize]).collect::<Vec<f64>>();
        let truth = dataset.truth.as_ref();
        Self {
            row: rows.to_vec(),
            treatment: dataset.treatment.as_ref().map(|treatment| treatment.select(rows)),
            outcome: take(&dataset.outcome),
            effect: truth.and_then(|truth| truth.effect.as_ref()).map(take),
            expected: truth
                .and_then(|truth| truth.expected.as_ref())
                .map(|expected| expected.as_ref().map(take)),
        }
    }

    /// Some of these rows, by their place among them, with all that is known.
    pub fn select(&self, places: &[u32]) -> Self {
        let take =
            |values: &Vec<f64>| places.iter().map(|&place| values[place as usize]).collect::<Vec<f64>>();
        Self {
            row: places.iter().map(|&place| self.row[place as usize]).collect(),
            treatment: self.treatment.as_ref().map(|treatment| treatment.select(places)),
            outcome: take(&self.outcome),
            effect: self.effect.as_ref().map(take),
            expected: self.expected.as_ref().map(|expected| expected.as_ref().map(take)),
        }
    }

    /// What happened in some of these rows, by their place among them; without what is known or estimated besides.
    pub fn observed(&self, places: &[u32]) -> Self {
        let treated = self.treatment.as_ref().map(|treatment| {
            let assigned = places.iter().map(|&place| treatment.assigned[place as usize]);
            Treatment::from(assigned.collect::<Vec<bool>>())
        });
        Self {
            row: places.iter().map(|&place| self.row[place as usize]).collect(),
            treatment: treated,
            outcome: places.iter().map(|&place| self.outcome[place as usize]).collect(),
            ..Self::default()
        }
    }

    /// What these rows are asked.
    pub fn question(&self) -> Question {
        match self.treatment {
            Some(_) => Question::Uplift,
            None => Question::Value,
        }
    }

    /// True `E[Y | x]` of rows without a treatment, where it is known.
    pub fn worth(&self) -> Option<&[f64]> {
        self.expected.as_ref()?.only().map(Vec::as_slice)
    }

    /// A ranking of these rows by any score, ready to be judged.
    pub fn judged<'a>(&'a self, score: &'a [f64]) -> ScoredRows<'a> {
        match &self.treatment {
            Some(treatment) => ScoredRows {
                propensity: treatment.propensity.as_deref(),
                effect: self.effect.as_deref(),
                expected_control: self.expected.as_ref().and_then(Arms::control).map(Vec::as_slice),
                ..ScoredRows::new(score, &treatment.assigned, &self.outcome)
            },
            None => {
                ScoredRows { expected: self.worth(), ..ScoredRows::of_values(score, &self.outcome, None) }
            }
        }
    }

    /// Names and values of what is known, as every file of rows has them.
    pub fn columns(&self) -> Vec<(&'static str, Column<'_>)> {
        let mut columns = vec![("row", Column::Rows(&self.row))];
        let treatment = self.treatment.as_ref();
        columns.extend(treatment.map(|treatment| ("treatment", Column::Flags(&treatment.assigned))));
        let propensity = treatment.and_then(|treatment| treatment.propensity.as_ref());
        let known =
            [("outcome", Some(&self.outcome)), ("propensity", propensity), ("effect", self.effect.as_ref())];
        let expected = self.expected.iter().flat_map(|expected| {
            expected.named().map(|(arm, values)| match arm {
                Some("control") => ("expected_control", Some(values)),
                Some(_) => ("expected_treated", Some(values)),
                None => ("expected", Some(values)),
            })
        });
        let known = known.into_iter().chain(expected);
        columns.extend(known.filter_map(|(name, values)| Some((name, Column::Doubles(values?)))));
        columns
    }

    /// BLAKE3 of the rows, as 64 hex digits: per column that is known its name, a zero byte, and its values in little-endian.
    /// Another version of a file format changes nothing.
    pub fn content(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, column) in self.columns() {
            let bytes: Vec<u8> = match column {
                Column::Rows(values) => values.iter().flat_map(|row| row.to_le_bytes()).collect(),
                Column::Flags(values) => values.iter().map(|&flag| u8::from(flag)).collect(),
                Column::Doubles(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            };
            hasher.update(name.as_bytes()).update(&[0]).update(&bytes);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// `P(T = 1 | x)` of the rows `asked`, by logistic regression on the training rows: for weighted metrics where nobody knows it.
/// `features` are encoded as networks see them.
pub fn estimated_propensity(features: &Matrix, treatment: &[bool], train: &[u32], asked: &[u32]) -> Vec<f64> {
    Propensity::fit(features, treatment, train).predict(features, asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the columns that rows of any question may have.
    const NAMES: [&str; 8] = [
        "row",
        "treatment",
        "outcome",
        "propensity",
        "effect",
        "expected_control",
        "expected_treated",
        "expected",
    ];

    #[test]
    fn the_content_of_rows_is_a_hash_of_every_value_and_of_which_columns_are_known() {
        let rows = EvaluationRows {
            row: vec![1, 2],
            treatment: Some(Treatment::default()),
            outcome: vec![0.5, 1.0],
            ..EvaluationRows::default()
        };
        // b3sum of the names and values, as docs/reference/results.md spells them.
        let bytes = [
            b"row\0".as_slice(),
            &[1, 0, 0, 0, 2, 0, 0, 0],
            b"treatment\0outcome\0",
            &0.5f64.to_le_bytes(),
            &1.0f64.to_le_bytes(),
        ];
        assert_eq!(rows.content(), blake3::hash(&bytes.concat()).to_hex().to_string());
        let treated = |propensity| Some(Treatment { assigned: vec![true, false], propensity });
        let others = [
            EvaluationRows { effect: Some(vec![0.5, 1.0]), ..rows.clone() },
            EvaluationRows { treatment: treated(Some(vec![0.5, 1.0])), ..rows.clone() },
            EvaluationRows { outcome: vec![1.0, 0.5], ..rows.clone() },
            EvaluationRows { treatment: treated(None), ..rows.clone() },
            EvaluationRows { treatment: None, ..rows.clone() },
            EvaluationRows { treatment: None, expected: Some(Arms::One(vec![0.5, 1.0])), ..rows.clone() },
        ];
        let different: std::collections::BTreeSet<String> =
            others.iter().chain([&rows]).map(EvaluationRows::content).collect();
        assert_eq!(different.len(), 7);
        let two = Arms::Two { control: vec![1.0], treated: vec![2.0] };
        for rows in others.iter().chain([&EvaluationRows { expected: Some(two), ..rows.clone() }]) {
            assert!(rows.columns().iter().all(|(name, _)| NAMES.contains(name)));
        }
    }
}
