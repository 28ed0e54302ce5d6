//! Text in Markdown: in table cells, list items and paragraphs.

use super::is_unseen;

/// Plain text that Markdown, and HTML inside it, leaves alone: no markup, no table's bar, no link of its own, no block
/// at the start of a line. What is not seen, line breaks included, becomes a space.
pub fn text(text: &str) -> String {
    let characters: Vec<char> = text.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect();
    let number = characters.iter().take_while(|c| c.is_ascii_digit()).count();
    let mut escaped = String::with_capacity(text.len());
    for (index, &character) in characters.iter().enumerate() {
        let ahead = &characters[index..];
        let behind = &characters[..index];
        match character {
            '&' => escaped.push_str("&amp;"),
            // Four spaces at the start would make code.
            ' ' if index == 0 => escaped.push_str("&#32;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '$' => {
                escaped.extend(['\\', character]);
            }
            // A list, a rule or a heading; a negative number is none of these.
            '-' | '+' | '=' if index == 0 && begins_a_block(ahead) => escaped.extend(['\\', character]),
            '.' | ')' if index == number && number > 0 && ends_a_mark(ahead) => {
                escaped.extend(['\\', character])
            }
            '@' if ahead.iter().take_while(|c| !c.is_whitespace()).any(|c| *c == '.') => {
                escaped.push_str("\\@")
            }
            ':' if ahead.starts_with(&[':', '/', '/']) => escaped.extend(['\\', ':']),
            '.' if ends_in_www(behind) => escaped.extend(['\\', '.']),
            character => escaped.push(character),
        }
    }
    escaped
}

/// `- a`, `+ a`, and a line of `-` or `=` alone.
fn begins_a_block(text: &[char]) -> bool {
    ends_a_mark(text) || text.iter().all(|character| [text[0], ' '].contains(character))
}

/// Whether a space or nothing follows the first character.
fn ends_a_mark(text: &[char]) -> bool {
    text.get(1).is_none_or(|next| *next == ' ')
}

fn ends_in_www(behind: &[char]) -> bool {
    behind.len() >= 3 && behind[behind.len() - 3..].iter().all(|c| c.eq_ignore_ascii_case(&'w'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::names;
    use proptest::prelude::*;

    /// What a reader of Markdown makes of it: backslashes before punctuation and entities are taken away.
    fn read(escaped: &str) -> String {
        let mut read = String::new();
        let mut rest = escaped.chars();
        while let Some(character) = rest.next() {
            read.push(if character == '\\' { rest.next().unwrap() } else { character });
        }
        read.replace("&#32;", " ").replace("&amp;", "&")
    }

    /// Characters with a meaning that have no backslash before them.
    fn bare(escaped: &str) -> String {
        let mut bare = String::new();
        let mut rest = escaped.chars();
        while let Some(character) = rest.next() {
            if character == '\\' {
                rest.next();
            } else {
                bare.push(character);
            }
        }
        bare
    }

    #[test]
    fn markup_in_names_stays_text() {
        assert_eq!(text("a|b <i> _x_ & \\\n"), "a\\|b \\<i\\> \\_x\\_ &amp; \\\\ ");
        assert_eq!(text("- a"), "\\- a");
        assert_eq!(text("12. a"), "12\\. a");
        assert_eq!(text("---"), "\\---");
        assert_eq!(["-0.12 [1, 2]", "0.5", "+3"].map(text), ["-0.12 \\[1, 2\\]", "0.5", "+3"]);
        assert_eq!(text("lift@30 a@b.c"), "lift@30 a\\@b.c");
        assert_eq!(text("http://x.y www.x.y"), "http\\://x.y www\\.x.y");
        assert_eq!(text("![a](b)"), "!\\[a\\](b)");
    }

    proptest! {
        #[test]
        fn nothing_is_markup_and_the_text_can_be_read_back(name in names::any()) {
            let escaped = text(&name);
            let left = bare(&escaped);
            prop_assert!(!left.contains(['`', '*', '_', '[', ']', '<', '>', '#', '|', '~', '\n', '\r']) || left.contains("&#32;"), "{left}");
            prop_assert!(!left.replace("&#32;", "").contains('#'));
            prop_assert!(escaped.matches("://").count() == escaped.matches("\\://").count());
            prop_assert!(!escaped.starts_with([' ', '>', '#']));
            let number = escaped.trim_start_matches(|c: char| c.is_ascii_digit());
            let numbered = number.len() < escaped.len() && [". ", ") "].iter().any(|mark| number.starts_with(mark));
            prop_assert!(!numbered && !escaped.starts_with("- ") && !escaped.starts_with("+ "));
            prop_assert!(escaped.is_empty() || ['-', '='].iter().all(|mark| escaped.chars().any(|c| c != *mark && c != ' ')));
            let seen: String = name.chars().map(|c| if is_unseen(c) { ' ' } else { c }).collect();
            // An entity in the name itself has its ampersand escaped, so that it is read back as it stands.
            if !name.contains('&') {
                prop_assert_eq!(read(&escaped), seen);
            }
        }
    }
}
