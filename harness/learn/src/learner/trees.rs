//! Trees and forests behind the door: no device, no epochs, the same numbers on any number of threads.

pub mod explain;
mod saved;
mod steps;
#[cfg(test)]
mod tests;

pub use steps::TreeSteps;

use super::{
    Context, EpochLoss, Fitted, Predictions, Replicate, SavedModel, Scorer, SplitGains, Status, Task,
    TrainedSpec,
};
use crate::trees::{
    CausalForest, CausalForestSpec, Place, Rounds, Rows, Said, Tree, UpliftTree, UpliftTreeSpec, ZilnForest,
    ZilnForestSpec, ZilnGbdt, ZilnGbdtSpec,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use valor_base::input_error;
use valor_base::seed::Seeds;
use valor_data::Matrix;

/// Rows that one task handles.
const CHUNK: usize = 4096;

/// A method made of trees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TreesSpec {
    /// Trees that part accounts by their zero-inflated log-normal uplift, averaged.
    ZilnForest(ZilnForestSpec),
    /// A generalised random forest for the treatment effect.
    CausalForest(CausalForestSpec),
    /// Boosted trees under the zero-inflated log-normal likelihood.
    ZilnGbdt(ZilnGbdtSpec),
    /// One small honest tree to decide by.
    UpliftTree(UpliftTreeSpec),
}

impl TreesSpec {
    /// A name for people.
    pub fn slug(&self) -> String {
        match self {
            TreesSpec::ZilnForest(_) => "ziln-forest".to_string(),
            TreesSpec::CausalForest(_) => "causal-forest".to_string(),
            TreesSpec::ZilnGbdt(_) => "ziln-gbdt".to_string(),
            TreesSpec::UpliftTree(_) => "uplift-tree".to_string(),
        }
    }

    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        match self {
            TreesSpec::ZilnForest(spec) => spec.validate(),
            TreesSpec::CausalForest(spec) => spec.validate(),
            TreesSpec::ZilnGbdt(spec) => spec.validate(),
            TreesSpec::UpliftTree(spec) => spec.validate(),
        }
    }
}

/// Refuses rows that trees cannot learn from.
pub fn check(spec: &TreesSpec, task: &Task) -> anyhow::Result<()> {
    if task.train.is_empty() {
        return Err(input_error!("there are no training rows"));
    }
    match spec {
        TreesSpec::ZilnForest(_) => task.refuse_negative_outcomes(task.train, "a ziln-forest"),
        TreesSpec::CausalForest(_) => Ok(()),
        TreesSpec::UpliftTree(_) => task.refuse_negative_outcomes(task.train, "an uplift-tree"),
        TreesSpec::ZilnGbdt(spec) => {
            if spec.patience > 0 && task.validation.is_empty() {
                return Err(input_error!(
                    "model.ziln-gbdt.patience: early stopping needs validation rows; set split.validation above 0"
                ));
            }
            task.refuse_negative_outcomes(task.train, "a ziln-gbdt")?;
            task.refuse_negative_outcomes(task.validation, "a ziln-gbdt")
        }
    }
}

/// Grows one forest per seed; `examine` sees each.
pub fn fit(
    spec: &TreesSpec,
    task: &Task,
    seeds: &[u64],
    context: Context,
    examine: &mut dyn FnMut(&dyn Scorer),
) -> anyhow::Result<Fitted> {
    check(spec, task)?;
    let (mut replicates, mut first) = (Vec::new(), None);
    for (turn, &seed) in seeds.iter().enumerate() {
        let (forest, rounds) = Forest::grow(spec, task, &Seeds::new(seed).child(&spec.slug()));
        let epochs = epochs(&rounds);
        replicates.push(Replicate {
            status: Status::Finished { epochs: epochs.len(), kept_epoch: forest.rounds() },
            epochs,
            predictions: Some(
                forest.ask(task.test.len(), |place| task.features.row(task.test[place] as usize)),
            ),
            fitted: BTreeMap::new(),
        });
        examine(&forest);
        first.get_or_insert(forest);
        (context.progress)(turn + 1, seeds.len());
    }
    let scorer = first.ok_or_else(|| anyhow::anyhow!("a forest without seeds"))?;
    Ok(Fitted { replicates, scorer: Box::new(scorer) })
}

