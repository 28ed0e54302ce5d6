//! DeepFM: a linear form, products of features, and a deep tower, weighed and added (Guo et al., IJCAI 2017).

use super::layers::{Linear, Mlp};
use super::outputs::Parts;
use super::parameters::{Init, Layout, Slot, Weights};
use super::seen::Seen;
use super::{Backbone, OutcomeSummary, Pass, Representation, Sharing};
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::within;

/// Options of DeepFM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeepFmSpec {
    /// Length of a feature's vector; 1 or more.
    pub rank: usize,
    /// Segments of neighbouring encoded columns: those of one segment do not meet. Each column is one where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments: Option<usize>,
}

impl Default for DeepFmSpec {
    fn default() -> Self {
        Self { rank: 10, segments: None }
    }
}

impl DeepFmSpec {
    /// Refuses options out of range.
    pub(super) fn validate(&self) -> anyhow::Result<()> {
        within("deep-fm.rank", self.rank, 1, 1024)?;
        within("deep-fm.segments", self.segments.unwrap_or(1), 1, 65_536)
    }
}

/// ```text
/// linear = x a + a_0,   pairs = sum_{s < t} e_s . e_t,   e_s = sum_{i in s} x_i v_i      s, t: segments of columns
/// deep   = tower(x) d + d_0
/// out    = w_1 linear + w_2 pairs + w_3 deep + w_0                                        the head: weights start at 1/2
/// ```
///
/// Both `linear` and `deep` start at the mean outcome, and so does their weighted sum.
pub(super) struct DeepFm {
    linear: Linear,
    factors: Slot,
    /// Columns of each segment, where a segment has several.
    segments: Option<Vec<(i64, i64)>>,
    tower: Mlp,
    deep: Linear,
}

impl DeepFm {
    /// A tower of the given widths.
    pub(super) fn new(
        layout: &mut Layout,
        (inputs, widths): (i64, &[usize]),
        spec: &DeepFmSpec,
        summary: &OutcomeSummary,
    ) -> Self {
        let start = [summary.mean as f32];
        let linear = Linear::starting_at(layout, "linear", inputs, &start);
        let factors = layout.add("factors".to_string(), &[inputs, spec.rank as i64], Init::FanIn(inputs));
        let tower = Mlp::new(layout, "trunk", inputs, widths);
        let deep = Linear::starting_at(layout, "deep", tower.outputs(), &start);
        let segments = spec.segments.map(|count| segments(inputs, count as i64));
        Self { linear, factors, segments, tower, deep }
    }

    /// The products of features, `[S, B, 1]`: half of the square of the sum less the sum of squares.
    fn pairs(&self, weights: &Weights, features: &Tensor) -> Tensor {
        let factors = weights.get(self.factors);
        let all = product(features, factors).square().sum_dim_intlist(-1i64, true, None);
        let own = match &self.segments {
            None => {
                let lengths = factors.square().sum_dim_intlist(-1i64, false, None).unsqueeze(1);
                (features.square() * lengths).sum_dim_intlist(-1i64, true, None)
            }
            Some(segments) => {
                let one = |&(first, count): &(i64, i64)| {
                    let own = product(&features.narrow(-1, first, count), &factors.narrow(1, first, count));
                    own.square().sum_dim_intlist(-1i64, true, None)
                };
                segments.iter().map(one).fold(all.zeros_like(), |sum, more| sum + more)
            }
        };
        (all - own) * 0.5
    }

    /// Sum of the squares of the linear form's and the factors' weights, `[S]`.
    fn penalty(&self, weights: &Weights) -> Tensor {
        let squares = |weight: &Tensor| weight.square().flatten(1, -1).sum_dim_intlist(-1i64, false, None);
        squares(self.linear.parameters(weights).0) + squares(weights.get(self.factors))
    }
}

/// `x V` of every replicate. A single column is no matrix product: libtorch rounds that by how many replicates there are.
fn product(features: &Tensor, factors: &Tensor) -> Tensor {
    match factors.size()[1..].contains(&1) {
        true => (features.unsqueeze(-1) * factors.unsqueeze(1)).sum_dim_intlist(-2i64, false, None),
        false => features.bmm(factors),
    }
}

