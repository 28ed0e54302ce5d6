//! Resamples of a few values: all of them where they can be listed, else drawn.

use rand::Rng;
use valor_base::seed::Seeds;

/// Most values whose resamples are all listed: 6,435 different ones of eight.
const LISTED: usize = 8;
/// Resamples that are drawn where they cannot be listed.
const DRAWN: usize = 10_000;

/// A resample.
pub(super) struct Resample {
    /// How often each value occurs.
    pub(super) counts: Vec<usize>,
    pub(super) probability: f64,
}

/// A value that a statistic takes, and how probable that is.
#[derive(Clone, Copy)]
pub(super) struct Atom {
    pub(super) value: f64,
    pub(super) probability: f64,
}

/// Resamples with their probabilities.
pub(super) struct Resamples {
    /// Their probabilities add up to one.
    pub(super) list: Vec<Resample>,
    /// How many resamples these stand for.
    pub number: usize,
    /// Whether these are all.
    pub all: bool,
}

impl Resamples {
    /// Of `n` values; `seeds` draws where there are more than eight.
    pub(super) fn of(n: usize, seeds: &Seeds) -> Self {
        if n <= LISTED {
            let mut all = Vec::new();
            list(&mut vec![0; n], 0, n, &mut all);
            return Self { list: all, number: n.pow(n as u32), all: true };
        }
        let mut stream = seeds.stream();
        let draw = |_| {
            let mut counts = vec![0; n];
            (0..n).for_each(|_| counts[stream.random_range(0..n)] += 1);
            Resample { counts, probability: 1.0 / DRAWN as f64 }
        };
        Self { list: (0..DRAWN).map(draw).collect(), number: DRAWN, all: false }
    }
}

/// Every way to share `left` draws out among the values from `place` on, with multinomial probabilities.
fn list(counts: &mut Vec<usize>, place: usize, left: usize, found: &mut Vec<Resample>) {
    let n = counts.len();
    if place + 1 >= n {
        if let Some(last) = counts.last_mut() {
            *last = left;
        }
        let factorial = |count: usize| (1..=count).map(|factor| factor as f64).product::<f64>();
        let ways = counts.iter().fold(factorial(n), |ways, &count| ways / factorial(count));
        found.push(Resample { counts: counts.clone(), probability: ways / (n as f64).powi(n as i32) });
        return;
    }
    for count in 0..=left {
        counts[place] = count;
        list(counts, place + 1, left - count, found);
    }
}

/// The smallest value that so much of the probability does not exceed.
pub(super) fn weighted_quantile(sorted: &[Atom], probability: f64) -> Option<f64> {
    let mut below = 0.0;
    for atom in sorted {
        below += atom.probability;
        // Probabilities that add up to the asked one may round to a little less.
        if below >= probability - 1e-12 {
            return Some(atom.value);
        }
    }
    sorted.last().map(|last| last.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_resamples_are_listed_with_their_probabilities() {
        for (n, different) in [(1, 1), (2, 3), (5, 126), (8, 6_435)] {
            let found = Resamples::of(n, &Seeds::new(1));
            assert_eq!((found.list.len(), found.number, found.all), (different, n.pow(n as u32), true));
            assert!((found.list.iter().map(|one| one.probability).sum::<f64>() - 1.0).abs() < 1e-12);
            assert!(found.list.iter().all(|one| one.counts.iter().sum::<usize>() == n));
        }
        let drawn = Resamples::of(9, &Seeds::new(1));
        assert_eq!((drawn.list.len(), drawn.all), (DRAWN, false));
        assert!(drawn.list.iter().all(|one| one.counts.iter().sum::<usize>() == 9));
    }

    #[test]
    fn a_quantile_is_the_inverse_of_the_distribution_function() {
        let law =
            [(1.0, 0.2), (2.0, 0.5), (4.0, 0.3)].map(|(value, probability)| Atom { value, probability });
        let found = [0.0, 0.2, 0.21, 0.7, 0.71, 1.0].map(|at| weighted_quantile(&law, at).unwrap());
        assert_eq!(found, [1.0, 1.0, 2.0, 2.0, 4.0, 4.0]);
        assert_eq!(weighted_quantile(&[], 0.5), None);
    }
}
