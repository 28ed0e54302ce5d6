//! Where an account's value of a feature stands among those of a sample.

use super::account::Account;
use super::digest::Feature;
use valor_data::encode::FeatureSummary;
use valor_learn::model::Cell;

/// A value among others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// Of a number, the share of the sample's values below it, equal ones half, 0 to 1.
    Rank(f64),
    /// A level, which has no order.
    Level,
    /// No value, or a level that the training rows lack.
    Missing,
}

/// One per account of the sample.
pub fn standings(feature: &Feature, sample: &[Account], place: usize) -> Vec<Standing> {
    if let FeatureSummary::Levels(_) = feature.known() {
        let standing = |account: &Account| match account.cells[place] {
            Cell::Number(_) | Cell::Level(_) => Standing::Level,
            Cell::Unmet(_) | Cell::Missing => Standing::Missing,
        };
        return sample.iter().map(standing).collect();
    }
    let value = |account: &Account| match account.cells[place] {
        Cell::Number(value) => Some(value),
        Cell::Level(_) | Cell::Unmet(_) | Cell::Missing => None,
    };
    let mut sorted: Vec<f32> = sample.iter().filter_map(value).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let standing = |account: &Account| {
        let Some(value) = value(account) else { return Standing::Missing };
        let below = sorted.partition_point(|other| *other < value);
        let up_to = sorted.partition_point(|other| *other <= value);
        Standing::Rank(f64::midpoint(below as f64, up_to as f64) / sorted.len() as f64)
    };
    sample.iter().map(standing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(cell: Cell) -> Account {
        Account { id: String::new(), uplift: 0.0, cells: vec![cell], contributions: vec![0.0] }
    }

    #[test]
    fn numbers_are_ranked_and_gaps_stand_apart() {
        let feature = Feature::new("x", FeatureSummary::Number { mean: 0.0, sd: 1.0 });
        let mut sample: Vec<Account> = (0..4).map(|value| account(Cell::Number(value as f32))).collect();
        sample.push(account(Cell::Missing));
        let found = standings(&feature, &sample, 0);
        assert_eq!(found[..2], [Standing::Rank(0.125), Standing::Rank(0.375)]);
        assert_eq!(found[4], Standing::Missing);
        let levels = ["a".to_string()];
        let feature = Feature::new("x", FeatureSummary::Levels(&levels));
        assert_eq!(standings(&feature, &[account(Cell::Level(0))], 0), [Standing::Level]);
    }
}
