//! The sizes that the pages of a Parquet file claim, read before a page is unpacked: a small file may claim gigabytes.

use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::ops::Range;

/// A page as its header describes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Whether it holds the values that other pages refer to.
    pub dictionary: bool,
    /// Bytes once it is unpacked.
    pub unpacked: u64,
    packed: u64,
}

/// Calls `see` for every page between two places of a file, until one cannot be read: the decoder says what is wrong with it.
pub(super) fn walk<E>(
    file: &File,
    place: Range<u64>,
    see: &mut dyn FnMut(Page) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    // The clone moves the place of the file, which the decoder sets anew wherever it reads.
    let Ok(file) = file.try_clone() else { return Ok(()) };
    let mut reader = BufReader::with_capacity(1 << 12, file);
    let mut at = place.start;
    while at < place.end && reader.seek(SeekFrom::Start(at)).is_ok() {
        let Ok(page) = page(&mut reader) else { break };
        see(page)?;
        let Ok(after) = reader.stream_position() else { break };
        at = after.saturating_add(page.packed);
    }
    Ok(())
}

/// Depth of structures in a header, and bytes of one; both far beyond what any writer makes.
const DEEPEST: usize = 8;
const LONGEST: u64 = 1 << 24;

/// A `PageHeader` of the format: Thrift, compact protocol.
fn page(reader: &mut (impl BufRead + Seek)) -> Result<Page> {
    let mut page = Page::default();
    let mut field = 0;
    while let Some(kind) = next_field(reader, &mut field)? {
        match (field, kind) {
            (1, 5) => page.dictionary = signed(reader)? == 2,
            (2, 5) => page.unpacked = signed(reader)?.max(0) as u64,
            (3, 5) => page.packed = signed(reader)?.max(0) as u64,
            _ => skip(reader, kind, DEEPEST)?,
        }
    }
    Ok(page)
}

/// The kind of the next field, whose number `field` becomes; none at the end of a structure.
fn next_field(reader: &mut impl Read, field: &mut i64) -> Result<Option<u8>> {
    let head = byte(reader)?;
    if head == 0 {
        return Ok(None);
    }
    *field = if head >> 4 == 0 { signed(reader)? } else { *field + i64::from(head >> 4) };
    Ok(Some(head & 0x0f))
}

fn skip(reader: &mut (impl BufRead + Seek), kind: u8, depth: usize) -> Result<()> {
    let broken = || Error::from(ErrorKind::InvalidData);
    let depth = depth.checked_sub(1).ok_or_else(broken)?;
    match kind {
        // Truth values are their kinds.
        1 | 2 => Ok(()),
        3 => pass(reader, 1),
        4..=6 => unsigned(reader).map(drop),
        7 => pass(reader, 8),
        8 => {
            let length = unsigned(reader)?;
            pass(reader, length)
        }
        9 | 10 => {
            let head = byte(reader)?;
            let count = if head >> 4 == 15 { unsigned(reader)? } else { u64::from(head >> 4) };
            if count > LONGEST {
                return Err(broken());
            }
            // In a list a truth value takes a byte.
            let kind = if matches!(head & 0x0f, 1 | 2) { 3 } else { head & 0x0f };
            (0..count).try_for_each(|_| skip(reader, kind, depth))
        }
        12 => {
            let mut field = 0;
            while let Some(kind) = next_field(reader, &mut field)? {
                skip(reader, kind, depth)?;
            }
            Ok(())
        }
        _ => Err(broken()),
    }
}

fn pass(reader: &mut impl Seek, bytes: u64) -> Result<()> {
    match bytes {
        0..=LONGEST => reader.seek_relative(bytes as i64),
        _ => Err(Error::from(ErrorKind::InvalidData)),
    }
}

fn byte(reader: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn unsigned(reader: &mut impl Read) -> Result<u64> {
    let mut value = 0;
    for place in (0..64).step_by(7) {
        let byte = byte(reader)?;
        value |= u64::from(byte & 0x7f) << place;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Error::from(ErrorKind::InvalidData))
}

fn signed(reader: &mut impl Read) -> Result<i64> {
    let value = unsigned(reader)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}
