//! What a model says of rows.

use super::law::{Intervals, OutcomeLaw};
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
    /// The law of each arm's outcome, from heads that have one, where a scorer was asked. It is not kept with a run: a column per
    /// bucket and row is more than all else.
    pub law: Option<Arms<OutcomeLaw>>,
    /// Intervals of what rows without a treatment are worth, where they were asked for.
    pub intervals: Option<Intervals>,
}

/// Which columns a model's scores have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScoreColumns {
    /// What the model answers.
    pub question: Question,
    /// Whether it has conversions.
    pub converts: bool,
    /// How many buckets its law has; 0 where it has none.
    pub buckets: usize,
    /// Whether there are intervals.
    pub intervals: bool,
}

impl ScoreColumns {
    /// Their names, in the order of [`Predictions::into_scores`].
    pub fn names(self) -> Vec<String> {
        let plain = Predictions::names(self.question, self.converts).iter().map(ToString::to_string);
        let arms: &[&str] = match self.question {
            Question::Uplift => &["_control", "_treated"],
            Question::Value => &[""],
        };
        let shares =
            arms.iter().flat_map(|arm| (1..=self.buckets).map(move |bucket| format!("bucket{bucket}{arm}")));
        let ends = ["value_low", "value_high"].into_iter().filter(|_| self.intervals).map(String::from);
        plain.chain(shares).chain(ends).collect()
    }
}

impl Predictions {
    /// Of no rows.
    pub fn none(question: Question) -> Self {
        let expected = match question {
            Question::Uplift => Arms::Two { control: Vec::new(), treated: Vec::new() },
            Question::Value => Arms::One(Vec::new()),
        };
        Self { score: Vec::new(), expected, conversion: None, law: None, intervals: None }
    }

    /// Those whose score follows from the expectations: the difference of two, or the only one.
    pub fn new(expected: Arms<Vec<f32>>, conversion: Option<Arms<Vec<f32>>>) -> Self {
        let mut predictions = Self { score: Vec::new(), expected, conversion, law: None, intervals: None };
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
        let laws = self.law.as_mut().zip(more.law).and_then(|(to, more)| to.as_mut().zip(more));
        laws.into_iter().flat_map(Arms::into_vec).for_each(|(to, more)| to.append(more));
        if let (Some(to), Some(more)) = (&mut self.intervals, more.intervals) {
            to.append(more);
        }
    }

    /// Makes intervals of the law at a level in (0, 1), where there is a law and one arm: the law of a difference between arms is
    /// not known.
    pub fn add_intervals(&mut self, level: f64) {
        if let (Some(Arms::One(law)), Some(Arms::One(conversion))) = (&self.law, &self.conversion) {
            self.intervals = Some(law.intervals(conversion, level));
        }
    }

    /// What is kept of some rows, by their place.
    #[must_use]
    pub fn select(&self, places: &[u32]) -> Self {
        let take =
            |values: &Vec<f32>| places.iter().map(|place| values[*place as usize]).collect::<Vec<f32>>();
        Self {
            score: take(&self.score),
            expected: self.expected.as_ref().map(take),
            conversion: self.conversion.as_ref().map(|conversion| conversion.as_ref().map(take)),
            law: None,
            intervals: self.intervals.as_ref().map(|intervals| intervals.select(places)),
        }
    }

    /// Whether the last rows of `whole` are these, bit by bit.
    pub(crate) fn is_end_of(&self, whole: &Self) -> bool {
        let end = |(part, whole): (&[f32], &[f32])| {
            let whole = &whole[whole.len() - part.len()..];
            part.iter().zip(whole).all(|(part, whole)| part.to_bits() == whole.to_bits())
        };
        let columns = self.columns().into_iter().zip(whole.columns());
        let laws = self.laws().into_iter().zip(whole.laws());
        columns.map(|((_, part), (_, whole))| (part, whole)).chain(laws).all(end)
    }

    fn laws(&self) -> Vec<&[f32]> {
        let laws = self.law.iter().flat_map(|law| law.as_ref().into_vec());
        laws.flat_map(OutcomeLaw::columns).collect()
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
        let intervals =
            self.intervals.iter().flat_map(|found| Intervals::NAMES.into_iter().zip(found.columns()));
        names.iter().copied().zip(values).chain(intervals).collect()
    }

    /// The columns of a file of scores, named by [`ScoreColumns`].
    pub fn into_scores(self) -> Vec<Vec<f32>> {
        let mut values = vec![self.score];
        if let Arms::Two { control, treated } = self.expected {
            values.extend([control, treated]);
        }
        values.extend(self.conversion.into_iter().flat_map(Arms::into_vec));
        let laws = self.law.iter().flat_map(|law| law.as_ref().into_vec());
        values.extend(laws.flat_map(|law| law.shares().iter().cloned()));
        values.extend(self.intervals.into_iter().flat_map(|found| [found.low, found.high]));
        values
    }

