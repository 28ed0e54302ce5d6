//! Do intervals cover, do tests keep their size, is a detectable difference detected? By simulation.
//!
//! A small version runs with the tests. `make simulation` runs 20,000 repetitions and prints the tables of docs/methods/simulation.md.

use super::*;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use valor_base::seed::{Seeds, Stream};

pub(super) const LEVEL: f64 = 0.95;
/// Standard deviation over seeds, and its correlation between two methods.
const SD: f64 = 0.03;
const CORRELATION: f64 = 0.8;

/// Share of repetitions in which something happens.
fn share(repetitions: u64, name: &str, happens: impl Fn(&mut Stream) -> bool + Sync) -> f64 {
    let root = Seeds::new(11).child(name);
    let hit = |index: u64| u64::from(happens(&mut root.at(index).stream()));
    (0..repetitions).into_par_iter().map(hit).sum::<u64>() as f64 / repetitions as f64
}

pub(super) fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

pub(super) fn values(stream: &mut Stream, n: usize, law: fn(&mut Stream) -> f64) -> Vec<f64> {
    (0..n).map(|_| law(stream)).collect()
}

/// Log-normal with a skewness of 1.75 and a mean of 0.
fn skewed(stream: &mut Stream) -> f64 {
    (0.5 * normal(stream)).exp() - 0.125_f64.exp()
}

fn covers((low, high): (f64, f64), truth: f64) -> bool {
    low <= truth && truth <= high
}

/// Coverage of an interval over seeds; one that is refused does not cover.
fn coverage(method: SeedInterval, n: usize, law: fn(&mut Stream) -> f64, repetitions: u64) -> f64 {
    share(repetitions, "coverage", |stream| {
        let found = seed_interval(&values(stream, n, law), method, LEVEL, &Seeds::new(1));
        found.is_ok_and(|found| covers((found.low, found.high), 0.0))
    })
}

/// A family of methods against one baseline on the same seeds: all are equal but the first, which has a gap.
struct Design {
    seeds: usize,
    family: usize,
    /// In smallest detectable differences.
    gap: f64,
    /// The region of practical equivalence, likewise.
    margin: f64,
}

impl Design {
    fn detectable(&self) -> f64 {
        let sd = SD * (2.0 - 2.0 * CORRELATION).sqrt();
        let level = Rule { level: LEVEL, power: POWER, family: self.family, margin: 0.0 }.single_level();
        Studentised::of_pairs(0.0, sd, self.seeds).unwrap().detectable(level, POWER).unwrap()
    }

    /// One repetition: a word per method. `unit` is the detectable difference.
    fn verdicts(&self, unit: f64, stream: &mut Stream) -> Vec<Verdict> {
        let (shared, own) = ((CORRELATION * SD * SD).sqrt(), ((1.0 - CORRELATION) * SD * SD).sqrt());
        let common: Vec<f64> = (0..self.seeds).map(|_| shared * normal(stream)).collect();
        let mut method =
            |gap: f64| -> Vec<f64> { common.iter().map(|seed| gap + seed + own * normal(stream)).collect() };
        let baseline = method(0.0);
        let tested: Vec<Studentised> = (0..self.family)
            .map(|index| {
                let other = method(if index == 0 { self.gap * unit } else { 0.0 });
                let differences: Vec<f64> = other.iter().zip(&baseline).map(|(a, b)| a - b).collect();
                Studentised::of(&differences).unwrap()
            })
            .collect();
        let adjusted = holm(&tested.iter().map(|tested| tested.p_value(0.0).ok()).collect::<Vec<_>>());
        let rule = Rule { level: LEVEL, power: POWER, family: self.family, margin: self.margin * unit };
        tested.iter().zip(adjusted).map(|(tested, p)| rule.verdict(tested, p)).collect()
    }

    /// How often the first method is called so.
    fn called(&self, word: Verdict, repetitions: u64) -> f64 {
        let unit = self.detectable();
        share(repetitions, "verdict", |stream| self.verdicts(unit, stream)[0] == word)
    }

