//! Cells of CSV tables for people: a spreadsheet takes no name for a formula.

use super::is_unseen;
use std::borrow::Cow;

/// What makes a spreadsheet compute, and the apostrophe itself, so that one can be taken away again.
const BEGINNINGS: [char; 12] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\'', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell that holds text: an apostrophe stands before one that begins with `=`, `+`, `-`, `@`, a tab, a line break or an
/// apostrophe. A reader who wants the text as it was takes one leading apostrophe away. Quotes and separators are the
/// CSV writer's. Numbers do not come here: a negative number stays a number.
pub fn text(text: &str) -> Cow<'_, str> {
    // What is not seen before it hides nothing from a spreadsheet that drops it.
    match text.trim_start_matches(is_unseen).starts_with(BEGINNINGS) || text.starts_with(BEGINNINGS) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escape::names;
    use proptest::prelude::*;

    #[test]
    fn formulas_become_text() {
        assert_eq!(text("=1+1"), "'=1+1");
        assert_eq!(text("TARNet +ziln"), "TARNet +ziln");
        assert_eq!(text("'a"), "''a");
        assert_eq!(text("\u{feff}=1"), "'\u{feff}=1");
        assert_eq!(text(""), "");
    }

    proptest! {
        #[test]
        fn no_cell_begins_as_a_formula_and_the_text_can_be_read_back(name in names::any()) {
            let mut writer = ::csv::Writer::from_writer(Vec::new());
            writer.write_record(["start", text(&name).as_ref()]).unwrap();
            let bytes = writer.into_inner().unwrap();
            let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(bytes.as_slice());
            let record = reader.records().next().unwrap().unwrap();
            let cell = record.get(1).unwrap();
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            prop_assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), &name);
        }
    }
}
