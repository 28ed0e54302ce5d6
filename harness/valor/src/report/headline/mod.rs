//! What a report says first, in words and strings.

mod summary;
mod table;
#[cfg(test)]
mod tests;
mod words;

pub(super) use summary::HeadlineSummary;
pub(super) use table::{StandingTable, StepTable, direction, references};
pub(super) use words::{decimals, rests_on};

use serde::Serialize;
use valor_analysis::Analysis;

/// The headline as the page and Markdown print it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct HeadlineText {
    /// The answer, sentence by sentence.
    pub answer: Vec<String>,
    /// How many claims there are.
    pub claims: usize,
    /// Verdicts and how many claims have them.
    pub tally: Vec<(String, usize)>,
    /// What ranking by expected spend alone scores.
    pub spend: Vec<String>,
    /// The table.
    pub table: StandingTable,
    /// What components add.
    pub steps: Option<StepTable>,
}

impl HeadlineText {
    /// That of an analysis.
    pub(super) fn new(analysis: &Analysis) -> Self {
        Self {
            answer: words::answer(analysis),
            claims: analysis.claims.len(),
            tally: words::tally(analysis),
            spend: words::spend(analysis),
            table: StandingTable::new(analysis),
            steps: StepTable::new(analysis),
        }
    }
}
