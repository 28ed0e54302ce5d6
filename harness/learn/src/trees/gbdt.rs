//! Boosted trees for rows of one arm: what each is worth, by squared error, Tweedie's deviance, or in two stages.

use super::bins::{Binned, MOST_BINS};
use super::histogram::{Grower, GrownTree, Growth};
use super::rows::Rows;
use super::slopes::{Link, Loss};
use super::tree::{Tree, ask};
use super::ziln_gbdt::Rounds;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use valor_base::error::{not_negative, share, within};
use valor_base::input_error;

/// Rows that one task handles.
const CHUNK: usize = 4096;
/// Fractions of a loss that are told apart when losses are added up, which is done in whole numbers.
const FRACTIONS: f64 = (1u64 << 40) as f64;

/// Options of boosted trees for rows of one arm. Defaults are those of LightGBM, but for `rounds` and `depth`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GbdtSpec {
    /// Rounds, a tree each; 1 or more.
    pub rounds: usize,
    /// Stop after this many rounds without a better loss of the validation rows, and keep the best; 0 for never.
    pub patience: usize,
    /// What a leaf's step is multiplied by; above 0, at most 1.
    pub learning_rate: f64,
    /// Splits above a leaf, at most; 1 to 64.
    pub depth: usize,
    /// Leaves of a tree, at most: the split that gains most comes first; 2 to 4096.
    pub leaves: usize,
    /// Rows that a leaf has at least.
    pub leaf_rows: u64,
    /// Added to the second derivative of a leaf; 0 or more.
    pub l2: f64,
    /// Added besides where levels are sorted and part a node; 0 or more.
    pub level_l2: f64,
    /// Bins of a column; 2 to 255.
    pub bins: usize,
}

impl Default for GbdtSpec {
    fn default() -> Self {
        Self {
            rounds: 200,
            patience: 0,
            learning_rate: 0.1,
            depth: 6,
            leaves: 31,
            leaf_rows: 20,
            l2: 0.0,
            level_l2: 10.0,
            bins: MOST_BINS,
        }
    }
}

impl GbdtSpec {
    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        within("gbdt.rounds", self.rounds, 1, 100_000)?;
        within("gbdt.depth", self.depth, 1, 64)?;
        within("gbdt.leaves", self.leaves, 2, 4096)?;
        within("gbdt.bins", self.bins, 2, MOST_BINS)?;
        share("gbdt.learning-rate", self.learning_rate)?;
        not_negative("gbdt.l2", self.l2)?;
        not_negative("gbdt.level-l2", self.level_l2)
    }

    fn growth(&self) -> Growth {
        let Self { depth, leaves, leaf_rows, l2, level_l2, .. } = *self;
        Growth { depth, leaves, leaf_rows, l2, level_l2 }
    }
}

/// Options of Tweedie's deviance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GbdtTweedieSpec {
    /// The power of the mean that variances rise with; above 1, below 2.
    pub power: f64,
}

impl Default for GbdtTweedieSpec {
    fn default() -> Self {
        Self { power: 1.5 }
    }
}

/// What boosted trees for one arm are trained for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueLoss {
    /// Half the squared error.
    Squared,
    /// Tweedie's deviance: the mean is the exponential of a sum over trees.
    Tweedie(GbdtTweedieSpec),
    /// Whether something is spent, by its likelihood, and what is spent then, by squared error on the rows that spend.
    TwoStage,
}

impl ValueLoss {
    /// What the losses of rounds are called.
    pub fn name(&self) -> &'static str {
        match self {
            ValueLoss::Squared => "squared",
            ValueLoss::Tweedie(_) => "tweedie",
            ValueLoss::TwoStage => "two-stage",
        }
    }
}

/// A method of boosted trees for rows of one arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ValueGbdtSpec {
    /// What they are trained for.
    pub loss: ValueLoss,
    /// How they grow.
    pub trees: GbdtSpec,
}

