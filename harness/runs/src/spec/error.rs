//! What is wrong with an experiment file, and where.

use valor_base::error::{QUOTED, choices, did_you_mean, shown};

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
    pub(super) fn plain(message: String) -> Self {
        Self { line: None, message }
    }

    /// An error of the TOML reader, with its line.
    pub(super) fn at(text: &str, error: &toml::de::Error) -> Self {
        let above = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count());
        let line = above.and_then(|above| text.lines().nth(above)).unwrap_or_default();
        let start: String = line.trim().chars().take(SHOWN).collect();
        Self {
            line: above.map(|above| above + 1),
            message: format!("'{}': {}", shown(&start), suggest(error.message())),
        }
    }

    /// A profile that the file does not have.
    pub(super) fn unknown_profile<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Self {
        let mut known: Vec<&str> = known.map(String::as_str).collect();
        if !known.contains(&"full") {
            known.push("full");
        }
        let message = format!("profile '{name}' is not defined{}", choices(name, "there are", &known));
        Self { line: None, message }
    }

    /// Names the file.
    pub(super) fn in_file(self, file: &std::path::Path) -> anyhow::Error {
        let place = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        valor_base::input_error!("{}{place}: {}", file.display(), self.message)
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
                Some((fault, names)) if !hint.is_empty() => {
                    format!("{}{hint} expected{}", brief(fault), brief(names))
                }
                _ => format!("{}{hint}", brief(&message)),
            }
        }
        _ => brief(&message),
    }
}

/// A reader's message, which may repeat a value at any length, with what stands between quotes short, and the rest too where
/// it is longer than words of a program are.
fn brief(message: &str) -> String {
    const LONGEST_SENTENCE: usize = 400;
    let part = |(place, part): (usize, &str)| match part.chars().count() {
        count if count > LONGEST_SENTENCE || (place % 2 == 1 && count > QUOTED) => shown(part),
        _ => part.to_string(),
    };
    // What separates the parts stands between them, so that every other one is inside quotes.
    let mut brief = String::new();
    let mut quotes = message.matches(['\'', '"']);
    for part in message.split(['\'', '"']).enumerate().map(part) {
        brief.push_str(&part);
        brief.push_str(quotes.next().unwrap_or_default());
    }
    brief
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_readers_repeat_no_value_at_length() {
        let long = "k".repeat(5_000);
        let message = suggest(&format!("unknown field `{long}`, expected one of `a`, `b`"));
        assert!(message.len() < 300 && message.ends_with("'a', 'b'"), "{message}");
        let message = suggest(&format!("invalid type: string \"it's {long}\", expected f64"));
        assert!(message.len() < 300 && message.ends_with("expected a number"), "{message}");
        assert_eq!(
            suggest("unknown field `epoch`, expected one of `batch`, `epochs`").matches("epochs").count(),
            2
        );
    }
}
