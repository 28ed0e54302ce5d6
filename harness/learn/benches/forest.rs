//! Seconds to grow forests and microseconds to ask them, on b2b-mimic.
//!
//! `cargo bench --bench forest -- [--rows 189137] [--rounds 3]` prints JSON under the keys of `scripts/bench_forest.py`, which
//! asks EconML for the same: trained on the first rows, asked about 47,284 more; residuals are given (`t - 1/2`, `y` less its
//! mean), so nothing is centred on either side. Times are given by the clock and, as `CPU`, by what the processors have worked, which
//! tells much the same on a machine that does something else besides. `-- --scaling` grows forests on up to 2,000,000 rows and of up to 40 trees, each
//! in a process of its own, and prints seconds and peak memory.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use valor_base::seed::Seeds;
use valor_data::b2b_mimic::B2bMimicSpec;
use valor_data::encode::ColumnKind;
use valor_data::{DataSpec, Dataset};
use valor_learn::trees::{CausalForest, CausalForestSpec, Residual, Rows, ZilnForest, ZilnForestSpec};
use valor_stats::metrics::{self, ScoredRows};

/// Rows that are asked about.
const ASKED: usize = 47_284;
/// Times that all of them are asked about, of which the median counts.
const PASSES: usize = 9;
/// Rows and trees of the forests that show how the cost grows.
const SCALING: [(usize, usize); 8] = [
    (125_000, 20),
    (250_000, 20),
    (500_000, 20),
    (1_000_000, 20),
    (2_000_000, 20),
    (250_000, 5),
    (250_000, 10),
    (250_000, 40),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.map_or(default, |place| arguments[place + 1].parse().unwrap())
    };
    let (rows, rounds, trees) = (number("--rows", 189_137), number("--rounds", 3), number("--trees", 20));
    if arguments.iter().any(|argument| argument == "--scaling") {
        scaling();
    } else if arguments.iter().any(|argument| argument == "--once") {
        once(rows, trees);
    } else {
        print(rows, rounds);
    }
}

/// Rows of b2b-mimic with what forests need besides: kinds of columns, training rows, residuals.
struct Given {
    data: Dataset,
    kinds: Vec<ColumnKind>,
    train: Vec<u32>,
    residuals: Vec<Residual>,
}

impl Given {
    fn new(train: usize, asked: usize) -> Self {
        let spec = B2bMimicSpec { rows: train + asked, ..B2bMimicSpec::default() };
        let data = valor_data::load(&DataSpec::B2bMimic(spec), Path::new("")).unwrap();
        let mean = data.outcome[..train].iter().sum::<f64>() / train as f64;
        let residual = |(&treated, &outcome): (&bool, &f64)| Residual {
            treatment: f64::from(u8::from(treated)) - 0.5,
            outcome: outcome - mean,
            treated,
        };
        Self {
            residuals: data.assigned().iter().zip(&data.outcome).take(train).map(residual).collect(),
            kinds: vec![ColumnKind::Number; data.numeric.columns],
            train: (0..train as u32).collect(),
            data,
        }
    }

    fn rows(&self) -> Rows<'_> {
        Rows {
            features: &self.data.numeric,
            kinds: &self.kinds,
            treatment: self.data.assigned(),
            outcome: &self.data.outcome,
            train: &self.train,
        }
    }

    fn grow(&self, trees: usize, seed: usize) -> [(Seconds, Grown); 2] {
        let (rows, seeds) = (self.rows(), Seeds::new(seed as u64));
        let ziln = ZilnForestSpec { trees, ..ZilnForestSpec::default() };
        let causal = CausalForestSpec { trees: trees.next_multiple_of(4), ..CausalForestSpec::default() };
        [
            timed(|| Grown::Ziln(ZilnForest::fit(&ziln, &rows, &seeds))),
            timed(|| Grown::Causal(CausalForest::fit_residuals(&causal, &rows, &self.residuals, &seeds))),
        ]
    }
}

enum Grown {
    Ziln(ZilnForest),
    Causal(CausalForest),
}

