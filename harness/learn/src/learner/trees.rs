//! Trees and forests behind the door: no device, no epochs, the same numbers on any number of threads.

mod causal_forest;
pub mod explain;
mod facts;
mod gbdt;
mod grown;
mod saved;
mod steps;
#[cfg(test)]
mod tests;
mod uplift_tree;
mod ziln_forest;
mod ziln_gbdt;

pub use steps::TreeSteps;

use super::{
    Context, EpochLoss, Examiner, Fitted, Replicate, SavedModel, Scorer, SplitGains, Status, Task,
    TrainedSpec,
};
use crate::evaluation::Predictions;
use crate::trees::{
    CausalForest, CausalForestSpec, Place, Rounds, Rows, UpliftTree, UpliftTreeSpec, ValueGbdt,
    ValueGbdtSpec, ZilnForest, ZilnForestSpec, ZilnGbdt, ZilnGbdtSpec,
};
use grown::{Answer, Grown};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use valor_base::input_error;
use valor_base::question::{Arms, Question};
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
    /// Boosted trees for rows of one arm.
    Gbdt(ValueGbdtSpec),
}

impl TreesSpec {
    /// A name for people.
    pub fn slug(&self) -> String {
        match self {
            TreesSpec::ZilnForest(_) => "ziln-forest".to_string(),
            TreesSpec::CausalForest(_) => "causal-forest".to_string(),
            TreesSpec::ZilnGbdt(_) => "ziln-gbdt".to_string(),
            TreesSpec::UpliftTree(_) => "uplift-tree".to_string(),
            TreesSpec::Gbdt(spec) => spec.key().to_string(),
        }
    }

    /// What they answer.
    pub fn question(&self) -> Question {
        match self {
            TreesSpec::ZilnForest(_)
            | TreesSpec::CausalForest(_)
            | TreesSpec::ZilnGbdt(_)
            | TreesSpec::UpliftTree(_) => Question::Uplift,
            TreesSpec::Gbdt(_) => Question::Value,
        }
    }

    /// What the loss of a round is called; nothing where there are no rounds.
    fn loss(&self) -> &'static str {
        match self {
            TreesSpec::ZilnForest(_) | TreesSpec::CausalForest(_) | TreesSpec::UpliftTree(_) => "",
            TreesSpec::ZilnGbdt(_) => "ziln",
            TreesSpec::Gbdt(spec) => spec.loss.name(),
        }
    }

    /// Checks the ranges.
    pub fn validate(&self) -> anyhow::Result<()> {
        match self {
            TreesSpec::ZilnForest(spec) => spec.validate(),
            TreesSpec::CausalForest(spec) => spec.validate(),
            TreesSpec::ZilnGbdt(spec) => spec.validate(),
            TreesSpec::UpliftTree(spec) => spec.validate(),
            TreesSpec::Gbdt(spec) => spec.validate(),
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
        TreesSpec::Gbdt(spec) => {
            needs_validation("gbdt", spec.trees.patience, task)?;
            if spec.takes_negative() {
                return Ok(());
            }
            let who = format!("a {}", spec.key());
            task.refuse_negative_outcomes(task.train, &who)?;
            task.refuse_negative_outcomes(task.validation, &who)
        }
        TreesSpec::ZilnGbdt(spec) => {
            needs_validation("ziln-gbdt", spec.patience, task)?;
            task.refuse_negative_outcomes(task.train, "a ziln-gbdt")?;
            task.refuse_negative_outcomes(task.validation, "a ziln-gbdt")
        }
    }
}

fn needs_validation(key: &str, patience: usize, task: &Task) -> anyhow::Result<()> {
    match patience > 0 && task.validation.is_empty() {
        true => Err(input_error!(
            "model.{key}.patience: early stopping needs validation rows; set split.validation above 0"
        )),
        false => Ok(()),
    }
}

/// Grows one forest per seed; `examiner` sees each.
pub fn fit(
    spec: &TreesSpec,
    task: &Task,
    seeds: &[u64],
    context: Context,
    examiner: &mut dyn Examiner,
) -> anyhow::Result<Fitted> {
    check(spec, task)?;
    let (mut replicates, mut first) = (Vec::new(), None);
    for (turn, &seed) in seeds.iter().enumerate() {
        let (forest, rounds) = Forest::grow(spec, task, &Seeds::new(seed).child(&spec.slug()));
        let epochs = epochs(spec.loss(), &rounds);
        replicates.push(Replicate {
            status: Status::Finished { epochs: epochs.len(), kept_epoch: forest.grown.rounds() },
            epochs,
            predictions: Some(
                forest.ask(task.test.len(), |place| task.features.row(task.test[place] as usize)),
            ),
            fitted: BTreeMap::new(),
        });
        examiner.grown(&forest);
        first.get_or_insert(forest);
        (context.progress)(turn + 1, seeds.len());
    }
    let scorer = first.ok_or_else(|| anyhow::anyhow!("a forest without seeds"))?;
    Ok(Fitted { replicates, scorer: Box::new(scorer) })
}

