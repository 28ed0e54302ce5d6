//! Every method's means, averaged over datasets: what is reported of benchmarks that are many draws of one.

use super::cell::CellView;
use super::estimate::LEVEL;
use super::{Block, MetricView};
use std::collections::BTreeMap;
use valor_base::seed::Seeds;
use valor_stats::metrics::{Defined, Undefined};
use valor_stats::stats::{self, Interval, SeedInterval, seed_interval};

/// A method over all datasets.
#[derive(Clone, Debug, PartialEq)]
pub struct AverageView {
    /// The method.
    pub method: String,
    /// Metrics of the table by name.
    pub metrics: BTreeMap<String, Average>,
}

/// The mean of the datasets' means.
#[derive(Clone, Debug, PartialEq)]
pub struct Average {
    /// Datasets that have a value.
    pub datasets: usize,
    /// Each dataset counts once; undefined unless all have a value.
    pub mean: Defined<f64>,
    /// Standard deviation over datasets (divisor n - 1).
    pub sd: Option<f64>,
    /// Of the mean, Student t over datasets, as if they were drawn from many.
    pub ci: Defined<Interval>,
}

/// Averages of every method; none where there is one dataset.
pub fn averages(blocks: &[Block], metrics: &[MetricView]) -> Vec<AverageView> {
    let [first, _, ..] = blocks else { return Vec::new() };
    let shown = || metrics.iter().filter(|metric| metric.in_table);
    let cells = |place: usize| blocks.iter().filter_map(move |block| block.cells.get(place));
    let average = |(place, cell): (usize, &CellView)| AverageView {
        method: cell.method.clone(),
        metrics: shown()
            .map(|metric| {
                let means = cells(place).filter_map(|cell| cell.metrics.get(&metric.name)?.value());
                (metric.name.clone(), Average::of(&means.collect::<Vec<f64>>(), blocks.len()))
            })
            .collect(),
    };
    first.cells.iter().enumerate().map(average).collect()
}

impl Average {
    /// Of the means of some of so many datasets.
    fn of(means: &[f64], asked: usize) -> Self {
        let absent = |reason: Undefined| Self {
            datasets: means.len(),
            mean: Err(reason.clone()),
            sd: None,
            ci: Err(reason),
        };
        if means.len() < asked {
            return absent(Undefined(format!("{} of {asked} datasets have a value", means.len())));
        }
        let Some(estimate) = stats::Estimate::of(means) else { return absent(Undefined::new("no dataset")) };
        let seeds = Seeds::new(0).child("datasets");
        let ci = seed_interval(means, SeedInterval::StudentT, LEVEL, &seeds);
        Self { datasets: means.len(), mean: Ok(estimate.mean), sd: estimate.sd, ci }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_counts_once_and_all_must_have_a_value() {
        let found = Average::of(&[1.0, 2.0, 6.0], 3);
        assert_eq!((found.mean, found.datasets), (Ok(3.0), 3));
        assert!((found.sd.unwrap() - 7_f64.sqrt()).abs() < 1e-12);
        // t of .975 at two degrees of freedom is 4.3027.
        let half = 4.302_652_73 * (7.0_f64 / 3.0).sqrt();
        assert!((found.ci.unwrap().high - 3.0 - half).abs() < 1e-6);
        let found = Average::of(&[1.0, 2.0], 3);
        let reason = Undefined::new("2 of 3 datasets have a value");
        assert_eq!((found.mean, found.ci), (Err(reason.clone()), Err(reason)));
    }
}
