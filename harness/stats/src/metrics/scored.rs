//! What a model is judged on: checked, then brought into ranked order once.

use super::buckets::Buckets;
use super::ranking::Ranking;
use super::row_intervals::{RankedIntervals, RowIntervals};
use super::sweep::{Step, Sweep};
use std::sync::OnceLock;
use valor_base::input_error;
use valor_base::question::Question;

/// Outcomes whose distance from 0 is more than so many times their range are measured from the one nearest to 0.
const FAR: f64 = 100.0;
/// Larger numbers cannot be squared and summed.
const LARGEST: f64 = 1e100;

/// One model's scores beside what happened, one entry per row. Outcome units unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct ScoredRows<'a> {
    /// What rows are ranked by; any unit, higher is called first.
    pub score: &'a [f64],
    /// Who was treated; absent where there is no treatment.
    pub treatment: Option<&'a [bool]>,
    /// What they spent.
    pub outcome: &'a [f64],
    /// `P(T = 1 | x)`, known or estimated; inside (0, 1).
    pub propensity: Option<&'a [f64]>,
    /// True effect.
    pub effect: Option<&'a [f64]>,
    /// True `E[Y_0 | x]`.
    pub expected_control: Option<&'a [f64]>,
    /// The model's uplift, where it has outcome units.
    pub predicted_uplift: Option<&'a [f64]>,
    /// The model's `E[Y_0 | x]`.
    pub predicted_control: Option<&'a [f64]>,
    /// The model's `E[Y_1 | x]`.
    pub predicted_treated: Option<&'a [f64]>,
    /// The model's `E[Y | x]`, where there is no treatment.
    pub predicted_value: Option<&'a [f64]>,
    /// True `E[Y | x]`, where there is no treatment.
    pub expected: Option<&'a [f64]>,
    /// Where outcomes are parted, of the rows that were learned from.
    pub buckets: Option<&'a Buckets>,
    /// The model's intervals of what rows are worth, where it gave any.
    pub intervals: Option<RowIntervals<'a>>,
}

impl<'a> ScoredRows<'a> {
    /// Scores, treatment and outcome alone; set the optional fields after.
    pub fn new(score: &'a [f64], treatment: &'a [bool], outcome: &'a [f64]) -> Self {
        Self { treatment: Some(treatment), ..Self::of_values(score, outcome, None) }
    }

    /// What rows are said to be worth beside what they were worth; there is no treatment.
    pub fn of_values(score: &'a [f64], outcome: &'a [f64], predicted: Option<&'a [f64]>) -> Self {
        Self {
            score,
            treatment: None,
            outcome,
            propensity: None,
            effect: None,
            expected_control: None,
            predicted_uplift: None,
            predicted_control: None,
            predicted_treated: None,
            predicted_value: predicted,
            expected: None,
            buckets: None,
            intervals: None,
        }
    }

    /// What these rows are asked.
    pub fn question(&self) -> Question {
        if self.treatment.is_some() { Question::Uplift } else { Question::Value }
    }

    fn optional(&self) -> [(&'static str, Option<&'a [f64]>); 8] {
        [
            ("propensity", self.propensity),
            ("effect", self.effect),
            ("expected_control", self.expected_control),
            ("predicted_uplift", self.predicted_uplift),
            ("predicted_control", self.predicted_control),
            ("predicted_treated", self.predicted_treated),
            ("predicted_value", self.predicted_value),
            ("expected", self.expected),
        ]
    }

    fn check(&self) -> anyhow::Result<()> {
        let rows = self.score.len();
        if rows < 2 {
            let what = if rows == 1 { "row" } else { "rows" };
            return Err(input_error!("{rows} {what} to judge: at least 2 are needed"));
        }
        self.treatment.map_or(Ok(()), |treatment| check_arms(treatment, rows))?;
        check_column("score", self.score, rows)?;
        check_column("outcome", self.outcome, rows)?;
        check_size("outcome", self.outcome)?;
        for (name, column) in self.optional() {
            column.map_or(Ok(()), |column| check_column(name, column, rows))?;
            check_size(name, column.unwrap_or_default())?;
        }
        self.intervals.map_or(Ok(()), |found| {
            let columns =
                [("low", found.low), ("high", found.high), ("law_mean", found.mean), ("law_sd", found.sd)];
            columns.into_iter().try_for_each(|(name, column)| check_column(name, column, rows))
        })?;
        check_propensity(self.propensity.unwrap_or_default())
    }

    /// A number for all that a row holds: rows with the same one are interchangeable.
    fn content(&self, row: usize) -> u64 {
        let columns = self.optional().into_iter().filter_map(|(_, column)| column);
        let treated = self.treatment.is_some_and(|treatment| treatment[row]);
        let start = mix(u64::from(treated), self.outcome[row]);
        columns.fold(start, |content, column| mix(content, column[row]))
    }
}

