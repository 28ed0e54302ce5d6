//! `ziln-gbdt`: boosted trees whose leaves move the parameters of both arms.

use super::bag::BagSpec;
use super::bins::{Binned, MOST_BINS};
use super::boosting::{BoostingRule, Gain, Law, Margins, PARAMETERS, Pull, PullSums};
use super::columns::{Columns, NamedColumns};
use super::grow::{BinSums, Cuts, Limits, grow};
use super::rows::{Rows, Said};
use super::tree::{Tree, ask};
use super::ziln::Response;
use serde::{Deserialize, Serialize};
use valor_base::error::{not_negative, share, within};
use valor_base::seed::Seeds;

/// Options of a ziln-gbdt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ZilnGbdtSpec {
    /// Rounds, a tree each; 1 or more.
    pub rounds: usize,
    /// Stop after this many rounds without a better likelihood of the validation rows, and keep the best; 0 for never.
    pub patience: usize,
    /// Splits above a leaf, at most.
    pub depth: usize,
    /// What a leaf's step is multiplied by; above 0, at most 1.
    pub shrinkage: f64,
    /// Added to a leaf's information; 0 or more.
    pub penalty: f64,
    /// What a split gains.
    pub gain: Gain,
    /// Rows of each arm that a child has at least.
    pub arm_rows: u64,
    /// Share of the training rows that each round draws, without replacement; above 0, at most 1.
    pub share: f64,
    /// Columns that each split tries.
    pub columns: Columns,
    /// Bins of a column; 2 to 255.
    pub bins: usize,
}

impl Default for ZilnGbdtSpec {
    fn default() -> Self {
        Self {
            rounds: 200,
            patience: 0,
            depth: 4,
            shrinkage: 0.1,
            penalty: 1.0,
            gain: Gain::default(),
            arm_rows: 20,
            share: 0.5,
            columns: Columns::Named(NamedColumns::Grf),
            bins: MOST_BINS,
        }
    }
}

impl ZilnGbdtSpec {
    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        within("ziln-gbdt.rounds", self.rounds, 1, 100_000)?;
        within("ziln-gbdt.depth", self.depth, 0, 64)?;
        within("ziln-gbdt.bins", self.bins, 2, MOST_BINS)?;
        share("ziln-gbdt.shrinkage", self.shrinkage)?;
        share("ziln-gbdt.share", self.share)?;
        not_negative("ziln-gbdt.penalty", self.penalty)?;
        self.columns.validate("ziln-gbdt.columns")
    }
}

/// Trees whose leaves' steps add up to the parameters of both arms.
///
/// ```text
/// (eta, mu, s)_t(x) = start + sum over rounds of the step of x's leaf         t = 0, 1
/// E_t = sigmoid(eta_t) exp(mu_t + exp(s_t)^2 / 2)
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ZilnGbdt {
    /// What all rows start from: both arms alike, as the training rows say.
    pub start: [f64; PARAMETERS],
    /// A tree per round.
    pub trees: Vec<BoostedTree>,
}

/// A tree and what its leaves add.
#[derive(Clone, Debug, PartialEq)]
pub struct BoostedTree {
    /// Where a row goes.
    pub tree: Tree,
    /// One per leaf.
    pub leaves: Vec<BoostedLeaf>,
}

/// A leaf of one round.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoostedLeaf {
    /// Rows of the round that stand in it.
    pub rows: f64,
    /// What it adds, shrunk.
    pub step: Margins,
}

/// How the rounds went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rounds {
    /// Mean loss of the training rows after each round.
    pub train: Vec<f64>,
    /// The same of the validation rows, where there are any.
    pub validation: Vec<f64>,
}

impl Rounds {
    /// The round with the least loss of the validation rows, the first among equals.
    pub(super) fn best(&self) -> usize {
        best(&self.validation)
    }

    /// Adds the losses of another stage; of a stage that stopped earlier the last ones count on.
    pub(super) fn add(&mut self, other: Self) {
        for (sums, losses) in [(&mut self.train, other.train), (&mut self.validation, other.validation)] {
            let rounds = sums.len().max(losses.len());
            if let (Some(&last), true) = (sums.last(), sums.len() < rounds) {
                sums.resize(rounds, last);
            }
            sums.resize(rounds, 0.0);
            let last = losses.last().copied().unwrap_or_default();
            let losses = losses.into_iter().chain(std::iter::repeat(last));
            sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
        }
    }
}

impl ZilnGbdt {
    /// Boosts on the training rows; `validation` rows decide when to stop.
    pub fn fit(spec: &ZilnGbdtSpec, rows: &Rows, validation: &[u32], seeds: &Seeds) -> (Self, Rounds) {
        let binned = Binned::new(rows.features, rows.train, rows.kinds, spec.bins);
        let mut train = Part::new(rows, rows.train);
        let mut watched = Part::new(rows, validation);
        let mut model = Self { start: train.start(), trees: Vec::new() };
        train.begin(model.start);
        watched.begin(model.start);
        let mut rounds = Rounds::default();
        for round in 0..spec.rounds {
            let found = boost(spec, &train, &binned, rows, &seeds.at(round as u64));
            train.add(rows, &found);
            watched.add(rows, &found);
            model.trees.push(found);
            rounds.train.push(train.loss());
            if !validation.is_empty() {
                rounds.validation.push(watched.loss());
                if spec.patience > 0 && round >= best(&rounds.validation) + spec.patience {
                    break;
                }
            }
        }
        if spec.patience > 0 && !validation.is_empty() {
            model.trees.truncate(best(&rounds.validation) + 1);
        }
        (model, rounds)
    }

