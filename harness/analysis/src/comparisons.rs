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
    /// A claim.
    Claim,
    /// A step of the paper's table.
    Step,
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
            })
        });
        let mut primary = self.decision.metrics.iter().map(|metric| self.totals.deciding(metric, &datasets));
        place && kind && primary.any(|metric| metric == key.metric)
    }

    fn family(&self, key: &Key, askers: &[Asker]) -> String {
        if self.declares(key, askers) {
            return DECLARED.to_string();
        }
        let place = match key.datasets.as_slice() {
            [one] => format!("on {one}"),
            several => format!("averaged over {} datasets", several.len()),
        };
        match askers.iter().min() {
            Some(Asker::Baseline) => format!("every method with the baseline in {}, {place}", key.metric),
            Some(Asker::LeaveOneOut) => {
                format!("every full model with itself less one component in {}, {place}", key.metric)
            }
            Some(Asker::Claim) => CLAIMS.to_string(),
            Some(Asker::Step) | None => format!("steps of the paper's table in {}, {place}", key.metric),
        }
    }
}

const DECLARED: &str = "declared";
/// What claims compare beyond the tables of differences.
const CLAIMS: &str = "claims";

/// All comparisons of a report.
#[derive(Default)]
pub struct Comparisons {
    found: BTreeMap<Key, Comparison>,
}

/// A test that claims make beside comparisons of two methods.
#[derive(Clone, Debug)]
pub struct OwnTest {
    /// The same for the same test.
    pub id: String,
    /// Its p-value.
    pub p: Option<f64>,
}

/// The family that claims have for themselves, once it is decided.
pub struct ClaimFamily {
    adjusted: BTreeMap<String, Option<f64>>,
    /// Tests in it.
    pub count: usize,
    /// Its name.
    pub name: &'static str,
}

impl ClaimFamily {
    /// A test's p-value after Holm.
    pub fn adjusted(&self, test: &OwnTest) -> Option<f64> {
        self.adjusted.get(&test.id).copied().flatten()
    }
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

    /// A comparison that was asked for, as a test; nothing where its metric decides nothing.
    pub fn test(
        &self,
        deciding: &Deciding,
        question: &ComparedMethods,
        metric: &str,
        datasets: &[&str],
    ) -> Option<OwnTest> {
        let key = Key::new(datasets, [question.method, question.against], metric);
        let found = self.found.get(&key).filter(|_| deciding.totals.warning(metric, datasets).is_none())?;
        let id = format!("{} on {}: {}", key.metric, key.datasets.join(", "), key.methods.join(" and "));
        Some(OwnTest { id, p: p_of(deciding, found) })
    }

    /// Comparisons of the declared family.
    pub fn declared(&self) -> usize {
        let declared = |one: &&Comparison| one.view.decided.as_ref().is_some_and(|decided| decided.declared);
        self.found.values().filter(declared).count()
    }

    /// Holm over every family, and a verdict for every comparison; `own` are tests that claims make beside them.
    pub fn decide(&mut self, deciding: &Deciding, own: &[OwnTest]) -> ClaimFamily {
        let mut families: BTreeMap<String, Vec<(&Key, &mut Comparison)>> = BTreeMap::new();
        for (key, one) in &mut self.found {
            let datasets: Vec<&str> = key.datasets.iter().map(String::as_str).collect();
            match deciding.totals.warning(&key.metric, &datasets) {
                Some(warning) => one.view.undecided = Some(warning),
                None => families.entry(deciding.family(key, &one.askers)).or_default().push((key, one)),
            }
        }
        let tests: BTreeMap<String, Option<f64>> = own.iter().map(|test| (test.id.clone(), test.p)).collect();
        families.entry(CLAIMS.to_string()).or_default();
        let mut claims = ClaimFamily { adjusted: BTreeMap::new(), count: 0, name: CLAIMS };
        for (name, mut family) in families {
            let mut p_values: Vec<Option<f64>> = family.iter().map(|(_, one)| p_of(deciding, one)).collect();
            if name == CLAIMS {
                p_values.extend(tests.values());
            }
            let adjusted = holm(&p_values);
            let count = p_values.len();
            for ((key, one), (p, adjusted)) in family.iter_mut().zip(p_values.iter().zip(&adjusted)) {
                one.view.decided = verdict(
                    deciding,
                    key,
                    &one.view,
                    &Corrected { p: *p, adjusted: *adjusted, family: &name, count },
                );
            }
            if name == CLAIMS {
                let own = adjusted.into_iter().skip(family.len());
                claims.adjusted = tests.keys().cloned().zip(own).collect();
                claims.count = count;
            }
        }
        claims
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
