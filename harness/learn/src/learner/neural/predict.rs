//! From parameters and rows to predictions.

use super::members;
use super::recalibration::Maps;
use crate::evaluation::{BucketEdges, OutcomeLaw, Predictions};
use crate::learner::{NeuralSpec, Parameter, SavedModel, Scorer, SplitGains, TrainedSpec, Values};
use crate::nets::{AmountLaw, Network, Pass, Weights};
use std::cell::OnceCell;
use tch::{Device, Tensor};
use valor_base::question::{Arms, Question};
use valor_data::Matrix;

const CHUNK: usize = 4096;

/// A network with the parameters of a stack.
pub struct Model {
    spec: NeuralSpec,
    inputs: usize,
    network: Network,
    /// `[S, P]`
    parameters: Tensor,
    /// Outcome units in one unit of the heads' expectations.
    outcome_scale: f64,
    /// Of the first replicate.
    maps: Option<Maps>,
    /// How far apart rows stand in a tensor when their place must not matter.
    spacing: OnceCell<usize>,
}

/// Predictions of a chunk in outcome units, each `[1, rows]`.
struct Chunk {
    expected: Arms<Tensor>,
    conversion: Option<Arms<Tensor>>,
    /// Where it is asked for and known, in the network's unit.
    law: Option<Arms<AmountLaw>>,
}

/// How much is said of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Expectations and conversions.
    Expectations,
    /// The law of the outcome as well, where the head has one.
    Law,
}

impl Model {
    /// The network of a spec for so many inputs, which was trained on outcomes in units of `outcome_scale`. Parameters are
    /// `[S, P]`.
    pub fn new(
        (spec, inputs): (&NeuralSpec, usize),
        network: Network,
        parameters: Tensor,
        outcome_scale: f64,
    ) -> Self {
        let spec = spec.clone();
        Self { spec, inputs, network, parameters, outcome_scale, maps: None, spacing: OnceCell::new() }
    }

    /// The same network with other parameters of the same device.
    pub fn set_parameters(&mut self, parameters: Tensor) {
        self.parameters = parameters;
    }

    /// Predictions of every replicate before maps for the given rows of `features` (`[N, d]`): the bits that a saved
    /// model gives a row wherever it stands.
    pub fn predict(
        &self,
        features: &Tensor,
        rows: &[u32],
        (replicates, detail): (usize, Detail),
    ) -> Vec<Predictions> {
        let rows: Vec<i64> = rows.iter().map(|&row| i64::from(row)).collect();
        let rows = features.index_select(0, &Tensor::from_slice(&rows).to_device(features.device()));
        let spacing = self.spacing();
        (0..replicates as i64).map(|replicate| self.spaced(replicate, &rows, (spacing, detail))).collect()
    }

    /// Networks of each replicate.
    pub fn members(&self) -> usize {
        self.spec.training.members
    }

    /// How open the gates of a replicate's networks are, a tensor of units for each arm; nothing without a gate.
    pub fn openness(&self, replicate: i64) -> Option<[Tensor; 2]> {
        let _guard = tch::no_grad_guard();
        let members = self.members() as i64;
        let parameters = self.parameters.narrow(0, replicate * members, members).contiguous();
        let arms = self.network.openness(&self.network.layout().views(&parameters));
        arms.map(|arms| arms.map(|units| units.flatten(0, -1)))
    }

    /// The first replicate alone, with what sets its conversion probabilities right.
    pub fn first(self, maps: Option<Maps>) -> Self {
        let parameters = self.parameters.narrow(0, 0, self.members() as i64).contiguous();
        Self { parameters, maps, ..self }
    }

    /// Predictions of one replicate before maps for rows `[n, d]`, which stand `spacing` apart in tensors of always `CHUNK`
    /// rows: libtorch computes a few rows by other code than many, and rounds differently.
    fn spaced(&self, replicate: i64, rows: &Tensor, (spacing, detail): (usize, Detail)) -> Predictions {
        let _guard = tch::no_grad_guard();
        let weights = self.weights(replicate);
        let (mut found, count) = (Predictions::none(self.question()), rows.size()[0]);
        for start in (0..count).step_by(CHUNK / spacing) {
            let part = rows.narrow(0, start, (count - start).min((CHUNK / spacing) as i64));
            let length = part.size()[0] as usize;
            let slab = rows.new_zeros([CHUNK as i64, self.inputs as i64], (rows.kind(), rows.device()));
            slab.slice(0, 0, (length * spacing) as i64, spacing as i64).copy_(&part);
            let said = self.chunk(&weights, &slab, detail).every(spacing, length);
            found.append(said.predictions(self));
        }
        found
    }

    /// The parameters of a replicate's networks, each by itself.
    fn weights(&self, replicate: i64) -> Vec<Weights> {
        let members = self.members() as i64;
        let member = |member: i64| {
            let parameters = self.parameters.narrow(0, replicate * members + member, 1).contiguous();
            self.network.layout().views(&parameters)
        };
        (0..members).map(member).collect()
    }

