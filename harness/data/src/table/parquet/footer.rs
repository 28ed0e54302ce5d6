//! What the footer of a Parquet file says, believed only as far as it can be true.

use super::pages::{self, Page};
use super::{BATCH, damaged};
use crate::table::Limits;
use parquet::basic::{Compression, Type};
use parquet::file::metadata::ParquetMetaData;
use std::fs::File;
use valor_base::error::shown;
use valor_base::input_error;

/// The codecs that are read.
const CODECS: &str = "none, snappy, gzip, zstd, brotli, lz4";
/// A page may hold as much as so many cells of the largest size once it is unpacked: 1 GiB.
const CELLS_OF_PAGE: u64 = 1 << 10;

/// Bytes that the texts of a column may take when rows are decoded at a time, about.
const LARGEST_BATCH: u64 = 1 << 28;

/// A footer and what it is judged by.
pub(super) struct Footer<'a> {
    pub name: &'a str,
    pub file: &'a File,
    pub metadata: &'a ParquetMetaData,
    pub limits: Limits,
}

impl Footer<'_> {
    /// The number of rows. Refuses row groups that contradict it.
    pub(super) fn rows(&self) -> anyhow::Result<u64> {
        let says = self.metadata.file_metadata().num_rows();
        let mut sum = Some(0_i64);
        for group in self.metadata.row_groups() {
            sum = sum.and_then(|sum| sum.checked_add(group.num_rows())).filter(|_| group.num_rows() >= 0);
        }
        match u64::try_from(says) {
            Ok(rows) if sum == Some(says) => Ok(rows),
            _ => Err(damaged(self.name, &format!("its footer says {says} rows, its parts have others"))),
        }
    }

    /// How many rows may be decoded at a time. Refuses codecs that are not read, and cells and pages that are too large,
    /// among the `chosen` columns.
    pub(super) fn batch(&self, chosen: &[usize]) -> anyhow::Result<usize> {
        let schema = self.metadata.file_metadata().schema_descr();
        let mut batch = BATCH;
        for group in self.metadata.row_groups() {
            for (leaf, chunk) in group.columns().iter().enumerate() {
                if leaf >= schema.num_columns() || !chosen.contains(&schema.get_column_root_idx(leaf)) {
                    continue;
                }
                let column = chunk.column_path().string();
                self.check_codec(&column, chunk.compression())?;
                let values = u64::try_from(chunk.num_values()).unwrap_or(0).max(1);
                let unpacked = u64::try_from(chunk.uncompressed_size()).unwrap_or(0);
                if unpacked / values > self.limits.cell as u64 {
                    return Err(self.too_large(
                        &column,
                        "cells",
                        unpacked / values,
                        "limits.cell (--cell-limit)",
                    ));
                }
                let texts = chunk.column_type() == Type::BYTE_ARRAY;
                let (start, length) = chunk.byte_range();
                let most = CELLS_OF_PAGE.saturating_mul(self.limits.cell as u64);
                pages::walk(self.file, start..start.saturating_add(length), &mut |page: Page| {
                    // Any value of a dictionary may stand in every row.
                    if page.dictionary && texts {
                        batch = batch.min((LARGEST_BATCH / page.unpacked.max(1)).max(1) as usize);
                    }
                    match page.unpacked > most {
                        true => {
                            Err(self.too_large(&column, "a page", page.unpacked, "1024 times limits.cell"))
                        }
                        false => Ok(()),
                    }
                })?;
            }
        }
        Ok(batch)
    }

    fn check_codec(&self, column: &str, codec: Compression) -> anyhow::Result<()> {
        match codec {
            Compression::UNCOMPRESSED
            | Compression::SNAPPY
            | Compression::GZIP(_)
            | Compression::BROTLI(_)
            | Compression::LZ4
            | Compression::LZ4_RAW
            | Compression::ZSTD(_) => Ok(()),
            Compression::LZO => Err(input_error!(
                "{}: the column '{}' is packed by LZO, which is not read; allowed are {CODECS}",
                self.name,
                shown(column)
            )),
        }
    }

    fn too_large(&self, column: &str, what: &str, bytes: u64, key: &str) -> anyhow::Error {
        input_error!(
            "{}: the column '{}' has {what} of {bytes} bytes; allowed are {key}, with limits.cell = {}",
            self.name,
            shown(column),
            self.limits.cell
        )
    }
}
