//! `causal-forest`: generalised random forests for treatment effects.

use super::bag::{Bag, BagSpec};
use super::bins::Binned;
use super::causal::{Averages, CausalRule, Demands, Residual, Weighted};
use super::causal_spec::CausalForestSpec;
use super::grow::{Cuts, Drawn, Limits, grow};
use super::nuisance::Nuisances;
use super::rows::Rows;
use super::tree::{Tree, ask};
use rayon::prelude::*;
use valor_base::seed::Seeds;

/// Trees that find like accounts, and the regression of outcome on treatment among them.
///
/// ```text
/// t~_i = t_i - e(x_i),   y~_i = y_i - m(x_i)
/// alpha(x) = mean over trees of the mean over the estimation rows of x's leaf         moments t~, y~, t~^2, t~ y~
/// theta(x) = (E_alpha[t~ y~] - E_alpha[t~] E_alpha[y~]) / (E_alpha[t~^2] - E_alpha[t~]^2)       outcome units
/// ```
///
/// A tree in whose leaf no estimation row stands says nothing of x. Source: Athey, Tibshirani, Wager, Annals of
/// Statistics 2019.
#[derive(Clone, Debug, PartialEq)]
pub struct CausalForest {
    /// Trees and the moments of their leaves; those of one little bag follow each other.
    pub trees: Vec<CausalTree>,
    /// Trees in a little bag.
    pub little_bag: usize,
    /// What outcome and treatment are expected to be.
    pub nuisances: Nuisances,
}

/// A tree and the moments of its leaves.
#[derive(Clone, Debug, PartialEq)]
pub struct CausalTree {
    /// Where a row goes.
    pub tree: Tree,
    /// One per leaf.
    pub leaves: Vec<CausalLeaf>,
}

/// The estimation rows of a leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CausalLeaf {
    /// How many; the means are 0 where there are none.
    pub rows: f64,
    /// Their means.
    pub averages: Averages,
}

impl CausalTree {
    /// What the leaf of a row says; nothing where no estimation row stands.
    fn said(&self, row: &[f32]) -> Option<Averages> {
        let leaf = &self.leaves[self.tree.leaf(row)];
        (leaf.rows > 0.0).then_some(leaf.averages)
    }
}

/// What the trees have said of a row.
#[derive(Clone, Copy, Default)]
struct Heard {
    /// Trees in whose leaf rows stand.
    trees: f64,
    /// Their means, added up.
    sum: Averages,
}

impl Heard {
    /// 0 where no tree says something.
    fn effect(&self) -> f64 {
        if self.trees > 0.0 { self.sum.times(1.0 / self.trees).effect().0 } else { 0.0 }
    }
}

/// An effect and how sure it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effect {
    /// `theta(x)`, outcome units.
    pub effect: f64,
    /// Its standard error by little bags; NaN where fewer than two of them say something.
    pub error: f64,
}

impl CausalForest {
    /// Fits the nuisances, then grows the trees on what they leave. Each tree has a stream of its own: the number of
    /// threads changes nothing.
    pub fn fit(spec: &CausalForestSpec, rows: &Rows, propensity: Option<&[f64]>, seeds: &Seeds) -> Self {
        let binned = Binned::new(rows.features, rows.train, rows.kinds, spec.bins);
        let (nuisances, residuals) =
            Nuisances::fit(&spec.nuisance, rows, &binned, propensity, &seeds.child("nuisances"));
        let trees = grow_all(spec, rows, &binned, &residuals, &seeds.child("trees"));
        Self { trees, little_bag: spec.little_bag, nuisances }
    }

    /// Grows the trees on residuals that others have computed, one per training row.
    pub fn fit_residuals(
        spec: &CausalForestSpec,
        rows: &Rows,
        residuals: &[Residual],
        seeds: &Seeds,
    ) -> Self {
        let binned = Binned::new(rows.features, rows.train, rows.kinds, spec.bins);
        let trees = grow_all(spec, rows, &binned, residuals, &seeds.child("trees"));
        Self { trees, little_bag: spec.little_bag, nuisances: Nuisances::default() }
    }

    /// The effect of a row alone.
    pub fn effect(&self, row: &[f32]) -> f64 {
        let mut heard = [Heard::default()];
        self.hear(&[row], &mut heard);
        heard[0].effect()
    }

    /// The effects of rows. The same bits as one row after another.
    pub fn effects(&self, rows: &[&[f32]]) -> Vec<f64> {
        let mut heard = vec![Heard::default(); rows.len()];
        self.hear(rows, &mut heard);
        heard.iter().map(Heard::effect).collect()
    }

    fn hear(&self, rows: &[&[f32]], heard: &mut [Heard]) {
        let trees = self.trees.iter().map(|tree| (&tree.tree, tree.leaves.as_slice()));
        ask(trees, rows, heard, |heard, leaf| {
            if leaf.rows > 0.0 {
                heard.trees += 1.0;
                heard.sum = heard.sum.plus(leaf.averages);
            }
        });
    }

