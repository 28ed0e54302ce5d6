//! The one door to all models: what is asked of a method, what it is given, and what it gives back.

pub mod catalog;
pub mod device;
mod examiner;
pub mod neural;
mod purchases;
mod saved;
mod scoring;
mod status;
#[cfg(test)]
mod towers_tests;
mod training;
pub mod trees;
pub mod tuned;
#[cfg(test)]
mod units;

pub use examiner::{Examiner, Nobody};
pub use neural::NeuralSpec;
pub use purchases::{PurchaseSteps, PurchasesSpec};
pub use saved::{Parameter, SavedModel, TrainedSpec, Values};
pub use status::{Divergence, LastFinite, Status};
pub use tch::Device;
pub use training::{Schedule, TrainingSpec};
pub use trees::TreesSpec;
pub use trees::explain;
pub use tuned::TunedSpec;

use crate::evaluation::{BucketEdges, Predictions};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use valor_base::input_error;
use valor_base::question::Question;
use valor_data::encode::{ColumnKind, Encoding, Entry};
use valor_data::{LARGEST, Matrix, Treatment};
use valor_stats::metrics::Buckets;

/// A method with all its options, nothing that does not matter to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodSpec {
    /// A network trained by gradient descent.
    Neural(NeuralSpec),
    /// Trees.
    Trees(TreesSpec),
    /// The best of several, for each seed.
    Tuned(TunedSpec),
    /// A law of purchases.
    Purchases(PurchasesSpec),
}

impl MethodSpec {
    /// A name for people: backbone and terms.
    pub fn slug(&self) -> String {
        match self {
            MethodSpec::Neural(spec) => spec.slug(),
            MethodSpec::Trees(spec) => spec.slug(),
            MethodSpec::Tuned(spec) => spec.slug(),
            MethodSpec::Purchases(spec) => spec.slug(),
        }
    }

    /// What it answers.
    pub fn question(&self) -> Question {
        match self {
            MethodSpec::Neural(spec) => spec.network.backbone.question(),
            MethodSpec::Trees(spec) => spec.question(),
            MethodSpec::Purchases(_) => Question::Value,
            MethodSpec::Tuned(spec) => {
                let first = spec.candidates.first();
                first.map_or(Question::Uplift, |candidate| candidate.network.backbone.question())
            }
        }
    }

    /// Whether it gives intervals of what a row is worth.
    pub fn has_intervals(&self) -> bool {
        match self {
            MethodSpec::Neural(spec) => spec.has_intervals(),
            MethodSpec::Trees(_) | MethodSpec::Purchases(_) => false,
            MethodSpec::Tuned(spec) => spec.candidates.iter().all(NeuralSpec::has_intervals),
        }
    }

    /// How columns enter beside the usual.
    pub fn entry(&self) -> Entry {
        match self {
            MethodSpec::Neural(spec) => spec.network.front.entry(),
            MethodSpec::Trees(_) | MethodSpec::Purchases(_) => Entry::default(),
            MethodSpec::Tuned(spec) => {
                spec.candidates.first().map_or_else(Entry::default, |first| first.network.front.entry())
            }
        }
    }

    /// Which numbers it sees.
    pub fn encoding(&self) -> Encoding {
        match self {
            MethodSpec::Neural(_) | MethodSpec::Tuned(_) => Encoding::Standard,
            MethodSpec::Trees(_) | MethodSpec::Purchases(_) => Encoding::Plain,
        }
    }
}

/// What a method learns from and is asked about.
pub struct Task<'a> {
    /// Encoded features of all rows.
    pub features: &'a Matrix,
    /// Names of their columns; before rows are encoded those of the raw features. Only laws of purchases look at them.
    pub columns: &'a [String],
    /// What their columns hold.
    pub kinds: &'a [ColumnKind],
    /// Who was treated; absent where there is no treatment.
    pub treatment: Option<&'a Treatment>,
    /// What they spent.
    pub outcome: &'a [f64],
    /// Row of the file that each row came from, for messages.
    pub origin: Option<&'a [u64]>,
    /// Rows to learn from.
    pub train: &'a [u32],
    /// Rows for early stopping and for tuning.
    pub validation: &'a [u32],
    /// Rows to predict.
    pub test: &'a [u32],
    /// Times of all rows, where they have any: heads of buckets may be asked to look at the latest.
    pub time: Option<&'a [f64]>,
    /// Level of the intervals that are predicted, in (0, 1), where any are asked for; only heads with a law give them.
    pub interval: Option<f64>,
}

