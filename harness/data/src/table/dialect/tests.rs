//! Each way to write a number, a missing value and a header, read with the right keys and only with them.

use super::*;

fn dialect(decimal: char, thousands: Option<char>, currency: &[&str]) -> Dialect {
    let currency = currency.iter().map(ToString::to_string).collect();
    Dialect { decimal, thousands, currency, ..Dialect::default() }
}

fn read(dialect: &Dialect, text: &str) -> Option<f64> {
    dialect.plain(text, Role::Numeric).ok().map(|text| text.parse().unwrap())
}

#[test]
fn a_number_is_read_as_its_dialect_writes_it() {
    /// Decimal mark, mark of thousands, currency marks, the text, its number.
    type Case = (char, Option<char>, &'static [&'static str], &'static str, f64);
    let cases: [Case; 18] = [
        (',', None, &[], "3,35", 3.35),
        (',', None, &[], "-0,5", -0.5),
        (',', None, &[], ",5", 0.5),
        (',', None, &[], "1,5e-3", 1.5e-3),
        (',', None, &[], "7", 7.0),
        (',', Some('.'), &[], "1.234.567,5", 1_234_567.5),
        ('.', Some(','), &[], "1,234.50", 1234.5),
        ('.', Some(','), &[], "12,34,567", 1_234_567.0),
        ('.', Some(','), &[], "1234.5", 1234.5),
        (',', Some(' '), &[], "1\u{a0}234,5", 1234.5),
        (',', Some(' '), &[], "1\u{202f}234", 1234.0),
        ('.', Some('\''), &[], "1\u{2019}234.5", 1234.5),
        ('.', None, &["$"], "$3.35", 3.35),
        ('.', None, &["$"], "-$3.35", -3.35),
        ('.', None, &["$"], "$ -3.35", -3.35),
        (',', Some('.'), &["€", "EUR"], "1.234,5 EUR", 1234.5),
        ('.', None, &["%"], "12 %", 12.0),
        ('.', None, &["$"], "\u{2212}3.5", -3.5),
    ];
    for (decimal, thousands, currency, text, value) in cases {
        assert_eq!(read(&dialect(decimal, thousands, currency), text), Some(value), "{text}");
    }
}

#[test]
fn a_number_of_another_dialect_is_not_guessed() {
    let cases: [(char, Option<char>, &[&str], &str); 14] = [
        (',', None, &[], "3.35"),
        (',', None, &[], "1.234"),
        (',', Some('.'), &[], "1.23,5"),
        (',', Some('.'), &[], "3.35"),
        ('.', Some(','), &[], "3,35"),
        ('.', Some(','), &[], "1,2345"),
        ('.', Some(','), &[], ",234"),
        ('.', None, &["$"], "3,35"),
        ('.', None, &["$"], "€3.35"),
        ('.', None, &["$"], "$$3"),
        ('.', None, &["$"], "+-3"),
        ('.', None, &["$"], "$"),
        ('.', None, &["$"], "nan"),
        (',', None, &[], "inf"),
    ];
    for (decimal, thousands, currency, text) in cases {
        let fault = dialect(decimal, thousands, currency).plain(text, Role::Numeric).unwrap_err();
        assert!(
            fault.starts_with(&format!("found '{text}'; allowed are finite numbers written as 1")),
            "{fault}"
        );
    }
}

#[test]
fn marks_of_missing_values_are_empty_cells_in_every_kind() {
    let dialect = Dialect { missing: vec!["NA".into(), "null".into()], ..Dialect::default() };
    for (text, plain) in [(" NA ", ""), ("null", ""), ("na", "na"), ("", ""), ("NAN", "NAN")] {
        for role in [Role::Numeric, Role::Categorical] {
            assert_eq!(dialect.plain(text, role).unwrap(), plain);
        }
    }
}

#[test]
fn levels_stand_as_they_are_but_for_the_decimal_mark() {
    let german = dialect(',', Some('.'), &["€"]);
    for (text, plain) in [("1,5", "1.5"), ("a,b", "a,b"), ("1.234", "1.234"), ("€5", "€5"), ("red", "red")]
    {
        assert_eq!(german.plain(text, Role::Categorical).unwrap(), plain);
    }
}

