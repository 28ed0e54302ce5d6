//! The cells of an Arrow array as values.

use super::value::Value;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float16Array, Float32Array, Float64Array, Int64Array,
    LargeStringArray, UInt64Array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float16Type, TimeUnit};
use std::borrow::Cow;

type Half = <Float16Type as ArrowPrimitiveType>::Native;

/// The cells of one column in a batch.
pub(super) enum Cells {
    Nothing,
    Truths(BooleanArray),
    Wholes(Int64Array),
    Unsigned(UInt64Array),
    Halves(Float16Array),
    Singles(Float32Array),
    Doubles(Float64Array),
    Texts(LargeStringArray),
    /// Decimals spelled out.
    Decimals(LargeStringArray),
    /// Counts of so many nanoseconds since 1970.
    Moments(Int64Array, i128),
    /// Counts of so many nanoseconds since midnight.
    Clocks(Int64Array, i64),
}

impl Cells {
    /// The cells of an array.
    ///
    /// # Errors
    ///
    /// Why it has none: its type holds no single values, or bytes are no text.
    pub(super) fn new(array: &ArrayRef) -> Result<Self, String> {
        let kind = array.data_type();
        Ok(match kind {
            DataType::Null => Self::Nothing,
            DataType::Boolean => Self::Truths(array.as_boolean().clone()),
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => Self::Wholes(whole(array)?),
            DataType::UInt64 => Self::Unsigned(array.as_primitive().clone()),
            DataType::Float16 => Self::Halves(array.as_primitive().clone()),
            DataType::Float32 => Self::Singles(array.as_primitive().clone()),
            DataType::Float64 => Self::Doubles(array.as_primitive().clone()),
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Decimals(texts(array)?),
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => Self::Texts(texts(array)?),
            DataType::FixedSizeBinary(_) => Self::Texts(texts(&cast(array, &DataType::LargeBinary)?)?),
            DataType::Date32 => Self::Moments(whole(array)?, 86_400_000_000_000),
            DataType::Date64 => Self::Moments(whole(array)?, 1_000_000),
            DataType::Timestamp(unit, _) => Self::Moments(whole(array)?, i128::from(nanoseconds(*unit))),
            DataType::Time32(unit) => {
                Self::Clocks(whole(&cast(array, &DataType::Int32)?)?, nanoseconds(*unit))
            }
            DataType::Time64(unit) => Self::Clocks(whole(array)?, nanoseconds(*unit)),
            DataType::Dictionary(_, values) => Self::new(&cast(array, values)?)?,
            DataType::RunEndEncoded(_, values) => Self::new(&cast(array, values.data_type())?)?,
            DataType::Duration(_)
            | DataType::Interval(_)
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_)
            | DataType::Union(..)
            | DataType::Map(..) => return Err(format!("is of type {kind}, which holds no single values")),
        })
    }

    /// The first text of more bytes than these, and its place.
    pub(super) fn longer_than(&self, bytes: usize) -> Option<(usize, &str)> {
        let texts = self.texts()?;
        let place = texts.iter().position(|text| text.is_some_and(|text| text.len() > bytes))?;
        Some((place, texts.value(place)))
    }

    /// Spells every text in another way; numbers are numbers in every dialect.
    ///
    /// # Errors
    ///
    /// The first place where that fails, and why.
    pub(super) fn respell(
        &mut self,
        respelled: impl Fn(&str) -> Result<Cow<str>, String>,
    ) -> Result<(), (usize, String)> {
        let Some(texts) = self.texts() else { return Ok(()) };
        let respelled = texts.iter().enumerate().map(|(place, text)| {
            let text = text.map(&respelled).transpose();
            text.map_err(|fault| (place, fault))
        });
        *self = Self::Texts(respelled.collect::<Result<LargeStringArray, (usize, String)>>()?);
        Ok(())
    }

    fn texts(&self) -> Option<&LargeStringArray> {
        if let Self::Texts(texts) = self { Some(texts) } else { None }
    }

    /// The cell at a place.
    pub(super) fn value(&self, place: usize) -> Value<'_> {
        match self {
            Self::Nothing => Value::Missing,
            Self::Truths(cells) => there(cells, place, |place| Value::Truth(cells.value(place))),
            Self::Wholes(cells) => there(cells, place, |place| Value::Whole(i128::from(cells.value(place)))),
            Self::Unsigned(cells) => {
                there(cells, place, |place| Value::Whole(i128::from(cells.value(place))))
            }
            Self::Halves(cells) => there(cells, place, |place| half(cells, place)),
            Self::Singles(cells) => there(cells, place, |place| Value::Single(cells.value(place))),
            Self::Doubles(cells) => there(cells, place, |place| Value::Double(cells.value(place))),
            Self::Texts(cells) | Self::Decimals(cells) => {
                there(cells, place, |place| Value::text(cells.value(place)))
            }
            Self::Moments(cells, unit) => {
                there(cells, place, |place| Value::Moment(i128::from(cells.value(place)) * unit))
            }
            Self::Clocks(cells, unit) => there(cells, place, |place| {
                // A damaged file may count beyond a day.
                Value::Clock(cells.value(place).saturating_mul(*unit))
            }),
        }
    }
}

fn there<'a>(cells: &impl Array, place: usize, value: impl FnOnce(usize) -> Value<'a>) -> Value<'a> {
    if cells.is_valid(place) { value(place) } else { Value::Missing }
}

/// The shortest decimal that reads back as the same 16 bits; of five digits one always does.
fn half(cells: &Float16Array, place: usize) -> Value<'_> {
    let found = cells.value(place);
    let wide = found.to_f32();
    let reads_back = |text: &String| text.parse().is_ok_and(|number| Half::from_f32(number) == found);
    let spelled = (0..5).map(|digits| format!("{wide:.digits$e}")).find(reads_back);
    let number = spelled.and_then(|text| text.parse::<f64>().ok());
    number.map_or(Value::Single(wide), |number| Value::Text(Cow::Owned(number.to_string())))
}

fn nanoseconds(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}

fn whole(array: &ArrayRef) -> Result<Int64Array, String> {
    Ok(cast(array, &DataType::Int64)?.as_primitive().clone())
}

fn texts(array: &ArrayRef) -> Result<LargeStringArray, String> {
    Ok(cast(array, &DataType::LargeUtf8)?.as_string().clone())
}

fn cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, String> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options)
        .map_err(|error| format!("is of type {}, whose cells cannot be read: {error}", array.data_type()))
}
