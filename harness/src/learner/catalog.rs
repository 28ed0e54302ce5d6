//! Named methods are compositions: a backbone, and components that each switch one thing on.

use super::{MethodSpec, NeuralSpec, TrainingSpec};
use crate::error::did_you_mean;
use crate::input_error;
use crate::nets::{BackboneKind, GatePosition, HeadSpec, NetworkSpec};
use crate::objectives::{FocalZilnSpec, MseSpec, RankingSpec, TermKind, TermSpec, ZilnSpec};
use serde::{Deserialize, Serialize};

/// A backbone as files spell it and as the paper names it.
pub struct BackboneRow {
    /// Key in experiment files.
    pub key: &'static str,
    /// Name in tables.
    pub name: &'static str,
    /// What it is.
    pub kind: BackboneKind,
}

/// All backbones, in the order of the paper's tables.
pub const BACKBONES: [BackboneRow; 2] = [
    BackboneRow { key: "t-learner", name: "T-Learner", kind: BackboneKind::TLearner },
    BackboneRow { key: "tarnet", name: "TARNet", kind: BackboneKind::Tarnet },
];

/// The components of VALOR, in the order in which tables name them.
pub const COMPONENTS: [&str; 4] = ["ziln", "focal", "gti", "wr"];

/// Options of the parts that a method may be composed of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// Widths of the representation's layers.
    pub trunk: Vec<usize>,
    /// Widths of each arm's hidden layers.
    pub heads: Vec<usize>,
    /// Whether a ziln head's expectation has the term `sigma^2/2`.
    pub sigma_term: bool,
    /// Where the gate stands.
    pub gate: GatePosition,
    /// Options of the focal conversion loss.
    pub focal: FocalZilnSpec,
    /// Weight of the ranking loss; 0 or more.
    pub ranking_weight: f64,
    /// Options of the ranking loss.
    pub ranking: RankingSpec,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trunk: vec![256, 256],
            heads: vec![128, 128],
            sigma_term: true,
            gate: GatePosition::Representation,
            focal: FocalZilnSpec::default(),
            ranking_weight: 0.1,
            ranking: RankingSpec::default(),
        }
    }
}

/// The backbone called `key`.
pub fn backbone(key: &str) -> anyhow::Result<&'static BackboneRow> {
    BACKBONES.iter().find(|row| row.key == key).ok_or_else(|| unknown("backbone", key, keys()))
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
    Ok(COMPONENTS.iter().filter(|name| has(asked, name)).map(ToString::to_string).collect())
}

/// What a table calls the composition: `TARNet`, `TARNet +ziln+focal`, `VALOR (TARNet)`.
pub fn name(backbone: &BackboneRow, components: &[String]) -> String {
    match components.len() {
        0 => backbone.name.to_string(),
        4 => format!("VALOR ({})", backbone.name),
        _ => format!("{} +{}", backbone.name, components.join("+")),
    }
}

/// The composition itself. What a method does not use is not in it, so that it changes no identity.
pub fn compose(
    backbone: &BackboneRow,
    components: &[String],
    options: &Options,
    training: &TrainingSpec,
) -> anyhow::Result<MethodSpec> {
    options.validate()?;
    training.validate()?;
    let ziln = has(components, "ziln");
    let head = if ziln { HeadSpec::Ziln { sigma_term: options.sigma_term } } else { HeadSpec::Point };
    let outcome = match (ziln, has(components, "focal")) {
        (false, _) => TermKind::Mse(MseSpec {}),
        (true, false) => TermKind::Ziln(ZilnSpec {}),
        (true, true) => TermKind::FocalZiln(options.focal.clone()),
    };
    let mut objective = vec![TermSpec { weight: 1.0, term: outcome }];
    if has(components, "wr") {
        let term = TermKind::Ranking(options.ranking.clone());
        objective.push(TermSpec { weight: options.ranking_weight, term });
    }
    let network = NetworkSpec {
        backbone: backbone.kind,
        trunk: options.trunk.clone(),
        heads: options.heads.clone(),
        gate: has(components, "gti").then_some(options.gate),
        head,
    };
    let spec = NeuralSpec { network, objective, training: training.clone() };
    spec.check_terms()?;
    Ok(MethodSpec::Neural(spec))
}

impl Options {
    fn validate(&self) -> anyhow::Result<()> {
        for (key, widths) in [("trunk", &self.trunk), ("heads", &self.heads)] {
            if let Some(width) = widths.iter().find(|&&width| width == 0 || width > 65_536) {
                return Err(input_error!("model.{key}: found width {width}; allowed are 1 to 65536"));
            }
        }
        if !(self.ranking_weight >= 0.0 && self.ranking_weight.is_finite()) {
            return Err(input_error!(
                "model.ranking-weight: found {}; must be 0 or more",
                self.ranking_weight
            ));
        }
        self.focal.validate()?;
        self.ranking.validate()
    }
}

fn has(components: &[String], name: &str) -> bool {
    components.iter().any(|component| component == name)
}

fn keys() -> Vec<&'static str> {
    BACKBONES.iter().map(|row| row.key).collect()
}

fn unknown(what: &str, found: &str, allowed: Vec<&str>) -> anyhow::Error {
    let hint = did_you_mean(found, allowed.iter().copied());
    input_error!("{what} '{found}' is not known; allowed are {}{hint}", allowed.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn spec(list: &[&str], options: &Options) -> anyhow::Result<MethodSpec> {
        let components = components(&names(list))?;
        compose(backbone("tarnet")?, &components, options, &TrainingSpec::default())
    }

    #[test]
    fn compositions_are_named_as_in_the_paper() {
        let tarnet = backbone("tarnet").unwrap();
        let called = |list: &[&str]| name(tarnet, &components(&names(list)).unwrap());
        assert_eq!(called(&[]), "TARNet");
        assert_eq!(called(&["focal", "ziln"]), "TARNet +ziln+focal");
        assert_eq!(called(&["wr", "gti", "focal", "ziln"]), "VALOR (TARNet)");
    }

    #[test]
    fn options_that_a_method_does_not_use_are_not_in_it() {
        let other = Options { ranking_weight: 9.0, ..Options::default() };
        assert_eq!(spec(&["ziln"], &Options::default()).unwrap(), spec(&["ziln"], &other).unwrap());
        assert_ne!(
            spec(&["ziln", "wr"], &Options::default()).unwrap(),
            spec(&["ziln", "wr"], &other).unwrap()
        );
    }

    #[test]
    fn impossible_compositions_are_refused() {
        let refused = |list: &[&str], options: &Options| spec(list, options).unwrap_err().to_string();
        assert!(refused(&["focal"], &Options::default()).contains("list 'ziln' as well"));
        assert!(refused(&["zlin"], &Options::default()).contains("did you mean 'ziln'?"));
        assert!(refused(&["wr"], &Options::default()).contains("needs a ziln head"));
        assert!(spec(&["ziln", "wr"], &Options::default()).is_ok());
    }
}
