//! Long stretches of a ranking without ties, for eight resamples at once.
//!
//! What the copies of a row add to the areas has a closed form, so that a row costs the same whatever its weight. For a
//! treated row of weight w and outcome y after k rows, `N_T` of them treated with outcomes `R_T`, and `H(n) = 1 + 1/2 +
//! ... + 1/n`:
//!
//! ```text
//! s = sum over j = 1..w of (k + j) = w (k + (w + 1) / 2)
//! sum over j = 1..w of (k + j) (R_T + j y) / (N_T + j) = y s + (R_T - N_T y) (w + N_C (H(N_T + w) - H(N_T)))
//! ```
//!
//! The other arm's mean does not change meanwhile and adds `s R_C / N_C`.

use super::pass::{Pass, Run, weighted};
use super::scored::RankedRows;
use super::sweep::{CONTROL, CONTROL_OUTCOME, EFFECT, Step, Sweep, TREATED, TREATED_OUTCOME};
use multiversion::multiversion;
use std::ops::Range;

/// Resamples that are followed at once.
pub const LANES: usize = 8;
/// How often a row counts in each of them.
pub type Lanes = [u8; LANES];

/// A number in each of them.
pub(super) type Lane = [f64; LANES];

/// Ranks between two looks whether a stop was passed.
const CHUNK: usize = 16;
/// Fewest ranks that are worth it.
const SHORT: usize = 16;

/// `H(n)` and `1 / n`; zeros for none.
pub(super) struct Harmonics(Vec<[f64; 2]>);

impl Harmonics {
    /// Up to `most`.
    pub(super) fn new(most: usize) -> Self {
        let mut sum = 0.0;
        let entry = |n: usize| {
            let inverse = if n == 0 { 0.0 } else { 1.0 / n as f64 };
            sum += inverse;
            [sum, inverse]
        };
        Self((0..=most).map(entry).collect())
    }

    fn most(&self) -> usize {
        self.0.len() - 1
    }

    /// Whoever asks has compared with `most`; the bound only spares a check.
    #[inline(always)]
    fn at(&self, n: u32) -> [f64; 2] {
        self.0[(n as usize).min(self.0.len() - 1)]
    }
}

/// How often the rows of a ranking count in each lane, and how many those are together.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// By rank.
    pub(super) ranked: &'a [Lanes],
    /// Their sums.
    pub(super) totals: &'a [usize; LANES],
}

/// What `weighted` finds for each lane; arms as observed. `at` are the lane's own ranks.
pub(super) fn weighted_lanes(
    prepared: &RankedRows,
    runs: &[Run],
    weights: Weights,
    harmonics: &Harmonics,
    at: &[Vec<usize>; LANES],
) -> [(Sweep, Vec<Step>); LANES] {
    let (steps, truth) = (&prepared.observed, prepared.effect.is_some());
    let Weights { ranked: weights, totals: rows } = weights;
    if rows.iter().any(|&rows| rows > harmonics.most()) {
        return std::array::from_fn(|one| weighted(runs, steps, truth, &lane(weights, one), &at[one]));
    }
    let mut passes: [Pass; LANES] = std::array::from_fn(|lane| Pass::new(rows[lane], &at[lane]));
    for run in runs {
        let ranks = run.start..run.end;
        if !run.tied && ranks.len() >= SHORT {
            stretch(&mut passes, prepared, ranks, weights, harmonics);
            continue;
        }
        let (steps, weights) = (&steps[ranks.clone()], &weights[ranks]);
        let sums = if run.tied { sums(steps, weights) } else { Default::default() };
        for (one, pass) in passes.iter_mut().enumerate() {
            if run.tied {
                let (copies, sum) = &sums[one];
                pass.block(*copies, sum);
            } else {
                pass.untied(steps.iter().zip(weights.iter().map(|weights| weights[one])));
            }
        }
    }
    let mut lanes = at.iter();
    passes.map(|pass| pass.found(truth, lanes.next().map_or(&[], Vec::as_slice)))
}

/// Rows of each lane.
pub(super) fn totals(weights: &[Lanes]) -> [usize; LANES] {
    let mut totals = [0; LANES];
    for weights in weights {
        (0..LANES).for_each(|lane| totals[lane] += usize::from(weights[lane]));
    }
    totals
}

