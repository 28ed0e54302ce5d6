//! Which keys would read a file that is not understood.

use super::Dialect;

/// What programs write for nothing, in small letters.
const MISSING: [&str; 16] = [
    "na",
    "n/a",
    "#n/a",
    "<na>",
    "nan",
    "null",
    "none",
    "nil",
    "missing",
    "undefined",
    "unknown",
    "\\n",
    "-",
    "--",
    "?",
    ".",
];

/// What parts cells, the most common first.
const SEPARATORS: [char; 9] = [',', ';', '\t', '|', ':', '^', '~', ' ', '\u{1}'];

/// Signs of currencies and shares.
const SIGNS: &str = "$€£¥₫₹₩₽₺₴₦₱฿₡₪₸₵¢%‰";
/// Names of currencies that are not three capital letters.
const NAMES: [&str; 5] = ["kr", "zł", "Kč", "Ft", "Rs"];

/// `; decimal = "," reads it (...)` where other keys of a table would read a cell as a number or as missing, else nothing.
pub(in crate::table) fn of_cell(text: &str) -> String {
    let text = text.trim();
    if MISSING.contains(&text.to_lowercase().as_str()) {
        return reads(&format!("missing = [\"{}\"]", text.replace('\\', "\\\\")), "it as missing");
    }
    // Longer than any number that people write.
    if text.len() > 60 {
        return String::new();
    }
    let ways = ways(text);
    let several = ways.len() > 1;
    let ways =
        ways.into_iter().map(|(keys, value)| if several { format!("{keys} (as {value})") } else { keys });
    match ways.collect::<Vec<_>>().join(" or ") {
        none if none.is_empty() => none,
        ways => reads(&ways, "it"),
    }
}

/// The same for a header that lacks the column `name`: it may be parted by another character. `row` is the row below it.
pub(in crate::table) fn of_header(names: &[&str], name: &str, dialect: &Dialect, row: &[&str]) -> String {
    let joined = |cells: &[&str]| cells.join(&dialect.separator.to_string());
    let header = joined(names);
    let unquoted = |cell: &str| cell.trim().trim_matches('"').trim() == name;
    let found = SEPARATORS.into_iter().find(|separator| {
        *separator != dialect.separator
            && header.contains(*separator)
            && header.split(*separator).any(unquoted)
    });
    let Some(separator) = found else { return String::new() };
    let row = joined(row);
    let comma = |cell: &str| {
        let (settings, _) = ways(cell.trim().trim_matches('"')).into_iter().next().unwrap_or_default();
        settings.starts_with("decimal")
    };
    let decimal = dialect.decimal == '.' && separator != ',' && row.split(separator).any(comma);
    let decimal = if decimal { " with decimal = \",\"" } else { "" };
    reads(&format!("separator = \"{}\"{decimal}", escaped(separator)), "it")
}

/// The same for the first row of a file without a header, whose cells are not as many as its columns.
pub(in crate::table) fn of_row(row: &[&str], columns: usize, dialect: &Dialect) -> String {
    let row = row.join(&dialect.separator.to_string());
    let fits = |separator: &char| *separator != dialect.separator && row.split(*separator).count() == columns;
    match SEPARATORS.into_iter().find(fits) {
        Some(separator) => reads(&format!("separator = \"{}\"", escaped(separator)), "it"),
        None => String::new(),
    }
}

fn reads(keys: &str, what: &str) -> String {
    format!("; {keys} reads {what} (keys of a table, options --separator, --decimal and so on)")
}

fn escaped(character: char) -> String {
    match character {
        '\t' => "\\t".into(),
        '\u{1}' => "\\u0001".into(),
        other => other.to_string(),
    }
}

/// Ways to read a text as a number that differ from the default, each as keys and as the number.
fn ways(text: &str) -> Vec<(String, String)> {
    let mark = mark(text);
    if !text.contains(|character: char| character.is_ascii_digit()) {
        return Vec::new();
    }
    let mut ways: Vec<(String, String)> = Vec::new();
    let layouts = [
        ('.', None),
        (',', None),
        ('.', Some(',')),
        (',', Some('.')),
        ('.', Some(' ')),
        (',', Some(' ')),
        ('.', Some('\'')),
        (',', Some('\'')),
        ('.', Some('_')),
    ];
    for (decimal, thousands) in layouts {
        let currency: Vec<String> = mark.iter().map(|mark| mark.to_string()).collect();
        let dialect = Dialect { decimal, thousands, currency, ..Dialect::default() };
        let keys = keys(&dialect);
        let there = |mark: char| match mark {
            ' ' => text.contains(char::is_whitespace),
            '\'' => text.contains(['\'', '\u{2019}']),
            mark => text.contains(mark),
        };
        // A mark that the text lacks reads nothing more.
        let needed =
            (decimal == '.' || thousands == Some('.') || there(decimal)) && thousands.is_none_or(there);
        if let Some(value) = dialect.number(text)
            && needed
            && !keys.is_empty()
            && !ways.iter().any(|(_, other)| *other == value)
        {
            ways.push((keys, value));
        }
    }
    ways
}

/// Keys of a dialect that are not the default.
fn keys(dialect: &Dialect) -> String {
    let decimal = (dialect.decimal != '.').then(|| format!("decimal = \"{}\"", dialect.decimal));
    let thousands = dialect.thousands.map(|mark| format!("thousands = \"{mark}\""));
    let currency = dialect.currency.first().map(|mark| format!("currency = [\"{mark}\"]"));
    decimal.into_iter().chain(thousands).chain(currency).collect::<Vec<_>>().join(" with ")
}

/// What stands before or after the digits, if it is a mark of a currency or share.
fn mark(text: &str) -> Option<&str> {
    let digit = |character: char| character.is_ascii_digit() || ".,".contains(character);
    let (start, end) = (text.find(digit)?, text.rfind(digit)? + 1);
    let before = text[..start].trim_matches(['+', '-', '\u{2212}']).trim();
    let after = text[end..].trim();
    let known = |mark: &str| {
        let capitals = mark.len() == 3 && mark.bytes().all(|letter| letter.is_ascii_uppercase());
        let mut signs = mark.chars().filter(|character| SIGNS.contains(*character));
        let sign = signs.next().is_some() && mark.chars().count() <= 3;
        capitals || sign || NAMES.contains(&mark)
    };
    match (before, after) {
        (mark, "") | ("", mark) if known(mark) => Some(mark),
        _ => None,
    }
}
