//! The maximum of a smooth function of a few parameters.

/// Half widths of differences that stand for first and second derivatives: values near 1e5 in 64 bits leave 1e-7 of these.
const FIRST: f64 = 1e-4;
const SECOND: f64 = 1e-3;
/// Steps of the simplex, and of Newton's method, at most.
const SIMPLEX: usize = 600;
const NEWTON: usize = 100;
/// A step this small is none.
const NEAR: f64 = 1e-8;

/// Where a function is largest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Maximum {
    /// Parameters.
    pub at: Vec<f64>,
    /// What the function is there.
    pub value: f64,
}

/// Climbs from a start: a simplex (Nelder and Mead 1965) finds the hill, damped Newton steps its top. Parameters stay within
/// their bounds: beyond these the function counts as at the bound.
pub(super) fn maximise(function: &dyn Fn(&[f64]) -> f64, start: &[f64], bounds: &[(f64, f64)]) -> Maximum {
    let kept = |at: &[f64]| -> Vec<f64> {
        at.iter().zip(bounds).map(|(at, (least, most))| at.clamp(*least, *most)).collect()
    };
    let of = |at: &[f64]| {
        let value = function(&kept(at));
        if value.is_nan() { f64::NEG_INFINITY } else { value }
    };
    let found = newton(&of, simplex(&of, start));
    Maximum { at: kept(&found.at), value: found.value }
}

fn simplex(function: &dyn Fn(&[f64]) -> f64, start: &[f64]) -> Maximum {
    let corner = |at: Vec<f64>| Maximum { value: function(&at), at };
    let mut corners = vec![corner(start.to_vec())];
    for place in 0..start.len() {
        let mut at = start.to_vec();
        at[place] += 0.5;
        corners.push(corner(at));
    }
    let last = corners.len() - 1;
    for _ in 0..SIMPLEX {
        corners.sort_by(|one, other| other.value.total_cmp(&one.value));
        if corners[0].value - corners[last].value <= 1e-6 * corners[0].value.abs().max(1.0) {
            break;
        }
        let mean =
            |place: usize| corners[..last].iter().map(|corner| corner.at[place]).sum::<f64>() / last as f64;
        let centre: Vec<f64> = (0..start.len()).map(mean).collect();
        let towards = |by: f64| {
            let worst = &corners[last].at;
            corner(centre.iter().zip(worst).map(|(centre, worst)| centre + by * (centre - worst)).collect())
        };
        let mirrored = towards(1.0);
        let better = if mirrored.value > corners[0].value {
            let further = towards(2.0);
            Some(if further.value > mirrored.value { further } else { mirrored })
        } else if mirrored.value > corners[last - 1].value {
            Some(mirrored)
        } else {
            let outside = mirrored.value > corners[last].value;
            let nearer = towards(if outside { 0.5 } else { -0.5 });
            (nearer.value > corners[last].value.max(mirrored.value)).then_some(nearer)
        };
        match better {
            Some(better) => corners[last] = better,
            None => {
                let best = corners[0].at.clone();
                for other in &mut corners[1..] {
                    let at = other.at.iter().zip(&best).map(|(at, best)| f64::midpoint(*at, *best)).collect();
                    *other = corner(at);
                }
            }
        }
    }
    corners.sort_by(|one, other| other.value.total_cmp(&one.value));
    corners.swap_remove(0)
}

fn newton(function: &dyn Fn(&[f64]) -> f64, mut found: Maximum) -> Maximum {
    let mut damping = 1e-3;
    for _ in 0..NEWTON {
        let (slope, curve) = derivatives(function, &found);
        let mut moved = None;
        while damping < 1e9 {
            let step = solve(&curve, &slope, damping);
            let at: Vec<f64> =
                found.at.iter().zip(&step).map(|(at, step)| at + step.clamp(-1.0, 1.0)).collect();
            let value = function(&at);
            let size = step.iter().fold(0.0, |most: f64, step| most.max(step.abs()));
            if value >= found.value || size < NEAR {
                moved = Some((Maximum { at, value: value.max(found.value) }, size));
                damping = (damping / 10.0).max(1e-12);
                break;
            }
            damping *= 10.0;
        }
        let Some((next, size)) = moved else { break };
        found = next;
        if size < NEAR {
            break;
        }
    }
    found
}

