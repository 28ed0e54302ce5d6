//! Networks: the only training loop.

mod batches;
mod gates;
mod members;
mod optimiser;
mod predict;
mod recalibration;
mod restore;
mod rows;
mod stack;

pub use gates::GateFact;
pub use recalibration::{Maps, Recalibration};
pub use restore::restore;

use super::status::PREDICTION;
use super::{Context, Divergence, Examiner, Fitted, LastFinite, Replicate, Status, Task, TrainingSpec};
use crate::evaluation::Predictions;
use crate::nets::{HeadSpec, Inputs, Network, NetworkSpec, OutcomeSummary};
use crate::objectives::{Objective, Setting, TermSpec};
use predict::{Detail, Model};
use recalibration::Map;
use rows::DeviceRows;
use serde::{Deserialize, Serialize};
use stack::Stack;
use tch::{Kind, Tensor};
use valor_base::input_error;
use valor_base::question::{Arms, Question};

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
    /// What is done to conversion probabilities after training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalibration: Option<Recalibration>,
}

/// Trains one replicate per seed, all in one stack.
pub fn fit(
    spec: &NeuralSpec,
    task: &Task,
    seeds: &[u64],
    context: Context,
    examiner: &dyn Examiner,
) -> anyhow::Result<Fitted> {
    Ok(train(spec, task, seeds, context, examiner)?.fitted())
}

/// A trained stack that can still be asked about any row of its task.
pub(super) struct Trained {
    replicates: Vec<Replicate>,
    model: Model,
    maps: Vec<Maps>,
    /// `[N, d]`
    features: Tensor,
}

impl Trained {
    /// What each replicate says of the given rows.
    pub(super) fn predict(&self, rows: &[u32]) -> Vec<Predictions> {
        predict(&self.model, &self.maps, &self.features, (rows, self.replicates.len()))
    }

    /// The replicates, and the first of them as a scorer.
    pub(super) fn fitted(self) -> Fitted {
        let scorer = Box::new(self.model.first(self.maps.into_iter().next()));
        Fitted { replicates: self.replicates, scorer }
    }
}

/// Trains as `fit` does.
pub(super) fn train(
    spec: &NeuralSpec,
    task: &Task,
    seeds: &[u64],
    context: Context,
    examiner: &dyn Examiner,
) -> anyhow::Result<Trained> {
    check(spec, task)?;
    let scale = rows::outcome_scale(task);
    let rows = DeviceRows::new(spec, task, scale, context.device);
    let setting = Setting::new(&spec.network, rows.summary.clone(), spec.training.batch);
    let objective = Objective::new(&spec.objective, &setting)?;
    let network = Network::new(&spec.network, inputs(task), &rows.summary);
    let networks = stack::network_seeds(seeds, spec.training.members);
    let mut stack = Stack::new(&network, &objective, &spec.training, (networks, context.device));
    let mut watched = Watched::new((spec, task), scale, &rows, examiner);
    stack.train(&rows, task, context.progress, &mut |parameters| watched.judge(parameters));
    let (parameters, logs) = stack.finish();
    let logs = members::together(logs, spec.training.members);
    let model = Model::new((spec, task.features.columns), network, parameters, scale);
    let maps = maps(spec, task, &model, &rows, seeds.len());
    let predictions = said_of_test(&model, &maps, &rows.features, (task, seeds.len()));
    let replicates = logs.into_iter().zip(predictions).zip(0..).map(|((log, predictions), replicate)| {
        let finite = predictions.score.iter().all(|score| score.is_finite());
        let status = if finite { log.status } else { log.status.with_wild_predictions(log.last) };
        let finished = matches!(status, Status::Finished { .. });
        let predictions = finished.then_some(predictions);
        let mut fitted = rows.fitted.clone();
        fitted.extend(gates::noted(&model, replicate).into_iter().filter(|(_, value)| value.is_finite()));
        Replicate { status, epochs: log.epochs, predictions, fitted }
    });
    Ok(Trained { replicates: replicates.collect(), model, maps, features: rows.features })
}

