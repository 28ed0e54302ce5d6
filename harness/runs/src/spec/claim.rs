//! Claims: statements that the evidence decides, resolved to methods by name.

use super::claim_wire::{ClaimWire, FailingSeeds, LatencyOf, Named, OneOrMore, Over};
use super::decision::has_direction;
use super::groups::{backbones, by_components, with_components};
use super::names::{missing, unique};
use super::{Margin, NamedMethod};
use std::collections::BTreeSet;
use valor_base::input_error;
use valor_learn::learner::catalog;
use valor_stats::metrics::{self, Direction};

/// What stands in the place of a metric where a claim is about times of scoring.
pub const LATENCY: &str = "latency";
/// What stands in the place of a metric where a claim is about seeds that fail to converge.
pub const FAILED_SEEDS: &str = "failed seeds";
/// What stands there where a claim holds when other claims hold.
pub const OTHER_CLAIMS: &str = "other claims";

/// A statement that the evidence decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// Unique name.
    pub id: String,
    /// In prose.
    pub text: String,
    /// Whose claim it is; nothing: the experiment's own, stated before its results.
    pub source: Option<String>,
    /// Claims that are corrected for each other.
    pub family: String,
    /// Metric by name; [`LATENCY`], [`FAILED_SEEDS`] or [`OTHER_CLAIMS`] where the claim is about these.
    pub metric: String,
    /// Datasets by name; all when empty.
    pub datasets: Vec<String>,
    /// What is claimed.
    pub statement: Statement,
}

/// The family of the experiment's own claims, unless they name one.
pub const OWN_CLAIMS: &str = "own claims";

/// Whose claims belong together where none says: the experiment's own, and those of each source, which is what stands before the first
/// comma of `source`.
pub fn usual_family(source: Option<&str>) -> String {
    match source.map(|source| source.split(',').next().unwrap_or(source).trim()) {
        None => OWN_CLAIMS.to_string(),
        Some(source) => format!("claims of {source}"),
    }
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
    /// The mean of the metric of every one of these methods.
    MeanAtMost {
        /// In units of the metric.
        limit: f64,
        /// Which methods.
        methods: Vec<String>,
    },
    /// Of two methods the one that is better in the metric is better in the other one too.
    OrdersAs {
        /// The other metric.
        other: String,
        /// Kendall's tau-b of the two orders of the methods lies above this.
        tau_above: f64,
        /// Which methods.
        methods: Vec<String>,
    },
    /// One scores a row so many times as fast as another: a fact of the machine.
    Faster {
        /// The one said to be faster.
        faster: String,
        /// The other.
        than: String,
        /// Which time per row.
        latency: LatencyOf,
        /// At least so many times.
        times: f64,
        /// At most so many times; nothing: no bound.
        at_most: Option<f64>,
    },
    /// Seeds of every one of these methods fail to converge.
    Fails {
        /// Which methods.
        methods: Vec<String>,
        /// How many seeds of each.
        seeds: FailingSeeds,
    },
    /// All of these claims hold, by their ids; none of them is of this form.
    AllOf(Vec<String>),
}

impl Claim {
    /// The registered metrics that it is about.
    pub fn metrics(&self) -> Vec<&String> {
        match &self.statement {
            Statement::Better { .. }
            | Statement::LargestStep(_)
            | Statement::EveryBestHas { .. }
            | Statement::SpreadAtMost { .. }
            | Statement::MeanAtMost { .. } => vec![&self.metric],
            Statement::OrdersAs { other, .. } => vec![&self.metric, other],
            Statement::Faster { .. } | Statement::Fails { .. } | Statement::AllOf(_) => Vec::new(),
        }
    }
}

impl Statement {
    /// Other claims that it rests on, by id.
    pub fn rests_on(&self) -> &[String] {
        match self {
            Self::AllOf(claims) => claims,
            Self::Better { .. }
            | Self::LargestStep(_)
            | Self::EveryBestHas { .. }
            | Self::SpreadAtMost { .. }
            | Self::MeanAtMost { .. }
            | Self::OrdersAs { .. }
            | Self::Faster { .. }
            | Self::Fails { .. } => &[],
        }
    }

