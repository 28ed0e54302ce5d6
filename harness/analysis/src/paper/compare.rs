//! One figure of the paper against ours: the rule behind the verdict of a cell (docs/methods/differences-from-the-paper.md).

use super::LATENCY;
use crate::cell::CellView;
use crate::estimate::{LEVEL, mean};

use serde::Serialize;
use valor_stats::stats::{self, Interval, NORMAL_95, POWER, Studentised, Tails};

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

/// A metric of one method on one dataset.
pub struct Part {
    /// A value per finished seed.
    pub seeds: Vec<f64>,
    /// How far test rows reach; absent where they are not resampled.
    pub rows: Option<Reach>,
}

/// How far a 95 % interval over test rows reaches from the mean on either side.
pub struct Reach {
    down: f64,
    up: f64,
    /// Rows.
    rows: usize,
}

impl Reach {
    /// Of an interval.
    pub fn new(mean: f64, interval: &Interval) -> Self {
        let reach = |distance: f64| distance.max(0.0);
        Self { down: reach(mean - interval.low), up: reach(interval.high - mean), rows: interval.n }
    }
}

/// A metric of one method over datasets.
pub struct Ours {
    /// Mean over datasets of the mean over seeds.
    pub mean: f64,
    parts: Vec<Part>,
}

impl Ours {
    /// Of a method's cells, one per dataset.
    ///
    /// # Errors
    ///
    /// Why there is nothing to compare.
    pub fn new(cells: Option<&[&CellView]>, metric: &str) -> Result<Self, String> {
        let cells = cells.filter(|cells| !cells.is_empty()).ok_or("the experiment has no such method")?;
        if metric == LATENCY {
            let times = cells.iter().filter_map(|cell| cell.times.as_ref()?.single_median_ms);
            let mean = mean(times).ok_or("no time was measured")?;
            return Ok(Self { mean, parts: Vec::new() });
        }
        let part = |cell: &&CellView| match cell.metrics.get(metric) {
            Some(estimate) => match &estimate.reason {
                Some(reason) => Err(format!("{}: {reason}", cell.dataset)),
                None => Ok(Part::from(estimate)),
            },
            None => Err(format!("{metric} is not recorded")),
        };
        let parts = cells.iter().map(part).collect::<Result<Vec<_>, _>>()?;
        let means = parts.iter().filter_map(|part| mean(part.seeds.iter().copied()));
        Ok(Self { mean: mean(means).unwrap_or(f64::NAN), parts })
    }

    /// The standard error of ours minus the paper's, where the paper's figure varies as ours would.
    fn error(&self) -> Result<Studentised, String> {
        let within = self.within()?;
        let between = self.between();
        Ok(between.filter(|between| between.standard_error() > within.standard_error()).unwrap_or(within))
    }

    /// Seeds and test rows of both sides.
    fn within(&self) -> Result<Studentised, String> {
        let count = self.parts.len() as f64;
        let mut parts = Vec::new();
        for part in &self.parts {
            let seeds = Studentised::of(&part.seeds).map_err(|_| "one seed has no interval".to_string())?;
            let ours = 1.0 / count;
            let theirs = (part.seeds.len() as f64 / PAPER_SEEDS / count).sqrt();
            parts.push((ours.hypot(theirs), Studentised { mean: 0.0, ..seeds }));
            if let Some(reach) = &part.rows {
                let rows = Tails { down: reach.down / NORMAL_95, up: reach.up / NORMAL_95 };
                let theirs = (reach.rows as f64 / PAPER_ROWS / count).sqrt();
                parts.push((ours.hypot(theirs), Studentised { rows, ..Studentised::new(0.0, 0.0, 1.0) }));
            }
        }
        Studentised::sum(&parts).map_err(|undefined| undefined.to_string())
    }

    /// Several worlds: how far they lie apart, and so how far a further one may.
    fn between(&self) -> Option<Studentised> {
        let means: Vec<f64> = self.parts.iter().filter_map(|part| mean(part.seeds.iter().copied())).collect();
        let sd = stats::Estimate::of(&means)?.sd?;
        let count = means.len() as f64;
        Some(Studentised::new(0.0, sd * (1.0 + 1.0 / count).sqrt(), count - 1.0))
    }
}

/// The verdict. `differs` says why the two cannot be compared whatever they are.
pub fn compare(paper: Option<f64>, ours: Result<Ours, String>, differs: Option<&str>) -> Comparison {
    let found = || -> Result<Comparison, String> {
        let paper = paper.ok_or("the paper has no figure")?;
        let ours = ours?;
        if let Some(reason) = differs {
            return Err(reason.to_string());
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
        reason,
    })
}

fn judged(difference: Studentised, margin: f64) -> Result<Comparison, String> {
    let (low, high) = difference.interval(LEVEL).map_err(|undefined| undefined.to_string())?;
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

    fn ours(parts: &[(&[f64], f64)]) -> Ours {
        let part = |(seeds, half): &(&[f64], f64)| Part {
            seeds: seeds.to_vec(),
            rows: Some(Reach { down: *half, up: *half, rows: 47_284 }),
        };
        let parts: Vec<Part> = parts.iter().map(part).collect();
        let means = parts.iter().filter_map(|part| mean(part.seeds.iter().copied()));
        Ours { mean: mean(means).unwrap(), parts }
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
        assert_eq!(compare(None, Err("absent".to_string()), None).reason, "the paper has no figure");
        let single = Ours { mean: 0.25, parts: vec![Part { seeds: vec![0.25], rows: None }] };
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
