//! Reads CSV, one record at a time and never more than a row may hold.

use super::collect::Collector;
use super::columns::{Columns, Fault};
use super::features::Row;
use super::role::Role;
use super::value::Value;
use super::{Limits, Place, Reading, dialect};
use csv_core::ReadRecordResult;
use std::io::{BufRead, BufReader, Chain, Cursor, ErrorKind as IoErrorKind, Read};
use std::str::from_utf8;
use valor_base::error::shown;
use valor_base::input_error;

/// Reads all records of `source` into the collector that `collector` makes.
pub(super) fn read<'a>(
    file: &'a str,
    source: impl Read,
    columns: &Columns,
    reading: &Reading,
    collector: impl FnOnce(Place<'a>) -> Collector<'a>,
) -> anyhow::Result<Collector<'a>> {
    let mut records = Records::open(source, file, reading)?;
    let place = records.place(file);
    let places = records.find(file, columns)?;
    let mut collector = collector(place);
    let mut cells = Cells::new(columns, &places, reading);
    while let Some((number, record)) = records.next(place)? {
        let row = cells.of(record).map_err(|fault| columns.refuse(place, number, &fault))?;
        collector.push(number, &row)?;
    }
    Ok(collector)
}

/// The cells of one row of a file, as text.
#[derive(Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    /// Where each cell ends.
    ends: Vec<usize>,
    cells: usize,
}

impl Record {
    fn range(&self, cell: usize) -> std::ops::Range<usize> {
        let start = if cell == 0 { 0 } else { self.ends[cell - 1] };
        start..self.ends[cell]
    }

    /// A cell as it stands; empty where there is none.
    pub(super) fn get(&self, cell: usize) -> &str {
        // Of a record that has been handed out, all cells have been checked.
        if cell < self.cells { from_utf8(&self.bytes[self.range(cell)]).unwrap_or_default() } else { "" }
    }

    /// All cells.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.cells).map(|cell| self.get(cell))
    }

    /// Bytes of all cells.
    pub(super) fn size(&self) -> usize {
        if self.cells == 0 { 0 } else { self.ends[self.cells - 1] }
    }

    /// The first cell that is not UTF-8.
    fn not_text(&self) -> Option<usize> {
        let whole = from_utf8(&self.bytes[..self.size()]);
        let parts = |text: &str| self.ends[..self.cells].iter().all(|end| text.is_char_boundary(*end));
        match whole.is_ok_and(parts) {
            true => None,
            false => (0..self.cells).find(|cell| from_utf8(&self.bytes[self.range(*cell)]).is_err()),
        }
    }

    /// Bytes since the last end of a cell, of `written` in all.
    fn unfinished(&self, written: usize, ends: usize) -> usize {
        written - if ends == 0 { 0 } else { self.ends[ends - 1] }
    }
}

/// Bytes that a record may take.
#[derive(Clone, Copy)]
struct Room {
    /// Each cell of it.
    cell: usize,
    /// All cells together.
    record: usize,
}

impl Room {
    fn of_row(limits: &Limits) -> Self {
        Self { cell: limits.cell, record: limits.row() }
    }
}

/// The records of a file below its header, where it has one.
pub(super) struct Records<R> {
    source: BufReader<Chain<Cursor<Vec<u8>>, R>>,
    parser: csv_core::Reader,
    names: Vec<String>,
    reading: Reading,
    record: Record,
    /// Of the last record, as a spreadsheet counts: a blank line is a row too.
    row: u64,
    /// Of the header; 0 where there is none.
    first: u64,
    /// Whether a record has been handed out.
    begun: bool,
    /// Whether a carriage return has just ended a line, to which a line feed may belong.
    returned: bool,
}

/// Bytes that are looked at to tell what a file is.
const HEAD: usize = 64;

impl<R: Read> Records<R> {
    /// Reads the header, or takes the declared names where there are any: then the file has none.
    pub(super) fn open(mut source: R, file: &str, reading: &Reading) -> anyhow::Result<Self> {
        let mut head = Vec::new();
        let taken = source.by_ref().take(HEAD as u64).read_to_end(&mut head);
        taken.map_err(|error| unreadable(file, 1, &error))?;
        check_head(file, &head)?;
        if head.starts_with(b"\xef\xbb\xbf") {
            head.drain(..3);
        }
        let mut parser = csv_core::ReaderBuilder::new();
        // The separator is ASCII: the table's check.
        parser.delimiter(reading.dialect.separator as u8);
        let mut records = Self {
            source: BufReader::with_capacity(1 << 18, Cursor::new(head).chain(source)),
            parser: parser.build(),
            names: Vec::new(),
            reading: reading.clone(),
            record: Record::default(),
            row: 0,
            first: 0,
            begun: false,
            returned: false,
        };
        match reading.names.is_empty() {
            true => records.read_header(file)?,
            false => records.names = reading.names.iter().map(|name| name.trim().to_string()).collect(),
        }
        Ok(records)
    }

