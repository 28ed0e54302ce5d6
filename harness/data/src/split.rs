//! Who is learned from and who is judged on.

use super::draw::choose;
use super::{Dataset, Evaluation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use valor_base::input_error;
use valor_base::seed::Seeds;

/// How rows are parted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SplitSpec {
    /// What models are judged on: a share of the rows at hand, or fresh ones.
    pub test: Evaluation,
    /// Share of the rows at hand (of all, not of the rest) held out for validation; in [0, 1).
    pub validation: f64,
    /// What stays together; by default `group` where the data has groups, `time` where it has times, else `row`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<SplitBy>,
    /// What every part has in the same shares; by default nothing is. Only rows on their own can be parted so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stratify: Option<Stratify>,
    /// Of rows parted by time, learn only from those whose outcome was known when the test begins; the others are left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mature_only: bool,
    /// Draws the split.
    pub seed: u64,
    /// Draw another split for every run seed.
    pub per_seed: bool,
}

/// The unit of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitBy {
    /// Rows on their own.
    Row,
    /// All rows of a group on one side.
    Group,
    /// The latest rows are the test, the latest of the rest the validation; equal times stay together.
    Time,
}

/// What a split keeps the shares of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stratify {
    /// Each arm is parted on its own.
    Treatment,
}

impl Default for SplitSpec {
    fn default() -> Self {
        Self {
            test: Evaluation::default(),
            validation: 0.0,
            by: None,
            stratify: None,
            mature_only: false,
            seed: 42,
            per_seed: false,
        }
    }
}

/// Row numbers of the parts, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// To learn from.
    pub train: Vec<u32>,
    /// For early stopping and tuning.
    pub validation: Vec<u32>,
    /// To be judged on.
    pub test: Vec<u32>,
}

/// Sizes of the parts of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowCounts {
    /// Training rows.
    pub train: usize,
    /// Validation rows.
    pub validation: usize,
    /// Test rows.
    pub test: usize,
}

impl SplitSpec {
    /// Refuses shares out of range, naming the key.
    pub fn validate(&self) -> anyhow::Result<()> {
        self.test.validate()?;
        let most = 1.0 - self.test.share();
        if self.validation >= 0.0 && self.validation < most {
            return Ok(());
        }
        let bound = match self.test {
            Evaluation::Share(_) => format!("1 - test = {most}"),
            Evaluation::Fresh { .. } => most.to_string(),
        };
        Err(input_error!(
            "split: validation = {}: allowed are numbers from 0 to below {bound}",
            self.validation
        ))
    }
}

/// Parts the rows at hand; where models are judged on fresh ones, the test part is empty here, and `begin` is the earliest of their
/// times, if they have times. `run_seed` matters only with `per_seed`.
///
/// Units (rows, groups, or rows of one time) are put in order, shuffled or latest first; the test part is the
/// start of that order whose share of rows is nearest to the one asked for, the validation part is what
/// follows, the training part is the rest. So the validation share never moves a row into or out of the test.
/// Stratified by treatment, each arm's rows are put in order and cut on their own. With `mature_only` the rest is without the rows whose
/// outcome was not known when the test begins.
pub fn split(
    dataset: &Dataset,
    spec: &SplitSpec,
    run_seed: u64,
    begin: Option<f64>,
) -> anyhow::Result<Split> {
    spec.validate()?;
    let mut seeds = Seeds::new(spec.seed).child("split");
    if spec.per_seed {
        seeds = seeds.child("run").at(run_seed);
    }
    let unit = spec.by.unwrap_or_else(|| default_unit(dataset));
    let order = match unit {
        SplitBy::Row => shuffled_rows(dataset.rows(), seeds),
        SplitBy::Group => shuffled_groups(dataset, seeds)?,
        SplitBy::Time => latest_first(dataset)?,
    };
    let units = order.ends.len();
    let mut split = Split::default();
    match spec.mature_only {
        true => mature(dataset, unit, &order)?.part(spec, begin, order, &mut split)?,
        false => {
            for stratum in strata(dataset, spec, unit, order)? {
                stratum.part(spec, &mut split);
            }
        }
    }
    for part in [&mut split.train, &mut split.validation, &mut split.test] {
        part.sort_unstable();
    }
    let parts = [("test", &split.test), ("training", &split.train)];
    let parts = match spec.test {
        Evaluation::Share(_) => &parts[..],
        Evaluation::Fresh { .. } => &parts[1..],
    };
    if let Some((part, _)) = parts.iter().find(|(_, rows)| rows.is_empty()) {
        let why = too_few(dataset, unit, units);
        return Err(input_error!("split: the {part} part has no rows: {why}"));
    }
    parts.iter().try_for_each(|(part, rows)| check_arms(dataset, unit, part, rows))?;
    Ok(split)
}

