//! Tuning: every candidate is trained, and each seed keeps the one that is best on the validation rows, or one seed
//! decides for all.

mod criterion;
mod key;
#[cfg(test)]
mod tests;

pub use criterion::{Criterion, LOSS};
pub use key::Key;

use super::{Context, Examiner, Fitted, NeuralSpec, Replicate, Scorer, Status, Task, neural};
use crate::evaluation::{self, EvaluationRows, Predictions, estimated_propensity};
use serde::{Deserialize, Serialize};
use valor_base::input_error;
use valor_data::encode::spread;
use valor_stats::metrics::{self, Buckets};

/// What a record calls the number of the candidate that was kept, from 0.
pub const CANDIDATE: &str = "tuning: candidate";

/// What a record calls the criterion of the kept candidate on the validation rows; absent where it is undefined.
pub fn validation(criterion: &Criterion) -> String {
    format!("tuning: validation {criterion}")
}

/// A method with the candidates that it is chosen from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TunedSpec {
    /// One or more; the first is the method as it stands.
    pub candidates: Vec<NeuralSpec>,
    /// What decides, on the validation rows.
    pub metric: Criterion,
    /// What differs between candidates.
    pub searched: Vec<Key>,
    /// The seed whose candidates decide for all seeds; absent where each seed decides for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
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

/// Trains every candidate and keeps, for each seed, the best one. Nothing is trained twice.
///
/// Each seed decides for itself, and all candidates train as stacks of all seeds; or the candidates train with one seed, and
/// the other seeds train what it chose.
pub fn fit(
    spec: &TunedSpec,
    task: &Task,
    seeds: &[u64],
    context: Context,
    examiner: &dyn Examiner,
) -> anyhow::Result<Fitted> {
    check(spec, task)?;
    let (candidates, judge) = (spec.different(), Judge::new(&spec.metric, task)?);
    let search = Search { task, judge, examiner };
    let (choices, scorer) = match spec.seed {
        None => search.kept(&candidates, seeds, Phase { done: 0, all: candidates.len() }, context)?,
        Some(seed) => search.decided_by(seed, &candidates, seeds, context)?,
    };
    Ok(Fitted { replicates: choices.into_iter().map(|choice| choice.noted(spec)).collect(), scorer })
}

/// What is kept of several candidates: by seed, with the first seed's scorer.
type Kept = (Vec<Choice>, Box<dyn Scorer>);

/// A candidate with its number.
type Candidate<'a> = (usize, &'a NeuralSpec);

/// Which of the stacks of a fit is trained, for progress.
#[derive(Clone, Copy)]
struct Phase {
    done: usize,
    all: usize,
}

/// What candidates are trained and judged on.
struct Search<'a> {
    task: &'a Task<'a>,
    judge: Judge,
    examiner: &'a dyn Examiner,
}