    fn read_header(&mut self, file: &str) -> anyhow::Result<()> {
        let limits = self.reading.limits;
        let longest = limits.header.saturating_mul(limits.columns);
        let there = self.fill(Place { file, header: 1 }, Room { cell: limits.header, record: longest })?;
        if !there {
            return Err(input_error!("{file} is empty: it has no header"));
        }
        self.first = self.row;
        self.names = self.record.iter().map(|name| name.trim().to_string()).collect();
        Ok(())
    }

    /// Where error messages say that rows stand.
    pub(super) fn place<'a>(&self, file: &'a str) -> Place<'a> {
        Place { file, header: self.first }
    }

    /// Names of all columns.
    pub(super) fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// For each slot the place of its column; says what may part the cells if there is no such column.
    pub(super) fn find(&mut self, file: &str, columns: &Columns) -> anyhow::Result<Vec<usize>> {
        let found = columns.find(file, &self.names(), "");
        let Err(error) = found else { return found };
        let dialect = self.reading.dialect.clone();
        let below = self.fill(self.place(file), Room::of_row(&self.reading.limits)).unwrap_or(false);
        let row: Vec<&str> = if below { self.record.iter().collect() } else { Vec::new() };
        let names = self.names();
        let mut hint = columns.list.iter().map(|(name, _)| dialect::of_header(&names, name, &dialect, &row));
        match hint.find(|hint| !hint.is_empty()) {
            Some(hint) => columns.find(file, &names, &hint),
            None => Err(error),
        }
    }

    /// The next record and its row; none at the end.
    pub(super) fn next(&mut self, place: Place) -> anyhow::Result<Option<(u64, &Record)>> {
        if !self.fill(place, Room::of_row(&self.reading.limits))? {
            return Ok(None);
        }
        if self.record.cells != self.names.len() {
            return Err(self.uneven(place));
        }
        self.begun = true;
        Ok(Some((self.row, &self.record)))
    }

    /// A row that has more or fewer cells than the table has columns.
    fn uneven(&self, place: Place) -> anyhow::Error {
        let (at, found, expected) = (place.row(self.row), self.record.cells, self.names.len());
        if self.first == 0 && !self.begun {
            let row: Vec<&str> = self.record.iter().collect();
            let hint = dialect::of_row(&row, expected, &self.reading.dialect);
            return input_error!("{at} has {found} cells; the key 'columns' names {expected}{hint}");
        }
        let open = match self.record.iter().last().is_some_and(|cell| cell.contains('\n')) {
            true => "a quote may be left open",
            false => "the file may be truncated",
        };
        let first = if self.first == 0 { "first row" } else { "header" };
        input_error!("{at} has {found} cells, the {first} has {expected}; {open}")
    }

    /// Reads a record that fits the room; false at the end.
    fn fill(&mut self, place: Place, room: Room) -> anyhow::Result<bool> {
        self.skip_blank_lines(place.file)?;
        self.row += 1;
        self.record.cells = 0;
        let (mut written, mut ends) = (0, 0);
        loop {
            let input = self.source.fill_buf().map_err(|error| unreadable(place.file, self.row, &error))?;
            let record = &mut self.record;
            let (result, read, more, ended) =
                self.parser.read_record(input, &mut record.bytes[written..], &mut record.ends[ends..]);
            self.returned = if read > 0 { input[read - 1] == b'\r' } else { self.returned };
            self.source.consume(read);
            (written, ends) = (written + more, ends + ended);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    if record.unfinished(written, ends) > room.cell || written > room.record {
                        return Err(self.too_long(place, ends, written, room));
                    }
                    record.bytes.resize((record.bytes.len() * 2).max(1 << 12), 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    self.reading.limits.check_columns(place.file, ends)?;
                    let columns = (record.ends.len() * 2).max(64).min(self.reading.limits.columns + 1);
                    record.ends.resize(columns, 0);
                }
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(false),
            }
        }
        self.record.cells = ends;
        self.reading.limits.check_columns(place.file, ends)?;
        if let Some(long) = (0..ends).find(|number| self.record.range(*number).len() > room.cell) {
            let end = self.record.range(long).end;
            return Err(self.too_long(place, long, end, room));
        }
        match self.record.not_text() {
            Some(cell) => Err(input_error!("{}, column {}: not UTF-8", place.row(self.row), cell + 1)),
            None => Ok(true),
        }
    }

    /// Passes over blank lines, which are rows of their own, and the rest of the last line's end.
    fn skip_blank_lines(&mut self, file: &str) -> anyhow::Result<()> {
        loop {
            let input = self.source.fill_buf().map_err(|error| unreadable(file, self.row + 1, &error))?;
            let blank = input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            for byte in &input[..blank] {
                self.row += u64::from(!(self.returned && *byte == b'\n'));
                self.returned = *byte == b'\r';
            }
            let whole = blank == input.len();
            if input.is_empty() || !whole {
                self.source.consume(blank);
                self.returned = false;
                return Ok(());
            }
            self.source.consume(blank);
        }
    }

    /// A cell that has been read up to the byte `end` and is longer than the room, or makes its record so.
    fn too_long(&self, place: Place, cell: usize, end: usize, room: Room) -> anyhow::Error {
        let Room { cell: most, record: all } = room;
        let start = if cell == 0 { 0 } else { self.record.ends[cell - 1] };
        let part = &self.record.bytes[start..end.min(start + 4 * valor_base::error::QUOTED)];
        let text = shown(&String::from_utf8_lossy(part)[..]);
        let start: String = text.chars().take(60).collect();
        let (what, key, option) = match self.names.is_empty() {
            true => ("the name of", "limits.header", "--header-limit"),
            false => ("the cell of", "limits.cell", "--cell-limit"),
        };
        let quote = if part.contains(&b'\n') { "; a quote may be left open" } else { "" };
        input_error!(
            "{}: {what} column {} is longer than {most} bytes, or the row than {all}: it begins with '{start}'; \
             allowed are {key} = {most} ({option}){quote}",
            place.row(self.row),
            cell + 1
        )
    }
}