impl<'a> Task<'a> {
    /// What its rows are asked.
    pub fn question(&self) -> Question {
        if self.treatment.is_some() { Question::Uplift } else { Question::Value }
    }

    /// Where the outcomes of the rows to learn from are parted; nothing with a treatment, and where none is positive.
    pub fn buckets(&self) -> Option<Buckets> {
        let learned = || self.train.iter().map(|&row| self.outcome[row as usize]).collect::<Vec<f64>>();
        match self.question() {
            Question::Uplift => None,
            Question::Value => Buckets::of(&learned()).ok(),
        }
    }

    /// Who was treated; empty where there is no treatment.
    pub fn assigned(&self) -> &'a [bool] {
        self.treatment.map_or(&[], |treatment| &treatment.assigned)
    }

    /// Known propensity.
    pub fn propensity(&self) -> Option<&'a [f64]> {
        self.treatment?.propensity.as_deref()
    }

    /// Whether a row was treated.
    fn is_treated(&self, row: u32) -> bool {
        self.treatment.is_some_and(|treatment| treatment.assigned[row as usize])
    }

    /// Refuses a method that answers another question.
    fn refuse_other_question(&self, spec: &MethodSpec) -> anyhow::Result<()> {
        let (asked, answered) = (self.question(), spec.question());
        if asked == answered {
            return Ok(());
        }
        Err(input_error!(
            "{} learns from {}; found {}: allowed are methods for {asked} ({})",
            spec.slug(),
            answered.rows(),
            asked.rows(),
            catalog::keys(asked).join(", ")
        ))
    }

    /// Refuses outcomes below 0 in the given rows; `who` is what cannot learn from them.
    fn refuse_negative_outcomes(&self, rows: &[u32], who: &str) -> anyhow::Result<()> {
        let Some(&row) = rows.iter().find(|&&row| self.outcome[row as usize] < 0.0) else { return Ok(()) };
        let (number, found) = (self.number(row), self.outcome[row as usize]);
        Err(input_error!("row {number}: {who} needs outcomes of 0 or more; found {found}"))
    }

    /// Refuses outcomes that predictions in 32 bits cannot hold.
    fn refuse_extreme_outcomes(&self) -> anyhow::Result<()> {
        let [smallest, largest] = EXTREMES;
        let size = |row: &u32| self.outcome[*row as usize].abs();
        let learned = || self.train.iter().chain(self.validation);
        if let Some(&row) = learned().find(|row| size(row) > largest) {
            let (number, found) = (self.number(row), self.outcome[row as usize]);
            return Err(input_error!(
                "row {number}: found an outcome of {found:e}; allowed are {:e} to {largest:e}, since predictions are kept in 32 \
                 bits: use a larger unit",
                -largest
            ));
        }
        let most = learned().map(size).fold(0.0, f64::max);
        if most > 0.0 && most < smallest {
            return Err(input_error!(
                "the largest outcome is {most:e}; allowed are {smallest:e} and more, since predictions are kept in 32 bits: \
                 use a smaller unit"
            ));
        }
        Ok(())
    }

    /// Row of the file, from 1, for messages.
    fn number(&self, row: u32) -> u64 {
        self.origin.map_or(u64::from(row) + 1, |origin| origin[row as usize])
    }
}

/// Where a method runs and whom it tells how far it is.
pub struct Context<'a> {
    /// The device.
    pub device: Device,
    /// Called now and then with steps done and steps in all.
    pub progress: &'a mut dyn FnMut(usize, usize),
}

/// What one seed gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Replicate {
    /// How its training ended.
    pub status: Status,
    /// Loss per epoch.
    pub epochs: Vec<EpochLoss>,
    /// What it says of the test rows; absent if it diverged.
    pub predictions: Option<Predictions>,
    /// What was found in the training rows, and what tuning chose.
    pub fitted: BTreeMap<String, f64>,
}