    /// What it answers.
    pub fn question(&self) -> Question {
        self.network.question()
    }

    /// How far apart rows stand so that their place does not matter.
    fn spacing(&self) -> usize {
        *self.spacing.get_or_init(|| self.find_spacing())
    }

    /// The least spacing at which rows that are moved by one place keep all their bits. A matrix product whose rows are
    /// not whole multiples of 16 bytes rounds by the place of the row.
    fn find_spacing(&self) -> usize {
        let steady = |spacing: &usize| {
            let count = CHUNK / spacing;
            let values = (0..count * self.inputs).map(|place| (place as f32 * 0.737).sin() * 2.0);
            let rows = self.on_device(&values.collect::<Vec<f32>>(), count);
            // What decides for expectations decides for the law, which is made of the same outputs.
            let (spacing, detail) = (*spacing, Detail::Expectations);
            let whole = self.spaced(0, &rows, (spacing, detail));
            self.spaced(0, &rows.narrow(0, 1, count as i64 - 1), (spacing, detail)).is_end_of(&whole)
        };
        [1, 4].into_iter().find(steady).unwrap_or(16)
    }

    /// Rows `[n, d]` on the device of the parameters.
    fn on_device(&self, values: &[f32], rows: usize) -> Tensor {
        Tensor::from_slice(values).view([rows as i64, self.inputs as i64]).to_device(self.parameters.device())
    }

    /// What a replicate's networks say of features `[rows, d]` on average.
    fn chunk(&self, weights: &[Weights], features: &Tensor, detail: Detail) -> Chunk {
        let mut sum = self.member(&weights[0], features, detail);
        for weights in &weights[1..] {
            sum.add(&self.member(weights, features, detail));
        }
        if weights.len() > 1 {
            sum.divide(weights.len() as f64);
        }
        sum
    }

    /// What one network says of features `[rows, d]`.
    fn member(&self, weights: &Weights, features: &Tensor, detail: Detail) -> Chunk {
        let outputs = self.network.forward(weights, &features.unsqueeze(0), &Pass::default());
        let head = self.network.head();
        let raw = match self.network.question() {
            Question::Uplift => Arms::Two { control: outputs.control, treated: outputs.treated },
            Question::Value => Arms::One(outputs.control),
        };
        let law = match (detail, self.has_law()) {
            (Detail::Law, true) => raw.as_ref().map(|raw| head.amounts(raw)).transpose(),
            (Detail::Law, false) | (Detail::Expectations, _) => None,
        };
        Chunk {
            expected: raw.as_ref().map(|raw| head.expectation(raw) * self.outcome_scale),
            conversion: raw.as_ref().map(|raw| head.conversion(raw)).transpose(),
            law,
        }
    }

    /// Whether the law of an outcome is known: that of several networks is where shares of buckets are averaged.
    fn has_law(&self) -> bool {
        let head = self.network.head();
        head.spec().has_law() && (self.members() == 1 || head.buckets().is_some())
    }

    /// Where the buckets end, in outcome units.
    fn edges(&self) -> Option<BucketEdges> {
        let buckets = self.network.head().buckets()?;
        let upper = buckets.thresholds.iter().map(|threshold| threshold * self.outcome_scale).collect();
        Some(BucketEdges { upper, zeros: buckets.starts_with_zeros() })
    }

    /// A law in outcome units.
    fn outcome_law(&self, law: &AmountLaw) -> Option<OutcomeLaw> {
        match law {
            AmountLaw::ZeroInflated { mu, sigma } => Some(OutcomeLaw::ZeroInflated {
                mu: values(&(mu + self.outcome_scale.ln())),
                sigma: values(sigma),
            }),
            AmountLaw::Buckets { shares, amounts } => {
                let means = amounts / shares.clamp_min(f64::from(f32::MIN_POSITIVE)) * self.outcome_scale;
                let columns = |table: &Tensor| table.unbind(-1).iter().map(values).collect();
                Some(OutcomeLaw::Buckets {
                    edges: self.edges()?,
                    shares: columns(shares),
                    means: columns(&means),
                })
            }
        }
    }
}

/// The only replicate's values, `[1, rows]`.
fn values(tensor: &Tensor) -> Vec<f32> {
    let row = tensor.get(0).contiguous().to_device(Device::Cpu);
    Vec::try_from(row).unwrap_or_default()
}

impl Chunk {
    /// The first of each `spacing` rows, `count` of them.
    fn every(&self, spacing: usize, count: usize) -> Self {
        let (spacing, end) = (spacing as i64, (spacing * count) as i64);
        let take = |tensor: &Tensor| tensor.slice(1, 0, end, spacing);
        Self {
            expected: self.expected.as_ref().map(take),
            conversion: self.conversion.as_ref().map(|conversion| conversion.as_ref().map(take)),
            law: self.law.as_ref().map(|law| law.as_ref().map(|law| every(law, take))),
        }
    }

