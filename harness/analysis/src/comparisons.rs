//! Every comparison of two methods that a report shows: made once, decided once, looked up by all that show it.

use super::contrasts::{ComparedMethods, ContrastView, contrast};
use super::decided::Decided;
use super::estimate::LEVEL;
use super::linear_contrast::{Place, Tested};
use super::totals::{Totals, equivalence};
use std::collections::BTreeMap;
use valor_runs::spec::{Decision, Family, Scope};
use valor_stats::metrics::{self, Direction};
use valor_stats::stats::{Looks, POWER, Rule, Verdict, holm, sign_test};

/// Who asks for a comparison. One that several ask for belongs to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    /// The table of differences from the baseline.
    Baseline,
    /// The table of full models less one component.
    LeaveOneOut,
    /// The table of methods against their own backbone, alone and as full VALOR.
    WithinBackbone,
    /// A claim, which corrects for itself.
    Claim,
    /// A step of the paper's table.
    Step,
    /// The headline: a full model with its backbone alone.
    Whole,
    /// The headline: a component added to what a backbone has.
    Added,
    /// The headline: a method with the baseline, averaged over datasets of one kind.
    Standing,
}

/// What is compared: two methods, in whichever order, in a metric, on a dataset or averaged over several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    datasets: Vec<String>,
    methods: [String; 2],
    metric: String,
}

impl Key {
    fn new(datasets: &[&str], [a, b]: [&str; 2], metric: &str) -> Self {
        let mut methods = [a.to_string(), b.to_string()];
        methods.sort();
        Self {
            datasets: datasets.iter().map(ToString::to_string).collect(),
            methods,
            metric: metric.to_string(),
        }
    }
}

struct Comparison {
    view: ContrastView,
    askers: Vec<Asker>,
}

/// What verdicts rest on.
pub struct Deciding<'a> {
    /// As the experiment declares it.
    pub decision: &'a Decision,
    /// Metrics of the table as the experiment names them.
    pub metrics: &'a [String],
    /// Where shares decide nothing.
    pub totals: &'a Totals,
    /// Datasets of the experiment.
    pub datasets: usize,
    /// How often claims are looked at.
    pub looks: Looks,
}

impl Deciding<'_> {
    /// The p-value of no gain by the declared test.
    pub fn p_value(&self, gain: &Tested) -> Option<f64> {
        match self.decision.test.signs() {
            None => gain.whole.p_value(0.0).ok(),
            Some(test) => sign_test(test, &gain.blocks).ok(),
        }
    }

    /// What an experimenter would have decided by where this metric of the table decides without noise: the primary metric in whose place
    /// it does, else the first of the table, else the one that tends to it.
    pub fn observed<'b>(&'b self, metric: &'b str, datasets: &[&str]) -> Option<&'b str> {
        let asked = self.decision.metrics.iter().chain(self.metrics).map(String::as_str);
        let meant = |other: &&str| *other != metric && self.totals.deciding(other, datasets) == metric;
        let seen = self.totals.observed(asked.clone().find(meant).unwrap_or(metric), datasets);
        seen.filter(|seen| *seen != metric && self.totals.deciding(metric, datasets) == metric)
    }

    /// Half width of the region of practical equivalence of a metric beside a level.
    pub fn margin(&self, metric: &str, level: f64) -> f64 {
        equivalence(self.decision, self.metrics, metric).beside(level)
    }

    /// Whether a comparison with the baseline, or of a full model, is of the declared family.
    fn declares(&self, key: &Key, askers: &[Asker]) -> bool {
        let datasets: Vec<&str> = key.datasets.iter().map(String::as_str).collect();
        let place = match self.decision.datasets {
            Scope::Average => key.datasets.len() == self.datasets,
            Scope::Each => key.datasets.len() == 1,
        };
        let kind = self.decision.contrasts.iter().any(|family| {
            askers.contains(match family {
                Family::Baseline => &Asker::Baseline,
                Family::LeaveOneOut => &Asker::LeaveOneOut,
                Family::WithinBackbone => &Asker::WithinBackbone,
            })
        });
        let mut primary = self.decision.metrics.iter().map(|metric| self.totals.deciding(metric, &datasets));
        place && kind && primary.any(|metric| metric == key.metric)
    }

    /// The family of a comparison; nothing of one that only claims ask for.
    fn family(&self, key: &Key, askers: &[Asker]) -> Option<String> {
        if self.declares(key, askers) {
            return Some(DECLARED.to_string());
        }
        let place = match key.datasets.as_slice() {
            [one] => format!("on {one}"),
            several => format!("averaged over {} datasets", several.len()),
        };
        let kind = match askers.iter().filter(|asker| **asker != Asker::Claim).min()? {
            Asker::Baseline | Asker::Standing => "every method with the baseline",
            Asker::LeaveOneOut => "every full model with itself less one component",
            Asker::WithinBackbone => "every method within its backbone",
            Asker::Whole => "every full model with its backbone alone",
            Asker::Added => "every component added",
            Asker::Step | Asker::Claim => "steps of the paper's table",
        };
        Some(format!("{kind} in {}, {place}", key.metric))
    }
}