/// One more value of a row: a step of SplitMix64.
fn mix(content: u64, value: f64) -> u64 {
    let mixed = (content ^ (value + 0.0).to_bits()).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A judged model in ranked order: sorted, tied and summed once.
#[derive(Clone, Debug)]
pub struct RankedRows {
    question: Question,
    pub(super) ranking: Ranking,
    pub(super) score: Vec<f64>,
    /// All control where there is no treatment.
    pub(super) treatment: Vec<bool>,
    /// What rows spent, less `origin`.
    pub(super) outcome: Vec<f64>,
    /// 0, or the outcome that all are measured from because they lie far from 0.
    pub(super) origin: f64,
    pub(super) effect: Option<Vec<f64>>,
    pub(super) expected_control: Option<Vec<f64>>,
    pub(super) predicted_uplift: Option<Vec<f64>>,
    pub(super) predicted_control: Option<Vec<f64>>,
    pub(super) predicted_treated: Option<Vec<f64>>,
    pub(super) predicted_value: Option<Vec<f64>>,
    pub(super) expected: Option<Vec<f64>>,
    pub(super) buckets: Option<Buckets>,
    pub(super) intervals: Option<RankedIntervals>,
    /// What each row adds to the arms as observed.
    pub(super) observed: Vec<Step>,
    pub(super) observed_sweep: Sweep,
    pub(super) propensity: Option<Vec<f64>>,
    /// Both with inverse-propensity weights, once asked for.
    inverse: OnceLock<(Vec<Step>, Sweep)>,
    /// Ranks by descending outcome, once asked for.
    by_outcome: OnceLock<Ranking>,
    /// Ranks by descending true worth, once asked for.
    by_expected: OnceLock<Option<Ranking>>,
}

impl RankedRows {
    /// Checks and ranks.
    ///
    /// # Errors
    ///
    /// Input errors: fewer than two rows, unequal lengths, an empty arm, NaN or infinite values, a propensity
    /// outside (0, 1).
    pub fn new(judged: &ScoredRows) -> anyhow::Result<Self> {
        judged.check()?;
        Ok(Self::ranked(judged, Ranking::new(judged.score, |row| judged.content(row))))
    }

    /// Checked rows whose ranking by score is known.
    pub(super) fn ranked(judged: &ScoredRows, ranking: Ranking) -> Self {
        let gather = |column: Option<&[f64]>| column.map(|values| ranking.gather(values));
        let treatment = match judged.treatment {
            Some(treatment) => ranking.gather(treatment),
            None => vec![false; ranking.rows()],
        };
        let mut outcome = ranking.gather(judged.outcome);
        let origin = origin(&outcome);
        if origin != 0.0 {
            outcome.iter_mut().for_each(|outcome| *outcome -= origin);
        }
        let effect = gather(judged.effect);
        let observed = steps(&treatment, &outcome, effect.as_deref(), None);
        Self {
            question: judged.question(),
            observed_sweep: Sweep::new(&ranking, &observed, effect.is_some(), None),
            propensity: gather(judged.propensity),
            inverse: OnceLock::new(),
            by_outcome: OnceLock::new(),
            by_expected: OnceLock::new(),
            score: ranking.gather(judged.score),
            expected_control: gather(judged.expected_control),
            predicted_uplift: gather(judged.predicted_uplift),
            predicted_control: gather(judged.predicted_control),
            predicted_treated: gather(judged.predicted_treated),
            predicted_value: gather(judged.predicted_value),
            expected: gather(judged.expected),
            buckets: judged.buckets.cloned(),
            intervals: judged.intervals.map(|found| RankedIntervals::new(&found, &ranking)),
            treatment,
            outcome,
            origin,
            effect,
            observed,
            ranking,
        }
    }

    /// What each row adds to the arms with inverse-propensity weights, and their sums.
    pub(super) fn inverse(&self) -> Option<&(Vec<Step>, Sweep)> {
        let (propensity, effect) = (self.propensity.as_deref()?, self.effect.as_deref());
        Some(self.inverse.get_or_init(|| {
            let steps = steps(&self.treatment, &self.outcome, effect, Some(propensity));
            let sweep = Sweep::new(&self.ranking, &steps, effect.is_some(), None);
            (steps, sweep)
        }))
    }

    /// Ranks by descending outcome.
    pub(super) fn by_outcome(&self) -> &Ranking {
        self.by_outcome.get_or_init(|| Ranking::new(&self.outcome, |rank| rank as u64))
    }

    /// Ranks by descending true worth, where that is known.
    pub(super) fn by_expected(&self) -> Option<&Ranking> {
        let ranked = || Some(Ranking::new(self.expected.as_ref()?, |rank| rank as u64));
        self.by_expected.get_or_init(ranked).as_ref()
    }

    /// What rows spent, by rank.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = f64> {
        self.outcome.iter().map(|outcome| outcome + self.origin)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ranking.rows()
    }

    /// The input row at each rank, best first.
    pub fn order(&self) -> &[u32] {
        &self.ranking.order
    }

    /// What these rows are asked.
    pub fn question(&self) -> Question {
        self.question
    }
}

