//! Batches for tests: everything that a term may look at, as PyTorch's fixtures have it.

use super::{Batch, Label, Labels, Prediction, Setting, Term, TermKind};
use crate::nets::{
    Abilities, BackboneKind, BucketSpec, CcOrSpec, Decoding, ExpLtvSpec, HeadSpec, Log1pSpec, MdmeSpec,
    OptDistSpec, OrdinalKind, OrdinalSpec, OutcomeSummary, Outputs, Parts, Readout, TowersSpec, TwoStageSpec,
};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

const FIXTURES: &str = include_str!("../../../fixtures/terms.json");

pub(crate) fn fixtures() -> Value {
    serde_json::from_str(FIXTURES).unwrap()
}

pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

/// One replicate's rows, those with a non-zero ranking label first, and what a network says of them.
pub(crate) struct Case {
    pub head: HeadSpec,
    pub summary: OutcomeSummary,
    pub batch: Batch,
    /// `control, treated, representation, propensity, epsilon`.
    pub inputs: [Tensor; 5],
    order: Vec<usize>,
}

/// Names of the raw outputs of a head.
fn outputs(head: &HeadSpec) -> &'static [&'static str] {
    match head {
        HeadSpec::Point => &["point"],
        HeadSpec::Log => &["log"],
        HeadSpec::Ziln { .. } => &["logit", "mu", "raw"],
        // They are drawn.
        HeadSpec::Log1p(_)
        | HeadSpec::Mdme(_)
        | HeadSpec::Ordinal(_)
        | HeadSpec::CcOr(_)
        | HeadSpec::Towers(_) => &[],
    }
}

impl Case {
    pub(crate) fn new(source: &Value, head: HeadSpec, label: Label, summary: OutcomeSummary) -> Self {
        let column = |name: &str| numbers(&source[name]);
        let (treatment, outcome, propensity) = (column("treatment"), column("outcome"), column("propensity"));
        let rows = treatment.len();
        let labels: Vec<f64> = (0..rows)
            .map(|row| match label {
                Label::Signed => outcome[row] * (2.0 * treatment[row] - 1.0),
                Label::Transformed => {
                    outcome[row] * (treatment[row] - propensity[row])
                        / (propensity[row] * (1.0 - propensity[row]))
                }
            })
            .collect();
        let mut order: Vec<usize> = (0..rows).collect();
        order.sort_by_key(|&row| labels[row] == 0.0);
        let ranked = labels.iter().filter(|label| **label != 0.0).count();
        let table = order.iter().flat_map(|&row| exact_row(treatment[row], outcome[row], labels[row]));
        let table = Tensor::from_slice(&table.collect::<Vec<f64>>()).view([1, rows as i64, -1]);
        let mut case = Self {
            head,
            summary,
            batch: Batch::new(&table, ranked),
            inputs: std::array::from_fn(|_| Tensor::new()),
            order,
        };
        case.inputs = case.read(source);
        case
    }

    /// Inputs, or their gradients, in the order of the batch; absent ones are 0.
    pub(crate) fn read(&self, source: &Value) -> [Tensor; 5] {
        let count = self.order.len();
        let arm = |arm: usize| {
            let column = |name: &&str| match &source[*name] {
                Value::Null => vec![0.0; count],
                arms => numbers(&arms[arm]),
            };
            if outputs(&self.head).is_empty() {
                let width = Readout::from(&self.head).outputs();
                return self.arrange(|row| {
                    (0..width).map(|place| ((row * width + place) as f64 * 0.7 + arm as f64).sin()).collect()
                });
            }
            let columns: Vec<Vec<f64>> = outputs(&self.head).iter().map(column).collect();
            self.arrange(|row| columns.iter().map(|column| column[row]).collect())
        };
        let rows = |name: &str, width: usize| match &source[name] {
            Value::Null => self.arrange(|_| vec![0.0; width]),
            table => self.arrange(|row| numbers(&table[row])),
        };
        let epsilon = Tensor::from_slice(&[source["epsilon"].as_f64().unwrap_or(0.0)]);
        [arm(0), arm(1), rows("representation", 6), rows("propensity-logit", 1).squeeze_dim(-1), epsilon]
    }

    fn arrange(&self, row: impl Fn(usize) -> Vec<f64>) -> Tensor {
        let values: Vec<f64> = self.order.iter().flat_map(|&index| row(index)).collect();
        Tensor::from_slice(&values).view([1, self.order.len() as i64, -1])
    }

    /// Of a network that has everything that terms ask for.
    pub(crate) fn setting(&self) -> Setting {
        let backbone = BackboneKind::Dragonnet;
        let abilities = Abilities { parts: true, ..backbone.abilities() };
        let (summary, batch) = (self.summary.clone(), self.order.len());
        Setting {
            head: self.head.clone(),
            backbone: backbone.name(),
            question: backbone.question(),
            abilities,
            summary,
            batch,
        }
    }

    pub(crate) fn build(&self, term: &TermKind) -> Box<dyn Term> {
        term.build(&self.setting()).unwrap_or_else(|error| panic!("{}: {error}", term.name()))
    }
}

