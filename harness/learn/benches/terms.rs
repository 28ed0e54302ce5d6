//! Milliseconds of each registered term: loss and gradient by what the network says, on a batch of 512.
//!
//! `cargo bench --bench terms -- [threads]` prints medians of 20 passes, for one replicate and for five. A term is timed by
//! being in the registry; options that change the work are listed here.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench times, prints and may panic"
)]

use rand::Rng;
use std::time::Instant;
use tch::Tensor;
use valor_base::seed::Seeds;
use valor_learn::nets::{
    Abilities, BackboneKind, BucketSpec, CcOrSpec, Decoding, ExpLtvSpec, HeadSpec, Log1pSpec, MdmeSpec,
    OptDistSpec, OrdinalKind, OrdinalSpec, OutcomeSummary, Outputs, Parts, Readout, TowersSpec, TwoStageSpec,
};
use valor_learn::objectives::{Batch, Labels, Prediction, Setting, TermKind};

const BATCH: usize = 512;
const WIDTH: i64 = 256;
const PASSES: usize = 20;
/// Share of the rows that buy.
const BUYERS: f64 = 0.18;
const OPTIONS: [&str; 7] = [
    r#"{"ranking": {"weight": "rank-difference"}}"#,
    r#"{"ranking": {"link": {"hinge": {"margin": 0.1}}}}"#,
    r#"{"sinkhorn": {"through-plan": true}}"#,
    r#"{"sinkhorn": {"dummy": false, "debiased": true}}"#,
    r#"{"mmd": {"kernel": "linear"}}"#,
    r#"{"listwise": {"over": "arm"}}"#,
    r#"{"robinson": {"detach": false}}"#,
];

fn main() {
    let threads = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1);
    // As workers run, before the first product.
    // SAFETY: no other thread has been started.
    unsafe { std::env::set_var("MKL_CBWR", "AUTO,STRICT") };
    tch::set_num_threads(threads);
    println!("{threads} thread(s), batch {BATCH}, representation {WIDTH}, ms per forward and backward pass");
    println!("{:<56}{:>8}{:>8}", "term", "x1", "x5");
    let options = OPTIONS.map(|options| (serde_json::from_str(options).unwrap(), options.to_string()));
    let registered = TermKind::all().into_iter().map(|term| (term.clone(), term.name().to_string()));
    for (term, name) in registered.chain(options) {
        let times = [1, 5].map(|replicates| milliseconds(&term, replicates));
        println!("{name:<56}{:>8.2}{:>8.2}", times[0], times[1]);
    }
}

/// The median pass.
fn milliseconds(kind: &TermKind, replicates: i64) -> f64 {
    let backbone = BackboneKind::Dragonnet;
    let summary =
        OutcomeSummary { sd: 30.0, nonzero_share: BUYERS, treated_share: 0.5, ..OutcomeSummary::default() };
    let (name, question) = (backbone.name(), backbone.question());
    let abilities = Abilities { parts: true, ..backbone.abilities() };
    let setting = |head: &HeadSpec| Setting {
        head: head.clone(),
        backbone: name,
        question,
        abilities,
        summary: summary.clone(),
        batch: BATCH,
    };
    let built = |head: HeadSpec| kind.build(&setting(&head)).ok().map(|term| (head, term));
    let (head, term) = heads().into_iter().find_map(built).unwrap();
    let head = Readout::from(&head);
    let batch = batch(replicates);
    let mut times: Vec<f64> = (0..PASSES)
        .map(|_| {
            let outputs = outputs(replicates, head.outputs() as i64);
            let start = Instant::now();
            term.loss(&batch, &Prediction::new(&head, &outputs)).sum(None).backward();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[PASSES / 2]
}

/// A term is looked at with the first that suits it.
fn heads() -> Vec<HeadSpec> {
    let ordinal = |kind| {
        HeadSpec::Ordinal(OrdinalSpec { kind, buckets: BucketSpec::default(), decoding: Decoding::Soft })
    };
    let of_buckets =
        [ordinal(OrdinalKind::Coral), ordinal(OrdinalKind::Softmax), HeadSpec::CcOr(CcOrSpec::default())];
    let others = [HeadSpec::Log1p(Log1pSpec::default()), HeadSpec::Mdme(MdmeSpec::default())];
    let of_towers = [
        TowersSpec::TwoStage(TwoStageSpec::default()),
        TowersSpec::ExpLtv(ExpLtvSpec::default()),
        TowersSpec::OptDist(OptDistSpec::default()),
    ];
    let of_towers = of_towers.map(HeadSpec::Towers);
    [HeadSpec::Ziln { sigma_term: true }]
        .into_iter()
        .chain(of_buckets)
        .chain(of_towers)
        .chain(others)
        .collect()
}

/// As many buyers in every replicate, first.
fn batch(replicates: i64) -> Batch {
    let mut stream = Seeds::new(1).stream();
    let buyers = (BATCH as f64 * BUYERS) as usize;
    let rows = (0..replicates as usize * BATCH).flat_map(|row| {
        let treated = stream.random_bool(0.5);
        let spent = if row % BATCH < buyers { stream.random_range(0.0f64..5.0).exp() } else { 0.0 };
        Labels::row(treated, spent, if treated { 2.0 * spent } else { -2.0 * spent })
    });
    let table = Tensor::from_slice(&rows.collect::<Vec<f32>>());
    Batch::new(&table.view([replicates, BATCH as i64, Labels::COLUMNS as i64]), buyers)
}

/// All that a network may say.
fn outputs(replicates: i64, width: i64) -> Outputs {
    let rows = BATCH as i64;
    let leaf = |seed: u64, shape: &[i64]| {
        let mut stream = Seeds::new(seed).stream();
        let values = (0..shape.iter().product()).map(|_: i64| stream.random_range(-1.7f32..1.7));
        Tensor::from_slice(&values.collect::<Vec<f32>>()).view(shape).set_requires_grad(true)
    };
    let parts = Parts {
        interactions: leaf(6, &[replicates, rows]),
        deep: leaf(7, &[replicates, rows]),
        penalty: leaf(8, &[replicates]),
    };
    Outputs {
        parts: Some(parts),
        representation: Some(leaf(3, &[replicates, rows, WIDTH])),
        propensity: Some(leaf(4, &[replicates, rows])),
        epsilon: Some(leaf(5, &[replicates])),
        ..Outputs::new(leaf(1, &[replicates, rows, width]), leaf(2, &[replicates, rows, width]))
    }
}
