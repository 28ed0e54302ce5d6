//! Seeds are added until a difference is decided: how often is it decided wrongly, and what does that cost? By simulation.

use super::simulation::{LEVEL, header, line, normal};
use super::*;
use rand_distr::{Distribution, StudentT};
use rayon::prelude::*;
use valor_base::seed::{Seeds, Stream};

/// Seeds at the first look and at the last.
const FIRST: usize = 5;
const LAST: usize = 20;

/// Differences of pairs in units of their standard deviation over seeds, looked at after every seed from the fifth on.
#[derive(Clone, Copy)]
struct Design {
    /// The law of a seed's difference about its mean, SD 1.
    law: fn(&mut Stream) -> f64,
    /// Datasets that are averaged.
    datasets: usize,
    /// What the test rows, the same at every look, do to the mean: its SD, in SDs over seeds of that mean.
    rows: f64,
    /// The true mean.
    effect: f64,
    /// Half width of the region of practical equivalence; 0: none.
    margin: f64,
    /// Comparisons, all alike; each stops for itself, Holm over all at every look.
    family: usize,
    /// The test.
    looks: Looks,
}

const NULL: Design =
    Design { law: normal, datasets: 1, rows: 0.0, effect: 0.0, margin: 0.0, family: 1, looks: Looks::Every };

/// Student t with three degrees of freedom, SD 1.
fn heavy(stream: &mut Stream) -> f64 {
    StudentT::new(3.0).unwrap().sample(stream) / 3.0_f64.sqrt()
}

/// Log-normal with a skewness of 1.75, mean 0, SD 1.
fn skewed(stream: &mut Stream) -> f64 {
    let (mean, variance) = (0.125_f64.exp(), 0.25_f64.exp_m1() * 0.25_f64.exp());
    ((0.5 * normal(stream)).exp() - mean) / variance.sqrt()
}

/// How a comparison ended.
#[derive(Clone, Copy)]
struct End {
    seeds: usize,
    verdict: Verdict,
    /// Whether the interval of the last look holds the true mean.
    covers: bool,
}

impl Design {
    /// The values of more and more seeds, each a mean over datasets; and what rows add to all of them.
    fn tested(&self, values: &[f64], rows: f64) -> Studentised {
        let shifted: Vec<f64> = values.iter().map(|value| value + rows).collect();
        let tested = Studentised { looks: self.looks, ..Studentised::of(&shifted).unwrap() };
        Studentised { rows: Tails { down: self.row_sd(), up: self.row_sd() }, ..tested }
    }

    fn row_sd(&self) -> f64 {
        self.rows / (self.datasets as f64).sqrt()
    }

    fn seed(&self, stream: &mut Stream) -> f64 {
        let sum: f64 = (0..self.datasets).map(|_| (self.law)(stream)).sum();
        self.effect + sum / self.datasets as f64
    }

    /// One repetition.
    fn ends(&self, stream: &mut Stream) -> Vec<End> {
        let mut values: Vec<Vec<f64>> =
            (0..self.family).map(|_| (0..FIRST).map(|_| self.seed(stream)).collect()).collect();
        let rows: Vec<f64> = (0..self.family).map(|_| self.row_sd() * normal(stream)).collect();
        let rule = Rule { level: LEVEL, power: POWER, family: self.family, margin: self.margin };
        let mut ends: Vec<Option<End>> = vec![None; self.family];
        let mut p_values = vec![None; self.family];
        for seeds in FIRST..=LAST {
            let tested: Vec<Studentised> =
                values.iter().zip(&rows).map(|(values, rows)| self.tested(values, *rows)).collect();
            for (place, tested) in tested.iter().enumerate().filter(|(place, _)| ends[*place].is_none()) {
                p_values[place] = tested.p_value(0.0).ok();
            }
            let adjusted = holm(&p_values);
            for (place, tested) in tested.iter().enumerate() {
                let verdict = rule.verdict(tested, adjusted[place]);
                if ends[place].is_none() && (verdict != Verdict::Inconclusive || seeds == LAST) {
                    let (low, high) = tested.interval(LEVEL).unwrap();
                    ends[place] =
                        Some(End { seeds, verdict, covers: low <= self.effect && self.effect <= high });
                }
            }
            if ends.iter().all(Option::is_some) {
                break;
            }
            values.iter_mut().for_each(|values| values.push(self.seed(stream)));
        }
        ends.into_iter().flatten().collect()
    }

    fn all(&self, repetitions: u64) -> Vec<Vec<End>> {
        let root = Seeds::new(11).child("optional stopping");
        (0..repetitions).into_par_iter().map(|index| self.ends(&mut root.at(index).stream())).collect()
    }

    /// How often any comparison is called so.
    fn called(&self, words: &[Verdict], repetitions: u64) -> f64 {
        let all = self.all(repetitions);
        let hits = all.iter().filter(|ends| ends.iter().any(|end| words.contains(&end.verdict)));
        hits.count() as f64 / repetitions as f64
    }

