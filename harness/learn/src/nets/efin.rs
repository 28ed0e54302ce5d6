//! EFIN: explicit interaction of features with each other and with the treatment (Liu et al., KDD 2023).

use super::layers::{Linear, Mlp};
use super::parameters::{Init, Layout, Slot, Weights};
use super::seen::Seen;
use super::{Backbone, Pass, Representation, Sharing, fields, steady};
use tch::Tensor;

/// Lengths are not taken below this.
pub(super) const SMALLEST_NORM: f64 = 1e-12;

/// Every feature is a field with an embedding; attention among fields serves the control network, attention of
/// the treatment on fields serves the uplift network.
///
/// ```text
/// F_i = x_i w_i  [r]                                    N = F / |F| over fields
/// control: A = softmax_j(sigmoid(Q K' / sqrt r)),  Q, K, V linear in N;   phi_c = trunk_c(flatten(A V))
/// uplift:  s_i = c' relu(sigmoid(q) + sigmoid(F_i M));                    phi_u = trunk_u(sum_i softmax(s)_i F_i)
/// propensity logit = phi_u w + b
/// ```
pub(super) struct Efin {
    field: Slot,
    query: Linear,
    key: Linear,
    value: Linear,
    treatment: Slot,
    interaction: Linear,
    score: Linear,
    control: Mlp,
    uplift: Mlp,
    propensity: Linear,
    rank: i64,
    stop_gradient: bool,
}

impl Efin {
    /// `inputs` fields with embeddings of length `rank`.
    pub(super) fn new(layout: &mut Layout, shape: (i64, &[usize]), rank: usize, stop_gradient: bool) -> Self {
        let ((inputs, widths), rank) = (shape, rank as i64);
        let square = |layout: &mut Layout, name: &str| Linear::new(layout, name, rank, rank);
        let control = Mlp::new(layout, "trunk.control", inputs * rank, widths);
        let uplift = Mlp::new(layout, "trunk.uplift", rank, widths);
        Self {
            field: layout.add("field.weight".into(), &[inputs, rank], Init::FanIn(1)),
            query: square(layout, "attention.query"),
            key: square(layout, "attention.key"),
            value: square(layout, "attention.value"),
            treatment: layout.add("interaction.treatment".into(), &[rank], Init::FanIn(1)),
            interaction: square(layout, "interaction.field"),
            score: Linear::new(layout, "interaction.score", rank, 1),
            propensity: Linear::new(layout, "propensity", uplift.outputs(), 1),
            control,
            uplift,
            rank,
            stop_gradient,
        }
    }

