//! What the charts show: points, not pixels.

use super::estimate::mean;
use super::shown::Axes;
use rayon::prelude::*;
use valor_base::question::Question;
use valor_runs::record::{Record, Status};
use valor_runs::spec::NamedMethod;
use valor_stats::metrics::RankedRows;
use valor_stats::metrics::curve::{CurvePoint, Group};
use valor_stats::stats::NORMAL_95;

/// Steps of a drawn curve.
pub const CURVE_POINTS: usize = 200;

/// A curve of one method over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Method.
    pub name: String,
    /// Panels group by this.
    pub backbone: String,
    /// Mean over seeds, one value per abscissa.
    pub mean: Vec<f64>,
    /// Lowest seed.
    pub low: Vec<f64>,
    /// Highest seed.
    pub high: Vec<f64>,
    /// What other test rows would do to the mean; absent where seeds have no common rows.
    pub rows: Option<RowBand>,
}

/// 95 % bands of a curve over resampled test rows, seeds averaged.
#[derive(Clone, Debug, PartialEq)]
pub struct RowBand {
    /// Share of rows, best first, 0 to 1.
    pub share: Vec<f64>,
    /// Mean over seeds at these shares.
    pub mean: Vec<f64>,
    /// Standard deviation over resamples.
    pub sd: Vec<f64>,
    /// Standard deviations on either side that hold a point.
    pub pointwise: f64,
    /// Standard deviations on either side that hold the whole curve.
    pub simultaneous: f64,
}

/// A reference curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Ranker.
    pub name: String,
    /// One value per abscissa.
    pub values: Vec<f64>,
}

/// Curves that share their abscissae.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// What they are.
    pub title: &'static str,
    /// What its axes say.
    pub axes: Axes,
    /// Share of rows, best first, 0 to 1.
    pub share: Vec<f64>,
    /// Methods.
    pub methods: Vec<Band>,
    /// References.
    pub references: Vec<Line>,
}

/// A tenth of the rows, best first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecilePoint {
    /// 1 to 10.
    pub decile: usize,
    /// Difference of mean outcomes between the arms, absent when an arm is empty; where there is no treatment the mean outcome.
    pub observed: Option<f64>,
    /// Standard error of it.
    pub standard_error: Option<f64>,
    /// Mean predicted uplift or value.
    pub predicted: f64,
    /// Mean true effect or true worth, where known.
    pub truth: Option<f64>,
}

impl DecilePoint {
    /// One standard error to either side of what was observed.
    pub fn error(&self) -> Option<(f64, f64)> {
        self.around(1.0)
    }

    /// The 95 % interval of what was observed: as many standard errors to either side as hold that share of a normal law.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.around(NORMAL_95)
    }

    fn around(&self, reach: f64) -> Option<(f64, f64)> {
        let (observed, reach) = (self.observed?, reach * self.standard_error?);
        Some((observed - reach, observed + reach))
    }
}

/// Uplift or value by decile of one method, averaged over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Deciles {
    /// Method.
    pub name: String,
    /// Of what.
    pub asks: Question,
    /// Ten of them.
    pub points: Vec<DecilePoint>,
}

/// The training of one method.
#[derive(Clone, Debug, PartialEq)]
pub struct Losses {
    /// Method.
    pub name: String,
    /// Seeds.
    pub seeds: Vec<LossCurve>,
    /// Mean over finished seeds of each term in its last epoch, before its weight.
    pub last_terms: Vec<(String, f64)>,
}

/// The training of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct LossCurve {
    /// Seed.
    pub seed: u64,
    /// Epoch and weighted total on training batches, where finite.
    pub total: Vec<(f64, f64)>,
    /// Epoch and total on validation rows, where there are any.
    pub validation: Vec<(f64, f64)>,
    /// The epoch in which it diverged.
    pub diverged: Option<usize>,
}

impl RowBand {
    /// The band that holds a point: share of rows, low, high.
    pub fn pointwise(&self) -> Vec<(f64, f64, f64)> {
        self.around(self.pointwise)
    }

    /// The band that holds the whole curve: share of rows, low, high.
    pub fn simultaneous(&self) -> Vec<(f64, f64, f64)> {
        self.around(self.simultaneous)
    }

    fn around(&self, reach: f64) -> Vec<(f64, f64, f64)> {
        let points = self.share.iter().zip(&self.mean).zip(&self.sd);
        points.map(|((x, mean), sd)| (*x, mean - reach * sd, mean + reach * sd)).collect()
    }
}

impl Band {
    /// Mean and range of a method's curves; nothing without a curve.
    pub fn over_seeds(
        method: &NamedMethod,
        curves: &[Vec<CurvePoint>],
        rows: Option<RowBand>,
    ) -> Option<Self> {
        let points = curves.first()?.len();
        let at = |index: usize| curves.iter().map(move |curve| curve[index].gain);
        Some(Self {
            name: method.name.clone(),
            backbone: method.backbone.clone(),
            mean: average(curves),
            low: (0..points).map(|index| at(index).fold(f64::INFINITY, f64::min)).collect(),
            high: (0..points).map(|index| at(index).fold(f64::NEG_INFINITY, f64::max)).collect(),
            rows,
        })
    }
}

/// A curve per model.
pub fn curves(
    models: &[RankedRows],
    curve: fn(&RankedRows, usize) -> Vec<CurvePoint>,
) -> Vec<Vec<CurvePoint>> {
    models.par_iter().map(|model| curve(model, CURVE_POINTS)).collect()
}

/// Mean gain of curves with the same number of points.
pub fn average(curves: &[Vec<CurvePoint>]) -> Vec<f64> {
    let points = curves.iter().map(Vec::len).min().unwrap_or(0);
    (0..points).filter_map(|index| mean(curves.iter().map(|curve| curve[index].gain))).collect()
}

/// The abscissae of a curve.
pub fn shares(curve: &[CurvePoint]) -> Vec<f64> {
    curve.iter().map(|point| point.share).collect()
}

impl Deciles {
    /// Averages a method's groups, one list per seed; nothing without groups.
    pub fn over_seeds(name: &str, asks: Question, seeds: &[Vec<Group>]) -> Option<Self> {
        let groups = seeds.iter().map(Vec::len).min().filter(|groups| *groups > 0)?;
        let points = (0..groups).filter_map(|index| {
            let of = || seeds.iter().map(move |groups| groups[index]);
            Some(DecilePoint {
                decile: index + 1,
                observed: mean(of().filter_map(|group| group.observed)),
                standard_error: mean(of().filter_map(|group| group.standard_error)),
                predicted: mean(of().map(|group| group.predicted))?,
                truth: mean(of().filter_map(|group| group.effect)),
            })
        });
        Some(Self { name: name.to_string(), asks, points: points.collect() })
    }
}

impl LossCurve {
    /// Of a record; epochs without a finite loss are left out.
    pub fn of(seed: u64, record: &Record) -> Self {
        let epochs = || record.epochs.iter();
        let finite = |value: f64| value.is_finite().then_some(value);
        Self {
            seed,
            total: epochs().filter_map(|epoch| Some((epoch.epoch as f64, finite(epoch.total?)?))).collect(),
            validation: epochs()
                .filter_map(|epoch| Some((epoch.epoch as f64, finite(epoch.validation?)?)))
                .collect(),
            diverged: match &record.status {
                Status::Diverged(fall) => Some(fall.epoch),
                Status::Finished { .. } => None,
            },
        }
    }
}
