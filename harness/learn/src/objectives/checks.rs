//! What holds for every registered term, whoever wrote it: a new one is checked by being in the registry.

use super::cases::{self, Case, common, common_of, registered, single, value};
use super::*;
use crate::nets::{
    BucketSpec, CcOrSpec, Decoding, Distillation, ExpLtvSpec, HeadSpec, Log1pSpec, MdmeSpec, OptDistSpec,
    OrdinalKind, OrdinalSpec, Readout, TwoStageSpec,
};
use tch::{Device, Kind};

#[test]
fn values_and_gradients_are_those_of_pytorch() {
    let fixtures = cases::fixtures();
    for (name, expected) in fixtures["cases"].as_object().unwrap() {
        let term: TermKind = serde_json::from_value(expected["term"].clone()).unwrap();
        let head: HeadSpec = serde_json::from_value(expected["head"].clone()).unwrap();
        let number = |key: &str| expected["setting"][key].as_f64().unwrap();
        let summary = OutcomeSummary {
            nonzero_share: 0.2,
            sd: number("sd"),
            treated_share: number("share"),
            ..OutcomeSummary::default()
        };
        let source = &fixtures["batches"][expected["batch"].as_str().unwrap()];
        let case = Case::new(source, head, term.label().unwrap_or(Label::Transformed), summary);
        let inputs = case.inputs.each_ref().map(|input| input.copy().set_requires_grad(true));
        let loss = value(case.build(&term).as_ref(), &case.batch, &case.head, &inputs);
        let truth = expected["value"].as_f64().unwrap();
        let found = loss.double_value(&[0]);
        assert!((found - truth).abs() <= 1e-8 * truth.abs().max(1e-3), "{name}: {found} instead of {truth}");
        if loss.requires_grad() {
            loss.sum(None).backward();
        }
        for (input, expected) in inputs.iter().zip(case.read(&expected["gradient"])) {
            let gradient = input.grad();
            let gradient = if gradient.defined() { gradient } else { input.zeros_like() };
            let scale = expected.abs().max().double_value(&[]).max(1e-6);
            let error = (&gradient - &expected).abs().max().double_value(&[]) / scale;
            assert!(error < 1e-7, "{name}: gradient off by {error} of {scale}");
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences_and_not_all_zero() {
    for kind in registered() {
        let case = common_of(&kind);
        let term = case.build(&kind);
        let leaves = case.inputs.each_ref().map(|input| input.copy().set_requires_grad(true));
        value(term.as_ref(), &case.batch, &case.head, &leaves).sum(None).backward();
        let mut moved_any = false;
        for place in 0..leaves.len() {
            let gradient = leaves[place].grad();
            let count = leaves[place].numel() as i64;
            let direction = (Tensor::arange(count, (Kind::Double, Device::Cpu)) + 0.5).sin();
            let direction = direction.view(leaves[place].size().as_slice());
            let moved = |step: f64| {
                let mut inputs = case.inputs.each_ref().map(Tensor::copy);
                inputs[place] += &direction * step;
                value(term.as_ref(), &case.batch, &case.head, &inputs).double_value(&[0])
            };
            let numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let analytic =
                if gradient.defined() { (gradient * &direction).sum(None).double_value(&[]) } else { 0.0 };
            moved_any |= analytic != 0.0;
            if constant_by_design(&kind, place) {
                continue;
            }
            let error = (numeric - analytic).abs() / analytic.abs().max(1e-3);
            assert!(error < 1e-5, "{kind:?}, input {place}: {analytic} against {numeric}");
        }
        assert!(moved_any, "{}: no gradient", kind.name());
    }
}

/// Inputs that a term holds constant although its value depends on them: nuisances, plans, bandwidths, ranks.
fn constant_by_design(kind: &TermKind, place: usize) -> bool {
    let representation = place == 2;
    match kind {
        // The labels of the choice are those that the laws give.
        TermKind::Alignment(_) => place < 2,
        TermKind::Robinson(spec) => spec.detach,
        TermKind::SubDistributions(spec) => spec.distillation > 0.0,
        TermKind::Sinkhorn(_) | TermKind::Mmd(_) => representation,
        _ => false,
    }
}

/// A stack of the common case and a replicate with other rows, other outputs and more ranked rows.
#[test]
fn a_replicate_does_not_feel_its_neighbours() {
    let case = common();
    let table = |batch: &Batch| {
        let columns = [&batch.treatment, &batch.outcome, &batch.log_outcome, &batch.positive, &batch.ranking];
        single(&Tensor::stack(&columns, -1))
    };
    let own = table(&case.batch);
    let rows = own.size()[1];
    let other = own.flip([1]) + Tensor::from_slice(&[0.0f32, 1.0, 0.5, 0.0, 7.0]);
    let alone = Batch::new(&own, case.batch.ranked_rows);
    let beside = Batch::new(&Tensor::cat(&[&own, &other], 0), rows as usize);
    for kind in registered() {
        let case = common_of(&kind);
        let inputs = case.inputs.each_ref().map(single);
        let stacked = inputs.each_ref().map(|input| Tensor::cat(&[input, &(input * 0.7 + 0.1)], 0));
        let term = case.build(&kind);
        let pass = |batch: &Batch, inputs: &[Tensor; 5]| {
            let leaves = inputs.each_ref().map(|input| input.copy().set_requires_grad(true));
            let loss = value(term.as_ref(), batch, &case.head, &leaves);
            loss.sum(None).backward();
            let gradients = leaves.map(|leaf| leaf.grad());
            (loss.detach().get(0), gradients.map(|gradient| gradient.defined().then(|| gradient.get(0))))
        };
        assert_eq!(pass(&alone, &inputs), pass(&beside, &stacked), "{kind:?}");
    }
}

#[test]
fn extreme_outcomes_and_outputs_give_finite_losses() {
    let outcomes = [1e9, 1.0, 1e-6, 0.0];
    let rows = outcomes.map(|y| [Labels::row(true, y, 2.0 * y), Labels::row(false, y, -2.0 * y)]);
    let table: Vec<f32> = rows.into_iter().flatten().flatten().collect();
    let batch = Batch::new(&Tensor::from_slice(&table).view([1, 8, -1]), 6);
    for kind in registered() {
        let case = common_of(&kind);
        let (term, width) = (case.build(&kind), Readout::from(&case.head).outputs() as i64);
        for level in [-60.0, 0.0, 60.0] {
            let full = |shape: &[i64], value: f64| {
                Tensor::full(shape, value, (Kind::Float, Device::Cpu)).set_requires_grad(true)
            };
            let inputs = [
                full(&[1, 8, width], level),
                full(&[1, 8, width], level * 0.5),
                (Tensor::arange(48, (Kind::Float, Device::Cpu)).view([1, 8, 6]) * level * 1e3)
                    .set_requires_grad(true),
                full(&[1, 8], level),
                full(&[1], level),
            ];
            let loss = value(term.as_ref(), &batch, &case.head, &inputs);
            assert!(loss.double_value(&[0]).is_finite(), "{kind:?} at {level}");
            loss.sum(None).backward();
            for (place, input) in inputs.iter().enumerate() {
                let gradient = input.grad();
                let finite = !gradient.defined() || gradient.isfinite().all().int64_value(&[]) == 1;
                assert!(finite, "{kind:?} at {level}: gradient of input {place}");
            }
        }
    }
}

/// Both balance terms on vectors as wide and as large as networks make them.
#[test]
fn balance_terms_stay_finite_on_wide_unnormalised_vectors() {
    let (rows, width) = (512, 256);
    let treatment = Tensor::arange(rows, (Kind::Float, Device::Cpu)).remainder(2.0);
    let zeros = treatment.zeros_like();
    let table = Tensor::stack(&[&treatment, &zeros, &zeros, &zeros, &zeros], -1).unsqueeze(0);
    let batch = Batch::new(&table, 0);
    let mut case = common();
    case.summary.treated_share = 0.5;
    for kind in
        registered().into_iter().filter(|kind| matches!(kind, TermKind::Sinkhorn(_) | TermKind::Mmd(_)))
    {
        let setting = Setting { batch: rows as usize, ..case.setting() };
        let term = kind.build(&setting).unwrap();
        for size in [1e-3, 1.0, 1e3] {
            let phi = (Tensor::arange(rows * width, (Kind::Float, Device::Cpu)) * 0.7).sin() * size;
            let mut inputs = case.inputs.each_ref().map(single);
            inputs[2] = phi.view([1, rows, width]).set_requires_grad(true);
            let loss = value(term.as_ref(), &batch, &case.head, &inputs);
            loss.sum(None).backward();
            let gradient = inputs[2].grad();
            let finite =
                loss.double_value(&[0]).is_finite() && gradient.isfinite().all().int64_value(&[]) == 1;
            assert!(finite, "{kind:?} at {size}");
        }
    }
}

#[test]
fn rows_are_sampled_in_training_only() {
    let mut case = common();
    let term = case.build(&TermKind::Ranking(RankingSpec { sample: 12, ..RankingSpec::default() }));
    let all = case.build(&TermKind::Ranking(RankingSpec::default()));
    let loss =
        |term: &dyn Term, case: &Case| value(term, &case.batch, &case.head, &case.inputs).double_value(&[0]);
    assert_eq!(loss(term.as_ref(), &case), loss(all.as_ref(), &case));
    let counter = crate::nets::Counter::new(vec![5], Device::Cpu);
    case.batch.counter = Some(counter.at(1));
    let first = loss(term.as_ref(), &case);
    assert_ne!(first, loss(all.as_ref(), &case));
    case.batch.counter = Some(counter.at(2));
    assert_ne!(first, loss(term.as_ref(), &case));
}

/// Batches without an arm, without buyers, with one row or one value: no term divides by what is not there.
#[test]
fn sets_that_a_batch_lacks_give_finite_losses_and_gradients() {
    let ordinal = |kind| {
        HeadSpec::Ordinal(OrdinalSpec { kind, buckets: BucketSpec::default(), decoding: Decoding::Soft })
    };
    let heads = [
        HeadSpec::Point,
        HeadSpec::Log,
        HeadSpec::Ziln { sigma_term: true },
        HeadSpec::Ziln { sigma_term: false },
        ordinal(OrdinalKind::Coral),
        ordinal(OrdinalKind::Corn),
        ordinal(OrdinalKind::Softmax),
        HeadSpec::Log1p(Log1pSpec::default()),
        HeadSpec::Log1p(Log1pSpec { smearing: true, ..Log1pSpec::default() }),
        HeadSpec::Mdme(MdmeSpec::default()),
        HeadSpec::CcOr(CcOrSpec::default()),
        HeadSpec::CcOr(CcOrSpec { distillation: Distillation::HeadToHead, ..CcOrSpec::default() }),
        HeadSpec::Towers(TowersSpec::TwoStage(TwoStageSpec::default())),
        HeadSpec::Towers(TowersSpec::ExpLtv(ExpLtvSpec::default())),
        HeadSpec::Towers(TowersSpec::OptDist(OptDistSpec::default())),
    ];
    let mut built = std::collections::BTreeSet::new();
    let mut case = common();
    for head in heads {
        for kind in registered() {
            for lack in Lack::all() {
                case.head = head.clone();
                case.summary = lack.summary();
                let setting = Setting { batch: lack.rows.max(2), ..case.setting() };
                let Ok(term) = kind.build(&setting) else { continue };
                built.insert(kind.name());
                lack.check(&kind, term.as_ref(), &head);
            }
        }
    }
    let all: std::collections::BTreeSet<&str> = registered().iter().map(TermKind::name).collect();
    assert_eq!(built, all);
}

/// A batch in which something is absent or does not vary.
#[derive(Clone, Copy, Debug)]
struct Lack {
    rows: usize,
    treated: usize,
    positive: usize,
    equal: bool,
    one_representation: bool,
    share: f64,
}

impl Lack {
    fn all() -> Vec<Self> {
        let counts = |rows: usize| std::collections::BTreeSet::from([0, 1, rows / 2, rows]);
        let mut found = Vec::new();
        for rows in [1_usize, 2, 9] {
            for treated in counts(rows) {
                for positive in counts(rows) {
                    // The share of the training rows may be that of the batch or another.
                    let own = treated as f64 / rows as f64;
                    for (equal, one_representation, share) in [(false, false, 0.01), (true, true, own)] {
                        found.push(Self { rows, treated, positive, equal, one_representation, share });
                    }
                }
            }
        }
        found
    }

    fn summary(&self) -> OutcomeSummary {
        let sd = if self.equal { 0.0 } else { 1.0 };
        OutcomeSummary { treated_share: self.share, nonzero_share: 0.2, sd, ..OutcomeSummary::default() }
    }

    fn batch(&self) -> Batch {
        let row = |place: usize| {
            let size = if self.equal { 1.0 } else { 0.5 + place as f64 };
            let outcome = if place < self.positive { size } else { 0.0 };
            // Treated rows from the end, so that buyers and treated rows meet in some batches only.
            let treated = place + self.treated >= self.rows;
            Labels::row(treated, outcome, if treated { 2.0 * outcome } else { -2.0 * outcome })
        };
        let table: Vec<f32> = (0..self.rows).flat_map(row).collect();
        Batch::new(&Tensor::from_slice(&table).view([1, self.rows as i64, -1]), self.positive)
    }

    fn check(&self, kind: &TermKind, term: &dyn Term, head: &HeadSpec) {
        let rows = self.rows as i64;
        let outputs = Readout::from(head).outputs() as i64;
        let wave = |shape: &[i64], frequency: f64| {
            let count = shape.iter().product::<i64>();
            let values = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * frequency).sin();
            values.view(shape).set_requires_grad(true)
        };
        let representation = match self.one_representation {
            true => Tensor::full([1, rows, 6], 0.3, (Kind::Float, Device::Cpu)).set_requires_grad(true),
            false => wave(&[1, rows, 6], 1.3),
        };
        let inputs = [
            wave(&[1, rows, outputs], 0.7),
            wave(&[1, rows, outputs], 1.1),
            representation,
            wave(&[1, rows], 0.9),
            wave(&[1], 1.0),
        ];
        let loss = value(term, &self.batch(), head, &inputs);
        assert!(loss.double_value(&[0]).is_finite(), "{kind:?}, {head:?}, {self:?}");
        if matches!(kind, TermKind::Sinkhorn(_) | TermKind::Mmd(_)) && [0, self.rows].contains(&self.treated)
        {
            assert_eq!(loss.double_value(&[0]), 0.0, "{kind:?}, {self:?}");
        }
        if loss.requires_grad() {
            loss.sum(None).backward();
        }
        for (place, input) in inputs.iter().enumerate() {
            let gradient = input.grad();
            let finite = !gradient.defined() || gradient.isfinite().all().int64_value(&[]) == 1;
            assert!(finite, "{kind:?}, {head:?}, {self:?}: gradient of input {place}");
        }
    }
}
