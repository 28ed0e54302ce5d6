//! How a metric follows small changes of the weights of rows: its influence function, for test sets so large that a bootstrap
//! would say the same for a thousand times the work.
//!
//! With weights `w_i` of mean 1 a metric is `value + sum of (w_i - 1) b_i` to first order. Metrics of a ranking are functions of
//! the sums of [`Sweep`], whose own influences have closed forms; the function is followed by central differences.

use super::concordance::tau_b;
use super::defined::{Undefined, Value, finite, no_propensity};
use super::means::Means;
use super::metric::{Compute, Metric};
use super::ranking::Ranking;
use super::scored::RankedRows;
use super::sweep::{CONTROL, CONTROL_OUTCOME, Step, Sweep, TREATED, TREATED_OUTCOME};

/// A metric and what one more copy of each row would do to it, at an unchanged number of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Influence {
    /// The metric.
    pub value: f64,
    /// By rank; they add up to 0. The variance of the metric over test rows is the sum of their squares.
    pub rows: Vec<f64>,
}

impl Influence {
    /// Standard deviation of the metric over test rows.
    pub fn standard_error(&self) -> f64 {
        self.rows.iter().map(|row| row * row).sum::<f64>().sqrt()
    }
}

/// The sums of a sweep: total, top and area of each part of a [`Step`], and the gain.
const SUMS: usize = 16;
const TOP: usize = 5;
const AREA: usize = 10;
const GAIN: usize = 15;
/// Steps of central differences in standard errors of what is changed.
const STEP: f64 = 1e-3;

type Sums = [f64; SUMS];

impl Metric {
    /// Whether it has an influence function: smooth functions of sums over rows with a treatment.
    pub fn has_influence(&self) -> bool {
        match self.compute {
            Compute::Observed(_) | Compute::Inverse(_) | Compute::Means(_) | Compute::Correlation(_) => true,
            Compute::Ranked(_) | Compute::Positions(_) | Compute::ValueMeans(_) => false,
        }
    }
}

/// The influence functions of metrics of one model, in the order given.
pub fn influences(prepared: &RankedRows, metrics: &[&Metric]) -> Vec<Result<Influence, Undefined>> {
    let any = |is: fn(&Compute) -> bool| metrics.iter().any(|metric| is(&metric.compute));
    let observed = any(|compute| matches!(compute, Compute::Observed(_)))
        .then(|| Swept::new(&prepared.ranking, &prepared.observed, &prepared.observed_sweep));
    let inverse = any(|compute| matches!(compute, Compute::Inverse(_)))
        .then(|| prepared.inverse().map(|(steps, sweep)| Swept::new(&prepared.ranking, steps, sweep)))
        .flatten();
    let one = |metric: &&Metric| {
        metric.suits(prepared)?;
        let found = match metric.compute {
            Compute::Observed(compute) => of_sums(observed.as_ref(), compute),
            Compute::Inverse(compute) => of_sums(inverse.as_ref(), compute),
            Compute::Means(means) => means(prepared)?.influence(prepared.rows()),
            Compute::Correlation(column) => tau_b(prepared, column(prepared)?).influence(prepared.rows()),
            Compute::Ranked(_) | Compute::Positions(_) | Compute::ValueMeans(_) => {
                Err(Undefined(format!("{} has no influence function", metric.name)))
            }
        }?;
        finite(Ok(found.value))?;
        Ok(found)
    };
    metrics.iter().map(one).collect()
}

fn of_sums(swept: Option<&Swept>, compute: fn(&Sweep) -> Value) -> Result<Influence, Undefined> {
    let swept = swept.ok_or_else(no_propensity)?;
    let mut gradient = [0.0; SUMS];
    for (sum, slope) in gradient.iter_mut().enumerate() {
        let step = STEP * swept.errors[sum];
        if step > 0.0 {
            let moved = |by: f64| compute(&swept.sweep.moved(sum, by));
            *slope = (moved(step)? - moved(-step)?) / (2.0 * step);
        }
    }
    let used: Vec<usize> = (0..SUMS).filter(|&sum| gradient[sum] != 0.0).collect();
    let row = |row: &Sums| used.iter().map(|&sum| gradient[sum] * row[sum]).sum();
    Ok(Influence { value: compute(swept.sweep)?, rows: swept.rows.iter().map(row).collect() })
}

