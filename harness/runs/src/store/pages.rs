//! Looks through a Parquet file of the store before the decoder does: whatever a length in it says, nothing larger than the file
//! is asked of the memory.
//!
//! Parquet's headers are Thrift structs in the compact protocol: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

use anyhow::{Context, bail, ensure};
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};

const MAGIC: &[u8] = b"PAR1";
/// Largest footer: seven columns, and statistics of each per million rows.
const LARGEST_FOOTER: usize = 1 << 20;
/// How deep structs stand in each other.
const DEEPEST: usize = 16;

/// Kinds of values in the compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I32: u8 = 5;
const I64: u8 = 6;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// How many rows a file holds, once all that it says of sizes fits the file.
pub(super) fn check(bytes: &[u8]) -> anyhow::Result<usize> {
    let footer = footer(bytes)?;
    check_footer(footer)?;
    let metadata = ParquetMetaDataReader::decode_metadata(footer)?;
    let rows =
        usize::try_from(metadata.file_metadata().num_rows()).ok().context("a negative number of rows")?;
    ensure!(rows as u64 <= u64::from(u32::MAX), "it says that it has {rows} rows");
    let groups: i64 = metadata.row_groups().iter().map(|group| group.num_rows().max(0)).sum();
    ensure!(groups == rows as i64, "it says that it has {rows} rows, and its parts {groups}");
    check_pages(bytes, &metadata)?;
    Ok(rows)
}

fn footer(bytes: &[u8]) -> anyhow::Result<&[u8]> {
    let whole = bytes.len() >= 12 && bytes.starts_with(MAGIC) && bytes.ends_with(MAGIC);
    ensure!(whole, "it is not a whole Parquet file");
    let (content, tail) = bytes[4..].split_at(bytes.len() - 12);
    let size = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]) as usize;
    ensure!(size <= content.len().min(LARGEST_FOOTER), "its footer says that it has {size} bytes");
    Ok(&content[content.len() - size..])
}

/// All lengths fit, and the columns are a flat list.
fn check_footer(footer: &[u8]) -> anyhow::Result<()> {
    let mut thrift = Thrift { bytes: footer, at: 0 };
    thrift.fields(0, &mut |thrift, field, kind| {
        // The second field lists the columns, the fifth of each says how many stand inside it.
        if (field, kind) != (2, LIST) {
            return Ok(false);
        }
        let (count, kind) = thrift.list()?;
        ensure!(kind == STRUCT, "its columns are no structs");
        for column in 0..count {
            thrift.fields(1, &mut |thrift, field, kind| {
                if (field, kind) != (5, I32) {
                    return Ok(false);
                }
                let inside = thrift.number()?;
                ensure!(inside == 0 || column == 0, "its columns are nested");
                Ok(true)
            })?;
        }
        Ok(true)
    })
}

fn check_pages(bytes: &[u8], metadata: &ParquetMetaData) -> anyhow::Result<()> {
    for group in metadata.row_groups() {
        for column in group.columns() {
            let name = column.column_path().string();
            ensure!(column.num_values() == group.num_rows(), "column '{name}' has not one value per row");
            check_column(bytes, column).with_context(|| format!("column '{name}'"))?;
        }
    }
    Ok(())
}

fn check_column(bytes: &[u8], column: &ColumnChunkMetaData) -> anyhow::Result<()> {
    ensure!(column.compression() == Compression::UNCOMPRESSED, "it is compressed, and valor writes none");
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    let part = usize::try_from(start).ok().zip(usize::try_from(column.compressed_size()).ok());
    let part = part.and_then(|(start, size)| bytes.get(start..start.checked_add(size)?));
    let mut thrift = Thrift { bytes: part.context("it stands outside of the file")?, at: 0 };
    let mut values = 0;
    while thrift.at < thrift.bytes.len() {
        values += thrift.page()?;
    }
    ensure!(
        values == column.num_values(),
        "its pages have {values} values; the footer says {}",
        column.num_values()
    );
    Ok(())
}

