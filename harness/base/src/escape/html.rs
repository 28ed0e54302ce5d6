//! Text in HTML and SVG, also inside quotes.

use super::is_unseen;

/// Text that a page shows as it is. What XML forbids or what would turn the text around it is shown as a replacement
/// character; line breaks and tabs stay.
pub fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            character if is_unseen(character) || is_no_character(character) => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

/// Text for what escapes markup itself, a drawing library say: what is not seen is shown as a replacement character, line
/// breaks and tabs too.
pub fn visible(text: &str) -> String {
    text.replace(|character| is_unseen(character) || is_no_character(character), "\u{fffd}")
}

/// What XML 1.0 leaves out besides control characters.
fn is_no_character(character: char) -> bool {
    matches!(character, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::names;
    use proptest::prelude::*;

    /// What a reader of HTML makes of it.
    fn read(escaped: &str) -> String {
        let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        named.iter().fold(escaped.to_string(), |text, (from, to)| text.replace(from, to))
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(text("<b>\"R&D's\"</b>"), "&lt;b&gt;&quot;R&amp;D&#39;s&quot;&lt;/b&gt;");
        assert_eq!(text("a\u{1b}\u{202e}b"), "a\u{fffd}\u{fffd}b");
    }

    proptest! {
        #[test]
        fn nothing_is_markup_and_the_text_can_be_read_back(name in names::any()) {
            let escaped = text(&name);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let seen: String = name.chars().map(|c| match c {
                '\n' | '\t' => c,
                c if is_unseen(c) || is_no_character(c) => '\u{fffd}',
                c => c,
            }).collect();
            prop_assert_eq!(read(&escaped), seen);
        }
    }
}
