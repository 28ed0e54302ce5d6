//! Rows of customers from a log of transactions: what was known of each at a cut-off, and what it spent in the days after.

#[cfg(test)]
mod tests;

use super::FeatureKind;
use super::table::log::{Line, Log};
use serde::Serialize;
use std::collections::BTreeSet;
use valor_base::input_error;

/// How rows are made of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Preparation {
    /// When customers are looked at.
    pub origin: Origin,
    /// Days over which spend is the label; one label each, 1 or more.
    pub horizons: Vec<u32>,
    /// Days before the cut-off that features look at; all of them where absent.
    pub window: Option<u32>,
    /// Weeks of the sequence; 0 for none.
    pub weeks: u32,
    /// Last day that the log covers; that of its latest line where absent.
    pub until: Option<i64>,
    /// What becomes of amounts below 0.
    pub refunds: Refunds,
    /// Yearly rate by which spend after the cut-off is discounted; 0 or more.
    pub discount: f64,
    /// Share of spend that is the label; in (0, 1].
    pub margin: f64,
    /// Leave out rows whose labels the log does not cover, in place of refusing them.
    pub mature_only: bool,
}

/// When customers are looked at. What happened on the day of the cut-off is after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On these days, whoever had bought before: a row per day and customer.
    Cutoffs(Vec<i64>),
    /// So many days after the day of the first purchase, which is counted: a row per customer.
    SinceFirst(u32),
}

/// What becomes of amounts below 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refunds {
    /// They are taken off what is spent.
    #[default]
    Net,
    /// Their lines are left out.
    Drop,
}

/// Rows of customers, in the order of cut-offs and, within one, of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Customers {
    /// Numbers of the customers in the log.
    pub customer: Vec<usize>,
    /// Day before which everything is known.
    pub cutoff: Vec<i64>,
    /// Day from which on the labels are known.
    pub label_end: Vec<i64>,
    /// Features; NaN where missing.
    pub features: Vec<(String, Vec<f64>)>,
    /// Levels of the customer's first line, a code per row for each categorical column of the log.
    pub levels: Vec<Vec<u32>>,
    /// Labels.
    pub labels: Vec<(String, Vec<f64>)>,
    /// What was counted on the way.
    pub counts: Counts,
}

/// What was counted on the way.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counts {
    /// Rows that were made.
    pub rows: usize,
    /// Customers of the log.
    pub customers: usize,
    /// Lines of the log.
    pub lines: usize,
    /// Days on which a customer bought, over customers.
    pub purchases: usize,
    /// Lines that are like an earlier one in all that is read of them; they are kept.
    pub duplicates: usize,
    /// Lines whose amount is 0; they are purchases.
    pub free: usize,
    /// Lines whose amount is below 0.
    pub refunds: usize,
    /// Rows that are left out because the log does not cover their labels.
    pub immature: usize,
    /// Labels that were below 0, and are 0: refunds of what was bought before the cut-off.
    pub negative_labels: usize,
    /// For each label the share of rows in which it is 0.
    pub zeros: Vec<f64>,
    /// For each label its mean.
    pub mean: Vec<f64>,
}

/// A day of one customer.
#[derive(Clone, Copy, Debug, Default)]
struct Day {
    day: i64,
    spend: f64,
    units: f64,
    /// Whether something was bought, and not only given back.
    bought: bool,
}

/// One customer.
struct History {
    customer: usize,
    days: Vec<Day>,
    /// Day of the first purchase.
    first: i64,
    /// Its line, by place.
    line: usize,
}

/// Of the amounts of a label, what is left of them that may be rounding.
const ROUNDING: f64 = 1e-9;

/// Days of a week.
const WEEK: i64 = 7;

impl Preparation {
    /// Refuses options out of range, naming them as the command line does.
    fn validate(&self) -> anyhow::Result<()> {
        let days = |option: &str, days: u32| match (1..=36_500).contains(&days) {
            true => Ok(()),
            false => Err(input_error!("{option} {days}: allowed are 1 to 36500 days")),
        };
        self.horizons.iter().try_for_each(|horizon| days("--horizon", *horizon))?;
        self.window.map_or(Ok(()), |window| days("--window", window))?;
        let distinct: BTreeSet<u32> = self.horizons.iter().copied().collect();
        if distinct.len() < self.horizons.len() || distinct.is_empty() {
            return Err(input_error!("--horizon: allowed are one or more numbers of days, each once"));
        }
        match &self.origin {
            Origin::SinceFirst(window) => days("--since-first", *window)?,
            Origin::Cutoffs(cutoffs) => {
                let distinct: BTreeSet<i64> = cutoffs.iter().copied().collect();
                if distinct.len() < cutoffs.len() || distinct.is_empty() {
                    return Err(input_error!("--cutoff: allowed are one or more days, each once"));
                }
            }
        }
        if self.weeks > 520 {
            return Err(input_error!("--weeks {}: allowed are 0 to 520", self.weeks));
        }
        if !(0.0..=10.0).contains(&self.discount) {
            return Err(input_error!(
                "--discount {}: allowed are yearly rates from 0 to 10, such as 0.1",
                self.discount
            ));
        }
        if !(self.margin > 0.0 && self.margin <= 1.0) {
            return Err(input_error!("--margin {}: allowed are numbers above 0 up to 1", self.margin));
        }
        Ok(())
    }