impl Means {
    /// Of a function of means: the slope in each mean times how far a row is from it.
    fn influence(&self, count: usize) -> Result<Influence, Undefined> {
        let (mut rows, count) = (vec![0.0; count], count as f64);
        let means: Vec<f64> =
            self.columns().iter().map(|column| column.iter().sum::<f64>() / count).collect();
        for (index, (column, mean)) in self.columns().iter().zip(&means).enumerate() {
            let squares: f64 = column.iter().map(|value| (value - mean).powi(2)).sum();
            let step = STEP * squares.sqrt() / count;
            if step <= f64::EPSILON * mean.abs() {
                continue;
            }
            let moved = |by: f64| {
                let mut means = means.clone();
                means[index] += by;
                self.combined(&means)
            };
            let slope = (moved(step)? - moved(-step)?) / (2.0 * step);
            rows.iter_mut().zip(column).for_each(|(row, value)| *row += slope * (value - mean) / count);
        }
        Ok(Influence { value: self.combined(&means)?, rows })
    }
}

impl Sweep {
    /// With one of its sums changed.
    fn moved(&self, sum: usize, by: f64) -> Self {
        let mut moved = self.clone();
        match sum {
            GAIN => moved.gain += by,
            AREA.. => moved.area[sum - AREA] += by,
            TOP.. => moved.top[sum - TOP] += by,
            _ => moved.total[sum] += by,
        }
        moved
    }
}

/// The influence of every row on every sum.
struct Swept<'a> {
    sweep: &'a Sweep,
    /// By rank; each sum's add up to 0.
    rows: Vec<Sums>,
    /// Standard errors of the sums.
    errors: Sums,
}

/// What the ranks of one tie block add, per copy of a row that is there already (`full`), and per copy of one of its own rows,
/// which is there at the j-th of m ranks to `j / m` (`part`).
#[derive(Clone, Copy, Default)]
struct BlockTerms {
    /// Means over the block's ranks: of the running sums, and of rank times the gain.
    sums: Step,
    gain: f64,
    full: Weights,
    part: Weights,
}

/// Sums over ranks k: 1, the difference D of the arms' means, and for each arm `k / N` and `k / N` times its mean.
#[derive(Clone, Copy, Default)]
struct Weights {
    ranks: f64,
    difference: f64,
    arms: [[f64; 2]; 2],
}

impl Weights {
    fn add(&mut self, other: &Self, share: f64) {
        self.ranks += share * other.ranks;
        self.difference += share * other.difference;
        for (arm, other) in self.arms.iter_mut().flatten().zip(other.arms.iter().flatten()) {
            *arm += share * other;
        }
    }

    /// What a row's own outcome does to the gain at these ranks.
    fn of(&self, step: &Step) -> f64 {
        let arm = |arm: usize, count: usize, outcome: usize| {
            step[outcome] * self.arms[arm][0] - step[count] * self.arms[arm][1]
        };
        arm(0, TREATED, TREATED_OUTCOME) - arm(1, CONTROL, CONTROL_OUTCOME)
    }
}

/// At one rank k with these sums over the top k; an arm that is empty there has mean 0 and moves nothing.
fn at_rank(k: f64, sums: &Step) -> Weights {
    let arm = |count: usize, outcome: usize| match sums[count] {
        rows if rows > 0.0 => [k / rows, k / rows * (sums[outcome] / rows)],
        _ => [0.0, 0.0],
    };
    let arms = [arm(TREATED, TREATED_OUTCOME), arm(CONTROL, CONTROL_OUTCOME)];
    Weights { ranks: 1.0, difference: (arms[0][1] - arms[1][1]) / k, arms }
}

impl<'a> Swept<'a> {
    /// One pass down the ranking for the sums so far, one up for what is behind a row.
    ///
    /// ```text
    /// area   d/dw_i of sum over k of S(k)   = S(k_i) + x_i (ranks from k_i on)
    /// gain   d/dw_i of sum over k of k D(k) = k_i D(k_i) + sum over k >= k_i of D(k)
    ///                                         + t_i sum of (k / N_T)(y_i - mean_T) - c_i sum of (k / N_C)(y_i - mean_C)
    /// top    d/dw_i of S(m)                 = (x_i - mean x at the boundary) for rows above it
    /// ```
    fn new(ranking: &Ranking, steps: &[Step], sweep: &'a Sweep) -> Self {
        let terms = block_terms(ranking, steps);
        let mut rows = vec![[0.0; SUMS]; steps.len()];
        let boundary = Boundary::new(ranking, steps, sweep.top_rows);
        let mut behind = Weights::default();
        let blocks: Vec<std::ops::Range<usize>> = ranking.blocks().collect();
        for (block, terms) in blocks.into_iter().zip(&terms).rev() {
            let mut seen = behind;
            seen.add(&terms.part, 1.0);
            for rank in block {
                let (row, step) = (&mut rows[rank], &steps[rank]);
                let above = boundary.share(rank);
                for part in 0..TOP {
                    row[part] = step[part];
                    row[TOP + part] = above * (step[part] - boundary.mean[part]);
                    row[AREA + part] = terms.sums[part] + step[part] * seen.ranks;
                }
                row[GAIN] = terms.gain + seen.difference + seen.of(step);
            }
            behind.add(&terms.full, 1.0);
        }
        let errors = centre(&mut rows);
        Self { sweep, rows, errors }
    }
}

