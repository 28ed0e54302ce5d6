//! A stack of replicates in training: one pass over the batches for all seeds of a cell.

mod fall;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod networks;

use super::batches::{Epoch, Rows};
use super::optimiser::Adam;
use super::rows::DeviceRows;
use crate::learner::{Divergence, EpochLoss, LastFinite, Status, Task, TrainingSpec};
use crate::nets::{Counter, Network, Pass};
use crate::objectives::{Objective, Prediction};
use fall::{Fall, Falls};
use rand::Rng;
use tch::{Device, Kind, Tensor};
use valor_base::seed::Seeds;

/// Parameters, optimiser and what happened so far.
pub(super) struct Stack<'a> {
    network: &'a Network,
    objective: &'a Objective,
    spec: &'a TrainingSpec,
    seeds: Vec<Seeds>,
    counter: Counter,
    steps: u32,
    /// `[S, P]`
    parameters: Tensor,
    adam: Adam,
    /// `[S]`: replicates that still learn.
    live: Tensor,
    falls: Falls,
    best: Option<Tensor>,
    logs: Vec<Log>,
}

/// The seeds of all networks of these replicates, a replicate's members together. The only member has the replicate's own.
pub(super) fn network_seeds(replicates: &[u64], members: usize) -> Vec<Seeds> {
    let of = |&seed: &u64| match members {
        1 => vec![Seeds::new(seed)],
        members => (0..members as u64).map(|member| Seeds::new(seed).child("members").at(member)).collect(),
    };
    replicates.iter().flat_map(of).collect()
}

/// What happened to one replicate.
pub(super) struct Log {
    /// How it ended, or how it stands.
    pub status: Status,
    /// Its losses so far.
    pub epochs: Vec<EpochLoss>,
    /// Losses of its last finite step, once all is done.
    pub last: Option<LastFinite>,
    best_validation: f64,
    waited: usize,
    learning: bool,
}

/// Sums over an epoch, on the device.
struct Sums {
    /// `[S]`
    total: Tensor,
    /// `[terms, S]`
    terms: Tensor,
    rows: f64,
}

impl<'a> Stack<'a> {
    /// Draws every replicate's parameters.
    pub(super) fn new(
        network: &'a Network,
        objective: &'a Objective,
        spec: &'a TrainingSpec,
        (seeds, device): (Vec<Seeds>, Device),
    ) -> Self {
        let values: Vec<f32> =
            seeds.iter().flat_map(|seeds| network.layout().draw(&seeds.child("initial"))).collect();
        let keys = seeds.iter().map(|seeds| seeds.child("steps").stream().random()).collect();
        let count = seeds.len() as i64;
        let parameters = Tensor::from_slice(&values).view([count, -1]).to_device(device);
        let adam = Adam::new(&parameters, &network.layout().feature_weights(), spec);
        Self {
            network,
            objective,
            spec,
            live: Tensor::ones([count], (Kind::Bool, device)),
            falls: Falls::new(objective.names(), count, device),
            best: None,
            logs: seeds.iter().map(|_| Log::new()).collect(),
            seeds,
            counter: Counter::new(keys, device),
            steps: 0,
            parameters,
            adam,
        }
    }

    /// Trains until all epochs are done or no network learns any more. `watch` is shown the parameters, `[S, P]`, after every
    /// epoch and says what to note of each model.
    pub(super) fn train(
        &mut self,
        rows: &DeviceRows,
        task: &Task,
        progress: &mut dyn FnMut(usize, usize),
        watch: &mut dyn FnMut(&Tensor) -> Vec<Option<f64>>,
    ) {
        let batches =
            |part| Rows { rows: part, ranked: &rows.ranked, batch: self.spec.batch, device: rows.device };
        let (training, validation) = (batches(task.train), batches(task.validation));
        let validation = Epoch::in_order(&validation, self.seeds.len());
        for epoch in 1..=self.spec.epochs {
            let order = Epoch::shuffled(&training, &self.seeds, epoch);
            let total = order.steps() * self.spec.epochs;
            let mut sums = self.empty_sums();
            for step in 0..order.steps() {
                let share = self.spec.schedule.share((epoch - 1) * order.steps() + step, total);
                self.step(rows, (&order, step), share, &mut sums);
                progress((epoch - 1) * order.steps() + step + 1, total);
            }
            let judged = (validation.steps() > 0).then(|| self.evaluate(rows, &validation));
            let watched = watch(&self.parameters);
            self.note(epoch, &sums, judged, &watched);
            if self.logs.iter().all(|log| !log.learning) {
                break;
            }
        }
    }

    /// The parameters to keep, `[S, P]`, and what happened.
    pub(super) fn finish(mut self) -> (Tensor, Vec<Log>) {
        for (log, last) in self.logs.iter_mut().zip(self.falls.last()) {
            log.last = last;
        }
        (self.best.unwrap_or_else(|| self.parameters.detach()), self.logs)
    }

