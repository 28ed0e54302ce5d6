//! The same search for every method: candidates listed or drawn once, when the experiment is read.

use super::Experiment;
use super::tuning_wire::{RangeWire, ScaleWire, TuningWire};
use rand::Rng;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use valor_base::input_error;
use valor_base::seed::Seeds;
use valor_learn::learner::tuned::{Criterion, Key, LOSS};
use valor_learn::learner::{MethodSpec, NeuralSpec, TunedSpec};
use valor_stats::metrics::{self, Direction, Metric};

const MOST_TRIALS: usize = 1000;

/// What is searched, and by what it is decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// Candidates per method; the first is the method as it stands.
    pub trials: usize,
    /// Where the others come from.
    pub search: Search,
    /// Decides on the validation rows; needs no truth.
    pub metric: Criterion,
    /// The seed that decides for all; nothing where each decides for itself.
    pub seed: Option<u64>,
    /// What differs between candidates.
    pub ranges: BTreeMap<Key, Range>,
}

/// Which candidates there are beside the method as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// So many drawn from the ranges.
    Drawn,
    /// Every combination of the values listed.
    Every,
}

/// Where candidates come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Range {
    /// Uniform between bounds.
    Between {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// What it is uniform on.
        scale: Scale,
    },
    /// One of these, each as likely.
    Among {
        /// In the order of the file.
        values: Vec<f64>,
    },
}

/// What a draw is uniform on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// The value.
    Linear,
    /// Its logarithm.
    Log,
}

impl Tuning {
    /// What an experiment's file asks for.
    pub(super) fn new(wire: &TuningWire, experiment: &Experiment) -> anyhow::Result<Self> {
        if experiment.split.validation == 0.0 {
            return Err(input_error!(
                "tuning needs validation rows: set split.validation above 0 (found {})",
                experiment.split.validation
            ));
        }
        let mut ranges = BTreeMap::new();
        for (name, range) in &wire.ranges {
            let key = Key::find(name).map_err(|error| input_error!("tuning.ranges: {error:#}"))?;
            let range = Range::new(&key, range)
                .map_err(|error| input_error!("tuning.ranges, \"{name}\": {error:#}"))?;
            ranges.insert(key, range);
        }
        if ranges.is_empty() {
            return Err(input_error!(
                "tuning.ranges is missing: name what to search, e.g. \"training.learning-rate\""
            ));
        }
        let (search, trials) = candidates(wire.trials, &ranges)?;
        let metric = criterion(wire, experiment, &ranges)?;
        Ok(Self { trials, search, metric, seed: wire.seed, ranges })
    }

    /// Every method with its candidates.
    pub(super) fn apply(&self, experiment: &mut Experiment) -> anyhow::Result<()> {
        self.check_terms(experiment)?;
        let draws = self.draws();
        for method in &mut experiment.methods {
            if let MethodSpec::Neural(spec) = &method.spec {
                method.spec = MethodSpec::Tuned(self.candidates(spec, &draws));
            }
        }
        Ok(())
    }

    /// Every key's values by trial, drawn once for all methods. Trial 0 draws nothing that is used.
    fn draws(&self) -> BTreeMap<&Key, Vec<f64>> {
        let draw =
            |(key, range): (_, &Range)| (key, (0..self.trials).map(|trial| range.draw(key, trial)).collect());
        self.ranges.iter().map(draw).collect()
    }

    /// The method as it stands, then it with other values. The same key and trial have the same value in every method.
    fn candidates(&self, spec: &NeuralSpec, draws: &BTreeMap<&Key, Vec<f64>>) -> TunedSpec {
        let searched: Vec<&Key> = self.ranges.keys().filter(|key| key.get(spec).is_some()).collect();
        let mut candidates = vec![spec.clone()];
        match self.search {
            Search::Drawn => candidates.extend((1..self.trials).map(|trial| {
                let mut candidate = spec.clone();
                searched.iter().for_each(|key| key.set(&mut candidate, draws[*key][trial]));
                candidate
            })),
            Search::Every => candidates.extend(self.combinations(spec, &searched)),
        }
        TunedSpec {
            candidates,
            metric: self.metric.clone(),
            searched: searched.into_iter().cloned().collect(),
            seed: self.seed,
        }
    }