/// Copies and sums of a tie block in each lane.
fn sums(steps: &[Step], weights: &[Lanes]) -> [(usize, Step); LANES] {
    let mut sums = [[0.0; LANES]; 5];
    for (step, weights) in steps.iter().zip(weights) {
        let weights: Lane = weights.map(f64::from);
        for (sums, part) in sums.iter_mut().zip(step) {
            (0..LANES).for_each(|lane| sums[lane] += weights[lane] * part);
        }
    }
    let copies = totals(weights);
    std::array::from_fn(|lane| (copies[lane], sums.map(|sums| sums[lane])))
}

/// The weights of one lane.
pub(super) fn lane(weights: &[Lanes], lane: usize) -> Vec<u8> {
    weights.iter().map(|weights| weights[lane]).collect()
}

/// Rows of one arm so far, and what they added to the areas within the stretch.
#[derive(Clone, Copy)]
struct Arm {
    rows: [u32; LANES],
    count: Lane,
    harmonic: Lane,
    sum: Lane,
    mean: Lane,
    /// Sum over copies of their outcome times their rank.
    moment: Lane,
    /// Sum over ranks of rank times the arm's mean, less `moment`.
    curve: Lane,
}

impl Arm {
    /// `count` and `sum` are the parts of a [`Step`] that hold the arm's rows and outcomes.
    fn new(passes: &[Pass; LANES], count: usize, sum: usize, harmonics: &Harmonics) -> Self {
        let rows = std::array::from_fn(|lane| passes[lane].sums[count] as u32);
        let sum = std::array::from_fn(|lane| passes[lane].sums[sum]);
        let found = rows.map(|rows| harmonics.at(rows));
        Self {
            rows,
            count: rows.map(f64::from),
            harmonic: found.map(|[harmonic, _]| harmonic),
            sum,
            mean: std::array::from_fn(|lane| sum[lane] * found[lane][1]),
            moment: [0.0; LANES],
            curve: [0.0; LANES],
        }
    }
}

/// All that is known at a rank.
#[derive(Clone, Copy)]
struct State {
    k: Lane,
    /// Treated, control.
    arms: [Arm; 2],
    effect: Lane,
    effect_moment: Lane,
}

impl State {
    fn new(passes: &[Pass; LANES], harmonics: &Harmonics) -> Self {
        Self {
            k: std::array::from_fn(|lane| passes[lane].done as f64),
            arms: [
                Arm::new(passes, TREATED, TREATED_OUTCOME, harmonics),
                Arm::new(passes, CONTROL, CONTROL_OUTCOME, harmonics),
            ],
            effect: std::array::from_fn(|lane| passes[lane].sums[EFFECT]),
            effect_moment: [0.0; LANES],
        }
    }

    fn sums(&self, lane: usize) -> Step {
        let [treated, control] = &self.arms;
        [treated.count[lane], control.count[lane], treated.sum[lane], control.sum[lane], self.effect[lane]]
    }

    /// Ends the stretch for one lane. The sum over ranks `k0 + 1..=k` of a running sum that grew from `before` is
    /// `before (k - k0) + (k + 1) (after - before) - moment`.
    fn close(&self, lane: usize, pass: &mut Pass) {
        let (sums, k, k0) = (self.sums(lane), self.k[lane], pass.done as f64);
        let [treated, control] = &self.arms;
        pass.gain +=
            treated.moment[lane] + treated.curve[lane] - (control.moment[lane] + control.curve[lane]);
        let moments = [
            (TREATED_OUTCOME, treated.moment[lane]),
            (CONTROL_OUTCOME, control.moment[lane]),
            (EFFECT, self.effect_moment[lane]),
        ];
        for (part, moment) in moments {
            let before = pass.sums[part];
            pass.area[part] += before * (k - k0) + (k + 1.0) * (sums[part] - before) - moment;
        }
        (pass.sums, pass.done) = (sums, k as usize);
    }

