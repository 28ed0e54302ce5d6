//! Claims: statements that the evidence decides, resolved to methods by name.

use super::claim_wire::{ClaimWire, Named, Over};
use super::decision::has_direction;
use super::groups::{backbones, by_components, with_components};
use super::names::{missing, unique};
use super::{Margin, NamedMethod};
use std::collections::BTreeSet;
use valor_base::input_error;
use valor_learn::learner::catalog;
use valor_stats::metrics::{self, Direction};

/// A statement that the evidence decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Unique name.
    pub id: String,
    /// In prose.
    pub text: String,
    /// Whose claim it is; nothing: the experiment's own, stated before its results.
    pub source: Option<String>,
    /// Metric by name.
    pub metric: String,
    /// Datasets by name; all when empty.
    pub datasets: Vec<String>,
    /// What is claimed.
    pub statement: Statement,
}

/// Forms of claims.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// One is better than the other, by at least `by` and at most `at_most`.
    Better {
        /// Who than whom; several on several backbones.
        pairs: Vec<Pair>,
        /// Each of them, or on average.
        over: Over,
        /// Least difference.
        by: Margin,
        /// Largest difference; nothing: no bound.
        at_most: Option<Margin>,
    },
    /// Of the steps of a chain one is a gain, and the largest.
    LargestStep(Vec<Chain>),
    /// The best method of every backbone has a component.
    EveryBestHas {
        /// The component.
        component: String,
        /// One per backbone.
        groups: Vec<Group>,
    },
    /// The standard deviation over seeds of every method on every dataset.
    SpreadAtMost {
        /// In units of the metric.
        limit: f64,
        /// Which methods.
        methods: Vec<String>,
    },
}

impl Statement {
    /// Methods that it compares, by name: those whose seeds decide it one after the other. Standard deviations are judged once.
    pub fn compared(&self) -> BTreeSet<&str> {
        let names: Vec<&String> = match self {
            Self::Better { pairs, .. } => pairs.iter().flat_map(|pair| [&pair.better, &pair.than]).collect(),
            Self::LargestStep(chains) => chains.iter().flat_map(|chain| &chain.methods).collect(),
            Self::EveryBestHas { groups, .. } => {
                groups.iter().flat_map(|group| group.with.iter().chain(&group.without)).collect()
            }
            Self::SpreadAtMost { .. } => Vec::new(),
        };
        names.into_iter().map(String::as_str).collect()
    }
}

/// Two methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The one said to be better.
    pub better: String,
    /// The other.
    pub than: String,
}

/// Methods, each with more than the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Methods by name.
    pub methods: Vec<String>,
    /// The step said to be the largest: from this method to the next.
    pub step: usize,
}

/// Methods of a backbone with and without a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Methods that have it.
    pub with: Vec<String>,
    /// Methods that do not.
    pub without: Vec<String>,
}

/// What claims may name.
pub(super) struct Known<'a> {
    pub datasets: &'a [&'a str],
    pub methods: &'a [NamedMethod],
}

/// Checks a claim and finds its methods. A profile may leave datasets out; a claim may still name them.
pub(super) fn resolve(wire: &ClaimWire, known: &Known) -> anyhow::Result<Claim> {
    let claim = Resolving { wire, known };
    let metric =
        metrics::find(&wire.metric).map_err(|error| input_error!("{}: {error:#}", claim.place("metric")))?;
    if !has_direction(&wire.metric) {
        return Err(input_error!(
            "{}: no value of '{}' is better than another",
            claim.place("metric"),
            metric.name
        ));
    }
    let datasets = wire.dataset.as_ref().map(|dataset| dataset.list()).unwrap_or_default();
    if let Some(unknown) = datasets.iter().find(|name| !known.datasets.contains(&name.as_str())) {
        return Err(missing(&claim.place("dataset"), unknown, known.datasets));
    }
    unique(&claim.place("dataset"), datasets.iter().cloned())?;
    let statement = claim.statement(metric.direction)?;
    let (id, text, source) = (wire.id.clone(), wire.text.clone(), wire.source.clone());
    Ok(Claim { id, text, source, metric: wire.metric.clone(), datasets, statement })
}

struct Resolving<'a> {
    wire: &'a ClaimWire,
    known: &'a Known<'a>,
}

