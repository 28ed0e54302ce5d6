//! A synthetic experiment: data, predictions and records made in code, without training. Tests of this crate and of those
//! that print what it decides start here.

use super::evidence::{CellEvidence, Evidence, Outcome, RunEvidence};
use rand::Rng;
use std::collections::BTreeMap;
use valor_base::question::{Arms, Question};
use valor_base::seed::Seeds;
use valor_data::DataSpec;
use valor_data::Treatment;
use valor_data::split::SplitSpec;
use valor_learn::evaluation;
use valor_learn::learner::TrainingSpec;
use valor_learn::learner::{MethodSpec, NeuralSpec};
use valor_learn::nets::{BackboneKind, HeadSpec, NetworkSpec};
use valor_runs::record::{
    Divergence, EpochLoss, EvaluationRows, LastFinite, Latency, Measured, Predictions, RECORD_VERSION,
    Record, RowCounts, Status,
};
use valor_runs::spec::{
    Claim, Decision, Experiment, Margin, NamedData, NamedMethod, Over, Pair, RunSpec, Statement,
};
use valor_stats::metrics::{MetricValue, evaluate};
use valor_stats::stats::SeedInterval;

/// What to make.
pub struct Sample {
    /// Test rows.
    pub rows: usize,
    /// Names of the datasets.
    pub datasets: Vec<&'static str>,
    /// Name and backbone of the methods; `+ziln` in a name is a component.
    pub methods: Vec<(&'static str, &'static str)>,
    /// Seeds of every cell.
    pub seeds: Vec<u64>,
    /// Whether true effects and expectations are known.
    pub truth: bool,
    /// Whether every seed has test rows of its own.
    pub split_per_seed: bool,
    /// Metrics of the table.
    pub metrics: Vec<&'static str>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            rows: 400,
            datasets: vec!["b2b-mimic"],
            methods: vec![("TARNet", "tarnet"), ("TARNet +ziln", "tarnet"), ("T-learner", "t-learner")],
            seeds: vec![1, 2, 3],
            truth: true,
            split_per_seed: false,
            metrics: vec!["auuc", "qini", "lift@30", "krcc", "auuc.true", "pehe"],
        }
    }
}

impl Sample {
    /// The evidence: every run finished.
    pub fn evidence(&self) -> Evidence {
        let mut evidence = Evidence {
            experiment: self.experiment(),
            cells: Vec::new(),
            further: Vec::new(),
            evaluations: BTreeMap::new(),
            notes: vec![vec!["A note on these rows.".to_string()]; self.datasets.len()],
            columns: Vec::new(),
            command: "valor report experiments/sample.toml --profile quick".to_string(),
            beside: None,
        };
        for dataset in 0..self.datasets.len() {
            for method in 0..self.methods.len() {
                let runs =
                    self.seeds.iter().map(|seed| self.run(&mut evidence, (dataset, method), *seed)).collect();
                evidence.cells.push(CellEvidence { dataset, method, runs });
            }
        }
        evidence
    }