impl ValueGbdtSpec {
    /// Its key in experiment files.
    pub fn key(&self) -> &'static str {
        match self.loss {
            ValueLoss::Squared => "gbdt",
            ValueLoss::Tweedie(_) => "gbdt-tweedie",
            ValueLoss::TwoStage => "gbdt-two-stage",
        }
    }

    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        if let ValueLoss::Tweedie(GbdtTweedieSpec { power }) = self.loss
            && !(power > 1.0 && power < 2.0)
        {
            return Err(input_error!(
                "gbdt-tweedie.power: found {power}; allowed are numbers between 1 and 2"
            ));
        }
        self.trees.validate()
    }

    /// Whether outcomes below 0 can be learned from.
    pub fn takes_negative(&self) -> bool {
        match self.loss {
            ValueLoss::Squared => true,
            ValueLoss::Tweedie(_) | ValueLoss::TwoStage => false,
        }
    }

    /// Stages with their names in files.
    pub fn stages(&self) -> Vec<(&'static str, Link)> {
        self.losses().into_iter().map(|(name, loss)| (name, loss.link())).collect()
    }

    fn losses(&self) -> Vec<(&'static str, Loss)> {
        match &self.loss {
            ValueLoss::Squared => vec![("trees", Loss::Squared)],
            ValueLoss::Tweedie(spec) => vec![("trees", Loss::Tweedie(spec.power))],
            ValueLoss::TwoStage => vec![("conversion", Loss::Logistic), ("amount", Loss::Squared)],
        }
    }
}

/// Boosted trees for rows of one arm.
///
/// ```text
/// f_k(x) = start_k + sum over rounds of the step of x's leaf          a stage k
/// E      = scale prod_k link_k(f_k)                                   links: identity, exp, sigmoid
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ValueGbdt {
    /// Outcome units in one unit of the trees: the mean size of the training outcomes.
    pub scale: f64,
    /// One, or conversion and amount.
    pub stages: Vec<Stage>,
}

/// A sum over trees, and how it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// How the sum becomes a factor.
    pub link: Link,
    /// What all rows start from.
    pub start: f64,
    /// A tree per round.
    pub trees: Vec<ValueTree>,
}

/// A tree and what its leaves add.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueTree {
    /// Where a row goes.
    pub tree: Tree,
    /// One per leaf.
    pub leaves: Vec<ValueLeaf>,
}

/// A leaf of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ValueLeaf {
    /// Training rows in it.
    pub rows: f64,
    /// What it adds, shrunk.
    pub step: f64,
}

/// What the trees say of a row, outcome units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SaidValue {
    /// `E[Y | x]`.
    pub expected: f64,
    /// `P(Y > 0 | x)`, where a stage says it; else 0.
    pub conversion: f64,
}

impl ValueGbdt {
    /// Boosts on the training rows; `validation` rows decide when to stop. Draws nothing: whatever the seed, the trees are the same.
    ///
    /// Rounds are those of the losses of all stages, added up; each stage stops by itself.
    pub fn fit(spec: &ValueGbdtSpec, rows: &Rows, validation: &[u32]) -> (Self, Rounds) {
        let scale = scale(rows);
        let mut stages = Vec::new();
        let mut rounds = Rounds::default();
        let losses = spec.losses();
        let converts = losses.len() > 1;
        for (_, loss) in losses {
            let buys = |&&row: &&u32| !converts || loss == Loss::Logistic || rows.outcome[row as usize] > 0.0;
            let chosen = |of: &[u32]| of.iter().filter(buys).copied().collect::<Vec<u32>>();
            let (train, watched) = (chosen(rows.train), chosen(validation));
            let rows = Rows { train: &train, ..*rows };
            let target = |row: u32| match loss {
                Loss::Logistic => f64::from(u8::from(rows.outcome[row as usize] > 0.0)),
                Loss::Squared | Loss::Tweedie(_) => rows.outcome[row as usize] / scale,
            };
            let (stage, found) = Stage::fit(&spec.trees, loss, &rows, &watched, &target);
            rounds.add(found);
            stages.push(stage);
        }
        (Self { scale, stages }, rounds)
    }

    /// Sums over trees, stage by stage.
    pub fn margins_all(&self, rows: &[&[f32]]) -> Vec<Vec<f64>> {
        let margins = |stage: &Stage| {
            let mut margins = vec![stage.start; rows.len()];
            let trees = stage.trees.iter().map(|tree| (&tree.tree, tree.leaves.as_slice()));
            ask(trees, rows, &mut margins, |margin, leaf| *margin += leaf.step);
            margins
        };
        self.stages.iter().map(margins).collect()
    }

    /// What they say of rows.
    pub fn predict_all(&self, rows: &[&[f32]]) -> Vec<SaidValue> {
        let mut said = vec![SaidValue { expected: self.scale, conversion: 0.0 }; rows.len()];
        for (stage, margins) in self.stages.iter().zip(self.margins_all(rows)) {
            for (said, margin) in said.iter_mut().zip(margins) {
                let factor = stage.link.of(margin);
                said.expected *= factor;
                match stage.link {
                    Link::Sigmoid => said.conversion = factor,
                    Link::Identity | Link::Exp => {}
                }
            }
        }
        said
    }

