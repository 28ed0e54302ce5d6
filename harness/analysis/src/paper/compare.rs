//! One figure of the paper against ours: the rule behind the verdict of a cell (docs/methods/differences-from-the-paper.md).

use super::LATENCY;
use super::source::Column;
use crate::estimate::{LEVEL, POWER, mean};
use crate::linear_contrast::{LinearContrast, Orientation, ResampledCell};

use serde::Serialize;
use valor_stats::metrics::{Defined, Undefined};
use valor_stats::stats::{Estimate, Resampled, Studentised};

/// Half-width of the region in which two figures count as the same, as a share of the paper's.
const MARGIN: f64 = 0.05;
/// Seeds behind a figure of the paper.
const PAPER_SEEDS: f64 = 5.0;
/// Test rows behind it: a fifth of 236,421.
const PAPER_ROWS: f64 = 47_284.0;

/// What a figure of the paper is called beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaperVerdict {
    /// The interval of the difference lies inside the margin.
    Reproduced,
    /// It reaches inside and outside: the data do not decide.
    WithinNoise,
    /// It lies outside.
    Off,
    /// There is nothing to compare.
    NotComparable,
}

impl PaperVerdict {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::WithinNoise => "within noise",
            Self::Off => "off",
            Self::NotComparable => "not comparable",
        }
    }
}

/// Ours beside the paper's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The verdict.
    pub verdict: PaperVerdict,
    /// Ours minus the paper's.
    pub difference: Option<f64>,
    /// 95 % interval of it.
    pub interval: Option<[f64; 2]>,
    /// Half-width of the region in which the two count as the same.
    pub margin: Option<f64>,
    /// The smallest difference that would have been found with probability .8.
    pub detectable: Option<f64>,
    /// Why the verdict is what it is.
    pub reason: String,
}

/// A metric of one method over datasets.
pub(super) struct Ours {
    /// Mean over datasets of the mean over seeds.
    pub mean: f64,
    /// One per dataset; none of a time.
    parts: Vec<Part>,
}

/// A metric of one method on one dataset.
struct Part {
    /// A value per finished seed, at least one.
    seeds: Vec<f64>,
    /// The mean over seeds under every resample of the test rows; absent where they are not resampled.
    rows: Option<Resampled>,
    /// The same in the metric that the paper's figure is in: of its own test rows that figure has the noise of outcomes.
    as_paper: Option<PaperRows>,
}

/// The mean over seeds in the metric of a figure of the paper, and under every resample of the test rows.
struct PaperRows {
    mean: f64,
    rows: Resampled,
}

impl Ours {
    /// Of a method's cells, one per dataset.
    ///
    /// # Errors
    ///
    /// Why there is nothing to compare.
    pub(super) fn new(cells: Option<&[&ResampledCell]>, column: &Column) -> Defined<Self> {
        let metric = column.decides.as_str();
        let cells = cells
            .filter(|cells| !cells.is_empty())
            .ok_or_else(|| Undefined::new("the experiment has no such method"))?;
        if metric == LATENCY {
            let times = cells.iter().filter_map(|one| one.cell.times.as_ref()?.single_median_ms);
            let mean = mean(times).ok_or_else(|| Undefined::new("no time was measured"))?;
            return Ok(Self { mean, parts: Vec::new() });
        }
        let part = |one: &&ResampledCell| {
            let estimate = one.cell.metrics.get(metric);
            let estimate = estimate.ok_or_else(|| Undefined(format!("{metric} is not recorded")))?;
            if let Err(reason) = &estimate.mean {
                return Err(Undefined(format!("{}: {reason}", one.cell.dataset)));
            }
            let found = LinearContrast::of(&[(1.0, one)], metric, Orientation::Metric);
            let printed = LinearContrast::of(&[(1.0, one)], &column.metric, Orientation::Metric);
            let as_paper =
                printed.seeds.ok().and_then(|seeds| mean(seeds.into_iter())).zip(printed.rows.ok());
            let as_paper = as_paper.map(|(mean, rows)| PaperRows { mean, rows });
            Ok(Part { seeds: found.seeds?, rows: found.rows.ok(), as_paper })
        };
        Ok(Self::of(cells.iter().map(part).collect::<Defined<_>>()?))
    }

    /// The mean over cells in another metric.
    pub(super) fn observed(cells: &[&ResampledCell], metric: &str) -> Option<f64> {
        let means: Option<Vec<f64>> = cells.iter().map(|one| one.cell.metrics.get(metric)?.value()).collect();
        mean(means?.into_iter())
    }

    fn of(parts: Vec<Part>) -> Self {
        let means = parts.iter().filter_map(|part| mean(part.seeds.iter().copied()));
        Self { mean: mean(means).unwrap_or(f64::NAN), parts }
    }

    /// The standard error of ours minus the paper's, where the paper's figure varies as ours would.
    fn error(&self) -> Defined<Studentised> {
        let within = self.within()?;
        let between = self.between();
        Ok(between.filter(|between| between.standard_error() > within.standard_error()).unwrap_or(within))
    }

    /// Seeds and test rows of both sides: the paper's with the variance of ours, at its number of seeds and of rows.
    fn within(&self) -> Defined<Studentised> {
        let count = self.parts.len() as f64;
        let ours = 1.0 / count;
        let mut parts = Vec::new();
        for part in &self.parts {
            let seeds =
                Studentised::of(&part.seeds).map_err(|_| Undefined::new("one seed has no interval"))?;
            let theirs = (part.seeds.len() as f64 / PAPER_SEEDS / count).sqrt();
            parts.push((ours.hypot(theirs), Studentised { mean: 0.0, ..seeds }));
            let alone = |tails| Studentised { rows: tails, ..Studentised::new(0.0, 0.0, 1.0) };
            let own = part.rows.as_ref().and_then(|rows| rows.tails(seeds.mean).ok());
            parts.extend(own.map(|tails| (ours, alone(tails))));
            if let Some(PaperRows { mean, rows }) = &part.as_paper {
                let theirs = (rows.rows as f64 / PAPER_ROWS / count).sqrt();
                parts.extend(rows.tails(*mean).ok().map(|tails| (theirs, alone(tails))));
            }
        }
        Studentised::sum(&parts)
    }