impl Search<'_> {
    /// The best candidate of each seed.
    fn kept(
        &self,
        candidates: &[Candidate],
        seeds: &[u64],
        phase: Phase,
        context: Context,
    ) -> anyhow::Result<Kept> {
        let mut kept: Option<Kept> = None;
        for (turn, (number, candidate)) in candidates.iter().enumerate() {
            let mut progress = |done: usize, total: usize| {
                (context.progress)((phase.done + turn) * total + done, phase.all * total);
            };
            let context = Context { device: context.device, progress: &mut progress };
            let trained = neural::train(candidate, self.task, seeds, context, self.examiner)?;
            let said = trained.predict(self.task.validation);
            let Fitted { replicates, scorer } = trained.fitted();
            let found = replicates.into_iter().zip(&said);
            let found: Vec<Choice> = found.map(|found| self.judge.choice(*number, found)).collect();
            kept = Some(match kept.take() {
                None => (found, scorer),
                Some(before) => better(before, (found, scorer)),
            });
        }
        kept.ok_or_else(|| anyhow::anyhow!("tuning without candidates"))
    }

    /// What one seed chooses, trained with all seeds.
    fn decided_by(
        &self,
        seed: u64,
        candidates: &[Candidate],
        seeds: &[u64],
        context: Context,
    ) -> anyhow::Result<Kept> {
        let all = candidates.len() + 1;
        let Context { device, progress } = context;
        let search = Context { device, progress: &mut *progress };
        let (chosen, scorer) = self.kept(candidates, &[seed], Phase { done: 0, all }, search)?;
        let number = chosen.first().map_or(0, |choice| choice.number);
        let others: Vec<u64> = seeds.iter().copied().filter(|other| *other != seed).collect();
        let (rest, scorer_of_rest) = if others.is_empty() {
            (Vec::new(), None)
        } else {
            let same = |(other, _): &&Candidate| *other == number;
            let chosen: Vec<Candidate> = candidates.iter().filter(same).copied().collect();
            let phase = Phase { done: all - 1, all };
            let (rest, scorer) = self.kept(&chosen, &others, phase, Context { device, progress })?;
            (rest, Some(scorer))
        };
        let scorer = match scorer_of_rest {
            Some(of_rest) if seeds.first() != Some(&seed) => of_rest,
            Some(_) | None => scorer,
        };
        let (mut chosen, mut rest) = (chosen.into_iter(), rest.into_iter());
        let next = |other: &u64| if *other == seed { chosen.next() } else { rest.next() };
        Ok((seeds.iter().filter_map(next).collect(), scorer))
    }
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
    /// The criterion on the validation rows, where it is defined.
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

/// The criterion and the validation rows.
struct Judge {
    criterion: Criterion,
    rows: EvaluationRows,
    buckets: Option<Buckets>,
}

impl Judge {
    /// The propensity is estimated as for the test rows, where a metric needs it and nobody knows it.
    fn new(criterion: &Criterion, task: &Task) -> anyhow::Result<Self> {
        let needs_propensity = match criterion {
            Criterion::Loss => false,
            Criterion::Metric(name) => metrics::find(name)?.needs_propensity(),
        };
        let treatment = task.treatment.map(|treatment| {
            let mut judged = treatment.select(task.validation);
            if judged.propensity.is_none() && needs_propensity {
                let (assigned, asked) = (&treatment.assigned, task.validation);
                let features = spread(task.features, task.kinds);
                judged.propensity = Some(estimated_propensity(&features, assigned, task.train, asked));
            }
            judged
        });
        let outcome = task.validation.iter().map(|&row| task.outcome[row as usize]).collect();
        let row = task.validation.to_vec();
        let rows = EvaluationRows { row, treatment, outcome, ..EvaluationRows::default() };
        let buckets = task.buckets();
        Ok(Self { criterion: criterion.clone(), rows, buckets })
    }

    fn choice(&self, number: usize, (replicate, said): (Replicate, &Predictions)) -> Choice {
        let value = match &replicate.status {
            Status::Finished { kept_epoch, .. } => self.value(&replicate, *kept_epoch, said),
            Status::Diverged(_) => None,
        };
        let standing = match (&replicate.status, value) {
            (Status::Diverged(_), _) => Standing::Diverged,
            (Status::Finished { .. }, None) => Standing::Undefined,
            (Status::Finished { .. }, Some(value)) => {
                Standing::Merit(self.criterion.direction().merit(value))
            }
        };
        Choice { number, standing, value, replicate }
    }

    /// Nothing where it is undefined or a prediction is not finite.
    fn value(&self, replicate: &Replicate, kept_epoch: usize, said: &Predictions) -> Option<f64> {
        match &self.criterion {
            Criterion::Loss => {
                let kept = replicate.epochs.iter().find(|logged| logged.epoch == kept_epoch)?;
                kept.validation
            }
            Criterion::Metric(name) => {
                let prepared = evaluation::prepare(said, &self.rows, self.buckets.as_ref()).ok()?;
                metrics::find(name).ok()?.compute(&prepared).ok()
            }
        }
    }
}
