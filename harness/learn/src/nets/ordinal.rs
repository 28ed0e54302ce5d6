//! Heads that say in which bucket an outcome is, and know its mean there: CORAL, CORN, OR-CNN, softmax.

use super::buckets::{BucketSpec, Buckets};
use super::head::{ArmHead, Head};
use super::law::{BucketLaw, chosen};
use super::layers::Mlp;
use super::parameters::{Init, Layout, Slot, Weights};
use super::reading::Reading;
use super::{OutcomeSummary, Pass, logit_of};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// A head of buckets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OrdinalSpec {
    /// What its raw outputs mean.
    pub kind: OrdinalKind,
    /// How outcomes are parted.
    #[serde(default)]
    pub buckets: BucketSpec,
    /// What is said of an outcome whose bucket is not known.
    #[serde(default = "soft")]
    pub decoding: Decoding,
}

/// Of the heads that others are compared with nobody says how they decode; the expectation serves them better.
fn soft() -> Decoding {
    Decoding::Soft
}

/// What the raw outputs of a head of buckets mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrdinalKind {
    /// `P(y > tau_k) = sigmoid(s + b_k)` with one score `s` (Cao, Mirjalili, Raschka 2020).
    Coral,
    /// `P(y > tau_k given y > tau_{k-1}) = sigmoid(f_k)` (Shi, Cao, Raschka 2021).
    Corn,
    /// `P(y > tau_k) = sigmoid(f_k)`, each by itself (Niu et al., CVPR 2016).
    OrCnn,
    /// `P(bucket = k) = softmax(f)_k`, which knows no order.
    Softmax,
}

/// What a head says of an outcome whose bucket it knows in shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoding {
    /// The value in the one bucket that it decides for.
    Hard,
    /// The expectation: the buckets' values in their shares.
    Soft,
}

impl OrdinalKind {
    /// Its name in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            OrdinalKind::Coral => "coral",
            OrdinalKind::Corn => "corn",
            OrdinalKind::OrCnn => "or-cnn",
            OrdinalKind::Softmax => "softmax",
        }
    }

    /// Where raw outputs start: the training shares.
    fn start(self, buckets: &Buckets) -> Vec<f32> {
        let survival = buckets.survival();
        match self {
            OrdinalKind::Coral | OrdinalKind::OrCnn => survival.into_iter().map(logit_of).collect(),
            OrdinalKind::Corn => conditional_start(buckets),
            OrdinalKind::Softmax => buckets.shares.iter().map(|share| share.max(1e-4).ln() as f32).collect(),
        }
    }

    /// The law of the bucket.
    fn law(self, raw: &Tensor) -> BucketLaw {
        match self {
            OrdinalKind::Coral | OrdinalKind::OrCnn => BucketLaw::of_exceedances(raw),
            OrdinalKind::Corn => BucketLaw::of_conditionals(raw),
            OrdinalKind::Softmax => BucketLaw::of_scores(raw),
        }
    }

    /// The bucket that is decided for, from 0, as published: how many exceedances are likelier than not; of a softmax the most likely.
    pub(super) fn places(self, raw: &Tensor) -> Tensor {
        match self {
            OrdinalKind::Coral | OrdinalKind::OrCnn => {
                raw.gt(0.0).to_kind(Kind::Int64).sum_dim_intlist(-1i64, false, None)
            }
            OrdinalKind::Corn => self.law(raw).rank(),
            OrdinalKind::Softmax => self.law(raw).most_likely(),
        }
    }
}

/// The head with the buckets of the training rows.
#[derive(Clone, Debug)]
pub(super) struct OrdinalReading {
    spec: OrdinalSpec,
    buckets: Buckets,
}

impl OrdinalReading {
    pub(super) fn new(spec: OrdinalSpec, buckets: Buckets) -> Self {
        Self { spec, buckets }
    }
}

impl Reading for OrdinalReading {
    fn start(&self, _summary: &OutcomeSummary) -> Vec<f32> {
        self.spec.kind.start(&self.buckets)
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        let means: Vec<Tensor> = self.buckets.row(raw, &self.buckets.means).unbind(0);
        match self.spec.decoding {
            Decoding::Soft => self.spec.kind.law(raw).expectation(means.iter()),
            Decoding::Hard => chosen(&self.spec.kind.places(raw), &means),
        }
    }

    fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        let start = self.start(summary);
        match self.spec.kind {
            OrdinalKind::Coral => Box::new(Coral::new(layout, name, shape, &start)),
            OrdinalKind::Corn | OrdinalKind::OrCnn | OrdinalKind::Softmax => {
                Box::new(Head::new(layout, name, shape, &start))
            }
        }
    }

    fn buckets(&self) -> Option<&Buckets> {
        Some(&self.buckets)
    }

    fn law(&self, raw: &Tensor) -> Option<BucketLaw> {
        Some(self.spec.kind.law(raw))
    }

    fn within(&self, raw: &Tensor) -> Option<Tensor> {
        Some(self.buckets.row(raw, &self.buckets.means))
    }
}

/// Logits of the training rows' conditional exceedances.
pub(super) fn conditional_start(buckets: &Buckets) -> Vec<f32> {
    let survival = buckets.survival();
    let before = std::iter::once(1.0).chain(survival.iter().copied());
    survival.iter().zip(before).map(|(above, before)| logit_of(above / before)).collect()
}

/// `s + b_k`: one score for all thresholds, and an offset for each.
struct Coral {
    hidden: Mlp,
    score: Slot,
    offsets: Slot,
}

impl Coral {
    fn new(layout: &mut Layout, name: &str, shape: (i64, &[usize]), start: &[f32]) -> Self {
        let hidden = Mlp::new(layout, name, shape.0, shape.1);
        let width = hidden.outputs();
        let score = layout.add(format!("{name}.score.weight"), &[width, 1], Init::FanIn(width));
        let offsets =
            layout.add(format!("{name}.offsets"), &[start.len() as i64], Init::Values(start.to_vec()));
        Self { hidden, score, offsets }
    }
}

impl ArmHead for Coral {
    fn forward(&self, weights: &Weights, representation: &Tensor, _pass: &Pass) -> Tensor {
        let hidden = self.hidden.forward(weights, representation);
        let products = hidden.unsqueeze(-1) * weights.get(self.score).unsqueeze(1);
        products.sum_dim_intlist(-2i64, false, None) + weights.get(self.offsets).unsqueeze(1)
    }
}
