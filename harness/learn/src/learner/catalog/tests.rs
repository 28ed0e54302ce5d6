//! Names, identities and refusals of compositions.

use super::*;
use crate::learner::{MethodSpec, TrainingSpec};
use crate::nets::{Decoding, HeadSpec};

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

fn spec(key: &str, list: &[&str], options: &Options) -> anyhow::Result<MethodSpec> {
    compose(backbone(key)?, &components(&names(list))?, options, &TrainingSpec::default())
}

fn terms(key: &str, list: &[&str]) -> Vec<String> {
    let MethodSpec::Neural(spec) = spec(key, list, &Options::default()).unwrap() else { panic!() };
    spec.objective.iter().map(|term| term.term.name().to_string()).collect()
}

#[test]
fn compositions_are_named_as_in_the_paper() {
    let tarnet = backbone("tarnet").unwrap();
    let called = |list: &[&str]| name(tarnet, &components(&names(list)).unwrap());
    assert_eq!(called(&[]), "TARNet");
    assert_eq!(called(&["focal", "ziln"]), "TARNet +ziln+focal");
    assert_eq!(called(&["wr", "gti", "focal", "ziln"]), "VALOR (TARNet)");
    assert_eq!(called(&["rerum"]), "RERUM (TARNet)");
    assert_eq!(called(&["rerum-released"]), "RERUM-released (TARNet)");
}

#[test]
fn backbones_bring_their_own_terms() {
    assert_eq!(terms("tarnet", &[]), ["mse"]);
    assert_eq!(terms("dragonnet", &[]), ["mse", "propensity", "targeted"]);
    assert_eq!(terms("cfr-wass", &["ziln", "focal", "wr"]), ["focal-ziln", "sinkhorn", "ranking"]);
    assert_eq!(terms("unite", &[]), ["marginal", "robinson", "propensity"]);
    assert_eq!(terms("unite", &["ziln"]), ["ziln", "robinson", "propensity"]);
    assert_eq!(terms("cfr-mmd", &["rerum"]), ["ziln", "mmd", "within-group", "cross-group", "listwise"]);
    assert_eq!(terms("euen", &["rerum-released"]), ["ziln", "listwise", "within-group"]);
}

#[test]
fn every_backbone_takes_every_component() {
    for row in &BACKBONES {
        for list in [&["ziln"][..], &["ziln", "focal", "gti", "wr"], &["rerum"], &["rerum-released"]] {
            spec(row.key, list, &Options::default()).unwrap_or_else(|error| panic!("{}: {error}", row.key));
        }
    }
}

