//! Files, once each: written whole or not at all, named columns as CSV or Parquet, tables for people, moments in time.

#![warn(unreachable_pub)]

pub mod atomic;
pub mod csv;
pub mod table;
pub mod time;
