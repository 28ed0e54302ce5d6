//! What makes the raw outputs.

use super::super::head::ArmHead;
use super::super::law::BucketLaw;
use super::super::layers::{Linear, Mlp};
use super::super::parameters::{Init, Layout, Slot, Weights};
use super::super::{Pass, steady};
use super::{Augmentation, CcOrSpec, Distillation, Fitted, Residual, Structure, scores_start};
use tch::Tensor;

/// Residual blocks.
pub(in super::super) const BLOCKS: usize = 2;
/// Added to a variance before its root.
pub(in super::super) const SMALLEST_VARIANCE: f64 = 1e-5;
/// `softplus` of it is 1: a whale's value starts at the mean of the top bucket.
const ONE_OF_SOFTPLUS: f32 = 0.541_324_85;
/// The first of the layers that ask the counter; a head's own are this and the next, times its place.
const NOISE_LAYER: u32 = 64;

/// ```text
/// h      = hidden(phi)
/// f_k    = G_k [h, f_1, ..., f_{k-1}]                     logits of the cascade
/// p      = sg[P(f)],   z = [h, p, sum_k p_k E_k]          alignment: E_k an embedding of bucket k
/// g      = (A z) * sigmoid(B z)
/// x      = g;  twice  x + W2 gelu(W1 norm(x));  v = V x   residual
/// a      = d softmax(C sg[g])                             whales: attention of mean 1
/// g'     = sg[g] + noise a sd(g) eps                      in training only;  eps ~ N(0, 1)
/// w, c   = W elu(U g')                                    amount above the edge, confidence
/// ```
pub(super) struct Body {
    spec: CcOrSpec,
    hidden: Mlp,
    gates: Vec<Linear>,
    student: Option<Linear>,
    alignment: Option<Alignment>,
    residual: Option<(Vec<Block>, Linear)>,
    whales: Option<Whales>,
}

impl Body {
    /// On a representation of the given width with hidden layers of the given widths.
    pub(super) fn new(
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        Fitted { spec, buckets }: &Fitted,
    ) -> Self {
        // Two arms of one row are two looks.
        let place = u32::from(name.ends_with("treated"));
        let hidden = Mlp::new(layout, name, shape.0, shape.1);
        let (width, count) = (hidden.outputs(), buckets.count() as i64);
        let start = spec.start(buckets);
        let gates = match spec.structure {
            Structure::Cascade => (0i64..)
                .zip(&start)
                .map(|(gate, &start)| {
                    let inputs = width + if spec.feed { gate } else { 0 };
                    Linear::starting_at(layout, &format!("{name}.gate.{gate}"), inputs, &[start])
                })
                .collect(),
            Structure::Softmax => vec![Linear::starting_at(layout, &format!("{name}.scores"), width, &start)],
        };
        let student = (spec.distillation == Distillation::HeadToHead)
            .then(|| Linear::starting_at(layout, &format!("{name}.student"), width, &scores_start(buckets)));
        let alignment = spec.is_aligned().then(|| {
            Alignment::new(layout, &format!("{name}.alignment"), (width, count), spec.embedding as i64)
        });
        let residual = (spec.residual != Residual::None).then(|| {
            let blocks = (0..BLOCKS).map(|block| Block::new(layout, &format!("{name}.block.{block}"), width));
            let blocks = blocks.collect();
            (blocks, Linear::starting_at(layout, &format!("{name}.residual"), width, &[0.0]))
        });
        let whales = match spec.augmentation {
            Augmentation::Attended | Augmentation::Unattended => {
                Some(Whales::new(layout, &format!("{name}.whales"), width, NOISE_LAYER + 2 * place))
            }
            Augmentation::None => None,
        };
        Self { spec: spec.clone(), hidden, gates, student, alignment, residual, whales }
    }

    /// Logits of the law.
    fn logits(&self, weights: &Weights, hidden: &Tensor) -> Tensor {
        if self.spec.structure == Structure::Softmax {
            return self.gates[0].forward(weights, hidden);
        }
        let mut logits: Vec<Tensor> = Vec::new();
        for gate in &self.gates {
            let seen = match self.spec.feed && !logits.is_empty() {
                true => {
                    let all: Vec<&Tensor> = std::iter::once(hidden).chain(&logits).collect();
                    gate.forward(weights, &Tensor::cat(&all, -1))
                }
                false => gate.forward(weights, hidden),
            };
            logits.push(seen);
        }
        Tensor::cat(&logits, -1)
    }
}

