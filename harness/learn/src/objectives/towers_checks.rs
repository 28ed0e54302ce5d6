//! Losses of heads of several towers against PyTorch, the noise of the selection included, and what batches without a buyer give.

use super::cases::{exact_row, numbers};
use super::*;
use crate::nets::{
    Buckets, Counter, Detector, ExpLtvSpec, FrontSpec, OptDistSpec, Outputs, Readout, Selection, TwoStageSpec,
};
use serde_json::Value;
use tch::{Device, Kind};

const FIXTURES: &str = include_str!("../../../fixtures/towers.json");
const ROWS: usize = 24;

/// What is known of the training rows.
fn summary(fixtures: &Value) -> OutcomeSummary {
    let buckets: Buckets = serde_json::from_value(fixtures["buckets"].clone()).unwrap();
    OutcomeSummary { buckets: Some(buckets), ..OutcomeSummary::default() }
}

fn setting(head: &HeadSpec) -> Setting {
    let network = NetworkSpec {
        backbone: crate::nets::BackboneKind::Tarnet,
        trunk: vec![4],
        heads: vec![4],
        head: head.clone(),
        gate: None,
        front: FrontSpec::default(),
    };
    Setting::new(&network, OutcomeSummary::default(), ROWS)
}

/// The first rows of the fixtures.
fn batch(fixtures: &Value) -> Batch {
    let (treatment, outcome) =
        (numbers(&fixtures["rows"]["treatment"]), numbers(&fixtures["rows"]["outcome"]));
    let table: Vec<f64> = (0..ROWS).flat_map(|row| exact_row(treatment[row], outcome[row], 0.0)).collect();
    Batch::new(&Tensor::from_slice(&table).view([1, ROWS as i64, -1]), 0)
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let fixtures: Value = serde_json::from_str(FIXTURES).unwrap();
    let summary = summary(&fixtures);
    let mut terms = std::collections::BTreeSet::new();
    for (name, case) in fixtures["terms"].as_object().unwrap() {
        let head: HeadSpec = serde_json::from_value(case["head"].clone()).unwrap();
        let kind: TermKind = serde_json::from_value(case["term"].clone()).unwrap();
        let term = kind.build(&setting(&head)).unwrap();
        let mut batch = batch(&fixtures);
        let counter = |step: u64| Counter::new(vec![7], Device::Cpu).at(step as u32);
        batch.counter = case["step"].as_u64().map(counter);
        let both = |values: &Value| Tensor::from_slice(&numbers(values)).view([2, ROWS as i64, -1]);
        let raw = both(&case["raw"]).set_requires_grad(true);
        let outputs = Outputs::new(raw.narrow(0, 0, 1), raw.narrow(0, 1, 1));
        let readout = Readout::new(&head, &summary);
        let loss = term.loss(&batch, &Prediction::new(&readout, &outputs));
        // The noise is of single precision.
        let tolerance = if batch.counter.is_some() { 1e-5 } else { 1e-9 };
        let (found, expected) = (loss.double_value(&[0]), case["value"].as_f64().unwrap());
        let error = (found - expected).abs() / expected.abs().max(1e-3);
        assert!(error <= tolerance, "{name}: {found} instead of {expected}");
        loss.sum(None).backward();
        let expected = both(&case["gradient"]);
        let scale = expected.abs().max().double_value(&[]);
        let error = (raw.grad() - &expected).abs().max().double_value(&[]) / scale;
        assert!(error <= tolerance, "{name}: gradient off by {error} of {scale}");
        terms.insert(kind.name());
    }
    for name in ["purchase", "focal-purchase", "buyers", "mixed-ziln", "whale-detection"] {
        assert!(terms.contains(name), "{name}");
    }
    assert!(["chosen-ziln", "alignment", "diversity"].iter().all(|name| terms.contains(name)));
}

/// The law of a mixture whose detector says nothing is the mean of its experts, and the detector learns of buyers alone.
#[test]
fn the_detector_learns_of_those_it_counts() {
    let fixtures: Value = serde_json::from_str(FIXTURES).unwrap();
    let mut batch = batch(&fixtures);
    let zeros = batch.outcome.zeros_like();
    (batch.outcome, batch.positive, batch.log_outcome) =
        (zeros.shallow_clone(), zeros.shallow_clone(), zeros.shallow_clone());
    for (detector, learns) in [(Detector::OfBuyers, false), (Detector::OfAll, true)] {
        let spec = ExpLtvSpec { detector, ..ExpLtvSpec::default() };
        let head = HeadSpec::Towers(TowersSpec::ExpLtv(spec));
        let term = TermKind::WhaleDetection(WhaleDetectionSpec {}).build(&setting(&head)).unwrap();
        let raw = Tensor::zeros([1, ROWS as i64, 6], (Kind::Double, Device::Cpu));
        let outputs = Outputs::new(raw.shallow_clone(), raw);
        let readout = Readout::new(&head, &summary(&fixtures));
        let loss = term.loss(&batch, &Prediction::new(&readout, &outputs)).double_value(&[0]);
        assert_eq!(loss > 0.0, learns, "{detector:?}: {loss}");
    }
}

#[test]
fn heads_without_what_a_term_needs_are_refused() {
    let refused = |term: TermKind, head: TowersSpec, words: &str| {
        let found = term.build(&setting(&HeadSpec::Towers(head))).err().unwrap().to_string();
        assert!(found.contains(words), "{found}");
    };
    let two_stage = || TowersSpec::TwoStage(TwoStageSpec::default());
    let opt_dist =
        || TowersSpec::OptDist(OptDistSpec { selection: Selection::Argmax, ..OptDistSpec::default() });
    let exp_ltv = || TowersSpec::ExpLtv(ExpLtvSpec::default());
    refused(
        TermKind::Purchase(PurchaseSpec {}),
        opt_dist(),
        "needs a two-stage, mmoe or exp-ltv head; found a opt-dist",
    );
    refused(
        TermKind::Buyers(BuyersSpec::default()),
        exp_ltv(),
        "term 'buyers' needs a two-stage or mmoe head",
    );
    refused(
        TermKind::MixedZiln(MixedZilnSpec {}),
        two_stage(),
        "needs an exp-ltv head; found a two-stage head",
    );
    refused(TermKind::Diversity(DiversitySpec {}), exp_ltv(), "needs an opt-dist head");
    refused(TermKind::Ziln(ZilnSpec {}), two_stage(), "needs a ziln head");
    let terms: [TermKind; 3] = [
        r#"{"focal-purchase": {"alpha": 1.0}}"#,
        r#"{"buyers": {"delta": 0.0}}"#,
        r#"{"alignment": {"gamma": -1.0}}"#,
    ]
    .map(|text| serde_json::from_str(text).unwrap());
    for (term, key) in terms.iter().zip([
        "focal-purchase.alpha: found 1",
        "buyers.delta: found 0",
        "alignment.gamma: found -1",
    ]) {
        let found = term.validate().unwrap_err().to_string();
        assert!(found.contains(key), "{found}");
    }
}
