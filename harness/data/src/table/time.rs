//! What a cell of a time column may hold.

pub(super) use valor_io::time::{clock, moment, seconds, spell, spell_clock};

/// What is read, in words.
pub(super) const ALLOWED: &str = "numbers or ISO dates such as 2024-01-31 or 2024-01-31T08:30:00, with Z, UTC or an offset such as +02:00 or without";

/// What the cells of a time column hold: one of them throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeKind {
    Number,
    Date,
}