    fn longest(&self) -> i64 {
        self.horizons.iter().copied().map(i64::from).max().unwrap_or_default()
    }
}

/// Makes rows of a log. `place` is what messages call it.
///
/// Lines of one customer and day are one purchase. A day on which something was only given back is none.
///
/// # Errors
///
/// Input errors: options out of range, lines after the log's end, cut-offs before which nobody bought, labels that the log does not
/// cover, labels that are all 0.
pub fn prepare(log: &Log, place: &str, how: &Preparation) -> anyhow::Result<Customers> {
    how.validate()?;
    let last = log.lines.iter().map(|line| line.day).max().unwrap_or_default();
    let until = how.until.unwrap_or(last);
    check_future(log, place, until)?;
    let mut counts = counted(log);
    let histories = histories(log, how.refunds);
    if histories.is_empty() {
        return Err(input_error!("{place}: no line is a purchase: all amounts are below 0"));
    }
    counts.purchases = histories.iter().flat_map(|history| &history.days).filter(|day| day.bought).count();
    let ends = End { log, place, until, given: how.until.is_some() };
    let looks = match &how.origin {
        Origin::Cutoffs(cutoffs) => at_cutoffs(&histories, cutoffs, how, &ends, &mut counts)?,
        Origin::SinceFirst(days) => since_first(&histories, *days, how, &ends, &mut counts)?,
    };
    let mut customers = rows(log, &looks, how, counts);
    let Counts { rows, zeros, mean, .. } = &mut customers.counts;
    *rows = looks.len();
    for (name, label) in &customers.labels {
        let spent = label.iter().filter(|value| **value > 0.0).count();
        if spent == 0 {
            return Err(input_error!(
                "{place}: {name} is 0 in all {} rows: nobody spends anything after the cut-off; allowed is at least one who does",
                label.len()
            ));
        }
        zeros.push(1.0 - spent as f64 / label.len() as f64);
        mean.push(label.iter().sum::<f64>() / label.len() as f64);
    }
    Ok(customers)
}

/// The end of the log, for messages.
struct End<'a> {
    log: &'a Log,
    place: &'a str,
    until: i64,
    given: bool,
}

impl End<'_> {
    /// Whether labels are covered that end before this day.
    fn covers(&self, label_end: i64) -> bool {
        label_end <= self.until + 1
    }

    fn words(&self) -> String {
        let day = self.log.spell(self.until);
        if self.given { format!("{day} (--until)") } else { format!("{day}, its latest line") }
    }
}

/// A customer at a cut-off.
struct Look<'a> {
    history: &'a History,
    cutoff: i64,
    /// First day that features look at.
    from: i64,
}

fn check_future(log: &Log, place: &str, until: i64) -> anyhow::Result<()> {
    let future = || log.lines.iter().filter(|line| line.day > until);
    let Some(Line { row, day, .. }) = future().next() else { return Ok(()) };
    Err(input_error!(
        "{place}: row {row}: found the day {}, after the end of the log, {} (--until); {} such lines: allowed are lines up to it, \
         or a later --until",
        log.spell(*day),
        log.spell(until),
        future().count()
    ))
}

fn counted(log: &Log) -> Counts {
    let mut seen = BTreeSet::new();
    let key = |line: &Line| (line.customer, line.day, line.amount.to_bits(), line.units.map(f64::to_bits));
    Counts {
        customers: log.customers.len(),
        lines: log.lines.len(),
        duplicates: log.lines.iter().filter(|line| !seen.insert(key(line))).count(),
        free: log.lines.iter().filter(|line| line.amount == 0.0).count(),
        refunds: log.lines.iter().filter(|line| line.amount < 0.0).count(),
        ..Counts::default()
    }
}

