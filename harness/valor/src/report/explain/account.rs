//! One account: what it is like, and what that does to its uplift, in plain sentences.

use serde::Serialize;
use valor_analysis::explain::{Account, Feature};
use valor_data::encode::FeatureSummary;
use valor_learn::model::Cell;
use valor_page::amount::{Unit, decimals};
use valor_page::format;

/// Sentences about an account, at most; the rest is added up.
const SENTENCES: usize = 8;
/// Closer to the mean than this many standard deviations is average.
const AVERAGE: f64 = 0.05;

/// An account in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Story {
    /// Its id, or its row.
    pub id: String,
    /// Its uplift.
    pub uplift: String,
    /// What all accounts start from.
    pub base: String,
    /// Largest contribution first.
    pub sentences: Vec<Sentence>,
    /// How many features are left, and what they come to together.
    pub others: Option<(usize, String)>,
}

/// What one feature does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sentence {
    /// `compute usage 2.1 SD above average`.
    pub text: String,
    /// `+$13`.
    pub amount: String,
    /// Whether it raises the uplift.
    pub raises: bool,
}

impl Story {
    /// Of an account, with what all accounts start from.
    pub fn of(account: &Account, features: &[Feature], base: f64, unit: &Unit) -> Self {
        let places = decimals(account.contributions.iter().copied().chain([base, account.uplift]));
        let mut order: Vec<usize> = (0..features.len()).collect();
        let size = |feature: usize| account.contributions[feature].abs();
        order.sort_by(|&one, &other| size(other).total_cmp(&size(one)).then(one.cmp(&other)));
        let least = 0.5 * 0.1_f64.powi(places as i32);
        let told = order.iter().take(SENTENCES).take_while(|&&feature| size(feature) >= least).count();
        let sentence = |&feature: &usize| Sentence {
            text: says(&features[feature], &account.cells[feature]),
            amount: unit.signed(account.contributions[feature], places),
            raises: account.contributions[feature] > 0.0,
        };
        let rest: Vec<usize> = order[told..].iter().copied().filter(|&feature| size(feature) > 0.0).collect();
        let sum = rest.iter().map(|&feature| account.contributions[feature]).sum();
        Self {
            id: account.id.clone(),
            uplift: unit.signed(account.uplift, places),
            base: unit.signed(base, places),
            sentences: order[..told].iter().map(sentence).collect(),
            others: (!rest.is_empty()).then(|| (rest.len(), unit.signed(sum, places))),
        }
    }
}

/// What a cell of a feature is like, in words.
fn says(feature: &Feature, cell: &Cell) -> String {
    let name = feature.readable();
    match (cell, feature.known()) {
        (Cell::Missing, _) => format!("{name} is missing"),
        (Cell::Unmet(level), _) => format!("{name} = {level}, which the training rows lack"),
        (Cell::Level(code), FeatureSummary::Levels(levels)) => match levels.get(*code) {
            Some(level) => format!("{name} = {level}"),
            None => format!("{name} = level {code}"),
        },
        (Cell::Number(value), _) => match feature.deviation(*value) {
            None => format!("{name} = {}", exact(*value)),
            Some(near) if near.abs() < AVERAGE => format!("{name} is average"),
            Some(far) if far > 0.0 => format!("{name} {far:.1} SD above average"),
            Some(far) => format!("{name} {:.1} SD below average", -far),
        },
        (Cell::Level(code), FeatureSummary::Number { .. }) => format!("{name} = level {code}"),
    }
}

/// A value as short as it goes.
pub fn plain(value: f64) -> String {
    let text = format::short(value);
    let text = match text.contains('.') && !text.contains('e') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    };
    text.replace('-', "\u{2212}")
}

/// A 32-bit number with the digits that tell it from its neighbours: read back, it is the same.
pub fn exact(value: f32) -> String {
    let text = match value.abs() {
        0.0 | 1e-4..1e15 => value.to_string(),
        _ => format!("{value:e}"),
    };
    text.replace('-', "\u{2212}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features() -> Vec<Feature> {
        let levels = ["north".to_string(), "south".to_string()];
        let mut flag = Feature::new("new_customer", FeatureSummary::Number { mean: 0.3, sd: 0.4 });
        flag.few([0.0, 1.0].into_iter());
        vec![
            Feature::new("compute_usage", FeatureSummary::Number { mean: 10.0, sd: 5.0 }),
            Feature::new("region", FeatureSummary::Levels(&levels)),
            Feature::new("plan", FeatureSummary::Levels(&[])),
            flag,
            Feature::new("constant", FeatureSummary::Number { mean: 3.0, sd: 0.0 }),
            Feature::new("age", FeatureSummary::Number { mean: 3.0, sd: 2.0 }),
        ]
    }

    #[test]
    fn an_account_reads_as_plain_sentences() {
        let account = Account {
            id: "17".to_string(),
            uplift: 26.3,
            cells: vec![
                Cell::Number(20.5),
                Cell::Level(0),
                Cell::Missing,
                Cell::Number(1.0),
                Cell::Number(3.0),
                Cell::Number(2.99),
            ],
            contributions: vec![13.2, -4.1, 2.4, 0.9, 0.2, -0.3],
        };
        let story = Story::of(&account, &features(), 14.0, &Unit::new("$"));
        let told: Vec<String> =
            story.sentences.iter().map(|said| format!("{}: {}", said.text, said.amount)).collect();
        assert_eq!(
            told,
            [
                "compute usage 2.1 SD above average: +$13",
                "region = north: \u{2212}$4",
                "plan is missing: +$2",
                "new customer = 1: +$1"
            ]
        );
        assert_eq!((story.uplift.as_str(), story.base.as_str()), ("+$26", "+$14"));
        assert_eq!(story.others, Some((2, "$0".to_string())));
    }

    #[test]
    fn every_cell_has_its_words() {
        let features = features();
        assert_eq!(says(&features[0], &Cell::Number(2.0)), "compute usage 1.6 SD below average");
        assert_eq!(says(&features[0], &Cell::Number(10.1)), "compute usage is average");
        assert_eq!(
            says(&features[1], &Cell::Unmet("mars".into())),
            "region = mars, which the training rows lack"
        );
        assert_eq!(says(&features[4], &Cell::Number(-7.25)), "constant = \u{2212}7.25");
        assert_eq!(plain(120.0), "120");
    }

    #[test]
    fn exact_numbers_read_back_as_the_same() {
        let next = |value: f32| f32::from_bits(value.to_bits() + 1);
        for value in [20_240_128.0, 1.5, 0.1, 1_706_659_200.0, 123_456.7, 1e-7, 3e38, f32::MIN_POSITIVE, 1e15]
        {
            for value in [value, next(value), -value, -next(value)] {
                let text = exact(value).replace('\u{2212}', "-");
                assert_eq!(text.parse::<f32>().unwrap(), value, "{text}");
                assert!(text.len() < 18, "{text}");
            }
        }
        assert_eq!([0.0, -2.5, 20_240_128.0].map(exact), ["0", "\u{2212}2.5", "20240128"]);
    }
}
