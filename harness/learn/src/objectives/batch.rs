//! What a term sees: the labels of a batch and what the network says of it.

use crate::nets::{
    BucketLaw, Buckets, CcOrSaid, Choice, Counter, Detector, Hurdle, Log1p, MdmeSaid, Outputs, Parts,
    Readout, Routed, TowersSpec,
};
use tch::{Kind, Tensor};

/// Label columns of all rows, `[rows, COLUMNS]`: gathered with the features, one lookup per batch.
pub struct Labels;

impl Labels {
    /// treatment, outcome, log outcome (0 where not positive), positive, ranking label.
    pub const COLUMNS: usize = 5;

    /// One row. `ranking` is 0 where nothing is ranked.
    pub fn row(treated: bool, outcome: f64, ranking: f64) -> [f32; Self::COLUMNS] {
        let positive = outcome > 0.0;
        let log = if positive { outcome.ln() as f32 } else { 0.0 };
        [f32::from(u8::from(treated)), outcome as f32, log, f32::from(u8::from(positive)), ranking as f32]
    }
}

/// Labels of a batch, each `[S, B]`.
pub struct Batch {
    /// 1 for treated rows.
    pub treatment: Tensor,
    /// Outcome.
    pub outcome: Tensor,
    /// Log outcome, 0 where the outcome is not positive.
    pub log_outcome: Tensor,
    /// 1 where the outcome is positive.
    pub positive: Tensor,
    /// The label that ranking compares.
    pub ranking: Tensor,
    /// The largest number of rows with a non-zero ranking label in any replicate. Those rows come first.
    pub ranked_rows: usize,
    /// Where a term may draw from while training; absent when a loss is only looked at.
    pub counter: Option<Counter>,
}

impl Batch {
    /// From gathered labels `[S, B, COLUMNS]`.
    pub fn new(labels: &Tensor, ranked_rows: usize) -> Self {
        let column = |index| labels.select(-1, index);
        Self {
            treatment: column(0),
            outcome: column(1),
            log_outcome: column(2),
            positive: column(3),
            ranking: column(4),
            ranked_rows,
            counter: None,
        }
    }

    /// 1 for control rows, `[S, B]`.
    pub fn control(&self) -> Tensor {
        -&self.treatment + 1.0
    }
}

/// What the network says of a batch.
pub struct Prediction<'a> {
    head: &'a Readout,
    outputs: &'a Outputs,
}

impl<'a> Prediction<'a> {
    /// Reads raw outputs by the head that made them.
    pub fn new(head: &'a Readout, outputs: &'a Outputs) -> Self {
        Self { head, outputs }
    }

    /// Raw outputs of the arm that was observed, `[S, B, k]`.
    pub fn observed(&self, batch: &Batch) -> Tensor {
        let treated = batch.treatment.to_kind(Kind::Bool).unsqueeze(-1);
        self.outputs.treated.where_self(&treated, &self.outputs.control)
    }

    /// `E[y]` under control and under treatment, `[S, B]`.
    pub fn expectations(&self) -> (Tensor, Tensor) {
        (self.head.expectation(&self.outputs.control), self.head.expectation(&self.outputs.treated))
    }

    /// `E[y]` of the observed arm, `[S, B]`.
    pub fn observed_expectation(&self, batch: &Batch) -> Tensor {
        self.head.expectation(&self.observed(batch))
    }

    /// The buckets of the head.
    pub fn buckets(&self) -> &Buckets {
        self.head.buckets().expect("terms that need them check the head when built")
    }

    /// What a cc-or head's raw outputs are.
    pub fn cc_or(&self, raw: &Tensor) -> CcOrSaid<'a> {
        self.head.cc_or(raw).expect("terms that need it check the head when built")
    }

    /// What an mdme head's raw outputs are.
    pub fn mdme(&self, raw: &Tensor) -> MdmeSaid<'a> {
        self.head.mdme(raw).expect("terms that need it check the head when built")
    }

    /// How a log1p head is read.
    pub fn log1p(&self) -> Log1p {
        self.head.log1p().expect("terms that need it check the head when built")
    }

    /// What the parts of a sum say by themselves.
    pub fn parts(&self) -> &Parts {
        self.outputs.parts.as_ref().expect("terms that need it check the backbone when built")
    }

    /// Logits of the observed arm's exceedances, `[S, B, K - 1]`.
    pub fn observed_logits(&self, batch: &Batch) -> Tensor {
        let raw = self.observed(batch);
        match self.head.cc_or(&raw) {
            Some(said) => said.logits,
            None => raw,
        }
    }

    /// The law of the observed arm's bucket.
    pub fn observed_law(&self, batch: &Batch) -> BucketLaw {
        self.head.law(&self.observed(batch)).expect("terms that need it check the head when built")
    }

    /// Logit of the observed arm's purchase, `[S, B]`, from heads that have a tower for it.
    pub fn purchase(&self, batch: &Batch) -> Tensor {
        self.towers().purchase(&self.observed(batch)).expect("terms that need it check the head when built")
    }

    /// Purchase and amount of the observed arm.
    pub fn hurdle(&self, batch: &Batch) -> Hurdle {
        self.towers().hurdle(&self.observed(batch)).expect("terms that need it check the head when built")
    }

    /// ExpLTV's law of the observed arm, and whom its detector counts.
    pub fn routed(&self, batch: &Batch) -> (Routed, Detector) {
        self.towers().routed(&self.observed(batch)).expect("terms that need it check the head when built")
    }

    /// What an OptDist head's raw outputs are.
    pub fn choice(&self, raw: &Tensor) -> Choice<'a> {
        self.towers().choice(raw).expect("terms that need it check the head when built")
    }

    fn towers(&self) -> &'a TowersSpec {
        self.head.towers().expect("terms that need it check the head when built")
    }

    /// `log E[y]` of the observed arm, `[S, B]`, from heads whose expectation is positive.
    pub fn observed_log_expectation(&self, batch: &Batch) -> Tensor {
        self.head
            .log_expectation(&self.observed(batch))
            .expect("terms that need it check the head when built")
    }

    /// `E_1 - E_0`, `[S, B]`.
    pub fn uplift(&self) -> Tensor {
        self.head.expectation(&self.outputs.treated) - self.head.expectation(&self.outputs.reference)
    }

    /// `log E_1 - log E_0`, `[S, B]`, from heads whose expectation is positive.
    pub fn log_ratio(&self) -> Tensor {
        self.contrast(Readout::log_expectation)
    }

    /// `P(y > 0)` under treatment less that under control, `[S, B]`, from ziln heads.
    pub fn conversion_uplift(&self) -> Tensor {
        self.contrast(Readout::conversion)
    }

    /// What both arms' heads see, `[S, B, width]`.
    pub fn representation(&self) -> &Tensor {
        self.outputs.representation.as_ref().expect("terms that need it check the backbone when built")
    }

    /// Logit of the predicted `P(T = 1 | x)`, `[S, B]`.
    pub fn propensity_logit(&self) -> &Tensor {
        self.outputs.propensity.as_ref().expect("terms that need it check the backbone when built")
    }

    /// The scalar of targeted regularisation, `[S]`.
    pub fn epsilon(&self) -> &Tensor {
        self.outputs.epsilon.as_ref().expect("terms that need it check the backbone when built")
    }

    fn contrast(&self, of: fn(&Readout, &Tensor) -> Option<Tensor>) -> Tensor {
        let of = |raw| of(self.head, raw).expect("terms that need it check the head when built");
        of(&self.outputs.treated) - of(&self.outputs.reference)
    }
}
