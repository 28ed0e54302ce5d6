//! Causal splits against their definition written naively; effects, intervals and samples that lack something.

use super::causal::{CausalRule, Demands};
use super::fixtures::{Table, best_cut, coins, column, on_threads, uniform};
use super::*;
use proptest::prelude::*;
use rand::Rng;
use rand_distr::StandardNormal;
use valor_base::seed::{Seeds, Stream};
use valor_data::Matrix;

const DEMANDS: Demands = Demands { rows: 2, arm_rows: 1, share: 0.05, split_rows: 4 };

/// One column and what is left of treatment and outcome.
#[derive(Clone, Debug)]
struct Small {
    x: Vec<f32>,
    residuals: Vec<Residual>,
}

fn small() -> impl Strategy<Value = Small> {
    let row = (
        prop_oneof![1 => Just(f32::NAN), 5 => (0u8..6).prop_map(f32::from)],
        any::<bool>(),
        0.2f64..0.8,
        -5.0f64..5.0,
    );
    prop::collection::vec(row, 4..40).prop_map(|rows| Small {
        x: rows.iter().map(|row| row.0).collect(),
        residuals: rows
            .iter()
            .map(|&(_, treated, e, outcome)| {
                let treatment = f64::from(u8::from(treated)) - e;
                Residual { treatment, outcome, treated }
            })
            .collect(),
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// The definition, matrix by matrix.
fn naive_gain(rows: &[Residual], left: &[bool], criterion: Criterion) -> Option<f64> {
    let n = rows.len() as f64;
    let t = |row: &Residual| row.treatment;
    let (mt, my) = (mean(rows.iter().map(t)), mean(rows.iter().map(|row| row.outcome)));
    let tt = mean(rows.iter().map(|row| row.treatment.powi(2)));
    let determinant = tt - mt * mt;
    if rows.len() < 4 || determinant <= f64::MIN_POSITIVE {
        return None;
    }
    let theta = (mean(rows.iter().map(|row| row.treatment * row.outcome)) - mt * my) / determinant;
    let beta = my - theta * mt;
    let mut gain = 0.0;
    for side in [true, false] {
        let child: Vec<&Residual> =
            rows.iter().zip(left).filter(|(_, l)| **l == side).map(|(row, _)| row).collect();
        let treated = child.iter().filter(|row| row.treated).count();
        let few = (child.len() as f64) < f64::max(2.0, 0.05 * n);
        if few || treated.min(child.len() - treated) < 1 {
            return None;
        }
        let e = |row: &&Residual| row.outcome - theta * row.treatment - beta;
        let g = [mean(child.iter().map(|row| e(row) * row.treatment)), mean(child.iter().map(e))];
        let rho = [(g[0] - mt * g[1]) / determinant, (tt * g[1] - mt * g[0]) / determinant];
        let value = match criterion {
            Criterion::Heterogeneity => rho[0] * rho[0],
            Criterion::SquaredError => {
                mean(child.iter().map(|row| (rho[0] * row.treatment + rho[1]).powi(2)))
            }
        };
        gain += child.len() as f64 / n * value;
    }
    Some(gain)
}

fn naive_best(small: &Small, criterion: Criterion) -> f64 {
    let mut best = 0.0;
    for threshold in (0..6).map(|value| value as f32).chain([f32::INFINITY]) {
        for missing in [true, false] {
            let left: Vec<bool> =
                small.x.iter().map(|x| if x.is_nan() { missing } else { *x <= threshold }).collect();
            best = f64::max(best, naive_gain(&small.residuals, &left, criterion).unwrap_or(0.0));
        }
    }
    best
}

proptest! {
    #[test]
    fn the_best_cut_is_the_naive_one(small in small()) {
        for criterion in [Criterion::Heterogeneity, Criterion::SquaredError] {
            let rule = CausalRule { residuals: &small.residuals, criterion, demands: DEMANDS };
            let found = best_cut(&rule, &column(&small.x), Cuts::All);
            let (found, naive) = (found.map_or(0.0, |best| best.gain), naive_best(&small, criterion));
            prop_assert!((found - naive).abs() <= 1e-9 * naive.max(1e-3), "{criterion:?}: {found}, {naive}");
        }
    }
}

/// Uniform features; the effect is planted, and outcomes move with the second feature besides.
fn planted(seed: u64, shape: (usize, usize), noise: f64, effect: fn(&[f32]) -> f64) -> Table {
    let (rows, columns) = shape;
    let mut stream: Stream = Seeds::new(seed).stream();
    let features = uniform(rows, columns, &mut stream);
    let treatment = coins(rows, &mut stream);
    let outcome = (0..rows).map(|row| {
        let luck: f64 = stream.sample(StandardNormal);
        let x = features.row(row);
        f64::from(x[1]) + f64::from(u8::from(treatment[row])) * effect(x) + noise * luck
    });
    let outcome = outcome.collect();
    Table::new(features, treatment, outcome)
}

fn fit(table: &Table, spec: &CausalForestSpec) -> CausalForest {
    CausalForest::fit(spec, &table.rows(), Some(&vec![0.5; table.train.len()]), &Seeds::new(3))
}

fn smooth(x: &[f32]) -> f64 {
    1.0 + 1.0 / (1.0 + (-4.0 * f64::from(x[0])).exp())
}

/// Points of one draw share their rows, so several draws are asked.
#[test]
fn intervals_of_the_grf_preset_cover_the_truth() {
    const DRAWS: u64 = 6;
    const POINTS: usize = 100;
    let mut covered = 0;
    for draw in 0..DRAWS {
        let forest = fit(&planted(100 + draw, (4000, 10), 1.0, smooth), &Preset::Grf.spec());
        let mut stream = Seeds::new(77 + draw).stream();
        for _ in 0..POINTS {
            let row: Vec<f32> = (0..10).map(|_| stream.random_range(-1.0f32..1.0)).collect();
            let Effect { effect, error } = forest.effect_and_error(&row);
            assert_eq!(effect, forest.effect(&row));
            covered += usize::from((effect - smooth(&row)).abs() <= 1.96 * error);
        }
    }
    let share = covered as f64 / (DRAWS as usize * POINTS) as f64;
    println!("95 % intervals cover {:.1} %", 100.0 * share);
    assert!((0.90..=0.98).contains(&share), "{share}");
}

#[test]
fn a_constant_effect_gives_flat_predictions() {
    let planted = planted(12, (4000, 5), 0.5, |_| 3.0);
    let forest = fit(&planted, &CausalForestSpec::default());
    for row in 0..100 {
        let effect = forest.effect(planted.features.row(row));
        assert!((effect - 3.0).abs() < 0.25, "{effect}");
    }
}

#[test]
fn threads_change_nothing() {
    let planted = planted(12, (1500, 4), 1.0, smooth);
    let with = |threads| on_threads(threads, || fit(&planted, &CausalForestSpec::default()));
    assert_eq!(with(1), with(3));
}

#[test]
fn what_a_sample_lacks_is_no_failure() {
    let case = |rows: usize, treated: fn(usize) -> bool, outcome: fn(usize) -> f64| {
        let values = (0..rows).flat_map(|row| [row as f32, f32::NAN, 1.0]).collect();
        let came = (0..rows).map(outcome).collect();
        let table = Table::new(Matrix { rows, columns: 3, values }, (0..rows).map(treated).collect(), came);
        let forest = CausalForest::fit(&CausalForestSpec::default(), &table.rows(), None, &Seeds::new(1));
        forest.effect_and_error(&[1.0, f32::NAN, f32::NAN])
    };
    assert_eq!(case(1, |_| true, |_| 4.0).effect, 0.0);
    assert!(case(40, |_| true, |row| row as f64).effect.is_finite());
    assert_eq!(case(40, |row| row % 2 == 0, |_| 0.0).effect, 0.0);
    assert!(case(40, |row| row % 2 == 0, |row| if row == 8 { 9.0 } else { 0.0 }).effect.is_finite());
}

#[test]
fn presets_fill_what_a_file_leaves_out() {
    let read = |text: &str| toml::from_str::<CausalForestSpec>(text);
    assert_eq!(read("").unwrap(), Preset::Paper.spec());
    let grf = read("preset = 'grf'\ntrees = 500").unwrap();
    assert_eq!(grf, CausalForestSpec { trees: 500, ..Preset::Grf.spec() });
    assert_eq!(read("preset = 'econml'").unwrap(), Preset::Econml.spec());
    let written = serde_json::to_string(&grf).unwrap();
    assert_eq!(serde_json::from_str::<CausalForestSpec>(&written).unwrap(), grf);
    let refused = |text: &str| read(text).unwrap().validate().unwrap_err().to_string();
    assert!(refused("trees = 21").contains("multiple of causal-forest.little-bag = 4"));
    assert!(refused("bag = { share = 0.7 }").contains("at most .5"));
    assert!(refused("balance = 0.5").starts_with("causal-forest.balance"));
    assert!(read("tree = 3").is_err());
}