/// Rounds of boosting as epochs; a forest has none.
fn epochs(term: &str, rounds: &Rounds) -> Vec<EpochLoss> {
    let epoch = |(round, loss): (usize, &f64)| EpochLoss {
        epoch: round + 1,
        total: Some(*loss),
        terms: BTreeMap::from([(term.to_string(), Some(*loss))]),
        validation: rounds.validation.get(round).copied(),
        watched: None,
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
    let plain = saved.outcome_scale == 1.0 && saved.maps.is_none() && saved.buckets.is_none();
    anyhow::ensure!(plain, "trees have neither 'outcome_scale' nor 'recalibration' nor 'buckets'");
    let grown = grown(spec, saved)?;
    Ok(Box::new(Forest { spec: spec.clone(), inputs: saved.inputs.columns, grown }))
}

/// What has been grown, of saved tensors.
fn grown(spec: &TreesSpec, saved: &SavedModel) -> anyhow::Result<Box<dyn Grown>> {
    Ok(match spec {
        TreesSpec::ZilnForest(spec) => {
            saved::check_count(saved, "ziln-forest", 1, 0)?;
            Box::new(ziln_forest::restore(spec, saved)?)
        }
        TreesSpec::CausalForest(spec) => {
            saved::check_count(saved, "causal forest", 3, 1)?;
            Box::new(causal_forest::restore(spec, saved)?)
        }
        TreesSpec::ZilnGbdt(spec) => {
            saved::check_count(saved, "ziln-gbdt", 1, 1)?;
            Box::new(ziln_gbdt::restore(spec, saved)?)
        }
        TreesSpec::UpliftTree(spec) => {
            saved::check_count(saved, "uplift-tree", 1, 0)?;
            Box::new(uplift_tree::restore(spec, saved)?)
        }
        TreesSpec::Gbdt(spec) => {
            saved::check_count(saved, spec.key(), spec.stages().len(), 2)?;
            Box::new(gbdt::restore(spec, saved)?)
        }
    })
}

/// A forest as a scorer.
struct Forest {
    spec: TreesSpec,
    inputs: usize,
    grown: Box<dyn Grown>,
}

impl Forest {
    fn grow(spec: &TreesSpec, task: &Task, seeds: &Seeds) -> (Self, Rounds) {
        let rows = Rows {
            features: task.features,
            kinds: task.kinds,
            treatment: task.assigned(),
            outcome: task.outcome,
            train: task.train,
        };
        let mut rounds = Rounds::default();
        let grown: Box<dyn Grown> = match spec {
            TreesSpec::ZilnForest(spec) => Box::new(ZilnForest::fit(spec, &rows, seeds)),
            TreesSpec::CausalForest(spec) => {
                Box::new(CausalForest::fit(spec, &rows, task.propensity(), seeds))
            }
            TreesSpec::ZilnGbdt(spec) => {
                let (model, found) = ZilnGbdt::fit(spec, &rows, task.validation, seeds);
                rounds = found;
                Box::new(model)
            }
            TreesSpec::UpliftTree(spec) => Box::new(UpliftTree::fit(spec, &rows, task.propensity(), seeds)),
            TreesSpec::Gbdt(spec) => {
                let (model, found) = ValueGbdt::fit(spec, &rows, task.validation);
                rounds = found;
                Box::new(model)
            }
        };
        (Self { spec: spec.clone(), inputs: task.features.columns, grown }, rounds)
    }

    /// What the forest says of so many rows.
    fn ask<'r>(&self, rows: usize, row: impl Fn(usize) -> &'r [f32] + Sync) -> Predictions {
        let chunks = (0..rows.div_ceil(CHUNK)).into_par_iter();
        let answers: Vec<Vec<Answer>> = chunks
            .map(|chunk| {
                let first = chunk * CHUNK;
                let rows: Vec<&[f32]> = (first..rows.min(first + CHUNK)).map(&row).collect();
                self.grown.answers(&rows)
            })
            .collect();
        let mut said = Predictions::none(self.grown.question());
        said.conversion = self.grown.converts().then(|| said.expected.clone());
        for answer in answers.into_iter().flatten() {
            said.score.push(answer.score as f32);
            push(&mut said.expected, answer.expected);
            said.conversion.as_mut().into_iter().for_each(|columns| push(columns, answer.conversion));
        }
        said
    }
}

/// Adds a row to the columns of its arms.
fn push(columns: &mut Arms<Vec<f32>>, values: Arms<f64>) {
    if let Some(pairs) = columns.as_mut().zip(values) {
        pairs.map(|(column, value)| column.push(value as f32));
    }
}

impl Scorer for Forest {
    fn score(&self, rows: &Matrix) -> Vec<f32> {
        let rows: Vec<&[f32]> = (0..rows.rows).map(|row| rows.row(row)).collect();
        self.grown.scores(&rows).into_iter().map(|score| score as f32).collect()
    }

    fn predictions(&self, rows: &Matrix) -> Predictions {
        self.ask(rows.rows, |row| rows.row(row))
    }

    fn question(&self) -> Question {
        self.grown.question()
    }

    fn converts(&self) -> bool {
        self.grown.converts()
    }

    fn gains(&self) -> Option<SplitGains> {
        let trees = self.grown.trees();
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
            inputs: (self.inputs as i64).into(),
            parameters: self.grown.parameters(),
            maps: None,
            buckets: None,
            outcome_scale: 1.0,
        }
    }
}