    /// The effect of a row and its standard error.
    ///
    /// ```text
    /// psi_b = (t~ y~)_b - theta (t~^2)_b - beta t~_b - mean t~ (y~_b - theta t~_b - beta)        per tree b, means of its leaf
    /// V     = mean over bags of (mean of psi in the bag)^2 - (mean psi_b^2 - that) / (l - 1)      l trees in a bag
    /// error = sqrt(V) / (E[t~^2] - E[t~]^2)
    /// ```
    ///
    /// V is replaced by its posterior mean under a flat prior on positive variances, as in grf, so that it is never
    /// negative. Source: Sexton, Laake 2009; Athey, Tibshirani, Wager, section 4.1.
    pub fn effect_and_error(&self, row: &[f32]) -> Effect {
        let found: Vec<Option<Averages>> = self.trees.iter().map(|tree| tree.said(row)).collect();
        let said = || found.iter().flatten();
        let count = said().count() as f64;
        if count == 0.0 {
            return Effect { effect: 0.0, error: f64::NAN };
        }
        let mean = said().fold(Averages::default(), |sum, next| sum.plus(*next)).times(1.0 / count);
        let (theta, beta) = mean.effect();
        let psi = |one: &Averages| {
            let slope = one.ty - theta * one.tt - beta * one.t;
            slope - mean.t * (one.y - theta * one.t - beta)
        };
        let mut bags = (0.0, 0.0, 0.0);
        for bag in found.chunks_exact(self.little_bag) {
            // A bag counts only if all its trees say something, as in grf.
            let psis: Vec<f64> = bag.iter().flatten().map(psi).collect();
            if psis.len() == self.little_bag {
                let size = psis.len() as f64;
                bags.0 += 1.0;
                bags.1 += (psis.iter().sum::<f64>() / size).powi(2);
                bags.2 += psis.iter().map(|psi| psi * psi).sum::<f64>() / size;
            }
        }
        let (groups, between, total) = bags;
        if groups < 2.0 || !mean.varies() {
            return Effect { effect: theta, error: f64::NAN };
        }
        let (between, total) = (between / groups, total / groups);
        let noise = (total - between) / (self.little_bag as f64 - 1.0);
        Effect { effect: theta, error: debiased(between, noise, groups).sqrt() / mean.variance() }
    }
}

/// The posterior mean of a variance that is positive, observed as `between - noise` with the given number of groups.
/// Source: grf, `ObjectiveBayesDebiaser`.
fn debiased(between: f64, noise: f64, groups: f64) -> f64 {
    let estimate = between - noise;
    let error = f64::max(between, noise) * (2.0 / groups).sqrt();
    if error < 1e-300 {
        return estimate.max(0.0);
    }
    let ratio = estimate / error;
    let density = (-ratio * ratio / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let mass = 0.5 * statrs::function::erf::erfc(-ratio / std::f64::consts::SQRT_2);
    if mass < 1e-300 {
        return 0.0;
    }
    estimate + error * density / mass
}

fn grow_all(
    spec: &CausalForestSpec,
    rows: &Rows,
    binned: &Binned,
    residuals: &[Residual],
    seeds: &Seeds,
) -> Vec<CausalTree> {
    let CausalForestSpec { leaf_rows, arm_rows, balance, split_rows, .. } = *spec;
    let demands = Demands { rows: leaf_rows, arm_rows, share: balance, split_rows };
    let rule = CausalRule { residuals, criterion: spec.criterion, demands };
    let limits = Limits {
        depth: spec.depth,
        columns: spec.columns.of(binned.columns.len()),
        least_gain: 0.0,
        cuts: Cuts::All,
    };
    let tree = |index: usize| {
        let bag = little_bag(spec, rows.train.len(), index, seeds);
        let tree = grow(&rule, binned, bag.splits, limits, &seeds.child("splits").at(index as u64));
        let add = |sums: &mut Weighted, drawn: Drawn| sums.add(drawn.weight, residuals[drawn.row as usize]);
        let leaf = |sums: Weighted| {
            let (rows, averages) = sums.means();
            CausalLeaf { rows, averages }
        };
        let leaves = rows.by_leaf(&tree, &bag.leaves, add).into_iter().map(leaf).collect();
        CausalTree { tree, leaves }
    };
    (0..spec.trees).into_par_iter().map(tree).collect()
}

/// Trees of one little bag draw from the same half of the rows.
fn little_bag(spec: &CausalForestSpec, rows: usize, tree: usize, seeds: &Seeds) -> Bag {
    let group = (tree / spec.little_bag) as u64;
    let half = BagSpec { share: 0.5, replacement: false, honest: false };
    let half: Vec<Drawn> = half.draw(rows, &seeds.child("little bags").at(group)).splits;
    let share = (spec.bag.share * 2.0).min(1.0);
    let inner = BagSpec { share, ..spec.bag };
    let bag = inner.draw(half.len(), &seeds.child("bags").at(tree as u64));
    let back = |drawn: Vec<Drawn>| -> Vec<Drawn> {
        drawn.into_iter().map(|drawn| Drawn { row: half[drawn.row as usize].row, ..drawn }).collect()
    };
    Bag { splits: back(bag.splits), leaves: back(bag.leaves) }
}
