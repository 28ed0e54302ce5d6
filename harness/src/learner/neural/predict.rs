//! From parameters and rows to predictions.

use super::recalibration::Maps;
use crate::data::Matrix;
use crate::learner::{Predictions, Scorer};
use crate::nets::{Network, Pass, Weights};
use tch::{Device, Tensor};

const CHUNK: usize = 4096;

/// A network with the parameters of a stack.
pub struct Model {
    network: Network,
    /// `[S, P]`
    parameters: Tensor,
    /// Of the first replicate.
    maps: Option<Maps>,
}

/// Predictions of a chunk, each `[S, rows]`.
struct Chunk {
    control: Tensor,
    treated: Tensor,
    conversions: Option<(Tensor, Tensor)>,
}

impl Model {
    /// Parameters are `[S, P]`.
    pub fn new(network: Network, parameters: Tensor) -> Self {
        Self { network, parameters, maps: None }
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
        Self { network: self.network, parameters, maps }
    }

    /// Features `[rows, d]`, the same for every replicate.
    fn chunk(&self, weights: &Weights, features: &Tensor) -> Chunk {
        let (rows, columns) = features.size2().unwrap_or_default();
        let features = features.unsqueeze(0).expand([self.parameters.size()[0], rows, columns], false);
        let outputs = self.network.forward(weights, &features, &Pass::default());
        let head = self.network.head();
        Chunk {
            control: head.expectation(&outputs.control),
            treated: head.expectation(&outputs.treated),
            conversions: head.conversion(&outputs.control).zip(head.conversion(&outputs.treated)),
        }
    }
}

impl Chunk {
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
}