fn block_terms(ranking: &Ranking, steps: &[Step]) -> Vec<BlockTerms> {
    let mut before: Step = [0.0; 5];
    let mut found = Vec::with_capacity(ranking.ends.len());
    for block in ranking.blocks() {
        let (first, size) = (block.start as f64, block.len() as f64);
        let mut inside: Step = [0.0; 5];
        for step in &steps[block.clone()] {
            inside = std::array::from_fn(|part| inside[part] + step[part]);
        }
        let mut terms = BlockTerms::default();
        for place in 1..=block.len() {
            let share = place as f64 / size;
            let k = first + place as f64;
            let sums: Step = std::array::from_fn(|part| before[part] + share * inside[part]);
            let here = at_rank(k, &sums);
            terms.full.add(&here, 1.0);
            terms.part.add(&here, share);
            terms.gain += k * here.difference / size;
            terms.sums = std::array::from_fn(|part| terms.sums[part] + sums[part] / size);
        }
        before = std::array::from_fn(|part| before[part] + inside[part]);
        found.push(terms);
    }
    found
}

/// Where the top rows end: one more row above pushes out a row of about the mean there.
struct Boundary {
    /// Ranks of the tie block that holds the boundary.
    block: std::ops::Range<usize>,
    /// Share of that block above it.
    inside: f64,
    /// Mean of the rows around the boundary: those within `n^(2/3) / 2` ranks, and whole tie blocks.
    mean: Step,
}

impl Boundary {
    fn new(ranking: &Ranking, steps: &[Step], top_rows: usize) -> Self {
        let reach = ((steps.len() as f64).powf(2.0 / 3.0) / 2.0).ceil() as usize;
        let (low, high) = (top_rows.saturating_sub(reach), (top_rows + reach).min(steps.len()));
        let mut found = Self { block: 0..0, inside: 0.0, mean: [0.0; 5] };
        if top_rows == 0 {
            return found;
        }
        let mut count = 0.0;
        for block in ranking.blocks().filter(|block| block.start < high && block.end > low) {
            if block.contains(&(top_rows - 1)) {
                found.inside = (top_rows - block.start) as f64 / block.len() as f64;
                found.block = block.clone();
            }
            for step in &steps[block] {
                found.mean = std::array::from_fn(|part| found.mean[part] + step[part]);
                count += 1.0;
            }
        }
        found.mean = found.mean.map(|part| part / count);
        found
    }

    /// How much of a row lies above.
    fn share(&self, rank: usize) -> f64 {
        if rank < self.block.start {
            1.0
        } else if rank < self.block.end {
            self.inside
        } else {
            0.0
        }
    }
}

