//! How text from outside is written in every language that the program puts out: one file per language.
//!
//! Names, captions, cells and messages come from files that others made. Each language gives some characters a meaning;
//! here they lose it, and what is printed says what stood there. JSON needs no file: serde_json escapes it.

pub mod csv;
pub mod html;
pub mod markdown;
pub mod shell;
pub mod terminal;
pub mod tex;

/// Whether a character is not seen itself but moves, turns or hides what stands around it: control characters, marks of
/// direction, separators of lines, spaces without width, tags. Joiners stay: scripts and emoji need them.
pub(crate) fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
pub(crate) mod names {
    //! Names that someone could give to a method, to try an escape with.

    use proptest::prelude::*;

    /// What means something somewhere, letters, and anything at all.
    pub(crate) fn any() -> impl Strategy<Value = String> {
        const MEANING: &str = "\\{}[]()<>|&%$#_^~*`'\"-+=@!?:;,./ \t\r\n\u{0}\u{7}\u{1b}\u{7f}\u{9b}\u{202e}\u{2066}\u{2028}\u{feff}\u{e0041}";
        let meaning = prop::sample::select(MEANING.chars().collect::<Vec<char>>());
        let character = prop_oneof![4 => meaning, 2 => prop::char::range('a', 'z'), 1 => prop::char::any()];
        prop::collection::vec(character, 0..24).prop_map(|characters| characters.into_iter().collect())
    }
}