    /// One more row.
    #[inline(always)]
    fn row(&mut self, row: Row, weights: &Lanes, harmonics: &Harmonics) {
        let Row { treated, outcome, effect } = row;
        let weight: Lane = std::array::from_fn(|lane| f64::from(weights[lane]));
        let mut ranks = [0.0; LANES];
        for lane in 0..LANES {
            ranks[lane] = weight[lane] * (self.k[lane] + 0.5 * (weight[lane] + 1.0));
            self.effect[lane] += weight[lane] * effect;
            self.effect_moment[lane] += ranks[lane] * effect;
            self.k[lane] += weight[lane];
        }
        let copies = Copies { weights, weight, ranks };
        // By index and by value: a branch on the arm would be guessed wrong every other time.
        let (mut own, mut other) = (self.arms[usize::from(!treated)], self.arms[usize::from(treated)]);
        own.add(&mut other, outcome, &copies, harmonics);
        self.arms[usize::from(!treated)] = own;
        self.arms[usize::from(treated)].curve = other.curve;
    }
}

/// What is known of a row.
#[derive(Clone, Copy)]
struct Row {
    treated: bool,
    outcome: f64,
    effect: f64,
}

/// A row in each lane: its weight, and the sum over its copies of their ranks.
struct Copies<'a> {
    weights: &'a Lanes,
    weight: Lane,
    ranks: Lane,
}

impl Arm {
    /// A row of this arm.
    #[inline(always)]
    fn add(&mut self, other: &mut Self, outcome: f64, copies: &Copies, harmonics: &Harmonics) {
        let Copies { weights, weight, ranks } = copies;
        (0..LANES).for_each(|lane| self.rows[lane] += u32::from(weights[lane]));
        let (mut harmonic, mut inverse) = ([0.0; LANES], [0.0; LANES]);
        for lane in 0..LANES {
            [harmonic[lane], inverse[lane]] = harmonics.at(self.rows[lane]);
        }
        for lane in 0..LANES {
            let spread = weight[lane] + other.count[lane] * (harmonic[lane] - self.harmonic[lane]);
            self.curve[lane] += (self.sum[lane] - self.count[lane] * outcome) * spread;
            self.moment[lane] += outcome * ranks[lane];
            other.curve[lane] += other.mean[lane] * ranks[lane];
            self.sum[lane] += weight[lane] * outcome;
            self.mean[lane] = self.sum[lane] * inverse[lane];
            self.count[lane] += weight[lane];
            self.harmonic[lane] = harmonic[lane];
        }
    }
}

/// Ranks without ties. Whatever the instruction set, the same operations in the same order.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn stretch(
    passes: &mut [Pass; LANES],
    prepared: &RankedRows,
    ranks: Range<usize>,
    weights: &[Lanes],
    harmonics: &Harmonics,
) {
    walk(passes, prepared, ranks, weights, harmonics);
}

#[inline(always)]
fn walk(
    passes: &mut [Pass; LANES],
    prepared: &RankedRows,
    ranks: Range<usize>,
    weights: &[Lanes],
    harmonics: &Harmonics,
) {
    let mut state = State::new(passes, harmonics);
    for start in ranks.clone().step_by(CHUNK) {
        let (before, ranks) = (state, start..ranks.end.min(start + CHUNK));
        let effects =
            prepared.effect.as_ref().map_or(&[0.0; CHUNK][..ranks.len()], |effect| &effect[ranks.clone()]);
        let (arms, outcomes) = (&prepared.treatment[ranks.clone()], &prepared.outcome[ranks.clone()]);
        let weights = &weights[ranks.clone()];
        for (((&treated, &outcome), &effect), weights) in arms.iter().zip(outcomes).zip(effects).zip(weights)
        {
            state.row(Row { treated, outcome, effect }, weights, harmonics);
        }
        for (lane, pass) in passes.iter_mut().enumerate() {
            let copies = weights.iter().map(|weights| weights[lane]);
            let rows = prepared.observed[ranks.clone()].iter().zip(copies);
            keep_between(pass, before.k[lane], before.sums(lane), state.k[lane], rows);
        }
    }
    for (lane, pass) in passes.iter_mut().enumerate() {
        state.close(lane, pass);
    }
}

