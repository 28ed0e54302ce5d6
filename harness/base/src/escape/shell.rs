//! Words of commands that are printed to be run: any POSIX shell reads back what was meant.

use super::is_unseen;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// One word. Left as it is where no shell sees anything in it; else in single quotes; characters that are not seen, and
/// bytes that are no text, as `"$(printf '\033')"`.
pub fn word(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    if !bytes.is_empty() && bytes.iter().all(|byte| is_plain(*byte)) && !bytes.starts_with(b"=") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut parts = Parts::default();
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|character| parts.push(character));
        parts.bytes(chunk.invalid());
    }
    parts.finish()
}

/// A path as a word: one that begins with `-` gets `./` before it, so that it is no option.
pub fn path(path: impl AsRef<OsStr>) -> String {
    let path = path.as_ref();
    if !path.as_bytes().starts_with(b"-") {
        return word(path);
    }
    let mut here = std::ffi::OsString::from("./");
    here.push(path);
    word(here)
}

/// An option with its value, put together with `=` where the value could be taken for an option.
pub fn option(name: &str, value: &str) -> String {
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!("{name}{between}{}", word(value))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte)
}

/// Quoted parts, put together without spaces.
#[derive(Default)]
struct Parts {
    text: String,
    quoted: String,
    octal: String,
}

impl Parts {
    fn push(&mut self, character: char) {
        // Line breaks and tabs stand in quotes as they are: a command substitution would lose the last ones.
        if is_unseen(character) && !matches!(character, '\n' | '\t') {
            self.bytes(character.encode_utf8(&mut [0; 4]).as_bytes());
            return;
        }
        self.end_octal();
        match character {
            '\'' => self.quoted.push_str("'\\''"),
            character => self.quoted.push(character),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if !self.quoted.is_empty() {
            self.text.push_str(&format!("'{}'", std::mem::take(&mut self.quoted)));
        }
        self.octal.extend(bytes.iter().map(|byte| format!("\\{byte:03o}")));
    }

    fn end_octal(&mut self) {
        if !self.octal.is_empty() {
            self.text.push_str(&format!("\"$(printf '{}')\"", std::mem::take(&mut self.octal)));
        }
    }

    fn finish(mut self) -> String {
        self.end_octal();
        if !self.quoted.is_empty() || self.text.is_empty() {
            self.text.push_str(&format!("'{}'", self.quoted));
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::names;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStringExt;
    use std::process::Command;

    /// What a shell makes of words.
    fn read_by_shell(words: &[String]) -> Vec<Vec<u8>> {
        let command = format!("printf '%s\\0' {}", words.join(" "));
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        let mut read: Vec<Vec<u8>> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
        read.pop();
        read
    }

    #[test]
    fn plain_words_stay_and_others_are_quoted() {
        assert_eq!(word("training.epochs=3"), "training.epochs=3");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word("it's"), "'it'\\''s'");
        assert_eq!(word(""), "''");
        assert_eq!(word("a\u{1b}b"), "'a'\"$(printf '\\033')\"'b'");
        assert_eq!(path("-x.toml"), "./-x.toml");
        assert_eq!(path("x.toml"), "x.toml");
        assert_eq!(option("--set", "a=b c"), "--set 'a=b c'");
        assert_eq!(option("--profile", "-q"), "--profile=-q");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_shell_reads_back_what_was_meant(names in prop::collection::vec(names::any(), 1..12)) {
            let names: Vec<String> = names.into_iter().map(|name| name.replace('\0', "")).collect();
            let words: Vec<String> = names.iter().map(word).collect();
            prop_assert!(words.iter().flat_map(|word| word.chars()).all(|c| !is_unseen(c) || matches!(c, '\n' | '\t')));
            let expected: Vec<Vec<u8>> = names.into_iter().map(String::into_bytes).collect();
            prop_assert_eq!(read_by_shell(&words), expected);
        }

        #[test]
        fn paths_need_not_be_text(bytes in prop::collection::vec(1_u8.., 1..24)) {
            let path = std::ffi::OsString::from_vec(bytes.clone());
            prop_assert_eq!(read_by_shell(&[word(&path)]), [bytes]);
        }
    }
}