    /// Methods that it compares, by name: those whose seeds decide it one after the other. Nothing where it is
    /// judged once: standard deviations, means of single methods, orders, times, failures and other claims.
    pub fn compared(&self) -> BTreeSet<&str> {
        let names: Vec<&String> = match self {
            Self::Better { pairs, .. } => pairs.iter().flat_map(|pair| [&pair.better, &pair.than]).collect(),
            Self::LargestStep(chains) => chains.iter().flat_map(|chain| &chain.methods).collect(),
            Self::EveryBestHas { groups, .. } => {
                groups.iter().flat_map(|group| group.with.iter().chain(&group.without)).collect()
            }
            Self::SpreadAtMost { .. }
            | Self::MeanAtMost { .. }
            | Self::OrdersAs { .. }
            | Self::Faster { .. }
            | Self::Fails { .. }
            | Self::AllOf(_) => Vec::new(),
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
    /// Claims that are about methods, by id.
    pub claims: &'a [&'a str],
}

/// Checks a claim and finds its methods. A profile may leave datasets out; a claim may still name them.
pub(super) fn resolve(wire: &ClaimWire, known: &Known) -> anyhow::Result<Claim> {
    let claim = Resolving { wire, known };
    let datasets = wire.dataset.as_ref().map(|dataset| dataset.list()).unwrap_or_default();
    if let Some(unknown) = datasets.iter().find(|name| !known.datasets.contains(&name.as_str())) {
        return Err(missing(&claim.place("dataset"), unknown, known.datasets));
    }
    unique(&claim.place("dataset"), datasets.iter().cloned())?;
    let (metric, statement) = claim.statement()?;
    let (id, text, source) = (wire.id.clone(), wire.text.clone(), wire.source.clone());
    let family = match wire.family.as_deref().map(str::trim) {
        Some("") => return Err(input_error!("{}: found no text; give a name", claim.place("family"))),
        Some(name) => name.to_string(),
        None => usual_family(source.as_deref()),
    };
    Ok(Claim { id, text, source, family, metric, datasets, statement })
}

/// One side of a comparison, checked.
enum Side {
    /// A method.
    Method(String),
    /// Methods, each of which is compared with.
    Methods(Vec<String>),
    /// A set of components, in the catalog's order.
    Components(Vec<String>),
}

struct Resolving<'a> {
    wire: &'a ClaimWire,
    known: &'a Known<'a>,
}

