//! How raw outputs are read: the head, and what it knows of the training rows.

use super::cc_or::{self, CcOrSaid};
use super::direct::{LogReading, PointReading, ZilnReading};
use super::head::ArmHead;
use super::law::BucketLaw;
use super::mdme::{self, MdmeSaid};
use super::ordinal::OrdinalReading;
use super::parameters::Layout;
use super::reading::{AmountLaw, Reading};
use super::towers::{TowersReading, TowersSpec};
use super::{BucketSpec, Buckets, HeadSpec, Log1p, OutcomeSummary};
use std::sync::Arc;
use tch::Tensor;

/// A head, fitted: reads raw outputs `[S, B, k]` of an arm.
#[derive(Clone, Debug)]
pub struct Readout {
    spec: HeadSpec,
    reading: Arc<dyn Reading>,
    /// Outcome units in one of the network's.
    scale: f64,
}

impl Readout {
    /// The head with what it needs of the training rows. Where these are not known yet, buckets are of outcomes 0, 1, 2 and so on.
    pub fn new(spec: &HeadSpec, summary: &OutcomeSummary) -> Self {
        let buckets = |spec: &BucketSpec| summary.buckets.clone().unwrap_or_else(|| spec.stand_in());
        let reading: Arc<dyn Reading> = match spec {
            HeadSpec::Point => Arc::new(PointReading),
            HeadSpec::Log => Arc::new(LogReading),
            HeadSpec::Ziln { sigma_term } => Arc::new(ZilnReading { sigma_term: *sigma_term }),
            HeadSpec::Log1p(spec) => Arc::new(spec.fitted(summary.scale)),
            HeadSpec::Mdme(spec) => Arc::new(mdme::Fitted::new(spec.clone(), buckets(&spec.of_outcomes()))),
            HeadSpec::Ordinal(spec) => Arc::new(OrdinalReading::new(spec.clone(), buckets(&spec.buckets))),
            HeadSpec::CcOr(spec) => Arc::new(cc_or::Fitted::new(spec.clone(), buckets(&spec.buckets))),
            HeadSpec::Towers(spec) => Arc::new(TowersReading::new(spec.clone(), spec.buckets().map(buckets))),
        };
        Self { spec: spec.clone(), reading, scale: summary.scale }
    }

    /// What the head is.
    pub fn spec(&self) -> &HeadSpec {
        &self.spec
    }

    /// The buckets of heads that have them.
    pub fn buckets(&self) -> Option<&Buckets> {
        self.reading.buckets()
    }

    /// Where the raw outputs of hidden layers and an output layer start: the pooled training outcome, so that no head starts with
    /// an advantage.
    pub fn start(&self, summary: &OutcomeSummary) -> Vec<f32> {
        self.reading.start(summary)
    }

    /// Number of raw outputs.
    pub fn outputs(&self) -> usize {
        self.start(&OutcomeSummary::default()).len()
    }

    /// What makes the raw outputs of an arm: hidden layers of these widths on a representation of this width, and what follows.
    pub(super) fn head(
        &self,
        layout: &mut Layout,
        name: &str,
        shape: (i64, &[usize]),
        summary: &OutcomeSummary,
    ) -> Box<dyn ArmHead> {
        self.reading.head(layout, name, shape, summary)
    }

    /// `E[y]` of raw outputs: `[S, B, k] -> [S, B]`, in the network's unit of outcomes.
    ///
    /// ```text
    /// point:     the output itself
    /// log:       exp(output)
    /// ziln:      sigmoid(l) exp(mu + sigma^2 / 2)      without sigma_term: sigmoid(l) exp(mu)
    /// log1p:     u (exp(output) - 1), 0 or more
    /// mdme:      as cc-or
    /// ordinal:   soft: sum_k P_k m_k                   hard: m of the bucket that is decided for;  m: training means
    /// cc-or:     the same of the value within each bucket
    /// towers:    as each says
    /// ```
    pub fn expectation(&self, raw: &Tensor) -> Tensor {
        self.reading.expectation(raw)
    }

    /// `log E[y]` of raw outputs, from heads that put out a positive expectation.
    pub fn log_expectation(&self, raw: &Tensor) -> Option<Tensor> {
        self.reading.log_expectation(raw)
    }

    /// `P(y > 0)` of raw outputs, from heads that have it. Of buckets the share above the zeros; 1 where the training rows had none.
    pub fn conversion(&self, raw: &Tensor) -> Option<Tensor> {
        self.reading.conversion(raw)
    }

    /// The law of the bucket, from heads that have one.
    pub fn law(&self, raw: &Tensor) -> Option<BucketLaw> {
        self.reading.law(raw)
    }

    /// What the head knows of an outcome beyond its expectation, where it has a law of amounts; in the network's unit.
    pub fn amounts(&self, raw: &Tensor) -> Option<AmountLaw> {
        self.reading.amounts(raw)
    }

    /// The raw outputs of a cc-or head by what they are.
    pub fn cc_or(&self, raw: &Tensor) -> Option<CcOrSaid<'_>> {
        let HeadSpec::CcOr(spec) = &self.spec else { return None };
        Some(CcOrSaid::new(spec, self.buckets()?, raw))
    }

    /// The raw outputs of an mdme head by what they are.
    pub fn mdme(&self, raw: &Tensor) -> Option<MdmeSaid<'_>> {
        let HeadSpec::Mdme(spec) = &self.spec else { return None };
        Some(MdmeSaid::new(spec, self.buckets()?, raw))
    }

    /// How a log1p head is read.
    pub fn log1p(&self) -> Option<Log1p> {
        let HeadSpec::Log1p(spec) = &self.spec else { return None };
        Some(spec.fitted(self.scale))
    }

    /// The head of several towers.
    pub fn towers(&self) -> Option<&TowersSpec> {
        let HeadSpec::Towers(spec) = &self.spec else { return None };
        Some(spec)
    }
}

impl From<&HeadSpec> for Readout {
    /// A head of which no training rows are known.
    fn from(spec: &HeadSpec) -> Self {
        Self::new(spec, &OutcomeSummary::default())
    }
}