/// Rounds of boosting as epochs; a forest has none.
fn epochs(rounds: &Rounds) -> Vec<EpochLoss> {
    let epoch = |(round, loss): (usize, &f64)| EpochLoss {
        epoch: round + 1,
        total: Some(*loss),
        terms: BTreeMap::from([("ziln".to_string(), Some(*loss))]),
        validation: rounds.validation.get(round).copied(),
    };
    rounds.train.iter().enumerate().map(epoch).collect()
}

/// A saved forest as a scorer.
///
/// # Errors
///
/// Where a tensor is absent, of another shape or type, or trees are not whole.
pub fn restore(spec: &TreesSpec, saved: &SavedModel) -> anyhow::Result<Box<dyn Scorer>> {
    spec.validate()?;
    let plain = saved.outcome_scale == 1.0 && saved.maps.is_none();
    anyhow::ensure!(plain, "trees have neither 'outcome_scale' nor 'recalibration'");
    let grown = saved::grown(spec, saved)?;
    Ok(Box::new(Forest { spec: spec.clone(), inputs: saved.inputs, grown }))
}

/// A forest as a scorer.
struct Forest {
    spec: TreesSpec,
    inputs: usize,
    grown: Grown,
}

/// What has been grown.
enum Grown {
    Ziln(ZilnForest),
    Causal(CausalForest),
    Boosted(ZilnGbdt),
    Uplift(UpliftTree),
}

/// What a forest says of a row.
#[derive(Clone, Copy, Default)]
struct Answer {
    uplift: f64,
    expected: [f64; 2],
    conversion: [f64; 2],
}

impl From<Said> for Answer {
    fn from(said: Said) -> Self {
        Self { uplift: said.uplift(), expected: said.expected, conversion: said.conversion }
    }
}

impl Forest {
    fn grow(spec: &TreesSpec, task: &Task, seeds: &Seeds) -> (Self, Rounds) {
        let rows = Rows {
            features: task.features,
            kinds: task.kinds,
            treatment: task.treatment,
            outcome: task.outcome,
            train: task.train,
        };
        let mut rounds = Rounds::default();
        let grown = match spec {
            TreesSpec::ZilnForest(spec) => Grown::Ziln(ZilnForest::fit(spec, &rows, seeds)),
            TreesSpec::CausalForest(spec) => {
                Grown::Causal(CausalForest::fit(spec, &rows, task.propensity, seeds))
            }
            TreesSpec::ZilnGbdt(spec) => {
                let (model, found) = ZilnGbdt::fit(spec, &rows, task.validation, seeds);
                rounds = found;
                Grown::Boosted(model)
            }
            TreesSpec::UpliftTree(spec) => {
                Grown::Uplift(UpliftTree::fit(spec, &rows, task.propensity, seeds))
            }
        };
        (Self { spec: spec.clone(), inputs: task.features.columns, grown }, rounds)
    }

    /// Rounds of boosting that were kept.
    fn rounds(&self) -> usize {
        match &self.grown {
            Grown::Ziln(_) | Grown::Causal(_) | Grown::Uplift(_) => 0,
            Grown::Boosted(model) => model.trees.len(),
        }
    }

    fn answers(&self, rows: &[&[f32]]) -> Vec<Answer> {
        match &self.grown {
            Grown::Ziln(forest) => forest.predict_all(rows).into_iter().map(Answer::from).collect(),
            Grown::Boosted(model) => model.predict_all(rows).into_iter().map(Answer::from).collect(),
            Grown::Uplift(tree) => rows.iter().map(|row| Answer::from(tree.predict(row))).collect(),
            // m = e E_1 + (1 - e) E_0, so the effect parts the marginal outcome by the propensity.
            Grown::Causal(forest) => {
                let answer = |(uplift, (outcome, share)): (f64, (f64, f64))| {
                    let expected = [outcome - share * uplift, outcome + (1.0 - share) * uplift];
                    Answer { uplift, expected, conversion: [0.0; 2] }
                };
                let effects = forest.effects(rows).into_iter();
                effects.zip(forest.nuisances.predict_all(rows)).map(answer).collect()
            }
        }
    }

