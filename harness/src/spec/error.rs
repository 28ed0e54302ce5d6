//! What is wrong with an experiment file, and where.

use crate::error::did_you_mean;

/// A message, and the line where there is one.
#[derive(Debug)]
pub(super) struct ExperimentError {
    line: Option<usize>,
    message: String,
}

impl ExperimentError {
    /// An error without a place.
    pub fn plain(message: &str) -> Self {
        Self { line: None, message: message.to_string() }
    }

    /// An error of the TOML reader, with its line.
    pub fn at(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        Self { line, message: suggest(error.message()) }
    }

    /// An error of the TOML reader, where lines mean nothing any more.
    pub fn merged(error: &toml::de::Error) -> Self {
        Self { line: None, message: suggest(error.message()) }
    }

    /// A profile that the file does not have.
    pub fn unknown_profile<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Self {
        let mut known: Vec<&str> = known.map(String::as_str).collect();
        if !known.contains(&"full") {
            known.push("full");
        }
        let hint = did_you_mean(name, known.iter().copied());
        let message = format!("profile '{name}' is not defined; there are {}{hint}", known.join(", "));
        Self { line: None, message }
    }

    /// The message without its place.
    pub fn message(&self) -> String {
        self.message.clone()
    }

    /// Names the file.
    pub fn in_file(self, file: &std::path::Path) -> anyhow::Error {
        let place = self.line.map(|line| format!(", line {line}")).unwrap_or_default();
        crate::input_error!("{}{place}: {}", file.display(), self.message)
    }
}

/// Adds a did-you-mean to serde's `unknown field` and `unknown variant`.
fn suggest(message: &str) -> String {
    let message = message.trim().replace("unknown field", "unknown key").replace('`', "'");
    let mut names = message.split('\'').skip(1).step_by(2);
    match (message.contains("unknown "), names.next()) {
        (true, Some(found)) => {
            let hint = did_you_mean(found, names.collect::<Vec<_>>());
            format!("{message}{hint}")
        }
        _ => message,
    }
}
