//! What outcome and treatment are expected to be, whatever the effect.

use super::bins::Binned;
use super::causal::Residual;
use super::causal_spec::NuisanceSpec;
use super::regression::{RegressionForest, RegressionSpec};
use super::rows::Rows;
use rand::seq::SliceRandom;
use rayon::prelude::*;
use valor_base::seed::Seeds;

/// Regression forests of outcome and treatment, one per fold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nuisances {
    /// `m(x) = E[Y | x]`, one forest per fold, each grown on the other folds.
    pub outcome: Vec<RegressionForest>,
    /// `e(x) = P(T = 1 | x)` likewise; empty where the propensity is known.
    pub treatment: Vec<RegressionForest>,
    /// Mean propensity of the training rows.
    pub share: f64,
}

/// Rows that one task asks about.
const CHUNK: usize = 1024;

/// Propensities are kept this far from 0 and 1.
pub const OVERLAP: f64 = 0.01;

impl Nuisances {
    /// Fits on all folds but one and asks about that one. A known propensity is taken as it is.
    pub fn fit(
        spec: &NuisanceSpec,
        rows: &Rows,
        binned: &Binned,
        propensity: Option<&[f64]>,
        seeds: &Seeds,
    ) -> (Self, Vec<Residual>) {
        let outcome: Vec<f64> = rows.train.iter().map(|&row| rows.outcome[row as usize]).collect();
        let treatment: Vec<f64> =
            rows.train.iter().map(|&row| f64::from(u8::from(rows.treatment[row as usize]))).collect();
        let folds = folds(rows.train.len(), spec.folds, seeds);
        let cross =
            |target: &[f64], name: &str| cross_fit(spec, target, rows, binned, &folds, &seeds.child(name));
        let (forests, expected) = cross(&outcome, "outcome");
        let (treatments, shares) = match propensity {
            Some(known) => (Vec::new(), rows.train.iter().map(|&row| known[row as usize]).collect()),
            None => {
                let (forests, found) = cross(&treatment, "treatment");
                (
                    forests,
                    found.into_iter().map(|share| share.clamp(OVERLAP, 1.0 - OVERLAP)).collect::<Vec<f64>>(),
                )
            }
        };
        let residual = |place: usize| Residual {
            treatment: treatment[place] - shares[place],
            outcome: outcome[place] - expected[place],
            treated: treatment[place] > 0.0,
        };
        let residuals = (0..rows.train.len()).map(residual).collect();
        let share = shares.iter().sum::<f64>() / shares.len().max(1) as f64;
        (Self { outcome: forests, treatment: treatments, share }, residuals)
    }

    /// `m(x)` and `e(x)` of rows, means over the folds' forests; of a known propensity its mean.
    pub fn predict_all(&self, rows: &[&[f32]]) -> Vec<(f64, f64)> {
        let mean = |forests: &[RegressionForest]| {
            let mut sums = vec![0.0; rows.len()];
            for forest in forests {
                sums.iter_mut().zip(forest.predict_all(rows)).for_each(|(sum, said)| *sum += said);
            }
            sums.iter_mut().for_each(|sum| *sum /= forests.len().max(1) as f64);
            sums
        };
        let shares = match self.treatment.is_empty() {
            true => vec![self.share; rows.len()],
            false => mean(&self.treatment),
        };
        let kept =
            |share: f64| if self.treatment.is_empty() { share } else { share.clamp(OVERLAP, 1.0 - OVERLAP) };
        mean(&self.outcome).into_iter().zip(shares.into_iter().map(kept)).collect()
    }
}

/// The fold of each training row; sizes differ by at most one.
fn folds(rows: usize, count: usize, seeds: &Seeds) -> Vec<usize> {
    let mut folds: Vec<usize> = (0..rows).map(|place| place % count).collect();
    folds.shuffle(&mut seeds.child("folds").stream());
    folds
}

/// A forest per fold, and what each says of its own fold.
fn cross_fit(
    spec: &NuisanceSpec,
    target: &[f64],
    rows: &Rows,
    binned: &Binned,
    folds: &[usize],
    seeds: &Seeds,
) -> (Vec<RegressionForest>, Vec<f64>) {
    let regression = RegressionSpec {
        trees: spec.trees,
        depth: spec.depth,
        leaf_rows: spec.leaf_rows,
        columns: spec.columns.of(binned.columns.len()),
    };
    let mut found = vec![0.0; target.len()];
    let mut forests = Vec::with_capacity(spec.folds);
    for fold in 0..spec.folds {
        let others: Vec<u32> = (0..target.len() as u32).filter(|&row| folds[row as usize] != fold).collect();
        // With one row there are no others, and it stands for itself.
        let others = if others.is_empty() { (0..target.len() as u32).collect() } else { others };
        let seeds = seeds.at(fold as u64);
        let forest = RegressionForest::fit(regression, target, rows, binned, &others, &seeds);
        let own: Vec<usize> = (0..target.len()).filter(|&place| folds[place] == fold).collect();
        let say = |places: &[usize]| {
            let rows: Vec<&[f32]> = places.iter().map(|&place| rows.trained(place as u32)).collect();
            forest.predict_all(&rows)
        };
        let said: Vec<f64> = own.par_chunks(CHUNK).flat_map_iter(say).collect();
        own.iter().zip(said).for_each(|(&place, said)| found[place] = said);
        forests.push(forest);
    }
    (forests, found)
}