/// Days of every customer who bought something, in order.
fn histories(log: &Log, refunds: Refunds) -> Vec<History> {
    let mut places: Vec<Vec<usize>> = vec![Vec::new(); log.customers.len()];
    for (place, line) in log.lines.iter().enumerate() {
        match refunds {
            Refunds::Drop if line.amount < 0.0 => {}
            Refunds::Drop | Refunds::Net => places[line.customer].push(place),
        }
    }
    let history = |(customer, mut places): (usize, Vec<usize>)| {
        places.sort_by_key(|place| log.lines[*place].day);
        let of_day = |places: &[usize]| {
            let lines = || places.iter().map(|place| &log.lines[*place]);
            Day {
                day: log.lines[places[0]].day,
                spend: lines().map(|line| line.amount).sum(),
                units: lines().filter_map(|line| line.units).sum(),
                bought: lines().any(|line| line.amount >= 0.0),
            }
        };
        let days = places.chunk_by(|a, b| log.lines[*a].day == log.lines[*b].day).map(of_day).collect();
        let line = *places.iter().find(|place| log.lines[**place].amount >= 0.0)?;
        Some(History { customer, days, first: log.lines[line].day, line })
    };
    places.into_iter().enumerate().filter_map(history).collect()
}

fn at_cutoffs<'a>(
    histories: &'a [History],
    cutoffs: &[i64],
    how: &Preparation,
    end: &End,
    counts: &mut Counts,
) -> anyhow::Result<Vec<Look<'a>>> {
    let mut looks = Vec::new();
    let begin = histories.iter().map(|history| history.first).min().unwrap_or_default();
    for cutoff in cutoffs.iter().copied() {
        let (place, day) = (end.place, end.log.spell(cutoff));
        let before = looks.len();
        looks.extend(histories.iter().filter(|history| history.first < cutoff).map(|history| Look {
            history,
            cutoff,
            from: how.window.map_or(i64::MIN, |window| cutoff - i64::from(window)),
        }));
        if looks.len() == before {
            let begin = end.log.spell(begin);
            return Err(input_error!(
                "{place}: --cutoff {day}: nobody has bought before that day; the first purchase is of {begin}"
            ));
        }
        if end.covers(cutoff + how.longest()) {
            continue;
        }
        if !how.mature_only {
            let (horizon, latest) = (how.longest(), end.until + 1 - how.longest());
            return Err(input_error!(
                "{place}: --cutoff {day}: its label of {horizon} days is not covered: the log ends on {}; allowed are days up to \
                 {}, a shorter --horizon, or --mature-only, which leaves such cut-offs out",
                end.words(),
                end.log.spell(latest)
            ));
        }
        counts.immature += looks.len() - before;
        looks.truncate(before);
    }
    check_some(looks, end)
}

fn since_first<'a>(
    histories: &'a [History],
    days: u32,
    how: &Preparation,
    end: &End,
    counts: &mut Counts,
) -> anyhow::Result<Vec<Look<'a>>> {
    let all = histories.iter().map(|history| {
        let cutoff = history.first + i64::from(days);
        Look { history, cutoff, from: history.first }
    });
    let (looks, immature): (Vec<Look>, Vec<Look>) =
        all.partition(|look| end.covers(look.cutoff + how.longest()));
    if let (Some(look), false) = (immature.first(), how.mature_only) {
        return Err(input_error!(
            "{}: the labels of {} of {} customers are not covered: that of '{}' ends {} days after its first purchase on {}, the log \
             ends on {}; allowed is a shorter --horizon, or --mature-only, which leaves such customers out",
            end.place,
            immature.len(),
            histories.len(),
            valor_base::error::shown(&end.log.customers[look.history.customer]),
            i64::from(days) + how.longest(),
            end.log.spell(look.history.first),
            end.words()
        ));
    }
    counts.immature = immature.len();
    check_some(looks, end)
}

fn check_some<'a>(looks: Vec<Look<'a>>, end: &End) -> anyhow::Result<Vec<Look<'a>>> {
    match looks.is_empty() {
        false => Ok(looks),
        true => Err(input_error!(
            "{}: no row is left: the log ends on {}, before any label does; allowed is an earlier --cutoff or a shorter --horizon",
            end.place,
            end.words()
        )),
    }
}

fn rows(log: &Log, looks: &[Look], how: &Preparation, counts: Counts) -> Customers {
    let names = names(log, how);
    let mut features: Vec<(String, Vec<f64>)> = names.into_iter().map(|name| (name, Vec::new())).collect();
    for look in looks {
        let values = look.features(log, how);
        features.iter_mut().zip(values).for_each(|((_, column), value)| column.push(value));
    }
    let mut counts = counts;
    let mut label = |horizon: &u32| {
        let values = looks.iter().map(|look| look.label(*horizon, how));
        let values: Vec<f64> = values.collect();
        counts.negative_labels += values.iter().filter(|value| **value < 0.0).count();
        (format!("label_{horizon}"), values.into_iter().map(|value| value.max(0.0)).collect())
    };
    let labels = how.horizons.iter().map(&mut label).collect();
    let codes = |kind: &FeatureKind| match kind {
        FeatureKind::Categorical { codes, .. } => looks.iter().map(|look| codes[look.history.line]).collect(),
        FeatureKind::Numeric { .. } => Vec::new(),
    };
    Customers {
        customer: looks.iter().map(|look| look.history.customer).collect(),
        cutoff: looks.iter().map(|look| look.cutoff).collect(),
        label_end: looks.iter().map(|look| look.cutoff + how.longest()).collect(),
        features,
        levels: log.levels.iter().map(|feature| codes(&feature.kind)).collect(),
        labels,
        counts,
    }
}