/// First column and number of columns of so many segments, or of as many as there are columns; as equal as they can be.
fn segments(inputs: i64, count: i64) -> Vec<(i64, i64)> {
    let count = count.min(inputs).max(1);
    let first = |segment: i64| segment * inputs / count;
    (0..count).map(|segment| (first(segment), first(segment + 1) - first(segment))).collect()
}

impl Backbone for DeepFm {
    fn sharing(&self) -> Sharing {
        Sharing::Parts
    }

    fn width(&self) -> i64 {
        3
    }

    fn represent(&self, weights: &Weights, features: &Seen, _pass: &Pass) -> Representation {
        let features = features.control();
        let linear = self.linear.forward(weights, features);
        let pairs = self.pairs(weights, features);
        let deep = self.deep.forward(weights, &self.tower.forward(weights, features));
        let parts = Parts {
            interactions: (&linear + &pairs).squeeze_dim(-1),
            deep: deep.squeeze_dim(-1),
            penalty: self.penalty(weights),
        };
        let all = Tensor::cat(&[linear, pairs, deep], -1);
        Representation { parts: Some(parts), ..Representation::of(Seen::Shared(all)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn wave(shape: &[i64], step: f64) -> Tensor {
        let count = shape.iter().product::<i64>();
        (Tensor::arange(count, (Kind::Float, Device::Cpu)) * step + 0.2).sin().view(shape)
    }

    fn network(inputs: i64, spec: &DeepFmSpec) -> (Layout, DeepFm) {
        let mut layout = Layout::default();
        let network = DeepFm::new(&mut layout, (inputs, &[4]), spec, &OutcomeSummary::default());
        (layout, network)
    }

    /// Each pair of columns of different segments, one after another.
    #[test]
    fn pairs_are_those_of_different_segments() {
        for (inputs, rank, segments) in
            [(1, 1, None), (5, 3, None), (7, 1, Some(3)), (7, 4, Some(3)), (6, 2, Some(1)), (3, 2, Some(9))]
        {
            let (layout, network) = network(inputs, &DeepFmSpec { rank, segments });
            let weights = layout.views(&wave(&[1, layout.size()], 0.37));
            let features = wave(&[1, 4, inputs], 0.71);
            let factors = weights.get(network.factors).get(0);
            let segment = |column: i64| match &network.segments {
                None => column,
                Some(all) => all.iter().position(|&(first, _)| first > column).unwrap_or(all.len()) as i64,
            };
            let found = network.pairs(&weights, &features);
            for row in 0..4 {
                let mut expected = 0.0;
                for one in 0..inputs {
                    for other in (one + 1..inputs).filter(|other| segment(*other) != segment(one)) {
                        let product = (factors.get(one) * factors.get(other)).sum(None).double_value(&[]);
                        let x = |column| features.double_value(&[0, row, column]);
                        expected += product * x(one) * x(other);
                    }
                }
                let found = found.double_value(&[0, row, 0]);
                assert!((found - expected).abs() < 1e-5, "{inputs} {segments:?}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_replicate_is_the_same_alone_and_in_a_stack() {
        for (inputs, rank, segments) in [(5, 3, None), (100, 10, None), (37, 1, Some(5)), (40, 10, Some(13))]
        {
            let (layout, network) = network(inputs, &DeepFmSpec { rank, segments });
            let (flat, features) = (wave(&[3, layout.size()], 0.37), wave(&[3, 512, inputs], 0.71));
            let pass = |first: i64, replicates: i64| {
                let part = |tensor: &Tensor| tensor.narrow(0, first, replicates).contiguous();
                let flat = part(&flat).set_requires_grad(true);
                let weights = layout.views(&flat);
                let pairs = network.pairs(&weights, &part(&features));
                let penalty = network.penalty(&weights);
                let loss = (&pairs * wave(&[1, 512, 1], 0.3)).sum(None) + penalty.sum(None);
                loss.backward();
                [pairs.detach(), penalty.detach(), flat.grad()]
            };
            let together = pass(0, 3);
            for replicate in 0..3 {
                let alone = pass(replicate, 1);
                for (alone, together) in alone.iter().zip(&together) {
                    assert_eq!(*alone, together.narrow(0, replicate, 1), "{inputs} {segments:?}");
                }
            }
        }
    }
}