    fn step(&mut self, rows: &DeviceRows, at: (&Epoch, usize), share: f64, sums: &mut Sums) {
        let (indices, ranked) = at.0.step(at.1);
        let (features, mut batch) = rows.gather(&indices, ranked);
        let counter = self.counter.at(self.steps);
        self.steps += 1;
        let observed = (!self.objective.needs_both_arms()).then_some(&batch.treatment);
        let pass = Pass { observed, counter: Some(&counter) };
        let weights = self.network.layout().learning(&self.parameters);
        let outputs = self.network.forward(&weights, &features, &pass);
        let prediction = Prediction::new(self.network.head(), &outputs);
        batch.counter = Some(counter);
        let (total, terms) = self.objective.loss(&batch, &prediction);
        let gradient = weights.gradient(&total.sum(None));
        let _guard = tch::no_grad_guard();
        let was = self.live.logical_and(&total.isfinite());
        let live = self.adam.step(&mut self.parameters, &gradient, &was, share);
        self.falls.watch(at.1, (&total, &terms), (&self.live, &live));
        self.live = live;
        sums.add(&total.detach(), &terms, indices.size()[1]);
    }

    fn evaluate(&self, rows: &DeviceRows, order: &Epoch) -> Vec<f64> {
        let _guard = tch::no_grad_guard();
        let weights = self.network.layout().views(&self.parameters);
        let mut sums = self.empty_sums();
        for step in 0..order.steps() {
            let (indices, ranked) = order.step(step);
            let (features, batch) = rows.gather(&indices, ranked);
            let observed = (!self.objective.needs_both_arms()).then_some(&batch.treatment);
            let outputs = self.network.forward(&weights, &features, &Pass { observed, counter: None });
            let prediction = Prediction::new(self.network.head(), &outputs);
            let (total, terms) = self.objective.loss(&batch, &prediction);
            sums.add(&total, &terms, indices.size()[1]);
        }
        host(&(sums.total / sums.rows))
    }

    fn empty_sums(&self) -> Sums {
        let count = self.seeds.len() as i64;
        let options = (Kind::Double, self.parameters.device());
        let terms = Tensor::zeros([self.objective.names().len() as i64, count], options);
        Sums { total: Tensor::zeros([count], options), terms, rows: 0.0 }
    }

    /// The only moment of an epoch at which the device is asked for anything.
    fn note(&mut self, epoch: usize, sums: &Sums, validation: Option<Vec<f64>>, watched: &[Option<f64>]) {
        let _guard = tch::no_grad_guard();
        let (total, mut falls) = (host(&(&sums.total / sums.rows)), self.falls.read());
        let terms: Vec<Vec<f64>> = (0..self.objective.names().len())
            .map(|term| host(&(sums.terms.get(term as i64) / sums.rows)))
            .collect();
        let mut improved = vec![false; self.logs.len()];
        for (replicate, log) in self.logs.iter_mut().enumerate() {
            if !log.learning {
                continue;
            }
            let value = |value: f64| value.is_finite().then_some(value);
            let names = self.objective.names().into_iter().map(str::to_string);
            let validation = validation.as_ref().map(|losses| losses[replicate]);
            log.epochs.push(EpochLoss {
                epoch,
                total: value(total[replicate]),
                terms: names.zip(terms.iter().map(|term| value(term[replicate]))).collect(),
                validation: validation.and_then(value),
                watched: watched.get(replicate / self.spec.members).copied().flatten(),
            });
            improved[replicate] = log.judge(epoch, falls[replicate].take(), validation, self.spec.patience);
        }
        self.keep(&improved);
    }

    /// Keeps the parameters of replicates that improved and stops those that no longer learn.
    fn keep(&mut self, improved: &[bool]) {
        let device = self.parameters.device();
        let mask = |flags: &[bool]| Tensor::from_slice(flags).to_device(device);
        if self.spec.patience > 0 {
            let current = self.parameters.detach();
            let best = self.best.as_ref().map_or_else(|| current.copy(), Tensor::shallow_clone);
            self.best = Some(current.where_self(&mask(improved).unsqueeze(1), &best));
        }
        let learning: Vec<bool> = self.logs.iter().map(|log| log.learning).collect();
        self.live = self.live.logical_and(&mask(&learning));
    }
}

impl Log {
    fn new() -> Self {
        let status = Status::Finished { epochs: 0, kept_epoch: 0 };
        Self {
            status,
            epochs: Vec::new(),
            last: None,
            best_validation: f64::INFINITY,
            waited: 0,
            learning: true,
        }
    }

    /// Takes note of an epoch; whether its parameters are the ones to keep.
    fn judge(&mut self, epoch: usize, fall: Option<Fall>, validation: Option<f64>, patience: usize) -> bool {
        if let Some(fall) = fall {
            self.learning = false;
            self.status = Status::Diverged(Divergence::new((epoch, fall.step), &fall.term, fall.last));
            return false;
        }
        let first = matches!(self.status, Status::Finished { kept_epoch: 0, .. });
        let better = patience == 0 || first || validation.is_some_and(|loss| loss < self.best_validation);
        let kept = match (&self.status, better) {
            (Status::Finished { kept_epoch, .. }, false) => *kept_epoch,
            (Status::Finished { .. } | Status::Diverged(_), _) => epoch,
        };
        self.status = Status::Finished { epochs: epoch, kept_epoch: kept };
        if better {
            self.best_validation = validation.unwrap_or(f64::INFINITY);
            self.waited = 0;
        } else {
            self.waited += 1;
            self.learning = self.waited < patience;
        }
        better
    }
}

impl Sums {
    fn add(&mut self, total: &Tensor, terms: &Tensor, rows: i64) {
        self.total += total.to_kind(Kind::Double) * rows as f64;
        self.terms += terms.to_kind(Kind::Double) * rows as f64;
        self.rows += rows as f64;
    }
}

fn host(tensor: &Tensor) -> Vec<f64> {
    Vec::try_from(tensor.to_kind(Kind::Double).to_device(Device::Cpu)).unwrap_or_default()
}
