//! Options that say how the text of a file is, the same for every verb that reads rows.

use valor_data::table::{Dialect, Limits, Reading};

/// Options of a file's text.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "How the file is read")]
pub(super) struct ReadingArguments {
    /// Between the cells of a CSV file: "," (usual), ";", "|", tab
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub separator: Option<char>,
    /// Before decimals: "." (usual) or ","
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub decimal: Option<char>,
    /// Between thousands: ",", ".", space
    #[arg(long, value_name = "CHAR", value_parser = character)]
    pub thousands: Option<char>,
    /// Marks to leave off numbers, with commas: "$", EUR, "%"
    #[arg(long, value_name = "MARKS", value_delimiter = ',')]
    pub currency: Vec<String>,
    /// Texts that mean a missing value, with commas: NA,NaN,null
    #[arg(long, value_name = "MARKS", value_delimiter = ',')]
    pub missing: Vec<String>,
    /// Bytes that a cell may have (1048576)
    #[arg(long, value_name = "BYTES")]
    pub cell_limit: Option<usize>,
    /// Bytes that the name of a column may have (1024)
    #[arg(long, value_name = "BYTES")]
    pub header_limit: Option<usize>,
    /// Columns that a file may have (65536)
    #[arg(long, value_name = "COUNT")]
    pub column_limit: Option<usize>,
}

impl ReadingArguments {
    /// How a file is read that is otherwise as `dialect` says.
    pub(super) fn over(&self, dialect: &Dialect) -> Reading {
        let list = |own: &Vec<String>, other: &Vec<String>| if own.is_empty() { other } else { own }.clone();
        let usual = Limits::default();
        Reading {
            dialect: Dialect {
                separator: self.separator.unwrap_or(dialect.separator),
                decimal: self.decimal.unwrap_or(dialect.decimal),
                thousands: self.thousands.or(dialect.thousands),
                currency: list(&self.currency, &dialect.currency),
                missing: list(&self.missing, &dialect.missing),
            },
            limits: Limits {
                cell: self.cell_limit.unwrap_or(usual.cell),
                header: self.header_limit.unwrap_or(usual.header),
                columns: self.column_limit.unwrap_or(usual.columns),
            },
            names: Vec::new(),
        }
    }
}

/// One character, or the name of one that shells make hard to type.
fn character(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("tab" | "\\t", ..) => Ok('\t'),
        ("space", ..) => Ok(' '),
        (_, Some(character), None) => Ok(character),
        _ => Err("allowed is one character, or tab or space".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_may_be_named() {
        assert_eq!([";", "tab", "\\t", "space", "\t"].map(character), [';', '\t', '\t', ' ', '\t'].map(Ok));
        assert!(character(";;").is_err() && character("").is_err());
    }

    #[test]
    fn options_stand_above_the_models_and_the_rest_stays() {
        let of_model =
            Dialect { separator: ';', decimal: ',', missing: vec!["NA".into()], ..Dialect::default() };
        let options = ReadingArguments { separator: Some('|'), cell_limit: Some(10), ..Default::default() };
        let reading = options.over(&of_model);
        assert_eq!(reading.dialect, Dialect { separator: '|', ..of_model });
        assert_eq!(reading.limits, Limits { cell: 10, ..Limits::default() });
    }
}