impl Resolving<'_> {
    fn place(&self, key: &str) -> String {
        format!("claim '{}', {key}", self.wire.id)
    }

    fn statement(&self, direction: Direction) -> anyhow::Result<Statement> {
        let wire = self.wire;
        let kinds = [wire.largest_of.is_some(), wire.every_best_has.is_some(), wire.sd_at_most.is_some()];
        if kinds.iter().filter(|kind| **kind).count() > 1 {
            return Err(input_error!(
                "claim '{}': largest-of, every-best-has and sd-at-most are claims of their own; give one of them",
                wire.id
            ));
        }
        match (&wire.largest_of, &wire.every_best_has, wire.sd_at_most) {
            (Some(chain), _, _) => self.largest_step(chain),
            (_, Some(component), _) => self.every_best(component),
            (_, _, Some(limit)) => self.spread(limit),
            (None, None, None) => self.better(direction),
        }
    }

    /// Keys that mean nothing beside this kind of claim.
    fn refuse(&self, kind: &str, keys: &[(&str, bool)]) -> anyhow::Result<()> {
        match keys.iter().find(|(_, given)| *given) {
            Some((key, _)) => {
                Err(input_error!("claim '{}': '{key}' says nothing beside {kind}", self.wire.id))
            }
            None => Ok(()),
        }
    }

    fn better(&self, direction: Direction) -> anyhow::Result<Statement> {
        let wire = self.wire;
        self.refuse("'better' and 'than'", &[("methods", wire.methods.is_some())])?;
        let by = wire.by.unwrap_or(Margin::Absolute(0.0));
        for (key, margin) in [("by", Some(by)), ("at-most", wire.at_most)] {
            self.check_margin(key, margin, direction)?;
        }
        if wire.at_most.is_some_and(|most| most.value() <= by.value() || kind(most) != kind(by)) {
            return Err(input_error!(
                "{}: must be of the same kind as 'by', and larger",
                self.place("at-most")
            ));
        }
        let (better, than) = (self.side("better", &wire.better)?, self.side("than", &wire.than)?);
        let pairs = match (better, than) {
            (Named::Method(better), Named::Method(than)) => {
                self.refuse(
                    "two methods",
                    &[("backbones", wire.backbones.is_some()), ("over", wire.over.is_some())],
                )?;
                vec![Pair { better, than }]
            }
            (Named::Components(better), Named::Components(than)) => {
                let found = self.on_backbones(&[better, than])?;
                found
                    .into_iter()
                    .map(|names| Pair { better: names[0].clone(), than: names[1].clone() })
                    .collect()
            }
            (Named::Method(_), Named::Components(_)) | (Named::Components(_), Named::Method(_)) => {
                return Err(input_error!(
                    "claim '{}': 'better' and 'than' must both be methods, or both lists of components",
                    wire.id
                ));
            }
        };
        Ok(Statement::Better { pairs, over: wire.over.unwrap_or_default(), by, at_most: wire.at_most })
    }

    fn check_margin(&self, key: &str, margin: Option<Margin>, direction: Direction) -> anyhow::Result<()> {
        let Some(margin) = margin else { return Ok(()) };
        if !margin.value().is_finite() {
            return Err(input_error!(
                "{}: found {}; must be a finite number",
                self.place(key),
                margin.text()
            ));
        }
        let ordered = matches!(direction, Direction::Higher | Direction::Lower);
        if matches!(margin, Margin::Share(_)) && !ordered {
            return Err(input_error!(
                "{}: found {}; a share needs a metric of which more or less is better",
                self.place(key),
                margin.text()
            ));
        }
        Ok(())
    }

    /// A named method, checked, or components, in the catalog's order.
    fn side(&self, key: &str, named: &Option<Named>) -> anyhow::Result<Named> {
        let place = self.place(key);
        match named {
            None => Err(input_error!("claim '{}': missing key '{key}'", self.wire.id)),
            Some(Named::Method(name)) => {
                let names = self.names();
                if !names.contains(&name.as_str()) {
                    return Err(missing(&place, name, &names));
                }
                Ok(Named::Method(name.clone()))
            }
            Some(Named::Components(list)) => Ok(Named::Components(self.components(&place, list)?)),
        }
    }

    fn names(&self) -> Vec<&str> {
        self.known.methods.iter().map(|method| method.name.as_str()).collect()
    }

    fn components(&self, place: &str, list: &[String]) -> anyhow::Result<Vec<String>> {
        catalog::components(list).map_err(|error| input_error!("{place}: {error:#}"))
    }

    /// The methods with these sets of components, backbone by backbone: those named, else all that have every set.
    fn on_backbones(&self, sets: &[Vec<String>]) -> anyhow::Result<Vec<Vec<String>>> {
        let methods = self.known.methods;
        let all = backbones(methods);
        let asked: Vec<&str> = match &self.wire.backbones {
            Some(named) => named.iter().map(String::as_str).collect(),
            None => all.clone(),
        };
        let mut found = Vec::new();
        for backbone in asked {
            if !all.contains(&backbone) {
                return Err(missing(&self.place("backbones"), backbone, &all));
            }
            let named: Vec<_> = sets.iter().map(|set| with_components(methods, backbone, set)).collect();
            let absent = named.iter().position(Option::is_none);
            match (absent, &self.wire.backbones) {
                (None, _) => {
                    found.push(named.into_iter().flatten().map(|method| method.name.clone()).collect())
                }
                (Some(_), None) => {}
                (Some(index), Some(_)) => {
                    return Err(input_error!(
                        "{}: '{backbone}' has no method, or several, with components [{}]",
                        self.place("backbones"),
                        sets[index].join(", ")
                    ));
                }
            }
        }
        if found.is_empty() {
            return Err(input_error!(
                "claim '{}': no backbone has methods with all of these components",
                self.wire.id
            ));
        }
        Ok(found)
    }

    fn largest_step(&self, chain: &[Vec<String>]) -> anyhow::Result<Statement> {
        let wire = self.wire;
        self.refuse(
            "'largest-of'",
            &[
                ("by", wire.by.is_some()),
                ("at-most", wire.at_most.is_some()),
                ("over", wire.over.is_some()),
                ("methods", wire.methods.is_some()),
            ],
        )?;
        let place = self.place("largest-of");
        let sets =
            chain.iter().map(|set| self.components(&place, set)).collect::<anyhow::Result<Vec<_>>>()?;
        let ends = (self.side("than", &wire.than)?, self.side("better", &wire.better)?);
        let step = match &ends {
            (Named::Components(from), Named::Components(to)) => {
                sets.windows(2).position(|pair| pair[0] == *from && pair[1] == *to)
            }
            (Named::Method(_), _) | (_, Named::Method(_)) => None,
        };
        let Some(step) = step.filter(|_| sets.len() > 2) else {
            return Err(input_error!(
                "{place}: give at least three lists of components, two of which, in a row, are those of 'than' and 'better'"
            ));
        };
        let chains = self.on_backbones(&sets)?.into_iter().map(|methods| Chain { methods, step });
        Ok(Statement::LargestStep(chains.collect()))
    }

    fn every_best(&self, component: &str) -> anyhow::Result<Statement> {
        let wire = self.wire;
        self.refuse("'every-best-has'", &self.comparing())?;
        self.refuse("'every-best-has'", &[("methods", wire.methods.is_some())])?;
        let place = self.place("every-best-has");
        let known: Vec<&str> = catalog::COMPONENTS.to_vec();
        if !known.contains(&component) {
            return Err(missing(&place, component, &known));
        }
        let all = backbones(self.known.methods);
        let asked = wire
            .backbones
            .as_ref()
            .map_or_else(|| all.clone(), |named| named.iter().map(String::as_str).collect());
        let mut groups = Vec::new();
        for backbone in asked {
            if !all.contains(&backbone) {
                return Err(missing(&self.place("backbones"), backbone, &all));
            }
            let own = by_components(self.known.methods, backbone);
            let part = |has: bool| -> Vec<String> {
                let chosen =
                    own.iter().filter(|method| method.components.iter().any(|one| one == component) == has);
                chosen.map(|method| method.name.clone()).collect()
            };
            let group = Group { with: part(true), without: part(false) };
            if !group.with.is_empty() && !group.without.is_empty() {
                groups.push(group);
            }
        }
        if groups.is_empty() {
            return Err(input_error!("{place}: no backbone has methods with and without '{component}'"));
        }
        Ok(Statement::EveryBestHas { component: component.to_string(), groups })
    }

    fn spread(&self, limit: f64) -> anyhow::Result<Statement> {
        self.refuse("'sd-at-most'", &self.comparing())?;
        self.refuse("'sd-at-most'", &[("backbones", self.wire.backbones.is_some())])?;
        if !(limit.is_finite() && limit > 0.0) {
            return Err(input_error!(
                "{}: found {limit}; must be a number above 0",
                self.place("sd-at-most")
            ));
        }
        let names = self.names();
        let methods = match &self.wire.methods {
            None => names.iter().map(ToString::to_string).collect(),
            Some(asked) => {
                if let Some(unknown) = asked.iter().find(|name| !names.contains(&name.as_str())) {
                    return Err(missing(&self.place("methods"), unknown, &names));
                }
                asked.clone()
            }
        };
        Ok(Statement::SpreadAtMost { limit, methods })
    }

    /// Keys of comparisons.
    fn comparing(&self) -> [(&'static str, bool); 5] {
        let wire = self.wire;
        [
            ("better", wire.better.is_some()),
            ("than", wire.than.is_some()),
            ("by", wire.by.is_some()),
            ("at-most", wire.at_most.is_some()),
            ("over", wire.over.is_some()),
        ]
    }
}

fn kind(margin: Margin) -> bool {
    matches!(margin, Margin::Share(_))
}
