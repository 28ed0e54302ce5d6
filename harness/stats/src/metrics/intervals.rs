//! Whether what happened lies in the intervals that were predicted, of rows of one arm.

use super::cohort::total_interval;
use super::defined::Undefined;
use super::means::Means;
use super::positions::{Positions, Values};
use super::row_intervals::RankedIntervals;
use super::scored::RankedRows;
use super::stretch::{LANES, Lane};

/// Cohorts that rows are dealt into to see whether totals lie in their intervals.
const COHORTS: usize = 50;
/// Fewest rows of a cohort, on average.
const COHORT: usize = 20;

fn intervals(prepared: &RankedRows) -> Result<&RankedIntervals, Undefined> {
    prepared.intervals.as_ref().ok_or_else(|| Undefined::new("the model predicted no intervals"))
}

/// Ends are kept in 32 bits: an outcome that is one is inside.
fn inside(outcome: f64, low: f64, high: f64) -> bool {
    let slack = 1e-6 * outcome.abs();
    (low - slack..=high + slack).contains(&outcome)
}

/// Per row, 1 where its outcome is inside.
fn covered(prepared: &RankedRows) -> Result<Vec<f64>, Undefined> {
    let found = intervals(prepared)?;
    let ends = found.low.iter().zip(&found.high);
    let one = |(outcome, (low, high)): (f64, (&f64, &f64))| f64::from(u8::from(inside(outcome, *low, *high)));
    Ok(prepared.outcomes().zip(ends).map(one).collect())
}

/// Share of rows whose outcome lies in their interval.
///
/// ```text
/// mean 1[low <= y <= high]
/// ```
///
/// At best the level, but for zeros: one point that holds more than a tail asks for.
pub(super) fn coverage(prepared: &RankedRows) -> Result<Means, Undefined> {
    Ok(Means::new(vec![covered(prepared)?], |means| Ok(means[0])))
}

/// The same less the level; 0 at best.
pub(super) fn coverage_gap(prepared: &RankedRows) -> Result<Means, Undefined> {
    let level = intervals(prepared)?.level;
    Ok(Means::new(vec![covered(prepared)?], move |means| Ok(means[0] - level)))
}

/// Mean width over the mean outcome; undefined where that is not above 0.
///
/// ```text
/// mean (high - low) / mean y
/// ```
pub(super) fn width(prepared: &RankedRows) -> Result<Means, Undefined> {
    let found = intervals(prepared)?;
    let widths = found.low.iter().zip(&found.high).map(|(low, high)| high - low).collect();
    let combined = |means: &[f64]| match means[1] > 0.0 {
        true => Ok(means[0] / means[1]),
        false => Err(Undefined::new("the mean outcome is not above zero")),
    };
    Ok(Means::new(vec![widths, prepared.outcomes().collect()], combined))
}

/// Share of cohorts whose total lies in the interval of their total.
///
/// ```text
/// cohort of the row of rank r: r mod 50           total_interval(sum of means, sum of variances, level)
/// ```
///
/// A cohort has every fiftieth row by score, so that all are alike; fewer cohorts where rows are few, at least 20 rows in each.
pub(super) fn coverage_total(positions: &Positions) -> Result<Values, Undefined> {
    let prepared = positions.prepared();
    let found = intervals(prepared)?;
    let cohorts = COHORTS.min(prepared.rows() / COHORT);
    if cohorts < 2 {
        return Err(Undefined(format!("{} rows are too few for cohorts", prepared.rows())));
    }
    let mut sums: Vec<[Lane; 3]> = vec![[[0.0; LANES]; 3]; cohorts];
    for (rank, (outcome, weights)) in positions.outcomes().iter().zip(positions.weights()).enumerate() {
        // Copies of a row are other rows like it, and independent of it.
        let parts = [*outcome, found.mean[rank], found.sd[rank] * found.sd[rank]];
        for (sum, part) in sums[rank % cohorts].iter_mut().zip(parts) {
            (0..LANES).for_each(|lane| sum[lane] += f64::from(weights[lane]) * part);
        }
    }
    let hit = |[total, mean, variance]: &[Lane; 3], lane: usize| {
        let [low, high] = total_interval(mean[lane], variance[lane], found.level);
        inside(total[lane], low, high)
    };
    let hits = |lane: usize| sums.iter().filter(|sum| hit(sum, lane)).count();
    Ok(std::array::from_fn(|lane| Ok(hits(lane) as f64 / cohorts as f64)))
}

#[cfg(test)]
mod tests {
    use super::super::defined::Value;
    use super::super::row_intervals::RowIntervals;
    use super::super::{ScoredRows, find};
    use super::*;

    fn value(name: &str, outcome: &[f64], [low, high, mean, sd]: [&[f64]; 4]) -> Value {
        let score: Vec<f64> = (0..outcome.len()).map(|row| -(row as f64)).collect();
        let intervals = RowIntervals { level: 0.8, low, high, mean, sd };
        let rows =
            ScoredRows { intervals: Some(intervals), ..ScoredRows::of_values(&score, outcome, Some(mean)) };
        find(name).unwrap().compute(&RankedRows::new(&rows).unwrap())
    }

    #[test]
    fn coverage_counts_ends_as_inside() {
        let columns: [&[f64]; 4] = [&[0.0, 1.0, 2.0, 0.0], &[0.0, 3.0, 4.0, 1.0], &[1.0; 4], &[1.0; 4]];
        let of = |name: &str| value(name, &[0.0, 3.0, 5.0, 2.0], columns);
        assert_eq!(of("coverage"), Ok(0.5));
        assert!((of("coverage.gap").unwrap() + 0.3).abs() < 1e-12);
        assert_eq!(of("interval.width"), Ok(5.0 / 10.0));
        assert!(of("coverage.total").unwrap_err().0.contains("4 rows are too few"));
        let score = [1.0, 2.0];
        let none = RankedRows::new(&ScoredRows::of_values(&score, &[0.0, 1.0], Some(&score))).unwrap();
        let reason = find("coverage").unwrap().compute(&none).unwrap_err();
        assert_eq!(reason.0, "the model predicted no intervals");
    }

    #[test]
    fn a_cohort_is_every_nth_row_by_rank() {
        // Two cohorts of 20 rows: of the first every row is worth what is said, of the second three times that.
        let outcome: Vec<f64> = (0..40).map(|row| if row % 2 == 0 { 10.0 } else { 30.0 }).collect();
        let (mean, sd) = (vec![10.0; 40], vec![5.0; 40]);
        assert_eq!(value("coverage.total", &outcome, [&mean, &mean, &mean, &sd]), Ok(0.5));
    }
}