    /// The method with every combination of listed values, the last key's changing fastest.
    fn combinations(&self, spec: &NeuralSpec, searched: &[&Key]) -> Vec<NeuralSpec> {
        searched.iter().fold(vec![spec.clone()], |specs, key| {
            let with = |spec: &NeuralSpec| {
                let values = self.ranges[*key].values().iter();
                let set = |value: &f64| {
                    let mut spec = spec.clone();
                    key.set(&mut spec, *value);
                    spec
                };
                values.map(set).collect::<Vec<_>>()
            };
            specs.iter().flat_map(with).collect()
        })
    }

    /// Refuses a weight of a term that no method has.
    fn check_terms(&self, experiment: &Experiment) -> anyhow::Result<()> {
        let specs = || {
            experiment.methods.iter().filter_map(|method| match &method.spec {
                MethodSpec::Neural(spec) => Some(spec),
                MethodSpec::Tuned(tuned) => tuned.candidates.first(),
                MethodSpec::Trees(_) | MethodSpec::Purchases(_) => None,
            })
        };
        let Some(key) = self.ranges.keys().find(|key| specs().all(|spec| key.get(spec).is_none())) else {
            return Ok(());
        };
        let terms: BTreeSet<&str> =
            specs().flat_map(|spec| &spec.objective).map(|term| term.term.name()).collect();
        let terms: Vec<&str> = terms.into_iter().collect();
        Err(input_error!(
            "tuning.ranges, \"{key}\": no method of this experiment has it; their terms are {}",
            terms.join(", ")
        ))
    }
}

/// How many candidates there are, and where they come from: without a number all that the lists of values make.
fn candidates(trials: Option<usize>, ranges: &BTreeMap<Key, Range>) -> anyhow::Result<(Search, usize)> {
    match trials {
        Some(trials @ 1..=MOST_TRIALS) => Ok((Search::Drawn, trials)),
        Some(trials) => Err(input_error!("tuning.trials: found {trials}; allowed are 1 to {MOST_TRIALS}")),
        None if ranges.values().any(|range| range.values().is_empty()) => Err(input_error!(
            "tuning.trials is missing: how many candidates per method? Without it every range must list its values"
        )),
        None => {
            let all = ranges.values().try_fold(1_usize, |all, range| all.checked_mul(range.values().len()));
            match all.and_then(|all| all.checked_add(1)) {
                Some(all) if all <= MOST_TRIALS => Ok((Search::Every, all)),
                Some(_) | None => Err(input_error!(
                    "tuning.ranges: their values make more than {MOST_TRIALS} combinations; give 'trials', or fewer values"
                )),
            }
        }
    }
}

/// What is named, else the experiment's first metric where that can decide, else a default that can.
fn criterion(
    wire: &TuningWire,
    experiment: &Experiment,
    ranges: &BTreeMap<Key, Range>,
) -> anyhow::Result<Criterion> {
    let decides = |metric: &Metric| !metric.needs_truth() && metric.direction != Direction::Neither;
    let Some(name) = &wire.metric else {
        let first = experiment.metrics.first();
        let first = first.filter(|name| metrics::find(name).is_ok_and(decides));
        let usual = || metrics::usual(experiment.asks()).tuning.to_string();
        return Ok(Criterion::Metric(first.cloned().unwrap_or_else(usual)));
    };
    if name == LOSS {
        return match ranges.keys().find(|key| matches!(key, Key::Weight(_))) {
            None => Ok(Criterion::Loss),
            Some(key) => Err(input_error!(
                "tuning.metric: '{LOSS}' cannot decide on \"{key}\": a loss with another weight is another number; name a metric"
            )),
        };
    }
    let metric = metrics::find(name).map_err(|error| input_error!("tuning.metric: {error:#}"))?;
    if decides(metric) {
        return Ok(Criterion::Metric(name.clone()));
    }
    let why = if metric.needs_truth() {
        "needs the true effect, which no method may know"
    } else {
        "is a fact of the rows"
    };
    let names: Vec<&str> =
        metrics::registry().iter().filter(|metric| decides(metric)).map(|metric| metric.name).collect();
    Err(input_error!("tuning.metric: '{name}' {why}; allowed are {LOSS}, {}", names.join(", ")))
}

