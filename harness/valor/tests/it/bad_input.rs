//! A bad experiment file or option ends with exit code 2 and a message that names the file or option, the key, what was
//! found and what is allowed, and changes nothing.

use crate::workspace::{EXPERIMENT, Workspace};

const RUN: &str = "run experiments/small.toml --results results";
const CLAIM: &str = r#"
[[claim]]
id = "first"
text = "Components help."
better = "VALOR (TARNet)"
than = "TARNet"
metric = "auuc"
"#;

/// The small experiment with one text replaced is refused.
fn refused(from: &str, to: &str, parts: &[&str]) {
    assert!(EXPERIMENT.contains(from), "{from}");
    let parts: Vec<&str> = ["experiments/small.toml"].into_iter().chain(parts.iter().copied()).collect();
    Workspace::with(&EXPERIMENT.replacen(from, to, 1)).refuse(RUN, &parts);
}

/// The small experiment with more text at its end, which begins in line 21, is refused.
fn added(text: &str, parts: &[&str]) {
    refused("batch = 64\n", &format!("batch = 64\n{text}"), parts);
}

/// The small experiment is refused with this option.
fn option(option: &str, parts: &[&str]) {
    Workspace::new().refuse(&format!("{RUN} {option}"), parts);
}

#[test]
fn unknown_keys() {
    let epoch = ["'epoch'", "'epochs'", "'batch'", "did you mean 'epochs'?"];
    let at = |line| [&[line], &epoch[..]].concat();
    refused("epochs = 2", "epoch = 2", &at("line 19: 'epoch = 2'"));
    added("[profile.quick.training]\nepoch = 2", &at("line 22"));
    added("[[method]]\nbackbone = \"tarnet\"\n[method.training]\nepoch = 3", &at("line 24"));
    refused("[training]", "[trainings]", &["line 18", "'trainings'", "did you mean 'training'?"]);
    refused("rows = 600", "row = 600", &["line 8", "'row'", "did you mean 'rows'?"]);
    refused("name = ", "nam = ", &["line 7", "'nam'", "did you mean 'name'?"]);
    refused("backbones", "backbone", &["line 11", "did you mean 'backbones'?"]);
    added("[profile.quick]\nrow = 3", &["line 22", "'row'", "did you mean 'rows'?"]);
    added("[[method]]\nbackbon = \"tarnet\"", &["line 22", "'backbon'", "did you mean 'backbone'?"]);
    added("[split]\ntst = 0.5", &["line 22", "'tst'", "did you mean 'test'?"]);
    added("[model.ranking]\nscor = \"log-ratio\"", &["line 22", "'scor'", "did you mean 'score'?"]);
    added(&format!("{CLAIM}datset = \"mimic\""), &["'datset'", "did you mean 'dataset'?"]);
    added("[profile.quick.profile.inner]\nrows = 3", &["profile 'quick'", "cannot hold profiles"]);
}

#[test]
fn forests() {
    let forest = |more: &str| format!("[[method]]\nbackbone = \"ziln-forest\"\n{more}");
    let alone = ["'ziln-forest'", "takes neither components nor objectives"];
    added(&forest("components = [\"ziln\"]"), &alone);
    refused("\"tarnet\"", "\"tarnet\", \"ziln-forest\"", &alone);
    added(
        &forest("model.ziln-forest.trees = 0"),
        &["ZILN-Tree: model.ziln-forest.trees: found 0", "1 to 100000"],
    );
    added(&forest("model.ziln-forest.tree = 5"), &["'tree'", "did you mean 'trees'?"]);
    added(
        &forest("model.ziln-forest.columns = \"some\""),
        &["\"all\", \"root\", \"grf\" or a number above 0"],
    );
    let causal =
        |more: &str| format!("[[method]]\nbackbone = \"causal-forest\"\nmodel.causal-forest = {{ {more} }}");
    added(
        &causal("trees = 21"),
        &["causal-forest.trees: found 21", "multiple of causal-forest.little-bag = 4"],
    );
    added(&causal("preset = \"grv\""), &["grv", "grf"]);
    refused("\"tarnet\"", "\"ziln-forrest\"", &["did you mean 'ziln-forest'?"]);
}

