//! Resamples of a few values: all of them where they can be listed, else drawn.

use rand::Rng;
use valor_base::seed::Seeds;

/// Most values whose resamples are all listed: 6,435 different ones of eight.
const LISTED: usize = 8;
/// Resamples that are drawn where they cannot be listed.
const DRAWN: usize = 10_000;

/// Resamples with their probabilities.
pub(super) struct Resamples {
    /// How often each value occurs, and how probable that is; probabilities add up to one.
    pub counts: Vec<(Vec<usize>, f64)>,
    /// How many resamples these stand for.
    pub number: usize,
    /// Whether these are all.
    pub all: bool,
}

impl Resamples {
    /// Of `n` values; `seeds` draws where there are more than eight.
    pub(super) fn of(n: usize, seeds: &Seeds) -> Self {
        if n <= LISTED {
            let mut counts = Vec::new();
            list(&mut vec![0; n], 0, n, &mut counts);
            return Self { counts, number: n.pow(n as u32), all: true };
        }
        let mut stream = seeds.stream();
        let draw = |_| {
            let mut counts = vec![0; n];
            (0..n).for_each(|_| counts[stream.random_range(0..n)] += 1);
            (counts, 1.0 / DRAWN as f64)
        };
        Self { counts: (0..DRAWN).map(draw).collect(), number: DRAWN, all: false }
    }
}

/// Every way to share `left` draws out among the values from `place` on, with multinomial probabilities.
fn list(counts: &mut Vec<usize>, place: usize, left: usize, found: &mut Vec<(Vec<usize>, f64)>) {
    let n = counts.len();
    if place + 1 >= n {
        if let Some(last) = counts.last_mut() {
            *last = left;
        }
        let factorial = |count: usize| (1..=count).map(|factor| factor as f64).product::<f64>();
        let ways = counts.iter().fold(factorial(n), |ways, &count| ways / factorial(count));
        found.push((counts.clone(), ways / (n as f64).powi(n as i32)));
        return;
    }
    for count in 0..=left {
        counts[place] = count;
        list(counts, place + 1, left - count, found);
    }
}

/// The smallest value that so much of the probability does not exceed.
pub(super) fn weighted_quantile(sorted: &[(f64, f64)], probability: f64) -> Option<f64> {
    let mut below = 0.0;
    for &(value, weight) in sorted {
        below += weight;
        if below >= probability - 1e-12 {
            return Some(value);
        }
    }
    sorted.last().map(|last| last.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_resamples_are_listed_with_their_probabilities() {
        for (n, different) in [(1, 1), (2, 3), (5, 126), (8, 6_435)] {
            let found = Resamples::of(n, &Seeds::new(1));
            assert_eq!((found.counts.len(), found.number, found.all), (different, n.pow(n as u32), true));
            assert!((found.counts.iter().map(|one| one.1).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(found.counts.iter().all(|one| one.0.iter().sum::<usize>() == n));
        }
        let drawn = Resamples::of(9, &Seeds::new(1));
        assert_eq!((drawn.counts.len(), drawn.all), (DRAWN, false));
        assert!(drawn.counts.iter().all(|one| one.0.iter().sum::<usize>() == 9));
    }

    #[test]
    fn a_quantile_is_the_inverse_of_the_distribution_function() {
        let law = [(1.0, 0.2), (2.0, 0.5), (4.0, 0.3)];
        let found = [0.0, 0.2, 0.21, 0.7, 0.71, 1.0].map(|at| weighted_quantile(&law, at).unwrap());
        assert_eq!(found, [1.0, 1.0, 2.0, 2.0, 4.0, 4.0]);
        assert_eq!(weighted_quantile(&[], 0.5), None);
    }
}
