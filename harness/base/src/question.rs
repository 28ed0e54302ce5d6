//! What is asked of rows, and one value per arm of the treatment.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a dataset can be asked, and so what its methods predict and which metrics judge them.
///
/// It follows from the rows: those with a treatment are asked who gains by it, those without one what each is worth. Nothing
/// else decides it, so no file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// `E[Y_1 | x] - E[Y_0 | x]`: who spends more because of the treatment.
    Uplift,
    /// `E[Y | x]`: what each row is worth; there is one arm and no treatment.
    Value,
}

impl Question {
    /// What rows are ranked by: the name of the score's column.
    pub fn score(self) -> &'static str {
        match self {
            Question::Uplift => "uplift",
            Question::Value => "value",
        }
    }

    /// What its rows have, for messages.
    pub fn rows(self) -> &'static str {
        match self {
            Question::Uplift => "rows with a treatment",
            Question::Value => "rows without a treatment",
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(match self {
            Question::Uplift => "uplift",
            Question::Value => "value",
        })
    }
}

/// One value per arm: of the only arm, or of control and treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arms<T> {
    /// There is no treatment.
    One(T),
    /// There is one treatment.
    Two {
        /// Without treatment.
        control: T,
        /// With treatment.
        treated: T,
    },
}

impl<T> Arms<T> {
    /// What rows with these arms are asked.
    pub fn question(&self) -> Question {
        match self {
            Arms::One(_) => Question::Value,
            Arms::Two { .. } => Question::Uplift,
        }
    }

    /// The same of references.
    pub fn as_ref(&self) -> Arms<&T> {
        match self {
            Arms::One(only) => Arms::One(only),
            Arms::Two { control, treated } => Arms::Two { control, treated },
        }
    }

    /// The same of mutable references.
    pub fn as_mut(&mut self) -> Arms<&mut T> {
        match self {
            Arms::One(only) => Arms::One(only),
            Arms::Two { control, treated } => Arms::Two { control, treated },
        }
    }

    /// A function of each arm's value; control first.
    pub fn map<U>(self, mut apply: impl FnMut(T) -> U) -> Arms<U> {
        match self {
            Arms::One(only) => Arms::One(apply(only)),
            Arms::Two { control, treated } => Arms::Two { control: apply(control), treated: apply(treated) },
        }
    }

    /// A pair per arm; nothing where the arms are others.
    pub fn zip<U>(self, other: Arms<U>) -> Option<Arms<(T, U)>> {
        match (self, other) {
            (Arms::One(ours), Arms::One(theirs)) => Some(Arms::One((ours, theirs))),
            (
                Arms::Two { control, treated },
                Arms::Two { control: other_control, treated: other_treated },
            ) => Some(Arms::Two { control: (control, other_control), treated: (treated, other_treated) }),
            (Arms::One(_), Arms::Two { .. }) | (Arms::Two { .. }, Arms::One(_)) => None,
        }
    }

    /// Control and treated; nothing where there is one arm.
    pub fn two(&self) -> Option<(&T, &T)> {
        match self {
            Arms::One(_) => None,
            Arms::Two { control, treated } => Some((control, treated)),
        }
    }

    /// The only one; nothing where there are two.
    pub fn only(&self) -> Option<&T> {
        match self {
            Arms::One(only) => Some(only),
            Arms::Two { .. } => None,
        }
    }

    /// Without treatment; nothing where there is one arm.
    pub fn control(&self) -> Option<&T> {
        self.two().map(|(control, _)| control)
    }

    /// With treatment; nothing where there is one arm.
    pub fn treated(&self) -> Option<&T> {
        self.two().map(|(_, treated)| treated)
    }

    /// Control and treated, or the only one.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Arms::One(only) => vec![only],
            Arms::Two { control, treated } => vec![control, treated],
        }
    }

    /// Each arm's name and value, control first. The only arm has no name.
    pub fn named(&self) -> impl Iterator<Item = (Option<&'static str>, &T)> {
        let (first, second) = match self {
            Arms::One(only) => ((None, only), None),
            Arms::Two { control, treated } => ((Some("control"), control), Some((Some("treated"), treated))),
        };
        std::iter::once(first).chain(second)
    }
}

impl<T> Arms<Option<T>> {
    /// All arms' values, or nothing where one lacks its own.
    pub fn transpose(self) -> Option<Arms<T>> {
        match self {
            Arms::One(only) => only.map(Arms::One),
            Arms::Two { control, treated } => {
                control.zip(treated).map(|(control, treated)| Arms::Two { control, treated })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_keep_their_question_through_every_change() {
        let two = Arms::Two { control: 1, treated: 2 };
        assert_eq!(two.map(|value| value * 10), Arms::Two { control: 10, treated: 20 });
        assert_eq!((two.question(), Arms::One(1).question()), (Question::Uplift, Question::Value));
        assert_eq!(two.zip(Arms::One(1)), None);
        assert_eq!(Arms::Two { control: Some(1), treated: None }.transpose(), None);
        let names: Vec<_> = two.named().collect();
        assert_eq!(names, [(Some("control"), &1), (Some("treated"), &2)]);
        assert_eq!(Arms::One(3).named().collect::<Vec<_>>(), [(None, &3)]);
    }
}