impl Grown {
    fn name(&self) -> &'static str {
        match self {
            Grown::Ziln(_) => "ziln-forest",
            Grown::Causal(_) => "causal-forest",
        }
    }

    fn uplifts(&self, rows: &[&[f32]]) -> Vec<f64> {
        match self {
            Grown::Ziln(forest) => forest.predict_all(rows).iter().map(|said| said.uplift()).collect(),
            Grown::Causal(forest) => forest.effects(rows),
        }
    }

    fn uplift(&self, row: &[f32]) -> f64 {
        match self {
            Grown::Ziln(forest) => forest.predict(row).uplift(),
            Grown::Causal(forest) => forest.effect(row),
        }
    }
}

/// Medians over rounds: both forests grown, asked about the last rows, and judged.
fn print(rows: usize, rounds: usize) {
    let given = Given::new(rows, ASKED);
    let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for (seconds, forest) in given.grow(20, round) {
            let mut note = |key: &str, value: f64| {
                found.entry(format!("{}, {key}", forest.name())).or_default().push(value);
            };
            note("seconds", seconds.passed);
            note("CPU seconds", seconds.worked);
            let asked: Vec<&[f32]> =
                (rows..given.data.rows()).map(|row| given.data.numeric.row(row)).collect();
            let seconds =
                |work: &dyn Fn() -> Vec<f64>| median((0..PASSES).map(|_| timed(work).0.worked).collect());
            let together = seconds(&|| forest.uplifts(&asked));
            note("microseconds per row, one core", together * 1e6 / ASKED as f64);
            let alone = seconds(&|| asked.iter().map(|row| forest.uplift(row)).collect());
            note("microseconds of one row alone", alone * 1e6 / ASKED as f64);
            judge(&given.data, &forest.uplifts(&asked))
                .into_iter()
                .for_each(|(metric, value)| note(metric, value));
        }
    }
    let medians: BTreeMap<String, f64> =
        found.into_iter().map(|(key, values)| (key, median(values))).collect();
    let found = serde_json::json!({
        "rows": rows, "columns": given.kinds.len(), "rounds": rounds, "threads": rayon::current_num_threads(), "median": medians,
    });
    println!("{}", serde_json::to_string_pretty(&found).unwrap());
}

/// A process per size, so that each has its own peak of memory.
fn scaling() {
    println!("    rows  trees  ziln-forest, CPU s  causal-forest, CPU s  peak memory, MiB");
    for (rows, trees) in SCALING {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let done =
            child.args(["--once", "--rows", &rows.to_string(), "--trees", &trees.to_string()]).output();
        print!("{}", String::from_utf8(done.unwrap().stdout).unwrap());
    }
}

fn once(rows: usize, trees: usize) {
    let given = Given::new(rows, 0);
    let [(ziln, _), (causal, _)] = given.grow(trees, 0);
    let (ziln, causal) = (ziln.worked, causal.worked);
    println!("{rows:8}  {trees:5}  {ziln:18.2}  {causal:20.2}  {:16.0}", peak_mebibytes());
}

/// The most memory that this process has held, as Linux counts it.
fn peak_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes =
        line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse::<f64>().ok());
    kibibytes.map_or(f64::NAN, |kibibytes| kibibytes / 1024.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// `auuc.true` and `krcc` of scores of the last rows.
fn judge(data: &Dataset, scores: &[f64]) -> Vec<(&'static str, f64)> {
    let first = data.rows() - scores.len();
    let truth = data.truth.as_ref().unwrap();
    let judged = ScoredRows {
        effect: truth.effect.as_ref().map(|effect| &effect[first..]),
        ..ScoredRows::new(scores, &data.assigned()[first..], &data.outcome[first..])
    };
    let prepared = metrics::RankedRows::new(&judged).unwrap();
    ["auuc.true", "krcc"]
        .map(|name| (name, metrics::find(name).unwrap().compute(&prepared).unwrap()))
        .to_vec()
}

/// What some work took.
#[derive(Clone, Copy)]
struct Seconds {
    /// By the clock.
    passed: f64,
    /// By all threads of this process together.
    worked: f64,
}

/// Seconds, and what came out: it must not be optimised away.
fn timed<T>(work: impl FnOnce() -> T) -> (Seconds, T) {
    let (start, before) = (Instant::now(), worked());
    let found = std::hint::black_box(work());
    (Seconds { passed: start.elapsed().as_secs_f64(), worked: worked() - before }, found)
}

/// Seconds that the threads of this process have run, as Linux counts them; those that have ended are not among them.
fn worked() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}