    /// How often any method is called better or worse.
    fn decided(&self, repetitions: u64) -> f64 {
        let decided = |word: &Verdict| matches!(word, Verdict::Better | Verdict::Worse);
        let unit = self.detectable();
        share(repetitions, "verdict", |stream| self.verdicts(unit, stream).iter().any(decided))
    }
}

/// Seeds and rows: a mean over `ROWS` rows that all seeds share, a level per seed, and what both do together.
struct TwoSources {
    seeds: usize,
    seed_sd: f64,
    row_sd: f64,
    joint_sd: f64,
}

/// Shares of repetitions in which each of several intervals lies above the truth, and below it.
pub(super) fn missed<const N: usize>(
    repetitions: u64,
    name: &str,
    truth: f64,
    intervals: impl Fn(&mut Stream) -> [(f64, f64); N] + Sync,
) -> [[f64; 2]; N] {
    let root = Seeds::new(11).child(name);
    let one = |index: u64| {
        intervals(&mut root.at(index).stream())
            .map(|(low, high)| [f64::from(u8::from(low > truth)), f64::from(u8::from(high < truth))])
    };
    let all: Vec<[[f64; 2]; N]> = (0..repetitions).into_par_iter().map(one).collect();
    let mean =
        |kind: usize, side: usize| all.iter().map(|one| one[kind][side]).sum::<f64>() / repetitions as f64;
    std::array::from_fn(|kind| [mean(kind, 0), mean(kind, 1)])
}

/// The four intervals of a mean over seeds and rows.
const KINDS: [&str; 4] = ["seeds alone", "rows alone", "percentile, crossed", "seeds and rows"];
const ROWS: usize = 60;
pub(super) const RESAMPLES: usize = 200;

impl TwoSources {
    fn intervals(&self, stream: &mut Stream) -> [(f64, f64); 4] {
        let rows: Vec<f64> = (0..ROWS).map(|_| self.row_sd * normal(stream)).collect();
        let table: Vec<Vec<f64>> = (0..self.seeds)
            .map(|_| {
                let level = self.seed_sd * normal(stream);
                rows.iter().map(|row| level + row + self.joint_sd * normal(stream)).collect()
            })
            .collect();
        let of_seed: Vec<f64> = table.iter().map(|seed| seed.iter().sum::<f64>() / ROWS as f64).collect();
        let of_row: Vec<f64> = (0..ROWS)
            .map(|row| table.iter().map(|seed| seed[row]).sum::<f64>() / self.seeds as f64)
            .collect();
        let resample =
            |stream: &mut Stream| (0..ROWS).map(|_| stream.random_range(0..ROWS)).collect::<Vec<_>>();
        let (mut over_rows, mut crossed) = (Vec::new(), Vec::new());
        for _ in 0..RESAMPLES {
            let drawn = resample(stream);
            over_rows.push(drawn.iter().map(|&row| of_row[row]).sum::<f64>() / ROWS as f64);
            let chosen: Vec<usize> = (0..self.seeds).map(|_| stream.random_range(0..self.seeds)).collect();
            let sum: f64 =
                chosen.iter().map(|&seed| drawn.iter().map(|&row| table[seed][row]).sum::<f64>()).sum();
            crossed.push(sum / (ROWS * self.seeds) as f64);
        }
        let seeds = Studentised::of(&of_seed).unwrap();
        let rows = Resampled { values: over_rows, rows: ROWS, law: Law::Drawn };
        let both = seeds_and_rows(&seeds, &rows).unwrap();
        let ends = |interval: Interval| (interval.low, interval.high);
        [
            seeds.interval(LEVEL).unwrap(),
            ends(rows.interval(LEVEL).unwrap()),
            ends(Resampled { values: crossed, rows: ROWS, law: Law::Drawn }.interval(LEVEL).unwrap()),
            both.interval(LEVEL).unwrap(),
        ]
    }

