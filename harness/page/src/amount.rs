//! Amounts in outcome units, with a currency where one was asked for.

use crate::format;

/// What amounts are counted in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    before: String,
    after: String,
}

impl Unit {
    /// A sign (`$`) stands before the amount, a word (`EUR`) after it; nothing is nothing.
    pub fn new(text: &str) -> Self {
        let text = text.trim();
        match text.chars().any(char::is_alphabetic) {
            true => Self { before: String::new(), after: format!("\u{a0}{text}") },
            false => Self { before: text.to_string(), after: String::new() },
        }
    }

    /// `$13`, `13 EUR`, `−$4`.
    pub fn amount(&self, value: f64, decimals: usize) -> String {
        let text = format::number(value, decimals);
        match text.strip_prefix('-') {
            Some(size) => format!("\u{2212}{}{size}{}", self.before, self.after),
            None => format!("{}{text}{}", self.before, self.after),
        }
    }

    /// The same with a sign: `+$13`, `−$4`, `$0`.
    pub fn signed(&self, value: f64, decimals: usize) -> String {
        let text = self.amount(value, decimals);
        let nothing = format::number(value.abs(), decimals).chars().all(|digit| digit == '0' || digit == '.');
        if value > 0.0 && !nothing { format!("+{text}") } else { text }
    }
}

/// Decimals that show two significant digits of the largest magnitude, and no more than whole units of large ones.
pub fn decimals(values: impl IntoIterator<Item = f64>) -> usize {
    format::decimals(values).saturating_sub(2)
}

/// Decimals that tell values apart which stand so far from each other.
pub fn tick_decimals(step: f64) -> usize {
    format::decimals([step]).saturating_sub(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_stand_before_and_words_after() {
        let (dollars, euros, none) = (Unit::new("$"), Unit::new(" EUR"), Unit::default());
        assert_eq!(dollars.signed(13.4, 0), "+$13");
        assert_eq!(dollars.signed(-4.0, 1), "\u{2212}$4.0");
        assert_eq!(euros.amount(-4.0, 0), "\u{2212}4\u{a0}EUR");
        assert_eq!((none.signed(0.04, 1), none.signed(-0.04, 1)), ("0.0".to_string(), "0.0".to_string()));
    }

    #[test]
    fn two_digits_of_the_largest_are_shown() {
        let found = [130.0, 13.0, 1.3, 0.013].map(|value| decimals([value, 0.0]));
        assert_eq!(found, [0, 0, 1, 3]);
    }
}