fn check_arms(treatment: &[bool], rows: usize) -> anyhow::Result<()> {
    if treatment.len() != rows {
        return Err(input_error!("treatment has {} rows where score has {rows}", treatment.len()));
    }
    let treated = treatment.iter().filter(|&&treated| treated).count();
    if treated == 0 || treated == rows {
        let arm = if treated == 0 { "treated" } else { "control" };
        return Err(input_error!("the {arm} arm is empty: {rows} rows, {treated} of them treated"));
    }
    Ok(())
}

fn check_column(name: &str, values: &[f64], rows: usize) -> anyhow::Result<()> {
    if values.len() != rows {
        return Err(input_error!("{name} has {} rows where score has {rows}", values.len()));
    }
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(input_error!("{name}, row {}: {} is not a finite number", row + 1, values[row])),
        None => Ok(()),
    }
}

fn check_size(name: &str, values: &[f64]) -> anyhow::Result<()> {
    match values.iter().position(|value| value.abs() > LARGEST) {
        Some(row) => Err(input_error!(
            "{name}, row {}: {:e} is too large: metrics sum and square, so at most {LARGEST:e} is allowed",
            row + 1,
            values[row]
        )),
        None => Ok(()),
    }
}

/// The outcome nearest to 0 where all lie on one side of it and farther than `FAR` times their range; else 0. Differences of
/// means do not feel where outcomes are measured from, but sums of them lose digits, and where the top of a ranking
/// lacks an arm AUUC takes that arm's mean as 0.
fn origin(outcome: &[f64]) -> f64 {
    let low = outcome.iter().copied().fold(f64::INFINITY, f64::min);
    let high = outcome.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let nearest = if low > 0.0 { low } else { high.min(0.0) };
    if high > low && nearest.abs() > FAR * (high - low) { nearest } else { 0.0 }
}

fn check_propensity(values: &[f64]) -> anyhow::Result<()> {
    match values.iter().position(|&value| value <= 0.0 || value >= 1.0) {
        Some(row) => Err(input_error!(
            "propensity, row {}: {} is not between 0 and 1 (both excluded)",
            row + 1,
            values[row]
        )),
        None => Ok(()),
    }
}

fn steps(
    treatment: &[bool],
    outcome: &[f64],
    effect: Option<&[f64]>,
    propensity: Option<&[f64]>,
) -> Vec<Step> {
    let step = |rank: usize| {
        let chance = propensity.map_or(1.0, |e| if treatment[rank] { e[rank] } else { 1.0 - e[rank] });
        let (weight, tau) = (1.0 / chance, effect.map_or(0.0, |effect| effect[rank]));
        let worth = weight * outcome[rank];
        if treatment[rank] { [weight, 0.0, worth, 0.0, tau] } else { [0.0, weight, 0.0, worth, tau] }
    };
    (0..outcome.len()).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(judged: &ScoredRows) -> String {
        let error = RankedRows::new(judged).expect_err("bad input");
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    }

    #[test]
    fn outcomes_are_measured_from_zero_unless_all_lie_far_from_it() {
        assert_eq!(origin(&[0.0, 5.0, 9.0]), 0.0);
        assert_eq!(origin(&[-1e12, 1e12]), 0.0);
        assert_eq!(origin(&[90.0, 91.0, 90.5]), 0.0);
        assert_eq!(origin(&[1e12 + 3.0, 1e12, 1e12 + 7.0]), 1e12);
        assert_eq!(origin(&[-1e12 - 3.0, -1e12, -1e12 - 7.0]), -1e12);
        assert_eq!(origin(&[4.0; 3]), 0.0, "equal outcomes have no range");
    }

    #[test]
    fn bad_input_is_named() {
        let (score, treatment, outcome) = ([1.0, 2.0], [true, false], [0.0, 3.0]);
        let good = ScoredRows::new(&score, &treatment, &outcome);
        assert_eq!(RankedRows::new(&good).unwrap().rows(), 2);
        assert_eq!(
            message(&ScoredRows::new(&score, &[true, true], &outcome)),
            "the control arm is empty: 2 rows, 2 of them treated"
        );
        assert_eq!(
            message(&ScoredRows::new(&score, &treatment, &[1.0])),
            "outcome has 1 rows where score has 2"
        );
        assert_eq!(
            message(&ScoredRows::new(&[1.0, f64::NAN], &treatment, &outcome)),
            "score, row 2: NaN is not a finite number"
        );
        let propensity = ScoredRows { propensity: Some(&[0.5, 1.0]), ..good };
        assert_eq!(message(&propensity), "propensity, row 2: 1 is not between 0 and 1 (both excluded)");
        assert_eq!(message(&ScoredRows::new(&[], &[], &[])), "0 rows to judge: at least 2 are needed");
        assert_eq!(
            message(&ScoredRows::new(&score, &treatment, &[0.0, -1e300])),
            "outcome, row 2: -1e300 is too large: metrics sum and square, so at most 1e100 is allowed"
        );
        assert!(
            message(&ScoredRows { effect: Some(&[1e200, 0.0]), ..good })
                .starts_with("effect, row 1: 1e200 is too large")
        );
    }
}