/// What a network is given of a task's rows.
fn inputs(task: &Task) -> Inputs {
    Inputs::of(task.features.columns, task.kinds)
}

/// The network that an examiner asks about its rows.
struct Watched<'a> {
    examiner: &'a dyn Examiner,
    /// Has no parameters until it is asked.
    model: Model,
    features: &'a Tensor,
}

impl<'a> Watched<'a> {
    fn new(
        (spec, task): (&NeuralSpec, &Task),
        scale: f64,
        rows: &'a DeviceRows,
        examiner: &'a dyn Examiner,
    ) -> Self {
        let network = Network::new(&spec.network, inputs(task), &rows.summary);
        let none = Tensor::zeros([0, 0], (Kind::Float, rows.features.device()));
        Self {
            examiner,
            model: Model::new((spec, task.features.columns), network, none, scale),
            features: &rows.features,
        }
    }

    /// What is noted of each replicate of a stack with these parameters, `[S, P]`; empty where nobody looks.
    fn judge(&mut self, parameters: &Tensor) -> Vec<Option<f64>> {
        let asked = self.examiner.watched();
        if asked.is_empty() {
            return Vec::new();
        }
        let replicates = parameters.size()[0] as usize / self.model.members();
        self.model.set_parameters(parameters.detach());
        let said = self.model.predict(self.features, asked, (replicates, Detail::Expectations));
        let finite = |said: &Predictions| said.score.iter().all(|score| score.is_finite());
        said.iter().map(|said| finite(said).then(|| self.examiner.judge(said)).flatten()).collect()
    }
}

/// What so many replicates say of rows, with their conversion probabilities set right.
fn predict(model: &Model, maps: &[Maps], features: &Tensor, rows: (&[u32], usize)) -> Vec<Predictions> {
    let mut predictions = model.predict(features, rows.0, (rows.1, Detail::Expectations));
    predictions.iter_mut().zip(maps).for_each(|(predictions, maps)| maps.apply(predictions));
    predictions
}

/// What so many replicates say of the test rows, with the intervals that are asked for.
fn said_of_test(model: &Model, maps: &[Maps], features: &Tensor, rows: (&Task, usize)) -> Vec<Predictions> {
    let (task, replicates) = rows;
    let Some(level) = task.interval else {
        return predict(model, maps, features, (task.test, replicates));
    };
    let mut predictions = model.predict(features, task.test, (replicates, Detail::Law));
    predictions.iter_mut().zip(maps).for_each(|(predictions, maps)| maps.apply(predictions));
    for predictions in &mut predictions {
        predictions.add_intervals(level);
        predictions.law = None;
    }
    predictions
}

/// What sets each replicate's conversion probabilities right; empty where nothing does.
fn maps(spec: &NeuralSpec, task: &Task, model: &Model, rows: &DeviceRows, replicates: usize) -> Vec<Maps> {
    match (spec.recalibration, recalibration::focal(&spec.objective)) {
        (None, _) | (Some(Recalibration::ClosedForm), None) => Vec::new(),
        (Some(Recalibration::ClosedForm), Some(focal)) => {
            let map = Map::Focal(focal.clone());
            let maps = match model.question() {
                Question::Uplift => Arms::Two { control: map.clone(), treated: map },
                Question::Value => Arms::One(map),
            };
            vec![Maps(maps); replicates]
        }
        (Some(Recalibration::Isotonic), _) => {
            let found = model.predict(&rows.features, task.train, (replicates, Detail::Expectations));
            found.iter().map(|predictions| isotonic_maps(task, predictions)).collect()
        }
    }
}