/// Slopes, and the matrix of second derivatives with the other sign.
fn derivatives(function: &dyn Fn(&[f64]) -> f64, at: &Maximum) -> (Vec<f64>, Vec<Vec<f64>>) {
    let count = at.at.len();
    let moved = |steps: &[(usize, f64)]| {
        let mut place = at.at.clone();
        steps.iter().for_each(|(parameter, step)| place[*parameter] += step);
        function(&place)
    };
    let slope = (0..count).map(|i| (moved(&[(i, FIRST)]) - moved(&[(i, -FIRST)])) / (2.0 * FIRST)).collect();
    let second = |i: usize, j: usize| {
        if i == j {
            let bent = 2.0 * at.value - moved(&[(i, SECOND)]) - moved(&[(i, -SECOND)]);
            return bent / (SECOND * SECOND);
        }
        let corner = |one: f64, other: f64| moved(&[(i, one * SECOND), (j, other * SECOND)]);
        let twist = corner(1.0, 1.0) - corner(1.0, -1.0) - corner(-1.0, 1.0) + corner(-1.0, -1.0);
        -twist / (4.0 * SECOND * SECOND)
    };
    let mut curve: Vec<Vec<f64>> = (0..count).map(|i| (0..=i).map(|j| second(i, j)).collect()).collect();
    for i in 0..count {
        let above: Vec<f64> = curve[i + 1..].iter().map(|row| row[i]).collect();
        curve[i].extend(above);
    }
    (slope, curve)
}

/// `(curve + damping |diagonal|)^-1 slope`, by elimination with pivots.
fn solve(curve: &[Vec<f64>], slope: &[f64], damping: f64) -> Vec<f64> {
    let count = slope.len();
    let mut rows: Vec<Vec<f64>> =
        curve.iter().zip(slope).map(|(row, slope)| row.iter().copied().chain([*slope]).collect()).collect();
    for (place, row) in rows.iter_mut().enumerate() {
        row[place] += damping * curve[place][place].abs().max(1e-6);
    }
    for column in 0..count {
        let size = |row: &usize| rows[*row][column].abs();
        let pivot = (column..count).max_by(|one, other| size(one).total_cmp(&size(other))).unwrap_or(column);
        rows.swap(column, pivot);
        for row in column + 1..count {
            let factor = rows[row][column] / rows[column][column];
            let (done, below) = rows.split_at_mut(row);
            let pivot = &done[column][column..];
            below[0][column..].iter_mut().zip(pivot).for_each(|(to, pivot)| *to -= factor * pivot);
        }
    }
    let mut found = vec![0.0; count];
    for row in (0..count).rev() {
        let known: f64 = (row + 1..count).map(|place| rows[row][place] * found[place]).sum();
        let step = (rows[row][count] - known) / rows[row][row];
        found[row] = if step.is_finite() { step } else { 0.0 };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_valley_is_climbed_to_its_top() {
        let top = |at: &[f64]| -(1.0 - at[0]).powi(2) - 100.0 * (at[1] - at[0] * at[0]).powi(2);
        let found = maximise(&top, &[-1.2, 1.0], &[(-9.0, 9.0); 2]);
        assert!((found.at[0] - 1.0).abs() < 1e-5 && (found.at[1] - 1.0).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn what_rises_without_end_ends_at_its_bound() {
        let found = maximise(&|at: &[f64]| at[1] - at[0] * at[0], &[0.5, 0.0], &[(-9.0, 9.0), (-2.0, 3.0)]);
        assert!(found.at[0].abs() < 1e-6 && found.at[1] == 3.0, "{found:?}");
    }
}
