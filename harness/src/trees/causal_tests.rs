//! Causal splits against their definition written naively; effects, intervals and samples that lack something.

use super::bins::{Binned, MOST_BINS};
use super::causal::{CausalRule, Demands};
use super::grow::{Drawn, Limits, Search};
use super::*;
use crate::data::Matrix;
use crate::data::encode::ColumnKind;
use crate::seed::{Seeds, Stream};
use proptest::prelude::*;
use rand::Rng;
use rand_distr::StandardNormal;

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
            let rows: Vec<u32> = (0..small.x.len() as u32).collect();
            let features = Matrix { rows: rows.len(), columns: 1, values: small.x.clone() };
            let binned = Binned::new(&features, &rows, &[ColumnKind::Number], MOST_BINS);
            let drawn: Vec<Drawn> = rows.iter().map(|&row| Drawn { row, weight: 1 }).collect();
            let rule = CausalRule { residuals: &small.residuals, criterion, demands: DEMANDS };
            let limits = Limits { depth: 1, columns: 1, least_gain: 0.0 };
            let found = Search::new(&rule, &binned, limits).best(&drawn, &Seeds::new(1));
            let (found, naive) = (found.map_or(0.0, |best| best.gain), naive_best(&small, criterion));
            prop_assert!((found - naive).abs() <= 1e-9 * naive.max(1e-3), "{criterion:?}: {found}, {naive}");
        }
    }
}

/// Uniform features; `effect` and `base` of the first two.
struct Planted {
    features: Matrix,
    treatment: Vec<bool>,
    outcome: Vec<f64>,
    kinds: Vec<ColumnKind>,
    train: Vec<u32>,
}

impl Planted {
    fn new(shape: (usize, usize), noise: f64, effect: fn(&[f32]) -> f64) -> Self {
        Self::draw(12, shape, noise, effect)
    }

    fn draw(seed: u64, shape: (usize, usize), noise: f64, effect: fn(&[f32]) -> f64) -> Self {
        let (rows, columns) = shape;
        let mut stream: Stream = Seeds::new(seed).stream();
        let values = (0..rows * columns).map(|_| stream.random_range(-1.0f32..1.0)).collect();
        let features = Matrix { rows, columns, values };
        let treatment: Vec<bool> = (0..rows).map(|_| stream.random_bool(0.5)).collect();
        let outcome = (0..rows).map(|row| {
            let luck: f64 = stream.sample(StandardNormal);
            let x = features.row(row);
            f64::from(x[1]) + f64::from(u8::from(treatment[row])) * effect(x) + noise * luck
        });
        Self {
            outcome: outcome.collect(),
            kinds: vec![ColumnKind::Number; columns],
            train: (0..rows as u32).collect(),
            features,
            treatment,
        }
    }

    fn fit(&self, spec: &CausalForestSpec) -> CausalForest {
        let Self { features, treatment, outcome, kinds, train } = self;
        let rows = Rows { features, kinds, treatment, outcome, train };
        CausalForest::fit(spec, &rows, Some(&vec![0.5; train.len()]), &Seeds::new(3))
    }
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
        let forest = Planted::draw(100 + draw, (4000, 10), 1.0, smooth).fit(&Preset::Grf.spec());
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
    let planted = Planted::new((4000, 5), 0.5, |_| 3.0);
    let forest = planted.fit(&CausalForestSpec::default());
    for row in 0..100 {
        let effect = forest.effect(planted.features.row(row));
        assert!((effect - 3.0).abs() < 0.25, "{effect}");
    }
}

#[test]
fn threads_change_nothing() {
    let planted = Planted::new((1500, 4), 1.0, smooth);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| planted.fit(&CausalForestSpec::default()))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn what_a_sample_lacks_is_no_failure() {
    let case = |rows: usize, treated: fn(usize) -> bool, outcome: fn(usize) -> f64| {
        let values = (0..rows).flat_map(|row| [row as f32, f32::NAN, 1.0]).collect();
        let features = Matrix { rows, columns: 3, values };
        let treatment: Vec<bool> = (0..rows).map(treated).collect();
        let outcome: Vec<f64> = (0..rows).map(outcome).collect();
        let train: Vec<u32> = (0..rows as u32).collect();
        let kinds = [ColumnKind::Number; 3];
        let rows = Rows {
            features: &features,
            kinds: &kinds,
            treatment: &treatment,
            outcome: &outcome,
            train: &train,
        };
        let forest = CausalForest::fit(&CausalForestSpec::default(), &rows, None, &Seeds::new(1));
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
