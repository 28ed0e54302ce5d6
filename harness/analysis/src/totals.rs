//! Whether there is a total that shares can be taken of: average effects on the test rows, dataset by dataset.

use valor_base::question::Question;
use valor_runs::record::EvaluationRows;
use valor_runs::spec::{Decision, Experiment, Margin};
use valor_stats::metrics::{self, ScoredRows, Total};
use valor_stats::stats::{AverageEffect, HARDLY_THERE};

/// Average effects on the test rows of every dataset of an experiment.
///
/// The rule: where an average effect lies within three standard errors of 0, shares of it decide nothing. The area that is
/// not divided by it stands before the share, and takes its place in every verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    datasets: Vec<DatasetTotals>,
}

/// Those of one dataset; of several splits the weakest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatasetTotals {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// The difference in means.
    pub observed: Option<AverageEffect>,
    /// With inverse-propensity weights, where propensities are known or estimated.
    pub inverse: Option<AverageEffect>,
    /// The mean true effect, where it is known.
    pub of_truth: Option<AverageEffect>,
    /// Of rows without a treatment whether it is known of all what they are truly worth; absent with a treatment.
    pub worth: Option<bool>,
}

impl DatasetTotals {
    /// Of all test parts of a dataset.
    pub fn of<'a>(dataset: &str, splits: impl Iterator<Item = &'a EvaluationRows> + Clone) -> Self {
        let observed = splits
            .clone()
            .filter_map(|rows| AverageEffect::of(&rows.treatment.as_ref()?.assigned, &rows.outcome).ok());
        let inverse = splits.clone().filter_map(|rows| {
            let treatment = rows.treatment.as_ref()?;
            AverageEffect::inverse(&treatment.assigned, &rows.outcome, treatment.propensity.as_ref()?).ok()
        });
        let without = splits.clone().filter(|rows| rows.question() == Question::Value);
        let worth = without.map(|rows| rows.worth().is_some()).reduce(|all, one| all && one);
        let of_truth = splits.filter_map(|rows| AverageEffect::of_true(rows.effect.as_ref()?).ok());
        Self {
            dataset: dataset.to_string(),
            observed: weakest(observed),
            inverse: weakest(inverse),
            of_truth: weakest(of_truth),
            worth,
        }
    }

    /// Of one set of judged rows.
    pub fn of_rows(name: &str, rows: &ScoredRows) -> Self {
        let (treatment, outcome) = (rows.treatment, rows.outcome);
        let inverse = |propensity| AverageEffect::inverse(treatment?, outcome, propensity).ok();
        Self {
            dataset: name.to_string(),
            observed: treatment.and_then(|treatment| AverageEffect::of(treatment, outcome).ok()),
            inverse: rows.propensity.and_then(inverse),
            of_truth: rows.effect.and_then(|effect| AverageEffect::of_true(effect).ok()),
            worth: treatment.is_none().then_some(rows.expected.is_some()),
        }
    }

    /// The total that a metric is a share of, where it is hardly there.
    fn hardly_there(&self, metric: &str) -> Option<&AverageEffect> {
        let (total, _) = metrics::find(metric).ok()?.share_of()?;
        let found = match total {
            Total::Observed => &self.observed,
            Total::Inverse => &self.inverse,
            Total::True => &self.of_truth,
        };
        found.as_ref().filter(|found| found.is_hardly_there())
    }

    /// Whether there are test rows.
    fn has_rows(&self) -> bool {
        self.observed.is_some() || self.of_truth.is_some() || self.worth.is_some()
    }

    /// Whether there are metrics without the noise of outcomes.
    fn knows_the_truth(&self) -> bool {
        self.of_truth.is_some() || self.worth == Some(true)
    }

    /// Why a metric says nothing here; nothing if it does.
    pub fn warning(&self, metric: &str) -> Option<String> {
        let found = self.hardly_there(metric)?;
        let decides = self.in_place_of(metric)?;
        Some(format!(
            "{metric} is a share of a total that is hardly there: the average effect on the test rows of {} is {}, less than \
             {HARDLY_THERE:.0}; {decides} decides in its place",
            self.dataset,
            found.distance()
        ))
    }

    /// What decides in the place of a share of a total that is hardly there: the metric without noise where the truth is known, else
    /// the area.
    fn in_place_of(&self, share: &str) -> Option<&'static str> {
        let area = |metric: &str| Some(metrics::find(metric).ok()?.share_of()?.1);
        let limit = metrics::find(share).ok()?.without_noise().filter(|_| self.of_truth.is_some());
        match limit {
            Some(limit) if self.hardly_there(limit).is_some() => area(limit),
            Some(limit) => Some(limit),
            None => area(share),
        }
    }
}

/// A metric that decides in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instead {
    /// The metric.
    pub metric: String,
    /// Why: the other is noisy where this one is known, or a share of a total that is hardly there.
    pub why: String,
}

fn weakest(found: impl Iterator<Item = AverageEffect>) -> Option<AverageEffect> {
    let strength = |found: &AverageEffect| match (found.z, found.standard_error) {
        (Some(z), _) => z.abs(),
        (None, Some(_)) if found.effect != 0.0 => f64::INFINITY,
        (None, _) => 0.0,
    };
    found.min_by(|a, b| strength(a).total_cmp(&strength(b)))
}

impl Totals {
    /// Of all datasets.
    pub fn new(datasets: Vec<DatasetTotals>) -> Self {
        Self { datasets }
    }

    /// Those of a dataset.
    pub fn of(&self, dataset: &str) -> Option<&DatasetTotals> {
        self.datasets.iter().find(|totals| totals.dataset == dataset)
    }