    /// Whether a stage says who spends something.
    pub fn converts(&self) -> bool {
        self.stages.iter().any(|stage| stage.link == Link::Sigmoid)
    }

    /// All trees, stage by stage.
    pub fn trees(&self) -> impl Iterator<Item = &ValueTree> {
        self.stages.iter().flat_map(|stage| &stage.trees)
    }
}

/// Mean size of the training outcomes; 1 where they are all 0. The order of rows does not matter.
fn scale(rows: &Rows) -> f64 {
    let mut sizes: Vec<f64> = rows.train.iter().map(|&row| rows.outcome[row as usize].abs()).collect();
    let mean = mean(&mut sizes);
    if mean > 0.0 { mean } else { 1.0 }
}

/// The mean, added up from the least on; 0 of nothing.
fn mean(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

impl Stage {
    fn fit(
        spec: &GbdtSpec,
        loss: Loss,
        rows: &Rows,
        validation: &[u32],
        target: &(impl Fn(u32) -> f64 + Sync),
    ) -> (Self, Rounds) {
        let binned = Binned::new(rows.features, rows.train, rows.kinds, spec.bins);
        let targets: Vec<f64> = rows.train.iter().map(|&row| target(row)).collect();
        let start = loss.start(mean(&mut targets.clone()), targets.len());
        let mut stage = Self { link: loss.link(), start, trees: Vec::new() };
        let mut margins = vec![start; targets.len()];
        let mut watched = Watched::new(rows, validation, target, start);
        let mut grower = Grower::new(&binned, spec.growth());
        let mut rounds = Rounds::default();
        let mut slopes = vec![[0.0; 2]; targets.len()];
        for round in 0..spec.rounds {
            let known = targets.par_iter().zip(&margins).with_min_len(CHUNK);
            known.map(|(&target, &margin)| loss.slopes(target, margin)).collect_into_vec(&mut slopes);
            let GrownTree { tree, leaves, ranges } = grower.grow(&slopes, loss.counts());
            let leaf = |(rows, step): (f64, f64)| ValueLeaf { rows, step: step * spec.learning_rate };
            let leaves: Vec<ValueLeaf> = leaves.into_iter().map(leaf).collect();
            for (leaf, range) in leaves.iter().zip(ranges) {
                grower.rows(range).for_each(|row| margins[row] += leaf.step);
            }
            rounds.train.push(mean_loss(loss, &targets, &margins));
            let tree = ValueTree { tree, leaves };
            watched.add(&tree);
            stage.trees.push(tree);
            if !validation.is_empty() {
                rounds.validation.push(mean_loss(loss, &watched.targets, &watched.margins));
                if spec.patience > 0 && round >= rounds.best() + spec.patience {
                    break;
                }
            }
        }
        if spec.patience > 0 && !validation.is_empty() {
            stage.trees.truncate(rounds.best() + 1);
        }
        (stage, rounds)
    }
}

/// The mean loss. Added up in whole numbers, so that neither threads nor the order of rows matter.
fn mean_loss(loss: Loss, targets: &[f64], margins: &[f64]) -> f64 {
    let whole = |(&target, &margin): (&f64, &f64)| (loss.of(target, margin) * FRACTIONS).round() as i128;
    let sum =
        targets.par_iter().zip(margins).with_min_len(CHUNK).map(whole).reduce(|| 0, i128::saturating_add);
    sum as f64 / FRACTIONS / targets.len().max(1) as f64
}

/// Rows that decide when to stop.
struct Watched<'a> {
    features: Vec<&'a [f32]>,
    targets: Vec<f64>,
    margins: Vec<f64>,
}

impl<'a> Watched<'a> {
    fn new(rows: &Rows<'a>, chosen: &[u32], target: impl Fn(u32) -> f64, start: f64) -> Self {
        Self {
            features: chosen.iter().map(|&row| rows.features.row(row as usize)).collect(),
            targets: chosen.iter().map(|&row| target(row)).collect(),
            margins: vec![start; chosen.len()],
        }
    }

    fn add(&mut self, tree: &ValueTree) {
        let chunks = self.features.par_chunks(CHUNK).zip(self.margins.par_chunks_mut(CHUNK));
        chunks.for_each(|(rows, margins)| {
            let trees = std::iter::once((&tree.tree, tree.leaves.as_slice()));
            ask(trees, rows, margins, |margin, leaf| *margin += leaf.step);
        });
    }
}