const DECLARED: &str = "declared";

/// All comparisons of a report.
#[derive(Default)]
pub struct Comparisons {
    found: BTreeMap<Key, Comparison>,
}

impl Comparisons {
    /// Makes a comparison unless it is known.
    pub fn ask(&mut self, asker: Asker, question: &ComparedMethods, metric: &str, place: &Place) {
        let key = Key::new(&place.names(), [question.method, question.against], metric);
        if let Some(known) = self.found.get_mut(&key) {
            known.askers.push(asker);
        } else if let Some(view) = contrast(question, metric, place) {
            self.found.insert(key, Comparison { view, askers: vec![asker] });
        }
    }

    /// A comparison that was asked for, method minus against.
    pub fn get(&self, question: &ComparedMethods, metric: &str, datasets: &[&str]) -> Option<ContrastView> {
        let key = Key::new(datasets, [question.method, question.against], metric);
        let view = &self.found.get(&key)?.view;
        let turned = if view.method == question.method { view.clone() } else { view.reversed() };
        Some(ContrastView { component: question.component.map(str::to_string), ..turned })
    }

    /// Comparisons of the declared family.
    pub fn declared(&self) -> usize {
        let declared = |one: &&Comparison| one.view.decided.as_ref().is_some_and(|decided| decided.declared);
        self.found.values().filter(declared).count()
    }

    /// Holm over every family of the tables, and a verdict for every comparison in one.
    pub fn decide(&mut self, deciding: &Deciding) {
        let mut families: BTreeMap<String, Vec<(&Key, &mut Comparison)>> = BTreeMap::new();
        for (key, one) in &mut self.found {
            let datasets: Vec<&str> = key.datasets.iter().map(String::as_str).collect();
            let decides = deciding.totals.deciding(&key.metric, &datasets);
            one.view.instead = (decides != key.metric).then(|| decides.to_string());
            match deciding.totals.warning(&key.metric, &datasets) {
                Some(warning) => one.view.undecided = Some(warning),
                None => {
                    if let Some(name) = deciding.family(key, &one.askers) {
                        families.entry(name).or_default().push((key, one));
                    }
                }
            }
        }
        for (name, mut family) in families {
            let p_values: Vec<Option<f64>> = family.iter().map(|(_, one)| p_of(deciding, one)).collect();
            let (adjusted, count) = (holm(&p_values), p_values.len());
            for ((key, one), (p, adjusted)) in family.iter_mut().zip(p_values.iter().zip(&adjusted)) {
                one.view.decided = verdict(
                    deciding,
                    key,
                    &one.view,
                    &Corrected { p: *p, adjusted: *adjusted, family: &name, count },
                );
            }
        }
    }
}

fn p_of(deciding: &Deciding, one: &Comparison) -> Option<f64> {
    one.view.gain.as_ref().ok().and_then(|gain| deciding.p_value(gain))
}

/// A p-value before and after Holm over its family.
struct Corrected<'a> {
    p: Option<f64>,
    adjusted: Option<f64>,
    family: &'a str,
    /// Comparisons in the family.
    count: usize,
}

/// Nothing where no value of the metric is better.
fn verdict(deciding: &Deciding, key: &Key, view: &ContrastView, corrected: &Corrected) -> Option<Decided> {
    let Corrected { p, adjusted: p_adjusted, family: name, count: family } = *corrected;
    let direction = metrics::find(&key.metric).map_or(Direction::Neither, |metric| metric.direction);
    if direction == Direction::Neither {
        return None;
    }
    let margin = deciding.margin(&key.metric, view.level.unwrap_or(0.0));
    let rule = Rule { level: LEVEL, power: POWER, family, margin };
    let none = Decided {
        verdict: Verdict::Inconclusive,
        reason: view.gain.as_ref().err().map(|undefined| undefined.0.clone()),
        over: "seeds",
        p,
        p_adjusted,
        declared: name == DECLARED,
        family,
        family_name: name.to_string(),
        margin,
        p_equivalence: None,
        probability_better: None,
        detectable: None,
    };
    let Ok(tested) = &view.gain else { return Some(none) };
    let verdict = rule.verdict(&tested.whole, p_adjusted);
    let untested = p.is_none() && verdict == Verdict::Inconclusive;
    Some(Decided {
        verdict,
        reason: untested.then(|| "no variance to test against".to_string()),
        over: tested.over(),
        p_equivalence: tested.whole.equivalence(margin).ok().filter(|_| margin > 0.0),
        probability_better: tested.whole.probability_above(0.0).ok(),
        detectable: tested.whole.detectable(rule.single_level(), rule.power).ok(),
        ..none
    })
}