#[test]
fn networks_of_one_arm_take_losses_of_the_outcome_alone() {
    assert_eq!(terms("mlp", &[]), ["mse"]);
    assert_eq!(terms("mlp", &["ziln"]), ["ziln"]);
    assert_eq!(terms("mlp", &["ziln", "focal"]), ["focal-ziln"]);
    for (list, words) in [
        (&["ziln", "wr"][..], "term 'ranking' needs a backbone that learns from rows with a treatment"),
        (&["gti"], "leave 'gti' out"),
        (&["rerum"], "needs a backbone that learns from rows with a treatment"),
    ] {
        let error = spec("mlp", list, &Options::default()).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn heads_of_buckets_bring_their_losses() {
    assert_eq!(terms("coral", &[]), ["exceedance"]);
    assert_eq!(terms("or-cnn", &[]), ["exceedance"]);
    assert_eq!(terms("corn", &[]), ["cascade"]);
    let whole = ["cascade", "distillation", "bucket-residual", "whales"];
    assert_eq!(terms("cc-or-net", &[]), whole);
    assert_eq!(terms("tarnet", &["cc-or"]), whole);
    assert_eq!(terms("cfr-wass", &["cc-or", "gti"])[4..], ["sinkhorn"]);
    let with = |text: &str| {
        let options: Options = serde_json::from_str(text).unwrap();
        let MethodSpec::Neural(spec) = spec("cc-or-net", &[], &options).unwrap() else { panic!() };
        spec
    };
    let parts = r#"{"cc-or": {"structure": "softmax", "distillation": "none", "augmentation": "none"}}"#;
    let names: Vec<&str> = with(parts).objective.iter().map(|term| term.term.name()).collect();
    assert_eq!(names, ["bucket-likelihood", "bucket-residual"]);
    // What a part that is left out would have used changes no identity.
    let unused = r#"{"cc-or": {"augmentation": "none", "noise": 0.7}, "whales": {"gamma": 1.0}}"#;
    assert_eq!(with(unused), with(r#"{"cc-or": {"augmentation": "none"}}"#));
}

#[test]
fn losses_of_long_tails_choose_the_head_and_rows_of_their_own_bring_theirs() {
    let network = |key: &str, list: &[&str], text: &str| {
        let options: Options = serde_json::from_str(text).unwrap();
        let MethodSpec::Neural(spec) = spec(key, list, &options).unwrap() else { panic!() };
        spec.network
    };
    assert_eq!(terms("mlp", &["log1p"]), ["log1p"]);
    assert_eq!(terms("mlp", &["tweedie"]), ["tweedie"]);
    assert_eq!(terms("unite", &["tweedie"])[0], "tweedie");
    assert_eq!(terms("mdme", &[]), ["sub-distributions"]);
    assert_eq!(terms("deep-fm", &[]), ["mse", "parts"]);
    assert_eq!(network("mlp", &["tweedie"], "{}").head, HeadSpec::Log);
    assert_eq!(network("mlp", &["log1p"], "{}").head.name(), "log1p");
    let deep = network("deep-fm", &[], "{}");
    assert_eq!((deep.trunk, deep.heads), (vec![256, 256, 128, 128], vec![]));
    let authors = r#"{"deep-fm": {"widths": [400, 300, 200]}, "mdme": {"widths": [300, 200]}}"#;
    assert_eq!(network("deep-fm", &[], authors).trunk, [400, 300, 200]);
    assert_eq!(network("mdme", &[], authors).heads, [300, 200]);
    // What others use of it changes nothing of them.
    assert_eq!(network("mlp", &[], authors), network("mlp", &[], "{}"));
    for (key, list, options, words) in [
        (
            "mlp",
            &["log1p", "tweedie"][..],
            "{}",
            "components 'log1p' and 'tweedie' each choose the head: list one",
        ),
        ("mlp", &["ziln", "log1p"], "{}", "components 'log1p' and 'ziln' each choose the head: list one"),
        ("deep-fm", &["ziln"], "{}", "deep-fm has a point head of its own: leave 'ziln' out"),
        ("mdme", &["log1p"], "{}", "mdme has a mdme head of its own: leave 'log1p' out"),
        ("mlp", &["log1p"], r#"{"log1p": {"unit": 0.0}}"#, "model.log1p.unit: found 0; must be above 0"),
        (
            "mlp",
            &["tweedie"],
            r#"{"tweedie": {"power": 2.0}}"#,
            "model.tweedie.power: found 2; must be inside (1, 2)",
        ),
        ("mdme", &[], r#"{"mdme": {"distributions": 0}}"#, "model.mdme.distributions: found 0"),
        ("mdme", &[], r#"{"mdme": {"widths": [0]}}"#, "model.mdme.widths: found width 0"),
        (
            "mdme",
            &[],
            r#"{"sub-distributions": {"temperature": 0.0}}"#,
            "model.sub-distributions.temperature: found 0",
        ),
        ("deep-fm", &[], r#"{"deep-fm": {"rank": 0}}"#, "model.deep-fm.rank: found 0"),
        ("deep-fm", &[], r#"{"parts": {"balance": -1.0}}"#, "model.parts.balance: found -1"),
    ] {
        let options: Options = serde_json::from_str(options).unwrap();
        let method = components(&names(list))
            .and_then(|list| compose(backbone(key)?, &list, &options, &TrainingSpec::default()));
        let error = method.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn heads_of_towers_bring_their_losses() {
    let made = |key: &str, text: &str| {
        let options: Options = serde_json::from_str(text).unwrap();
        let MethodSpec::Neural(spec) = spec(key, &[], &options).unwrap() else { panic!() };
        spec
    };
    let weighted = |key: &str, text: &str| {
        let spec = made(key, text);
        let terms = spec.objective.iter().map(|term| format!("{} {}", term.weight, term.term.name()));
        terms.collect::<Vec<String>>().join(", ")
    };
    assert_eq!(weighted("two-stage", "{}"), "1 purchase, 1 buyers");
    assert_eq!(weighted("mmoe", "{}"), "0.3 focal-purchase, 0.7 buyers");
    assert_eq!(weighted("exp-ltv", "{}"), "10 mixed-ziln, 1 whale-detection, 1 purchase");
    assert_eq!(weighted("opt-dist", "{}"), "1 chosen-ziln, 1 alignment");
    let authors =
        r#"{"opt-dist": {"alignment-weight": 0.1, "diversity-weight": 0.05, "selection": "argmax"}}"#;
    assert_eq!(weighted("opt-dist", authors), "1 chosen-ziln, 0.1 alignment, 0.05 diversity");
    // What a method does not use changes no identity of it.
    assert_eq!(made("two-stage", authors), made("two-stage", "{}"));
    for (key, options, words) in [
        ("mmoe", r#"{"mmoe": {"widths": []}}"#, "model.mmoe.widths: the list is empty"),
        ("mmoe", r#"{"mmoe": {"alpha": 0.0}}"#, "model.mmoe.alpha: found 0"),
        ("opt-dist", r#"{"opt-dist": {"laws": 1}}"#, "model.opt-dist.laws"),
        ("opt-dist", r#"{"opt-dist": {"temperature": 0.0}}"#, "model.opt-dist.temperature: found 0"),
        ("exp-ltv", r#"{"exp-ltv": {"value-weight": -1.0}}"#, "model.exp-ltv.value-weight: found -1"),
        (
            "exp-ltv",
            r#"{"exp-ltv": {"buckets": {"quantiles": [2.0]}}}"#,
            "model.exp-ltv.buckets.quantiles: found 2",
        ),
    ] {
        let options: Options = serde_json::from_str(options).unwrap();
        let error = spec(key, &[], &options).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = spec("opt-dist", &["ziln"], &Options::default()).unwrap_err().to_string();
    assert!(error.contains("opt-dist has a opt-dist head of its own: leave 'ziln' out"), "{error}");
}

#[test]
fn arms_are_compared_by_expectations() {
    let decoding = |key: &str, list: &[&str]| {
        let MethodSpec::Neural(spec) = spec(key, list, &Options::default()).unwrap() else { panic!() };
        match spec.network.head {
            HeadSpec::CcOr(spec) => spec.decoding,
            _ => panic!(),
        }
    };
    assert_eq!(decoding("cc-or-net", &[]), Decoding::Hard);
    assert_eq!(decoding("tarnet", &["cc-or"]), Decoding::Soft);
}

#[test]
fn a_head_of_buckets_is_refused_where_it_does_not_fit() {
    let refused = |key: &str, list: &[&str], text: &str| {
        let options: Options = serde_json::from_str(text).unwrap();
        let method = components(&names(list))
            .and_then(|list| compose(backbone(key)?, &list, &options, &TrainingSpec::default()));
        method.unwrap_err().to_string()
    };
    for (key, list, options, words) in [
        ("coral", &["ziln"][..], "{}", "coral has a coral head of its own: leave 'ziln' out"),
        ("cc-or-net", &["cc-or"], "{}", "cc-or-net has a cc-or head of its own: leave 'cc-or' out"),
        ("tarnet", &["cc-or", "ziln"], "{}", "components 'cc-or' and 'ziln' each choose the head: list one"),
        ("euen", &["cc-or"], "{}", "a cc-or head needs a backbone whose arms have outputs of their own"),
        ("tarnet", &["cc-or", "wr"], "{}", "found a cc-or head"),
        (
            "corn",
            &[],
            r#"{"ordinal": {"buckets": {"quantiles": [1.5]}}}"#,
            "model.corn.buckets.quantiles: found 1.5; must be inside (0, 1)",
        ),
        ("cc-or-net", &[], r#"{"cc-or": {"noise": -1.0}}"#, "model.cc-or.noise: found -1"),
        (
            "cc-or-net",
            &[],
            r#"{"distillation": {"temperature": 0.0}}"#,
            "temperature: found 0; must be above 0",
        ),
    ] {
        let error = refused(key, list, options);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn balance_has_a_weight_of_its_own_unless_one_is_given() {
    let weight = |key: &str, options: &Options| {
        let MethodSpec::Neural(spec) = spec(key, &["ziln"], options).unwrap() else { panic!() };
        (spec.network.backbone, spec.objective[1].weight)
    };
    let plain = Options::default();
    assert_eq!(weight("cfr-wass", &plain), (BackboneKind::Cfr, 0.01));
    assert_eq!(weight("cfr-mmd", &plain), (BackboneKind::Cfr, 1.0));
    let other = Options { normalise: Some(false), balance_weight: Some(3.0), ..Options::default() };
    assert_eq!(weight("cfr-wass", &other), (BackboneKind::Tarnet, 3.0));
}

#[test]
fn a_representation_has_length_1_where_asked_for_or_usual() {
    let network = |key: &str, normalise: Option<bool>| {
        let options = Options { normalise, ..Options::default() };
        let MethodSpec::Neural(spec) = spec(key, &[], &options).unwrap() else { panic!() };
        spec.network.backbone
    };
    for (key, usual) in
        [("tarnet", BackboneKind::Tarnet), ("cfr-wass", BackboneKind::Cfr), ("cfr-mmd", BackboneKind::Cfr)]
    {
        assert_eq!(network(key, None), usual, "{key}");
        assert_eq!(network(key, Some(true)), BackboneKind::Cfr, "{key}");
        assert_eq!(network(key, Some(false)), BackboneKind::Tarnet, "{key}");
    }
    // Other backbones have no such option, so that it changes no identity of theirs.
    for row in BACKBONES.iter().filter(|row| !["tarnet", "cfr-wass", "cfr-mmd"].contains(&row.key)) {
        assert_eq!(network(row.key, Some(true)), network(row.key, None), "{}", row.key);
    }
    let plain = serde_json::to_string(&spec("tarnet", &[], &Options::default()).unwrap()).unwrap();
    assert!(plain.contains(r#""backbone":"tarnet""#) && !plain.contains("normalise"), "{plain}");
}

#[test]
fn options_that_a_method_does_not_use_are_not_in_it() {
    let other = Options { ranking_weight: 9.0, balance_weight: Some(9.0), ..Options::default() };
    let same = |list: &[&str]| {
        spec("tarnet", list, &Options::default()).unwrap() == spec("tarnet", list, &other).unwrap()
    };
    assert!(same(&["ziln"]));
    assert!(!same(&["ziln", "wr"]));
}

#[test]
fn impossible_compositions_are_refused() {
    let refused =
        |key: &str, list: &[&str], options: &Options| spec(key, list, options).unwrap_err().to_string();
    let plain = Options::default();
    assert!(refused("tarnet", &["focal"], &plain).contains("list 'ziln' as well"));
    assert!(refused("tarnet", &["zlin"], &plain).contains("did you mean 'ziln'?"));
    assert!(refused("tarnet", &["wr"], &plain).contains("needs a ziln"));
    assert!(refused("tarnet", &["rerum", "rerum-released"], &plain).contains("list one"));
    assert!(refused("unite", &["gti"], &plain).contains("list 'ziln' as well"));
    let wrong = Options { balance_weight: Some(-1.0), ..Options::default() };
    assert!(refused("cfr-mmd", &[], &wrong).starts_with("model.balance-weight: found -1"));
}