    /// Parameters of both arms.
    pub fn margins(&self, row: &[f32]) -> Margins {
        self.margins_all(&[row])[0]
    }

    /// Parameters of both arms, row by row.
    pub fn margins_all(&self, rows: &[&[f32]]) -> Vec<Margins> {
        let mut margins = vec![[self.start; 2]; rows.len()];
        let trees = self.trees.iter().map(|tree| (&tree.tree, tree.leaves.as_slice()));
        ask(trees, rows, &mut margins, |margins, leaf| add(margins, &leaf.step));
        margins
    }

    /// What they say.
    pub fn predict(&self, row: &[f32]) -> Said {
        said(self.margins(row))
    }

    /// What they say of rows.
    pub fn predict_all(&self, rows: &[&[f32]]) -> Vec<Said> {
        self.margins_all(rows).into_iter().map(said).collect()
    }
}

fn said(margins: Margins) -> Said {
    let laws = margins.map(Law::new);
    Said { expected: laws.map(|law| law.expected()), conversion: laws.map(|law| law.conversion) }
}

fn add(margins: &mut Margins, step: &Margins) {
    for (margins, step) in margins.iter_mut().zip(step) {
        margins.iter_mut().zip(step).for_each(|(margin, step)| *margin += step);
    }
}

/// The round with the least loss, the first among equals.
fn best(losses: &[f64]) -> usize {
    let mut best = 0;
    for (round, loss) in losses.iter().enumerate() {
        if *loss < losses[best] {
            best = round;
        }
    }
    best
}

/// Rows with what they are known to have done and the margins so far.
struct Part<'a> {
    rows: &'a [u32],
    responses: Vec<Response>,
    margins: Vec<Margins>,
}

impl<'a> Part<'a> {
    fn new(rows: &Rows, chosen: &'a [u32]) -> Self {
        Self { rows: chosen, responses: rows.responses(chosen), margins: Vec::new() }
    }

    /// Share of buyers, mean and log SD of their log outcomes, both arms together, kept off the ends.
    fn start(&self) -> [f64; PARAMETERS] {
        let logs: Vec<f64> = self.responses.iter().filter_map(|response| response.log).collect();
        let (count, buyers) = (self.responses.len() as f64, logs.len() as f64);
        let share = (buyers + 0.5) / (count + 1.0);
        let mean = if logs.is_empty() { 0.0 } else { logs.iter().sum::<f64>() / buyers };
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / buyers.max(1.0);
        [(share / (1.0 - share)).ln(), mean, variance.sqrt().max(0.05).ln()]
    }

    fn begin(&mut self, start: [f64; PARAMETERS]) {
        self.margins = vec![[start; 2]; self.rows.len()];
    }

    fn add(&mut self, rows: &Rows, tree: &BoostedTree) {
        let features: Vec<&[f32]> = self.rows.iter().map(|&row| rows.features.row(row as usize)).collect();
        let trees = std::iter::once((&tree.tree, tree.leaves.as_slice()));
        ask(trees, &features, &mut self.margins, |margins, leaf| add(margins, &leaf.step));
    }

    fn loss(&self) -> f64 {
        let one = |(response, margins): (&Response, &Margins)| {
            Law::new(margins[usize::from(response.treated)]).loss(response.log)
        };
        self.responses.iter().zip(&self.margins).map(one).sum::<f64>() / self.rows.len().max(1) as f64
    }
}

/// The tree of one round.
fn boost(spec: &ZilnGbdtSpec, train: &Part, binned: &Binned, rows: &Rows, seeds: &Seeds) -> BoostedTree {
    let pulls: Vec<Pull> = train
        .responses
        .iter()
        .zip(&train.margins)
        .map(|(&response, margins)| Pull::new(response, margins))
        .collect();
    let bag = BagSpec { share: spec.share, replacement: false, honest: false };
    let drawn = bag.draw(train.rows.len(), &seeds.child("bag")).splits;
    let rule =
        BoostingRule { pulls: &pulls, penalty: spec.penalty, arm_rows: spec.arm_rows, gain: spec.gain };
    let limits = Limits {
        depth: spec.depth,
        columns: spec.columns.of(binned.columns.len()),
        least_gain: 0.0,
        cuts: Cuts::All,
    };
    let tree = grow(&rule, binned, drawn.clone(), limits, &seeds.child("splits"));
    let sums = rows.by_leaf(&tree, &drawn, |sums, drawn| rule.count(sums, drawn));
    let leaf = |sums: &PullSums| BoostedLeaf {
        rows: sums.rows() as f64,
        step: rule.step(sums).map(|arm| arm.map(|step| step * spec.shrinkage)),
    };
    BoostedTree { leaves: sums.iter().map(leaf).collect(), tree }
}