impl Range {
    fn new(key: &Key, wire: &RangeWire) -> anyhow::Result<Self> {
        let within =
            |name: &str, value: f64| key.check(value).map_err(|error| input_error!("{name}: {error:#}"));
        match (wire.low, wire.high, &wire.values) {
            (None, None, Some(values)) if wire.scale.is_none() => {
                if values.is_empty() {
                    return Err(input_error!("values: the list is empty"));
                }
                values.iter().try_for_each(|value| within("values", *value))?;
                Ok(Range::Among { values: values.clone() })
            }
            (Some(low), Some(high), None) => {
                let scale = match wire.scale.unwrap_or(ScaleWire::Linear) {
                    ScaleWire::Linear => Scale::Linear,
                    ScaleWire::Log => Scale::Log,
                };
                within("low", low)?;
                within("high", high)?;
                if low >= high {
                    return Err(input_error!("low = {low} must be below high = {high}"));
                }
                if scale == Scale::Log && low <= 0.0 {
                    return Err(input_error!("low: found {low}; a log scale needs numbers above 0"));
                }
                Ok(Range::Between { low, high, scale })
            }
            (_, _, _) => {
                Err(input_error!("give low and high (and scale = \"log\"), or values, and not both"))
            }
        }
    }

    /// Its values, where they are listed.
    fn values(&self) -> &[f64] {
        match self {
            Range::Among { values } => values,
            Range::Between { .. } => &[],
        }
    }

