//! The pass of `Sweep` for rows that count several times: in long stretches, because a bootstrap makes it so often.

use super::ranking::{Ranking, repeat};
use super::sweep::{
    CONTROL, CONTROL_OUTCOME, EFFECT, Step, Sweep, TREATED, TREATED_OUTCOME, difference, top_30,
};
use statrs::function::gamma::digamma;

/// Copies of a tie block that are worth two logarithms.
const LARGE: usize = 32;

/// Neighbours in a ranking: rows without ties, or one tie block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) tied: bool,
}

impl Run {
    /// All rows of a ranking, in as few runs as can be.
    pub(super) fn all(ranking: &Ranking) -> Vec<Self> {
        let mut runs: Vec<Self> = Vec::new();
        for block in ranking.blocks() {
            let tied = block.len() > 1;
            match runs.last_mut().filter(|last| !last.tied && !tied) {
                Some(last) => last.end = block.end,
                None => runs.push(Self { start: block.start, end: block.end, tied }),
            }
        }
        runs
    }
}

/// Sums so far.
#[derive(Default)]
pub(super) struct Pass {
    pub(super) done: usize,
    pub(super) sums: Step,
    /// As in `Sweep`; of outcomes and effects only.
    pub(super) area: Step,
    pub(super) gain: f64,
    /// Where the sums are kept, ascending.
    stops: Vec<usize>,
    kept: Vec<Step>,
}

/// The sums of one pass, and those over the top k for each k of `at` (ascending). The row at rank i counts `weights[i]`
/// times; copies of a row, and rows of a tie block, share out what they add.
pub(super) fn weighted(
    runs: &[Run],
    steps: &[Step],
    truth: bool,
    weights: &[u8],
    at: &[usize],
) -> (Sweep, Vec<Step>) {
    let mut pass = Pass::new(weights.iter().map(|&weight| usize::from(weight)).sum(), at);
    for run in runs {
        let (steps, weights) = (&steps[run.start..run.end], &weights[run.start..run.end]);
        if run.tied {
            pass.tied(steps.iter().zip(weights.iter().copied()));
        } else {
            let ranks = repeat(weights);
            pass.copies(ranks.len(), |copy| &steps[ranks[copy] as usize]);
        }
    }
    pass.found(truth, at)
}

impl Pass {
    /// Before the first of so many rows.
    pub(super) fn new(rows: usize, at: &[usize]) -> Self {
        let mut stops: Vec<usize> = at.iter().copied().chain([top_30(rows)]).collect();
        stops.sort_unstable();
        let mut pass = Self { stops, ..Self::default() };
        pass.keep();
        pass
    }

    /// What `weighted` answers, after the last row.
    pub(super) fn found(self, truth: bool, at: &[usize]) -> (Sweep, Vec<Step>) {
        let kept =
            |k: usize| self.stops.binary_search(&k).ok().and_then(|index| self.kept.get(index)).copied();
        let found = at.iter().filter_map(|&k| kept(k)).collect();
        let (rows, top_rows) = (self.done, top_30(self.done));
        let top = kept(top_rows).unwrap_or_default();
        (Sweep { rows, truth, total: self.sums, top, top_rows, area: self.area, gain: self.gain }, found)
    }

    /// The next rank at which the sums are kept.
    pub(super) fn next_stop(&self) -> Option<usize> {
        self.stops.get(self.kept.len()).copied()
    }

    /// Keeps `sums` over the top `done` for every stop that is there.
    pub(super) fn keep_at(&mut self, done: usize, sums: &Step) {
        while self.next_stop() == Some(done) {
            self.kept.push(*sums);
        }
    }

    fn keep(&mut self) {
        let sums = self.sums;
        self.keep_at(self.done, &sums);
    }