/// Takes the mean away, since the number of rows stays; what is left has these standard errors.
fn centre(rows: &mut [Sums]) -> Sums {
    let count = rows.len() as f64;
    let mut mean = [0.0; SUMS];
    for row in rows.iter() {
        mean = std::array::from_fn(|sum| mean[sum] + row[sum]);
    }
    mean = mean.map(|sum| sum / count);
    let mut squares = [0.0; SUMS];
    for row in rows {
        *row = std::array::from_fn(|sum| row[sum] - mean[sum]);
        squares = std::array::from_fn(|sum| squares[sum] + row[sum] * row[sum]);
    }
    // What rounding leaves of equal entries is no error.
    std::array::from_fn(|sum| {
        let error = squares[sum].sqrt();
        if error > 1e-10 * mean[sum].abs() * count.sqrt() { error } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{LANES, Lanes, Resampler, ScoredRows, find};
    use rand::Rng;
    use valor_base::seed::Seeds;

    const NAMES: [&str; 21] = [
        "ate",
        "auuc",
        "qini",
        "auuc.area",
        "qini.area",
        "lift@30",
        "krcc",
        "krcc.prognosis",
        "ate.true",
        "auuc.true",
        "qini.true",
        "lift@30.true",
        "auuc.area.true",
        "pehe",
        "ate.error",
        "calibration.control",
        "calibration.treated",
        "auuc.ipw",
        "qini.ipw",
        "lift@30.ipw",
        "ate.ipw",
    ];

    /// Rows of which scores have so many levels.
    fn model(rows: usize, levels: f64) -> RankedRows {
        let mut stream = Seeds::new(3).stream();
        let mut column =
            |low: f64, high: f64| -> Vec<f64> { (0..rows).map(|_| stream.random_range(low..high)).collect() };
        let (effect, control) = (column(-1.0, 4.0), column(2.0, 9.0));
        let (noise, own, chance) = (column(-3.0, 3.0), column(-2.0, 2.0), column(0.2, 0.8));
        let treatment: Vec<bool> =
            column(0.0, 1.0).iter().zip(&chance).map(|(draw, chance)| draw < chance).collect();
        let mean = |row: usize| control[row] + if treatment[row] { effect[row] } else { 0.0 };
        let outcome: Vec<f64> = (0..rows).map(|row| mean(row) + noise[row]).collect();
        let uplift: Vec<f64> = effect.iter().zip(&own).map(|(effect, own)| effect + own).collect();
        let score: Vec<f64> = uplift.iter().map(|uplift| (uplift * levels).round() / levels).collect();
        RankedRows::new(&ScoredRows {
            propensity: Some(&chance),
            effect: Some(&effect),
            expected_control: Some(&control),
            predicted_uplift: Some(&uplift),
            predicted_control: Some(&control),
            predicted_treated: Some(&control),
            ..ScoredRows::new(&score, &treatment, &outcome)
        })
        .unwrap()
    }

    #[test]
    fn small_changes_of_weights_move_metrics_by_their_influence() {
        // Scores without ties, in fifty blocks, in four.
        for (rows, levels) in [(600, 1e9), (600, 10.0), (600, 0.5)] {
            let model = model(rows, levels);
            let metrics: Vec<&Metric> = NAMES.iter().map(|name| find(name).unwrap()).collect();
            let found = influences(&model, &metrics);
            // Each row counts 40 times, some one more and as many one less: a small step in the space of weights.
            let mut stream = Seeds::new(8).stream();
            let mut weights: Vec<Lanes> = vec![[40; LANES]; rows];
            (0..LANES).for_each(|lane| {
                for _ in 0..rows / 2 {
                    let (up, down) = (stream.random_range(0..rows), stream.random_range(0..rows));
                    if weights[up][lane] < 44 && weights[down][lane] > 36 {
                        weights[up][lane] += 1;
                        weights[down][lane] -= 1;
                    }
                }
            });
            let resampler = &Resampler::all(std::slice::from_ref(&model), &metrics)[0];
            let even = resampler.weighted(&vec![[40; LANES]; rows], 4, &mut Vec::new()).unwrap()[0].clone();
            let moved = resampler.weighted(&weights, 4, &mut Vec::new()).unwrap();
            for (index, name) in NAMES.iter().enumerate() {
                let influence = found[index].as_ref().unwrap();
                let sum: f64 = influence.rows.iter().sum();
                assert!(
                    sum.abs() < 1e-9 * influence.standard_error().max(1e-9) * rows as f64,
                    "{name}: {sum}"
                );
                let (mut missed, mut size) = (0.0, 0.0);
                for lane in 0..LANES {
                    let change = |(rank, row): (usize, &f64)| {
                        (f64::from(weights[model.ranking.order[rank] as usize][lane]) / 40.0 - 1.0) * row
                    };
                    let expected: f64 = influence.rows.iter().enumerate().map(change).sum();
                    let change =
                        moved[lane].values[index].clone().unwrap() - even.values[index].clone().unwrap();
                    missed += (change - expected).powi(2);
                    size += change.powi(2);
                }
                // The boundary of the top 30 % is smoothed over a few tie blocks: exact within a large one alone.
                let exact = levels < 1.0 || !name.starts_with("lift");
                assert!(
                    !exact || missed.sqrt() < 0.1 * size.sqrt(),
                    "{name} at {levels}: {} of {}",
                    missed.sqrt(),
                    size.sqrt()
                );
            }
        }
    }

    #[test]
    fn what_has_no_variance_has_no_influence_and_what_is_undefined_says_why() {
        let effect = [4.0, 3.0, 2.0, 1.0];
        let judged = ScoredRows {
            effect: Some(&effect),
            predicted_uplift: Some(&effect),
            ..ScoredRows::new(&effect, &[true, false, true, false], &[1.0, 1.0, 1.0, 1.0])
        };
        let oracle = RankedRows::new(&judged).unwrap();
        let metrics =
            ["krcc", "pehe", "ate", "auuc", "auuc.ipw", "auuc.causalml"].map(|name| find(name).unwrap());
        let found = influences(&oracle, &metrics);
        for index in 0..3 {
            assert!(found[index].as_ref().unwrap().standard_error() < 1e-6, "{index}: {found:?}");
        }
        let reason = |index: usize| found[index].clone().unwrap_err().0;
        assert_eq!(reason(3), "the observed total uplift is zero: nothing to normalise by");
        assert_eq!(reason(4), "the propensity is not known");
        assert_eq!(reason(5), "auuc.causalml has no influence function");
    }
}