impl Resolving<'_> {
    fn place(&self, key: &str) -> String {
        format!("claim '{}', {key}", self.wire.id)
    }

    /// What it is about, and what it says.
    fn statement(&self) -> anyhow::Result<(String, Statement)> {
        let wire = self.wire;
        let kinds = [
            ("largest-of", wire.largest_of.is_some()),
            ("every-best-has", wire.every_best_has.is_some()),
            ("sd-at-most", wire.sd_at_most.is_some()),
            ("mean-at-most", wire.mean_at_most.is_some()),
            ("orders-as", wire.orders_as.is_some()),
            ("faster", wire.faster.is_some()),
            ("fails", wire.fails.is_some()),
            ("all-of", wire.all_of.is_some()),
        ];
        let mut given = kinds.iter().filter(|(_, given)| *given).map(|(key, _)| *key);
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            return Err(input_error!(
                "claim '{}': '{first}' and '{second}' are claims of their own; give one of them",
                wire.id
            ));
        }
        self.refuse_keys_of_others()?;
        if let Some(faster) = &wire.faster {
            return Ok((LATENCY.to_string(), self.faster(faster)?));
        }
        if let Some(methods) = &wire.fails {
            return Ok((FAILED_SEEDS.to_string(), self.fails(methods)?));
        }
        if let Some(claims) = &wire.all_of {
            return Ok((OTHER_CLAIMS.to_string(), self.all_of(claims)?));
        }
        let metrics = wire.metric.as_ref().map(OneOrMore::list).unwrap_or_default();
        // A list of several is a claim for each by now.
        let Some(name) = metrics.first() else {
            return Err(input_error!("claim '{}': missing key 'metric'", wire.id));
        };
        let direction = self.direction("metric", name)?;
        let statement = match (&wire.largest_of, &wire.every_best_has, &wire.orders_as) {
            (Some(chain), _, _) => self.largest_step(chain),
            (_, Some(component), _) => self.every_best(component),
            (_, _, Some(other)) => self.orders_as(other),
            (None, None, None) => match (wire.sd_at_most, wire.mean_at_most) {
                (Some(limit), _) => self.spread(limit),
                (None, Some(limit)) => self.mean(limit),
                (None, None) => self.better(direction),
            },
        };
        Ok((name.clone(), statement?))
    }

    /// The direction of a metric of which some values are better.
    fn direction(&self, key: &str, name: &str) -> anyhow::Result<Direction> {
        let metric = metrics::find(name).map_err(|error| input_error!("{}: {error:#}", self.place(key)))?;
        if !has_direction(name) {
            return Err(input_error!(
                "{}: no value of '{}' is better than another",
                self.place(key),
                metric.name
            ));
        }
        Ok(metric.direction)
    }

    /// Keys that belong to one kind of claim.
    fn refuse_keys_of_others(&self) -> anyhow::Result<()> {
        let wire = self.wire;
        let keys = [
            ("tau-above", wire.tau_above.is_some(), "orders-as", wire.orders_as.is_some()),
            ("times", wire.times.is_some(), "faster", wire.faster.is_some()),
            ("latency", wire.latency.is_some(), "faster", wire.faster.is_some()),
            ("seeds", wire.seeds.is_some(), "fails", wire.fails.is_some()),
        ];
        match keys.into_iter().find(|(_, given, _, beside)| *given && !beside) {
            Some((key, _, kind, _)) => {
                Err(input_error!("claim '{}': '{key}' stands beside '{kind}' only", wire.id))
            }
            None => Ok(()),
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
        let better = self.side("better", &wire.better)?;
        let than = match (&better, &wire.than) {
            (Side::Method(_), Some(Named::List(names))) => {
                unique(&self.place("than"), names.iter().cloned())?;
                Side::Methods(self.known_methods("than", names)?)
            }
            (Side::Method(_) | Side::Methods(_) | Side::Components(_), _) => self.side("than", &wire.than)?,
        };
        let pairs = match (better, than) {
            (Side::Method(better), Side::Method(than)) => {
                self.refuse(
                    "two methods",
                    &[("backbones", wire.backbones.is_some()), ("over", wire.over.is_some())],
                )?;
                vec![Pair { better, than }]
            }
            (Side::Method(better), Side::Methods(thans)) => {
                self.refuse("methods", &[("backbones", wire.backbones.is_some())])?;
                thans.into_iter().map(|than| Pair { better: better.clone(), than }).collect()
            }
            (Side::Components(better), Side::Components(than)) => {
                let found = self.on_backbones(&[better, than])?;
                found
                    .into_iter()
                    .map(|names| Pair { better: names[0].clone(), than: names[1].clone() })
                    .collect()
            }
            (Side::Methods(_), _)
            | (Side::Method(_), Side::Components(_))
            | (Side::Components(_), Side::Method(_) | Side::Methods(_)) => {
                return Err(input_error!(
                    "claim '{}': 'better' and 'than' must both be methods, or both lists of components; beside one method in 'better' \
                     'than' may be a list of methods",
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
    fn side(&self, key: &str, named: &Option<Named>) -> anyhow::Result<Side> {
        let place = self.place(key);
        match named {
            None => Err(input_error!("claim '{}': missing key '{key}'", self.wire.id)),
            Some(Named::Method(name)) => {
                let names = self.names();
                if !names.contains(&name.as_str()) {
                    return Err(missing(&place, name, &names));
                }
                Ok(Side::Method(name.clone()))
            }
            Some(Named::List(list)) => Ok(Side::Components(self.components(&place, list)?)),
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
            (Side::Components(from), Side::Components(to)) => {
                sets.windows(2).position(|pair| pair[0] == *from && pair[1] == *to)
            }
            (Side::Method(_) | Side::Methods(_), _) | (_, Side::Method(_) | Side::Methods(_)) => None,
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
        Ok(Statement::SpreadAtMost { limit, methods: self.methods()? })
    }

    /// Those of `methods`, else all.
    fn methods(&self) -> anyhow::Result<Vec<String>> {
        match &self.wire.methods {
            None => Ok(self.names().iter().map(ToString::to_string).collect()),
            Some(asked) => self.known_methods("methods", asked),
        }
    }

    fn known_methods(&self, key: &str, asked: &[String]) -> anyhow::Result<Vec<String>> {
        let names = self.names();
        if let Some(unknown) = asked.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(missing(&self.place(key), unknown, &names));
        }
        if asked.is_empty() {
            return Err(input_error!("{}: the list is empty; name at least one method", self.place(key)));
        }
        Ok(asked.to_vec())
    }

    fn mean(&self, limit: f64) -> anyhow::Result<Statement> {
        self.refuse("'mean-at-most'", &self.comparing())?;
        self.refuse("'mean-at-most'", &[("backbones", self.wire.backbones.is_some())])?;
        if !limit.is_finite() {
            return Err(input_error!(
                "{}: found {limit}; must be a finite number",
                self.place("mean-at-most")
            ));
        }
        Ok(Statement::MeanAtMost { limit, methods: self.methods()? })
    }

    fn orders_as(&self, other: &str) -> anyhow::Result<Statement> {
        self.refuse("'orders-as'", &self.comparing())?;
        self.refuse("'orders-as'", &[("backbones", self.wire.backbones.is_some())])?;
        self.direction("orders-as", other)?;
        let tau_above = self.wire.tau_above.unwrap_or(0.0);
        if !(-1.0..1.0).contains(&tau_above) {
            return Err(input_error!(
                "{}: found {tau_above}; must be -1 or more and below 1",
                self.place("tau-above")
            ));
        }
        let methods = self.methods()?;
        if methods.len() < 3 {
            return Err(input_error!(
                "{}: found {} methods; an order needs at least 3",
                self.place("methods"),
                methods.len()
            ));
        }
        Ok(Statement::OrdersAs { other: other.to_string(), tau_above, methods })
    }

    fn faster(&self, faster: &str) -> anyhow::Result<Statement> {
        let wire = self.wire;
        self.refuse(
            "'faster'",
            &[
                ("metric", wire.metric.is_some()),
                ("better", wire.better.is_some()),
                ("by", wire.by.is_some()),
                ("over", wire.over.is_some()),
                ("backbones", wire.backbones.is_some()),
                ("methods", wire.methods.is_some()),
            ],
        )?;
        let than = match &wire.than {
            Some(Named::Method(name)) => name,
            Some(Named::List(_)) | None => {
                return Err(input_error!("{}: give the name of a method", self.place("than")));
            }
        };
        self.known_methods("faster", &[faster.to_string()])?;
        self.known_methods("than", std::slice::from_ref(than))?;
        let times = wire.times.unwrap_or(1.0);
        if !(times.is_finite() && times > 0.0) {
            return Err(input_error!("{}: found {times}; must be a number above 0", self.place("times")));
        }
        let at_most = match wire.at_most {
            None => None,
            Some(Margin::Absolute(most)) if most.is_finite() && most > times => Some(most),
            Some(margin) => {
                return Err(input_error!(
                    "{}: found {}; beside 'faster' it is a number of times, above 'times'",
                    self.place("at-most"),
                    margin.text()
                ));
            }
        };
        let (faster, than, latency) = (faster.to_string(), than.clone(), wire.latency.unwrap_or_default());
        Ok(Statement::Faster { faster, than, latency, times, at_most })
    }

    fn fails(&self, methods: &[String]) -> anyhow::Result<Statement> {
        let wire = self.wire;
        self.refuse("'fails'", &self.comparing())?;
        self.refuse(
            "'fails'",
            &[
                ("metric", wire.metric.is_some()),
                ("backbones", wire.backbones.is_some()),
                ("methods", wire.methods.is_some()),
            ],
        )?;
        let seeds = wire.seeds.unwrap_or(FailingSeeds::AtLeast(1));
        if seeds == FailingSeeds::AtLeast(0) {
            return Err(input_error!("{}: found 0; must be 1 or more", self.place("seeds")));
        }
        Ok(Statement::Fails { methods: self.known_methods("fails", methods)?, seeds })
    }

    fn all_of(&self, claims: &[String]) -> anyhow::Result<Statement> {
        let wire = self.wire;
        self.refuse("'all-of'", &self.comparing())?;
        self.refuse(
            "'all-of'",
            &[
                ("metric", wire.metric.is_some()),
                ("dataset", wire.dataset.is_some()),
                ("backbones", wire.backbones.is_some()),
                ("methods", wire.methods.is_some()),
            ],
        )?;
        let place = self.place("all-of");
        if claims.is_empty() {
            return Err(input_error!("{place}: the list is empty; name at least one claim"));
        }
        unique(&place, claims.iter().cloned())?;
        match claims.iter().find(|id| !self.known.claims.contains(&id.as_str())) {
            Some(unknown) => Err(missing(&place, unknown, self.known.claims)),
            None => Ok(Statement::AllOf(claims.to_vec())),
        }
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
