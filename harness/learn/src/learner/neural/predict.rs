//! From parameters and rows to predictions.

use super::members;
use super::recalibration::Maps;
use crate::evaluation::Predictions;
use crate::learner::{NeuralSpec, Parameter, SavedModel, Scorer, SplitGains, TrainedSpec, Values};
use crate::nets::{Network, Pass, Weights};
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
    pub fn predict(&self, features: &Tensor, rows: &[u32], replicates: usize) -> Vec<Predictions> {
        let rows: Vec<i64> = rows.iter().map(|&row| i64::from(row)).collect();
        let rows = features.index_select(0, &Tensor::from_slice(&rows).to_device(features.device()));
        let spacing = self.spacing();
        (0..replicates as i64).map(|replicate| self.spaced(replicate, &rows, spacing)).collect()
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
    fn spaced(&self, replicate: i64, rows: &Tensor, spacing: usize) -> Predictions {
        let _guard = tch::no_grad_guard();
        let weights = self.weights(replicate);
        let (mut found, count) = (Predictions::none(self.question()), rows.size()[0]);
        for start in (0..count).step_by(CHUNK / spacing) {
            let part = rows.narrow(0, start, (count - start).min((CHUNK / spacing) as i64));
            let length = part.size()[0] as usize;
            let slab = rows.new_zeros([CHUNK as i64, self.inputs as i64], (rows.kind(), rows.device()));
            slab.slice(0, 0, (length * spacing) as i64, spacing as i64).copy_(&part);
            self.chunk(&weights, &slab).every(spacing, length).append(&mut found);
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
            let whole = self.spaced(0, &rows, *spacing);
            self.spaced(0, &rows.narrow(0, 1, count as i64 - 1), *spacing).is_end_of(&whole)
        };
        [1, 4].into_iter().find(steady).unwrap_or(16)
    }

    /// Rows `[n, d]` on the device of the parameters.
    fn on_device(&self, values: &[f32], rows: usize) -> Tensor {
        Tensor::from_slice(values).view([rows as i64, self.inputs as i64]).to_device(self.parameters.device())
    }

    /// What a replicate's networks say of features `[rows, d]` on average.
    fn chunk(&self, weights: &[Weights], features: &Tensor) -> Chunk {
        let mut sum = self.member(&weights[0], features);
        for weights in &weights[1..] {
            sum.add(&self.member(weights, features));
        }
        if weights.len() > 1 {
            sum.divide(weights.len() as f64);
        }
        sum
    }

    /// What one network says of features `[rows, d]`.
    fn member(&self, weights: &Weights, features: &Tensor) -> Chunk {
        let outputs = self.network.forward(weights, &features.unsqueeze(0), &Pass::default());
        let head = self.network.head();
        let raw = match self.network.question() {
            Question::Uplift => Arms::Two { control: outputs.control, treated: outputs.treated },
            Question::Value => Arms::One(outputs.control),
        };
        Chunk {
            expected: raw.as_ref().map(|raw| head.expectation(raw) * self.outcome_scale),
            conversion: raw.as_ref().map(|raw| head.conversion(raw)).transpose(),
        }
    }
}

impl Chunk {
    /// The first of each `spacing` rows, `count` of them.
    fn every(&self, spacing: usize, count: usize) -> Self {
        let (spacing, end) = (spacing as i64, (spacing * count) as i64);
        let take = |tensor: &Tensor| tensor.slice(1, 0, end, spacing);
        Self {
            expected: self.expected.as_ref().map(take),
            conversion: self.conversion.as_ref().map(|conversion| conversion.as_ref().map(take)),
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
    }

    fn divide(&mut self, by: f64) {
        let columns = self.expected.as_mut().into_vec().into_iter();
        let conversion = self.conversion.as_mut().map(|arms| arms.as_mut().into_vec()).into_iter().flatten();
        columns.chain(conversion).for_each(|column| *column /= by);
    }

    fn append(&self, to: &mut Predictions) {
        let values = |tensor: &Tensor| -> Vec<f32> {
            let row = tensor.get(0).contiguous().to_device(Device::Cpu);
            Vec::try_from(row).unwrap_or_default()
        };
        let columns = |arms: &Arms<Tensor>| arms.as_ref().map(values);
        let found = Predictions::new(columns(&self.expected), self.conversion.as_ref().map(columns));
        to.append(found);
    }
}

impl Scorer for Model {
    fn score(&self, rows: &Matrix) -> Vec<f32> {
        let _guard = tch::no_grad_guard();
        let weights = self.weights(0);
        let mut found = Predictions::none(self.question());
        self.chunk(&weights, &self.on_device(&rows.values, rows.rows)).append(&mut found);
        if let Some(maps) = &self.maps {
            maps.apply(&mut found);
        }
        found.score
    }

    fn predictions(&self, rows: &Matrix) -> Predictions {
        let mut found = self.spaced(0, &self.on_device(&rows.values, rows.rows), self.spacing());
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
