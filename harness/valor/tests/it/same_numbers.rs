//! A record is a function of its spec: neither workers nor threads nor the other seeds of a stack change a number.

use crate::workspace::{Snapshot, Workspace, assert_same, json, unmeasured};
use std::path::Path;
use std::sync::OnceLock;
use valor_data::b2b_mimic::B2bMimicSpec;
use valor_data::encode::{Encoder, Encoding};
use valor_data::{DataSpec, load};
use valor_learn::learner::catalog::{self, Options};
use valor_learn::learner::{Context, Device, MethodSpec, Replicate, Task, TrainingSpec, device, fit};

/// Sizes that are no multiples of anything, so that no batch and no stack is aligned by chance.
const ODD: &str = r#"
seeds = 5
metrics = ["auuc"]

[[dataset]]
name = "mimic"
b2b-mimic = { rows = 731 }

[grid]
backbones = ["t-learner", "tarnet"]
components = [[], ["ziln"], ["ziln", "focal", "gti", "wr"]]

[split]
validation = 0.1

[model]
trunk = [19]
heads = [7]

[training]
epochs = 2
batch = 50
patience = 1
"#;
const RUN: &str = "run experiments/small.toml --results results --device cpu";

/// A workspace in which the experiment has run, with these options and that many threads of each kind.
fn run(options: &str, threads: &str) -> Workspace {
    let workspace = Workspace::with(ODD);
    let mut command = workspace.command(&format!("{RUN} {options}"));
    for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
        command.env(name, threads);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    workspace
}

fn reference() -> &'static Workspace {
    static REFERENCE: OnceLock<Workspace> = OnceLock::new();
    REFERENCE.get_or_init(|| run("--workers 1", "1"))
}

/// Files of rows and predictions, by their path within the workspace.
fn rows(workspace: &Workspace) -> Snapshot {
    let root = workspace.path("");
    let files = workspace.snapshot("results").into_iter();
    let files = files.filter(|(path, _)| path.extension().is_some_and(|extension| extension == "parquet"));
    files.map(|(path, content)| (path.strip_prefix(&root).unwrap().to_owned(), content)).collect()
}

/// That every run of one is in the other, byte by byte outside `measured`.
fn assert_contained(part: &Workspace, whole: &Workspace) {
    let mut records = whole.unmeasured_records();
    let asked = part.unmeasured_records();
    records.as_object_mut().unwrap().retain(|name, _| asked.get(name).is_some());
    assert_same(&asked, &records);
    let all = rows(whole);
    for (path, content) in rows(part) {
        assert!(all.get(&path) == Some(&content), "{} differs", path.display());
    }
}

#[test]
fn workers_and_threads_change_nothing() {
    let (one, two) = (reference(), run("--workers 2", "2"));
    assert_eq!(one.records("results").len(), 30);
    assert_contained(&two, one);
    assert_contained(one, &two);
    assert_same(&one.summary(), &two.summary());
}

#[test]
fn a_seed_alone_is_as_in_a_stack_of_five() {
    let alone = run("--set seeds=[43]", "2");
    assert_eq!(alone.records("results").len(), 6);
    assert_contained(&alone, reference());
}

#[test]
fn threads_change_nothing_in_a_report() {
    let report = |threads: &str| {
        let out = format!("reports/{threads}");
        let words = format!("report experiments/small.toml --results results --out {out}");
        let output = reference().command(&words).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        reference().path(&out)
    };
    let (one, two) = (report("1"), report("2"));
    let summary = |folder: &Path| unmeasured(&json(&folder.join("summary.json")));
    assert_same(&summary(&one), &summary(&two));
    for file in ["table.md", "table.tex", "table.csv"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(&one) == read(&two), "{file} differs");
    }
}

/// What each seed gives when all train in one stack: 12 epochs of 25 steps.
fn stack(method: &MethodSpec, seeds: &[u64]) -> Vec<Replicate> {
    let source = DataSpec::B2bMimic(B2bMimicSpec { rows: 2_000, ..B2bMimicSpec::default() });
    let rows = load(&source, Path::new("")).unwrap();
    let train: Vec<u32> = (0..1_571).collect();
    let test: Vec<u32> = (1_571..2_000).collect();
    let features = Encoder::fit(&rows, &train, Encoding::Standard).encode(&rows).unwrap();
    let task = Task {
        features: &features,
        kinds: &[],
        columns: &[],
        treatment: rows.treatment.as_ref(),
        outcome: &rows.outcome,
        origin: None,
        train: &train,
        validation: &[],
        test: &test,
        time: None,
        interval: None,
    };
    let context = Context { device: Device::Cpu, progress: &mut |_, _| {} };
    fit(method, &task, seeds, context).unwrap().replicates
}

fn method(backbone: &str, components: &[&str]) -> MethodSpec {
    let components: Vec<String> = components.iter().map(ToString::to_string).collect();
    let options = Options { trunk: vec![45, 33], heads: vec![21], ..Options::default() };
    let training = TrainingSpec { epochs: 12, batch: 63, ..TrainingSpec::default() };
    catalog::compose(catalog::backbone(backbone).unwrap(), &components, &options, &training).unwrap()
}

#[test]
fn three_hundred_steps_are_the_same_alone_and_in_a_stack() {
    device::fix_threads();
    let seeds = [42, 43, 44, 45, 46];
    for backbone in ["t-learner", "tarnet"] {
        for components in [&[][..], &["ziln", "focal", "gti", "wr"]] {
            let method = method(backbone, components);
            let together = stack(&method, &seeds);
            assert_ne!(together[0].predictions, together[1].predictions);
            for place in [0, 1, 4] {
                let alone = stack(&method, &seeds[place..=place]);
                assert!(alone[0] == together[place], "{backbone} {components:?}, seed {}", seeds[place]);
            }
        }
    }
}
