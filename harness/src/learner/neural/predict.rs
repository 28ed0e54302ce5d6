//! From parameters and rows to predictions.

use super::recalibration::Maps;
use crate::data::Matrix;
use crate::learner::{
    NeuralSpec, Parameter, Predictions, SavedModel, Scorer, SplitGains, TrainedSpec, Values,
};
use crate::nets::{HeadSpec, Network, Pass, Weights};
use std::cell::OnceCell;
use tch::{Device, Tensor};

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

/// Predictions of a chunk in outcome units, each `[S, rows]`.
struct Chunk {
    control: Tensor,
    treated: Tensor,
    conversions: Option<(Tensor, Tensor)>,
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

    /// Predictions of every replicate for the given rows of `features` (`[N, d]`).
    pub fn predict(&self, features: &Tensor, rows: &[u32], replicates: usize) -> Vec<Predictions> {
        let mut found = vec![Predictions::default(); replicates];
        let _guard = tch::no_grad_guard();
        let weights = self.network.layout().views(&self.parameters);
        for rows in rows.chunks(CHUNK) {
            let rows: Vec<i64> = rows.iter().map(|&row| i64::from(row)).collect();
            let rows = Tensor::from_slice(&rows).to_device(features.device());
            let chunk = self.chunk(&weights, &features.index_select(0, &rows));
            for (replicate, found) in found.iter_mut().enumerate() {
                chunk.append(replicate as i64, found);
            }
        }
        found
    }

    /// The first replicate alone, with what sets its conversion probabilities right.
    pub fn first(self, maps: Option<Maps>) -> Self {
        let parameters = self.parameters.narrow(0, 0, 1).contiguous();
        Self { parameters, maps, ..self }
    }

    /// Predictions of the first replicate before maps, the rows `spacing` apart in tensors of always `CHUNK` rows: libtorch
    /// computes a few rows by other code than many, and rounds differently.
    fn spaced(&self, rows: &[f32], spacing: usize) -> Predictions {
        let _guard = tch::no_grad_guard();
        let weights = self.network.layout().views(&self.parameters);
        let mut found = Predictions::default();
        for rows in rows.chunks(CHUNK / spacing * self.inputs) {
            let mut slab = vec![0_f32; CHUNK * self.inputs];
            let places = slab.chunks_exact_mut(self.inputs).step_by(spacing);
            places.zip(rows.chunks_exact(self.inputs)).for_each(|(place, row)| place.copy_from_slice(row));
            let features = Tensor::from_slice(&slab).view([CHUNK as i64, self.inputs as i64]);
            let chunk = self.chunk(&weights, &features.to_device(self.parameters.device()));
            chunk.every(spacing, rows.len() / self.inputs).append(0, &mut found);
        }
        found
    }

    /// The least spacing at which rows that are moved by one place keep all their bits. A matrix product whose rows are
    /// not whole multiples of 16 bytes rounds by the place of the row.
    fn find_spacing(&self) -> usize {
        let steady = |spacing: &usize| {
            let values = (0..CHUNK / spacing * self.inputs).map(|place| (place as f32 * 0.737).sin() * 2.0);
            let values: Vec<f32> = values.collect();
            let whole = self.spaced(&values, *spacing);
            self.spaced(&values[self.inputs..], *spacing).is_end_of(&whole)
        };
        [1, 4].into_iter().find(steady).unwrap_or(16)
    }

    /// Features `[rows, d]`, the same for every replicate.
    fn chunk(&self, weights: &Weights, features: &Tensor) -> Chunk {
        let (rows, columns) = features.size2().unwrap_or_default();
        let features = features.unsqueeze(0).expand([self.parameters.size()[0], rows, columns], false);
        let outputs = self.network.forward(weights, &features, &Pass::default());
        let head = self.network.head();
        Chunk {
            control: head.expectation(&outputs.control) * self.outcome_scale,
            treated: head.expectation(&outputs.treated) * self.outcome_scale,
            conversions: head.conversion(&outputs.control).zip(head.conversion(&outputs.treated)),
        }
    }
}

