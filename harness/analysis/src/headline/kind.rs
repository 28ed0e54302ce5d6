//! Which datasets may be averaged: draws of one generator with the same settings, replications of one table.

use crate::block::Block;
use crate::cell::{CellStatus, SeedCounts};
use crate::contrasts::ContrastView;
use crate::estimate::mean;
use crate::linear_contrast::{DatasetCells, LinearContrast, Orientation, Place, Pooled, pooled};
use crate::shown::{FITTED, ORACLE, PROGNOSTIC, RANDOM};
use serde_json::Value;
use std::collections::BTreeMap;
use valor_data::DataSpec;
use valor_runs::spec::{Experiment, NamedData, NamedMethod};
use valor_stats::metrics::{self, Defined, Direction};
use valor_stats::stats::{Interval, Looks};

/// Datasets of one kind, by their places in the experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// What they are called together.
    pub name: String,
    /// Places of the datasets.
    pub datasets: Vec<usize>,
}

impl Kind {
    /// All kinds in the order of the experiment. Two datasets are of one kind if nothing but the world, or the file, differs.
    pub(crate) fn all(datasets: &[NamedData]) -> Vec<Self> {
        let mut found: Vec<(Value, Vec<usize>)> = Vec::new();
        for (place, dataset) in datasets.iter().enumerate() {
            let what = what(&dataset.spec);
            match found.iter_mut().find(|(known, _)| *known == what) {
                Some((_, places)) => places.push(place),
                None => found.push((what, vec![place])),
            }
        }
        let alone = |place: &str| {
            found.iter().filter(|(_, places)| datasets[places[0]].spec.place() == place).count() == 1
        };
        let named =
            |places: &[usize]| name(&places.iter().map(|place| &datasets[*place]).collect::<Vec<_>>(), alone);
        found.iter().map(|(_, places)| Self { name: named(places), datasets: places.clone() }).collect()
    }

    /// Where its methods are compared.
    pub(crate) fn place<'a>(&self, cells: &'a [DatasetCells<'a>]) -> Place<'a> {
        Place {
            datasets: self.datasets.iter().filter_map(|place| cells.get(*place)).collect(),
            looks: Looks::Once,
        }
    }
}

/// A source without what tells one draw from the next.
fn what(spec: &DataSpec) -> Value {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    let inner = value.as_object_mut().and_then(|outer| outer.values_mut().next());
    if let Some(options) = inner.and_then(Value::as_object_mut) {
        for key in ["world", "path", "content"] {
            options.remove(key);
        }
    }
    value
}

/// One dataset has its name, several that of their generator where no other kind has it, or the words that their names begin
/// with.
fn name(datasets: &[&NamedData], alone: impl Fn(&str) -> bool) -> String {
    let [first, others @ ..] = datasets else { return String::new() };
    let generated = !matches!(first.spec, DataSpec::Table(_));
    if others.is_empty() {
        return first.name.clone();
    }
    if generated && alone(first.spec.place()) {
        return first.spec.place().to_string();
    }
    let words = |name: &str| name.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    let mut common = words(&first.name);
    for other in others {
        let same = common.iter().zip(words(&other.name)).take_while(|(one, other)| *one == other).count();
        common.truncate(same);
    }
    let common = common.join(" ");
    match common.rsplit_once(',') {
        Some((before, _)) => before.to_string(),
        None if common.is_empty() => first.name.clone(),
        None => common,
    }
}

/// Datasets of one kind with everything averaged over them.
#[derive(Clone, Debug, PartialEq)]
pub struct KindView {
    /// What they are called together.
    pub name: String,
    /// Names of the datasets.
    pub datasets: Vec<String>,
    /// What a reader should know about the rows of any of them.
    pub notes: Vec<String>,
    /// The metric that decides here: the first primary one that has a value.
    pub metric: String,
    /// Methods in the order of the experiment.
    pub methods: Vec<KindMethod>,
    /// Reference rankings in the order of the table.
    pub references: Vec<KindReference>,
}

/// A method averaged over datasets of one kind, each counted once.
#[derive(Clone, Debug, PartialEq)]
pub struct KindMethod {
    /// Its name.
    pub method: String,
    /// Its backbone, as files spell it.
    pub backbone: String,
    /// Its components.
    pub components: Vec<String>,
    /// Seeds, summed over datasets.
    pub seeds: SeedCounts,
    /// Metric by name.
    pub metrics: BTreeMap<String, KindMean>,
    /// The method minus the baseline in the kind's metric; nothing for the baseline, and where it is not asked.
    pub beside: Option<ContrastView>,
}

/// The mean of the datasets' means over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct KindMean {
    /// Undefined unless all datasets have a value.
    pub mean: Defined<f64>,
    /// Mean over datasets of the standard deviations over seeds.
    pub sd: Option<f64>,
    /// Over seeds.
    pub ci: Defined<Interval>,
    /// Over seeds and test rows together.
    pub ci_both: Defined<Interval>,
}