/// A trained stack: one replicate per asked seed, and a way to score more rows.
pub struct Fitted {
    /// In the order of the asked seeds.
    pub replicates: Vec<Replicate>,
    /// The first replicate as a scorer.
    pub scorer: Box<dyn Scorer>,
}

/// Scores encoded rows, `rows x features` row-major.
pub trait Scorer {
    /// What each row is ranked by, outcome units, as fast as it goes.
    fn score(&self, rows: &Matrix) -> Vec<f32>;

    /// All that the model says of each row, the law of its outcome with it where the model has one. A row's values depend neither
    /// on its place nor on the other rows.
    fn predictions(&self, rows: &Matrix) -> Predictions;

    /// What it answers.
    fn question(&self) -> Question;

    /// Whether predictions have conversions.
    fn converts(&self) -> bool;

    /// Whether intervals of what a row is worth can be made of predictions.
    fn has_intervals(&self) -> bool {
        false
    }

    /// Where the buckets end that predictions have shares of, where they have any. Outcome units.
    fn buckets(&self) -> Option<BucketEdges> {
        None
    }

    /// What the splits on each column gained; nothing where nothing is split.
    fn gains(&self) -> Option<SplitGains>;

    /// What is needed to make this scorer again.
    fn saved(&self) -> SavedModel;
}

/// What splits gained, summed over trees.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitGains {
    /// Per encoded column, as shares of the whole; all 0 where nothing was split.
    pub shares: Vec<f64>,
    /// How many trees there are.
    pub trees: usize,
}

/// Mean loss terms of one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochLoss {
    /// From 1.
    pub epoch: usize,
    /// Weighted total on training batches; absent when not finite.
    pub total: Option<f64>,
    /// Each term before its weight; absent when not finite.
    pub terms: BTreeMap<String, Option<f64>>,
    /// Total on the validation rows, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// `auuc.true` on the watched test rows, where the truth is known; training never sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<f64>,
}

/// Largest outcome and smallest largest outcome that are learned from: predictions are kept in 32 bits.
const EXTREMES: [f64; 2] = [1e-30, LARGEST];

/// Refuses rows that a method cannot learn from. Looks at no features.
///
/// # Errors
///
/// Input errors that name the key or the row.
pub fn check(spec: &MethodSpec, task: &Task) -> anyhow::Result<()> {
    task.refuse_other_question(spec)?;
    task.refuse_extreme_outcomes()?;
    match spec {
        MethodSpec::Neural(spec) => neural::check(spec, task),
        MethodSpec::Trees(spec) => trees::check(spec, task),
        MethodSpec::Tuned(spec) => tuned::check(spec, task),
        MethodSpec::Purchases(spec) => purchases::check(spec, task),
    }
}

/// A saved model, ready to score.
///
/// # Errors
///
/// Where its parameters are not those of its spec.
pub fn restore(saved: &SavedModel, device: Device) -> anyhow::Result<Box<dyn Scorer>> {
    match &saved.spec {
        TrainedSpec::Network(spec) => Ok(Box::new(neural::restore(spec, saved, device)?)),
        TrainedSpec::Trees(spec) => trees::restore(spec, saved),
        TrainedSpec::Purchases(spec) => purchases::restore(spec, saved),
    }
}

/// Trains a method once per seed. Seeds train together where the method allows; a replicate's numbers do not
/// depend on the others.
pub fn fit(spec: &MethodSpec, task: &Task, seeds: &[u64], context: Context) -> anyhow::Result<Fitted> {
    fit_and_examine(spec, task, seeds, context, &mut Nobody)
}

/// The same, while somebody looks.
pub fn fit_and_examine(
    spec: &MethodSpec,
    task: &Task,
    seeds: &[u64],
    context: Context,
    examiner: &mut dyn Examiner,
) -> anyhow::Result<Fitted> {
    match spec {
        MethodSpec::Neural(spec) => neural::fit(spec, task, seeds, context, examiner),
        MethodSpec::Trees(spec) => trees::fit(spec, task, seeds, context, examiner),
        MethodSpec::Tuned(spec) => tuned::fit(spec, task, seeds, context, examiner),
        MethodSpec::Purchases(spec) => purchases::fit(spec, task, seeds, context),
    }
}
