//! Errors that the user can mend: exit code 2.

/// Something in the user's input: names the file, key, row or column, what was found, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InputError(String);

impl InputError {
    /// The message without control characters and without endless words, wherever they came from.
    pub fn new(message: impl AsRef<str>) -> Self {
        Self(printable(message.as_ref()))
    }
}

/// Builds an `anyhow::Error` that ends the program with exit code 2.
#[macro_export]
macro_rules! input_error {
    ($($argument:tt)*) => {
        ::anyhow::Error::new($crate::error::InputError::new(format!($($argument)*)))
    };
}

/// Whether the user's input is what went wrong.
pub fn is_input(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<InputError>())
}

/// Characters of a cell, a header or a name that a message quotes.
pub const QUOTED: usize = 200;

/// Text from a file as a message quotes it: at most [`QUOTED`] characters, none that a terminal obeys. Whatever a file holds
/// passes through here before it is shown.
pub fn shown(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(QUOTED).map(visible).collect();
    let more = characters.count();
    if more > 0 {
        shown.push_str(&format!("... ({} characters)", QUOTED + more));
    }
    shown
}

/// A list of names from a file as a message quotes it: the first 30, fewer where they are long, each as [`shown`].
pub fn shown_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const NAMES: usize = 30;
    const LENGTH: usize = 800;
    let mut list = String::new();
    for (place, name) in names.into_iter().enumerate() {
        if place > 0 {
            list.push_str(", ");
        }
        if place == NAMES || list.len() > LENGTH {
            list.push_str("...");
            break;
        }
        list.push_str(&shown(name));
    }
    list
}

/// A whole message fit for a terminal: no control characters but line breaks, and no part of a file that slipped in at
/// length. A word of more than 300 characters, less than any name of a file can have, is cut like a quotation.
pub fn printable(message: &str) -> String {
    const LONGEST_WORD: usize = 300;
    let mut printed = String::with_capacity(message.len().min(4096));
    for word in message.split_inclusive([' ', '\n', '/', '\'', '"', '`', ',']) {
        match word.chars().count() {
            0..=LONGEST_WORD => printed.extend(word.chars().map(visible_in_lines)),
            count => {
                printed.extend(word.chars().take(QUOTED).map(visible_in_lines));
                printed.push_str(&format!("... ({count} characters)"));
                printed.extend(word.chars().last().filter(|last| !last.is_alphanumeric()));
            }
        }
    }
    printed
}

fn visible_in_lines(character: char) -> char {
    if character == '\n' { character } else { visible(character) }
}

/// What stands for a character: itself, or a mark for one that moves a cursor, starts a sequence or turns the direction.
fn visible(character: char) -> char {
    match character {
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => {
            '\u{fffd}'
        }
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}

/// `; did you mean 'x'?` when one of `allowed` is close to `found`, else nothing.
pub fn did_you_mean<'a>(found: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    // What is longer than this is no slip of the keyboard.
    if found.len() > QUOTED {
        return String::new();
    }
    let found = found.to_lowercase();
    allowed
        .into_iter()
        .filter(|name| name.len() <= QUOTED)
        .map(|name| (strsim::jaro_winkler(&found, &name.to_lowercase()), name))
        .filter(|(closeness, _)| *closeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("; did you mean '{}'?", shown(name)))
        .unwrap_or_default()
}

/// Refuses a count outside its range; `key` is where it stands.
pub fn within(key: &str, found: usize, least: usize, most: usize) -> anyhow::Result<()> {
    match (least..=most).contains(&found) {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; allowed are {least} to {most}")),
    }
}

/// Refuses a count that is too small.
pub fn at_least(key: &str, found: usize, least: usize) -> anyhow::Result<()> {
    match found >= least {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; must be {least} or more")),
    }
}

/// Refuses a number that is negative or not finite.
pub fn not_negative(key: &str, found: f64) -> anyhow::Result<()> {
    match found >= 0.0 && found.is_finite() {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; must be 0 or more")),
    }
}

/// Refuses what is no share, or the share of nothing.
pub fn share(key: &str, found: f64) -> anyhow::Result<()> {
    match found > 0.0 && found <= 1.0 {
        true => Ok(()),
        false => Err(input_error!("{key}: found {found}; must be above 0 and at most 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_name_is_offered_and_strangers_are_not() {
        assert_eq!(did_you_mean("epoch", ["batch", "epochs"]), "; did you mean 'epochs'?");
        assert_eq!(did_you_mean("zzz", ["batch", "epochs"]), "");
    }

    #[test]
    fn what_a_file_holds_is_quoted_short_and_without_control_characters() {
        assert_eq!(shown("3,35 \u{20ac}"), "3,35 \u{20ac}");
        assert_eq!(shown("\u{1b}[31mred\u{7}\u{202e}"), "\u{fffd}[31mred\u{fffd}\u{fffd}");
        let long = shown(&"\u{e9}".repeat(1_000));
        assert!(
            long.starts_with(&"\u{e9}".repeat(QUOTED)) && long.ends_with("... (1000 characters)"),
            "{long}"
        );
        assert!(!long.contains(&"\u{e9}".repeat(QUOTED + 1)));
        assert_eq!(shown_list(["a", "b"]), "a, b");
        assert!(shown_list(std::iter::repeat_n("a", 31)).ends_with("a, a, ..."));
        assert!(shown_list([long.as_str(); 30]).chars().count() < 1_500);
    }

    #[test]
    fn no_message_repeats_what_it_was_given_at_length() {
        let message = input_error!("t.csv: found '{}\u{1b}c'\nand more", "x".repeat(10_000)).to_string();
        assert!(message.len() < 300 && message.ends_with("'\nand more"), "{message}");
        let message = input_error!("/{}/t.csv: \u{1b}c", "folder/".repeat(200)).to_string();
        assert!(message.ends_with("folder//t.csv: \u{fffd}c"), "{message}");
        assert_eq!(did_you_mean(&"epochs".repeat(100), ["epochs"]), "");
    }

    #[test]
    fn context_does_not_hide_an_input_error() {
        assert!(is_input(&input_error!("row 3").context("reading data.csv")));
        assert!(!is_input(&anyhow::anyhow!("disk")));
    }
}
