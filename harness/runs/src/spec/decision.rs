//! What verdicts rest on: the declared family of comparisons, the region of practical equivalence, the test.

use super::groups::{WithinBackbone, left_out, within_backbones};
use super::{Experiment, Margin};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use valor_base::input_error;
use valor_stats::metrics::{self, Direction};
use valor_stats::stats::{SignTest, pairs_for_signs};

/// A difference of less than this share of the baseline's mean matters to nobody, unless a file says otherwise.
const REGION: Margin = Margin::Share(0.05);
/// Fewest datasets of a critical-difference diagram.
const DATASETS_FOR_RANKS: usize = 6;

/// Most seeds of a cell.
const MOST_SEEDS: usize = 1_000;

/// Declared before runs: what is compared, and what counts as a difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// Primary metrics: Holm corrects over all of them together.
    pub metrics: Vec<String>,
    /// Which comparisons.
    pub contrasts: Vec<Family>,
    /// Averaged over datasets, or on each.
    pub datasets: Scope,
    /// Region of practical equivalence.
    pub equivalence: Equivalence,
    /// The test.
    pub test: Test,
    /// Claims are looked at after every seed, and their cells get further ones until each is decided, up to so many in all;
    /// nothing: claims are looked at once, with the declared seeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_seeds: Option<usize>,
}

/// Comparisons that a family may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Every method with the baseline.
    Baseline,
    /// Every full model with itself less one component.
    LeaveOneOut,
    /// Every method with its own backbone, and with full VALOR on it.
    WithinBackbone,
}

impl Family {
    /// As files spell it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::LeaveOneOut => "leave-one-out",
            Self::WithinBackbone => "within-backbone",
        }
    }

    /// What is compared, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Baseline => "every method with the baseline",
            Self::LeaveOneOut => "every full model with itself less one component",
            Self::WithinBackbone => "every method with its own backbone, and with VALOR on it",
        }
    }
}

/// Where the family's comparisons are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Once, averaged over all datasets.
    #[default]
    Average,
    /// On every dataset.
    Each,
}

/// The test behind p-values; intervals are those of Student t.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Paired differences over seeds, with the variance of test rows beside them.
    #[default]
    StudentT,
    /// Signs of paired differences over seeds, flipped.
    SignFlip,
    /// Signed ranks of paired differences over seeds.
    Wilcoxon,
}

impl Test {
    /// The test by signs, if it is one.
    pub fn signs(self) -> Option<SignTest> {
        match self {
            Self::StudentT => None,
            Self::SignFlip => Some(SignTest::SignFlip),
            Self::Wilcoxon => Some(SignTest::Wilcoxon),
        }
    }
}

/// Region of practical equivalence: one for all metrics, or one for each named; the default for the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, a share such as \"5 %\", or a table of them by metric")]
pub enum Equivalence {
    /// For every metric.
    All(Margin),
    /// By metric.
    ByMetric(BTreeMap<String, Margin>),
}

impl Equivalence {
    /// That of a metric.
    pub fn of(&self, metric: &str) -> Margin {
        match self {
            Self::All(margin) => *margin,
            Self::ByMetric(margins) => margins.get(metric).copied().unwrap_or(REGION),
        }
    }
}

/// `[decision]` as files spell it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct DecisionWire {
    pub metrics: Option<Vec<String>>,
    pub contrasts: Option<Vec<Family>>,
    pub datasets: Option<Scope>,
    pub equivalence: Option<Equivalence>,
    pub test: Option<Test>,
    pub max_seeds: Option<usize>,
    #[serde(default)]
    pub critical_difference: bool,
}

impl Decision {
    /// What a file that says nothing means, less what its grids say: the first metric, every method with the baseline.
    pub fn silent(metrics: &[String]) -> Self {
        Self {
            metrics: metrics.first().cloned().into_iter().collect(),
            contrasts: vec![Family::Baseline],
            datasets: Scope::default(),
            equivalence: Equivalence::All(REGION),
            test: Test::default(),
            max_seeds: None,
        }
    }

    /// What a file that says nothing means: where grids make several methods of two backbones or more, methods are compared within their
    /// backbones, else with the baseline.
    pub(super) fn usual(experiment: &Experiment, grids: bool) -> Self {
        let pairs = within_backbones(&experiment.methods);
        let of = |pair: &WithinBackbone| experiment.methods.iter().find(|one| one.name == pair.method);
        let several: BTreeSet<&str> = pairs.iter().filter_map(of).map(|one| one.backbone.as_str()).collect();
        let grid = grids && several.len() > 1;
        let contrasts = if grid { vec![Family::WithinBackbone] } else { vec![Family::Baseline] };
        Self { contrasts, ..Self::silent(&experiment.metrics) }
    }

    /// As declared, checked against the experiment; `silent` is what counts where nothing is said.
    pub(super) fn new(wire: &DecisionWire, experiment: &Experiment, silent: Self) -> anyhow::Result<Self> {
        let decision = Self {
            metrics: wire.metrics.clone().unwrap_or(silent.metrics),
            contrasts: wire.contrasts.clone().unwrap_or(silent.contrasts),
            datasets: wire.datasets.unwrap_or(silent.datasets),
            equivalence: wire.equivalence.clone().unwrap_or(silent.equivalence),
            test: wire.test.unwrap_or(silent.test),
            max_seeds: wire.max_seeds,
        };
        decision.check_metrics(experiment)?;
        decision.check_margins(experiment)?;
        decision.check_test(experiment)?;
        decision.check_seeds(experiment)?;
        if wire.critical_difference {
            return Err(no_diagram(experiment.datasets.len()));
        }
        Ok(decision)
    }

