//! How the text of a file is: what parts its cells, how its numbers are written, and what stands for nothing.

mod hint;

pub(super) use hint::{of_cell, of_header, of_row};

use super::role::Role;
use super::value::{Value, canonical, truth};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use valor_base::error::shown;

/// How text is read. The default is CSV as programs write it: `,` between cells, `.` before decimals, nothing else in a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dialect {
    /// Between the cells of a CSV file; one ASCII character.
    #[serde(skip_serializing_if = "is_comma")]
    pub separator: char,
    /// Before the decimals of a number: `.` or `,`.
    #[serde(skip_serializing_if = "is_point")]
    pub decimal: char,
    /// Between the thousands of a number; nothing stands there where absent. A space also means the narrow and the no-break space.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// Marks before or after a number that are left off: `$`, `EUR`, `%`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub currency: Vec<String>,
    /// Texts that mean a missing value, as an empty cell does, compared as trimmed text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { separator: ',', decimal: '.', thousands: None, currency: Vec::new(), missing: Vec::new() }
    }
}

fn is_comma(separator: &char) -> bool {
    *separator == ','
}

fn is_point(decimal: &char) -> bool {
    *decimal == '.'
}

/// What may stand between thousands.
const THOUSANDS: [char; 6] = [',', '.', ' ', '\'', '\u{2019}', '_'];

impl Dialect {
    /// Whether it is the default.
    pub fn usual(&self) -> bool {
        *self == Self::default()
    }

    /// Whether cells, once they are parted, are as by default.
    pub(super) fn usual_cells(&self) -> bool {
        self.plain_numbers() && self.missing.is_empty()
    }

    /// Whether a trimmed text is a mark of a missing value, or another spelling of one: `-999.0` of `-999`.
    pub(super) fn is_missing(&self, text: &str) -> bool {
        let same = |mark: &String| {
            let mark = mark.trim();
            mark == text || canonical(mark) == canonical(text)
        };
        self.missing.iter().any(same)
    }

    /// The same of a value that has a type.
    pub(super) fn means_missing(&self, value: &Value) -> bool {
        value.level().is_some_and(|level| self.is_missing(&level))
    }

    /// Refuses what cannot be told apart, naming the key.
    pub(super) fn validate(&self) -> Result<(), String> {
        let Self { separator, decimal, thousands, currency, missing } = self;
        let shown = |character: &char| shown(&character.to_string());
        let part = |character: char| character.is_ascii() && !character.is_ascii_alphanumeric();
        if !part(*separator) || ['"', '\n', '\r', '.', '+', '-'].contains(separator) {
            return Err(format!(
                "separator = '{}': allowed is one ASCII character that parts cells, such as ',', ';', '|' or a tab",
                shown(separator)
            ));
        }
        if !['.', ','].contains(decimal) {
            return Err(format!("decimal = '{}': allowed are '.' and ','", shown(decimal)));
        }
        if let Some(mark) = thousands.filter(|mark| !THOUSANDS.contains(mark) || mark == decimal) {
            let allowed: Vec<String> =
                THOUSANDS.iter().filter(|mark| *mark != decimal).map(|mark| format!("\"{mark}\"")).collect();
            return Err(format!(
                "thousands = '{}' beside decimal = '{decimal}': allowed are {}",
                shown(&mark),
                allowed.join(", ")
            ));
        }
        let odd = |mark: &&String| {
            mark.trim().is_empty() || mark.contains(|c: char| c.is_ascii_digit() || "+-.,".contains(c))
        };
        if let Some(mark) = currency.iter().find(odd) {
            return Err(format!(
                "currency has '{}': allowed are texts without digits, signs, points and commas, such as \"$\" or \"EUR\"",
                valor_base::error::shown(mark)
            ));
        }
        match missing.iter().find(|mark| mark.trim().is_empty()) {
            Some(_) => Err("missing has an empty text: an empty cell is a missing value anyway".into()),
            None => Ok(()),
        }
    }