    /// Why a metric decides nothing on these datasets taken together: one of them is enough.
    pub fn warning(&self, metric: &str, datasets: &[&str]) -> Option<String> {
        datasets.iter().find_map(|dataset| self.of(dataset)?.warning(metric))
    }

    /// Whether all of these datasets that have test rows have true effects of them, or what they are truly worth, at least one.
    fn know_the_truth(&self, datasets: &[&str]) -> bool {
        let mut found =
            datasets.iter().filter_map(|dataset| self.of(dataset)).filter(|one| one.has_rows()).peekable();
        found.peek().is_some() && found.all(DatasetTotals::knows_the_truth)
    }

    /// The metric without the noise of outcomes, where true effects are known; else itself.
    pub fn without_noise<'a>(&self, metric: &'a str, datasets: &[&str]) -> &'a str {
        let limit = metrics::find(metric).ok().and_then(metrics::Metric::without_noise);
        limit.filter(|_| self.know_the_truth(datasets)).unwrap_or(metric)
    }

    /// Itself, or its area where the total is hardly there.
    fn share_or_area<'a>(&self, metric: &'a str, datasets: &[&str]) -> &'a str {
        match metrics::find(metric).ok().and_then(metrics::Metric::share_of) {
            Some((_, area)) if self.warning(metric, datasets).is_some() => area,
            Some(_) | None => metric,
        }
    }

    /// The metric that decides in the place of this one on these datasets: the one without noise where the truth is known, its area
    /// where the total is hardly there; else itself.
    pub fn deciding<'a>(&self, metric: &'a str, datasets: &[&str]) -> &'a str {
        self.share_or_area(self.without_noise(metric, datasets), datasets)
    }

    /// What decides in the place of this metric, and why; nothing where it decides itself.
    pub fn instead(&self, metric: &str, datasets: &[&str]) -> Option<Instead> {
        let (limit, deciding) = (self.without_noise(metric, datasets), self.deciding(metric, datasets));
        let known = (limit != metric).then(|| format!("{limit} is {metric} without the noise of outcomes"));
        let why: Vec<String> = known.into_iter().chain(self.warning(limit, datasets)).collect();
        (deciding != metric).then(|| Instead { metric: deciding.to_string(), why: why.join("; ") })
    }

    /// What an experimenter, who does not know the truth, would decide by on these datasets in the place of a metric: itself if it
    /// is one of outcomes, else the one that tends to it; the area where the total is hardly there. Nothing where the truth is not
    /// known, or where the metric says nothing of outcomes.
    pub fn observed<'a>(&self, metric: &'a str, datasets: &[&str]) -> Option<&'a str> {
        let known = metrics::find(metric).ok().filter(|_| self.know_the_truth(datasets))?;
        let seen = known.with_noise().or(known.without_noise().map(|_| metric))?;
        Some(self.share_or_area(seen, datasets))
    }

    /// What decides the claims of an experiment, and what an experimenter would have decided them by.
    pub fn of_claims(&self, asked: &Experiment) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for claim in &asked.claims {
            let datasets: Vec<&str> = match claim.datasets.as_slice() {
                [] => asked.datasets.iter().map(|dataset| dataset.name.as_str()).collect(),
                some => some.iter().map(String::as_str).collect(),
            };
            let deciding = self.deciding(&claim.metric, &datasets);
            for name in [Some(deciding), self.observed(&claim.metric, &datasets)].into_iter().flatten() {
                if metrics::find(name).is_ok() && !names.iter().any(|known| known == name) {
                    names.push(name.to_string());
                }
            }
        }
        names
    }

    /// The experiment with what decides before every metric of its table that does not decide itself.
    pub fn leading(&self, asked: &Experiment) -> Experiment {
        let datasets: Vec<&str> = asked.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
        let mut shown: Vec<String> = Vec::new();
        for metric in &asked.metrics {
            let first = self.deciding(metric, &datasets);
            for name in [first, metric.as_str()] {
                if !shown.iter().any(|known| known == name) {
                    shown.push(name.to_string());
                }
            }
        }
        Experiment { metrics: shown, ..asked.clone() }
    }

    /// The metrics that the experiment's verdicts rest on.
    pub fn primary(&self, asked: &Experiment) -> Vec<String> {
        let datasets: Vec<&str> = asked.datasets.iter().map(|dataset| dataset.name.as_str()).collect();
        let mut primary: Vec<String> = Vec::new();
        for metric in &asked.decision.metrics {
            let deciding = self.deciding(metric, &datasets).to_string();
            if !primary.contains(&deciding) {
                primary.push(deciding);
            }
        }
        primary
    }
}

/// The region of practical equivalence of a metric. One that stands in for another without its noise has that of the other. An area
/// that stands in for a share has that of the share, where it is relative; a number in units of the share says nothing of the area, and
/// nothing is then called equivalent.
pub fn equivalence(decision: &Decision, asked: &[String], metric: &str) -> Margin {
    let found = |is: &dyn Fn(&metrics::Metric) -> bool| {
        asked.iter().find(|name| metrics::find(name).is_ok_and(is)).map(|name| decision.equivalence.of(name))
    };
    let area_is = |share: &str| {
        metrics::find(share).ok().and_then(metrics::Metric::share_of).is_some_and(|(_, area)| area == metric)
    };
    if asked.iter().any(|name| name == metric) {
        return decision.equivalence.of(metric);
    }
    if let Some(margin) = found(&|other| other.without_noise() == Some(metric)) {
        return margin;
    }
    match found(&|other| area_is(other.name) || other.without_noise().is_some_and(area_is)) {
        None => decision.equivalence.of(metric),
        Some(Margin::Share(share)) => Margin::Share(share),
        Some(Margin::Absolute(_)) => Margin::Absolute(0.0),
    }
}
