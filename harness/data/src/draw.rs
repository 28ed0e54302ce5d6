//! Draws that several sources share.

use rand::Rng;
use valor_base::seed::{Seeds, Stream};

/// Which accounts of a world are drawn. Each kind has streams of its own, so that no account is of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accounts {
    /// Those that a source is loaded with.
    Known,
    /// Others, to be judged on.
    Fresh,
}

impl Accounts {
    /// Their streams below those of their source.
    pub(super) fn streams(self, source: Seeds) -> Seeds {
        match self {
            Self::Known => source,
            Self::Fresh => source.child("evaluation"),
        }
    }
}

/// `count` of the numbers below `from`, without replacement, in random order.
///
/// A smaller `count` gives a prefix of a larger one's numbers. `count` is at most `from`.
pub(super) fn choose(from: usize, count: usize, stream: &mut Stream) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..from as u32).collect();
    for place in 0..count {
        numbers.swap(place, stream.random_range(place..from));
    }
    numbers.truncate(count);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn each_number_comes_once_and_fewer_are_a_prefix_of_more() {
        let draw = |count| choose(100, count, &mut Seeds::new(1).stream());
        assert_eq!(draw(30), draw(100)[..30]);
        let mut all = draw(100);
        assert!(!all.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<u32>>());
    }
}