impl KindMean {
    /// The mean, where there is one.
    pub fn value(&self) -> Option<f64> {
        self.mean.as_ref().ok().copied()
    }

    /// Over seeds and test rows together, over seeds where rows have none.
    pub fn interval(&self) -> Option<(f64, f64)> {
        let found = self.ci_both.as_ref().or(self.ci.as_ref()).ok();
        found.map(|interval| (interval.low, interval.high))
    }
}

/// A reference ranking averaged likewise.
#[derive(Clone, Debug, PartialEq)]
pub struct KindReference {
    /// `random`, `prognostic`, ...
    pub ranker: String,
    /// Metric by name, of those that all datasets have.
    pub metrics: BTreeMap<String, f64>,
}

impl KindView {
    /// Averages over a kind. `primary` are the metrics that decide, `names` all that are recorded.
    pub(crate) fn new(kind: &Kind, asked: &Experiment, cells: &[DatasetCells], metrics: &Metrics) -> Self {
        let place = kind.place(cells);
        let methods: Vec<KindMethod> =
            asked.methods.iter().filter_map(|method| averaged(method, &place, metrics.names)).collect();
        let has = |metric: &&String| methods.iter().any(|method| method.value(metric).is_some());
        let metric = metrics.primary.iter().chain(&asked.metrics).find(has).or(metrics.primary.first());
        Self {
            name: kind.name.clone(),
            datasets: place.names().into_iter().map(str::to_string).collect(),
            notes: Vec::new(),
            metric: metric.cloned().unwrap_or_default(),
            methods,
            references: Vec::new(),
        }
    }

    /// With the reference rankings of its datasets, and what a reader should know about their rows.
    pub(crate) fn with_references(mut self, blocks: &[&Block]) -> Self {
        let rankers = blocks.first().map(|block| block.references.as_slice()).unwrap_or_default();
        let average = |ranker: &str, metric: &str| {
            let of = |block: &&Block| {
                let row = block.references.iter().find(|row| row.ranker == ranker)?;
                row.metrics.get(metric)?.value()
            };
            mean(blocks.iter().map(of).collect::<Option<Vec<f64>>>()?.into_iter())
        };
        let reference = |ranker: &str, metrics: Vec<&String>| KindReference {
            ranker: ranker.to_string(),
            metrics: metrics
                .into_iter()
                .filter_map(|metric| Some((metric.clone(), average(ranker, metric)?)))
                .collect(),
        };
        for note in blocks.iter().flat_map(|block| &block.notes) {
            if !self.notes.contains(note) {
                self.notes.push(note.clone());
            }
        }
        self.references =
            rankers.iter().map(|row| reference(&row.ranker, row.metrics.keys().collect())).collect();
        self
    }

    /// What is better in its metric.
    pub fn direction(&self) -> Direction {
        metrics::find(&self.metric).map_or(Direction::Neither, |metric| metric.direction)
    }

    /// Places of its methods, the best mean of its metric first, those without one last.
    pub fn ranked(&self) -> Vec<usize> {
        let merit = |place: usize| {
            self.methods[place]
                .value(&self.metric)
                .map_or(f64::NEG_INFINITY, |value| self.direction().merit(value))
        };
        let mut places: Vec<usize> = (0..self.methods.len()).collect();
        places.sort_by(|a, b| merit(*b).total_cmp(&merit(*a)));
        places
    }

    /// What a reference ranking scores in its metric.
    fn reference(&self, ranker: &str) -> Option<f64> {
        self.references.iter().find(|row| row.ranker == ranker)?.metrics.get(&self.metric).copied()
    }

    /// What ranking by expected spend alone scores, where that can be said.
    pub fn spend(&self) -> Option<Spend> {
        let known = self.reference(PROGNOSTIC);
        let value = known.or_else(|| self.reference(FITTED))?;
        let merit = |value: f64| self.direction().merit(value);
        let values = || self.methods.iter().filter_map(|method| method.value(&self.metric));
        Some(Spend {
            value,
            fitted: known.is_none(),
            random: self.reference(RANDOM),
            oracle: self.reference(ORACLE),
            below: values().filter(|found| merit(*found) < merit(value)).count(),
            methods: values().count(),
        })
    }

    /// The method with the best mean of those whose seeds all finished.
    pub fn leader(&self) -> Option<&KindMethod> {
        let complete = |method: &&KindMethod| {
            method.seeds.status() == CellStatus::Complete && method.value(&self.metric).is_some()
        };
        let ranked: Vec<&KindMethod> = self.ranked().into_iter().map(|place| &self.methods[place]).collect();
        ranked.into_iter().find(complete)
    }
}