/// Keeps the sums at the stops among these rows, which lead from rank `k`, where the sums are `sums`, to rank `end`.
fn keep_between<'a>(
    pass: &mut Pass,
    k: f64,
    mut sums: Step,
    end: f64,
    mut rows: impl Iterator<Item = (&'a Step, u8)>,
) {
    let mut done = k as usize;
    while pass.next_stop().is_some_and(|stop| stop as f64 <= end) {
        let Some((step, weight)) = rows.next() else { return };
        for _ in 0..weight {
            done += 1;
            sums = std::array::from_fn(|part| sums[part] + step[part]);
            pass.keep_at(done, &sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ScoredRows;
    use rand::Rng;
    use valor_base::seed::Seeds;

    /// Rows with scores of so many levels, and their weights.
    fn draw(rows: usize, levels: f64) -> (RankedRows, Vec<Lanes>) {
        let mut stream = Seeds::new(rows as u64).stream();
        let score: Vec<f64> = (0..rows).map(|_| (stream.random::<f64>() * levels).floor()).collect();
        let treatment: Vec<bool> = (0..rows).map(|row| row % 5 < 2).collect();
        let effect: Vec<f64> = (0..rows).map(|_| stream.random_range(-1.0..2.0)).collect();
        let mut spent = || if stream.random_bool(0.3) { stream.random_range(0.0..50.0) } else { 0.0 };
        let outcome: Vec<f64> = (0..rows).map(|_| spent()).collect();
        let mut weights = vec![[0; LANES]; rows];
        for draw in 0..rows * (LANES - 1) {
            weights[stream.random_range(0..rows)][1 + draw / rows] += 1;
        }
        weights[rows / 2][1] += 9;
        weights[0][1] = 0;
        let judged = ScoredRows { effect: Some(&effect), ..ScoredRows::new(&score, &treatment, &outcome) };
        (RankedRows::new(&judged).unwrap(), weights)
    }

    fn near(a: &Step, b: &Step, scale: f64) -> bool {
        a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-11 * scale)
    }

    #[test]
    fn eight_at_once_are_those_alone() {
        for (rows, levels) in [(5, 1e12), (40, 1e12), (900, 1e12), (900, 3e4), (900, 400.0), (300, 4.0)] {
            let (prepared, weights) = draw(rows, levels);
            let runs = Run::all(&prepared.ranking);
            let at = totals(&weights).map(|total| vec![0, total / 3, total / 3, total]);
            let harmonics = Harmonics::new(rows + 9);
            let counted = Weights { ranked: &weights, totals: &totals(&weights) };
            let found = weighted_lanes(&prepared, &runs, counted, &harmonics, &at);
            for (one, (sweep, kept)) in found.into_iter().enumerate() {
                let (plain, expected) =
                    weighted(&runs, &prepared.observed, true, &lane(&weights, one), &at[one]);
                let scale = 1.0 + (rows * rows) as f64;
                assert!(
                    (sweep.gain - plain.gain).abs() <= 1e-11 * scale * 50.0,
                    "{rows}, {levels}, lane {one}"
                );
                assert!(near(&sweep.area, &plain.area, scale), "{sweep:?} {plain:?}");
                assert!(near(&sweep.total, &plain.total, scale) && near(&sweep.top, &plain.top, scale));
                assert_eq!((sweep.rows, sweep.top_rows, kept.len()), (plain.rows, plain.top_rows, 4));
                assert!(kept.iter().zip(&expected).all(|(a, b)| near(a, b, scale)), "{kept:?} {expected:?}");
            }
        }
    }

    #[test]
    fn more_rows_than_harmonics_are_followed_alone() {
        let (prepared, weights) = draw(100, 1e12);
        let (runs, at) = (Run::all(&prepared.ranking), totals(&weights).map(|total| vec![total]));
        let counted = Weights { ranked: &weights, totals: &totals(&weights) };
        let few = weighted_lanes(&prepared, &runs, counted, &Harmonics::new(100), &at);
        let enough = weighted_lanes(&prepared, &runs, counted, &Harmonics::new(200), &at);
        assert!(few.iter().zip(&enough).all(|(few, enough)| (few.0.gain - enough.0.gain).abs() < 1e-6));
    }

    #[test]
    fn vectors_of_any_width_give_the_same_bits() {
        let (prepared, weights) = draw(900, 1e12);
        let (harmonics, at) = (Harmonics::new(1_000), totals(&weights).map(|total| vec![total / 3, total]));
        type Walk = fn(&mut [Pass; LANES], &RankedRows, Range<usize>, &[Lanes], &Harmonics);
        let [widest, plain] = [stretch as Walk, walk as Walk].map(|walk| {
            let mut passes: [Pass; LANES] = std::array::from_fn(|lane| Pass::new(at[lane][1], &at[lane]));
            walk(&mut passes, &prepared, 0..900, &weights, &harmonics);
            passes.map(|pass| pass.found(true, &[]).0)
        });
        assert_eq!(widest, plain);
    }
}
