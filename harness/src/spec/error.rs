//! What is wrong with an experiment file, and where.

use crate::error::{choices, did_you_mean};

/// Characters of a line that an error shows.
const SHOWN: usize = 60;

/// A message, and the line where there is one.
#[derive(Debug)]
pub(super) struct ExperimentError {
    line: Option<usize>,
    message: String,
}

impl ExperimentError {
    /// An error without a place.
    pub fn plain(message: String) -> Self {
        Self { line: None, message }
    }

    /// An error of the TOML reader, with its line.
    pub fn at(text: &str, error: &toml::de::Error) -> Self {
        let above = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count());
        let line = above.and_then(|above| text.lines().nth(above)).unwrap_or_default();
        let shown: String = line.trim().chars().take(SHOWN).collect();
        Self {
            line: above.map(|above| above + 1),
            message: format!("'{shown}': {}", suggest(error.message())),
        }
    }

    /// A profile that the file does not have.
    pub fn unknown_profile<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Self {
        let mut known: Vec<&str> = known.map(String::as_str).collect();
        if !known.contains(&"full") {
            known.push("full");
        }
        let message = format!("profile '{name}' is not defined{}", choices(name, "there are", &known));
        Self { line: None, message }
    }

    /// Names the file.
    pub fn in_file(self, file: &std::path::Path) -> anyhow::Error {
        let place = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        crate::input_error!("{}{place}: {}", file.display(), self.message)
    }
}

/// Serde's words, and what experiment files call it.
const WORDS: [(&str, &str); 5] = [
    ("unknown field", "unknown key"),
    ("missing field", "missing key"),
    ("expected usize", "expected a whole number, 0 or more"),
    ("expected u64", "expected a whole number, 0 or more"),
    ("expected f64", "expected a number"),
];

/// Serde's message in the words of experiment files, with a did-you-mean for an unknown key or variant.
pub(super) fn suggest(message: &str) -> String {
    let message = message.trim().replace('`', "'");
    let message = WORDS.iter().fold(message, |message, (from, to)| message.replace(from, to));
    let mut names = message.split('\'').skip(1).step_by(2);
    match (message.contains("unknown "), names.next()) {
        (true, Some(found)) => {
            let hint = did_you_mean(found, names.collect::<Vec<_>>());
            // serde writes: unknown field 'epoch', expected one of 'epochs', 'batch', ...
            match message.split_once(", expected") {
                Some((fault, names)) if !hint.is_empty() => format!("{fault}{hint} expected{names}"),
                _ => format!("{message}{hint}"),
            }
        }
        _ => message,
    }
}