    fn experiment(&self) -> Experiment {
        let named = |(name, backbone): &(&str, &str)| NamedMethod {
            name: name.to_string(),
            backbone: backbone.to_string(),
            components: name.contains("+ziln").then(|| "ziln".to_string()).into_iter().collect(),
            spec: method(),
        };
        let data = |name: &&str| NamedData {
            name: name.to_string(),
            spec: DataSpec::B2bMimic(Default::default()),
            evaluation: Default::default(),
        };
        Experiment {
            prediction_interval: None,
            segments: Vec::new(),
            reference: None,
            name: "sample".to_string(),
            path: "experiments/sample.toml".into(),
            profile: "quick".to_string(),
            caption: Some("quick: shows that it runs, not evidence".to_string()),
            question: "Which component helps?\n\nAnd how much?".to_string(),
            datasets: self.datasets.iter().map(data).collect(),
            methods: self.methods.iter().map(named).collect(),
            split: SplitSpec { per_seed: self.split_per_seed, ..Default::default() },
            seeds: self.seeds.clone(),
            more: Default::default(),
            interval: SeedInterval::StudentT,
            metrics: self.metrics.iter().map(ToString::to_string).collect(),
            baseline: self.methods[0].0.to_string(),
            tuning: None,
            decision: Decision::silent(&self.metrics.iter().map(ToString::to_string).collect::<Vec<_>>()),
            claims: vec![Claim {
                id: "ziln-helps".to_string(),
                text: "A ZILN head ranks better than a point head.".to_string(),
                source: None,
                family: valor_runs::spec::OWN_CLAIMS.to_string(),
                metric: "auuc.true".to_string(),
                datasets: Vec::new(),
                statement: Statement::Better {
                    pairs: vec![Pair {
                        better: self.methods[self.methods.len() - 1].0.to_string(),
                        than: self.methods[0].0.to_string(),
                    }],
                    over: Over::Each,
                    by: Margin::Absolute(0.0),
                    at_most: None,
                },
            }],
            paper: None,
            beside: None,
        }
    }

    fn run(&self, evidence: &mut Evidence, (dataset, method): (usize, usize), seed: u64) -> RunEvidence {
        let split = if self.split_per_seed { seed } else { 0 };
        let evaluation = format!("{dataset:08x}{split:08x}");
        let draws = Seeds::new(7).at(dataset as u64);
        let rows = evidence
            .evaluations
            .entry(evaluation.clone())
            .or_insert_with(|| evaluation_rows(self.rows, self.truth, &draws.child("rows").at(split)));
        let noise = 1.0 + method as f64 / 2.0;
        let predictions = predict(rows, noise, &draws.child("model").at(method as u64).at(seed));
        let spec = RunSpec {
            science: 1,
            data: evidence.experiment.datasets[dataset].spec.clone(),
            split: evidence.experiment.split.clone(),
            method: self::method(),
            interval: None,
            seed,
        };
        let id = format!("{dataset:04x}{method:04x}{seed:08x}");
        let record = Record {
            version: RECORD_VERSION,
            id: id.clone(),
            spec,
            status: Status::Finished { epochs: 5, kept_epoch: 5 },
            metrics: judge(rows, &predictions, &self.metrics),
            epochs: (1..=5).map(|epoch| epoch_loss(epoch, seed)).collect(),
            evaluation_content: Some(rows.content()),
            evaluation,
            rows: RowCounts { train: 4 * self.rows, validation: 0, test: self.rows },
            notes: Vec::new(),
            fitted: BTreeMap::new(),
            importance: None,
            buckets: None,
            measured: measured(seed),
        };
        RunEvidence {
            seed,
            id,
            outcome: Outcome::Found { record: Box::new(record), predictions: Some(predictions) },
        }
    }
}

/// Turns a finished run into a diverged one.
pub fn diverge(run: &mut RunEvidence) {
    if let Outcome::Found { record, predictions } = &mut run.outcome {
        record.status = Status::Diverged(Divergence {
            epoch: 3,
            step: 17,
            message: "the term 'mse' is not finite".to_string(),
            term: Some("mse".to_string()),
            last: Some(LastFinite { total: 6.02e37, terms: [("mse".to_string(), 6.02e37)].into() }),
        });
        record.metrics.clear();
        record.epochs.truncate(2);
        *predictions = None;
    }
}

// Planted values: methods whose figures of every seed are given, so that tests know what is to be found.

