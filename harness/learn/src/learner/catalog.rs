//! Named methods are compositions: a backbone, and components that each switch one thing on.

mod compose;
mod options;
#[cfg(test)]
mod tests;
mod towers;

pub use compose::{HeadKey, ObjectiveSpec, compose, compose_objective};
pub use options::{DeepFmOptions, MdmeOptions, Options, OrdinalOptions};
pub use towers::{ExpLtvOptions, MmoeOptions, OptDistOptions, TwoStageOptions};

use crate::learner::{MethodSpec, PurchasesSpec, TreesSpec};
use crate::nets::BackboneKind;
use crate::objectives::{PropensitySpec, TargetedSpec, TermKind, TermSpec};
use crate::trees::{ValueGbdtSpec, ValueLoss};
use valor_base::error::choices;
use valor_base::input_error;
use valor_base::question::Question;

/// A backbone as files spell it and as the paper names it.
pub struct BackboneRow {
    /// Key in experiment files.
    pub key: &'static str,
    /// Name in tables.
    pub name: &'static str,
    /// What it is.
    kind: fn(&Options) -> BackboneKind,
    /// Terms that belong to it whatever the outcome loss is.
    terms: fn(&Options) -> Vec<TermSpec>,
    /// The head that it is, with the losses of it; components choose where absent.
    head: Option<HeadKey>,
    /// Weights of RERUM's public code on it: listwise, within-group.
    released: (f64, f64),
}

/// Weights of RERUM's public code on DragonNet.
const RELEASED: (f64, f64) = (10.0, 1e-4);
/// On CFR: the largest of those it lists.
const RELEASED_CFR: (f64, f64) = (0.01, 0.005 / 4096.0);

/// All backbones, in the order of the paper's tables.
pub const BACKBONES: [BackboneRow; 10] = [
    BackboneRow {
        key: "s-learner",
        name: "S-Learner",
        kind: |_| BackboneKind::SLearner,
        terms: |_| Vec::new(),
        head: None,
        released: RELEASED,
    },
    BackboneRow {
        key: "t-learner",
        name: "T-Learner",
        kind: |_| BackboneKind::TLearner,
        terms: |_| Vec::new(),
        head: None,
        released: RELEASED,
    },
    BackboneRow {
        key: "tarnet",
        name: "TARNet",
        kind: |options| tarnet(options, false),
        terms: |_| Vec::new(),
        head: None,
        released: RELEASED,
    },
    BackboneRow {
        key: "dragonnet",
        name: "DragonNet",
        kind: |_| BackboneKind::Dragonnet,
        terms: |options| {
            let targeted = TermKind::Targeted(TargetedSpec::default());
            let targeted =
                (options.targeted_weight > 0.0).then(|| TermSpec::new(options.targeted_weight, targeted));
            [propensity(options)].into_iter().chain(targeted).collect()
        },
        head: None,
        released: RELEASED,
    },
    BackboneRow {
        key: "cfr-wass",
        name: "CFR-WASS",
        kind: |options| tarnet(options, true),
        terms: |options| balance(options, 0.01, TermKind::Sinkhorn(options.sinkhorn.clone())),
        head: None,
        released: RELEASED_CFR,
    },
    BackboneRow {
        key: "cfr-mmd",
        name: "CFR-MMD",
        kind: |options| tarnet(options, true),
        terms: |options| balance(options, 1.0, TermKind::Mmd(options.mmd.clone())),
        head: None,
        released: RELEASED_CFR,
    },
    BackboneRow {
        key: "unite",
        name: "UniTE",
        kind: |options| BackboneKind::Unite(options.unite.clone()),
        terms: |options| {
            vec![TermSpec::new(1.0, TermKind::Robinson(options.robinson.clone())), propensity(options)]
        },
        head: None,
        released: RELEASED,
    },
    BackboneRow {
        key: "euen",
        name: "EUEN",
        kind: |options| BackboneKind::Euen(options.euen.clone()),
        terms: |_| Vec::new(),
        head: None,
        released: RELEASED,
    },
    BackboneRow {
        key: "efin",
        name: "EFIN",
        kind: |options| BackboneKind::Efin(options.efin.clone()),
        terms: |options| vec![propensity(options)],
        head: None,
        released: RELEASED,
    },
    BackboneRow {
        key: "shared-index",
        name: "Shared-Index",
        kind: |options| BackboneKind::SharedIndex(options.shared_index.clone()),
        terms: |_| Vec::new(),
        head: None,
        released: RELEASED,
    },
];

