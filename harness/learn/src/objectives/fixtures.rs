//! Every term against PyTorch, against finite differences, and against its neighbours in a stack.

use super::cases::{exact_row, numbers};
use super::*;
use crate::nets::{BackboneKind, Outputs, Readout};
use serde_json::Value;

const FIXTURES: &str = include_str!("../../../fixtures/pytorch.json");
const ROWS: usize = 24;

/// Of a DragonNet, which has everything that terms ask for.
fn setting(head: &HeadSpec, summary: OutcomeSummary, batch: usize) -> Setting {
    let backbone = BackboneKind::Dragonnet;
    let abilities = backbone.abilities();
    let summary = OutcomeSummary { treated_share: 0.5, ..summary };
    Setting {
        head: head.clone(),
        backbone: backbone.name(),
        question: backbone.question(),
        abilities,
        summary,
        batch,
    }
}

fn fixtures() -> Value {
    serde_json::from_str(FIXTURES).unwrap()
}

/// Rows in the order that a batch has: those with a non-zero label first.
struct Case {
    order: Vec<usize>,
    ranked: usize,
    batch: Batch,
    head: HeadSpec,
    names: Vec<&'static str>,
}

impl Case {
    fn new(fixtures: &Value, options: &Value) -> Self {
        let batch = &fixtures["batch"];
        let (treatment, mut outcome) = (numbers(&batch["treatment"]), numbers(&batch["outcome"]));
        if options["rows"] == "none-buys" {
            outcome.fill(0.0);
        }
        let propensity = options["propensity"]
            .as_f64()
            .map_or_else(|| numbers(&batch["propensity"]), |share| vec![share; ROWS]);
        let label = |row: usize| {
            let (treated, e) = (treatment[row], propensity[row]);
            match options["label"].as_str() {
                Some("signed") => outcome[row] * (2.0 * treated - 1.0),
                _ => outcome[row] * (treated - e) / (e * (1.0 - e)),
            }
        };
        let labels: Vec<f64> = (0..ROWS).map(label).collect();
        let mut order: Vec<usize> = (0..ROWS).collect();
        order.sort_by_key(|&row| labels[row] == 0.0);
        let ranked = labels.iter().filter(|label| **label != 0.0).count();
        let table: Vec<f64> =
            order.iter().flat_map(|&row| exact_row(treatment[row], outcome[row], labels[row])).collect();
        let columns = Labels::COLUMNS as i64;
        let batch = Batch::new(&Tensor::from_slice(&table).view([1, ROWS as i64, columns]), ranked);
        let point = options["head"] == "point";
        let sigma_term = options["sigma_term"].as_bool().unwrap_or(true);
        let (head, names) = match point {
            true => (HeadSpec::Point, vec!["point"]),
            false => (HeadSpec::Ziln { sigma_term }, vec!["logit", "mu", "raw"]),
        };
        Self { order, ranked, batch, head, names }
    }

    fn setting(&self) -> Setting {
        let summary = OutcomeSummary { nonzero_share: 0.2, sd: 1.0, ..OutcomeSummary::default() };
        setting(&self.head, summary, ROWS)
    }

    /// One arm's raw outputs `[1, B, k]`.
    fn raw(&self, source: &Value, arm: usize) -> Tensor {
        let columns: Vec<Vec<f64>> = self.names.iter().map(|name| numbers(&source[*name][arm])).collect();
        let values: Vec<f64> =
            self.order.iter().flat_map(|&row| columns.iter().map(move |column| column[row])).collect();
        Tensor::from_slice(&values).view([1, ROWS as i64, -1])
    }
}

fn term(name: &str, options: &Value) -> TermKind {
    match name {
        "mse" => TermKind::Mse(MseSpec {}),
        name if name.starts_with("ziln") => TermKind::Ziln(ZilnSpec {}),
        name if name.starts_with("focal") => TermKind::FocalZiln(FocalZilnSpec::default()),
        _ => TermKind::Ranking(ranking(options)),
    }
}

