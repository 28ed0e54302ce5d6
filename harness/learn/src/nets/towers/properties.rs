//! What holds of heads of towers whatever their weights and inputs: raw outputs here are any numbers.

use super::*;
use crate::nets::{HeadSpec, Readout};
use proptest::prelude::*;
use tch::Kind;

/// Every head with every option that changes how it is read.
pub(in super::super) fn heads() -> Vec<TowersSpec> {
    let mut heads = vec![TowersSpec::ExpLtv(ExpLtvSpec::default())];
    for amount in [Amount::Softplus, Amount::Exp, Amount::Relu] {
        heads.push(TowersSpec::TwoStage(TwoStageSpec { amount }));
    }
    for decoding in [Decoding::Hard, Decoding::Soft] {
        heads.push(TowersSpec::Mmoe(MmoeSpec { decoding, ..MmoeSpec::default() }));
        for laws in [2, 5] {
            heads.push(TowersSpec::OptDist(OptDistSpec { laws, decoding, ..OptDistSpec::default() }));
        }
    }
    heads
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.contiguous().view(-1)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn values_are_finite_and_not_negative_and_shares_sum_to_one(
        scale in prop_oneof![Just(0.5f64), Just(5.0), Just(300.0)],
        draws in prop::collection::vec(-1.0f32..1.0, 7 * 20),
        key in any::<u32>(),
        temperature in 0.05..20.0f64,
    ) {
        for head in heads() {
            let readout = Readout::from(&HeadSpec::Towers(head.clone()));
            let width = readout.outputs() as i64;
            let raw = Tensor::from_slice(&draws).narrow(0, 0, 7 * width).view([1, 7, width]) * scale;
            for value in values(&readout.expectation(&raw)) {
                prop_assert!(value.is_finite() && value >= 0.0, "{head:?}: {value}");
            }
            for share in values(&readout.conversion(&raw).unwrap()) {
                prop_assert!((0.0..=1.0).contains(&share), "{head:?}: {share}");
            }
            if let Some((routed, _)) = head.routed(&raw) {
                // Mixed laws lie between the experts'.
                let column = |place| raw.select(-1, place);
                let (whales, others) = (column(2), column(4));
                let slack = 1e-5 * scale;
                prop_assert!(routed.mu.le_tensor(&(whales.maximum(&others) + slack)).all().int64_value(&[]) == 1);
                prop_assert!(routed.mu.ge_tensor(&(whales.minimum(&others) - slack)).all().int64_value(&[]) == 1);
                prop_assert!(values(&routed.sigma).iter().all(|sigma| *sigma > 0.0 && *sigma <= 3.001));
            }
            let TowersSpec::OptDist(spec) = &head else { continue };
            let counter = crate::nets::Counter::new(vec![key], tch::Device::Cpu).at(3);
            for selection in [Selection::Gumbel, Selection::Softmax, Selection::Argmax] {
                let spec = OptDistSpec { selection, temperature, ..spec.clone() };
                let choice = Choice::new(&spec, &raw);
                let shares = choice.selection(Some(&counter)).probabilities();
                prop_assert!(values(&shares).iter().all(|share| *share >= 0.0 && share.is_finite()), "{spec:?}");
                for sum in values(&shares.sum_dim_intlist(-1i64, false, Kind::Float)) {
                    prop_assert!((sum - 1.0).abs() < 1e-5, "{spec:?}: {sum}");
                }
            }
        }
    }
}

/// The noise is a standard Gumbel law's: laws are chosen in their shares.
#[test]
fn noise_chooses_laws_in_their_shares() {
    let spec = OptDistSpec { laws: 3, ..OptDistSpec::default() };
    let rows = 60_000;
    let logs = [0.6f64, 0.3, 0.1].map(|share| share.ln() as f32);
    let raw = Tensor::from_slice(&[[0.0f32; 9].as_slice(), &logs].concat()).view([1, 1, 12]);
    let raw = raw.expand([2, rows, 12], false);
    let counter = crate::nets::Counter::new(vec![11, 12], tch::Device::Cpu).at(5);
    let choice = Choice::new(&spec, &raw);
    let places = choice.selection(Some(&counter)).most_likely();
    for (law, share) in [0.6, 0.3, 0.1].into_iter().enumerate() {
        let found = places.eq(law as i64).to_kind(Kind::Double).mean_dim(1i64, false, None);
        for replicate in 0..2 {
            assert!((found.double_value(&[replicate]) - share).abs() < 0.01, "{law}: {found}");
        }
    }
    // Another step draws anew, and without a counter nothing is drawn.
    let again = choice.selection(Some(&counter.at(6))).logs();
    assert_ne!(again, choice.selection(Some(&counter)).logs());
    let plain = choice.selection(None).probabilities().double_value(&[0, 0, 0]);
    assert!((plain - 0.6).abs() < 1e-6, "{plain}");
}
