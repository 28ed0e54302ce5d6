//! What each feature does to uplift over all rows.

use super::account::Account;
use super::digest::{Digest, Tally};
use serde::Serialize;
use valor_data::encode::FeatureSummary;
use valor_learn::model::Cell;
use valor_stats::metrics::rank::kendall;

/// A rank correlation of value and contribution from here on is a direction.
const CLEAR: f64 = 0.3;
/// Levels that are named, at most.
const LEVELS: usize = 6;

/// How a feature moves uplift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// High values raise it, low values lower it.
    Raises,
    /// High values lower it, low values raise it.
    Lowers,
    /// Neither: in between, or both ends alike.
    Mixed,
    /// It depends on the level.
    Levels,
    /// It does nothing.
    None,
}

/// A feature over all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureView {
    /// Its place among the features.
    pub place: usize,
    /// Its name.
    pub name: String,
    /// Mean absolute contribution, outcome units.
    pub mean_absolute: f64,
    /// How it moves uplift.
    pub direction: Direction,
    /// Mean contributions by kind of value: `low values`, `north`, `missing`.
    pub effects: Vec<(String, f64)>,
}

/// All features, the one with the largest mean contribution first.
pub fn features(digest: &Digest) -> Vec<FeatureView> {
    let mut views: Vec<FeatureView> =
        (0..digest.features.len()).map(|place| feature(digest, place)).collect();
    views.sort_by(|one, other| {
        other.mean_absolute.total_cmp(&one.mean_absolute).then(one.place.cmp(&other.place))
    });
    views
}

fn feature(digest: &Digest, place: usize) -> FeatureView {
    let (feature, tally) = (&digest.features[place], &digest.tallies[place]);
    let mean_absolute = tally.absolute / digest.rows.max(1) as f64;
    let (mut direction, mut effects) = match feature.known() {
        FeatureSummary::Levels(levels) => (Direction::Levels, by_level(levels, tally)),
        FeatureSummary::Number { .. } => by_value(&digest.sample, place),
    };
    if mean_absolute == 0.0 {
        (direction, effects) = (Direction::None, Vec::new());
    } else {
        effects.extend(tally.missing.mean().map(|mean| ("missing".to_string(), mean)));
    }
    FeatureView { place, name: feature.name.clone(), mean_absolute, direction, effects }
}

/// Levels with rows, those that lower most first; of many the ends.
fn by_level(levels: &[String], tally: &Tally) -> Vec<(String, f64)> {
    let means = levels.iter().zip(&tally.levels);
    let mut means: Vec<(String, f64)> =
        means.filter_map(|(level, total)| Some((level.clone(), total.mean()?))).collect();
    means.sort_by(|one, other| one.1.total_cmp(&other.1));
    if means.len() > LEVELS {
        let from = means.len() - LEVELS / 2;
        means.drain(LEVELS / 2..from);
    }
    means
}

/// The lowest and the highest third of the sampled values.
fn by_value(sample: &[Account], place: usize) -> (Direction, Vec<(String, f64)>) {
    let pair = |account: &Account| match account.cells[place] {
        Cell::Number(value) => Some((f64::from(value), account.contributions[place])),
        Cell::Level(_) | Cell::Unmet(_) | Cell::Missing => None,
    };
    let mut pairs: Vec<(f64, f64)> = sample.iter().filter_map(pair).collect();
    pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let count = pairs.len();
    if count < 2 {
        return (Direction::Mixed, Vec::new());
    }
    let (low, high) = (pairs[count / 3].0, pairs[2 * count / 3].0);
    let mean = |chosen: &dyn Fn(f64) -> bool| {
        let chosen: Vec<f64> =
            pairs.iter().filter(|(value, _)| chosen(*value)).map(|(_, found)| *found).collect();
        (!chosen.is_empty()).then(|| chosen.iter().sum::<f64>() / chosen.len() as f64)
    };
    // Where one value fills the middle, what lies beyond it decides.
    let below = if low < high { mean(&|value| value <= low) } else { mean(&|value| value < low) };
    let above = if low < high { mean(&|value| value >= high) } else { mean(&|value| value > high) };
    let below = below.or_else(|| mean(&|value| value <= low));
    let above = above.or_else(|| mean(&|value| value >= high));
    let named = [("low values", below), ("high values", above)];
    let effects = named.into_iter().filter_map(|(name, mean)| Some((name.to_string(), mean?))).collect();
    let (values, found): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let direction = match kendall(&values, &found) {
        Ok(tau) if tau >= CLEAR => Direction::Raises,
        Ok(tau) if tau <= -CLEAR => Direction::Lowers,
        Ok(_) | Err(_) => Direction::Mixed,
    };
    (direction, effects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: &[f32], contribution: impl Fn(f32) -> f64) -> Vec<Account> {
        let account = |&value: &f32| Account {
            id: String::new(),
            uplift: 0.0,
            cells: vec![if value.is_nan() { Cell::Missing } else { Cell::Number(value) }],
            contributions: vec![contribution(value)],
        };
        values.iter().map(account).collect()
    }

    #[test]
    fn directions_are_those_of_the_values() {
        let values: Vec<f32> = (0..90).map(|value| value as f32).collect();
        let rising = by_value(&sample(&values, |value| f64::from(value) - 45.0), 0);
        assert_eq!(rising.0, Direction::Raises);
        assert!(rising.1[0].1 < -25.0 && rising.1[1].1 > 25.0, "{:?}", rising.1);
        assert_eq!(by_value(&sample(&values, |value| -f64::from(value)), 0).0, Direction::Lowers);
        let valley = by_value(&sample(&values, |value| (f64::from(value) - 44.5).abs()), 0);
        assert_eq!(valley.0, Direction::Mixed);
    }

    #[test]
    fn flags_and_gaps_have_ends_too() {
        for share in [10, 80] {
            let values: Vec<f32> = (0..90).map(|row| f32::from(u8::from(row < share))).collect();
            let (direction, effects) = by_value(&sample(&values, |value| f64::from(value) - 0.5), 0);
            assert_eq!(direction, Direction::Raises, "{share}");
            assert_eq!((effects[0].1, effects[1].1), (-0.5, 0.5), "{share}");
        }
        assert_eq!(by_value(&sample(&[f32::NAN; 4], |_| 1.0), 0), (Direction::Mixed, Vec::new()));
        assert_eq!(by_value(&sample(&[3.0; 4], |_| 1.0), 0).0, Direction::Mixed);
    }
}