/// All rows, or those of each arm.
fn strata(dataset: &Dataset, spec: &SplitSpec, unit: SplitBy, order: Order) -> anyhow::Result<Vec<Order>> {
    match (spec.stratify, unit) {
        (None, _) => Ok(vec![order]),
        (Some(Stratify::Treatment), SplitBy::Row) => {
            let Some(treatment) = &dataset.treatment else {
                return Err(input_error!(
                    "split: stratify = 'treatment': these rows have no treatment; leave 'stratify' out"
                ));
            };
            let treated = |row: &u32| treatment.assigned[*row as usize];
            let (treated, control): (Vec<u32>, Vec<u32>) = order.rows.into_iter().partition(treated);
            Ok([treated, control].map(Order::of_rows).into())
        }
        (Some(Stratify::Treatment), SplitBy::Group | SplitBy::Time) => {
            let unit = if unit == SplitBy::Group { "groups" } else { "times" };
            Err(input_error!(
                "split: stratify = 'treatment' parts single rows, and these have {unit} that stay together; allowed is by = 'row' \
                 beside it, or no 'stratify'"
            ))
        }
    }
}

fn default_unit(dataset: &Dataset) -> SplitBy {
    match (&dataset.group, &dataset.time) {
        (Some(_), _) => SplitBy::Group,
        (None, Some(_)) => SplitBy::Time,
        (None, None) => SplitBy::Row,
    }
}

/// Rows in order, and where a cut does not tear a unit.
struct Order {
    rows: Vec<u32>,
    /// Ends of the units, ascending; the last is the number of rows.
    ends: Vec<usize>,
}

impl Order {
    fn new(units: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let (mut rows, mut ends) = (Vec::new(), Vec::new());
        for unit in units {
            rows.extend(unit);
            ends.push(rows.len());
        }
        Self { rows, ends }
    }

    /// Every row a unit.
    fn of_rows(rows: Vec<u32>) -> Self {
        let ends = (1..=rows.len()).collect();
        Self { rows, ends }
    }

    /// Adds its rows to the parts.
    fn part(&self, spec: &SplitSpec, split: &mut Split) {
        let count = self.rows.len() as f64;
        let test = self.cut(0, spec.test.share() * count);
        let validation = self.cut(test, spec.validation * count);
        split.test.extend(&self.rows[..test]);
        split.validation.extend(&self.rows[test..validation]);
        split.train.extend(&self.rows[validation..]);
    }

    /// The end nearest to `start` plus so many rows: after `start` unless there are 0.
    fn cut(&self, start: usize, count: f64) -> usize {
        if count == 0.0 {
            return start;
        }
        let target = start as f64 + count;
        let distance = |end: &&usize| (**end as f64 - target).abs();
        let after = self.ends.partition_point(|end| *end <= start);
        let nearest = self.ends[after..].iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.copied().unwrap_or(start)
    }
}

/// When rows are looked at and when their outcomes were known.
struct Maturity<'a> {
    time: &'a [f64],
    known: &'a [f64],
    /// The column of `known`, for messages.
    column: String,
}

/// Refuses rows that cannot be parted by what was known.
fn mature<'a>(dataset: &'a Dataset, unit: SplitBy, order: &Order) -> anyhow::Result<Maturity<'a>> {
    let (Some(time), Some(known)) = (&dataset.time, &dataset.known) else {
        return Err(input_error!(
            "split: mature-only: these rows do not say when their outcomes were known; name columns in 'time' and 'known', or leave \
             mature-only out"
        ));
    };
    if unit != SplitBy::Time {
        return Err(input_error!(
            "split: mature-only needs rows parted by time; allowed is by = 'time' beside it"
        ));
    }
    let column = dataset.units.known.as_ref().map(|name| format!(" (column '{name}')")).unwrap_or_default();
    debug_assert_eq!(order.rows.len(), time.len());
    Ok(Maturity { time, known, column })
}