#[test]
fn unknown_names() {
    refused("\"focal\"", "\"vocal\"", &["'vocal'", "did you mean 'focal'?"]);
    refused("\"tarnet\"", "\"tarnett\"", &["'tarnett'", "t-learner, tarnet", "did you mean 'tarnet'?"]);
    refused("\"krcc\"", "\"krc\"", &["unknown metric 'krc'", "allowed are n,", "did you mean 'krcc'?"]);
    refused("seeds", "baseline = \"TARnet\"\nseeds", &["baseline: 'TARnet'", "VALOR (TARNet)"]);
    refused("seeds", "datasets = [\"mimi\"]\nseeds", &["datasets: 'mimi'", "did you mean 'mimic'?"]);
    let profile = ["small.toml", "profile 'quik'", "did you mean 'quick'?"];
    Workspace::with(&format!("{EXPERIMENT}[profile.quick]\nrows = 500"))
        .refuse(&format!("{RUN} --profile quik"), &profile);
    refused("heads = [4]", "gate = \"feature\"", &["line 16", "'feature'", "did you mean 'features'?"]);
}

#[test]
fn claims_about_what_is_not_there() {
    let wrong = |from: &str, to: &str, parts: &[&str]| added(&CLAIM.replacen(from, to, 1), parts);
    wrong("\"auuc\"", "\"auu\"", &["claim 'first', metric", "'auu'", "allowed are", "did you mean 'auuc'?"]);
    wrong("\"VALOR (", "\"VALR (", &["claim 'first', better", "'VALR (TARNet)'", "there are TARNet, VALOR"]);
    wrong("\"TARNet\"", "\"DragonNet\"", &["claim 'first', than", "'DragonNet'", "there are TARNet"]);
    wrong("metric = \"auuc\"", "", &["small.toml", "claim 'first'", "missing key 'metric'"]);
    let worded = |key: &str| format!("metric = \"auuc\"\n{key}");
    wrong("metric = \"auuc\"", &worded("dataset = \"mimc\""), &["claim 'first', dataset", "'mimc'", "mimic"]);
    wrong("metric = \"auuc\"", &worded("by = inf"), &["claim 'first', by", "inf", "finite"]);
    added(&format!("{CLAIM}{CLAIM}"), &["claim: 'first'", "twice"]);
}

#[test]
fn values_out_of_range() {
    refused("epochs = 2", "epochs = 0", &["training.epochs", "found 0", "1 or more"]);
    refused("epochs = 2", "epochs = \"two\"", &["line 19: 'epochs = \"two\"'", "\"two\"", "a whole number"]);
    refused("epochs = 2", "epochs = -2", &["line 19", "'-2'", "0 or more"]);
    refused("batch = 64", "batch = 1", &["training.batch", "found 1", "2 or more"]);
    refused("batch = 64", "learning-rate = nan", &["training.learning-rate", "NaN", "above 0"]);
    refused("batch = 64", "clip = -1.0", &["training.clip", "found -1", "0 or more"]);
    refused("rows = 600", "rows = 0", &["dataset 'mimic'", "rows = 0", "from 1"]);
    refused("rows = 600", "rows = 600, rho = 1.5", &["dataset 'mimic'", "rho = 1.5", "from -1 to 1"]);
    refused("trunk = [8]", "trunk = [0]", &["model.trunk", "found width 0", "1 to"]);
    refused("trunk = [8]", "ranking-weight = -0.1", &["model.ranking-weight", "found -0.1", "0 or more"]);
    refused("[1, 2]", "[]", &["seeds", "empty"]);
    refused("[1, 2]", "[7, 7]", &["seeds", "'7'", "twice"]);
    refused("[1, 2]", "-1", &["line 3: 'seeds = -1'", "list of seeds"]);
    refused("[1, 2]", "0", &["seeds", "found 0", "1 to 1000"]);
    refused("[\"auuc\", \"krcc\"]", "[]", &["metrics", "empty"]);
    added("[split]\ntest = 1.0", &["split: test = 1", "below 1"]);
    added("[split]\nvalidation = 0.9", &["split: validation = 0.9", "1 - test = 0.8"]);
    added("[split]\nby = \"group\"", &["split: by = 'group'", "no groups"]);
}

