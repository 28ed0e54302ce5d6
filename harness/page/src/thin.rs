//! Fewer points for the same picture: a point that lies on the line between its neighbours says nothing.

/// Farthest that a left-out point may lie from what is drawn, in pixels of the drawing.
const TOLERANCE: f64 = 1.0;

/// The first point, the last, and those between that a line through the others would miss (Douglas and Peucker 1973).
/// `scale` is pixels per unit of each axis.
pub(crate) fn thinned(points: &[(f64, f64)], scale: [f64; 2]) -> Vec<(f64, f64)> {
    if points.len() < 3 || points.iter().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
        return points.to_vec();
    }
    let mut kept = vec![false; points.len()];
    (kept[0], kept[points.len() - 1]) = (true, true);
    let mut parts = vec![(0, points.len() - 1)];
    while let Some((from, to)) = parts.pop() {
        let distance = |index: usize| distance(points[index], points[from], points[to], scale);
        let farthest = (from + 1..to).max_by(|a, b| distance(*a).total_cmp(&distance(*b)));
        if let Some(index) = farthest.filter(|index| distance(*index) > TOLERANCE) {
            kept[index] = true;
            parts.extend([(from, index), (index, to)]);
        }
    }
    points.iter().zip(kept).filter(|(_, kept)| *kept).map(|(point, _)| *point).collect()
}

/// From a point to the line through two others; to the first where both are one.
fn distance(point: (f64, f64), from: (f64, f64), to: (f64, f64), scale: [f64; 2]) -> f64 {
    let vector = |at: (f64, f64)| [(at.0 - from.0) * scale[0], (at.1 - from.1) * scale[1]];
    let (at, along) = (vector(point), vector(to));
    let length = along[0].hypot(along[1]);
    if length == 0.0 {
        return at[0].hypot(at[1]);
    }
    (at[0] * along[1] - at[1] * along[0]).abs() / length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn straight_parts_become_two_points_and_corners_stay() {
        let straight: Vec<(f64, f64)> = (0..=100).map(|i| (f64::from(i), 2.0 * f64::from(i))).collect();
        assert_eq!(thinned(&straight, [1.0, 1.0]), [(0.0, 0.0), (100.0, 200.0)]);
        let corner = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (2.0, 5.0), (2.0, 9.0)];
        assert_eq!(thinned(&corner, [1.0, 1.0]), [(0.0, 0.0), (2.0, 0.0), (2.0, 9.0)]);
        assert_eq!(thinned(&corner[..2], [1.0, 1.0]).len(), 2);
        let closed = [(0.0, 0.0), (3.0, 4.0), (0.0, 0.0)];
        assert_eq!(thinned(&closed, [1.0, 1.0]), closed);
    }

    #[test]
    fn no_left_out_point_is_farther_than_the_tolerance() {
        let curve: Vec<(f64, f64)> =
            (0..=200).map(|i| f64::from(i) / 200.0).map(|x| (x, (3.0 * x).sin() * x)).collect();
        let scale = [1000.0, 800.0];
        let kept = thinned(&curve, scale);
        assert!(kept.len() < 40, "{}", kept.len());
        for point in curve {
            let near = kept.windows(2).map(|pair| distance(point, pair[0], pair[1], scale));
            assert!(near.fold(f64::INFINITY, f64::min) <= TOLERANCE);
        }
    }
}
