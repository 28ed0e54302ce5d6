//! Quantiles of a sample.

/// The quantile of ascending values, linear between the two around `share (n - 1)` (Hyndman and Fan's type 7, numpy's default); 0 of
/// no values. `share` in [0, 1].
pub fn quantile(ascending: &[f64], share: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return 0.0 };
    let place = share * last as f64;
    let (below, above) = (ascending[place.floor() as usize], ascending[(place.ceil() as usize).min(last)]);
    below + (above - below) * place.fract()
}
