//! Text on a terminal: nothing in it moves the cursor, colours, turns the direction of writing or forges a line.

use super::is_unseen;

/// A text of several lines: line breaks and tabs stay, all else that a terminal would act on is shown as `\u001b`.
///
/// That is JSON's own way to write it, so that JSON means the same afterwards.
pub fn text(text: &str) -> String {
    shown(text, |character| is_unseen(character) && !matches!(character, '\n' | '\t'))
}

/// A text that must stay on its line, a name say: line breaks and tabs are shown too.
pub fn line(text: &str) -> String {
    shown(text, is_unseen)
}

fn shown(text: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if hidden(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::names;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_acts_on_is_shown() {
        assert_eq!(line("a\u{1b}[31mb\nc\td"), "a\\u001b[31mb\\u000ac\\u0009d");
        assert_eq!(text("a\u{9b}2J\r\nb\u{202e}c\td"), "a\\u009b2J\\u000d\nb\\u202ec\td");
        assert_eq!(
            line("caf\u{e9} \u{4e2d} \u{1f469}\u{200d}\u{1f52c}"),
            "caf\u{e9} \u{4e2d} \u{1f469}\u{200d}\u{1f52c}"
        );
    }

    proptest! {
        #[test]
        fn nothing_acts_on_the_terminal_and_nothing_else_changes(name in names::any()) {
            prop_assert!(!line(&name).chars().any(is_unseen));
            prop_assert!(text(&name).chars().all(|c| !is_unseen(c) || matches!(c, '\n' | '\t')));
            let plain: String = name.chars().filter(|character| !is_unseen(*character)).collect();
            prop_assert_eq!(line(&plain), plain.clone());
        }

        #[test]
        fn json_means_the_same_afterwards(name in names::any()) {
            let json = serde_json::json!({ "name": name });
            let read: serde_json::Value = serde_json::from_str(&text(&format!("{json:#}"))).unwrap();
            prop_assert_eq!(read, json);
        }
    }
}
