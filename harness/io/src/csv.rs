//! Tables for people as CSV: text can be no formula of a spreadsheet, numbers stay numbers at full precision.

use std::borrow::Cow;
use valor_base::escape::csv::text;

/// What a line of a table holds in one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Field<'a> {
    /// Text, which is escaped when it is written.
    Text(Cow<'a, str>),
    /// A number, as the shortest text that reads back as the same one.
    Number(f64),
    /// A whole number.
    Count(u64),
    /// Nothing is known.
    Empty,
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Field<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Field<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<f64> for Field<'_> {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Field<'_> {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<usize> for Field<'_> {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

/// 1 or 0.
impl From<bool> for Field<'_> {
    fn from(yes: bool) -> Self {
        Self::Count(yes.into())
    }
}

impl<'a, T: Into<Field<'a>>> From<Option<T>> for Field<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

/// A table that is written line by line into memory.
pub struct Table {
    writer: ::csv::Writer<Vec<u8>>,
}

impl Table {
    /// A table with its header, which is not escaped: its names are the program's.
    ///
    /// # Errors
    ///
    /// None that can be mended.
    pub fn new(header: &[&str]) -> anyhow::Result<Self> {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(header)?;
        Ok(Self { writer })
    }

    /// Adds a line.
    ///
    /// # Errors
    ///
    /// Where it has not one cell per column.
    pub fn line<'a>(&mut self, cells: impl IntoIterator<Item = Field<'a>>) -> anyhow::Result<()> {
        for cell in cells {
            match cell {
                Field::Text(cell) => self.writer.write_field(text(&cell).as_ref())?,
                Field::Number(number) => self.writer.write_field(number.to_string())?,
                Field::Count(count) => self.writer.write_field(count.to_string())?,
                Field::Empty => self.writer.write_field("")?,
            }
        }
        Ok(self.writer.write_record(None::<&[u8]>)?)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    ///
    /// None that can be mended.
    pub fn finish(self) -> anyhow::Result<Vec<u8>> {
        Ok(self.writer.into_inner()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_numbers_are_not() {
        let mut table = Table::new(&["name", "value", "count", "reason"]).unwrap();
        let line = ["=1+1".into(), (-0.1 - 0.2).into(), 3_usize.into(), Field::from(None::<&str>)];
        table.line(line).unwrap();
        table.line(["a, b".into(), None::<f64>.into(), true.into(), String::from("-").into()]).unwrap();
        let text = String::from_utf8(table.finish().unwrap()).unwrap();
        assert_eq!(text, "name,value,count,reason\n'=1+1,-0.30000000000000004,3,\n\"a, b\",,1,'-\n");
    }

    #[test]
    fn a_line_has_as_many_cells_as_the_header() {
        let mut table = Table::new(&["a", "b"]).unwrap();
        assert!(table.line([1.0.into()]).is_err());
    }
}