    /// The value of a trial: a draw from its own stream. Between bounds it has four significant digits, so that no last
    /// bit of a logarithm enters the identity of a run.
    fn draw(&self, key: &Key, trial: usize) -> f64 {
        let seeds = Seeds::new(0).child("tuning").child(&key.to_string()).at(trial as u64);
        let share: f64 = seeds.stream().random();
        match self {
            Range::Among { values } => values[(share * values.len() as f64) as usize],
            Range::Between { low, high, scale } => {
                let value = match scale {
                    Scale::Linear => low + share * (high - low),
                    Scale::Log => (low.ln() + share * (high.ln() - low.ln())).exp(),
                };
                let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
                rounded.clamp(*low, *high)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_learn::learner::TrainingSpec;
    use valor_learn::learner::catalog::{self, Options};

    fn method(components: &[&str]) -> NeuralSpec {
        let components: Vec<String> = components.iter().map(ToString::to_string).collect();
        let backbone = catalog::backbone("tarnet").unwrap();
        let found = catalog::compose(backbone, &components, &Options::default(), &TrainingSpec::default());
        let MethodSpec::Neural(spec) = found.unwrap() else { panic!() };
        spec
    }

    fn tuning() -> Tuning {
        let rate = Range::Between { low: 1e-4, high: 1e-2, scale: Scale::Log };
        let decay = Range::Between { low: 0.0, high: 0.1, scale: Scale::Linear };
        let weight = Range::Among { values: vec![0.5, 2.0, 7.0] };
        let ranges = [(Key::LearningRate, rate), (Key::WeightDecay, decay), (weight_of("ranking"), weight)];
        let metric = Criterion::Metric("qini".to_string());
        Tuning { trials: 200, search: Search::Drawn, metric, seed: None, ranges: ranges.into() }
    }

    fn weight_of(term: &str) -> Key {
        Key::Weight(term.to_string())
    }

    #[test]
    fn the_first_candidate_is_the_method_and_ranges_that_do_not_apply_are_left_out() {
        let (plain, ranked) = (method(&[]), method(&["ziln", "wr"]));
        let tuning = tuning();
        let [few, many] = [&plain, &ranked].map(|spec| tuning.candidates(spec, &tuning.draws()));
        assert_eq!((&few.candidates[0], &many.candidates[0]), (&plain, &ranked));
        assert_eq!((few.candidates.len(), many.candidates.len()), (200, 200));
        assert_eq!(few.searched, [Key::LearningRate, Key::WeightDecay]);
        assert_eq!(many.searched, [Key::LearningRate, Key::WeightDecay, weight_of("ranking")]);
        for (few, many) in few.candidates.iter().zip(&many.candidates) {
            assert_eq!(few.training, many.training, "a range is drawn alike in every method");
        }
    }

    #[test]
    fn listed_values_are_all_combined() {
        let decay = Range::Among { values: vec![0.0, 0.01] };
        let rate = Range::Among { values: vec![1e-3, 1e-2, 1e-1] };
        let ranges: BTreeMap<Key, Range> = [(Key::WeightDecay, decay), (Key::LearningRate, rate)].into();
        let (search, trials) = candidates(None, &ranges).unwrap();
        assert_eq!((search, trials), (Search::Every, 7));
        let tuning = Tuning { trials, search, metric: Criterion::Loss, seed: Some(42), ranges };
        let spec = method(&[]);
        let found = tuning.candidates(&spec, &tuning.draws());
        let numbers = |spec: &NeuralSpec| (spec.training.learning_rate, spec.training.weight_decay);
        let listed: Vec<_> = found.candidates.iter().skip(1).map(numbers).collect();
        let expected = [(1e-3, 0.0), (1e-3, 0.01), (1e-2, 0.0), (1e-2, 0.01), (1e-1, 0.0), (1e-1, 0.01)];
        assert_eq!((&found.candidates[0], listed.as_slice()), (&spec, expected.as_slice()));
        assert_eq!(found.seed, Some(42));
    }

    #[test]
    fn draws_fill_their_ranges_on_the_stated_scale() {
        let tuning = tuning();
        let candidates = tuning.candidates(&method(&["ziln", "wr"]), &tuning.draws()).candidates.split_off(1);
        let values = |key: &Key| candidates.iter().filter_map(|spec| key.get(spec)).collect::<Vec<f64>>();
        let share = |values: &[f64], below: f64| {
            values.iter().filter(|value| **value < below).count() as f64 / values.len() as f64
        };
        let rates = values(&Key::LearningRate);
        assert!(rates.iter().all(|rate| (1e-4..=1e-2).contains(rate)));
        assert!((share(&rates, 1e-3) - 0.5).abs() < 0.1, "half of them below the geometric middle");
        let decays = values(&Key::WeightDecay);
        assert!((share(&decays, 0.05) - 0.5).abs() < 0.1, "half of them below the middle");
        let weights = values(&weight_of("ranking"));
        for value in [0.5, 2.0, 7.0] {
            let count = weights.iter().filter(|weight| **weight == value).count();
            assert!((40..95).contains(&count), "{value}: {count}");
        }
        assert!(rates.iter().all(|rate| format!("{rate:e}").len() <= 8), "four digits: {rates:?}");
    }

    #[test]
    fn draws_are_pinned() {
        let range = Range::Between { low: 1e-4, high: 1e-2, scale: Scale::Log };
        let drawn = [1, 2, 3].map(|trial| range.draw(&Key::LearningRate, trial));
        assert_eq!(drawn, [0.006297, 0.0004136, 0.001635]);
    }
}
