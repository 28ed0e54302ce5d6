//! The rows that models are judged on.

use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// Which rows models are judged on: some of those at hand, or others of the same world.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields, expecting = "expected a share of the rows, or {\"rows\": so many}")]
pub enum Evaluation {
    /// This share of the rows at hand, held out; in (0, 1).
    Share(f64),
    /// So many fresh rows, 1 or more: of the same world, from streams of their own, none of them among the rows at hand, which
    /// are all learned from. The first of them are the same however many there are.
    Fresh {
        /// How many.
        rows: usize,
    },
}

/// Of the paper: a fifth.
impl Default for Evaluation {
    fn default() -> Self {
        Self::Share(0.2)
    }
}

impl Evaluation {
    /// Share of the rows at hand that is held out, in [0, 1).
    pub fn share(self) -> f64 {
        match self {
            Self::Share(share) => share,
            Self::Fresh { .. } => 0.0,
        }
    }

    /// What a reader of a table of these rows is told, where it is not what everybody expects.
    pub fn note(self) -> Option<String> {
        match self {
            Self::Share(_) => None,
            Self::Fresh { rows } => Some(format!(
                "judged on {rows} fresh rows of the same world, none of them among those to learn from"
            )),
        }
    }

    /// Refuses a share or a number out of range, naming the key.
    pub fn validate(self) -> anyhow::Result<()> {
        match self {
            Self::Share(share) if share > 0.0 && share < 1.0 => Ok(()),
            Self::Share(share) => {
                Err(input_error!("split: test = {share}: allowed are numbers above 0 and below 1"))
            }
            Self::Fresh { rows } => super::validate_count("evaluation", "rows", rows, u32::MAX as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_written_as_the_number_that_it_always_was() {
        let written = |evaluation| serde_json::to_string(&evaluation).unwrap();
        assert_eq!(written(Evaluation::default()), "0.2");
        assert_eq!(written(Evaluation::Fresh { rows: 5 }), r#"{"rows":5}"#);
        for evaluation in [Evaluation::Share(0.3), Evaluation::Fresh { rows: 7 }] {
            assert_eq!(serde_json::from_str::<Evaluation>(&written(evaluation)).unwrap(), evaluation);
        }
        let error = serde_json::from_str::<Evaluation>(r#"{"rows": 5, "seed": 1}"#).unwrap_err();
        assert!(error.to_string().contains("expected a share"), "{error}");
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_its_key() {
        for (evaluation, words) in [
            (Evaluation::Share(1.0), "split: test = 1: allowed are numbers above 0 and below 1"),
            (
                Evaluation::Fresh { rows: 0 },
                "evaluation: rows = 0: allowed are whole numbers from 1 to 4294967295",
            ),
        ] {
            let error = evaluation.validate().unwrap_err();
            assert!(valor_base::error::is_input(&error) && error.to_string() == words, "{error}");
        }
    }
}