/// Refuses what is no UTF-8 text by its first bytes, naming what it is.
fn check_head(file: &str, head: &[u8]) -> anyhow::Result<()> {
    let zeros = |first: usize| head.iter().skip(first).step_by(2).filter(|byte| **byte == 0).count();
    let pairs = head.len() / 2;
    let utf16 = head.starts_with(b"\xff\xfe")
        || head.starts_with(b"\xfe\xff")
        || (pairs >= 4 && (zeros(0) == pairs || zeros(1) == pairs));
    let advice = "allowed is UTF-8: save it as \"CSV UTF-8\", or iconv -f UTF-16 -t UTF-8";
    match head {
        _ if head.starts_with(b"\xff\xfe\0\0") || head.starts_with(b"\0\0\xfe\xff") => {
            Err(input_error!("{file} is text in UTF-32; {}", advice.replace("16", "32")))
        }
        _ if utf16 => Err(input_error!("{file} is text in UTF-16; {advice}")),
        [0x1f, 0x8b, ..] => {
            Err(input_error!("{file} is packed by gzip; allowed is text, or a name that ends in .csv.gz"))
        }
        [b'P', b'A', b'R', b'1', ..] => {
            Err(input_error!("{file} is a Parquet file; its name must end in .parquet"))
        }
        [b'P', b'K', 3, 4, ..] => {
            Err(input_error!("{file} is a zip file or a workbook (.xlsx); allowed is text: save it as CSV"))
        }
        _ => Ok(()),
    }
}

fn unreadable(file: &str, row: u64, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        IoErrorKind::UnexpectedEof => {
            input_error!("{file}: ends in the middle, at row {row}: the file is truncated")
        }
        _ => input_error!("{file}: cannot be read, at row {row}: {error}"),
    }
}

/// What declared cells say, in the default dialect.
pub(super) struct Cells<'a> {
    columns: &'a [(&'a str, Role)],
    /// For each slot the place of its column.
    places: &'a [usize],
    reading: &'a Reading,
    /// By slot, where the dialect is another.
    plain: Vec<String>,
}

impl<'a> Cells<'a> {
    pub(super) fn new(columns: &'a Columns, places: &'a [usize], reading: &'a Reading) -> Self {
        Self { columns: &columns.list, places, reading, plain: Vec::new() }
    }

    /// The declared cells of a record.
    pub(super) fn of<'b>(&'b mut self, record: &'b Record) -> Result<RecordRow<'b>, Fault> {
        if !self.reading.dialect.usual_cells() {
            self.plain.resize_with(self.columns.len(), String::new);
            for (slot, ((_, role), place)) in self.columns.iter().zip(self.places).enumerate() {
                let text = self.reading.dialect.plain(record.get(*place), *role);
                let text = text.map_err(|text| Fault { slot, text })?;
                self.plain[slot].clear();
                self.plain[slot].push_str(&text);
            }
        }
        Ok(RecordRow { record, places: self.places, plain: &self.plain })
    }
}

/// A record by slots.
pub(super) struct RecordRow<'a> {
    record: &'a Record,
    places: &'a [usize],
    plain: &'a [String],
}

impl Row for RecordRow<'_> {
    fn value(&self, slot: usize) -> Value<'_> {
        Value::text(match self.plain.get(slot) {
            Some(text) => text,
            None => self.record.get(self.places[slot]),
        })
    }
}
