//! The pass of `Sweep` for rows that count several times: in long stretches, because a bootstrap makes it so often.

use super::ranking::{Ranking, repeat};
use super::sweep::{CONTROL_OUTCOME, EFFECT, Step, Sweep, TREATED_OUTCOME, difference, top_30};

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
        let mean: Step = sum.map(|part| part / copies.max(1) as f64);
        let base = self.sums;
        self.copies(copies, |_| &mean);
        if copies > 0 {
            self.sums = std::array::from_fn(|part| base[part] + sum[part]);
        }
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
        let ranking = Ranking::new(&[9.0, 8.0, 7.0, 7.0, 6.0, 5.0, 5.0], |a, b| a.cmp(&b));
        let run = |start, end, tied| Run { start, end, tied };
        let expected = [run(0, 2, false), run(2, 4, true), run(4, 5, false), run(5, 7, true)];
        assert_eq!(Run::all(&ranking), expected);
    }

    #[test]
    fn the_pass_is_that_of_repeated_rows() {
        let ranking = Ranking::new(&[9.0, 8.0, 7.0, 7.0, 6.0], |a, b| a.cmp(&b));
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
}