    fn coverage(&self, kind: usize, repetitions: u64) -> f64 {
        share(repetitions, "two sources", |stream| covers(self.intervals(stream)[kind], 0.0))
    }

    fn missed(&self, repetitions: u64) -> [[f64; 2]; 4] {
        missed(repetitions, "two sources", 0.0, |stream| self.intervals(stream))
    }
}

/// Three worlds of five seeds, one of them with thrice the spread: the mean over these worlds, and over worlds at large.
fn over_worlds(between: f64, repetitions: u64) -> [f64; 2] {
    let draw = |stream: &mut Stream| {
        let worlds: Vec<f64> = (0..3).map(|_| between * normal(stream)).collect();
        let parts: Vec<(f64, Studentised)> = worlds
            .iter()
            .zip([1.0, 1.0, 3.0])
            .map(|(world, spread)| {
                let seeds: Vec<f64> = (0..5).map(|_| world + spread * normal(stream)).collect();
                (1.0 / 3.0, Studentised::of(&seeds).unwrap())
            })
            .collect();
        (worlds, parts)
    };
    let these = share(repetitions, "worlds", |stream| {
        let (worlds, parts) = draw(stream);
        let interval = Studentised::sum(&parts).unwrap().interval(LEVEL).unwrap();
        covers(interval, worlds.iter().sum::<f64>() / 3.0)
    });
    let at_large = share(repetitions, "worlds", |stream| {
        let means: Vec<f64> = draw(stream).1.iter().map(|(_, part)| part.mean).collect();
        covers(Studentised::of(&means).unwrap().interval(LEVEL).unwrap(), 0.0)
    });
    [these, at_large]
}

/// Coverage of an effect in seven sets of switches, six backbones of five seeds; the effect differs between backbones.
fn effects(between: f64, repetitions: u64) -> f64 {
    let sets = [[0., 0., 0.], [1., 0., 0.], [1., 1., 0.], [1., 0., 1.], [1., 1., 1.], [0., 0., 1.]];
    share(repetitions, "effects", |stream| {
        let own = [0.0; 6].map(|_: f64| between * normal(stream));
        let (mut blocks, mut columns, mut y) = (Vec::new(), Vec::new(), Vec::new());
        for block in 0..30 {
            let level = normal(stream);
            for set in sets {
                blocks.push(block);
                columns.push(set.to_vec());
                y.push(level + set[2] * own[block / 5] + 0.5 * normal(stream));
            }
        }
        let fit = within_blocks(&blocks, &columns, &y).unwrap();
        let effect = fit.coefficients[2].clone().unwrap();
        covers(effect.interval(LEVEL).unwrap(), own.iter().sum::<f64>() / 6.0)
    })
}

/// How often a test of paired differences rejects at .05 when the true mean is `gap` standard deviations.
fn rejects(test: Option<SignTest>, n: usize, gap: f64, repetitions: u64) -> f64 {
    share(repetitions, "tests", |stream| {
        let differences: Vec<f64> = (0..n).map(|_| gap + normal(stream)).collect();
        let p = match test {
            None => Studentised::of(&differences).unwrap().p_value(0.0),
            Some(test) => sign_test(test, &[differences]),
        };
        p.is_ok_and(|p| p <= 0.05)
    })
}

/// How often two one-sided tests call a true difference of `gap` equivalent, inside a region of +-1.
fn equivalent(n: usize, gap: f64, sd: f64, repetitions: u64) -> f64 {
    share(repetitions, "equivalence", |stream| {
        let differences: Vec<f64> = (0..n).map(|_| gap + sd * normal(stream)).collect();
        Studentised::of(&differences).unwrap().equivalence(1.0).is_ok_and(|p| p < 0.05)
    })
}

#[test]
fn five_seeds_are_covered_by_student_t_and_bootstrap_t_and_not_by_quantiles() {
    let found = SeedInterval::ALL.map(|method| coverage(method, 5, normal, 2_000));
    for (found, expected) in found.iter().zip([0.95, 0.83, 0.83, 0.95]) {
        assert!((found - expected).abs() < 0.02, "{found} instead of {expected}");
    }
}