/// Names of the features, in the order of [`Look::features`].
fn names(log: &Log, how: &Preparation) -> Vec<String> {
    let plain = [
        "tenure",
        "recency",
        "frequency",
        "spend",
        "spend_mean",
        "spend_max",
        "last_spend",
        "gap_mean",
        "gap_sd",
        "first_spend",
    ];
    let units = if has_units(log) { &["units", "first_units"][..] } else { &[] };
    let digits = how.weeks.to_string().len().max(2);
    let weeks = (1..=how.weeks).map(|week| format!("w{week:0digits$}"));
    plain.iter().chain(units).map(ToString::to_string).chain(weeks).collect()
}

fn has_units(log: &Log) -> bool {
    log.lines.first().is_some_and(|line| line.units.is_some())
}

impl Look<'_> {
    /// ```text
    /// tenure      days from the first purchase to the cut-off        recency   from the last one to it
    /// frequency   days with a purchase within the window             spend     net, within it
    /// spend_mean  spend / frequency                                  spend_max, last_spend   of a day with a purchase
    /// gap_mean, gap_sd   days between purchases, population SD; missing with fewer than 2 and 3 purchases
    /// w_k         spend in week k of n: days cut-off - 7 (n - k + 1) to cut-off - 7 (n - k) - 1, within the window
    /// ```
    fn features(&self, log: &Log, how: &Preparation) -> Vec<f64> {
        let History { days, first, .. } = self.history;
        let known = &days[..days.partition_point(|day| day.day < self.cutoff)];
        let within = &known[known.partition_point(|day| day.day < self.from)..];
        let bought: Vec<&Day> = within.iter().filter(|day| day.bought).collect();
        let last = known.iter().rev().find(|day| day.bought);
        let total = |value: fn(&Day) -> f64| within.iter().map(value).fold(0.0, |sum, value| sum + value);
        let spend = total(|day| day.spend);
        let frequency = bought.len() as f64;
        let missing = |value: Option<f64>| value.unwrap_or(f64::NAN);
        let gaps: Vec<f64> = bought.windows(2).map(|pair| (pair[1].day - pair[0].day) as f64).collect();
        let (gap_mean, gap_sd) = moments(&gaps);
        let opening = days.iter().find(|day| day.day == *first);
        let mut values = vec![
            (self.cutoff - first) as f64,
            missing(last.map(|day| (self.cutoff - day.day) as f64)),
            frequency,
            spend,
            if bought.is_empty() { f64::NAN } else { spend / frequency },
            missing(bought.iter().map(|day| day.spend).max_by(f64::total_cmp)),
            missing(last.map(|day| day.spend)),
            gap_mean,
            gap_sd,
            missing(opening.map(|day| day.spend)),
        ];
        if has_units(log) {
            values.push(total(|day| day.units));
            values.push(missing(opening.map(|day| day.units)));
        }
        let mut weeks = vec![0.0; how.weeks as usize];
        for day in within {
            let ago = ((self.cutoff - 1 - day.day) / WEEK) as usize;
            if let Some(place) = weeks.len().checked_sub(ago + 1) {
                weeks[place] += day.spend;
            }
        }
        values.extend(weeks);
        values
    }

    /// `margin * sum of spend_d (1 + rate)^(-(d - cut-off) / 365)` over the days of the horizon, which begins with the cut-off; it may
    /// be below 0. What rounding leaves of amounts that cancel is 0.
    fn label(&self, horizon: u32, how: &Preparation) -> f64 {
        let days = &self.history.days;
        let after = &days[days.partition_point(|day| day.day < self.cutoff)..];
        let within = after.iter().take_while(|day| day.day < self.cutoff + i64::from(horizon));
        let worth = |day: &Day| match how.discount == 0.0 {
            true => day.spend,
            false => day.spend * (1.0 + how.discount).powf(-((day.day - self.cutoff) as f64) / 365.0),
        };
        let add = |(sum, size): (f64, f64), value: f64| (sum + value, size + value.abs());
        let (sum, size) = within.map(worth).fold((0.0, 0.0), add);
        if sum.abs() <= ROUNDING * size { 0.0 } else { how.margin * sum }
    }
}

/// Mean and population SD; missing with fewer than 1 and 2 values.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    match values.len() {
        0 => (f64::NAN, f64::NAN),
        1 => (mean, f64::NAN),
        _ => (mean, variance.sqrt()),
    }
}
