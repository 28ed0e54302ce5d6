//! What a random ranking scores on the same rows.

use super::defined::{MetricValue, Value};
use super::metric::Metric;
use super::ranking::Ranking;
use super::registry::find;
use super::scored::{RankedRows, ScoredRows};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use std::collections::BTreeMap;
use valor_base::seed::Seeds;

/// A metric of a random ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct RandomValue {
    /// Expectation over rankings of these rows.
    pub value: MetricValue,
    /// Standard deviation over rankings of these rows; absent when undefined.
    pub sd: Option<f64>,
}

/// The named metrics of a random ranking of these rows; the scores in `judged` are ignored.
///
/// The expectation is the metric of a constant score: all rows in one tie block, every cumulative sum at its
/// expectation. That is exact for metrics that are linear in the cumulative sums (qini, auuc.true, effect@30)
/// and of first order for ratios (auuc, lift@30). Where a constant score has no value (rank correlations) it
/// is the mean over the permutations. The SD is over `permutations` random rankings.
///
/// # Errors
///
/// As `RankedRows::new`; an input error for an unknown metric.
pub fn random_reference<S: AsRef<str>>(
    judged: &ScoredRows,
    names: &[S],
    permutations: usize,
    seeds: &Seeds,
) -> anyhow::Result<BTreeMap<String, RandomValue>> {
    let metrics = names.iter().map(|name| find(name.as_ref())).collect::<anyhow::Result<Vec<_>>>()?;
    let blank = ScoredRows {
        predicted_uplift: None,
        predicted_control: None,
        predicted_treated: None,
        predicted_value: None,
        ..*judged
    };
    let constant = RankedRows::new(&ScoredRows { score: &vec![0.0; judged.score.len()], ..blank })?;
    let draws = (0..permutations as u64).into_par_iter().map(|index| {
        let mut score: Vec<f64> = (0..judged.score.len()).map(|rank| rank as f64).collect();
        score.shuffle(&mut seeds.at(index).stream());
        let prepared = RankedRows::ranked(&ScoredRows { score: &score, ..blank }, permuted(&score));
        metrics.iter().map(|metric| metric.compute(&prepared)).collect()
    });
    let draws: Vec<Vec<Value>> = draws.collect();
    let entry = |(index, metric): (usize, &&Metric)| {
        let values: Vec<f64> = draws.iter().filter_map(|draw| draw[index].as_ref().ok().copied()).collect();
        (metric.name.to_string(), random_value(metric.compute(&constant), &values))
    };
    Ok(metrics.iter().enumerate().map(entry).collect())
}

/// The ranking by a permutation of 0, 1, ..., which needs no sort.
fn permuted(score: &[f64]) -> Ranking {
    let count = score.len();
    let mut order = vec![0; count];
    score.iter().zip(0..).for_each(|(&place, row)| order[count - 1 - place as usize] = row);
    Ranking { order, ends: (1..=count as u32).collect() }
}

fn random_value(constant: Value, values: &[f64]) -> RandomValue {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let sd = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    let value = if values.is_empty() { constant } else { constant.or(Ok(mean)) };
    RandomValue { value: value.into(), sd }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_ranks_as_its_sort_does() {
        let score = [2.0, 0.0, 3.0, 1.0];
        assert_eq!(permuted(&score), Ranking::new(&score, |row| row as u64));
    }

    #[test]
    fn random_scores_nothing_and_its_spread_shrinks_with_rows() {
        let rows = 2_000;
        let treatment: Vec<bool> = (0..rows).map(|row| row % 2 == 0).collect();
        let outcome: Vec<f64> = (0..rows).map(|row| f64::from(row % 7) + f64::from(row % 2 == 0)).collect();
        let effect = vec![1.0; rows as usize];
        let prognosis: Vec<f64> = (0..rows).map(|row| f64::from(row % 7)).collect();
        let blank = vec![0.0; rows as usize];
        let judged = ScoredRows {
            effect: Some(&effect),
            expected_control: Some(&prognosis),
            ..ScoredRows::new(&blank, &treatment, &outcome)
        };
        let names = ["auuc", "qini", "lift@30", "auuc.true", "krcc.prognosis", "krcc"];
        let found = random_reference(&judged, &names, 50, &Seeds::new(1)).unwrap();
        assert_eq!(found, random_reference(&judged, &names, 50, &Seeds::new(1)).unwrap());
        let value = |name: &str| found[name].value.value.unwrap();
        assert!((value("auuc") - 0.5 / f64::from(rows)).abs() < 1e-9);
        assert!(value("qini").abs() < 1e-9);
        assert!((value("auuc.true") - 0.5 / f64::from(rows)).abs() < 1e-9);
        assert!(value("krcc.prognosis").abs() < 0.02, "{}", value("krcc.prognosis"));
        assert!((0.005..0.1).contains(&found["auuc"].sd.unwrap()), "{:?}", found["auuc"]);
        assert_eq!(
            found["krcc"].value.reason.as_deref(),
            Some("a column is constant: there is no order to compare")
        );
    }
}
