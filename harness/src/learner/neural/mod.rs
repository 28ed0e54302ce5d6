//! Networks: the only training loop.

mod batches;
mod optimiser;
mod predict;
mod restore;
mod rows;
mod stack;

use super::{Context, Fitted, Replicate, Status, Task, TrainingSpec, catalog};
use crate::input_error;
use crate::nets::{Network, NetworkSpec, OutcomeSummary};
use crate::objectives::{Objective, Setting, TermSpec};
use predict::Model;
pub use restore::restore;
use rows::DeviceRows;
use serde::{Deserialize, Serialize};
use stack::Stack;

/// What a network computes, what it is trained for, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NeuralSpec {
    /// What it computes.
    pub network: NetworkSpec,
    /// What it is trained for: the sum of these.
    pub objective: Vec<TermSpec>,
    /// How it is trained.
    pub training: TrainingSpec,
}

/// Trains one replicate per seed, all in one stack.
pub fn fit(spec: &NeuralSpec, task: &Task, seeds: &[u64], context: Context) -> anyhow::Result<Fitted> {
    check(spec, task)?;
    let rows = DeviceRows::new(spec, task, context.device);
    let setting =
        Setting { head: spec.network.head.clone(), summary: rows.summary, batch: spec.training.batch };
    let objective = Objective::new(&spec.objective, &setting)?;
    let network = Network::new(&spec.network, task.features.columns as i64, &rows.summary);
    let mut stack = Stack::new(&network, &objective, &spec.training, (seeds, context.device));
    stack.train(&rows, task, context.progress);
    let (parameters, logs) = stack.finish();
    let model = Model::new((spec, task.features.columns), network, parameters);
    let predictions = model.predict(&rows.features, task.test, seeds.len());
    let replicates = logs.into_iter().zip(predictions).map(|(log, predictions)| {
        let finite = predictions.uplift.iter().all(|uplift| uplift.is_finite());
        let status = if finite { log.status } else { log.status.with_wild_predictions() };
        let finished = matches!(status, Status::Finished { .. });
        let predictions = finished.then_some(predictions);
        Replicate { status, epochs: log.epochs, predictions, fitted: rows.fitted.clone() }
    });
    Ok(Fitted { replicates: replicates.collect(), scorer: Box::new(model.first()) })
}

impl NeuralSpec {
    /// A name for people: backbone, gate and terms.
    pub fn slug(&self) -> String {
        let row = catalog::BACKBONES.iter().find(|row| row.kind == self.network.backbone);
        let backbone = row.map(|row| row.key);
        let gate = self.network.gate.map(|_| "gate");
        let terms = self.objective.iter().map(|term| term.term.name());
        backbone.into_iter().chain(gate).chain(terms).collect::<Vec<_>>().join("-")
    }

    /// Whether the head has what every term needs; asked before any row is loaded.
    pub fn check_terms(&self) -> anyhow::Result<()> {
        let (summary, batch) = (OutcomeSummary::default(), self.training.batch);
        let setting = Setting { head: self.network.head.clone(), summary, batch };
        Objective::new(&self.objective, &setting).map(|_| ())
    }
}

impl Status {
    fn with_wild_predictions(self) -> Self {
        match self {
            Status::Finished { epochs, .. } => {
                Status::Diverged { epoch: epochs, step: 0, message: "a prediction is not finite".into() }
            }
            Status::Diverged { .. } => self,
        }
    }
}

/// Refuses rows that a network cannot learn from.
pub fn check(spec: &NeuralSpec, task: &Task) -> anyhow::Result<()> {
    let (batch, rows) = (spec.training.batch, task.train.len());
    if batch > rows {
        return Err(input_error!("training.batch: found {batch}; there are only {rows} training rows"));
    }
    if spec.training.patience > 0 && task.validation.is_empty() {
        return Err(input_error!(
            "training.patience: early stopping needs validation rows; set split.validation above 0"
        ));
    }
    let ziln = matches!(spec.network.head, crate::nets::HeadSpec::Ziln { .. });
    let negative = || task.train.iter().find(|&&row| task.outcome[row as usize] < 0.0);
    if let (true, Some(&row)) = (ziln, negative()) {
        let (found, row) = (task.outcome[row as usize], row as usize);
        let number = task.origin.map_or(row as u64 + 1, |origin| origin[row]);
        return Err(input_error!("row {number}: the ziln head needs outcomes of 0 or more; found {found}"));
    }
    Ok(())
}