    /// Rows of a tie block: each copy adds their weighted mean.
    pub(super) fn tied<'s>(&mut self, rows: impl Iterator<Item = (&'s Step, u8)>) {
        let (mut sum, mut copies) = ([0.0; 5], 0);
        for (step, weight) in rows {
            sum = std::array::from_fn(|part| sum[part] + f64::from(weight) * step[part]);
            copies += usize::from(weight);
        }
        self.block(copies, &sum);
    }

    /// So many copies of a tie block, which add `sum` together.
    pub(super) fn block(&mut self, copies: usize, sum: &Step) {
        let (base, count) = (self.sums, copies.max(1) as f64);
        let mean: Step = sum.map(|part| part / count);
        if copies < LARGE {
            self.copies(copies, |_| &mean);
        } else {
            self.large_block(copies as f64, &mean);
        }
        if copies > 0 {
            self.sums = std::array::from_fn(|part| base[part] + sum[part]);
        }
    }

    /// In closed form: `sum over j = 1..m of (R + j y) = m R + y m (m + 1) / 2` for the areas.
    fn large_block(&mut self, copies: f64, mean: &Step) {
        let (base, k) = (self.sums, self.done as f64);
        let triangle = copies * (copies + 1.0) / 2.0;
        for part in [TREATED_OUTCOME, CONTROL_OUTCOME, EFFECT] {
            self.area[part] += copies * base[part] + mean[part] * triangle;
        }
        let arm = |count: usize, sum: usize| {
            let of = |step: &Step| ArmStep { rows: step[count], outcome: step[sum] };
            ranks_times_mean(&of(&base), &of(mean), k, copies)
        };
        self.gain += arm(TREATED, TREATED_OUTCOME) - arm(CONTROL, CONTROL_OUTCOME);
        let (first, last) = (self.done, self.done + copies as usize);
        while let Some(stop) = self.next_stop().filter(|&stop| stop <= last) {
            let inside = (stop - first) as f64;
            self.keep_at(stop, &std::array::from_fn(|part| base[part] + inside * mean[part]));
        }
        self.done = last;
    }

    /// A few rows without ties.
    pub(super) fn untied<'s>(&mut self, rows: impl Iterator<Item = (&'s Step, u8)>) {
        rows.for_each(|(step, weight)| self.copies(usize::from(weight), |_| step));
    }

    /// So many more copies of rows.
    fn copies<'s>(&mut self, copies: usize, step: impl Fn(usize) -> &'s Step) {
        let first = self.done;
        let last = first + copies;
        while self.done < last {
            let stop = self.next_stop().map_or(last, |stop| stop.min(last));
            let (mut sums, mut area, mut gain) = (self.sums, self.area, self.gain);
            let mut k = self.done as f64;
            for copy in self.done..stop {
                let step = step(copy - first);
                sums = std::array::from_fn(|part| sums[part] + step[part]);
                k += 1.0;
                gain += k * gained(&sums);
                area[TREATED_OUTCOME] += sums[TREATED_OUTCOME];
                area[CONTROL_OUTCOME] += sums[CONTROL_OUTCOME];
                area[EFFECT] += sums[EFFECT];
            }
            (self.sums, self.area, self.gain, self.done) = (sums, area, gain, stop);
            self.keep();
        }
    }
}

/// Rows of one arm, and the sum of their outcomes.
struct ArmStep {
    rows: f64,
    outcome: f64,
}

/// Sum over the copies j = 1..m of a tie block of rank times one arm's mean outcome.
///
/// After k rows, N of them in the arm with outcomes R, each copy adds a rows and outcome y. With A = y / a:
///
/// ```text
/// sum of (k + j) (R + j y) / (N + j a) = A s + (R - N A) / a (m + (a k - N) h)
/// s = m k + m (m + 1) / 2      h = sum of 1 / (N + j a) = (psi(N / a + m + 1) - psi(N / a + 1)) / a
/// ```
fn ranks_times_mean(before: &ArmStep, copy: &ArmStep, k: f64, copies: f64) -> f64 {
    let ArmStep { rows, outcome: sum } = *before;
    let ArmStep { rows: each, outcome } = *copy;
    let ranks = copies * k + copies * (copies + 1.0) / 2.0;
    if each == 0.0 {
        return if rows > 0.0 { sum / rows * ranks } else { 0.0 };
    }
    let (mean, place) = (outcome / each, rows / each);
    let reciprocals = (digamma(place + copies + 1.0) - digamma(place + 1.0)) / each;
    mean * ranks + (sum - rows * mean) / each * (copies + (each * k - rows) * reciprocals)
}