/// Networks for rows of one arm.
pub const ONE_ARM: [BackboneRow; 11] = [
    one_arm("mlp", "MLP", None),
    one_arm("coral", "CORAL", Some(HeadKey::Coral)),
    one_arm("corn", "CORN", Some(HeadKey::Corn)),
    one_arm("or-cnn", "OR-CNN", Some(HeadKey::OrCnn)),
    one_arm("cc-or-net", "CC-OR-Net", Some(HeadKey::CcOr)),
    one_arm("two-stage", "Two-Stage", Some(HeadKey::TwoStage)),
    one_arm("mmoe", "MMOE-FocalLoss", Some(HeadKey::Mmoe)),
    one_arm("exp-ltv", "ExpLTV", Some(HeadKey::ExpLtv)),
    one_arm("opt-dist", "OptDist", Some(HeadKey::OptDist)),
    one_arm("mdme", "MDME", Some(HeadKey::Mdme)),
    BackboneRow {
        kind: |options| BackboneKind::DeepFm(options.deep_fm.spec()),
        terms: |options| vec![TermSpec::new(1.0, TermKind::Parts(options.parts.clone()))],
        ..one_arm("deep-fm", "DeepFM", Some(HeadKey::Point))
    },
];

const fn one_arm(key: &'static str, name: &'static str, head: Option<HeadKey>) -> BackboneRow {
    BackboneRow { key, name, kind: |_| BackboneKind::Mlp, terms: |_| Vec::new(), head, released: RELEASED }
}

/// A method of trees as files spell it and as the paper names it.
pub struct TreesRow {
    /// Key in experiment files, where a backbone's stands.
    pub key: &'static str,
    /// Name in tables.
    pub name: &'static str,
    /// What it is.
    spec: fn(&Options) -> TreesSpec,
}

/// All methods of trees for rows with a treatment.
pub const TREES: [TreesRow; 4] = [
    TreesRow {
        key: "causal-forest",
        name: "Causal Forest",
        spec: |options| TreesSpec::CausalForest(options.causal_forest.clone()),
    },
    TreesRow {
        key: "ziln-forest",
        name: "ZILN-Tree",
        spec: |options| TreesSpec::ZilnForest(options.ziln_forest.clone()),
    },
    TreesRow {
        key: "ziln-gbdt",
        name: "ZILN-GBDT",
        spec: |options| TreesSpec::ZilnGbdt(options.ziln_gbdt.clone()),
    },
    TreesRow {
        key: "uplift-tree",
        name: "Uplift Tree",
        spec: |options| TreesSpec::UpliftTree(options.uplift_tree.clone()),
    },
];

/// Methods of trees for rows of one arm.
pub const ONE_ARM_TREES: [TreesRow; 3] = [
    TreesRow { key: "gbdt", name: "GBDT", spec: |options| gbdt(options, ValueLoss::Squared) },
    TreesRow {
        key: "gbdt-tweedie",
        name: "GBDT (Tweedie)",
        spec: |options| gbdt(options, ValueLoss::Tweedie(options.gbdt_tweedie.clone())),
    },
    TreesRow {
        key: "gbdt-two-stage",
        name: "GBDT (two-stage)",
        spec: |options| gbdt(options, ValueLoss::TwoStage),
    },
];

fn gbdt(options: &Options, loss: ValueLoss) -> TreesSpec {
    TreesSpec::Gbdt(ValueGbdtSpec { loss, trees: options.gbdt.clone() })
}

/// A law of purchases as files spell it.
pub struct PurchasesRow {
    /// Key in experiment files, where a backbone's stands.
    pub key: &'static str,
    /// Name in tables.
    pub name: &'static str,
    /// What it is.
    spec: fn(&Options) -> PurchasesSpec,
}

/// All laws of purchases, for rows of one arm.
pub const PURCHASES: [PurchasesRow; 1] = [PurchasesRow {
    key: "bg-nbd",
    name: "BG/NBD + Gamma-Gamma",
    spec: |options| PurchasesSpec::BgNbd(options.bg_nbd.clone()),
}];

