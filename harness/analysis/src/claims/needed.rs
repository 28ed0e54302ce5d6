//! What would decide an open comparison.

use valor_stats::stats::{Rule, Studentised};

/// Most seeds that are worth asking for.
pub const MOST_SEEDS: usize = 1_000;

/// What is missing. The later, the more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needed {
    /// So many seeds, where there are so many now.
    Seeds {
        /// In all.
        seeds: usize,
        /// Now.
        instead_of: usize,
    },
    /// More seeds than anyone runs.
    AnotherDesign,
    /// Test rows alone leave it open.
    Rows,
}

impl Needed {
    /// So that a true value as far from zero as the one found is told from zero with the asked power, at the level of Holm's
    /// first step; or so that `small`, the gain that may be too small to matter, is called so with that power. The seeds' part of the
    /// variance shrinks with their number, that of the rows stays.
    pub fn of(tested: &Studentised, small: Option<&Studentised>, rule: &Rule, instead_of: usize) -> Self {
        let rows = tested.of_all_seeds().standard_error();
        let decides = |more: &dyn Fn(&Studentised) -> Studentised| {
            let found = more(tested).power(tested.mean, rule.single_level());
            found.is_ok_and(|power| power >= rule.power)
                || small.is_some_and(|small| rule.finds_equivalent(&more(small)))
        };
        let enough =
            |seeds: usize| decides(&|design| design.of_more_seeds(seeds as f64 / instead_of.max(1) as f64));
        if !decides(&Studentised::of_all_seeds) {
            return if rows > 0.0 { Self::Rows } else { Self::AnotherDesign };
        }
        let first = instead_of + 1;
        if !enough(MOST_SEEDS.max(first)) {
            return Self::AnotherDesign;
        }
        let (mut low, mut high) = (first - 1, MOST_SEEDS.max(first));
        while high - low > 1 {
            let middle = usize::midpoint(low, high);
            if enough(middle) { high = middle } else { low = middle }
        }
        Self::Seeds { seeds: high, instead_of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_stats::stats::{POWER, Tails};

    const RULE: Rule = Rule { level: 0.95, power: POWER, family: 1, margin: 0.0 };

    fn five(mean: f64, rows: f64) -> Studentised {
        let rows = Tails { down: rows, up: rows };
        Studentised { rows, ..Studentised::of_pairs(mean, 1.0, 5).unwrap() }
    }

    fn needed(tested: &Studentised, rule: &Rule) -> Needed {
        Needed::of(tested, Some(tested), rule, 5)
    }

    #[test]
    fn seeds_narrow_what_they_vary_and_leave_what_rows_do() {
        // A t-test of 10 pairs finds one standard deviation with probability .80.
        assert!(matches!(needed(&five(1.0, 0.0), &RULE), Needed::Seeds { seeds: 10..=11, instead_of: 5 }));
        assert_eq!(needed(&five(1.0, 0.5), &RULE), Needed::Rows);
        assert!(matches!(needed(&five(1.0, 0.3), &RULE), Needed::Seeds { seeds: 11.., .. }));
        assert_eq!(needed(&five(0.01, 0.0), &RULE), Needed::AnotherDesign);
    }

    #[test]
    fn looking_after_every_seed_takes_more_of_them() {
        let always = five(1.0, 0.0).at_every_look();
        assert!(
            matches!(needed(&always, &RULE), Needed::Seeds { seeds: 16..30, .. }),
            "{:?}",
            needed(&always, &RULE)
        );
        assert_eq!(needed(&five(1.0, 0.5).at_every_look(), &RULE), Needed::Rows);
    }

    #[test]
    fn what_is_too_small_to_matter_may_be_found_so() {
        let region = Rule { margin: 1.0, ..RULE };
        for tested in [five(0.01, 0.0), five(0.01, 0.0).at_every_look()] {
            assert!(matches!(needed(&tested, &region), Needed::Seeds { seeds: 10..40, .. }));
            assert_eq!(Needed::of(&tested, None, &region, 5), Needed::AnotherDesign);
        }
        assert_eq!(needed(&five(0.01, 1.0), &region), Needed::Rows);
    }
}