    /// Comparisons in the declared family.
    pub fn family(&self, experiment: &Experiment) -> usize {
        let of = |family: &Family| match family {
            Family::Baseline => experiment.methods.len().saturating_sub(1),
            Family::LeaveOneOut => left_out(&experiment.methods).len(),
            Family::WithinBackbone => within_backbones(&experiment.methods).len(),
        };
        let places = match self.datasets {
            Scope::Average => 1,
            Scope::Each => experiment.datasets.len(),
        };
        self.contrasts.iter().map(of).sum::<usize>() * self.metrics.len() * places
    }

    fn check_metrics(&self, experiment: &Experiment) -> anyhow::Result<()> {
        super::names::unique("decision.metrics", self.metrics.iter().cloned())?;
        let allowed: Vec<&str> = experiment.metrics.iter().map(String::as_str).collect();
        for name in &self.metrics {
            if !allowed.contains(&name.as_str()) {
                return Err(super::names::missing("decision.metrics", name, &allowed));
            }
        }
        let twice = self.contrasts.iter().enumerate().any(|(at, one)| self.contrasts[..at].contains(one));
        match (self.metrics.is_empty() || self.contrasts.is_empty(), twice) {
            (true, _) => Err(input_error!("decision: metrics and contrasts need at least one entry each")),
            (_, true) => Err(input_error!("decision.contrasts: an entry stands there twice")),
            (false, false) => Ok(()),
        }
    }

    fn check_margins(&self, experiment: &Experiment) -> anyhow::Result<()> {
        let margins: Vec<(&str, Margin)> = match &self.equivalence {
            Equivalence::All(margin) => vec![("all metrics", *margin)],
            Equivalence::ByMetric(margins) => {
                margins.iter().map(|(name, margin)| (name.as_str(), *margin)).collect()
            }
        };
        for (name, margin) in margins {
            if matches!(self.equivalence, Equivalence::ByMetric(_))
                && !experiment.metrics.iter().any(|m| m == name)
            {
                let allowed: Vec<&str> = experiment.metrics.iter().map(String::as_str).collect();
                return Err(super::names::missing("decision.equivalence", name, &allowed));
            }
            if !(margin.value().is_finite() && margin.value() >= 0.0) {
                let found = margin.text();
                return Err(input_error!("decision.equivalence, {name}: found {found}; must be 0 or more"));
            }
        }
        Ok(())
    }

    /// A design that adds seeds has some to add, and a test that may be looked at after each.
    fn check_seeds(&self, experiment: &Experiment) -> anyhow::Result<()> {
        let Some(most) = self.max_seeds else { return Ok(()) };
        let declared = experiment.seeds.len();
        if most <= declared || most > MOST_SEEDS {
            return Err(input_error!(
                "decision.max-seeds: found {most}; allowed are whole numbers above the {declared} declared seeds, up to {MOST_SEEDS}"
            ));
        }
        if self.test.signs().is_some() {
            return Err(input_error!(
                "decision.max-seeds: claims that are looked at after every seed need test = \"student-t\"; tests by signs are for \
                 a number of seeds that is fixed before"
            ));
        }
        Ok(())
    }

    /// A test that cannot reject with so few pairs is refused rather than run.
    fn check_test(&self, experiment: &Experiment) -> anyhow::Result<()> {
        if self.test.signs().is_none() {
            return Ok(());
        }
        let places = if self.datasets == Scope::Average { experiment.datasets.len() } else { 1 };
        let (pairs, family) = (experiment.seeds.len() * places, self.family(experiment));
        let needed = pairs_for_signs(0.05, family);
        if pairs < needed {
            let smallest = 2.0 * 0.5_f64.powi(pairs as i32);
            return Err(input_error!(
                "decision.test: a test by signs cannot reject with {pairs} pairs ({} seeds on {places} datasets): its \
                 smallest p-value is {smallest:.4}, and a family of {family} comparisons needs {:.4}, which takes {needed} \
                 pairs; use \"student-t\", more seeds, or a smaller family",
                experiment.seeds.len(),
                0.05 / family.max(1) as f64,
            ));
        }
        Ok(())
    }
}

/// Why no diagram of critical differences is drawn.
fn no_diagram(datasets: usize) -> anyhow::Error {
    if datasets < DATASETS_FOR_RANKS {
        return input_error!(
            "decision.critical-difference: a diagram of critical differences compares mean ranks over datasets and needs at \
             least {DATASETS_FOR_RANKS} of them, found {datasets}; seeds are not datasets: their ranks repeat one answer. \
             The table of differences gives each comparison with its interval"
        );
    }
    input_error!(
        "decision.critical-difference: mean ranks throw away how far methods are apart, and their tests know neither seeds \
         nor test rows; the table of differences, with Holm over the family, answers the same question"
    )
}

/// Whether differences in a metric can be gains.
pub(super) fn has_direction(metric: &str) -> bool {
    metrics::find(metric).is_ok_and(|metric| metric.direction != Direction::Neither)
}