impl Chunk {
    /// The first of each `spacing` rows, `count` of them.
    fn every(&self, spacing: usize, count: usize) -> Self {
        let (spacing, end) = (spacing as i64, (spacing * count) as i64);
        let take = |tensor: &Tensor| tensor.slice(1, 0, end, spacing);
        Self {
            control: take(&self.control),
            treated: take(&self.treated),
            conversions: self.conversions.as_ref().map(|(control, treated)| (take(control), take(treated))),
        }
    }

    fn append(&self, replicate: i64, to: &mut Predictions) {
        let values = |tensor: &Tensor| -> Vec<f32> {
            let row = tensor.get(replicate).contiguous().to_device(Device::Cpu);
            Vec::try_from(row).unwrap_or_default()
        };
        let (control, treated) = (values(&self.control), values(&self.treated));
        to.uplift.extend(treated.iter().zip(&control).map(|(treated, control)| treated - control));
        to.expected_control.extend(control);
        to.expected_treated.extend(treated);
        if let Some((control, treated)) = &self.conversions {
            to.conversion_control.get_or_insert_default().extend(values(control));
            to.conversion_treated.get_or_insert_default().extend(values(treated));
        }
    }
}

impl Scorer for Model {
    fn uplift(&self, rows: &Matrix) -> Vec<f32> {
        let _guard = tch::no_grad_guard();
        let shape = [rows.rows as i64, rows.columns as i64];
        let features = Tensor::from_slice(&rows.values).view(shape).to_device(self.parameters.device());
        let weights = self.network.layout().views(&self.parameters);
        let mut found = Predictions::default();
        self.chunk(&weights, &features).append(0, &mut found);
        if let Some(maps) = &self.maps {
            maps.apply(&mut found);
        }
        found.uplift
    }

    fn predictions(&self, rows: &Matrix) -> Predictions {
        let spacing = *self.spacing.get_or_init(|| self.find_spacing());
        let mut found = self.spaced(&rows.values, spacing);
        if let Some(maps) = &self.maps {
            maps.apply(&mut found);
        }
        found
    }

    fn gains(&self) -> Option<SplitGains> {
        None
    }

    fn converts(&self) -> bool {
        match self.network.head() {
            HeadSpec::Ziln { .. } => true,
            HeadSpec::Point | HeadSpec::Log => false,
        }
    }

    fn saved(&self) -> SavedModel {
        let replicate = self.parameters.get(0).to_device(Device::Cpu);
        let values: Vec<f32> = Vec::try_from(replicate).unwrap_or_default();
        let mut rest = values.as_slice();
        let parameter = |(name, shape): (&str, &[i64])| {
            let shape: Vec<usize> = shape.iter().map(|&size| size as usize).collect();
            let (values, after) = rest.split_at(shape.iter().product());
            rest = after;
            Parameter { name: name.to_string(), shape, values: Values::Single(values.to_vec()) }
        };
        let parameters = self.network.layout().names().map(parameter).collect();
        let spec = TrainedSpec::Network(self.spec.clone());
        let (maps, outcome_scale) = (self.maps.clone(), self.outcome_scale);
        SavedModel { spec, inputs: self.inputs, parameters, maps, outcome_scale }
    }
}

impl Predictions {
    /// Whether the last rows of `whole` are these, bit by bit.
    fn is_end_of(&self, whole: &Self) -> bool {
        let end = |part: &[f32], whole: &[f32]| {
            let whole = &whole[whole.len() - part.len()..];
            part.iter().zip(whole).all(|(part, whole)| part.to_bits() == whole.to_bits())
        };
        let conversion = |part: &Option<Vec<f32>>, whole: &Option<Vec<f32>>| {
            part.as_ref().zip(whole.as_ref()).is_none_or(|(part, whole)| end(part, whole))
        };
        end(&self.expected_control, &whole.expected_control)
            && end(&self.expected_treated, &whole.expected_treated)
            && conversion(&self.conversion_control, &whole.conversion_control)
            && conversion(&self.conversion_treated, &whole.conversion_treated)
    }
}