#[test]
fn a_cell_that_is_not_read_names_the_key_that_reads_it() {
    let cases = [
        ("3,35", "decimal = \",\" reads it"),
        ("-0,5", "decimal = \",\" reads it"),
        ("$3.35", "currency = [\"$\"] reads it"),
        ("3.35 EUR", "currency = [\"EUR\"] reads it"),
        ("3,35 €", "decimal = \",\" with currency = [\"€\"] reads it"),
        ("1.234,5", "decimal = \",\" with thousands = \".\" reads it"),
        ("1,234.50", "thousands = \",\" reads it"),
        ("1,234,567", "thousands = \",\" reads it"),
        ("1,234", "decimal = \",\" (as 1.234) or thousands = \",\" (as 1234) reads it"),
        ("1 234", "thousands = \" \" reads it"),
        ("1'234.5", "thousands = \"'\" reads it"),
        ("12 %", "currency = [\"%\"] reads it"),
        ("R$ 5", "currency = [\"R$\"] reads it"),
        ("NA", "missing = [\"NA\"] reads it as missing"),
        ("NaN", "missing = [\"NaN\"] reads it as missing"),
        ("null", "missing = [\"null\"] reads it as missing"),
        ("\\N", "missing = [\"\\\\N\"] reads it as missing"),
    ];
    for (text, hint) in cases {
        assert!(of_cell(text).starts_with(&format!("; {hint}")), "{text}: {}", of_cell(text));
    }
    for text in ["many", "inf", "<5", "u12", "2024-01-05", "0x10", "1e999", "12:30", "(3)", "#1", "", "A1B"] {
        assert_eq!(of_cell(text), "", "{text}");
    }
    assert_eq!(of_cell(&"1,5".repeat(1_000_000)), "");
}

#[test]
fn a_header_in_another_dialect_names_the_separator() {
    let plain = Dialect::default();
    let hint = |names: &[&str], row: &[&str]| of_header(names, "x", &plain, row);
    assert!(hint(&["id;x;z"], &["0;1;2"]).starts_with("; separator = \";\" reads it"));
    assert!(
        hint(&["id;x;z"], &["0;0", "6955;2"])
            .starts_with("; separator = \";\" with decimal = \",\" reads it")
    );
    assert!(hint(&["\"id\";\"x\""], &[]).starts_with("; separator = \";\""));
    assert!(hint(&["id\tx\tz"], &[]).starts_with("; separator = \"\\t\""));
    assert!(hint(&["id|x|z"], &[]).starts_with("; separator = \"|\""));
    assert_eq!(hint(&["id;y;z"], &[]), "");
    assert_eq!(hint(&["id", "y"], &[]), "");
    let semicolons = Dialect { separator: ';', ..Dialect::default() };
    assert!(of_header(&["id,x,z"], "x", &semicolons, &[]).starts_with("; separator = \",\""));
}

#[test]
fn a_dialect_that_cannot_be_told_apart_is_refused() {
    let refused = |change: &dyn Fn(&mut Dialect)| {
        let mut dialect = Dialect::default();
        change(&mut dialect);
        dialect.validate().unwrap_err()
    };
    for separator in ['a', '"', '\n', '.', '5', 'é'] {
        assert!(refused(&|dialect| dialect.separator = separator).starts_with("separator = "));
    }
    assert!(refused(&|dialect| dialect.decimal = ';').contains("allowed are '.' and ','"));
    assert!(
        refused(&|dialect| dialect.thousands = Some('.')).starts_with("thousands = '.' beside decimal = '.'")
    );
    assert!(refused(&|dialect| dialect.thousands = Some('x')).contains("allowed are"));
    for mark in ["", "5", "-", "a.b"] {
        assert!(refused(&|dialect| dialect.currency = vec![mark.into()]).starts_with("currency has"));
    }
    assert!(refused(&|dialect| dialect.missing = vec![" ".into()]).starts_with("missing has an empty text"));
    for separator in [';', '\t', '|', ':', ' ', '\u{1}'] {
        Dialect { separator, ..Dialect::default() }.validate().unwrap();
    }
}