impl Maturity<'_> {
    /// The test is the latest rows, as ever, or fresh ones that begin at `begin`. Of the rest, what was known then is parted: shares of
    /// validation are of all rows.
    fn part(
        &self,
        spec: &SplitSpec,
        begin: Option<f64>,
        order: Order,
        split: &mut Split,
    ) -> anyhow::Result<()> {
        let count = order.rows.len() as f64;
        let (test, rest) = order.rows.split_at(order.cut(0, spec.test.share() * count));
        let earliest = test.iter().map(|row| self.time[*row as usize]).reduce(f64::min);
        let Some(begin) = earliest.or(begin) else {
            return Err(input_error!("split: mature-only: the rows to be judged on have no times"));
        };
        let known = |row: &&u32| self.known[**row as usize] <= begin;
        let kept = rest.iter().filter(known).copied().collect::<Vec<u32>>();
        if kept.is_empty() && !rest.is_empty() {
            return Err(input_error!(
                "split: mature-only: of {} rows before the test none had a known outcome{} when it begins; allowed is a shorter \
                 horizon, rows of a longer period, or no mature-only",
                rest.len(),
                self.column
            ));
        }
        let time = |row: &u32| self.time[*row as usize];
        let kept = Order::new(kept.chunk_by(|a, b| time(a) == time(b)).map(<[u32]>::to_vec));
        let validation = kept.cut(0, spec.validation * count);
        split.test.extend(test);
        split.validation.extend(&kept.rows[..validation]);
        split.train.extend(&kept.rows[validation..]);
        Ok(())
    }
}

fn shuffled_rows(rows: usize, seeds: Seeds) -> Order {
    Order::of_rows(choose(rows, rows, &mut seeds.stream()))
}

fn shuffled_groups(dataset: &Dataset, seeds: Seeds) -> anyhow::Result<Order> {
    let labels = dataset.group.as_ref().ok_or_else(|| {
        input_error!("split: by = 'group': these rows have no groups; name a column in 'group', or allowed are row, time")
    })?;
    let mut groups: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for (row, label) in labels.iter().enumerate() {
        groups.entry(*label).or_default().push(row as u32);
    }
    let mut groups: Vec<Vec<u32>> = groups.into_values().collect();
    let shuffled = choose(groups.len(), groups.len(), &mut seeds.stream());
    Ok(Order::new(shuffled.into_iter().map(|group| std::mem::take(&mut groups[group as usize]))))
}

fn latest_first(dataset: &Dataset) -> anyhow::Result<Order> {
    let times = dataset.time.as_ref().ok_or_else(|| {
        input_error!(
            "split: by = 'time': these rows have no times; name a column in 'time', or allowed are row, group"
        )
    })?;
    let time = |row: &u32| times[*row as usize];
    let mut rows: Vec<u32> = (0..times.len() as u32).collect();
    rows.sort_by(|a, b| time(b).total_cmp(&time(a)));
    Ok(Order::new(rows.chunk_by(|a, b| time(a) == time(b)).map(<[u32]>::to_vec)))
}

/// Refuses a part without rows of an arm.
fn check_arms(dataset: &Dataset, unit: SplitBy, part: &str, rows: &[u32]) -> anyhow::Result<()> {
    let Some(treatment) = &dataset.treatment else { return Ok(()) };
    let advice = match unit {
        SplitBy::Row => " (stratify = 'treatment' gives every part its share of each)",
        SplitBy::Group | SplitBy::Time => "",
    };
    for (arm, name) in [(true, "treated"), (false, "control")] {
        if !rows.iter().any(|row| treatment.assigned[*row as usize] == arm) {
            let count = rows.len();
            return Err(input_error!(
                "split: the {part} part ({count} rows) has no {name} row; allowed is both arms{advice}"
            ));
        }
    }
    Ok(())
}