    fn uplift_of(&self, row: &[f32]) -> f64 {
        match &self.grown {
            Grown::Ziln(forest) => forest.predict(row).uplift(),
            Grown::Causal(forest) => forest.effect(row),
            Grown::Boosted(model) => model.predict(row).uplift(),
            Grown::Uplift(tree) => tree.predict(row).uplift(),
        }
    }

    /// The trees that decide the uplift.
    fn grown_trees(&self) -> Vec<&Tree> {
        match &self.grown {
            Grown::Ziln(forest) => forest.trees().iter().map(|tree| &tree.tree).collect(),
            Grown::Causal(forest) => forest.trees.iter().map(|tree| &tree.tree).collect(),
            Grown::Boosted(model) => model.trees.iter().map(|tree| &tree.tree).collect(),
            Grown::Uplift(tree) => vec![&tree.tree],
        }
    }

    /// What the forest says of so many rows.
    fn ask<'r>(&self, rows: usize, row: impl Fn(usize) -> &'r [f32] + Sync) -> Predictions {
        let mut answers = vec![Answer::default(); rows];
        answers.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, answers)| {
            let first = chunk * CHUNK;
            let rows: Vec<&[f32]> = (first..first + answers.len()).map(&row).collect();
            answers.copy_from_slice(&self.answers(&rows));
        });
        let column = |value: fn(&Answer) -> f64| answers.iter().map(|answer| value(answer) as f32).collect();
        Predictions {
            uplift: column(|answer| answer.uplift),
            expected_control: column(|answer| answer.expected[0]),
            expected_treated: column(|answer| answer.expected[1]),
            conversion_control: self.converts().then(|| column(|answer| answer.conversion[0])),
            conversion_treated: self.converts().then(|| column(|answer| answer.conversion[1])),
        }
    }
}

impl Scorer for Forest {
    fn uplift(&self, rows: &Matrix) -> Vec<f32> {
        let rows: Vec<&[f32]> = (0..rows.rows).map(|row| rows.row(row)).collect();
        let uplifts = |said: Vec<Said>| said.iter().map(Said::uplift).collect();
        let uplifts: Vec<f64> = match &self.grown {
            Grown::Ziln(forest) => uplifts(forest.predict_all(&rows)),
            Grown::Causal(forest) => forest.effects(&rows),
            Grown::Boosted(model) => uplifts(model.predict_all(&rows)),
            Grown::Uplift(tree) => rows.iter().map(|row| tree.predict(row).uplift()).collect(),
        };
        uplifts.into_iter().map(|uplift| uplift as f32).collect()
    }

    fn predictions(&self, rows: &Matrix) -> Predictions {
        self.ask(rows.rows, |row| rows.row(row))
    }

    fn converts(&self) -> bool {
        match &self.grown {
            Grown::Ziln(_) | Grown::Boosted(_) | Grown::Uplift(_) => true,
            Grown::Causal(_) => false,
        }
    }

    fn gains(&self) -> Option<SplitGains> {
        let trees = self.grown_trees();
        let mut sums = vec![0.0; self.inputs];
        for tree in &trees {
            for place in 0..tree.places() {
                if let Place::Inner(split, _) = tree.place(place) {
                    sums[split.column] += tree.gain(place);
                }
            }
        }
        let whole: f64 = sums.iter().sum();
        let share = |sum: f64| if whole > 0.0 { sum / whole } else { 0.0 };
        Some(SplitGains { shares: sums.into_iter().map(share).collect(), trees: trees.len() })
    }

    fn saved(&self) -> SavedModel {
        SavedModel {
            spec: TrainedSpec::Trees(self.spec.clone()),
            inputs: self.inputs,
            parameters: saved::parameters(&self.grown),
            maps: None,
            outcome_scale: 1.0,
        }
    }
}
