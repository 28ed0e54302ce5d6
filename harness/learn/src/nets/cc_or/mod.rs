//! CC-OR-Net's head: a cascade of exceedances that orders customers by structure, a value within the bucket, and a second look at
//! the top one (arXiv 2601.10176).

mod body;
mod said;

pub use said::CcOrSaid;

pub(super) use body::{BLOCKS, SMALLEST_VARIANCE};

use super::OutcomeSummary;
use super::buckets::{BucketSpec, Buckets};
use super::head::ArmHead;
use super::law::BucketLaw;
use super::ordinal::{Decoding, conditional_start};
use super::parameters::Layout;
use super::reading::Reading;
use body::Body;
use serde::{Deserialize, Serialize};
use tch::Tensor;
use valor_base::error::{not_negative, within};

/// Options of the head: its parts, each a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CcOrSpec {
    /// How outcomes are parted.
    pub buckets: BucketSpec,
    /// How the law of the bucket is made.
    pub structure: Structure,
    /// Whether a later exceedance sees the logits of the earlier ones; of a cascade.
    pub feed: bool,
    /// What the term `distillation` pulls the law towards.
    pub distillation: Distillation,
    /// Where a value lies within its bucket.
    pub residual: Residual,
    /// Whether the top bucket has a head of its own, and which features that is trained to do without.
    pub augmentation: Augmentation,
    /// Size of the perturbation in standard deviations of a feature over the batch; 0 or more.
    pub noise: f64,
    /// Length of a bucket's embedding; 1 or more.
    pub embedding: usize,
    /// Whether the representation learns from the law of the bucket alone.
    pub isolate_encoder: bool,
    /// What is said of an outcome whose bucket is not known.
    pub decoding: Decoding,
}

/// How the law of the bucket is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Structure {
    /// Of conditional exceedances, one after another.
    Cascade,
    /// Of a softmax, which knows no order.
    Softmax,
}

/// What the law of the bucket is pulled towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distillation {
    /// Its mean over the batch towards the shares of the buckets; the representation does not learn from it.
    Marginal,
    /// A softmax beside it is pulled towards it; the cascade does not learn from it.
    HeadToHead,
    /// Nothing.
    None,
}

/// Where a value lies within its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Residual {
    /// Where it is said to, of the logs of the bucket's ends.
    Log1p,
    /// Where it is said to, of the bucket's ends.
    Raw,
    /// In the middle of the logs.
    None,
}

/// Which features the top bucket's head is trained to do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Augmentation {
    /// Noise on those that it attends to.
    Attended,
    /// Noise on the others.
    Unattended,
    /// There is no such head.
    None,
}

impl Default for CcOrSpec {
    fn default() -> Self {
        Self {
            buckets: BucketSpec::default(),
            structure: Structure::Cascade,
            feed: true,
            distillation: Distillation::Marginal,
            residual: Residual::Log1p,
            augmentation: Augmentation::Attended,
            noise: 0.1,
            embedding: 32,
            isolate_encoder: false,
            decoding: Decoding::Hard,
        }
    }
}

impl CcOrSpec {
    /// The same with the default in every option that its parts do not use, so that none of these changes an identity.
    #[must_use]
    pub fn used(mut self) -> Self {
        let plain = Self::default();
        if self.structure == Structure::Softmax {
            self.feed = plain.feed;
        }
        if self.augmentation == Augmentation::None {
            self.noise = plain.noise;
        }
        if !self.is_aligned() {
            (self.embedding, self.isolate_encoder) = (plain.embedding, plain.isolate_encoder);
        }
        self
    }

    /// Refuses options out of range.
    pub(super) fn validate(&self) -> anyhow::Result<()> {
        self.buckets.validate("cc-or")?;
        within("cc-or.embedding", self.embedding, 1, 1024)?;
        not_negative("cc-or.noise", self.noise)
    }

    /// Whether a part looks at the representation beside the law.
    fn is_aligned(&self) -> bool {
        self.residual != Residual::None || self.augmentation != Augmentation::None
    }

    /// Where the logits of the law start: the training shares.
    fn start(&self, buckets: &Buckets) -> Vec<f32> {
        match self.structure {
            Structure::Cascade => conditional_start(buckets),
            Structure::Softmax => scores_start(buckets),
        }
    }

    /// The raw outputs, in their order.
    fn parts(&self, buckets: &Buckets) -> Vec<(&'static str, usize)> {
        let logits = match self.structure {
            Structure::Cascade => buckets.count() - 1,
            Structure::Softmax => buckets.count(),
        };
        let distilled = match self.distillation {
            Distillation::Marginal => Some(("shielded", logits)),
            Distillation::HeadToHead => Some(("student", buckets.count())),
            Distillation::None => None,
        };
        let residual = (self.residual != Residual::None).then_some(("residual", 1));
        let whales = (self.augmentation != Augmentation::None).then_some(("whales", 2));
        [Some(("logits", logits)), distilled, residual, whales].into_iter().flatten().collect()
    }
}

/// The head with the buckets of the training rows.
#[derive(Clone, Debug)]
pub(super) struct Fitted {
    spec: CcOrSpec,
    buckets: Buckets,
}

impl Fitted {
    pub(super) fn new(spec: CcOrSpec, buckets: Buckets) -> Self {
        Self { spec, buckets }
    }

    fn said(&self, raw: &Tensor) -> CcOrSaid<'_> {
        CcOrSaid::new(&self.spec, &self.buckets, raw)
    }
}

impl Reading for Fitted {
    fn start(&self, _summary: &OutcomeSummary) -> Vec<f32> {
        self.spec.parts(&self.buckets).into_iter().flat_map(|(_, width)| vec![0.0; width]).collect()
    }

    fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        _summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        Box::new(Body::new(layout, name, shape, self))
    }

    fn expectation(&self, raw: &Tensor) -> Tensor {
        self.said(raw).expectation()
    }

    fn buckets(&self) -> Option<&Buckets> {
        Some(&self.buckets)
    }

    fn law(&self, raw: &Tensor) -> Option<BucketLaw> {
        Some(self.said(raw).law())
    }

    fn within(&self, raw: &Tensor) -> Option<Tensor> {
        Some(Tensor::stack(&self.said(raw).values(), -1))
    }
}

/// Logs of the training shares.
fn scores_start(buckets: &Buckets) -> Vec<f32> {
    buckets.shares.iter().map(|share| share.max(1e-4).ln() as f32).collect()
}
