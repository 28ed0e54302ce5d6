//! Splits in words: names of features and levels, not their numbers.

use super::account::{exact, plain};
use valor_analysis::explain::Feature;
use valor_data::encode::{FeatureSummary, MOST_CODES};
use valor_learn::learner::explain::{Fact, LeafFacts};
use valor_learn::trees::{LevelSet, Predicate, Split};
use valor_page::format;

/// Levels that are named on each side, at most.
const NAMED: usize = 5;
/// The last bin, which levels beyond it share.
const LAST_BIN: usize = MOST_CODES - 1;

/// Names for the columns of a tree.
pub(crate) struct Names<'a>(pub &'a [Feature]);

impl Names<'_> {
    /// The feature that decides.
    pub(crate) fn feature(&self, split: &Split) -> String {
        self.0.get(split.column).map_or_else(|| format!("column {}", split.column), Feature::readable)
    }

    /// What goes left and what goes right.
    pub(crate) fn sides(&self, split: &Split) -> [String; 2] {
        let (left, right) = match &split.left {
            Predicate::UpTo(threshold) if *threshold == f32::INFINITY => (Vec::new(), Vec::new()),
            Predicate::UpTo(threshold) => {
                let threshold = exact(*threshold);
                (vec![format!("\u{2264} {threshold}")], vec![format!("> {threshold}")])
            }
            Predicate::Among(set) => self.levels(split.column, *set),
        };
        // A threshold beyond all values tells those that are there from those that are not.
        let whole = |parts: &[String], missing: bool| match (parts, missing) {
            ([], true) => "missing".to_string(),
            ([], false) => "not missing".to_string(),
            (parts, true) => format!("{} or missing", parts.join(", ")),
            (parts, false) => parts.join(", "),
        };
        [whole(&left, split.missing_left), whole(&right, !split.missing_left)]
    }

    /// What each side asks of an account: `compute usage > 2`, `region = north, south`.
    pub(crate) fn steps(&self, split: &Split) -> [String; 2] {
        let feature = self.feature(split);
        let step = |side: String| match (&split.left, side.as_str()) {
            (Predicate::Among(_), "missing") | (Predicate::UpTo(_), _) => format!("{feature} {side}"),
            (Predicate::Among(_), _) => format!("{feature} = {side}"),
        };
        self.sides(split).map(step)
    }

    fn levels(&self, column: usize, set: LevelSet) -> (Vec<String>, Vec<String>) {
        let levels = match self.0.get(column).map(Feature::known) {
            Some(FeatureSummary::Levels(levels)) => levels,
            Some(FeatureSummary::Number { .. }) | None => &[],
        };
        let apart = if levels.len() > MOST_CODES { LAST_BIN } else { levels.len() };
        let pooled = format!("{} rare levels", levels.len() - apart);
        let told = levels.iter().take(apart).chain((levels.len() > apart).then_some(&pooled));
        let (left, right): (Vec<_>, Vec<_>) =
            told.enumerate().partition(|(code, _)| set.contains(*code as u8));
        let named = |side: Vec<(usize, &String)>| {
            let more = side.len().saturating_sub(NAMED);
            let names = side.iter().take(if more == 1 { NAMED + 1 } else { NAMED });
            let mut names: Vec<String> = names.map(|(_, level)| (*level).clone()).collect();
            if more > 1 {
                names.push(format!("{more} more"));
            }
            names
        };
        (named(left), named(right))
    }
}

/// `4,310 rows`.
pub(super) fn rows(count: f64) -> String {
    match count.round() as usize {
        1 => "1 row".to_string(),
        count => format!("{} rows", format::count(count)),
    }
}