/// A reader of the compact protocol that never leaves its bytes.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Looks at a field by number and kind; whether it has read it.
type Visit<'v, 'a> = &'v mut dyn FnMut(&mut Thrift<'a>, i64, u8) -> anyhow::Result<bool>;

impl<'a> Thrift<'a> {
    fn byte(&mut self) -> anyhow::Result<u8> {
        let byte = *self.bytes.get(self.at).context("a header ends too early")?;
        self.at += 1;
        Ok(byte)
    }

    fn pass(&mut self, count: u64) -> anyhow::Result<()> {
        let left = (self.bytes.len() - self.at) as u64;
        ensure!(count <= left, "a length of {count} where {left} bytes are left");
        self.at += count as usize;
        Ok(())
    }

    fn length(&mut self) -> anyhow::Result<u64> {
        let mut value = 0;
        for place in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << (7 * place).min(63);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        bail!("a number of more than ten bytes")
    }

    fn number(&mut self) -> anyhow::Result<i64> {
        let folded = self.length()?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// Elements of a list, no more than there are bytes, and their kind.
    fn list(&mut self) -> anyhow::Result<(u64, u8)> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.length()? } else { u64::from(head >> 4) };
        let left = (self.bytes.len() - self.at) as u64;
        ensure!(count <= left, "a list of {count} where {left} bytes are left");
        Ok((count, head & 0x0f))
    }

    /// The fields of a struct; what `visit` has not read is passed.
    fn fields(&mut self, depth: usize, visit: Visit<'_, 'a>) -> anyhow::Result<()> {
        ensure!(depth < DEEPEST, "headers stand too deep in each other");
        let mut field = 0;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            field = if head >> 4 == 0 { self.number()? } else { field + i64::from(head >> 4) };
            let kind = head & 0x0f;
            if !visit(self, field, kind)? {
                self.skip(kind, depth)?;
            }
        }
    }

    fn skip(&mut self, kind: u8, depth: usize) -> anyhow::Result<()> {
        match kind {
            TRUE | FALSE => Ok(()),
            3 => self.pass(1),
            4 | I32 | I64 => self.length().map(drop),
            7 => self.pass(8),
            8 => self.length().and_then(|size| self.pass(size)),
            LIST | 10 => {
                let (count, kind) = self.list()?;
                ensure!(depth < DEEPEST, "headers stand too deep in each other");
                match kind {
                    TRUE | FALSE => self.pass(count),
                    _ => (0..count).try_for_each(|_| self.skip(kind, depth + 1)),
                }
            }
            STRUCT => self.fields(depth + 1, &mut |_, _, _| Ok(false)),
            _ => bail!("a header with a value of kind {kind}"),
        }
    }

    /// Passes a page; the number of its values if it holds data.
    fn page(&mut self) -> anyhow::Result<i64> {
        let (mut unpacked, mut packed, mut data, mut dictionary) = (-1, -1, None, None);
        self.fields(0, &mut |thrift, field, kind| {
            match (field, kind) {
                (2, I32) => unpacked = thrift.number()?,
                (3, I32) => packed = thrift.number()?,
                (5 | 7 | 8, STRUCT) => {
                    let mut count = -1;
                    thrift.fields(1, &mut |thrift, field, kind| {
                        if (field, kind) != (1, I32) {
                            return Ok(false);
                        }
                        count = thrift.number()?;
                        Ok(true)
                    })?;
                    let place = if field == 7 { &mut dictionary } else { &mut data };
                    ensure!(place.replace(count).is_none(), "a page with two headers");
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        ensure!(packed >= 0 && packed == unpacked, "a page of {packed} bytes is to become {unpacked}");
        self.pass(packed as u64)?;
        match (data, dictionary) {
            (Some(count), None) if count >= 0 => Ok(count),
            (None, Some(count)) if (0..=packed).contains(&count) => Ok(0),
            _ => bail!("a page of {:?} values", data.or(dictionary)),
        }
    }
}