/// One isotonic regression per arm, on the arm's training rows.
fn isotonic_maps(task: &Task, predictions: &Predictions) -> Maps {
    let arm = |treated: bool, conversions: &[f32]| {
        let rows = task.train.iter().zip(conversions);
        let rows = rows.filter(|(row, p)| task.is_treated(**row) == treated && p.is_finite());
        let bought = |row: u32| f64::from(u8::from(task.outcome[row as usize] > 0.0));
        recalibration::isotonic(rows.map(|(&row, &p)| (f64::from(p), bought(row))).collect())
    };
    // Heads without conversions are refused before.
    let conversions = predictions.conversion.as_ref().unwrap_or(&predictions.expected);
    Maps(match conversions {
        Arms::One(only) => Arms::One(arm(false, only)),
        Arms::Two { control, treated } => {
            Arms::Two { control: arm(false, control), treated: arm(true, treated) }
        }
    })
}

impl NeuralSpec {
    /// A name for people: backbone, gate and terms.
    pub fn slug(&self) -> String {
        let backbone = self.network.backbone.name();
        let gate = self.network.gate.map(|_| "gate");
        let terms = self.objective.iter().map(|term| term.term.name());
        [backbone].into_iter().chain(gate).chain(terms).collect::<Vec<_>>().join("-")
    }

    /// Whether it gives intervals of what a row is worth: a head with a law, of rows without a treatment. Of several networks together
    /// the law is known where shares of buckets are averaged.
    pub fn has_intervals(&self) -> bool {
        let head = &self.network.head;
        let known = head.has_law() && (self.training.members == 1 || head.buckets().is_some());
        known && self.network.backbone.question() == Question::Value
    }

    /// Whether the network has what every term and the recalibration need; asked before any row is loaded.
    pub fn check_terms(&self) -> anyhow::Result<()> {
        let setting = Setting::new(&self.network, OutcomeSummary::default(), self.training.batch);
        Objective::new(&self.objective, &setting)?;
        match (self.recalibration, &self.network.head) {
            (Some(recalibration), HeadSpec::Ziln { .. }) => recalibration.check(&self.objective),
            (
                Some(_),
                HeadSpec::Point
                | HeadSpec::Log
                | HeadSpec::Log1p(_)
                | HeadSpec::Mdme(_)
                | HeadSpec::Ordinal(_)
                | HeadSpec::CcOr(_)
                | HeadSpec::Towers(_),
            ) => Err(input_error!(
                "recalibration sets conversion probabilities right, which only a ziln head has"
            )),
            (None, _) => Ok(()),
        }
    }
}

impl Status {
    fn with_wild_predictions(self, last: Option<LastFinite>) -> Self {
        match self {
            Status::Finished { epochs, .. } => {
                Status::Diverged(Divergence::new((epochs, 0), PREDICTION, last))
            }
            Status::Diverged(_) => self,
        }
    }
}

/// Outcomes of more training standard deviations than this differ by too few of the 24 bits that a network sees.
const LARGEST_OFFSET: f64 = (1_u64 << 20) as f64;

/// Refuses outcomes whose differences 32 bits cannot tell.
fn refuse_offset(task: &Task) -> anyhow::Result<()> {
    let scale = rows::outcome_scale(task);
    let size = |row: &u32| task.outcome[*row as usize].abs();
    let most = task.train.iter().chain(task.validation).map(size).fold(0.0, f64::max);
    if most / scale > LARGEST_OFFSET {
        return Err(input_error!(
            "outcomes reach {most:e} and their standard deviation is {scale:e}: networks compute in 32 bits, which cannot \
             tell such outcomes apart; allowed are up to {LARGEST_OFFSET} standard deviations: subtract a constant first"
        ));
    }
    Ok(())
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
    refuse_offset(task)?;
    if spec.network.head == HeadSpec::Point {
        return Ok(());
    }
    let who = format!("the {} head", spec.network.head.name());
    task.refuse_negative_outcomes(task.train, &who)?;
    task.refuse_negative_outcomes(task.validation, &who)?;
    if let HeadSpec::Log1p(log1p) = &spec.network.head {
        log1p.check(rows::outcome_scale(task)).map_err(|error| input_error!("model.{error:#}"))?;
    }
    match spec.network.head.buckets() {
        Some(buckets) => rows::buckets(&buckets, task, rows::outcome_scale(task))
            .map(drop)
            .map_err(|error| input_error!("{who}: {error:#}")),
        None => Ok(()),
    }
}