/// What a key among backbones stands for.
pub enum Row {
    /// A network, which takes components and objectives.
    Network(&'static BackboneRow),
    /// Trees, which take neither.
    Trees(&'static TreesRow),
    /// A law of purchases, which takes neither.
    Purchases(&'static PurchasesRow),
}

/// The row called `key`.
pub fn row(key: &str) -> anyhow::Result<Row> {
    if let Some(row) = TREES.iter().chain(&ONE_ARM_TREES).find(|row| row.key == key) {
        return Ok(Row::Trees(row));
    }
    if let Some(row) = PURCHASES.iter().find(|row| row.key == key) {
        return Ok(Row::Purchases(row));
    }
    backbone(key).map(Row::Network)
}

impl BackboneRow {
    /// Whether components and objectives choose its head.
    pub fn chooses_head(&self) -> bool {
        self.head.is_none()
    }
}

impl TreesRow {
    /// The method with its options.
    ///
    /// # Errors
    ///
    /// Input errors that name the key under `model`.
    pub fn method(&self, options: &Options) -> anyhow::Result<MethodSpec> {
        let spec = (self.spec)(options);
        spec.validate().map_err(|error| input_error!("model.{error:#}"))?;
        Ok(MethodSpec::Trees(spec))
    }
}

impl PurchasesRow {
    /// The method with its options.
    ///
    /// # Errors
    ///
    /// Input errors that name the key under `model`.
    pub fn method(&self, options: &Options) -> anyhow::Result<MethodSpec> {
        let spec = (self.spec)(options);
        spec.validate().map_err(|error| input_error!("model.{error:#}"))?;
        Ok(MethodSpec::Purchases(spec))
    }
}

/// TARNet's network, its representation of length 1 or as it is; `usual` is what the backbone does unasked.
fn tarnet(options: &Options, usual: bool) -> BackboneKind {
    if options.normalise.unwrap_or(usual) { BackboneKind::Cfr } else { BackboneKind::Tarnet }
}

fn balance(options: &Options, usual: f64, term: TermKind) -> Vec<TermSpec> {
    vec![TermSpec::new(options.balance_weight.unwrap_or(usual), term)]
}

fn propensity(options: &Options) -> TermSpec {
    TermSpec::new(options.propensity_weight, TermKind::Propensity(PropensitySpec {}))
}

/// The components of VALOR, in the order in which tables name them.
pub const VALOR: [&str; 4] = ["ziln", "focal", "gti", "wr"];

/// All components: VALOR's, RERUM's losses as in its paper or with the weights of its public code, CC-OR-Net's head, losses of
/// long-tailed outcomes, and how columns enter.
pub const COMPONENTS: [&str; 11] = [
    "ziln",
    "focal",
    "gti",
    "wr",
    "rerum",
    "rerum-released",
    "cc-or",
    "log1p",
    "tweedie",
    "embedding",
    "sequence",
];

/// Components that choose the head.
const CHOOSING: [&str; 6] = ["ziln", "rerum", "rerum-released", "cc-or", "log1p", "tweedie"];

/// Components that go with an objective: those that are of the network alone.
pub const BESIDE_OBJECTIVES: [&str; 3] = ["gti", "embedding", "sequence"];

/// The backbone called `key`.
pub fn backbone(key: &str) -> anyhow::Result<&'static BackboneRow> {
    let keys = || [keys(Question::Uplift), keys(Question::Value)].concat();
    BACKBONES
        .iter()
        .chain(&ONE_ARM)
        .find(|row| row.key == key)
        .ok_or_else(|| unknown("backbone", key, keys()))
}

/// Checks components and puts them in table order.
pub fn components(asked: &[String]) -> anyhow::Result<Vec<String>> {
    for (index, name) in asked.iter().enumerate() {
        if !COMPONENTS.contains(&name.as_str()) {
            return Err(unknown("component", name, COMPONENTS.to_vec()));
        }
        if asked[..index].contains(name) {
            return Err(input_error!("component '{name}' is listed twice"));
        }
    }
    if has(asked, "focal") && !has(asked, "ziln") {
        return Err(input_error!(
            "component 'focal' changes the conversion part of the ziln loss: list 'ziln' as well"
        ));
    }
    if has(asked, "ziln") && (has(asked, "rerum") || has(asked, "rerum-released")) && !has(asked, "focal") {
        return Err(input_error!("component 'rerum' has a ziln head of its own: list it without 'ziln'"));
    }
    let choosing = |name: &&str| has(asked, name);
    if let Some(own) = ["cc-or", "log1p", "tweedie"].into_iter().find(choosing)
        && let Some(other) = CHOOSING.into_iter().filter(|other| *other != own).find(choosing)
    {
        return Err(input_error!("components '{own}' and '{other}' each choose the head: list one"));
    }
    if has(asked, "rerum") && has(asked, "rerum-released") {
        return Err(input_error!(
            "components 'rerum' and 'rerum-released' are two settings of one thing: list one"
        ));
    }
    Ok(COMPONENTS.iter().filter(|name| has(asked, name)).map(ToString::to_string).collect())
}

/// What a table calls the composition: `TARNet`, `TARNet +ziln+focal`, `VALOR (TARNet)`, `RERUM (TARNet)`.
pub fn name(backbone: &BackboneRow, components: &[String]) -> String {
    let names: Vec<&str> = components.iter().map(String::as_str).collect();
    match names.as_slice() {
        [] => backbone.name.to_string(),
        all if all == VALOR => format!("VALOR ({})", backbone.name),
        ["rerum"] => format!("RERUM ({})", backbone.name),
        ["rerum-released"] => format!("RERUM-released ({})", backbone.name),
        some => format!("{} +{}", backbone.name, some.join("+")),
    }
}

fn has(components: &[String], name: &str) -> bool {
    components.iter().any(|component| component == name)
}

/// Keys of the networks, trees and laws that answer a question.
pub fn keys(question: Question) -> Vec<&'static str> {
    match question {
        Question::Uplift => {
            BACKBONES.iter().map(|row| row.key).chain(TREES.iter().map(|row| row.key)).collect()
        }
        Question::Value => {
            let networks = ONE_ARM.iter().map(|row| row.key);
            let others = ONE_ARM_TREES.iter().map(|row| row.key).chain(PURCHASES.iter().map(|row| row.key));
            networks.chain(others).collect()
        }
    }
}

fn unknown(what: &str, found: &str, allowed: Vec<&str>) -> anyhow::Error {
    input_error!("{what} '{found}' is not known{}", choices(found, "allowed are", &allowed))
}