/// What a leaf says beside its uplift.
pub(super) fn facts(leaf: &LeafFacts, amount: &dyn Fn(f64) -> String) -> Vec<String> {
    let share = |share: f64| format!("{:.1} %", 100.0 * share);
    let text = |fact: &Fact| match fact {
        Fact::Rows([control, treated]) => {
            let count = |rows: f64| format::count(rows.round() as usize);
            format!("{} control, {} treated", count(*control), count(*treated))
        }
        Fact::Conversion([control, treated]) => {
            format!("conversion {} \u{2192} {}", share(*control), share(*treated))
        }
        Fact::Expected([control, treated]) => {
            format!("mean spend {} \u{2192} {}", amount(*control), amount(*treated))
        }
        Fact::OneStep(name, step) => format!("{name} {}", plain_signed(*step)),
        Fact::Step(name, [control, treated]) => {
            let step = |value: f64| plain_signed(value);
            format!("{name} {} control, {} treated", step(*control), step(*treated))
        }
    };
    leaf.facts.iter().map(text).collect()
}

fn plain_signed(value: f64) -> String {
    let text = plain(value);
    if value > 0.0 { format!("+{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_name_levels_and_where_missing_values_go() {
        let levels: Vec<String> = ["east", "north", "south", "west"].map(str::to_string).to_vec();
        let many: Vec<String> = (0..20).map(|level| format!("l{level}")).collect();
        let features = [
            Feature::new("compute_usage", FeatureSummary::Number { mean: 0.0, sd: 1.0 }),
            Feature::new("region", FeatureSummary::Levels(&levels)),
            Feature::new("shop", FeatureSummary::Levels(&many)),
        ];
        let names = Names(&features);
        let split = |column, left, missing_left| Split { column, left, missing_left };
        let number = split(0, Predicate::UpTo(12.5), true);
        assert_eq!(names.feature(&number), "compute usage");
        assert_eq!(names.sides(&number), ["\u{2264} 12.5 or missing", "> 12.5"]);
        let there = split(0, Predicate::UpTo(f32::INFINITY), false);
        assert_eq!(names.sides(&there), ["not missing", "missing"]);
        let mut set = LevelSet::default();
        [0, 1].into_iter().for_each(|bin| set.insert(bin));
        assert_eq!(
            names.sides(&split(1, Predicate::Among(set), false)),
            ["east, north", "south, west or missing"]
        );
        assert_eq!(names.steps(&number), ["compute usage \u{2264} 12.5 or missing", "compute usage > 12.5"]);
        assert_eq!(names.steps(&split(1, Predicate::Among(set), true))[1], "region = south, west");
        let [left, right] = names.sides(&split(2, Predicate::Among(set), true));
        assert_eq!((left.as_str(), right.as_str()), ("l0, l1 or missing", "l2, l3, l4, l5, l6, 13 more"));
    }

    #[test]
    fn levels_that_are_pooled_are_named_as_one() {
        let levels: Vec<String> = (0..300).map(|level| format!("l{level:03}")).collect();
        let features = [Feature::new("shop", FeatureSummary::Levels(&levels))];
        let mut set = LevelSet::default();
        [3, LAST_BIN as u8].into_iter().for_each(|bin| set.insert(bin));
        let split = Split { column: 0, left: Predicate::Among(set), missing_left: false };
        let [left, right] = Names(&features).sides(&split);
        assert_eq!(left, "l003, 46 rare levels");
        assert!(right.ends_with("248 more or missing"), "{right}");
    }

    #[test]
    fn neighbouring_cuts_are_printed_apart() {
        let features = [Feature::new("day", FeatureSummary::Number { mean: 0.0, sd: 1.0 })];
        let side = |threshold| {
            let split = Split { column: 0, left: Predicate::UpTo(threshold), missing_left: false };
            Names(&features).sides(&split)[0].clone()
        };
        for cut in [20_240_128.0_f32, 0.123_456_7, 1e-9, 123_456.78, 1_706_659_200.0] {
            let next = f32::from_bits(cut.to_bits() + 1);
            assert_ne!(side(cut), side(next));
            let printed = side(cut).trim_start_matches("\u{2264} ").replace('\u{2212}', "-");
            assert_eq!(printed.parse::<f32>().unwrap(), cut);
        }
    }
}