fn ranking(options: &Value) -> RankingSpec {
    let number = |key: &str| options[key].as_f64().unwrap();
    let read = |value: &Value| value.as_str().unwrap().to_string();
    RankingSpec {
        score: match read(&options["score"]).as_str() {
            "uplift" => Score::Uplift { unit: Unit::Amount(number("unit")) },
            _ => Score::LogRatio,
        },
        link: match read(&options["link"]).as_str() {
            "hinge" => Link::Hinge { margin: number("margin") },
            _ => Link::Logistic,
        },
        label: serde_json::from_value(options["label"].clone()).unwrap(),
        minimum_gap: number("minimum_gap"),
        label_unit: Unit::Amount(1.0),
        reduction: serde_json::from_value(options["reduction"].clone()).unwrap(),
        ..RankingSpec::default()
    }
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1e-3)
}

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let fixtures = fixtures();
    for (name, loss) in fixtures["losses"].as_object().unwrap() {
        let case = Case::new(&fixtures, &loss["options"]);
        let outputs = [0, 1].map(|arm| case.raw(&fixtures["batch"], arm).set_requires_grad(true));
        let [control, treated] = &outputs;
        let raw = Outputs::new(control.shallow_clone(), treated.shallow_clone());
        let term = term(name, &loss["options"]).build(&case.setting()).unwrap();
        let value = term.loss(&case.batch, &Prediction::new(&Readout::from(&case.head), &raw));
        let found = value.double_value(&[0]);
        assert!(
            close(found, loss["value"].as_f64().unwrap()),
            "{name}: {found} instead of {}",
            loss["value"]
        );
        value.sum(None).backward();
        for (arm, output) in outputs.iter().enumerate() {
            let expected = Vec::<f64>::try_from(case.raw(&loss["gradient"], arm).view(-1)).unwrap();
            let gradient = output.grad();
            let found = match gradient.defined() {
                true => Vec::<f64>::try_from(gradient.contiguous().view(-1)).unwrap(),
                false => vec![0.0; expected.len()],
            };
            for (found, expected) in found.iter().zip(&expected) {
                assert!(
                    close(*found, *expected),
                    "{name}, arm {arm}: gradient {found} instead of {expected}"
                );
            }
        }
    }
}

#[test]
fn the_sparse_ranking_sum_does_not_depend_on_the_block_width() {
    let fixtures = fixtures();
    let options = &fixtures["losses"]["ranking"]["options"];
    let case = Case::new(&fixtures, options);
    let raw = Outputs::new(case.raw(&fixtures["batch"], 0), case.raw(&fixtures["batch"], 1));
    let loss = |share: f64| {
        let mut setting = case.setting();
        setting.summary.nonzero_share = share;
        let term = TermKind::Ranking(ranking(options)).build(&setting).unwrap();
        term.loss(&case.batch, &Prediction::new(&Readout::from(&case.head), &raw)).double_value(&[0])
    };
    assert!(case.ranked > 8, "the narrow block must not hold all ranked rows");
    assert!((loss(0.01) - loss(1.0)).abs() < 1e-12);
}

/// The table of docs/methods/objectives.md, Focal conversion: where the focal loss of rows that buy with a known probability is least.
#[test]
fn the_focal_loss_is_least_away_from_the_truth() {
    let probabilities: Vec<f64> = (1..1000).map(|thousandth| f64::from(thousandth) / 1000.0).collect();
    let logits = probabilities.iter().flat_map(|p| [(p / (1.0 - p)).ln(), 0.0, 0.5]).collect::<Vec<f64>>();
    let raw = Tensor::from_slice(&logits).view([-1, 1, 3]).expand([-1, 100, 3], false);
    let outputs = Outputs::new(raw.shallow_clone(), raw);
    let head = HeadSpec::Ziln { sigma_term: true };
    for (truth, expected) in [(5, 0.33), (10, 0.40), (18, 0.46), (30, 0.52), (50, 0.60)] {
        let rows = (0..100).flat_map(|row| exact_row(0.0, f64::from(u8::from(row < truth)), 0.0));
        let table = Tensor::from_slice(&rows.collect::<Vec<f64>>()).view([1, 100, -1]);
        let batch = Batch::new(&table.expand([probabilities.len() as i64, -1, -1], false), 0);
        let loss = FocalZilnSpec::default().loss(&batch, &Prediction::new(&Readout::from(&head), &outputs));
        let least = probabilities[loss.argmin(0, false).int64_value(&[]) as usize];
        assert!((least - expected).abs() <= 0.0051, "{truth} %: {least}");
    }
}