    #[cfg(test)]
    pub(super) fn bias_of_score<'a>(&self, weights: &'a Weights) -> &'a Tensor {
        self.score.parameters(weights).1
    }

    /// `F`, `[S, B, d, r]`
    fn fields(&self, weights: &Weights, features: &Tensor) -> Tensor {
        features.unsqueeze(-1) * weights.get(self.field).unsqueeze(1)
    }

    /// `flatten(A V)`, `[S, B, d r]`
    pub(super) fn attend(&self, weights: &Weights, features: &Tensor) -> Tensor {
        if weights.are_fused() {
            let maps = [&self.query, &self.key, &self.value].map(|map| map.parameters(weights));
            let [query, key, value] = maps;
            let parameters = [weights.get(self.field), query.0, query.1, key.0, key.1, value.0, value.1];
            return fields::attend(weights, features, parameters);
        }
        let fields = &self.fields(weights, features);
        let shape = fields.size();
        let (replicates, rows, count) = (shape[0], shape[1], shape[2]);
        let norm = fields.square().sum_dim_intlist(2i64, true, None).sqrt().clamp_min(SMALLEST_NORM);
        let normed = (fields / norm).view([replicates, rows * count, self.rank]);
        let mapped =
            |layer: &Linear| layer.forward(weights, &normed).view([replicates * rows, count, self.rank]);
        // The root divides the queries, which are fewer than the scores.
        let query = mapped(&self.query) / (self.rank as f64).sqrt();
        let scores = query.bmm(&mapped(&self.key).transpose(1, 2));
        let attention = steady::sigmoid_in_place(scores, replicates).softmax(-1, None);
        attention.bmm(&mapped(&self.value)).view([replicates, rows, count * self.rank])
    }

    /// `sum_i softmax(s)_i F_i`, `[S, B, r]`
    pub(super) fn interact(&self, weights: &Weights, features: &Tensor) -> Tensor {
        if weights.are_fused() {
            // What is the same for every field, the softmax takes off: the treatment and the score's bias have no part.
            let ((weight, bias), (score, _)) =
                (self.interaction.parameters(weights), self.score.parameters(weights));
            return fields::interact(weights, features, [weights.get(self.field), weight, bias, score]);
        }
        let fields = &self.fields(weights, features);
        let shape = fields.size();
        let (replicates, rows, count) = (shape[0], shape[1], shape[2]);
        let flat = fields.view([replicates, rows * count, self.rank]);
        let field = steady::sigmoid(&self.interaction.forward(weights, &flat));
        let treatment = steady::sigmoid(weights.get(self.treatment)).unsqueeze(1);
        let scores = self.score.forward(weights, &(field + treatment).relu()).view([replicates, rows, count]);
        (scores.softmax(-1, None).unsqueeze(-1) * fields).sum_dim_intlist(2i64, false, None)
    }
}

impl Backbone for Efin {
    fn sharing(&self) -> Sharing {
        Sharing::Sum { stop_gradient: self.stop_gradient }
    }

    fn width(&self) -> i64 {
        self.control.outputs()
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        let control = self.attend(weights, features.control());
        let uplift = self.interact(weights, features.treated());
        let uplift = self.uplift.forward(weights, &uplift);
        let propensity = self.propensity.forward(weights, &uplift).squeeze_dim(-1);
        let control = self.control.forward(weights, &control);
        let arms = Seen::Apart { control, treated: uplift };
        Representation { propensity: Some(propensity), ..Representation::of(arms) }
    }
}

#[cfg(test)]
mod tests {
    use crate::nets::{BackboneKind, EfinSpec, HeadSpec, Network, NetworkSpec, OutcomeSummary, Pass};
    use tch::{Device, Kind, Tensor};
    use valor_base::seed::Seeds;

    /// What the treatment and the score's bias add to a score is the same for every field, and the softmax takes it off.
    #[test]
    fn the_treatment_embedding_has_no_effect() {
        let spec = NetworkSpec {
            backbone: BackboneKind::Efin(EfinSpec::default()),
            trunk: vec![8],
            heads: vec![4],
            head: HeadSpec::Point,
            gate: None,
            front: Default::default(),
        };
        let network = Network::new(&spec, 6, &OutcomeSummary::default());
        let features = (Tensor::arange(120, (Kind::Float, Device::Cpu)) * 0.37).sin().view([1, 20, 6]);
        let uplift = |moved: &[&str]| {
            let mut values = network.layout().draw(&Seeds::new(1));
            let mut start = 0;
            for (name, shape) in network.layout().names() {
                let count = shape.iter().product::<i64>() as usize;
                if moved.contains(&name) {
                    values[start..start + count].iter_mut().for_each(|value| *value += 3.0);
                }
                start += count;
            }
            let flat = Tensor::from_slice(&values).unsqueeze(0);
            let outputs = network.forward(&network.layout().views(&flat), &features, &Pass::default());
            outputs.treated - outputs.control
        };
        let change = |moved: &[&str]| (uplift(moved) - uplift(&[])).abs().max().double_value(&[]);
        assert!(change(&["interaction.treatment", "interaction.score.bias"]) < 1e-6);
        assert!(change(&["interaction.field.bias"]) > 1e-4);
    }
}
