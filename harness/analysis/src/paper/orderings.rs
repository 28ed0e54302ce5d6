//! How far two tables put methods into the same order.

use super::PaperRow;
use super::source::Column;
use serde::Serialize;
use valor_stats::metrics::rank::kendall;

/// The order of the rows in one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ordering {
    /// Column of the paper.
    pub title: String,
    /// Our metric.
    pub metric: String,
    /// Kendall's tau-b of the paper's figures and ours; absent where either does not vary.
    pub tau: Option<f64>,
    /// Rows with both figures.
    pub rows: usize,
    /// Pairs of rows that both put in the same order.
    pub agreeing: usize,
    /// Pairs that both put in some order.
    pub pairs: usize,
}

/// One per column; nothing for columns with fewer than two rows.
pub(super) fn orderings(columns: &[&Column], rows: &[PaperRow]) -> Vec<Ordering> {
    let ordering = |(index, column): (usize, &&Column)| {
        let both = rows.iter().filter_map(|row| Some((row.cells[index].paper?, row.cells[index].ours?)));
        let (paper, ours): (Vec<f64>, Vec<f64>) = both.unzip();
        let (agreeing, pairs) = counted(&paper, &ours);
        (paper.len() > 1).then(|| Ordering {
            title: column.title.clone(),
            metric: column.decides.clone(),
            tau: kendall(&paper, &ours).ok(),
            rows: paper.len(),
            agreeing,
            pairs,
        })
    };
    columns.iter().enumerate().filter_map(ordering).collect()
}

/// Pairs in the same order, of those that are ordered in both.
fn counted(paper: &[f64], ours: &[f64]) -> (usize, usize) {
    let pairs = (0..paper.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let products: Vec<f64> = pairs.map(|(a, b)| (paper[a] - paper[b]) * (ours[a] - ours[b])).collect();
    let count = |is: fn(&&f64) -> bool| products.iter().filter(is).count();
    (count(|product| **product > 0.0), count(|product| **product != 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_and_ties_left_out() {
        assert_eq!(counted(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]), (2, 3));
        assert_eq!(counted(&[1.0, 1.0, 3.0], &[1.0, 2.0, 3.0]), (2, 2));
        assert_eq!(counted(&[1.0], &[1.0]), (0, 0));
    }
}