    /// How often any comparison is called better or worse.
    fn decided(&self, repetitions: u64) -> f64 {
        self.called(&[Verdict::Better, Verdict::Worse], repetitions)
    }

    fn coverage(&self, repetitions: u64) -> f64 {
        let all = self.all(repetitions);
        all.iter().filter(|ends| ends.iter().all(|end| end.covers)).count() as f64 / repetitions as f64
    }

    fn seeds(&self, repetitions: u64) -> f64 {
        self.all(repetitions).iter().map(|ends| ends[0].seeds as f64).sum::<f64>() / repetitions as f64
    }
}

/// What seeds and rows may be like.
fn kinds() -> [(&'static str, Design); 10] {
    [
        ("normal", NULL),
        ("heavy tails (t with 3 degrees of freedom)", Design { law: heavy, ..NULL }),
        ("skewed (log-normal, 1.75)", Design { law: skewed, ..NULL }),
        ("average over three datasets", Design { datasets: 3, ..NULL }),
        ("rows: a fifth of a seed's SD", Design { rows: 0.2, ..NULL }),
        ("rows: half a seed's SD", Design { rows: 0.5, ..NULL }),
        ("rows: a seed's SD", Design { rows: 1.0, ..NULL }),
        ("rows: thrice a seed's SD", Design { rows: 3.0, ..NULL }),
        ("four comparisons, Holm", Design { family: 4, ..NULL }),
        ("four comparisons, Holm, rows: a seed's SD", Design { family: 4, rows: 1.0, ..NULL }),
    ]
}

#[test]
fn stopping_when_it_is_decided_keeps_the_error_rate_of_the_always_valid_t_and_not_of_student_t() {
    for (name, design) in kinds() {
        // Five skewed seeds are covered by no interval as it says; a fixed Student t of them errs in .09.
        let most = if name.starts_with("skewed") { 0.075 } else { 0.055 };
        let found = design.decided(2_000);
        assert!(found <= most, "{name}: {found}");
    }
    let naive = Design { looks: Looks::Once, ..NULL }.decided(2_000);
    assert!(naive > 0.12, "{naive}");
}

#[test]
fn the_interval_covers_where_one_stops_and_effects_are_found() {
    for effect in [0.0, 1.0, 2.0] {
        let design = Design { effect, ..NULL };
        let (always, naive) =
            (design.coverage(2_000), Design { looks: Looks::Once, ..design }.coverage(2_000));
        assert!(always >= 0.95 && naive < always, "{effect}: {always} {naive}");
    }
    let large = Design { effect: 3.0, ..NULL };
    assert!(large.decided(500) > 0.99 && large.seeds(500) < 7.0, "{}", large.seeds(500));
    let edge = Design { effect: 1.5, margin: 1.5, ..NULL };
    assert!(edge.called(&[Verdict::Equivalent], 2_000) <= 0.05);
    let none = Design { effect: 0.0, ..edge };
    assert!(none.called(&[Verdict::Equivalent], 500) > 0.5);
}

/// The tables of sequential stopping.
pub(super) fn print(many: u64) {
    let three = |share: f64| format!("{share:.3}");
    header(&[
        "no effect, looked at after 5, 6, ... 20 seeds",
        "called better or worse: Student t",
        "always-valid t",
        "interval covers where one stopped: Student t",
        "always-valid t",
    ]);
    for (name, design) in kinds() {
        let naive = Design { looks: Looks::Once, ..design };
        let found = [naive.decided(many), design.decided(many), naive.coverage(many), design.coverage(many)];
        line(&[&[name.to_string()], found.map(three).as_slice()].concat());
    }
    header(&[
        "effect, in SDs over seeds of the paired difference",
        "decided at 5 seeds",
        "decided by 20",
        "seeds on average",
        "interval covers where one stopped",
        "by a t-test of 5 seeds",
    ]);
    for effect in [0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0] {
        let design = Design { effect, ..NULL };
        let all = design.all(many);
        let first = all.iter().filter(|ends| ends[0].seeds == FIRST).count() as f64 / many as f64;
        let once = Studentised::of_pairs(effect, 1.0, FIRST).unwrap().power(effect, LEVEL).unwrap();
        let mean = format!("{:.1}", design.seeds(many));
        let (decided, covers) = (three(design.decided(many)), three(design.coverage(many)));
        line(&[effect.to_string(), three(first), decided, mean, covers, three(once)]);
    }
    header(&[
        "region of practical equivalence, SDs",
        "no effect: called equivalent",
        "effect at its edge: called so",
        "seeds on average, no effect",
    ]);
    for margin in [0.5, 1.0, 1.5, 2.0] {
        let none = Design { margin, ..NULL };
        let found =
            [0.0, margin].map(|effect| three(Design { effect, ..none }.called(&[Verdict::Equivalent], many)));
        line(&[&[margin.to_string()], found.as_slice(), &[format!("{:.1}", none.seeds(many))]].concat());
    }
}
