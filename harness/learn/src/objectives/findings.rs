//! What docs/methods/ finds of terms.

use super::by_arm::{centred, squared_distances};
use super::cases::{Case, common, fixtures, single, value};
use super::*;
use rand_distr::{Distribution, StandardNormal};
use tch::{Device, Kind};
use valor_base::seed::Seeds;

const SAMPLES: i64 = 8;
const ROWS: i64 = 256;
const WIDTH: i64 = 200;
/// How far the treated mean is moved in each coordinate: nowhere, by 1 in all, by 1.
const SHIFTS: [f64; 3] = [0.0, 0.070_710_678_118_654_76, 1.0];
/// Per shift: distances in multiples of the mean cost, discrepancies as they are.
const BALANCE: [(&str, [f64; 3]); 7] = [
    (r#"{"sinkhorn": {}}"#, [0.995, 0.995, 1.002]),
    (r#"{"sinkhorn": {"dummy": false}}"#, [0.988, 0.988, 0.995]),
    (r#"{"sinkhorn": {"dummy": false, "debiased": true}}"#, [0.975, 0.975, 0.936]),
    (r#"{"sinkhorn": {"dummy": false, "debiased": true, "lambda": 1.0}}"#, [0.011, 0.012, 0.190]),
    (r#"{"mmd": {}}"#, [0.014, 0.017, 0.539]),
    (r#"{"mmd": {"biased": false}}"#, [0.000, 0.003, 0.527]),
    (r#"{"mmd": {"kernel": "linear-root"}}"#, [1.257, 1.575, 14.148]),
];

fn term(text: &str) -> TermKind {
    serde_json::from_str(text).unwrap()
}

/// 1 for the first `ROWS` rows of each sample, 0 for as many more.
fn treated() -> Tensor {
    let ones = Tensor::ones([SAMPLES, ROWS], (Kind::Float, Device::Cpu));
    Tensor::cat(&[&ones, &ones.zeros_like()], 1)
}

/// Standard normals, `[SAMPLES, 2 ROWS, WIDTH]`.
fn representations(shift: f64) -> Tensor {
    let count = (SAMPLES * 2 * ROWS * WIDTH) as usize;
    let draws = StandardNormal.sample_iter(Seeds::new(1).child("balance").stream()).take(count);
    let values = Tensor::from_slice(&draws.collect::<Vec<f32>>()).view([SAMPLES, 2 * ROWS, WIDTH]);
    values + treated().unsqueeze(-1) * shift
}

/// Per sample, the mean distance of a treated and a control row.
fn mean_cost(phi: &Tensor) -> Tensor {
    let arms = centred(phi).split_with_sizes([ROWS, ROWS], 1);
    squared_distances(&arms[0], &arms[1]).sqrt().mean_dim([1i64, 2].as_slice(), false, None)
}

#[test]
fn a_shift_of_the_mean_hardly_moves_the_distance_of_two_samples() {
    let zeros = treated().zeros_like();
    let batch = Batch::new(&Tensor::stack(&[&treated(), &zeros, &zeros, &zeros, &zeros], -1), 0);
    let case = common();
    let setting = Setting { batch: 2 * ROWS as usize, ..case.setting() };
    let mut inputs = case.inputs.each_ref().map(single);
    for (column, shift) in SHIFTS.into_iter().enumerate() {
        inputs[2] = representations(shift);
        for (text, expected) in BALANCE {
            let kind = term(text);
            let mut found = value(kind.build(&setting).unwrap().as_ref(), &batch, &case.head, &inputs);
            if matches!(kind, TermKind::Sinkhorn(_)) {
                found /= mean_cost(&inputs[2]);
            }
            let found = found.mean(None).double_value(&[]);
            assert!((found - expected[column]).abs() < 0.0006, "{text}, shift {shift}: {found}");
        }
    }
}

#[test]
fn robinsons_loss_without_detach_is_the_squared_error() {
    let heads = [HeadSpec::Point, HeadSpec::Log, HeadSpec::Ziln { sigma_term: true }];
    for head in heads {
        let source = &fixtures()["batches"]["main"];
        let case = Case::new(source, head, Label::Transformed, common().summary);
        let pass = |text: &str| {
            let leaves = case.inputs.each_ref().map(|input| input.copy().set_requires_grad(true));
            let loss = value(case.build(&term(text)).as_ref(), &case.batch, &case.head, &leaves);
            loss.sum(None).backward();
            let gradient = |place: usize| leaves[place].grad().abs().max().double_value(&[]);
            let propensity = leaves[3].grad();
            let propensity = if propensity.defined() { gradient(3) } else { 0.0 };
            (loss.double_value(&[0]), [gradient(0), gradient(1)], propensity)
        };
        let (robinson, mse) =
            (pass(r#"{"robinson": {"detach": false, "unit": 1.0}}"#), pass(r#"{"mse": {}}"#));
        let close = |found: f64, expected: f64| (found - expected).abs() < 1e-9 * mse.0;
        assert!(close(robinson.0, mse.0) && close(robinson.2, 0.0), "{robinson:?} {mse:?}");
        assert!(close(robinson.1[0], mse.1[0]) && close(robinson.1[1], mse.1[1]), "{robinson:?} {mse:?}");
        let detached = pass(r#"{"robinson": {"unit": 1.0}}"#);
        assert!(close(detached.0, mse.0), "the value is the same, the gradient is not");
    }
}

/// One control row that spent, and ever less uplift for it.
#[test]
fn the_listwise_loss_has_no_lower_bound() {
    let rows = [
        [true, false].map(|treated| Labels::row(treated, 10.0, 0.0)),
        [true, false].map(|t| Labels::row(t, 0.0, 0.0)),
    ];
    let table: Vec<f32> = rows.into_iter().flatten().flatten().collect();
    let batch = Batch::new(&Tensor::from_slice(&table).view([1, 4, -1]), 0);
    let mut case = common();
    case.head = HeadSpec::Point;
    let listwise = case.build(&term(r#"{"listwise": {"unit": 1.0}}"#));
    let loss = |uplift: f32| {
        let mut inputs = case.inputs.each_ref().map(single);
        inputs[0] = Tensor::zeros([1, 4, 1], (Kind::Float, Device::Cpu));
        inputs[1] = Tensor::from_slice(&[0.0, uplift, 0.0, 0.0]).view([1, 4, 1]);
        value(listwise.as_ref(), &batch, &case.head, &inputs).double_value(&[0])
    };
    assert!(loss(-10.0) < -10.0 && loss(-1e3) < -1e3 && loss(-1e6) < -1e6);
}