/// `difference` with one division.
fn gained(sums: &Step) -> f64 {
    let [treated, control, treated_outcome, control_outcome, _] = *sums;
    let both = treated * control;
    if both > 0.0 { (treated_outcome * control - control_outcome * treated) / both } else { difference(sums) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_rows_without_ties() {
        let ranking = Ranking::new(&[9.0, 8.0, 7.0, 7.0, 6.0, 5.0, 5.0], |row| row as u64);
        let run = |start, end, tied| Run { start, end, tied };
        let expected = [run(0, 2, false), run(2, 4, true), run(4, 5, false), run(5, 7, true)];
        assert_eq!(Run::all(&ranking), expected);
    }

    #[test]
    fn the_pass_is_that_of_repeated_rows() {
        let ranking = Ranking::new(&[9.0, 8.0, 7.0, 7.0, 6.0], |row| row as u64);
        let steps: Vec<Step> =
            (0..5)
                .map(|row| f64::from(row) + 1.0)
                .map(|y| {
                    if (y as u8).is_multiple_of(2) {
                        [1.0, 0.0, y, 0.0, 0.5]
                    } else {
                        [0.0, 1.0, 0.0, y, 2.0]
                    }
                })
                .collect();
        for weights in [[1, 1, 1, 1, 1], [0, 2, 1, 3, 1], [3, 0, 0, 0, 2], [0, 0, 2, 1, 0]] {
            let rows: usize = weights.iter().map(|&weight: &u8| usize::from(weight)).sum();
            let at = [0, 1, rows / 2, rows];
            let (found, sums) = weighted(&Run::all(&ranking), &steps, true, &weights, &at);
            let plain = Sweep::new(&ranking, &steps, true, Some(&weights));
            let near = |a: &Step, b: &Step| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(
                (found.gain - plain.gain).abs() < 1e-12 && near(&found.total, &plain.total),
                "{found:?} {plain:?}"
            );
            assert!(near(&found.top, &plain.top) && found.top_rows == plain.top_rows, "{found:?} {plain:?}");
            assert!(near(&found.area, &[0.0, 0.0, plain.area[2], plain.area[3], plain.area[4]]), "{found:?}");
            let expected = ranking.weighted_sums_at(&steps, Some(&weights), &at);
            assert!(
                sums.len() == 4 && sums.iter().zip(&expected).all(|(a, b)| near(a, b)),
                "{sums:?} {expected:?}"
            );
        }
    }

    #[test]
    fn a_large_block_is_its_copies() {
        let starts = [[0.0; 5], [9.0, 0.0, 30.0, 0.0, 4.0], [300.0, 500.0, 2000.0, 900.0, -70.0]];
        let blocks =
            [[20.0, 21.0, 50.0, 90.0, 3.0], [41.0, 0.0, 7.0, 0.0, 1.0], [30.5, 44.25, 80.0, -3.0, 9.0]];
        for (sums, sum) in starts.iter().flat_map(|start| blocks.iter().map(move |block| (*start, *block))) {
            let done = (sums[TREATED] + sums[CONTROL]) as usize;
            let at = [done, done + 7, done + 41];
            let start = || Pass { sums, done, stops: at.to_vec(), ..Pass::default() };
            let (mut closed, mut plain) = (start(), start());
            closed.block(41, &sum);
            let mean = sum.map(|part| part / 41.0);
            plain.copies(41, |_| &mean);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs().max(1.0);
            assert!(near(closed.gain, plain.gain), "{} {}", closed.gain, plain.gain);
            assert_eq!((closed.done, closed.kept.len()), (plain.done, plain.kept.len()));
            let kept = closed.kept.iter().flatten().zip(plain.kept.iter().flatten());
            let areas = closed.area.iter().zip(&plain.area).chain(closed.sums.iter().zip(&plain.sums));
            assert!(kept.chain(areas).all(|(a, b)| near(*a, *b)), "{:?} {:?}", closed.area, plain.area);
        }
    }
}
