//! The band around a cell's curve: what other test rows would do to it.

use super::curve::{RowBand, average, shares};
use valor_stats::metrics::curve::CurvePoint;
use valor_stats::stats::{BAND_POINTS, curve_band};

/// From the curve of every resample, seeds averaged, and the seeds' curves on all rows, which have a multiple of its
/// steps. Absent where rows were not resampled or a resample left an arm empty.
pub(crate) fn row_band(resamples: &[Vec<f64>], curves: &[Vec<CurvePoint>]) -> Option<RowBand> {
    let first = curves.first()?;
    let stride = (first.len().checked_sub(1)? / BAND_POINTS).max(1);
    let found = curve_band(resamples).filter(|band| band.sd.iter().all(|sd| sd.is_finite()))?;
    Some(RowBand {
        share: shares(first).into_iter().step_by(stride).collect(),
        mean: average(curves).into_iter().step_by(stride).collect(),
        sd: found.sd,
        pointwise: found.pointwise,
        simultaneous: found.simultaneous,
    })
}
