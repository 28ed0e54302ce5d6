//! Errors that the user can mend: exit code 2; a full disk, which is exit code 1 wherever it happens; panics that are caught.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

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

/// Whether a disk, a quota or the largest file is reached: nothing that the user wrote wrongly.
pub fn is_full_disk(error: &anyhow::Error) -> bool {
    let full = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
    };
    error.chain().any(|cause| {
        let inside = cause.downcast_ref::<io::Error>().and_then(|error| error.get_ref()?.downcast_ref());
        let wrapped = cause.downcast_ref::<csv::Error>().and_then(|error| match error.kind() {
            csv::ErrorKind::Io(error) => Some(error),
            _ => None,
        });
        [cause.downcast_ref(), inside, wrapped].into_iter().flatten().any(full)
    })
}

/// An error of writing where the user chose the place: theirs to mend, unless the disk is full.
pub fn cannot_write(place: impl Display, error: impl Into<anyhow::Error>) -> anyhow::Error {
    let error = error.into();
    match is_full_disk(&error) {
        true => error.context(format!("{place}: cannot be written")),
        false => input_error!("{place}: cannot be written: {error:#}"),
    }
}

/// What `work` returns, or what it panicked with. Such a panic prints nothing.
///
/// # Errors
///
/// The text of the panic.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                former(panic);
            }
        }));
    });
    let before = QUIET.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    outcome.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_string()
    })
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

/// What follows a name that is not known: the closest first, then all, which may be many:
/// `; did you mean 'x'? allowed are x, y`. `lead` is `allowed are` or the like.
pub fn choices(found: &str, lead: &str, names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let hint = did_you_mean(found, names.iter().copied());
    let between = if hint.is_empty() { ";" } else { "" };
    format!("{hint}{between} {lead} {}", names.join(", "))
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
    fn the_closest_name_comes_before_the_list_of_all() {
        let names = ["batch", "epochs"];
        assert_eq!(
            choices("epoch", "allowed are", &names),
            "; did you mean 'epochs'? allowed are batch, epochs"
        );
        assert_eq!(choices("zzz", "there are", &names), "; there are batch, epochs");
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

    #[test]
    fn a_full_disk_is_never_the_users_fault() {
        for code in [libc::ENOSPC, libc::EDQUOT, libc::EFBIG] {
            let full = || io::Error::from_raw_os_error(code);
            let errors: [anyhow::Error; 4] = [
                full().into(),
                csv::Error::from(full()).into(),
                parquet::errors::ParquetError::from(full()).into(),
                io::Error::other(full()).into(),
            ];
            for error in errors {
                let error = cannot_write("scores.csv", error.context("row 3"));
                assert!(is_full_disk(&error) && !is_input(&error), "{error:#}");
                assert!(error.to_string().starts_with("scores.csv: cannot be written"));
            }
        }
        let refused = cannot_write("scores.csv", io::Error::from_raw_os_error(libc::EACCES));
        assert!(is_input(&refused) && !is_full_disk(&refused));
    }

    #[test]
    fn a_caught_panic_is_text_and_the_next_one_is_heard_again() {
        assert_eq!(caught(|| 3), Ok(3));
        assert_eq!(
            caught(|| if true {
                panic!("page {}", 7)
            }),
            Err("page 7".to_string())
        );
        assert_eq!(caught(|| caught(|| panic!("inner")).unwrap_err()), Ok("inner".to_string()));
    }
}
