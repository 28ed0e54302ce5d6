//! Kendall's tau-b as a function of row weights, to first order.
//!
//! With weights w of mean 1 and a U-statistic `u = mean over pairs of h(i, j)` with row means
//! `u_i = mean over j of h(i, j)`, the statistic of the weighted rows is `u + 2 mean((w_i - 1)(u_i - u))` up to
//! O(1/n). Tau-b is a ratio of three such: concordance, pairs untied in the score, pairs untied in the truth.

use super::defined::Undefined;
use super::means::Means;
use super::rank::{Counter, Places};
use super::scored::RankedRows;

/// Tau-b of rows that count several times. `truth` in ranked order.
pub(super) fn tau_b(prepared: &RankedRows, truth: &[f64]) -> Means {
    let mut columns = Vec::new();
    let parts = pairs(prepared, truth).map(|rows| Part::new(rows, &mut columns));
    Means::new(columns, move |means| {
        let [concordance, score, truth] = [0, 1, 2].map(|part| parts[part].weighted(means));
        if score <= 0.0 || truth <= 0.0 {
            return Err(Undefined::new("a column is constant: there is no order to compare"));
        }
        Ok((concordance / (score * truth).sqrt()).clamp(-1.0, 1.0))
    })
}

/// One of the three statistics.
enum Part {
    /// The same for all rows: pairs untied where there are no ties.
    Constant(f64),
    /// Its place among the columns, and its mean over rows that count once.
    Column(usize, f64),
}

impl Part {
    fn new(rows: Vec<f64>, columns: &mut Vec<Vec<f64>>) -> Self {
        if rows.iter().all(|value| *value == rows[0]) {
            return Self::Constant(rows.first().copied().unwrap_or(0.0));
        }
        let mean = rows.iter().sum::<f64>() / rows.len() as f64;
        columns.push(rows);
        Self::Column(columns.len() - 1, mean)
    }

    /// The statistic of the weighted rows, to first order.
    fn weighted(&self, means: &[f64]) -> f64 {
        match self {
            Self::Constant(value) => *value,
            Self::Column(place, mean) => 2.0 * means[*place] - mean,
        }
    }
}

/// Concordance, pairs untied in the score, and pairs untied in the truth, of each row with all others, by rank.
fn pairs(prepared: &RankedRows, truth: &[f64]) -> [Vec<f64>; 3] {
    let count = truth.len();
    let (places, mut seen) = (Places::new(truth), Counter::new(count));
    let mut rows: [Vec<f64>; 3] = std::array::from_fn(|_| Vec::with_capacity(count));
    let others = (count - 1) as f64;
    for block in prepared.ranking.blocks() {
        let tied = (block.len() > 1).then(|| Places::new(&truth[block.clone()]));
        for (rank, inside) in block.clone().zip(0..) {
            let (start, end) = (places.start[rank], places.end[rank]);
            // Where the row is in its own block: alone in most.
            let (first, last) = tied.as_ref().map_or((0, 1), |tied| (tied.start[inside], tied.end[inside]));
            // Rows with a higher truth and with a lower one: ranked before, and (less those tied in score) after.
            let higher = seen.before(start);
            let alone = end == start + 1;
            let lower_before = if alone { seen.all() - higher } else { seen.from(end) } as f64;
            let higher_before = higher as f64;
            let higher_after = f64::from(start) - higher_before - f64::from(first);
            let lower = (count - end as usize) as f64;
            let lower_after = lower - lower_before - (block.len() - last as usize) as f64;
            let concordance = higher_before + lower_after - higher_after - lower_before;
            let untied = [(count - block.len()) as f64, (count as u32 - (end - start)).into()];
            rows[0].push(concordance / others);
            rows[1].push(untied[0] / others);
            rows[2].push(untied[1] / others);
        }
        places.start[block].iter().for_each(|&start| seen.add(start));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{LANES, ScoredRows, find};
    use rand::Rng;
    use valor_base::seed::Seeds;

    fn rows(count: usize, levels: f64) -> (Vec<f64>, Vec<f64>) {
        let mut stream = Seeds::new(3).stream();
        let mut draw = || (stream.random::<f64>() * levels).floor();
        (0..count).map(|_| (draw(), draw())).map(|(a, b)| (a + b, b)).unzip()
    }

    #[test]
    fn equal_weights_give_tau_b_itself() {
        for levels in [4.0, 1e9] {
            let (score, effect) = rows(300, levels);
            let treatment: Vec<bool> = (0..300).map(|row| row % 2 == 0).collect();
            let judged = ScoredRows { effect: Some(&effect), ..ScoredRows::new(&score, &treatment, &score) };
            let prepared = RankedRows::new(&judged).unwrap();
            let exact = find("krcc").unwrap().compute(&prepared).unwrap();
            let found = tau_b(&prepared, prepared.effect.as_ref().unwrap()).value().unwrap();
            assert!((found - exact).abs() < 1e-12, "{found}, {exact}");
        }
    }

    #[test]
    fn a_resample_is_followed_closely() {
        let (score, effect) = rows(400, 1e9);
        let treatment: Vec<bool> = (0..400).map(|row| row % 2 == 0).collect();
        let judged = ScoredRows { effect: Some(&effect), ..ScoredRows::new(&score, &treatment, &score) };
        let prepared = RankedRows::new(&judged).unwrap();
        let means = tau_b(&prepared, prepared.effect.as_ref().unwrap());
        let whole = means.value().unwrap();
        let (mut moved, mut missed) = (0.0, 0.0);
        for index in 0..50 {
            let mut stream = Seeds::new(4).at(index).stream();
            let picked: Vec<usize> = (0..400).map(|_| stream.random_range(0..400)).collect();
            let pick = |values: &[f64]| picked.iter().map(|&rank| values[rank]).collect::<Vec<f64>>();
            let exact = crate::metrics::rank::kendall(
                &pick(&prepared.score),
                &pick(prepared.effect.as_ref().unwrap()),
            );
            let mut weights = vec![[0; LANES]; 400];
            picked.iter().for_each(|&rank| weights[rank][3] += 1);
            let (found, exact) =
                (means.weighted(&weights, &[400; LANES])[3].clone().unwrap(), exact.unwrap());
            moved += (exact - whole).powi(2);
            missed += (exact - found).powi(2);
        }
        assert!(missed < 0.05 * moved, "left unexplained: {}", missed / moved);
    }
}