    /// From columns that `column` finds by name; one that is optional may be absent. `level` is that of their intervals, where they
    /// were kept.
    ///
    /// # Errors
    ///
    /// Those of `column`, and a column that is absent and needed.
    pub fn from_columns(
        question: Question,
        level: Option<f64>,
        mut column: impl FnMut(&str) -> anyhow::Result<Option<Vec<f32>>>,
    ) -> anyhow::Result<Self> {
        let [plain, all] = [false, true].map(|converts| Self::names(question, converts));
        let mut needed =
            |name: &str| column(name)?.ok_or_else(|| anyhow::anyhow!("column '{name}' is missing"));
        let found: Vec<Vec<f32>> = plain.iter().map(|name| needed(name)).collect::<anyhow::Result<_>>()?;
        let conversions: Vec<Option<Vec<f32>>> =
            all[plain.len()..].iter().map(|name| column(name)).collect::<anyhow::Result<_>>()?;
        let intervals = level.map(|level| intervals(level, &mut column)).transpose()?.flatten();
        let mut found = found.into_iter();
        let (score, mut conversions) = (found.next().unwrap_or_default(), conversions.into_iter());
        let mut conversion = || conversions.next().flatten();
        Ok(match question {
            Question::Uplift => {
                let mut next = || found.next().unwrap_or_default();
                let expected = Arms::Two { control: next(), treated: next() };
                let conversion = Arms::Two { control: conversion(), treated: conversion() }.transpose();
                Self { score, expected, conversion, law: None, intervals }
            }
            Question::Value => {
                let conversion = conversion().map(Arms::One);
                Self { expected: Arms::One(score.clone()), score, conversion, law: None, intervals }
            }
        })
    }
}

/// Those that were kept: all of their columns or none.
fn intervals(
    level: f64,
    column: &mut impl FnMut(&str) -> anyhow::Result<Option<Vec<f32>>>,
) -> anyhow::Result<Option<Intervals>> {
    let mut found = Vec::new();
    for name in Intervals::NAMES {
        found.push(column(name)?);
    }
    let found: Option<Vec<Vec<f32>>> = found.into_iter().collect();
    let columns = found.and_then(|found| <[Vec<f32>; 4]>::try_from(found).ok());
    Ok(columns.map(|[low, high, mean, sd]| Intervals { level, low, high, mean, sd }))
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
            let found = Predictions::from_columns(said.question(), None, |name| {
                let found = columns.iter().find(|(other, _)| *other == name);
                Ok(found.map(|(_, values)| values.to_vec()))
            });
            assert_eq!(found.unwrap(), said);
            let kept: Vec<&[f32]> = columns.iter().map(|(_, values)| *values).collect();
            assert_eq!(said.clone().into_scores(), kept);
        }
        let nothing = Predictions::from_columns(Question::Uplift, None, |_| Ok(None)).unwrap_err();
        assert!(nothing.to_string().contains("'uplift' is missing"));
    }

    #[test]
    fn scores_have_a_column_per_bucket_and_two_of_an_interval() {
        use crate::evaluation::BucketEdges;
        let law = |shares: [f32; 2]| OutcomeLaw::Buckets {
            edges: BucketEdges { upper: vec![1e-6], zeros: true },
            shares: shares.map(|share| vec![share]).to_vec(),
            means: vec![vec![0.0], vec![5.0]],
        };
        let one = Arms::One(vec![2.0]);
        let said = Predictions {
            law: Some(Arms::One(law([0.6, 0.4]))),
            ..Predictions::new(one, Some(Arms::One(vec![0.4])))
        };
        let columns =
            ScoreColumns { question: Question::Value, converts: true, buckets: 2, intervals: false };
        assert_eq!(columns.names(), ["value", "conversion", "bucket1", "bucket2"]);
        assert_eq!(said.clone().into_scores(), [[2.0], [0.4], [0.6], [0.4]]);
        assert_eq!(said.columns().len(), 2, "the law is not kept");
        let mut twice = said.clone();
        twice.append(said.clone());
        assert_eq!(twice.clone().into_scores()[3], [0.4, 0.4]);
        twice.add_intervals(0.5);
        twice.law = None;
        let kept = twice.columns();
        let names: Vec<&str> = kept.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["value", "conversion", "low", "high", "law_mean", "law_sd"]);
        let find =
            |name: &str| kept.iter().find(|(other, _)| *other == name).map(|(_, values)| values.to_vec());
        let again = Predictions::from_columns(Question::Value, Some(0.5), |name| Ok(find(name))).unwrap();
        assert_eq!(again, twice);
        let without = Predictions::from_columns(Question::Value, None, |name| Ok(find(name))).unwrap();
        assert!(without.intervals.is_none());
        let columns = ScoreColumns { question: Question::Value, converts: true, buckets: 0, intervals: true };
        assert_eq!(columns.names().len(), again.into_scores().len());
        let two = ScoreColumns { question: Question::Uplift, converts: false, buckets: 2, intervals: false };
        let buckets = ["bucket1_control", "bucket2_control", "bucket1_treated", "bucket2_treated"];
        assert_eq!(two.names()[3..], buckets);
    }
}