/// A term's value `[S]` where the network says `inputs`.
pub(crate) fn value(term: &dyn Term, batch: &Batch, head: &HeadSpec, inputs: &[Tensor; 5]) -> Tensor {
    let [control, treated, representation, propensity, epsilon] =
        inputs.each_ref().map(Tensor::shallow_clone);
    let parts = Parts {
        interactions: representation.select(-1, 0),
        deep: representation.select(-1, 1),
        penalty: representation.square().flatten(1, -1).sum_dim_intlist(-1i64, false, None),
    };
    let outputs = Outputs {
        parts: Some(parts),
        representation: Some(representation),
        propensity: Some(propensity),
        epsilon: Some(epsilon),
        ..Outputs::new(control, treated)
    };
    term.loss(batch, &Prediction::new(&Readout::from(head), &outputs))
}

/// A row of labels in double precision.
pub(crate) fn exact_row(treated: f64, outcome: f64, label: f64) -> [f64; Labels::COLUMNS] {
    let positive = outcome > 0.0;
    let log = if positive { outcome.ln() } else { 0.0 };
    [treated, outcome, log, f64::from(u8::from(positive)), label]
}

/// `tensor` in single precision.
pub(crate) fn single(tensor: &Tensor) -> Tensor {
    tensor.to_kind(Kind::Float).to_device(Device::Cpu)
}

/// Every registered term as it stands in the registry, and its options beyond the defaults.
pub(crate) fn registered() -> Vec<TermKind> {
    let more = [
        r#"{"ranking": {"score": {"uplift": {"unit": 20.0}}}}"#,
        r#"{"ranking": {"score": "conversion", "link": "exponential", "weight": "one"}}"#,
        r#"{"ranking": {"link": {"hinge": {"margin": 0.1}}, "weight": "absolute"}}"#,
        r#"{"ranking": {"weight": "rank-difference"}}"#,
        r#"{"robinson": {"detach": false}}"#,
        r#"{"cascade": {"reduction": "pooled"}}"#,
        r#"{"cascade": {"reduction": "rows"}}"#,
        r#"{"distillation": {"shares": "training"}}"#,
        r#"{"bucket-residual": {"error": "squared"}}"#,
        r#"{"sub-distributions": {"distillation": 0.0, "order": 0.5}}"#,
        r#"{"parts": {"balanced": "rows"}}"#,
        r#"{"buyers": {"error": "huber", "delta": 0.3}}"#,
        r#"{"sinkhorn": {"through-plan": true, "dummy": false, "debiased": true, "floor": false}}"#,
        r#"{"mmd": {"kernel": "linear"}}"#,
        r#"{"mmd": {"kernel": "linear-root"}}"#,
        r#"{"mmd": {"biased": false, "bandwidth": 4.0}}"#,
        r#"{"listwise": {"over": "arm", "factor": true}}"#,
        r#"{"within-group": {"reduction": "sum", "unit": 3.0}}"#,
    ];
    let more = more.iter().map(|text| serde_json::from_str(text).unwrap());
    TermKind::all().into_iter().chain(more).collect()
}

/// The head that a term is looked at with.
fn head_of(term: &TermKind) -> HeadSpec {
    let ordinal = |kind| {
        HeadSpec::Ordinal(OrdinalSpec { kind, buckets: BucketSpec::default(), decoding: Decoding::Soft })
    };
    match term {
        TermKind::Cascade(_)
        | TermKind::Distillation(_)
        | TermKind::BucketResidual(_)
        | TermKind::Whales(_) => HeadSpec::CcOr(CcOrSpec::default()),
        TermKind::Log1p(_) => HeadSpec::Log1p(Log1pSpec::default()),
        TermKind::SubDistributions(_) => HeadSpec::Mdme(MdmeSpec::default()),
        TermKind::Exceedance(_) => ordinal(OrdinalKind::Coral),
        TermKind::Purchase(_) | TermKind::FocalPurchase(_) | TermKind::Buyers(_) => {
            HeadSpec::Towers(TowersSpec::TwoStage(TwoStageSpec::default()))
        }
        TermKind::MixedZiln(_) | TermKind::WhaleDetection(_) => {
            HeadSpec::Towers(TowersSpec::ExpLtv(ExpLtvSpec::default()))
        }
        TermKind::ChosenZiln(_) | TermKind::Alignment(_) | TermKind::Diversity(_) => {
            HeadSpec::Towers(TowersSpec::OptDist(OptDistSpec::default()))
        }
        TermKind::BucketLikelihood(_) => ordinal(OrdinalKind::Softmax),
        _ => HeadSpec::Ziln { sigma_term: true },
    }
}

/// The batch of the fixtures, seen by a head that suits the term.
pub(crate) fn common_of(term: &TermKind) -> Case {
    let common = common();
    let head = head_of(term);
    if head == common.head {
        return common;
    }
    Case::new(&fixtures()["batches"]["main"], head, Label::Transformed, common.summary)
}

/// The batch of the fixtures, seen by a ziln head.
pub(crate) fn common() -> Case {
    let summary =
        OutcomeSummary { nonzero_share: 0.2, sd: 30.0, treated_share: 0.5, ..OutcomeSummary::default() };
    let head = HeadSpec::Ziln { sigma_term: true };
    Case::new(&fixtures()["batches"]["main"], head, Label::Transformed, summary)
}
