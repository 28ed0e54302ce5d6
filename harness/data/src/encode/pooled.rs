//! Levels beyond what trees tell apart: the rarest are one to them.

use super::{Encoder, Encoding};
use crate::{Dataset, Feature, FeatureKind};

/// Codes that trees tell apart; levels with this place less one or a later one share a bin.
pub const MOST_CODES: usize = 255;

/// How often the training rows have each level of a feature.
pub(super) struct Counts {
    /// By code.
    levels: Vec<usize>,
    /// Rows without a level.
    pub(super) missing: usize,
}

/// Counts the levels of some rows.
pub(super) fn counts(levels: usize, codes: &[u32], rows: &[u32]) -> Counts {
    let mut counts = Counts { levels: vec![0; levels], missing: 0 };
    for row in rows {
        match counts.levels.get_mut(codes[*row as usize] as usize) {
            Some(count) => *count += 1,
            None => counts.missing += 1,
        }
    }
    counts
}

impl Counts {
    /// Codes of the levels that were met, in the order of their names.
    pub(super) fn met(&self) -> Vec<usize> {
        (0..self.levels.len()).filter(|&code| self.levels[code] > 0).collect()
    }

    /// The same, except that of too many the rarest stand last; of equally frequent ones the later name is the rarer.
    pub(super) fn pooled_last(&self) -> Vec<usize> {
        let mut codes = self.met();
        if codes.len() > MOST_CODES {
            codes.sort_by_key(|&code| (std::cmp::Reverse(self.levels[code]), code));
            codes[..MOST_CODES - 1].sort_unstable();
            codes[MOST_CODES - 1..].sort_unstable();
        }
        codes
    }

    /// Codes of the levels that were met at least so often, and of those that were met less often.
    pub(super) fn parted(&self, least: usize) -> (Vec<usize>, Vec<usize>) {
        self.met().into_iter().partition(|&code| self.levels[code] >= least)
    }

    /// How many levels share a bin, and how many rows have one of them.
    fn pooled(&self) -> Option<(usize, usize)> {
        let codes = self.pooled_last();
        let pooled = codes.get(MOST_CODES - 1..).filter(|_| codes.len() > MOST_CODES)?;
        Some((pooled.len(), pooled.iter().map(|&code| self.levels[code]).sum()))
    }
}

/// Per feature with more levels than trees tell apart how many of them are pooled, and their share of `rows`.
pub fn pooled_levels(dataset: &Dataset, rows: &[u32]) -> Vec<String> {
    let note = |feature: &Feature| {
        let FeatureKind::Categorical { levels, codes } = &feature.kind else { return None };
        let (pooled, met) = counts(levels.len(), codes, rows).pooled()?;
        let share = 100.0 * met as f64 / rows.len().max(1) as f64;
        Some(format!(
            "column '{}': trees tell {} levels apart; the rarest {pooled} levels, with {share:.1} % of the rows, are pooled into one",
            feature.name,
            MOST_CODES - 1
        ))
    };
    dataset.features.iter().filter_map(note).collect()
}

impl Encoder {
    /// What a reader should know of levels that a model of trees does not tell apart; `rows` are those that the encoder was
    /// fitted on.
    pub fn pooled(&self, dataset: &Dataset, rows: &[u32]) -> Vec<String> {
        match self.encoding {
            Encoding::Standard => Vec::new(),
            Encoding::Plain => pooled_levels(dataset, rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MISSING, Matrix};

    /// A level for each count, named by its place; the last row has none.
    fn dataset(frequencies: &[usize]) -> Dataset {
        let levels = (0..frequencies.len()).map(|place| format!("l{place:04}")).collect();
        let mut codes: Vec<u32> = Vec::new();
        for (code, &count) in frequencies.iter().enumerate() {
            codes.extend(std::iter::repeat_n(code as u32, count));
        }
        codes.push(MISSING);
        let rows = codes.len();
        Dataset {
            features: vec![Feature { name: "shop".into(), kind: FeatureKind::Categorical { levels, codes } }],
            numeric: Matrix { rows, columns: 0, values: Vec::new() },
            treatment: Some(vec![true; rows].into()),
            outcome: vec![0.0; rows],
            ..Dataset::default()
        }
    }

    fn levels(frequencies: &[usize], encoding: Encoding) -> Vec<String> {
        let dataset = dataset(frequencies);
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        Encoder::fit(&dataset, &rows, encoding).categorical[0].levels.clone()
    }

    #[test]
    fn the_rarest_levels_are_pooled_and_of_equals_the_last_by_name() {
        let mut frequencies = vec![5; 300];
        frequencies[0] = 1;
        frequencies[7] = 2;
        frequencies[299] = 9;
        let found = levels(&frequencies, Encoding::Plain);
        assert_eq!(found.len(), 300);
        let (apart, pooled) = found.split_at(MOST_CODES - 1);
        assert!(apart.is_sorted() && pooled.is_sorted());
        assert!(apart.contains(&"l0299".to_string()) && apart.contains(&"l0001".to_string()));
        assert!(pooled.contains(&"l0000".to_string()) && pooled.contains(&"l0007".to_string()));
        let last: Vec<String> = (255..299).map(|place| format!("l{place:04}")).collect();
        assert_eq!(pooled[2..], last[..]);
        let sorted = levels(&frequencies, Encoding::Standard);
        assert!(sorted.is_sorted(), "networks have a column per level");
    }

    #[test]
    fn as_many_levels_as_bins_are_all_told_apart() {
        let frequencies: Vec<usize> = (0..MOST_CODES).map(|place| 1 + place % 3).collect();
        assert!(levels(&frequencies, Encoding::Plain).is_sorted());
        let dataset = dataset(&frequencies);
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        assert!(pooled_levels(&dataset, &rows).is_empty());
    }

    #[test]
    fn a_note_says_how_many_levels_with_what_share_are_pooled() {
        let dataset = dataset(&[[1; 46].as_slice(), &[3; 254]].concat());
        let rows: Vec<u32> = (0..dataset.rows() as u32).collect();
        let found = pooled_levels(&dataset, &rows);
        let share = 100.0 * 46.0 / (46.0 + 3.0 * 254.0 + 1.0);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("'shop'") && found[0].contains("the rarest 46 levels"), "{found:?}");
        assert!(found[0].contains(&format!("{share:.1} %")), "{found:?}");
    }
}
