//! Microseconds per row of exact contributions (TreeSHAP) on one core, and the forest, so that others can explain it too.
//!
//! `cargo bench --bench shap -- [--rows 189137] [--trees 20] [--depth 6] [--leaf 1] [--asked 1000]` grows a ziln-forest on the
//! first rows of b2b-mimic, explains the uplift of the rows after them, and prints JSON for `scripts/bench_shap.py` and
//! `scripts/fixtures/tree_shap.py`: trees (nodes as in a model file; rows and what each leaf adds), the rows asked about, contributions.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench times, prints and may panic")]

use serde_json::{Value, json};
use std::path::Path;
use valor_base::seed::Seeds;
use valor_data::DataSpec;
use valor_data::b2b_mimic::B2bMimicSpec;
use valor_data::encode::ColumnKind;
use valor_learn::trees::{Contributions, Rows, ZilnForest, ZilnForestSpec};

/// Times that all rows are explained, of which the median counts.
const PASSES: usize = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == name);
        place.map_or(default, |place| arguments[place + 1].parse().unwrap())
    };
    let (rows, asked) = (number("--rows", 189_137), number("--asked", 1000));
    let spec = ZilnForestSpec {
        trees: number("--trees", 20),
        depth: number("--depth", 6),
        leaf_rows: number("--leaf", 1) as u64,
        ..ZilnForestSpec::default()
    };
    let data = B2bMimicSpec { rows: rows + asked, ..B2bMimicSpec::default() };
    let data = valor_data::load(&DataSpec::B2bMimic(data), Path::new("")).unwrap();
    let (kinds, train): (_, Vec<u32>) =
        (vec![ColumnKind::Number; data.numeric.columns], (0..rows as u32).collect());
    let given = Rows {
        features: &data.numeric,
        kinds: &kinds,
        treatment: data.assigned(),
        outcome: &data.outcome,
        train: &train,
    };
    let forest = ZilnForest::fit(&spec, &given, &Seeds::new(1));
    let (setup, contributions) = timed(|| Contributions::of_ziln_forest(&forest, kinds.len()));
    let asked: Vec<&[f32]> = (rows..data.rows()).map(|row| data.numeric.row(row)).collect();
    let explain = || contributions.of_all(&asked);
    let mut passes: Vec<f64> = (0..PASSES).map(|_| timed(explain).0).collect();
    passes.sort_by(f64::total_cmp);
    let found = json!({
        "rows": rows, "columns": kinds.len(), "depth": spec.depth, "setup seconds": setup,
        "microseconds per row": passes[PASSES / 2] * 1e6 / asked.len() as f64,
        "trees": forest.trees().iter().map(|tree| exported(tree, forest.trees().len())).collect::<Vec<Value>>(),
        "base": contributions.base(), "asked": asked, "contributions": explain(),
    });
    println!("{found}");
}

/// A tree, with what each leaf adds to the forest's uplift.
fn exported(tree: &valor_learn::trees::ZilnTree, trees: usize) -> Value {
    let rows = tree.leaves.iter().map(|leaf| leaf.rows[0] + leaf.rows[1]);
    let values = tree.leaves.iter().map(|leaf| leaf.uplift() / trees as f64);
    json!({
        "nodes": tree.tree.flat().nodes, "covers": rows.collect::<Vec<u32>>(), "values": values.collect::<Vec<f64>>(),
    })
}

/// Seconds that this thread has worked, and what came out: it must not be optimised away.
fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = worked();
    let found = std::hint::black_box(work());
    (worked() - before, found)
}

/// As Linux counts them, so that what else the machine does matters little.
fn worked() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}
