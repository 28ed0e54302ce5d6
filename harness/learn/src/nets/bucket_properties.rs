//! What holds of heads of buckets whatever their weights and inputs: raw outputs here are any numbers.

use super::*;
use proptest::prelude::*;
use tch::Kind;

fn heads(decoding: Decoding, quantiles: &[f64]) -> Vec<HeadSpec> {
    let buckets = BucketSpec { quantiles: quantiles.to_vec(), ..BucketSpec::default() };
    let kinds = [OrdinalKind::Coral, OrdinalKind::Corn, OrdinalKind::OrCnn, OrdinalKind::Softmax];
    let ordinal = |kind| HeadSpec::Ordinal(OrdinalSpec { kind, buckets: buckets.clone(), decoding });
    let mut heads: Vec<HeadSpec> = kinds.map(ordinal).into();
    for structure in [Structure::Cascade, Structure::Softmax] {
        for residual in [Residual::Log1p, Residual::Raw, Residual::None] {
            for augmentation in [Augmentation::Attended, Augmentation::None] {
                let buckets = buckets.clone();
                let plain = CcOrSpec::default();
                let spec = CcOrSpec { buckets, structure, residual, augmentation, decoding, ..plain };
                heads.push(HeadSpec::CcOr(spec));
            }
        }
    }
    for distributions in 1..=3 {
        let per = (quantiles.len() + 1).div_ceil(distributions);
        heads.push(HeadSpec::Mdme(MdmeSpec { distributions, buckets: per, decoding }));
    }
    heads
}

fn fitted(head: &HeadSpec, outcomes: &[f64]) -> Option<Readout> {
    let buckets = Some(head.buckets()?.fit(BucketRows { outcome: outcomes, time: None, scale: 1.0 }).ok()?);
    Some(Readout::new(head, &OutcomeSummary { buckets, ..OutcomeSummary::default() }))
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.contiguous().view(-1)).unwrap()
}

fn places(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor.contiguous().view(-1)).unwrap()
}