/// Why there are not enough rows for every part, and what would help; `units` is how many there are of what stays together.
fn too_few(dataset: &Dataset, unit: SplitBy, units: usize) -> String {
    let column = |name: &Option<String>| name.as_ref().map(|name| format!("the column '{name}'"));
    let rows = dataset.rows();
    let what = match unit {
        SplitBy::Row => {
            return format!(
                "the data have {rows}, too few for the shares asked for; change 'test' or 'validation', or give more rows"
            );
        }
        SplitBy::Group => format!(
            "{} holds {units} group(s) in {rows} rows",
            column(&dataset.units.group).unwrap_or_else(|| "the data".to_string())
        ),
        SplitBy::Time => format!(
            "{} holds {units} time(s) in {rows} rows",
            column(&dataset.units.time).unwrap_or_else(|| "the data".to_string())
        ),
    };
    format!(
        "{what}, which stay together, too few for the shares asked for; change 'test', 'validation' or the column, or set by = 'row'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn dataset(rows: usize) -> Dataset {
        Dataset {
            treatment: Some((0..rows).map(|row| row % 2 == 0).collect::<Vec<bool>>().into()),
            outcome: vec![1.0; rows],
            ..Dataset::default()
        }
    }

    fn spec(test: f64, validation: f64) -> SplitSpec {
        SplitSpec { test: Evaluation::Share(test), validation, ..SplitSpec::default() }
    }

    fn assert_parts(split: &Split, rows: usize) {
        let all: Vec<u32> =
            [&split.train, &split.validation, &split.test].into_iter().flatten().copied().collect();
        assert_eq!(all.len(), rows);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), rows);
        assert!(split.train.is_sorted() && split.validation.is_sorted() && split.test.is_sorted());
    }

    #[test]
    fn shares_are_of_all_rows_and_validation_leaves_the_test_alone() {
        let (with, without) = (spec(0.3, 0.1), spec(0.3, 0.0));
        let with = split(&dataset(1_000), &with, 1, None).unwrap();
        assert_parts(&with, 1_000);
        assert_eq!((with.train.len(), with.validation.len(), with.test.len()), (600, 100, 300));
        let without = split(&dataset(1_000), &without, 1, None).unwrap();
        assert_eq!((without.train.len(), without.validation.len()), (700, 0));
        assert_eq!(with.test, without.test);
        assert_ne!(with.test, (0..300).collect::<Vec<u32>>());
    }

    #[test]
    fn stratified_parts_have_the_shares_of_all_rows_in_each_arm() {
        let mut rare = dataset(1_000);
        rare.treatment = Some((0..1_000).map(|row| row % 100 == 7).collect::<Vec<bool>>().into());
        let treated = |rows: &[u32]| rows.iter().filter(|row| rare.assigned()[**row as usize]).count();
        for seed in 0..20 {
            let spec = SplitSpec { stratify: Some(Stratify::Treatment), seed, ..spec(0.3, 0.1) };
            let split = split(&rare, &spec, 1, None).unwrap();
            assert_parts(&split, 1_000);
            assert_eq!([&split.train, &split.validation, &split.test].map(|part| treated(part)), [6, 1, 3]);
            assert_eq!((split.train.len(), split.validation.len(), split.test.len()), (600, 100, 300));
        }
        let mut grouped = dataset(100);
        grouped.group = Some((0..100).collect());
        let spec = SplitSpec { stratify: Some(Stratify::Treatment), ..SplitSpec::default() };
        assert!(refused(&grouped, &spec).contains("by = 'row'"));
        let spec = SplitSpec { by: Some(SplitBy::Row), ..spec };
        assert_eq!(split(&grouped, &spec, 1, None).unwrap().test.len(), 20);
    }

    #[test]
    fn an_option_that_is_not_used_changes_no_identity() {
        let text = serde_json::to_string(&SplitSpec::default()).unwrap();
        assert!(!text.contains("stratify"), "{text}");
        let read: SplitSpec = serde_json::from_str(r#"{"stratify": "treatment"}"#).unwrap();
        assert_eq!(read.stratify, Some(Stratify::Treatment));
    }

    #[test]
    fn the_run_seed_matters_only_when_asked() {
        let tests = |per_seed| {
            let spec = SplitSpec { per_seed, ..SplitSpec::default() };
            [1, 2].map(|seed| split(&dataset(100), &spec, seed, None).unwrap().test)
        };
        let [first, second] = tests(false);
        assert_eq!(first, second);
        let [first, second] = tests(true);
        assert_ne!(first, second);
        let other = SplitSpec { seed: 7, ..SplitSpec::default() };
        assert_ne!(split(&dataset(100), &other, 1, None).unwrap().test, tests(false)[0]);
    }

    #[test]
    fn no_group_stands_on_two_sides() {
        let mut dataset = dataset(1_000);
        dataset.group = Some((0..1_000).map(|row| (row as f64).sqrt() as u64).collect());
        let split = split(&dataset, &spec(0.2, 0.1), 1, None).unwrap();
        assert_parts(&split, 1_000);
        let groups = |rows: &[u32]| -> BTreeSet<u64> {
            rows.iter().map(|row| dataset.group.as_ref().unwrap()[*row as usize]).collect()
        };
        let parts = [groups(&split.train), groups(&split.validation), groups(&split.test)];
        assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), 32);
        assert!(
            split.test.len().abs_diff(200) <= 32 && split.validation.len().abs_diff(100) <= 32,
            "{parts:?}"
        );
    }

    #[test]
    fn the_latest_rows_are_the_test_and_equal_times_stay_together() {
        let mut dataset = dataset(100);
        dataset.time = Some((0..100).map(|row| f64::from((99 - row) / 7)).collect());
        let split = split(&dataset, &spec(0.2, 0.1), 1, None).unwrap();
        assert_parts(&split, 100);
        assert_eq!(
            split.test,
            (0..23).collect::<Vec<u32>>(),
            "2 latest of 14, then two sevens; 23 is nearer than 16"
        );
        assert_eq!(split.validation, (23..30).collect::<Vec<u32>>());
    }

    #[test]
    fn groups_come_before_times_unless_asked() {
        let mut dataset = dataset(100);
        dataset.time = Some((0..100).map(f64::from).collect());
        let latest: Vec<u32> = (80..100).collect();
        assert_eq!(split(&dataset, &SplitSpec::default(), 1, None).unwrap().test, latest);
        dataset.group = Some((0..100).collect());
        assert_ne!(split(&dataset, &SplitSpec::default(), 1, None).unwrap().test, latest);
        let by_time = SplitSpec { by: Some(SplitBy::Time), ..SplitSpec::default() };
        assert_eq!(split(&dataset, &by_time, 1, None).unwrap().test, latest);
    }

    fn refused(dataset: &Dataset, spec: &SplitSpec) -> String {
        let error = split(dataset, spec, 1, None).unwrap_err();
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    }

    #[test]
    fn shares_out_of_range_are_refused() {
        for test in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(refused(&dataset(100), &spec(test, 0.0)).contains("test = "));
        }
        for validation in [-0.1, 0.8, f64::NAN] {
            assert!(refused(&dataset(100), &spec(0.2, validation)).contains("validation = "));
        }
    }

    #[test]
    fn missing_units_empty_parts_and_empty_arms_are_refused() {
        let by = |by| SplitSpec { by: Some(by), ..SplitSpec::default() };
        assert!(refused(&dataset(100), &by(SplitBy::Group)).contains("no groups"));
        assert!(refused(&dataset(100), &by(SplitBy::Time)).contains("no times"));
        let mut one_group = dataset(100);
        one_group.group = Some(vec![3; 100]);
        let message = refused(&one_group, &SplitSpec::default());
        assert!(
            message.contains("training part has no rows: the data holds 1 group(s) in 100 rows"),
            "{message}"
        );
        one_group.units.group = Some("firm".to_string());
        assert!(refused(&one_group, &SplitSpec::default()).contains("the column 'firm' holds 1 group(s)"));
        let mut one_time = dataset(100);
        one_time.time = Some(vec![3.0; 100]);
        one_time.units.time = Some("day".to_string());
        assert!(
            refused(&one_time, &SplitSpec::default())
                .contains("the column 'day' holds 1 time(s) in 100 rows")
        );
        assert!(refused(&dataset(1), &spec(0.5, 0.0)).contains("the data have 1, too few"));
        let mut by_arm = dataset(100);
        by_arm.time = Some(by_arm.assigned().iter().map(|treated| f64::from(u8::from(*treated))).collect());
        assert!(refused(&by_arm, &spec(0.5, 0.0)).contains("test part (50 rows) has no control row"));
    }

    /// Ten days, a row each; outcomes are known three days later.
    fn timed() -> Dataset {
        let time: Vec<f64> = (0..10).map(f64::from).collect();
        Dataset {
            treatment: None,
            known: Some(time.iter().map(|day| day + 3.0).collect()),
            time: Some(time),
            ..dataset(10)
        }
    }

    #[test]
    fn what_was_not_known_when_the_test_begins_is_not_learned_from() {
        let spec = |test, validation| SplitSpec { mature_only: true, ..spec(test, validation) };
        let found = split(&timed(), &spec(0.3, 0.2), 1, None).unwrap();
        assert_eq!((found.train, found.validation, found.test), (vec![0, 1, 2], vec![3, 4], vec![7, 8, 9]));
        let fresh = SplitSpec { test: Evaluation::Fresh { rows: 5 }, ..spec(0.3, 0.2) };
        let found = split(&timed(), &fresh, 1, Some(10.0)).unwrap();
        assert_eq!((found.train, found.validation), ((0..6).collect(), vec![6, 7]));
        let usual = SplitSpec { mature_only: false, ..spec(0.3, 0.2) };
        assert_eq!(split(&timed(), &usual, 1, None).unwrap().train, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn rows_that_do_not_say_what_was_known_are_refused() {
        let spec = SplitSpec { mature_only: true, ..spec(0.3, 0.0) };
        let unknown = Dataset { known: None, ..timed() };
        assert!(refused(&unknown, &spec).contains("name columns in 'time' and 'known'"));
        let by_row = SplitSpec { by: Some(SplitBy::Row), ..spec.clone() };
        assert!(refused(&timed(), &by_row).contains("by = 'time'"));
        let late = Dataset { known: Some(vec![100.0; 10]), ..timed() };
        assert!(refused(&late, &spec).contains("of 7 rows before the test none had a known outcome"));
    }
}