    /// The same cell as a file of the default dialect has it: trimmed, empty where missing, numbers with a point.
    ///
    /// # Errors
    ///
    /// What is wrong with a cell that holds no number in this dialect, though it may be one in another.
    pub(super) fn plain<'a>(&self, text: &'a str, role: Role) -> Result<Cow<'a, str>, String> {
        let text = text.trim();
        if text.is_empty() || self.is_missing(text) {
            return Ok(Cow::Borrowed(""));
        }
        match role.is_number() {
            true if self.plain_numbers() || truth(text).is_some() => Ok(Cow::Borrowed(text)),
            true => self.number(text).map(Cow::Owned).ok_or_else(|| {
                let hint = of_cell(text);
                format!(
                    "found '{}'; allowed are finite numbers written as {}{hint}",
                    shown(text),
                    self.example()
                )
            }),
            // A level `1,5` is the number that another format has as 1.5; other texts stand as they are.
            false if self.decimal == ',' && text.contains(',') => {
                let bare = Self { thousands: None, currency: Vec::new(), ..self.clone() };
                Ok(bare.number(text).map_or(Cow::Borrowed(text), Cow::Owned))
            }
            false => Ok(Cow::Borrowed(text)),
        }
    }

    /// Whether numbers are written as by default.
    fn plain_numbers(&self) -> bool {
        self.decimal == '.' && self.thousands.is_none() && self.currency.is_empty()
    }

    fn example(&self) -> String {
        let thousands = self.thousands.map(String::from).unwrap_or_default();
        let marks: Vec<String> = self.currency.iter().map(|mark| format!("'{}'", shown(mark))).collect();
        let marks =
            if marks.is_empty() { String::new() } else { format!(" with or without {}", marks.join(", ")) };
        format!("1{thousands}234{}5{marks}", self.decimal)
    }

    /// A text that spells a number in this dialect, as programs write it.
    fn number(&self, text: &str) -> Option<String> {
        let (outer, text) = sign(text.trim());
        let text = self.without_currency(text);
        let (inner, text) = if outer.is_none() { sign(text) } else { (None, text) };
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(place) => (&text[..place], exponent(&text[place + 1..])?),
            None => (text, String::new()),
        };
        let (whole, decimals) = match mantissa.split_once(self.decimal) {
            Some((whole, decimals)) => (whole, decimals),
            None => (mantissa, ""),
        };
        let whole = self.whole(whole)?;
        if (whole.is_empty() && decimals.is_empty()) || !decimals.bytes().all(|digit| digit.is_ascii_digit())
        {
            return None;
        }
        let minus = if outer.or(inner) == Some('-') { "-" } else { "" };
        let whole = if whole.is_empty() { "0" } else { whole.as_str() };
        let point = if decimals.is_empty() { "" } else { "." };
        Some(format!("{minus}{whole}{point}{decimals}{exponent}"))
    }

    /// One mark, before or after.
    fn without_currency<'a>(&self, text: &'a str) -> &'a str {
        let marks = || self.currency.iter().map(|mark| mark.trim());
        let stripped = marks().find_map(|mark| text.strip_prefix(mark).or_else(|| text.strip_suffix(mark)));
        stripped.unwrap_or(text).trim()
    }

    /// Digits without the marks of thousands. Those stand before the last three digits and before two or three more each, as
    /// in 1,234,567 and 12,34,567: a mark in another place is a mistake, or another mark.
    fn whole(&self, text: &str) -> Option<String> {
        let digits = |group: &str| group.bytes().all(|digit| digit.is_ascii_digit());
        let Some(mark) = self.thousands else { return digits(text).then(|| text.to_string()) };
        let is_mark = |character: char| match mark {
            ' ' => character.is_whitespace(),
            '\'' | '\u{2019}' => matches!(character, '\'' | '\u{2019}'),
            mark => character == mark,
        };
        let groups: Vec<&str> = text.split(is_mark).collect();
        let last = groups.len() - 1;
        let fits = |(place, group): (usize, &&str)| {
            let length = match place {
                _ if last == 0 => 0..=usize::MAX,
                0 => 1..=3,
                place if place == last => 3..=3,
                _ => 2..=3,
            };
            digits(group) && length.contains(&group.len())
        };
        groups.iter().enumerate().all(fits).then(|| groups.concat())
    }
}

/// A leading sign, `-` or `+`, and the rest.
fn sign(text: &str) -> (Option<char>, &str) {
    for (mark, sign) in [('-', '-'), ('\u{2212}', '-'), ('+', '+')] {
        if let Some(rest) = text.strip_prefix(mark) {
            return (Some(sign), rest.trim_start());
        }
    }
    (None, text)
}

/// An exponent with its `e`.
fn exponent(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| format!("e{text}"))
}

#[cfg(test)]
mod tests;