#[test]
fn impossible_combinations() {
    refused("[[], ", "[[\"wr\"], ", &["log-ratio", "point head", "'ziln'", "set ranking.score"]);
    refused("[[], ", "[[\"focal\"], ", &["'focal'", "list 'ziln'"]);
    refused("[[], ", "[[\"gti\", \"gti\"], ", &["'gti'", "twice"]);
    refused("batch = 64", "batch = 481", &["b2b-mimic", "training.batch", "found 481", "480 training rows"]);
    refused("batch = 64", "batch = 64\npatience = 1", &["training.patience", "validation rows"]);
    refused("[model]", "exclude = [{ backbone = \"tarnet\" }]\n[model]", &["no methods", "excluded"]);
    added("[[method]]\nbackbone = \"tarnet\"", &["method: 'TARNet'", "twice"]);
    refused("b2b-mimic = { rows = 600 }", "", &["dataset 'mimic'", "found 0 sources", "b2b-mimic"]);
    refused("{ rows = 600 }", "{}\nvalor-release = {}", &["dataset 'mimic'", "found 2 sources"]);
}

#[test]
fn options() {
    option("--nope", &["--nope"]);
    option("--device gpu", &["--device gpu", "allowed are auto, cpu, cuda"]);
    option("--device cuda:99", &["--device cuda:99", "CUDA devices"]);
    option("--workers 0", &["--workers 0", "from 1"]);
    option("--workers two", &["'two'", "--workers"]);
    option("--set training.epoch=3", &["small.toml", "--set training.epoch=3", "did you mean 'epochs'?"]);
    option("--set training.epochs=three", &["--set training.epochs=three", "a whole number"]);
    option("--set training", &["--set training", "key=value"]);
    option("--set dataset.3.name=x", &["--set dataset.3.name=x", "a list of 1"]);
    option("--set profile.quick.rows=3", &["--set profile.quick.rows=3"]);
}

#[test]
fn cuda_without_a_gpu() {
    let workspace = Workspace::new();
    let words = format!("{RUN} --device cuda");
    let mut command = workspace.command(&words);
    command.env("CUDA_VISIBLE_DEVICES", "");
    workspace.refuse_command(command, &words, &["--device cuda", "found 0 CUDA devices", "valor doctor"]);
}

#[test]
fn experiment_files_that_cannot_be_read() {
    let absent = "run experiments/absent.toml --results results";
    Workspace::new().refuse(absent, &["experiments/absent.toml", "No such file"]);
    let misspelt = "run experiments/smal.toml --results results";
    Workspace::new().refuse(misspelt, &["experiments/smal.toml", "No such file", "did you mean 'small'?"]);
    Workspace::new().refuse("run experiments --results results", &["experiments", "directory"]);
    Workspace::with("").refuse(RUN, &["small.toml", "no methods", "[grid]"]);
    Workspace::with("question = \"cut").refuse(RUN, &["small.toml", "line 1"]);
    refused("seeds = [1, 2]", "seeds = [1,, 2]", &["line 3: 'seeds = [1,, 2]'"]);
    refused("epochs = 2", "epochs = 2\nepochs = 3", &["line 20: 'epochs = 3'", "duplicate"]);
    let workspace = Workspace::new();
    workspace.write("experiments/small.toml", b"question = \"\xff\"");
    workspace.refuse(RUN, &["small.toml", "UTF-8"]);
}

#[test]
fn folders_that_cannot_be_written() {
    let workspace = Workspace::new();
    workspace.write("results", "a file, not a folder");
    workspace.refuse(RUN, &["results folder results cannot be written"]);
    let workspace = Workspace::new();
    let run = |folder: &str| format!("run experiments/small.toml --results {folder}");
    let below_a_file = "experiments/small.toml/results";
    workspace.refuse(&run(below_a_file), &[below_a_file, "cannot be written"]);
    workspace.refuse(&run("/proc/valor/results"), &["/proc/valor/results", "cannot be written"]);
    let report = |folder: &str| format!("report experiments/small.toml --out {folder}");
    workspace.refuse(&report(below_a_file), &[below_a_file, "cannot be written"]);
    workspace.refuse(&report("/proc/valor"), &["/proc/valor", "cannot be written"]);
}

#[test]
fn bad_input_loses_nothing() {
    let workspace = Workspace::new();
    workspace.succeed(RUN);
    assert_eq!(workspace.records("results").len(), 4);
    for set in ["training.batch=481", "dataset.0.b2b-mimic.rows=0", "training.patience=1", "grid.nope=1"] {
        workspace.refuse(&format!("{RUN} --set {set}"), &["small.toml"]);
    }
    workspace.refuse(&format!("{RUN} --workers 0"), &["--workers 0"]);
}