#[test]
fn identical_methods_are_rarely_called_apart_and_mostly_equivalent() {
    let equal = Design { seeds: 5, family: 4, gap: 0.0, margin: 1.5 };
    let (apart, same) = (equal.decided(2_000), equal.called(Verdict::Equivalent, 2_000));
    assert!(apart <= 0.05 && same >= 0.8, "{apart} {same}");
    let silent = Design { margin: 0.0, ..equal };
    let (apart, same) = (silent.decided(2_000), silent.called(Verdict::Equivalent, 2_000));
    assert!(apart <= 0.06 && same == 0.0, "{apart} {same}");
}

#[test]
fn a_gap_at_the_smallest_detectable_difference_is_found_in_four_of_five() {
    for (seeds, family) in [(5, 1), (5, 4), (10, 20)] {
        let found = Design { seeds, family, gap: 1.0, margin: 0.0 }.called(Verdict::Better, 2_000);
        assert!((0.75..=0.85).contains(&found), "{seeds} seeds, {family} comparisons: {found}");
    }
}

#[test]
fn seeds_and_rows_together_cover() {
    let balanced = TwoSources { seeds: 5, seed_sd: 1.0, row_sd: 60_f64.sqrt() * 0.45, joint_sd: 1.0 };
    let [seeds, rows, _, both] = [0, 1, 2, 3].map(|kind| balanced.coverage(kind, 1_000));
    assert!(both >= 0.93 && seeds < both && rows < both, "{seeds} {rows} {both}");
}

#[test]
fn the_joint_interval_misses_on_neither_side_more_often_than_it_says() {
    let root = (ROWS as f64).sqrt();
    for (seed_sd, row_sd) in [(1.0, 0.05), (1.0, 0.45), (0.1, 1.0)] {
        let sources = TwoSources { seeds: 5, seed_sd, row_sd: root * row_sd, joint_sd: 0.5 };
        let [below, above] = sources.missed(1_000)[3];
        assert!(below <= 0.045 && above <= 0.045, "{seed_sd} {row_sd}: {below} {above}");
    }
}