impl KindMethod {
    /// The mean of a metric, where there is one.
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.metrics.get(metric)?.value()
    }
}

/// What ranking by expected spend alone scores, without knowing who is persuadable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spend {
    /// Its score.
    pub value: f64,
    /// Whether expected spend is the baseline method's prediction, because the truth is not known.
    pub fitted: bool,
    /// What a random ranking scores.
    pub random: Option<f64>,
    /// What the ranking by the true effect scores.
    pub oracle: Option<f64>,
    /// Methods with a worse mean.
    pub below: usize,
    /// Methods with a mean.
    pub methods: usize,
}

/// Which metrics are averaged.
pub(crate) struct Metrics<'a> {
    /// Those that decide.
    pub primary: &'a [String],
    /// All.
    pub names: &'a [String],
}

fn averaged(method: &NamedMethod, place: &Place, names: &[String]) -> Option<KindMethod> {
    let cells = place.datasets.iter().map(|cells| cells.find(&method.name)).collect::<Option<Vec<_>>>()?;
    let mut seeds = SeedCounts { found: 0, failed: 0, diverged: 0, asked: 0 };
    for one in &cells {
        let own = one.cell.seeds;
        seeds = SeedCounts {
            found: seeds.found + own.found,
            failed: seeds.failed + own.failed,
            diverged: seeds.diverged + own.diverged,
            asked: seeds.asked + own.asked,
        };
    }
    let average = |metric: &String| {
        let sums = cells.iter().map(|one| LinearContrast::of(&[(1.0, *one)], metric, Orientation::Metric));
        let sds = cells.iter().map(|one| one.cell.metrics.get(metric)?.sd).collect::<Option<Vec<f64>>>();
        let Pooled { mean: found, ci, ci_both, .. } = pooled(&sums.collect::<Vec<_>>(), Looks::Once);
        let sd = sds.and_then(|sds| mean(sds.into_iter()));
        (metric.clone(), KindMean { mean: found, sd, ci, ci_both })
    };
    Some(KindMethod {
        method: method.name.clone(),
        backbone: method.backbone.clone(),
        components: method.components.clone(),
        seeds,
        metrics: names.iter().map(average).collect(),
        beside: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_data::b2b_mimic::B2bMimicSpec;
    use valor_data::production_sim::ProductionSimSpec;

    fn kinds(datasets: Vec<(&str, DataSpec)>) -> Vec<(String, Vec<usize>)> {
        let named = datasets.into_iter().map(|(name, spec)| NamedData {
            name: name.to_string(),
            spec,
            evaluation: Default::default(),
        });
        let found = Kind::all(&named.collect::<Vec<_>>());
        found.into_iter().map(|kind| (kind.name, kind.datasets)).collect()
    }

    #[test]
    fn worlds_of_one_setting_are_one_kind_and_other_settings_are_another() {
        let world = |world, rho| DataSpec::B2bMimic(B2bMimicSpec { world, rho, ..Default::default() });
        let production = DataSpec::ProductionSim(ProductionSimSpec::default());
        let found =
            kinds(vec![("world 1", world(1, 0.3)), ("stand-in", production), ("world 2", world(2, 0.3))]);
        assert_eq!(found, [("b2b-mimic".to_string(), vec![0, 2]), ("stand-in".to_string(), vec![1])]);
        let found = kinds(vec![
            ("rho 0.3, world 1", world(1, 0.3)),
            ("rho 0.3, world 2", world(2, 0.3)),
            ("rho 0.8, world 1", world(1, 0.8)),
            ("rho 0.8, world 2", world(2, 0.8)),
        ]);
        assert_eq!(found, [("rho 0.3".to_string(), vec![0, 1]), ("rho 0.8".to_string(), vec![2, 3])]);
    }

    #[test]
    fn replications_of_a_table_are_one_kind_and_other_columns_are_another() {
        let table = |path: &str, outcome: &str| -> DataSpec {
            let options = serde_json::json!({
                "path": path, "outcome": outcome, "treatment": "t", "treated": ["1"], "control": ["0"], "numeric": ["x"],
            });
            serde_json::from_value(serde_json::json!({ "table": options })).unwrap()
        };
        let found = kinds(vec![
            ("replication 1", table("1.csv", "y")),
            ("replication 2", table("2.csv", "y")),
            ("visits", table("1.csv", "visits")),
        ]);
        assert_eq!(found, [("replication".to_string(), vec![0, 1]), ("visits".to_string(), vec![2])]);
    }
}