    /// Several worlds: how far they lie apart, and so how far a further one, the paper's, may lie from their mean. It has no
    /// tails of rows beside it: each world has test rows of its own, so that what rows do is in how far they lie apart.
    fn between(&self) -> Option<Studentised> {
        let means: Vec<f64> = self.parts.iter().filter_map(|part| mean(part.seeds.iter().copied())).collect();
        let Estimate { sd, n, .. } = Estimate::of(&means)?;
        let count = n as f64;
        Some(Studentised::new(0.0, sd? * (1.0 + 1.0 / count).sqrt(), count - 1.0))
    }
}

/// The verdict. `differs` says why the two cannot be compared whatever they are.
pub(super) fn compare(paper: Option<f64>, ours: Defined<Ours>, differs: Option<&str>) -> Comparison {
    let found = || -> Defined<Comparison> {
        let paper = paper.ok_or_else(|| Undefined::new("the paper has no figure"))?;
        let ours = ours?;
        if let Some(reason) = differs {
            return Err(Undefined::new(reason));
        }
        let error = ours.error()?;
        judged(Studentised { mean: ours.mean - paper, ..error }, MARGIN * paper.abs())
    };
    found().unwrap_or_else(|reason| Comparison {
        verdict: PaperVerdict::NotComparable,
        difference: None,
        interval: None,
        margin: None,
        detectable: None,
        reason: reason.0,
    })
}

fn judged(difference: Studentised, margin: f64) -> Defined<Comparison> {
    let (low, high) = difference.interval(LEVEL)?;
    let (verdict, reason) = match (low, high) {
        (low, high) if -margin <= low && high <= margin => {
            (PaperVerdict::Reproduced, "the whole interval of the difference lies inside the margin")
        }
        (low, high) if low > margin || high < -margin => {
            (PaperVerdict::Off, "the whole interval of the difference lies outside the margin")
        }
        _ => (PaperVerdict::WithinNoise, "the interval reaches inside and outside the margin"),
    };
    Ok(Comparison {
        verdict,
        difference: Some(difference.mean),
        interval: Some([low, high]),
        margin: Some(margin),
        detectable: difference.detectable(LEVEL, POWER).ok(),
        reason: reason.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_stats::stats::{Law, NORMAL_95};

    /// Seeds, and how far the interval over 47,284 rows reaches from their mean on either side.
    fn ours(parts: &[(&[f64], f64)]) -> Ours {
        let part = |(seeds, half): &(&[f64], f64)| {
            let middle = mean(seeds.iter().copied()).unwrap();
            let values = [-1.0, -1.0, 0.0, 1.0, 1.0].map(|side| middle + side * half).to_vec();
            let rows = Resampled { values, rows: 47_284, law: Law::Drawn };
            let as_paper = Some(PaperRows { mean: middle, rows: rows.clone() });
            Part { seeds: seeds.to_vec(), rows: Some(rows), as_paper }
        };
        Ours::of(parts.iter().map(part).collect())
    }

    #[test]
    fn narrow_intervals_decide_and_wide_ones_do_not() {
        let near: &[f64] = &[0.2500, 0.2501, 0.2502, 0.2499, 0.2498];
        let verdict = |paper, half| compare(Some(paper), Ok(ours(&[(near, half)])), None);
        assert_eq!(verdict(0.252, 0.001).verdict, PaperVerdict::Reproduced);
        assert_eq!(verdict(0.300, 0.001).verdict, PaperVerdict::Off);
        let wide = verdict(0.250, 0.200);
        assert_eq!(wide.verdict, PaperVerdict::WithinNoise, "no difference, but nothing could be found");
        assert!(wide.detectable.unwrap() > 0.2 && wide.margin == Some(0.0125));
        let differs = compare(Some(0.25), Ok(ours(&[(near, 0.001)])), Some("other units"));
        assert_eq!((differs.verdict, differs.reason.as_str()), (PaperVerdict::NotComparable, "other units"));
        assert_eq!(compare(None, Err(Undefined::new("absent")), None).reason, "the paper has no figure");
        let single = Ours::of(vec![Part { seeds: vec![0.25], rows: None, as_paper: None }]);
        assert_eq!(compare(Some(0.25), Ok(single), None).reason, "one seed has no interval");
    }

    #[test]
    fn the_error_is_that_of_both_sides() {
        // Five seeds with SD s and rows with error r on either side: 2 (s^2 / 5 + r^2).
        let seeds: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0];
        let error = ours(&[(seeds, NORMAL_95)]).error().unwrap();
        assert!((error.standard_error().powi(2) - 2.0 * (2.5 / 5.0 + 1.0)).abs() < 1e-12, "{error:?}");
        // Two worlds that lie far apart: their spread, for a further world.
        let far: &[f64] = &[101.0, 102.0, 103.0, 104.0, 105.0];
        let error = ours(&[(seeds, 1.0), (far, 1.0)]).error().unwrap();
        assert!((error.error - (5000.0f64 * 1.5).sqrt()).abs() < 1e-9 && error.freedom == 1.0, "{error:?}");
    }
}