/// Prints a line of a Markdown table.
pub(super) fn line(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

pub(super) fn header(columns: &[&str]) {
    println!();
    line(&columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    line(&vec!["---".to_string(); columns.len()]);
}

fn three(share: f64) -> String {
    format!("{share:.3}")
}

fn print_intervals(many: u64) {
    header(&["95 % interval of a mean over seeds", "n = 3", "n = 5", "n = 10", "n = 5, skewed"]);
    for method in SeedInterval::ALL {
        let ten = if method == SeedInterval::StudentT { many } else { many / 10 };
        let found =
            [(3, many), (5, many), (10, ten)].map(|(n, times)| three(coverage(method, n, normal, times)));
        let refused = method == SeedInterval::BootstrapT;
        let first = if refused { "refused".to_string() } else { found[0].clone() };
        let skew = three(coverage(method, 5, skewed, many));
        line(&[method.name().to_string(), first, found[1].clone(), found[2].clone(), skew]);
    }
    let spread =
        |stream: &mut Stream| covers(spread_interval(&values(stream, 5, normal), LEVEL).unwrap(), 1.0);
    let mut last = vec![
        "standard deviation, chi-squared".to_string(),
        String::new(),
        three(share(many, "spread", spread)),
    ];
    last.resize(5, String::new());
    line(&last);
}

fn print_sources(many: u64) {
    header(&[
        "95 % interval, five seeds",
        "seeds dominate",
        "equal",
        "rows dominate",
        "seed and row vary together",
    ]);
    let root = (ROWS as f64).sqrt();
    let designs = [(1.0, 0.05, 0.5), (1.0, 0.45, 0.5), (0.1, 1.0, 0.5), (0.5, 0.2, 8.0)];
    for (kind, name) in KINDS.iter().enumerate() {
        let found = designs.map(|(seed_sd, row_sd, joint_sd)| {
            let sources = TwoSources { seeds: 5, seed_sd, row_sd: root * row_sd, joint_sd };
            three(sources.coverage(kind, many / 5))
        });
        line(&[&[name.to_string()], found.as_slice()].concat());
    }
    header(&[
        "joint interval misses",
        "seeds dominate",
        "equal",
        "rows dominate",
        "seed and row vary together",
    ]);
    let found = designs.map(|(seed_sd, row_sd, joint_sd)| {
        TwoSources { seeds: 5, seed_sd, row_sd: root * row_sd, joint_sd }.missed(many / 5)[3]
    });
    for (side, name) in ["lies above the truth", "lies below the truth"].into_iter().enumerate() {
        line(&[&[name.to_string()], found.map(|found| three(found[side])).as_slice()].concat());
    }
    header(&["95 % interval", "blocks alike", "blocks differ, SD 1"]);
    let worlds = [0.0, 1.0].map(|between| over_worlds(between, many));
    line(&["mean over these three worlds".to_string(), three(worlds[0][0]), three(worlds[1][0])]);
    line(&["mean over worlds at large".to_string(), three(worlds[0][1]), three(worlds[1][1])]);
    let found = [0.0, 1.0].map(|between| three(effects(between, many)));
    line(&["effect of a component, these six backbones".to_string(), found[0].clone(), found[1].clone()]);
}

fn print_tests(many: u64) {
    header(&["paired test at .05", "pairs", "size", "power at the t-test's detectable difference"]);
    let tests = [
        ("Student t", None),
        ("sign-flip", Some(SignTest::SignFlip)),
        ("Wilcoxon", Some(SignTest::Wilcoxon)),
    ];
    for (name, test) in tests {
        for n in [5, 6, 10] {
            let gap = Studentised::of_pairs(0.0, 1.0, n).unwrap().detectable(LEVEL, POWER).unwrap();
            let found = [0.0, gap].map(|gap| three(rejects(test, n, gap, many)));
            line(&[name.to_string(), n.to_string(), found[0].clone(), found[1].clone()]);
        }
    }
    header(&[
        "two one-sided tests at .05, five pairs",
        "called equivalent, true 0",
        "true difference at the edge (size)",
    ]);
    for sd in [0.3, 0.6, 1.0] {
        let found = [0.0, 1.0].map(|gap| three(equivalent(5, gap, sd, many)));
        line(&[format!("SD of differences {sd} of the margin"), found[0].clone(), found[1].clone()]);
    }
}

fn print_verdicts(many: u64) {
    header(&[
        "seeds",
        "comparisons",
        "region, in detectable differences",
        "all equal: any called better or worse",
        "equal: called equivalent",
        "planted at the detectable difference: found",
    ]);
    let designs = [
        (5, 1, 0.0),
        (5, 1, 1.5),
        (5, 4, 0.0),
        (5, 4, 1.0),
        (5, 4, 1.5),
        (5, 20, 1.5),
        (10, 4, 1.5),
        (10, 20, 1.5),
    ];
    for (seeds, family, margin) in designs {
        let equal = Design { seeds, family, gap: 0.0, margin };
        let planted = Design { gap: 1.0, margin: 0.0, ..equal };
        line(&[
            seeds.to_string(),
            family.to_string(),
            margin.to_string(),
            three(equal.decided(many)),
            three(equal.called(Verdict::Equivalent, many)),
            three(planted.called(Verdict::Better, many)),
        ]);
    }
}

#[test]
#[ignore = "20,000 repetitions: make simulation"]
fn the_tables_of_the_methods() {
    let many = 20_000;
    print_intervals(many);
    print_sources(many);
    super::weak_totals::print(many);
    super::row_coverage::print(many);
    print_tests(many);
    print_verdicts(many);
    super::optional_stopping::print(many);
}