/// A method: name, backbone, components, value by seed; the same on every dataset.
pub type Planted<'a> = (&'static str, &'static str, &'a [&'a str], [f64; 5]);

/// What every method has at the same seed.
pub const NOISE: [f64; 5] = [0.010, -0.012, 0.004, -0.007, 0.005];
const OTHER: [f64; 5] = [-0.004, 0.002, 0.009, -0.001, -0.006];

/// The same noise around this mean as every method has that says nothing else.
pub fn level(mean: f64) -> [f64; 5] {
    NOISE.map(|noise| mean + noise)
}

/// The same seeds with so much noise of its own.
pub fn apart(mean: f64, own: f64) -> [f64; 5] {
    std::array::from_fn(|seed| mean + NOISE[seed] + own * OTHER[seed])
}

/// Runs whose recorded values are planted. Every seed has rows of its own, so that seeds alone decide.
pub fn planted(methods: &[Planted], datasets: &[&'static str], metric: &'static str) -> Evidence {
    let sample = Sample {
        rows: 200,
        datasets: datasets.to_vec(),
        methods: methods.iter().map(|(name, backbone, ..)| (*name, *backbone)).collect(),
        seeds: vec![1, 2, 3, 4, 5],
        split_per_seed: true,
        // What is planted decides, and not what the truth would say of the predictions.
        truth: false,
        metrics: vec![metric],
    };
    let mut evidence = sample.evidence();
    for cell in &mut evidence.cells {
        let (_, _, components, values) = methods[cell.method];
        evidence.experiment.methods[cell.method].components =
            components.iter().map(ToString::to_string).collect();
        cell.runs.iter_mut().zip(values).for_each(|(run, value)| plant(run, metric, value));
    }
    evidence.experiment.claims.clear();
    evidence
}

/// Records a value for a run.
pub fn plant(run: &mut RunEvidence, metric: &str, value: f64) {
    if let Outcome::Found { record, .. } = &mut run.outcome {
        record.metrics.insert(metric.to_string(), MetricValue { value: Some(value), reason: None });
    }
}

/// Four methods beside a baseline: better, worse, the same, too noisy to tell.
pub fn four() -> Evidence {
    let methods: [Planted; 5] = [
        ("base", "tarnet", &[], level(0.3)),
        ("high", "tarnet", &["ziln"], apart(0.35, 0.5)),
        ("low", "tarnet", &["wr"], apart(0.25, 0.5)),
        ("same", "t-learner", &[], apart(0.3005, 0.1)),
        ("noisy", "t-learner", &["ziln"], apart(0.31, 8.0)),
    ];
    planted(&methods, &["world"], "auuc")
}

/// Two backbones that get components one by one.
pub fn chain() -> Vec<Planted<'static>> {
    vec![
        ("T", "tarnet", &[], level(0.30)),
        ("T z", "tarnet", &["ziln"], apart(0.36, 0.3)),
        ("T zw", "tarnet", &["ziln", "wr"], apart(0.38, 0.2)),
        ("T zgw", "tarnet", &["ziln", "gti", "wr"], apart(0.3802, 0.1)),
        ("D", "dragonnet", &[], level(0.20)),
        ("D z", "dragonnet", &["ziln"], apart(0.26, 0.25)),
        ("D zw", "dragonnet", &["ziln", "wr"], apart(0.28, 0.3)),
        ("D zgw", "dragonnet", &["ziln", "gti", "wr"], apart(0.2802, 0.2)),
    ]
}

/// The sample with an average effect of about nothing.
pub fn weak() -> Evidence {
    let metrics = vec!["lift@30", "auuc", "qini"];
    let mut evidence = Sample { rows: 300, metrics, truth: false, ..Default::default() }.evidence();
    evidence.experiment.decision.metrics = vec!["auuc".to_string()];
    for rows in evidence.evaluations.values_mut() {
        // What everybody spends swings with the row, whatever the arm.
        rows.outcome = (0..rows.outcome.len()).map(|row| (row * 37 % 101) as f64).collect();
    }
    for run in evidence.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record.metrics.clear();
        }
    }
    evidence
}

/// The claim that one method is better than another.
pub fn better(better: &str, than: &str, by: Margin, at_most: Option<Margin>) -> Statement {
    let pairs = vec![Pair { better: better.to_string(), than: than.to_string() }];
    Statement::Better { pairs, over: Over::Each, by, at_most }
}

/// No margin.
pub const NONE: Margin = Margin::Absolute(0.0);