prop_compose! {
    fn training()(
        outcomes in prop::collection::vec(prop_oneof![2 => Just(0.0), 1 => Just(2.5), 4 => 1e-3..1e3f64], 3..40),
        quantiles in prop::collection::btree_set(1u32..20, 0..7),
    ) -> (Vec<f64>, Vec<f64>) {
        (outcomes, quantiles.into_iter().map(|share| f64::from(share) / 20.0).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_law_is_one_and_a_hard_value_is_in_its_bucket(
        (outcomes, quantiles) in training(),
        scale in prop_oneof![Just(0.5f32), Just(5.0), Just(300.0)],
        draws in prop::collection::vec(-1.0f32..1.0, 7 * 40),
    ) {
        for head in heads(Decoding::Hard, &quantiles) {
            let Some(readout) = fitted(&head, &outcomes) else { continue };
            let (buckets, width) = (readout.buckets().unwrap(), readout.outputs() as i64);
            let raw = Tensor::from_slice(&draws).narrow(0, 0, 7 * width).view([1, 7, width]) * f64::from(scale);
            let law = readout.law(&raw).unwrap();
            let shares = law.probabilities();
            prop_assert!(values(&shares).iter().all(|share| *share >= 0.0 && share.is_finite()), "{head:?}");
            for sum in values(&shares.sum_dim_intlist(-1i64, false, Kind::Float)) {
                prop_assert!((sum - 1.0).abs() < 1e-5, "{head:?}: {sum}");
            }
            let survival = law.survival();
            prop_assert_eq!(survival.len(), buckets.count() - 1);
            for pair in survival.windows(2) {
                prop_assert!(pair[1].le_tensor(&pair[0]).all().int64_value(&[]) == 1, "{head:?}");
            }
            let said = readout.expectation(&raw);
            let decided = match &head {
                HeadSpec::Ordinal(spec) => spec.kind.places(&raw),
                HeadSpec::Mdme(_) => readout.mdme(&raw).unwrap().places(),
                HeadSpec::CcOr(_)
                | HeadSpec::Point
                | HeadSpec::Log
                | HeadSpec::Ziln { .. }
                | HeadSpec::Log1p(_)
                | HeadSpec::Towers(_) => law.most_likely(),
            };
            let (found, decided) = (places(&buckets.places(&said)), places(&decided));
            prop_assert_eq!(&found, &decided, "{:?}: {:?}", head, values(&said));
            // So the order of buckets is the order of values.
            let mut by_value: Vec<(f32, i64)> = values(&said).into_iter().zip(decided).collect();
            by_value.sort_by(|one, other| one.0.total_cmp(&other.0));
            prop_assert!(by_value.is_sorted_by_key(|(_, bucket)| *bucket), "{head:?}");
            let conversion = values(&readout.conversion(&raw).unwrap());
            prop_assert!(conversion.iter().all(|share| (0.0..=1.0).contains(share)), "{head:?}");
        }
    }

    #[test]
    fn a_soft_value_is_between_the_smallest_and_the_largest_bucket(
        (outcomes, quantiles) in training(),
        draws in prop::collection::vec(-9.0f32..9.0, 3 * 40),
    ) {
        for head in heads(Decoding::Soft, &quantiles) {
            let Some(readout) = fitted(&head, &outcomes) else { continue };
            let width = readout.outputs() as i64;
            let raw = Tensor::from_slice(&draws).narrow(0, 0, 3 * width).view([1, 3, width]);
            for value in values(&readout.expectation(&raw)) {
                prop_assert!(value.is_finite() && value >= 0.0, "{head:?}: {value}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_value_in_logs_is_a_number_of_0_or_more(
        draws in prop::collection::vec(prop_oneof![-3.0f32..3.0, -1e9f32..1e9], 12),
        outcomes in prop::collection::vec(prop_oneof![Just(0.0f32), 0.0f32..1e6], 6),
        amount in prop_oneof![1e-6..1.0, 1.0..1e6],
    ) {
        for smearing in [false, true] {
            for unit in [Unit::default(), Unit::Amount(amount)] {
                let readout = Readout::from(&HeadSpec::Log1p(Log1pSpec { unit, smearing }));
                let width = readout.outputs() as i64;
                prop_assert_eq!(width, 1 + i64::from(smearing));
                let raw = Tensor::from_slice(&draws).narrow(0, 0, 6 * width).view([1, 6, width]);
                for value in values(&readout.expectation(&raw)) {
                    prop_assert!(value.is_finite() && value >= 0.0, "{unit:?}, {smearing}: {value}");
                }
                prop_assert!(readout.conversion(&raw).is_none() && readout.law(&raw).is_none());
                // The log of an outcome is read as that outcome.
                let outcomes = Tensor::from_slice(&outcomes).view([1, 6]);
                let mut columns = vec![readout.log1p().unwrap().log_of(&outcomes)];
                columns.extend(smearing.then(|| outcomes.zeros_like()));
                let again = values(&readout.expectation(&Tensor::stack(&columns, -1)));
                for (again, outcome) in again.iter().zip(values(&outcomes)) {
                    let unit = match unit { Unit::Amount(amount) => amount as f32, Unit::Named(_) => 1.0 };
                    prop_assert!((again - outcome).abs() <= 2e-5 * outcome + 1e-6 * unit, "{outcome}: {again}");
                }
            }
        }
    }
}

/// The sum of logs is not the log of a product: a law stays one where probabilities vanish.
#[test]
fn a_cascade_is_kept_in_log_space() {
    let logits = Tensor::from_slice(&[-80.0f32, -80.0, 80.0]).view([1, 1, 3]);
    let law = law::BucketLaw::of_conditionals(&logits);
    let logs: Vec<f32> = values(&law.logs());
    assert!((logs[2] + 240.0).abs() < 1e-3 && (logs[3] + 160.0).abs() < 1e-3, "{logs:?}");
    assert_eq!(places(&law.most_likely()), [0]);
}
