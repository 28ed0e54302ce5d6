//! What a model says of rows.

use valor_base::question::{Arms, Question};

/// What a model says of each row. Outcome units; one entry per row.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// What rows are ranked by: `tau_hat(x)`, or what the row is worth where there is no treatment.
    pub score: Vec<f32>,
    /// `E[Y | x]` of each arm.
    pub expected: Arms<Vec<f32>>,
    /// `P(Y > 0 | x)` of each arm, from heads that have it.
    pub conversion: Option<Arms<Vec<f32>>>,
}

impl Predictions {
    /// Of no rows.
    pub fn none(question: Question) -> Self {
        let expected = match question {
            Question::Uplift => Arms::Two { control: Vec::new(), treated: Vec::new() },
            Question::Value => Arms::One(Vec::new()),
        };
        Self { score: Vec::new(), expected, conversion: None }
    }

    /// Those whose score follows from the expectations: the difference of two, or the only one.
    pub fn new(expected: Arms<Vec<f32>>, conversion: Option<Arms<Vec<f32>>>) -> Self {
        let mut predictions = Self { score: Vec::new(), expected, conversion };
        predictions.rank();
        predictions
    }

    /// Makes the score of the expectations.
    pub fn rank(&mut self) {
        self.score = match &self.expected {
            Arms::One(expected) => expected.clone(),
            Arms::Two { control, treated } => {
                treated.iter().zip(control).map(|(treated, control)| treated - control).collect()
            }
        };
    }

    /// Adds what is said of more rows. All that `more` has, these have as well, or are of no rows.
    pub fn append(&mut self, more: Self) {
        if self.score.is_empty() {
            *self = more;
            return;
        }
        let extend = |to: &mut Arms<Vec<f32>>, more: Arms<Vec<f32>>| {
            if let Some(pairs) = to.as_mut().zip(more) {
                pairs.map(|(to, more)| to.extend(more));
            }
        };
        self.score.extend(more.score);
        extend(&mut self.expected, more.expected);
        if let (Some(to), Some(more)) = (&mut self.conversion, more.conversion) {
            extend(to, more);
        }
    }

    /// Whether the last rows of `whole` are these, bit by bit.
    pub(crate) fn is_end_of(&self, whole: &Self) -> bool {
        let end = |(part, whole): (&[f32], &[f32])| {
            let whole = &whole[whole.len() - part.len()..];
            part.iter().zip(whole).all(|(part, whole)| part.to_bits() == whole.to_bits())
        };
        let columns = self.columns().into_iter().zip(whole.columns());
        columns.map(|((_, part), (_, whole))| (part, whole)).all(end)
    }

    /// What rows like these are asked.
    pub fn question(&self) -> Question {
        self.expected.question()
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.score.len()
    }

    /// Names of the columns that a model gives, in the order of [`Predictions::columns`].
    pub fn names(question: Question, converts: bool) -> &'static [&'static str] {
        const UPLIFT: [&str; 5] =
            ["uplift", "expected_control", "expected_treated", "conversion_control", "conversion_treated"];
        const VALUE: [&str; 2] = ["value", "conversion"];
        match (question, converts) {
            (Question::Uplift, true) => &UPLIFT,
            (Question::Uplift, false) => &UPLIFT[..3],
            (Question::Value, true) => &VALUE,
            (Question::Value, false) => &VALUE[..1],
        }
    }

    /// Names and values as every file of predictions has them. The value of rows of one arm is what is expected of them, and
    /// stands there once.
    pub fn columns(&self) -> Vec<(&'static str, &[f32])> {
        let names = Self::names(self.question(), self.conversion.is_some());
        let mut values = vec![self.score.as_slice()];
        if let Arms::Two { control, treated } = &self.expected {
            values.extend([control.as_slice(), treated]);
        }
        let conversions = self.conversion.iter().flat_map(Arms::named);
        values.extend(conversions.map(|(_, column)| column.as_slice()));
        names.iter().copied().zip(values).collect()
    }

    /// The same without their names, to be kept.
    pub fn into_columns(self) -> Vec<Vec<f32>> {
        let mut values = vec![self.score];
        if let Arms::Two { control, treated } = self.expected {
            values.extend([control, treated]);
        }
        values.extend(self.conversion.into_iter().flat_map(Arms::into_vec));
        values
    }

    /// From columns that `column` finds by name; one that is optional may be absent.
    ///
    /// # Errors
    ///
    /// Those of `column`, and a column that is absent and needed.
    pub fn from_columns(
        question: Question,
        mut column: impl FnMut(&str) -> anyhow::Result<Option<Vec<f32>>>,
    ) -> anyhow::Result<Self> {
        let [plain, all] = [false, true].map(|converts| Self::names(question, converts));
        let mut needed =
            |name: &str| column(name)?.ok_or_else(|| anyhow::anyhow!("column '{name}' is missing"));
        let found: Vec<Vec<f32>> = plain.iter().map(|name| needed(name)).collect::<anyhow::Result<_>>()?;
        let conversions: Vec<Option<Vec<f32>>> =
            all[plain.len()..].iter().map(|name| column(name)).collect::<anyhow::Result<_>>()?;
        let mut found = found.into_iter();
        let (score, mut conversions) = (found.next().unwrap_or_default(), conversions.into_iter());
        let mut conversion = || conversions.next().flatten();
        Ok(match question {
            Question::Uplift => {
                let mut next = || found.next().unwrap_or_default();
                let expected = Arms::Two { control: next(), treated: next() };
                let conversion = Arms::Two { control: conversion(), treated: conversion() }.transpose();
                Self { score, expected, conversion }
            }
            Question::Value => {
                let conversion = conversion().map(Arms::One);
                Self { expected: Arms::One(score.clone()), score, conversion }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_back_whatever_the_question() {
        let column = |shift: f32| vec![1.0 + shift, 2.5 - shift];
        let two = |shift: f32| Arms::Two { control: column(shift), treated: column(2.0 * shift) };
        for (expected, conversion) in [
            (two(1.0), None),
            (two(1.0), Some(two(0.1))),
            (Arms::One(column(3.0)), None),
            (Arms::One(column(3.0)), Some(Arms::One(column(0.2)))),
        ] {
            let said = Predictions::new(expected, conversion);
            let columns = said.columns();
            assert_eq!(columns.len(), Predictions::names(said.question(), said.conversion.is_some()).len());
            let found = Predictions::from_columns(said.question(), |name| {
                let found = columns.iter().find(|(other, _)| *other == name);
                Ok(found.map(|(_, values)| values.to_vec()))
            });
            assert_eq!(found.unwrap(), said);
            let kept: Vec<&[f32]> = columns.iter().map(|(_, values)| *values).collect();
            assert_eq!(said.clone().into_columns(), kept);
        }
        let nothing = Predictions::from_columns(Question::Uplift, |_| Ok(None)).unwrap_err();
        assert!(nothing.to_string().contains("'uplift' is missing"));
    }
}
