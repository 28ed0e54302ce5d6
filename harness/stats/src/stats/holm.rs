//! Many comparisons: Holm's step-down correction.

/// Holm's adjusted p-values, in the order given.
///
/// ```text
/// p sorted ascending, m of them:  p~(k) = max over j <= k of min(1, (m - j + 1) p(j))
/// ```
///
/// A comparison without a p-value counts in m and stays without one, so that a failure makes no other test easier.
/// Source: Holm, 1979.
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let count = p_values.len();
    let mut order: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(index, p)| Some((index, (*p)?))).collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![None; count];
    let mut highest = 0.0_f64;
    for (place, (index, p)) in order.into_iter().enumerate() {
        highest = highest.max((p * (count - place) as f64).min(1.0));
        adjusted[index] = Some(highest);
    }
    adjusted
}