fn method() -> MethodSpec {
    MethodSpec::Neural(NeuralSpec {
        network: NetworkSpec {
            backbone: BackboneKind::Tarnet,
            trunk: vec![8],
            heads: vec![4],
            head: HeadSpec::Point,
            gate: None,
            front: Default::default(),
        },
        objective: Vec::new(),
        training: TrainingSpec::default(),
        recalibration: None,
    })
}

fn evaluation_rows(rows: usize, truth: bool, seeds: &Seeds) -> EvaluationRows {
    let mut stream = seeds.stream();
    let mut found = EvaluationRows { row: (0..rows as u32).collect(), ..Default::default() };
    let mut assigned = Vec::new();
    let (mut effect, mut control, mut treated) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rows {
        let (prognosis, gain): (f64, f64) = (stream.random(), stream.random());
        // The average effect is many standard errors from zero even in small samples: shares of it mean something.
        control.push(2.0 + 4.0 * prognosis);
        effect.push(9.0 * gain + 1.0 + 3.0 * prognosis);
        treated.push(control[control.len() - 1] + effect[effect.len() - 1]);
        let arm: bool = stream.random();
        let expected = if arm { treated[treated.len() - 1] } else { control[control.len() - 1] };
        let spent = if stream.random::<f64>() < 0.9 {
            expected / 0.9 * (0.4 + 1.2 * stream.random::<f64>())
        } else {
            0.0
        };
        assigned.push(arm);
        found.outcome.push(spent);
    }
    if truth {
        found.effect = Some(effect);
        found.expected = Some(Arms::Two { control, treated });
    }
    found.treatment = Some(Treatment { assigned, propensity: Some(vec![0.5; rows]) });
    found
}

/// The outcome's pattern plus noise: a model that has learned something.
fn predict(rows: &EvaluationRows, noise: f64, seeds: &Seeds) -> Predictions {
    let mut stream = seeds.stream();
    let (mut score, mut controls, mut treated) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..rows.row.len() {
        let signal = rows.effect.as_ref().map_or(rows.outcome[index] * 0.05, |effect| effect[index]);
        let uplift = signal + noise * 4.0 * (stream.random::<f64>() - 0.5);
        let control = 7.0 + noise * stream.random::<f64>();
        score.push(uplift as f32);
        controls.push(control as f32);
        treated.push((control + uplift) as f32);
    }
    let expected = Arms::Two { control: controls, treated };
    Predictions { score, expected, ..Predictions::none(Question::Uplift) }
}

fn judge(
    rows: &EvaluationRows,
    said: &Predictions,
    metrics: &[&str],
) -> BTreeMap<String, valor_runs::record::MetricValue> {
    let prepared = evaluation::prepare(said, rows, None).expect("what is made in code is sound");
    evaluate(metrics, &prepared).expect("what is made in code is sound")
}

fn epoch_loss(epoch: usize, seed: u64) -> EpochLoss {
    let total = 2.0 / epoch as f64 + 0.02 * seed as f64;
    EpochLoss {
        epoch,
        total: Some(total),
        terms: [("mse".to_string(), Some(total))].into(),
        validation: None,
        watched: Some(0.4 - 0.1 / epoch as f64),
    }
}

fn measured(seed: u64) -> Measured {
    Measured {
        started: "2026-01-01T00:00:00Z".to_string(),
        load_seconds: 0.3,
        train_seconds: 12.5 + seed as f64,
        stack: 3,
        latency: Some(Latency {
            single_median_ms: 0.21,
            single_p95_ms: 0.34,
            batched_ms: 0.0042,
            batch: 512,
        }),
        peak_memory_bytes: 734_003_200,
        device: "cpu".to_string(),
        host: "host".to_string(),
        processor: "A processor".to_string(),
        threads: 1,
        libtorch: "2.11.0".to_string(),
        valor: "0.1.0".to_string(),
        commit: "0123456789abcdef".to_string(),
        ..Default::default()
    }
}
