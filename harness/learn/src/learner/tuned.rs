//! Tuning: every candidate is trained, and each seed keeps the one that is best on the validation rows.

mod key;
#[cfg(test)]
mod tests;

pub use key::Key;

use super::{Context, Fitted, NeuralSpec, Replicate, Scorer, Status, Task, neural};
use crate::evaluation::{self, EvaluationRows, Predictions, estimated_propensity};
use serde::{Deserialize, Serialize};
use valor_base::input_error;
use valor_stats::metrics::{self, Metric};

/// What a record calls the number of the candidate that was kept, from 0.
pub const CANDIDATE: &str = "tuning: candidate";

/// What a record calls the metric of the kept candidate on the validation rows; absent where it is undefined.
pub fn validation(metric: &str) -> String {
    format!("tuning: validation {metric}")
}

/// A method with the candidates that it is chosen from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedSpec {
    /// One or more; the first is the method as it stands.
    pub candidates: Vec<NeuralSpec>,
    /// What decides, on the validation rows: a metric that needs no truth.
    pub metric: String,
    /// What differs between candidates.
    pub searched: Vec<Key>,
}

impl TunedSpec {
    /// A name for people: that of the method as it stands.
    pub fn slug(&self) -> String {
        self.candidates.first().map(|candidate| format!("{}-tuned", candidate.slug())).unwrap_or_default()
    }

    /// The candidates that differ from all before them, with their numbers. The others would train the same again.
    pub fn different(&self) -> Vec<(usize, &NeuralSpec)> {
        let new =
            |(number, candidate): &(usize, &NeuralSpec)| !self.candidates[..*number].contains(candidate);
        self.candidates.iter().enumerate().filter(new).collect()
    }
}

/// Refuses rows that a candidate cannot learn from, or that cannot decide between candidates.
pub fn check(spec: &TunedSpec, task: &Task) -> anyhow::Result<()> {
    spec.candidates.iter().try_for_each(|candidate| neural::check(candidate, task))?;
    let rows = task.validation.len();
    let treated = task.validation.iter().filter(|&&row| task.is_treated(row)).count();
    if task.treatment.is_some() && (treated == 0 || treated == rows) {
        return Err(input_error!(
            "tuning needs validation rows of both arms: found {rows}, of which {treated} treated; raise split.validation"
        ));
    }
    Ok(())
}

/// Trains every candidate as a stack of all seeds and keeps, for each seed, the best one. Nothing is trained again.
pub fn fit(spec: &TunedSpec, task: &Task, seeds: &[u64], context: Context) -> anyhow::Result<Fitted> {
    check(spec, task)?;
    let judge = Judge::new(&spec.metric, task)?;
    let different = spec.different();
    let mut kept: Option<(Vec<Choice>, Box<dyn Scorer>)> = None;
    for (turn, (number, candidate)) in different.iter().enumerate() {
        let mut progress =
            |done: usize, total: usize| (context.progress)(turn * total + done, different.len() * total);
        let context = Context { device: context.device, progress: &mut progress };
        let trained = neural::train(candidate, task, seeds, context)?;
        let said = trained.predict(task.validation);
        let Fitted { replicates, scorer } = trained.fitted();
        let found = replicates.into_iter().zip(&said);
        let found: Vec<Choice> = found.map(|found| judge.choice(*number, found)).collect();
        kept = Some(match kept.take() {
            None => (found, scorer),
            Some(before) => better(before, (found, scorer)),
        });
    }
    let (choices, scorer) = kept.ok_or_else(|| anyhow::anyhow!("tuning without candidates"))?;
    Ok(Fitted { replicates: choices.into_iter().map(|choice| choice.noted(spec)).collect(), scorer })
}

/// What each seed keeps of two candidates: the first unless the second is better. The scorer is the first seed's.
fn better<S>(first: (Vec<Choice>, S), second: (Vec<Choice>, S)) -> (Vec<Choice>, S) {
    let leads = second.0.iter().zip(&first.0).next().is_some_and(|(second, first)| second.beats(first));
    let scorer = if leads { second.1 } else { first.1 };
    let pairs = first.0.into_iter().zip(second.0);
    (pairs.map(|(first, second)| if second.beats(&first) { second } else { first }).collect(), scorer)
}

/// One seed of one candidate.
struct Choice {
    number: usize,
    standing: Standing,
    /// The metric on the validation rows, where it is defined.
    value: Option<f64>,
    replicate: Replicate,
}

/// How good a candidate is for a seed, worst first.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Standing {
    /// It has no predictions.
    Diverged,
    /// It has predictions on which the metric is undefined.
    Undefined,
    /// Larger is better.
    Merit(f64),
}

impl Choice {
    fn beats(&self, earlier: &Choice) -> bool {
        self.standing > earlier.standing
    }

    /// The replicate with what was chosen.
    fn noted(self, spec: &TunedSpec) -> Replicate {
        let mut replicate = self.replicate;
        let mut note = |name: String, value: Option<f64>| {
            if let Some(value) = value {
                replicate.fitted.insert(name, value);
            }
        };
        note(CANDIDATE.to_string(), Some(self.number as f64));
        note(validation(&spec.metric), self.value);
        for key in &spec.searched {
            note(key.noted(), key.get(&spec.candidates[self.number]));
        }
        replicate
    }
}

/// The metric and the validation rows.
struct Judge {
    metric: &'static Metric,
    rows: EvaluationRows,
}

impl Judge {
    /// The propensity is estimated as for the test rows, where a metric needs it and nobody knows it.
    fn new(metric: &str, task: &Task) -> anyhow::Result<Self> {
        let metric = metrics::find(metric)?;
        let treatment = task.treatment.map(|treatment| {
            let mut judged = treatment.select(task.validation);
            if judged.propensity.is_none() && metric.needs_propensity() {
                let (assigned, asked) = (&treatment.assigned, task.validation);
                judged.propensity = Some(estimated_propensity(task.features, assigned, task.train, asked));
            }
            judged
        });
        let outcome = task.validation.iter().map(|&row| task.outcome[row as usize]).collect();
        let row = task.validation.to_vec();
        Ok(Self { metric, rows: EvaluationRows { row, treatment, outcome, ..EvaluationRows::default() } })
    }

    fn choice(&self, number: usize, (replicate, said): (Replicate, &Predictions)) -> Choice {
        let value = match &replicate.status {
            Status::Finished { .. } => self.value(said),
            Status::Diverged(_) => None,
        };
        let standing = match (&replicate.status, value) {
            (Status::Diverged(_), _) => Standing::Diverged,
            (Status::Finished { .. }, None) => Standing::Undefined,
            (Status::Finished { .. }, Some(value)) => Standing::Merit(self.metric.direction.merit(value)),
        };
        Choice { number, standing, value, replicate }
    }

    /// The metric; nothing where it is undefined or a prediction is not finite.
    fn value(&self, said: &Predictions) -> Option<f64> {
        self.metric.compute(&evaluation::prepare(said, &self.rows).ok()?).ok()
    }
}
