//! What a column is for, and which types of columns can be that.

use arrow::datatypes::DataType;
use valor_base::error::shown;

/// What a declared column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Treatment,
    Outcome,
    Effect,
    Propensity,
    Group,
    Time,
    Known,
    Numeric,
    Categorical,
    /// What rows are ranked by.
    Score,
}

/// What a role takes the cells of a column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Number,
    Level,
    Time,
}

/// Types of columns that mean the same kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// Nulls alone.
    Nothing,
    Truth,
    Number,
    Text,
    Bytes,
    /// Dates and timestamps.
    Moment,
    /// Times of day.
    Clock,
    /// Durations and intervals.
    Span,
    /// Lists, structs, maps.
    Nested,
}

impl Role {
    /// The key of the table's declaration.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Treatment => "treatment",
            Self::Outcome => "outcome",
            Self::Effect => "effect",
            Self::Propensity => "propensity",
            Self::Group => "group",
            Self::Time => "time",
            Self::Known => "known",
            Self::Numeric => "numeric",
            Self::Categorical => "categorical",
            Self::Score => "score",
        }
    }

    /// Whether its cells are numbers.
    pub(super) fn is_number(self) -> bool {
        self.content() == Content::Number
    }

    fn content(self) -> Content {
        match self {
            Self::Outcome | Self::Effect | Self::Propensity | Self::Numeric | Self::Score => Content::Number,
            Self::Treatment | Self::Group | Self::Categorical => Content::Level,
            Self::Time | Self::Known => Content::Time,
        }
    }

    /// Refuses a type that means nothing in this role, saying what is allowed.
    pub(super) fn check(self, kind: &DataType) -> Result<(), String> {
        let family = Family::of(kind);
        let (allowed, taken) = match self.content() {
            Content::Number => ("numbers, true/false, and texts that are numbers", family.is_number()),
            Content::Level => ("texts, numbers, true/false, dates and times", family.is_level()),
            Content::Time => ("numbers, dates, timestamps, and texts that are ISO dates", family.is_time()),
        };
        if taken {
            return Ok(());
        }
        let advice = match (family, self) {
            (Family::Moment, Self::Numeric) => {
                "; name it under 'time', or make a number of it (days since a date, say)"
            }
            (Family::Moment | Family::Clock | Family::Span, _) => {
                "; make a number of it (days or seconds, say)"
            }
            (Family::Bytes, _) => "; make a number or a text of it",
            (Family::Truth, _) => "; make a number of it",
            (Family::Nested, _) => "; make columns of its parts",
            (Family::Nothing | Family::Number | Family::Text, _) => "",
        };
        let key = self.key();
        Err(format!(
            "is of type {}, {}; as '{key}' allowed are {allowed}{advice}",
            shown(&kind.to_string()),
            family.words()
        ))
    }
}

impl Family {
    pub(super) fn of(kind: &DataType) -> Self {
        match kind {
            DataType::Null => Self::Nothing,
            DataType::Boolean => Self::Truth,
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float16
            | DataType::Float32
            | DataType::Float64
            | DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Number,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytes,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Self::Moment,
            DataType::Time32(_) | DataType::Time64(_) => Self::Clock,
            DataType::Duration(_) | DataType::Interval(_) => Self::Span,
            DataType::Dictionary(_, values) => Self::of(values),
            DataType::RunEndEncoded(_, values) => Self::of(values.data_type()),
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_)
            | DataType::Union(..)
            | DataType::Map(..) => Self::Nested,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Nothing => "which holds nothing",
            Self::Truth => "which holds true and false",
            Self::Number => "which holds numbers",
            Self::Text => "which holds texts",
            Self::Bytes => "which holds bytes",
            Self::Moment => "which holds dates or times, not numbers",
            Self::Clock => "which holds times of day",
            Self::Span => "which holds lengths of time",
            Self::Nested => "which holds several values in a cell",
        }
    }

    fn is_number(self) -> bool {
        match self {
            Self::Nothing | Self::Truth | Self::Number | Self::Text => true,
            Self::Bytes | Self::Moment | Self::Clock | Self::Span | Self::Nested => false,
        }
    }

    fn is_level(self) -> bool {
        match self {
            Self::Nothing
            | Self::Truth
            | Self::Number
            | Self::Text
            | Self::Bytes
            | Self::Moment
            | Self::Clock => true,
            Self::Span | Self::Nested => false,
        }
    }

    fn is_time(self) -> bool {
        match self {
            Self::Nothing | Self::Number | Self::Text | Self::Moment => true,
            Self::Truth | Self::Bytes | Self::Clock | Self::Span | Self::Nested => false,
        }
    }
}