impl ArmHead for Body {
    fn forward(&self, weights: &Weights, representation: &Tensor, pass: &Pass) -> Tensor {
        let hidden = self.hidden.forward(weights, representation);
        let logits = self.logits(weights, &hidden);
        let mut raw = vec![logits.shallow_clone()];
        if self.spec.distillation == Distillation::Marginal {
            raw.push(self.logits(weights, &hidden.detach()));
        }
        raw.extend(self.student.as_ref().map(|student| student.forward(weights, &hidden)));
        if let Some(alignment) = &self.alignment {
            let law = match self.spec.structure {
                Structure::Cascade => BucketLaw::of_conditionals(&logits.detach()),
                Structure::Softmax => BucketLaw::of_scores(&logits.detach()),
            };
            let seen = if self.spec.isolate_encoder { hidden.detach() } else { hidden };
            let aligned = alignment.forward(weights, &seen, &law.probabilities());
            if let Some((blocks, output)) = &self.residual {
                let whole =
                    blocks.iter().fold(aligned.shallow_clone(), |x, block| block.forward(weights, &x));
                raw.push(output.forward(weights, &whole));
            }
            raw.extend(
                self.whales
                    .as_ref()
                    .map(|whales| whales.forward(weights, &aligned.detach(), &self.spec, pass)),
            );
        }
        Tensor::cat(&raw, -1)
    }
}

/// A gated linear unit of the representation, the law and an embedding of it.
struct Alignment {
    embedding: Slot,
    value: Linear,
    gate: Linear,
}

impl Alignment {
    fn new(layout: &mut Layout, name: &str, (width, buckets): (i64, i64), embedding: i64) -> Self {
        let inputs = width + buckets + embedding;
        Self {
            embedding: layout.add(format!("{name}.embedding"), &[buckets, embedding], Init::FanIn(buckets)),
            value: Linear::new(layout, &format!("{name}.value"), inputs, width),
            gate: Linear::new(layout, &format!("{name}.gate"), inputs, width),
        }
    }

    fn forward(&self, weights: &Weights, hidden: &Tensor, shares: &Tensor) -> Tensor {
        let embedding = weights.get(self.embedding).unbind(1);
        let parts = shares.unbind(-1).into_iter().zip(embedding);
        let mixed = parts.map(|(share, own)| share.unsqueeze(-1) * own.unsqueeze(1));
        let mixed = mixed.reduce(|sum, more| sum + more).unwrap_or_else(|| hidden.narrow(-1, 0, 0));
        let seen = Tensor::cat(&[hidden, shares, &mixed], -1);
        self.value.forward(weights, &seen) * steady::sigmoid(&self.gate.forward(weights, &seen))
    }
}

/// `x + W2 gelu(W1 norm(x))`
struct Block {
    gain: Slot,
    shift: Slot,
    first: Linear,
    second: Linear,
}

impl Block {
    fn new(layout: &mut Layout, name: &str, width: i64) -> Self {
        let all = |value: f32| Init::Values(vec![value; width as usize]);
        Self {
            gain: layout.add(format!("{name}.norm.weight"), &[width], all(1.0)),
            shift: layout.add(format!("{name}.norm.bias"), &[width], all(0.0)),
            first: Linear::new(layout, &format!("{name}.first"), width, width),
            second: Linear::new(layout, &format!("{name}.second"), width, width),
        }
    }

    fn forward(&self, weights: &Weights, x: &Tensor) -> Tensor {
        let centred = x - x.mean_dim(-1i64, true, None);
        let variance = centred.square().mean_dim(-1i64, true, None);
        let normed = centred / (variance + SMALLEST_VARIANCE).sqrt();
        let normed = normed * weights.get(self.gain).unsqueeze(1) + weights.get(self.shift).unsqueeze(1);
        x + self.second.forward(weights, &steady::gelu(&self.first.forward(weights, &normed)))
    }
}

/// A second look at the top bucket: how far above its edge, and how sure.
struct Whales {
    attention: Linear,
    hidden: Mlp,
    output: Linear,
    layer: u32,
}

impl Whales {
    fn new(layout: &mut Layout, name: &str, width: i64, layer: u32) -> Self {
        Self {
            attention: Linear::new(layout, &format!("{name}.attention"), width, width),
            hidden: Mlp::new(layout, &format!("{name}.hidden"), width, &[width as usize]),
            output: Linear::starting_at(layout, &format!("{name}.output"), width, &[ONE_OF_SOFTPLUS, 0.0]),
            layer,
        }
    }

    /// `aligned` carries no gradient: what is learned here stays here.
    fn forward(&self, weights: &Weights, aligned: &Tensor, spec: &CcOrSpec, pass: &Pass) -> Tensor {
        let seen = match pass.counter {
            Some(counter) if spec.noise > 0.0 => {
                let shape = aligned.size();
                let share = self.attention.forward(weights, aligned).softmax(-1, None);
                let share = match spec.augmentation {
                    Augmentation::Attended => share * shape[2] as f64,
                    Augmentation::Unattended | Augmentation::None => (-share + 1.0) * spread(shape[2]),
                };
                let centred = aligned - aligned.mean_dim(1i64, true, None);
                let sd = centred.square().mean_dim(1i64, true, None).sqrt();
                let normal = counter.normal(self.layer, shape[1] * shape[2]).view(shape.as_slice());
                aligned + share * sd * normal.to_kind(aligned.kind()) * spec.noise
            }
            Some(_) | None => aligned.shallow_clone(),
        };
        self.output.forward(weights, &self.hidden.forward(weights, &seen))
    }
}

/// What makes the mean of `1 - share` 1.
fn spread(width: i64) -> f64 {
    let width = width as f64;
    if width > 1.0 { width / (width - 1.0) } else { 1.0 }
}