    /// The columns of both added up.
    fn add(&mut self, other: &Self) {
        let add = |(sum, more): (&mut Tensor, &Tensor)| *sum += more;
        let both = |sums: &mut Arms<Tensor>, more: &Arms<Tensor>| {
            sums.as_mut()
                .zip(more.as_ref())
                .into_iter()
                .for_each(|pairs| pairs.into_vec().into_iter().for_each(add));
        };
        both(&mut self.expected, &other.expected);
        if let (Some(sums), Some(more)) = (&mut self.conversion, &other.conversion) {
            both(sums, more);
        }
        let laws = self
            .law
            .as_mut()
            .zip(other.law.as_ref())
            .and_then(|(sums, more)| sums.as_mut().zip(more.as_ref()));
        for (sums, more) in laws.into_iter().flat_map(Arms::into_vec) {
            columns(sums).into_iter().zip(parts(more)).for_each(add);
        }
    }

    fn divide(&mut self, by: f64) {
        let columns = self.expected.as_mut().into_vec().into_iter();
        let conversion = self.conversion.as_mut().map(|arms| arms.as_mut().into_vec()).into_iter().flatten();
        let laws = self.law.as_mut().map(|law| law.as_mut().into_vec()).into_iter().flatten();
        columns.chain(conversion).chain(laws.flat_map(self::columns)).for_each(|column| *column /= by);
    }

    fn predictions(&self, model: &Model) -> Predictions {
        let columns = |arms: &Arms<Tensor>| arms.as_ref().map(values);
        let law = self.law.as_ref().map(|law| law.as_ref().map(|law| model.outcome_law(law)));
        Predictions {
            law: law.and_then(Arms::transpose),
            ..Predictions::new(columns(&self.expected), self.conversion.as_ref().map(columns))
        }
    }
}

/// The same of some rows.
fn every(law: &AmountLaw, take: impl Fn(&Tensor) -> Tensor) -> AmountLaw {
    match law {
        AmountLaw::ZeroInflated { mu, sigma } => AmountLaw::ZeroInflated { mu: take(mu), sigma: take(sigma) },
        AmountLaw::Buckets { shares, amounts } => {
            AmountLaw::Buckets { shares: take(shares), amounts: take(amounts) }
        }
    }
}

fn columns(law: &mut AmountLaw) -> [&mut Tensor; 2] {
    match law {
        AmountLaw::ZeroInflated { mu, sigma } => [mu, sigma],
        AmountLaw::Buckets { shares, amounts } => [shares, amounts],
    }
}

fn parts(law: &AmountLaw) -> [&Tensor; 2] {
    match law {
        AmountLaw::ZeroInflated { mu, sigma } => [mu, sigma],
        AmountLaw::Buckets { shares, amounts } => [shares, amounts],
    }
}

impl Scorer for Model {
    fn score(&self, rows: &Matrix) -> Vec<f32> {
        let _guard = tch::no_grad_guard();
        let weights = self.weights(0);
        let said = self.chunk(&weights, &self.on_device(&rows.values, rows.rows), Detail::Expectations);
        let mut found = said.predictions(self);
        if let Some(maps) = &self.maps {
            maps.apply(&mut found);
        }
        found.score
    }

    fn predictions(&self, rows: &Matrix) -> Predictions {
        let rows = self.on_device(&rows.values, rows.rows);
        let mut found = self.spaced(0, &rows, (self.spacing(), Detail::Law));
        if let Some(maps) = &self.maps {
            maps.apply(&mut found);
        }
        found
    }

    fn gains(&self) -> Option<SplitGains> {
        None
    }

    fn question(&self) -> Question {
        self.network.question()
    }

    fn converts(&self) -> bool {
        self.network.head().spec().converts()
    }

    fn has_intervals(&self) -> bool {
        self.spec.has_intervals()
    }

    fn buckets(&self) -> Option<BucketEdges> {
        // ExpLTV tells whales by a bucket, and has no shares of buckets.
        self.edges().filter(|_| self.network.head().spec().has_law())
    }

    fn saved(&self) -> SavedModel {
        let members = self.members();
        let member = |member: usize| {
            let of_member = self.parameters.get(member as i64).to_device(Device::Cpu);
            let values: Vec<f32> = Vec::try_from(of_member).unwrap_or_default();
            let mut start = 0;
            let parameter = |(name, shape): (&str, &[i64])| {
                let shape: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
                let end = start + shape.iter().product::<usize>();
                let values = Values::Single(values[start..end].to_vec());
                start = end;
                Parameter { name: members::parameter(name, member, members), shape, values }
            };
            self.network.layout().names().map(parameter).collect::<Vec<_>>()
        };
        let parameters = (0..members).flat_map(member).collect();
        let spec = TrainedSpec::Network(self.spec.clone());
        let (maps, outcome_scale) = (self.maps.clone(), self.outcome_scale);
        let buckets = self.network.head().buckets().cloned();
        let inputs = self.network.inputs().clone();
        SavedModel { spec, inputs, parameters, maps, buckets, outcome_scale }
    }
}
